"""Near duplicates: texts that share most of their word 3-grams (Broder 1997, "On the resemblance of documents").

Min-hash bands find candidates, the exact Jaccard similarity of the 3-gram sets decides. So nothing is called a
near duplicate that is none; one of 200 whose similarity is just the threshold is overlooked, fewer above it.
"""

import hashlib
import math
import re
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"\w+")
WORDS = 3
MISSED = 0.005


def shingles(text: str) -> NDArray[np.uint64]:
    """Hashes of the 3-grams of lower-case words, sorted, each once; a shorter text is one shingle."""
    words = _WORD.findall(text.lower())
    grams = (
        {" ".join(words[at : at + WORDS]) for at in range(max(1, len(words) - WORDS + 1))} if words else {text.strip()}
    )
    packed = b"".join([hashlib.blake2b(gram.encode(), digest_size=8).digest() for gram in grams])
    return np.unique(np.frombuffer(packed, "<u8"))


def jaccard(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> float:
    """|A ∩ B| / |A ∪ B| of two sorted sets; 1.0 for two empty ones."""
    if not len(one) and not len(other):
        return 1.0
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / (len(one) + len(other) - shared)


def bands(threshold: float) -> tuple[int, int]:
    """(bands, rows a band): a pair at the threshold meets in some band with probability at least 1 - MISSED."""
    rows = min(max(1, int(math.log(0.25) / math.log(threshold))), 12)
    return math.ceil(math.log(MISSED) / math.log(1 - threshold**rows)), rows


class NearDuplicates:
    """Asked `seen(text)`; `keep()` remembers the text that was asked about last."""

    def __init__(self, threshold: float, seed: int = 0) -> None:
        self.threshold = threshold
        self.bands, self.rows = bands(threshold)
        draw = np.random.Generator(np.random.PCG64(seed & (2**63 - 1)))
        count = self.bands * self.rows
        self._factor = draw.integers(0, 2**63, count, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
        self._shift = draw.integers(0, 2**63, count, dtype=np.uint64)
        self._kept: list[NDArray[np.uint64]] = []
        self._buckets: dict[tuple[int, bytes], list[int]] = defaultdict(list)
        self._asked: tuple[NDArray[np.uint64], list[tuple[int, bytes]]] | None = None

    def seen(self, text: str) -> bool:
        """Whether a kept text has a Jaccard similarity of at least the threshold."""
        grams = shingles(text)
        return any(self._close(grams, self._kept[at]) for at in self._candidates(grams))

    def closest(self, text: str) -> tuple[float, int] | None:
        """(similarity, place among the kept) of the kept text that is likest, if that reaches the threshold; of equals
        the first.
        """
        grams = shingles(text)
        found = [(jaccard(grams, self._kept[at]), -at) for at in self._candidates(grams)]
        best, at = max(found, default=(0.0, 0))
        return (best, -at) if found and best >= self.threshold else None

    def keep(self) -> None:
        if self._asked is None:
            raise RuntimeError("ask about a text before keeping it")
        grams, places = self._asked
        for place in places:
            self._buckets[place].append(len(self._kept))
        self._kept.append(grams)
        self._asked = None

    def _candidates(self, grams: NDArray[np.uint64]) -> list[int]:
        places = self._places(grams)
        self._asked = grams, places
        return sorted({at for place in places for at in self._buckets.get(place, ())})

    def _close(self, one: NDArray[np.uint64], other: NDArray[np.uint64]) -> bool:
        small, large = sorted((len(one), len(other)))
        return small >= self.threshold * large and jaccard(one, other) >= self.threshold

    def _places(self, grams: NDArray[np.uint64]) -> list[tuple[int, bytes]]:
        # Multiply-shift hashing wraps around at 2^64 on purpose; the top bits are the mixed ones.
        least = np.full(len(self._factor), np.iinfo(np.uint64).max, np.uint64)
        for start in range(0, len(grams), 1024):  # bounds the table for a very long text
            mixed = grams[start : start + 1024, None] * self._factor + self._shift
            np.minimum(least, (mixed >> np.uint64(16)).min(axis=0), out=least)
        return [(band, least[band * self.rows : (band + 1) * self.rows].tobytes()) for band in range(self.bands)]
