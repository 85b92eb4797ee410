"""Hashed n-grams of words: each row as the buckets of its unigrams and bigrams.

The bucket of an n-gram is sha256 of its words joined by a space, modulo the number of buckets, as in Xie and others 2023
(DSIR). What was hashed once is looked up in tables of fixed size: words by their characters, pairs by their two words.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from selection.kernels.characters import BLANK, classes, code_points

WORD_SLOTS = 1 << 21  # 4 bytes each, and about 150 for each word held
PAIR_SLOTS = 1 << 21  # 12 bytes each
_PRIME = np.uint64(0x100000001B3)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def full(slots: int) -> int:
    return slots * 3 // 4


def tokens(text: str) -> list[str]:
    """WordPunct: runs of word characters, and runs of others that are not blank, of the lower-case text."""
    codes, edges = code_points([text])
    starts, stops, _ = _spans(codes, edges, classes())
    lower = text.lower()
    return [lower[start:stop] for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]


def bucket(ngram: str, buckets: int) -> int:
    return _bucket(ngram.encode("utf-8", "surrogatepass"), buckets)


def _bucket(ngram: bytes, buckets: int) -> int:
    return int.from_bytes(hashlib.sha256(ngram).digest(), "big") % buckets


class Buckets:
    """Turns texts into bucket ids. Holds at most about 1.5 million words and as many pairs, then begins anew."""

    def __init__(self, buckets: int) -> None:
        self.buckets = buckets
        self._forget(WORD_SLOTS)

    def _forget(self, slots: int) -> None:
        self.words: list[bytes] = []
        self.slots = np.full(slots, -1, np.int32)  # of the words' numbers
        self.single = np.zeros(1024, np.int32)  # bucket of each word
        self.edges = np.zeros(1025, np.int64)  # where each word begins among the letters
        self.letters = np.zeros(1 << 14, np.uint32)
        self._forget_pairs()

    def _forget_pairs(self) -> None:
        self.pairs = np.full(PAIR_SLOTS, -1, np.int64)
        self.paired = np.zeros(PAIR_SLOTS, np.int32)
        self.held = 0

    def rows(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """(bucket ids of all n-grams, row after row: a row's unigrams, then its bigrams; tokens of each row).

        A row of n tokens has 2 n - 1 ids; one without tokens has none.
        """
        codes, edges = code_points(texts)
        starts, stops, lengths = _spans(codes, edges, classes())
        ids = self._numbers(codes, starts, stops)
        pairs = ids[:-1] << 32 | ids[1:] if len(ids) else ids
        second = np.empty(len(pairs), np.int32)
        at_once = full(PAIR_SLOTS) // 2
        for start in range(0, len(pairs), at_once):
            part = slice(start, start + at_once)
            second[part] = self._second(pairs[part])
        return _interleave(self.single[ids], second, lengths), lengths

    def _numbers(self, codes: Any, starts: Any, stops: Any) -> NDArray[np.int64]:
        """The number of each word; new ones are entered and hashed."""
        if len(self.words) + len(starts) > full(len(self.slots)):
            # Sized so that a stretch of nothing but new words fits; the next one shrinks it again.
            self._forget(max(WORD_SLOTS, 1 << int(2 * len(starts)).bit_length()))
        known = len(self.words)
        self.edges = _grown(self.edges, known + len(starts) + 1)
        self.letters = _grown(self.letters, int(self.edges[known]) + len(codes))
        ids, count = _enter(codes, starts, stops, self.slots, self.edges, self.letters, known)
        if count > known:
            self._hash(known, count)
        return ids

    def _hash(self, known: int, count: int) -> None:
        edges = self.edges[known : count + 1]
        joined = self.letters[edges[0] : edges[-1]].tobytes().decode("utf-32-le", "surrogatepass")
        at = (edges - edges[0]).tolist()
        made = [joined[at[n] : at[n + 1]].encode("utf-8", "surrogatepass") for n in range(count - known)]
        self.words += made
        self.single = _grown(self.single, count)
        self.single[known:count] = [_bucket(word, self.buckets) for word in made]

    def _second(self, pairs: NDArray[np.int64]) -> NDArray[np.int32]:
        found = _look_up(pairs, self.pairs, self.paired)
        missing = np.unique(pairs[found < 0])
        if not len(missing):
            return found
        if self.held + len(missing) > full(PAIR_SLOTS):
            self._forget_pairs()
            missing = np.unique(pairs)
        words, buckets = self.words, self.buckets
        made = [_bucket(words[pair >> 32] + b" " + words[pair & 0xFFFFFFFF], buckets) for pair in missing.tolist()]
        _insert(missing, np.array(made, np.int32), self.pairs, self.paired)
        self.held += len(missing)
        return _look_up(pairs, self.pairs, self.paired)


@lru_cache(maxsize=2)
def buckets_of(count: int) -> Buckets:
    """The process's own, so that later items find the words of earlier ones."""
    return Buckets(count)


def _grown(array: NDArray[Any], size: int) -> NDArray[Any]:
    """The array, or a longer copy that holds at least `size`."""
    if size <= len(array):
        return array
    made = np.zeros(max(size, 2 * len(array)), array.dtype)
    made[: len(array)] = array
    return made


@njit(cache=True)
def _spans(codes: Any, edges: Any, table: Any) -> Any:
    """Start and stop of each token among the code points, and the tokens of each row."""
    rows = len(edges) - 1
    starts, stops = np.empty(len(codes), np.int64), np.empty(len(codes), np.int64)
    lengths = np.zeros(rows, np.int64)
    found = 0
    for row in range(rows):
        before, kind = found, BLANK
        for at in range(edges[row], edges[row + 1]):
            new = table[codes[at]]
            if new != kind:
                if kind != BLANK:
                    stops[found] = at
                    found += 1
                if new != BLANK:
                    starts[found] = at
                kind = new
        if kind != BLANK:
            stops[found] = edges[row + 1]
            found += 1
        lengths[row] = found - before
    return starts[:found].copy(), stops[:found].copy(), lengths


@njit(cache=True)
def _enter(  # noqa: PLR0917
    codes: Any, starts: Any, stops: Any, slots: Any, edges: Any, letters: Any, known: int
) -> Any:
    """Numbers of the words, compared letter by letter; a new word gets the next one. Also how many there are now."""
    ids = np.empty(len(starts), np.int64)
    mask = np.int64(len(slots) - 1)
    count = known
    for token in range(len(starts)):
        start, size = starts[token], stops[token] - starts[token]
        value = np.uint64(0)
        for at in range(start, stops[token]):
            value = value * _PRIME + np.uint64(codes[at] + 1)
        slot = np.int64((value * _GOLDEN) >> np.uint64(20)) & mask
        while slots[slot] != -1:
            word = slots[slot]
            first = edges[word]
            same = edges[word + 1] - first == size
            for at in range(size):
                if not same:
                    break
                same = letters[first + at] == codes[start + at]
            if same:
                break
            slot = (slot + 1) & mask
        if slots[slot] == -1:
            first = edges[count]
            for at in range(size):
                letters[first + at] = codes[start + at]
            edges[count + 1] = first + size
            slots[slot] = count
            count += 1
        ids[token] = slots[slot]
    return ids, count


@njit(cache=True)
def _slot(pair: Any, mask: Any) -> Any:
    mixed = np.uint64(pair) * _GOLDEN
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
