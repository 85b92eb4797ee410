"""One pass over one file: opened by what it is, bounded by limits, with its place in bytes of the source."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from curation.formats import delimited, jsonarray, jsonl, natural
from curation.formats.base import Batch, FormatError, Limits, Source
from curation.formats.building import BATCH_BYTES, BATCH_ROWS, Builder
from curation.formats.sniffing import NAMES, sniff
from curation.formats.streams import BLOCK, Counting, Unpacked


class Reader:
    """Iterate for batches, once. Use as a context manager, or close it.

    `total` and `position()` are bytes of the file as it came, so their quotient is the progress; `rows` and `bad`
    count what was given out. Memory is that of a few batches, however long the file is.
    """

    def __init__(
        self,
        file: str | Path | IO[bytes],
        source: Source,
        limits: Limits,
        batch_rows: int = BATCH_ROWS,
        batch_bytes: int = BATCH_BYTES,
    ) -> None:
        self.source, self.limits = source, limits
        self.batch_rows, self.batch_bytes = batch_rows, batch_bytes
        self.rows = self.bad = 0
        self.facts: dict[str, Any] = {}
        self._own = isinstance(file, str | Path)
        # Closed by close(), as the reader outlives this call.
        self._file: IO[bytes] = Path(file).open("rb") if isinstance(file, str | Path) else file  # noqa: SIM115
        self.total = self._file.seek(0, 2)
        self._file.seek(0)
        self._raw = Counting(self._file)
        self._position: Callable[[], int] = lambda: self._raw.position
        self._temporary: IO[bytes] | None = None
        if self.total > limits.max_bytes:
            self.close()
            raise FormatError(
                "format.too_large", name=source.name, size=f"{self.total:,}", limit=f"{limits.max_bytes:,}"
            )

    def position(self) -> int:
        """Bytes of the source read so far."""
        return min(self._position(), self.total)

    def __iter__(self) -> Iterator[Batch]:
        """Raises `FormatError` where the file cannot be read on; batches given out before stay good."""
        for batch in FORMATS[self.source.format](self):
            self.rows += batch.table.num_rows
            self.bad += len(batch.bad)
            if self.rows + self.bad > self.limits.max_rows:
                name = self.source.name
                raise FormatError("format.too_many_rows", name=name, limit=f"{self.limits.max_rows:,}")
            if batch.table.num_rows or batch.bad:
                yield batch
        if self.rows + self.bad == 0:
            raise FormatError("format.no_rows", name=self.source.name, format=NAMES[self.source.format])

    def stream(self) -> Unpacked:
        """The unpacked bytes from the beginning."""
        self._file.seek(0)
        self._raw = Counting(self._file)
        return Unpacked(self._raw, self.source, self.limits)

    def builder(self) -> Builder:
        return Builder(self.limits, self.batch_rows, self.batch_bytes)

    def unpacked_file(self) -> IO[bytes]:
        """A file that can be sought in: the file itself, or its unpacked copy, which leaves no name on the disk."""
        if not self.source.compression:
            self._file.seek(0)
            return self._file
        if self._temporary is None:
            self._temporary = tempfile.TemporaryFile()  # noqa: SIM115
            stream = self.stream()
            while chunk := stream.read(BLOCK):
                self._temporary.write(chunk)
        self._temporary.seek(0)
        return self._temporary

    def follow(self, share: Callable[[], float]) -> None:
        """Takes the place from a share of the whole, for formats that are not read from front to back."""
        self._position = lambda: int(share() * self.total)

    def close(self) -> None:
        if self._temporary is not None:
            self._temporary.close()
        if self._own:
            self._file.close()

    def __enter__(self) -> "Reader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_rows(
    file: str | Path | IO[bytes],
    source: Source | None = None,
    limits: Limits | None = None,
    *,
    batch_rows: int = BATCH_ROWS,
    batch_bytes: int = BATCH_BYTES,
) -> Reader:
    """A reader of batches. `file` is a path or an open seekable binary file, which stays the caller's to close.

    Raises `FormatError` for what can be seen at once: an empty, unknown or too large file.
    """
    return Reader(file, source or sniff(file), limits or Limits(), batch_rows, batch_bytes)


def _jsonl(reader: Reader) -> Iterator[Batch]:
    return jsonl.read(reader.stream(), reader.limits, reader.builder())


def _json(reader: Reader) -> Iterator[Batch]:
    facts: dict[str, Any] = {}
    if reader.source.form == "natural_instructions":
        # The facts of the task may stand behind its instances, so the file is walked through twice.
        facts = natural.facts(jsonarray.header(reader.stream(), reader.limits), reader.source.name)
    return jsonarray.read(reader.stream(), reader.limits, reader.builder(), facts)


def _delimited(reader: Reader) -> Iterator[Batch]:
    return delimited.read(reader.stream(), reader.source, reader.limits, reader.batch_rows, reader.batch_bytes)


def _parquet(reader: Reader) -> Iterator[Batch]:
    from curation.formats.parquet import Table

    table = Table(reader.unpacked_file(), reader.source, reader.limits)
    count = max(1, table.metadata.num_rows)
    reader.facts = {"rows": table.metadata.num_rows, "row_groups": table.metadata.num_row_groups}
    reader.follow(lambda: (reader.rows + reader.bad) / count)
    return table.batches(reader.batch_rows, reader.batch_bytes)


# One line a format: a function from the reader to its batches.
FORMATS: dict[str, Callable[[Reader], Iterator[Batch]]] = {
    "jsonl": _jsonl,
    "json": _json,
    "csv": _delimited,
    "tsv": _delimited,
    "parquet": _parquet,
}
