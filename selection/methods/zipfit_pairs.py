"""Alignments of rows with targets, and the ways to turn those with all targets into one score."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from selection.kernels.compressors import Ends, ends, overhead
from selection.kernels.gzipsize import WORTH_COUNTING
from selection.methods.base import Ctx, Shard

if TYPE_CHECKING:
    from selection.methods.zipfit import ZipFitParams

# Work is told about every 0.3 s. A pair costs as much as 1,000 bytes before the first byte is compared, and what lies
# further back than the window of deflate costs nothing again.
BEAT, PAIR, WINDOW = 15_000_000, 1000, 32_768


@lru_cache(maxsize=4)
def _ends(texts: tuple[str, ...], compressor: str, level: int, many: bool) -> Ends:
    """The same for all items of a pass in one process, so that small items cost little."""
    return ends([text.encode() for text in texts], compressor, level, pairs=WORTH_COUNTING if many else 0)


class Pairs:
    """The targets, or those `at` some positions, ready to be held against rows; `rows`: about how many."""

    def __init__(self, ctx: Ctx, rows: int = 0, at: Sequence[int] | None = None) -> None:
        params: ZipFitParams = ctx.params
        texts = ctx.target[params.view]
        texts = texts if at is None else [texts[target] for target in at]
        self.ends = _ends(tuple(texts), params.compressor, params.level, rows * len(texts) >= WORTH_COUNTING)
        # Bytes that every pair shares for nothing.
        self.free = overhead(params.compressor, params.level) if params.variant == "header_corrected" else 0
        self.bytes = sum(map(len, self.ends.texts))
        self.own = 0  # size of the last row

    def alignments(self, text: bytes) -> NDArray[np.float64]:
        """1 - NCD of the row and each target."""
        self.own, joint = self.ends.after(text)
        saved = self.own + self.ends.sizes - joint - self.free
        # A text of which nothing is left without the frame (lz4 and zstd of an empty one) shares nothing.
        return saved / np.maximum(np.maximum(self.own, self.ends.sizes) - self.free, 1)

    def of(self, shard: Shard, ctx: Ctx) -> Iterator[tuple[int, int, NDArray[np.float64]]]:
        """(position, bytes, alignments) of each row; work is told on the way."""
        beat = Beat(ctx)
        for at, text in enumerate(shard[ctx.params.view] if self.ends.texts else ()):
            row = text.encode()
            yield at, len(row), self.alignments(row)
            beat.done(at + 1, len(row), len(self.ends.texts), self.bytes)


class Beat:
    """Tells of work about every 0.3 s."""

    def __init__(self, ctx: Ctx) -> None:
        self.ctx, self.work = ctx, 0

    def done(self, rows: int, length: int, targets: int, target_bytes: int = 0) -> None:
        """`rows` are done so far; the last was of `length` bytes and met `targets` of so many bytes together."""
        self.work += targets * (PAIR + min(length, WINDOW)) + target_bytes + length
        if self.work >= BEAT:
            self.ctx.tick(rows)
            self.work = 0
