"""Bytes in: counted, unpacked under guard, cut into lines. Memory is bounded whatever the file holds."""

from collections.abc import Iterator
from typing import IO, Any, NamedTuple

import pyarrow as pa

from curation.formats.base import FormatError, Limits, Source

BLOCK = 2**20
_GRACE = 16 * 2**20  # below this much output no ratio is judged: small files may repeat themselves


class TooLong(NamedTuple):
    """A line over the limit, of which only the beginning was kept."""

    head: bytes


class Counting:
    """A binary file that knows how far it was read. Passes only what a reader of streams needs."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.position = file, 0

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self.position += len(data)
        return data

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        """The file belongs to whoever opened it."""


class Unpacked:
    """The unpacked bytes of a file. `read` raises `FormatError` for damage, a cut-off end, and too much output."""

    def __init__(self, raw: Counting, source: Source, limits: Limits) -> None:
        self.raw, self.source, self.limits, self.out = raw, source, limits, 0
        self.stream: Any = raw
        if source.compression:
            self.stream = pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), source.compression)

    def read(self, size: int = BLOCK) -> bytes:
        """At most `size` bytes; empty at the end."""
        try:
            data: bytes = self.stream.read(size)
        except OSError as error:
            raise self._explained(error) from error
        self.out += len(data)
        self._guard()
        return data

    def _guard(self) -> None:
        limits, name = self.limits, self.source.name
        if self.out > limits.max_decompressed:
            raise FormatError("format.bomb", name=name, limit=f"{limits.max_decompressed:,}", unit="bytes")
        if self.source.compression and self.out > _GRACE and self.out > limits.max_ratio * self.raw.position:
            raise FormatError("format.bomb", name=name, limit=limits.max_ratio, unit="times its size")

    def _explained(self, error: OSError) -> Exception:
        if error.errno is not None or not self.source.compression:
            return error  # the disk or the network, not the data
        if "Truncated" in str(error):
            return FormatError("format.cut_off", name=self.source.name, position=f"{self.raw.position:,}")
        return FormatError(
            "format.corrupt", name=self.source.name, format=self.source.compression, detail=str(error).rstrip(".")
        )


def lines(stream: Unpacked, max_bytes: int) -> Iterator[tuple[int, list[bytes | TooLong]]]:
    """Lists of lines with the number of the first (from 1), without their line breaks.

    A line over `max_bytes` comes as `TooLong`; the rest of it is read past and never held.
    """
    size = min(BLOCK, max_bytes)  # then only the first piece of a block can be part of a line that is too long
    number, tail, skipping = 1, b"", None
    first = True
    while chunk := stream.read(size):
        if first:
            chunk, first = chunk.removeprefix(b"\xef\xbb\xbf"), False
        if skipping is not None:
            cut = chunk.find(b"\n")
            if cut < 0:
                continue
            yield number, [skipping]
            number, skipping, chunk = number + 1, None, chunk[cut + 1 :]
        *whole, tail = (tail + chunk).split(b"\n")
        if whole:
            pieces: list[bytes | TooLong] = [*whole]
            if len(whole[0]) > max_bytes:
                pieces[0] = TooLong(whole[0][:1000])
            yield number, pieces
            number += len(pieces)
        if len(tail) > max_bytes:
            skipping, tail = TooLong(tail[:1000]), b""
    if skipping is not None:
        yield number, [skipping]
    elif tail:
        yield number, [tail]
