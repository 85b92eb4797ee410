"""Sizes of gzip files without making the files.

A gzip file is 10 bytes of header, a raw deflate stream and 8 bytes of trailer, so its size is the stream's plus 18.
There are three ways to the stream's size, and they give the same number: zlib, zlib continued from a copied state
(long beginnings), and `deflate`, which counts instead of writing (compiled; where numba is installed). The last two
prove themselves against the zlib at hand before they are used; builds of zlib differ.
"""

import zlib
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

CONTAINER = 18  # bytes around the deflate stream of a gzip file
RAW = -15  # raw deflate, window of 32 KiB: as in gzip
PREFIX_FROM = 2048  # bytes from which copying a begun stream is faster than beginning again
WORTH_COUNTING = 20_000  # pairs from which loading the compiled code pays

Count = Callable[[Any, Any, Any, Any, Any], None]


def size(data: bytes, level: int) -> int:
    """Bytes of `gzip.compress(data, level)`. Levels 1 to 9."""
    return len(zlib.compress(data, level, RAW)) + CONTAINER


@cache
def pair_seconds(level: int) -> float:
    """About what one size costs a core, for texts of 500 characters. Cheap to ask: nothing is compiled."""
    return 12e-6 if level >= 4 and find_spec("numba") else 22e-6


class Ends:
    """Texts that follow others. `pairs`: about how many sizes will be asked for."""

    def __init__(self, texts: Sequence[bytes], level: int, pairs: int = 0) -> None:
        self.texts, self.level = list(texts), level
        self.sizes = np.array([size(text, level) for text in texts], np.int64)
        counting = counted(level) if pairs >= WORTH_COUNTING else None
        self._count = _Counting(counting[0], counting[1], self.texts) if counting else None

    def after(self, text: bytes) -> tuple[int, NDArray[np.int64]]:
        """(bytes of `gzip.compress(text, level)`, those of `gzip.compress(text + end, level)` for each end)."""
        if self._count:
            found = self._count.after(text)
            if found[-1] >= 0:
                longer = np.flatnonzero(found < 0)  # than is counted
                if len(longer):
                    found[longer] = self._written(text, [self.texts[at] for at in longer])
                return int(found[-1]) + CONTAINER, found[:-1] + CONTAINER
        *joint, own = self._written(text, [*self.texts, b""])
        return own + CONTAINER, np.array(joint, np.int64) + CONTAINER

    def _written(self, text: bytes, ends: Sequence[bytes]) -> list[int]:
        """Raw deflate sizes of the text with each end, by zlib itself."""
        if len(text) >= PREFIX_FROM and prefix_is_exact(self.level):
            return _with_prefix(text, ends, self.level)
        return [len(zlib.compress(text + end, self.level, RAW)) for end in ends]


def _with_prefix(text: bytes, ends: Sequence[bytes], level: int) -> list[int]:
    """Deflate the text once; each end continues from a copy of that state, which gives the same bytes."""
    begun = zlib.compressobj(level, zlib.DEFLATED, RAW)
    done = len(begun.compress(text))
    found = []
    for end in ends:
        rest = begun.copy()
        found.append(done + len(rest.compress(end)) + len(rest.flush()))
    return found


class _Counting:
    """`deflate.joint_sizes` with its arrays laid out; the empty end, added last, gives the text's own size."""

    def __init__(self, count: Count, level: NDArray[np.int64], ends: Sequence[bytes]) -> None:
        self.count, self.level = count, level
        self.ends = np.frombuffer(b"".join(ends), np.uint8)
        self.edges = np.cumsum([0, *map(len, ends), 0])

    def after(self, text: bytes) -> NDArray[np.int64]:
        """Raw deflate sizes with each end, then alone; -1 where a text is too long to be counted."""
        out = np.empty(len(self.edges) - 1, np.int64)
        self.count(np.frombuffer(text, np.uint8), self.ends, self.edges, self.level, out)
        return out


def _trials(seed: int, lengths: Sequence[int]) -> list[tuple[bytes, list[bytes]]]:
    """Texts with ends, like prose of few words: matches long and short, near and far, and across the seam."""
    draw = np.random.Generator(np.random.PCG64(seed))
    words = [bytes(draw.integers(97, 123, draw.integers(1, 9), dtype=np.uint8)) for _ in range(400)]
    trials = []
    for length in lengths:
        text = b" ".join(words[at] for at in draw.integers(0, 400, length // 4 + 1))[:length]
        ends = [b"", b"x", text[:200], b" ".join(words[:60]), text[-3000:] + b" ".join(words), text[-7:] * 60]
        trials.append((text, [*ends, draw.bytes(length // 8 + 1)]))
    return trials


@cache
def prefix_is_exact(level: int) -> bool:
    """Whether this build of zlib gives the same sizes from a copied state; others may cut blocks elsewhere."""
    return all(
        _with_prefix(text, ends, level) == [len(zlib.compress(text + end, level, RAW)) for end in ends]
        for text, ends in _trials(level, (0, 1, 300, 2048, 9_000, 40_000, 70_000))
    )


@cache
def counted(level: int) -> tuple[Count, NDArray[np.int64]] | None:
    """(`deflate.joint_sizes`, settings of the level) where numba is installed and the sizes are zlib's; else None."""
    try:
        from selection.kernels import deflate
    except (ImportError, RuntimeError):  # RuntimeError: numba finds no folder to keep compiled code in
        return None
    if level not in deflate.LEVELS:
        return None
    settings = np.array(deflate.LEVELS[level], np.int64)
    for text, ends in _trials(level, (0, 1, 2, 3, 40, 260, 300, 700, 3_000, 6_000)):
        expected = [len(zlib.compress(text + end, level, RAW)) for end in (*ends, b"")]
        if _Counting(deflate.joint_sizes, settings, ends).after(text).tolist() != expected:
            return None
    return deflate.joint_sizes, settings
