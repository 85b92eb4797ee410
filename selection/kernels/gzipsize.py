"""Sizes of gzip files without making the files.

A gzip file is 10 bytes of header, a raw deflate stream and 8 bytes of trailer, so its size is the stream's plus 18.
"""

import zlib
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

CONTAINER = 18  # bytes around the deflate stream of a gzip file
RAW = -15  # raw deflate, window of 32 KiB: as in gzip
PREFIX_FROM = 2048  # bytes from which copying a begun stream is faster than beginning again


def size(data: bytes, level: int) -> int:
    """Bytes of `gzip.compress(data, level)`. Levels 1 to 9."""
    return len(zlib.compress(data, level, RAW)) + CONTAINER


def sizes(texts: Sequence[bytes], level: int) -> NDArray[np.int64]:
    return np.array([size(text, level) for text in texts], np.int64)


def joint_sizes(text: bytes, ends: Sequence[bytes], level: int) -> NDArray[np.int64]:
    """Bytes of `gzip.compress(text + end, level)` for each end."""
    if len(text) >= PREFIX_FROM and prefix_is_exact(level):
        return np.array(_with_prefix(text, ends, level), np.int64) + CONTAINER
    compress = zlib.compress
    return np.array([len(compress(text + end, level, RAW)) for end in ends], np.int64) + CONTAINER


def _with_prefix(text: bytes, ends: Sequence[bytes], level: int) -> list[int]:
    """Deflate the text once; each end continues from a copy of that state, which gives the same bytes."""
    begun = zlib.compressobj(level, zlib.DEFLATED, RAW)
    done = len(begun.compress(text))
    found = []
    for end in ends:
        rest = begun.copy()
        found.append(done + len(rest.compress(end)) + len(rest.flush()))
    return found


@cache
def prefix_is_exact(level: int) -> bool:
    """Whether this build of zlib gives the same sizes from a copied state; other builds may cut blocks elsewhere."""
    draw = np.random.Generator(np.random.PCG64(level))
    words = [bytes(draw.integers(97, 123, draw.integers(1, 9), dtype=np.uint8)) for _ in range(400)]
    for length in (0, 1, 300, 2048, 9_000, 40_000, 70_000):
        text = b" ".join(words[at] for at in draw.integers(0, 400, length // 4 + 1))[:length]
        ends = [b"", b"x", text[:200], b" ".join(words[:60]), text[-3000:] + b" ".join(words)]
        if _with_prefix(text, ends, level) != [len(zlib.compress(text + end, level, RAW)) for end in ends]:
            return False
    return True
