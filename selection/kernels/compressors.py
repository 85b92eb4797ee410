"""Sizes that other compressors than gzip reach, with what each writes around every text.

zstandard and lz4 pay when they must begin anew for each pair, so there is no shortcut here: every pair is compressed
whole. Both are much faster than gzip at low levels and see less.
"""

from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from selection.kernels import gzipsize

# The lowest and highest level. Level 0 is never one: gzip would only store, zstd takes it for 3, lz4 for 1.
LEVELS = {"gzip": (1, 9), "zstd": (1, 19), "lz4": (1, 12)}


class Ends(Protocol):
    """Texts that follow others, and their own sizes in bytes (int64)."""

    texts: list[bytes]
    sizes: NDArray[np.int64]

    def after(self, text: bytes) -> tuple[int, NDArray[np.int64]]:
        """(size of the text, sizes of the text with each end behind it)."""


def available(compressor: str) -> bool:
    """Whether the package that the compressor needs is installed. gzip needs none."""
    return compressor == "gzip" or find_spec({"zstd": "zstandard", "lz4": "lz4"}[compressor]) is not None


def ends(texts: Sequence[bytes], compressor: str, level: int, pairs: int = 0) -> Ends:
    """The texts, ready to be put behind others; `pairs`: about how many sizes will be asked for.

    Raises `KeyError` for an unknown compressor and `ImportError` where its package is missing.
    """
    if compressor == "gzip":
        return gzipsize.Ends(texts, level, pairs)
    return _Whole(texts, sizer(compressor, level))


@cache
def overhead(compressor: str, level: int) -> int:
    """Bytes that the compressor writes for an empty text: 18 around a gzip stream, less for the others."""
    return gzipsize.CONTAINER if compressor == "gzip" else sizer(compressor, level)(b"")


def sizer(compressor: str, level: int) -> Callable[[bytes], int]:
    """Size of a text as one frame, without checksum and without the text's length in the header.

    The length would take more bytes for longer texts, which is no trait of what they say.
    """
    if compressor == "zstd":
        import zstandard

        frame: Any = zstandard.ZstdCompressor(level=level, write_checksum=False, write_content_size=False)
        return lambda text: len(frame.compress(text))
    if compressor == "lz4":
        import lz4.frame

        compress: Any = lz4.frame.compress
        return lambda text: len(compress(text, compression_level=level, store_size=False))
    raise KeyError(compressor)


def pair_seconds(compressor: str, level: int) -> float:
    """About what one size costs a core, for texts of 500 characters."""
    if compressor == "gzip":
        return gzipsize.pair_seconds(level)
    if compressor == "zstd":
        return 6e-6 if level < 5 else 45e-6 if level < 13 else 90e-6
    return 3e-6 if level < 3 else 10e-6 if level < 10 else 15e-6


class _Whole:
    def __init__(self, texts: Sequence[bytes], size: Callable[[bytes], int]) -> None:
        self.texts, self.size = list(texts), size
        self.sizes = np.array([size(text) for text in texts], np.int64)

    def after(self, text: bytes) -> tuple[int, NDArray[np.int64]]:
        return self.size(text), np.array([self.size(text + end) for end in self.texts], np.int64)
