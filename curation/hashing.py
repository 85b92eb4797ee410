"""Texts as short vectors whose cosine says how alike they are. Pure: hashing and NumPy, nothing is learned or loaded.

Words and character n-grams are hashed into 256 dimensions with a sign each (feature hashing, Weinberger et al. 2009,
https://arxiv.org/abs/0902.2206), counted as 1 + ln(count), and scaled to length 1. Words carry what is talked about;
n-grams find other forms of a word and work in languages without spaces.
"""

import re
import unicodedata
import zlib
from collections import Counter

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = 256
MAX_CHARS = 20_000
NGRAMS = (3, 4)
NGRAM_WEIGHT = 0.35  # an n-gram beside a word: there are five times as many of them

_WORD = re.compile(r"\w+")
_PRIME = np.uint64(0x100000001B3)
_MIX = np.uint64(0x9E3779B97F4A7C15)


def vector(text: str) -> NDArray[np.float16]:
    """(256,) float16 of unit length; all zero for a text without a letter or digit. Text beyond 20,000 characters is not read."""
    plain = " ".join(unicodedata.normalize("NFKC", text[:MAX_CHARS]).lower().split())
    words = Counter(_WORD.findall(plain))
    out = np.zeros(DIMENSIONS)
    if not words:
        return out.astype(np.float16)
    hashes = np.fromiter((zlib.crc32(word.encode("utf-8", "replace")) for word in words), np.uint64, len(words))
    _add(out, _mixed(hashes), np.fromiter(words.values(), np.float64, len(words)), 1.0)
    codes = np.frombuffer(f" {plain} ".encode("utf-32-le", "replace"), np.uint32).astype(np.uint64)
    for size in NGRAMS:
        if len(codes) >= size:
            grams, counts = np.unique(_grams(codes, size), return_counts=True)
            _add(out, _mixed(grams), counts.astype(np.float64), NGRAM_WEIGHT)
    length = float(np.linalg.norm(out))
    return (out / length if length else out).astype(np.float16)


def _grams(codes: NDArray[np.uint64], size: int) -> NDArray[np.uint64]:
    """The hash of every run of `size` characters."""
    count = len(codes) - size + 1
    grams = np.full(count, size, np.uint64)
    for place in range(size):
        grams = (grams * _PRIME) ^ codes[place : place + count]
    return grams


def _mixed(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Well spread bits: the finishing steps of SplitMix64 (Steele et al. 2014)."""
    mixed = hashes * _MIX
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _add(out: NDArray[np.float64], mixed: NDArray[np.uint64], counts: NDArray[np.float64], weight: float) -> None:
    places = (mixed & np.uint64(DIMENSIONS - 1)).astype(np.int64)
    signs = 1.0 - 2.0 * ((mixed >> np.uint64(32)) & np.uint64(1)).astype(np.float64)
    out += np.bincount(places, signs * weight * (1.0 + np.log(counts)), DIMENSIONS)
