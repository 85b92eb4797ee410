"""Hashed n-grams of words: each row as the buckets of its unigrams and bigrams.

The bucket of an n-gram is sha256 of its words joined by a space, modulo the number of buckets, as in Xie and others 2023
(DSIR). A word is hashed once a process; a pair is looked up in a table of fixed size before it is hashed.
"""

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

# NLTK's WordPunct: runs of word characters, runs of other characters that are not blank.
_TOKEN = re.compile(r"\w+|[^\w\s]+")
WORDS_KEPT = 1_000_000
SLOTS = 1 << 21  # pairs held; 24 bytes each
FULL = SLOTS * 3 // 4
PAIRS_AT_ONCE = FULL // 2


def tokens(text: str) -> list[str]:
    return _TOKEN.findall(text.lower())


def bucket(ngram: str, buckets: int) -> int:
    return int(hashlib.sha256(ngram.encode("utf-8", "surrogatepass")).hexdigest(), 16) % buckets


class Buckets:
    """Turns texts into bucket ids. Holds at most about a million words and 1.5 million pairs, then begins anew."""

    def __init__(self, buckets: int) -> None:
        self.buckets = buckets
        self._forget()

    def _forget(self) -> None:
        self.ids: dict[str, int] = {}
        self.words: list[str] = []
        self.single = np.zeros(1024, np.int32)
        self.table = np.full(SLOTS, -1, np.int64)
        self.found = np.zeros(SLOTS, np.int32)
        self.held = 0

    def rows(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """(bucket ids of all n-grams, row after row: a row's unigrams, then its bigrams; tokens of each row).

        A row of n tokens has 2 n - 1 ids; one without tokens has none.
        """
        if len(self.words) > WORDS_KEPT:
            self._forget()
        flat: list[int] = []
        lengths = np.empty(len(texts), np.int64)
        for at, text in enumerate(texts):
            found = _TOKEN.findall(text.lower())
            lengths[at] = len(found)
            flat += [self.ids[word] if word in self.ids else self._word(word) for word in found]
        ids = np.array(flat, np.int64)
        pairs = ids[:-1] << 32 | ids[1:] if len(ids) else ids
        second = np.empty(len(pairs), np.int32)
        for start in range(0, len(pairs), PAIRS_AT_ONCE):
            part = slice(start, start + PAIRS_AT_ONCE)
            second[part] = self._pairs(pairs[part])
        return _interleave(self.single[ids], second, lengths), lengths

    def _word(self, word: str) -> int:
        number = len(self.words)
        self.ids[word] = number
        self.words.append(word)
        if number >= len(self.single):
            self.single = np.concatenate([self.single, np.zeros_like(self.single)])
        self.single[number] = bucket(word, self.buckets)
        return number

    def _pairs(self, pairs: NDArray[np.int64]) -> NDArray[np.int32]:
        found = _look_up(pairs, self.table, self.found)
        missing = np.unique(pairs[found < 0])
        if not len(missing):
            return found
        if self.held + len(missing) > FULL:
            self.table[:], self.held = -1, 0
            missing = np.unique(pairs)
        words, buckets = self.words, self.buckets
        made = [bucket(f"{words[pair >> 32]} {words[pair & 0xFFFFFFFF]}", buckets) for pair in missing.tolist()]
        _insert(missing, np.array(made, np.int32), self.table, self.found)
        self.held += len(missing)
        return _look_up(pairs, self.table, self.found)


@lru_cache(maxsize=2)
def buckets_of(count: int) -> Buckets:
    """The process's own, so that later items find the words of earlier ones."""
    return Buckets(count)


@njit(cache=True)
def _slot(pair: Any, mask: Any) -> Any:
    mixed = np.uint64(pair) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64(mixed >> np.uint64(20)) & mask


@njit(cache=True)
def _look_up(pairs: Any, table: Any, found: Any) -> Any:
    out = np.empty(len(pairs), np.int32)
    mask = len(table) - 1
    for at in range(len(pairs)):
        slot = _slot(pairs[at], mask)
        while table[slot] != -1 and table[slot] != pairs[at]:
            slot = (slot + 1) & mask
        out[at] = found[slot] if table[slot] != -1 else -1
    return out


@njit(cache=True)
def _insert(pairs: Any, values: Any, table: Any, found: Any) -> None:
    mask = len(table) - 1
    for at in range(len(pairs)):
        slot = _slot(pairs[at], mask)
        while table[slot] != -1:
            slot = (slot + 1) & mask
        table[slot] = pairs[at]
        found[slot] = values[at]


@njit(cache=True)
def _interleave(first: Any, second: Any, lengths: Any) -> Any:
    """Per row its unigrams, then its bigrams; pairs across the border of two rows are left out."""
    total = 0
    for n in lengths:
        total += 2 * n - 1 if n else 0
    out = np.empty(total, np.int32)
    at, start = 0, 0
    for n in lengths:
        if n:
            out[at : at + n] = first[start : start + n]
            out[at + n : at + 2 * n - 1] = second[start : start + n - 1]
            at += 2 * n - 1
            start += n
    return out
