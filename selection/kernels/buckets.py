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
from selection.kernels.sha256 import remainder

WORD_SLOTS = 1 << 21  # 4 bytes each, and about 50 for each word held
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
    return int.from_bytes(hashlib.sha256(ngram.encode("utf-8", "surrogatepass")).digest(), "big") % buckets


class Buckets:
    """Turns texts into bucket ids. Holds at most about 1.5 million words and as many pairs, then begins anew."""

    def __init__(self, buckets: int) -> None:
        self.buckets = buckets
        self._forget(WORD_SLOTS)

    def _forget(self, slots: int) -> None:
        self.count = 0  # words held
        self.slots = np.full(slots, -1, np.int32)  # of the words' numbers
        self.single = np.zeros(1024, np.int32)  # bucket of each word
        self.edges = np.zeros(1025, np.int64)  # where each word begins among the letters
        self.letters = np.zeros(1 << 14, np.uint32)
        # Pairs of two words' numbers, and their buckets; beside them how many pairs are held.
        self.pairs = np.full(PAIR_SLOTS, -1, np.int64)
        self.paired = np.zeros(PAIR_SLOTS, np.int32)
        self.held = np.zeros(1, np.int64)

    def rows(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """(bucket ids of all n-grams, row after row: a row's unigrams, then its bigrams; tokens of each row).

        A row of n tokens has 2 n - 1 ids; one without tokens has none.
        """
        codes, edges = code_points(texts)
        starts, stops, lengths = _spans(codes, edges, classes())
        if self.count + len(starts) > full(len(self.slots)):
            # Sized so that a stretch of nothing but new words fits; the next one shrinks it again.
            self._forget(max(WORD_SLOTS, 1 << (2 * len(starts)).bit_length()))
        most = self.count + len(starts)
        self.edges, self.single = _grown(self.edges, most + 1), _grown(self.single, most)
        self.letters = _grown(self.letters, int(self.edges[self.count]) + len(codes))
        ids, known = np.empty(len(starts), np.int64), self.count
        self.count = _enter(codes, starts, stops, self.slots, self.edges, self.letters, known, ids)
        # A pair takes at most four bytes a letter, the space between, and what the hash adds behind.
        longest = int((stops - starts).max()) if len(starts) else 0
        scratch = np.empty(8 * longest + 1 + 72, np.uint8), np.empty(8, np.uint32), np.empty(64, np.uint32)
        _hash(self.edges, self.letters, self.single, known, self.count, self.buckets, *scratch)
        words, pairs = (self.edges, self.letters, self.single), (self.pairs, self.paired, self.held)
        return _ngrams(ids, lengths, words, pairs, self.buckets, *scratch), lengths


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
    codes: Any, starts: Any, stops: Any, slots: Any, edges: Any, letters: Any, count: int, ids: Any
) -> int:
    """Write the numbers of the words, compared letter by letter; a new word gets the next. How many there are now."""
    mask = np.int64(len(slots) - 1)
    for token in range(len(starts)):
        start, size = starts[token], stops[token] - starts[token]
        value = np.uint64(0)
        for at in range(start, stops[token]):
            value = value * _PRIME + np.uint64(codes[at] + 1)
        slot = np.int64((value * _GOLDEN) >> np.uint64(20)) & mask
        while slots[slot] != -1:
            first = edges[slots[slot]]
            same = edges[slots[slot] + 1] - first == size
            for at in range(size):
                if not same:
                    break
                same = letters[first + at] == codes[start + at]
            if same:
                break
            slot = (slot + 1) & mask
        if slots[slot] == -1:
            first = edges[count]
            letters[first : first + size] = codes[start : start + size]
            edges[count + 1] = first + size
            slots[slot] = count
            count += 1
        ids[token] = slots[slot]
    return count


@njit(cache=True)
def _hash(  # noqa: PLR0917
    edges: Any, letters: Any, single: Any, first: int, stop: int, buckets: int, message: Any, state: Any, scratch: Any
) -> None:
    for word in range(first, stop):
        size = _written(letters, edges[word], edges[word + 1], message, 0)
        single[word] = remainder(message, size, state, scratch, buckets)


@njit(cache=True)
def _ngrams(  # noqa: PLR0917
    ids: Any, lengths: Any, words: Any, pairs: Any, buckets: int, message: Any, state: Any, scratch: Any
) -> Any:
    """Per row the buckets of its words, then of its pairs; a pair that is not in the table is hashed and entered."""
    edges, letters, single = words
    table, found, held = pairs
    total = 0
    for n in lengths:
        total += 2 * n - 1 if n else 0
    out = np.empty(total, np.int32)
    mask, most = len(table) - 1, len(table) * 3 // 4
    at, start = 0, 0
    for n in lengths:
        for word in range(start, start + n):
            out[at] = single[ids[word]]
            at += 1
        for word in range(start, start + n - 1):
            one, other = ids[word], ids[word + 1]
            pair = one << 32 | other
            slot = np.int64((np.uint64(pair) * _GOLDEN) >> np.uint64(20)) & mask
            while table[slot] != -1 and table[slot] != pair:
                slot = (slot + 1) & mask
            if table[slot] == pair:
                out[at] = found[slot]
            else:
                size = _written(letters, edges[one], edges[one + 1], message, 0)
                message[size] = 32
                size = _written(letters, edges[other], edges[other + 1], message, size + 1)
                out[at] = remainder(message, size, state, scratch, buckets)
                if held[0] >= most:
                    table[:], held[0] = -1, 0
                    slot = np.int64((np.uint64(pair) * _GOLDEN) >> np.uint64(20)) & mask
                table[slot], found[slot] = pair, out[at]
                held[0] += 1
            at += 1
        start += n
    return out


@njit(cache=True)
def _written(letters: Any, first: int, stop: int, message: Any, at: int) -> int:
    """Write code points as UTF-8 from `at` on; where that ends. Lone surrogates become three bytes."""
    for letter in range(first, stop):
        code = letters[letter]
        if code < 0x80:
            message[at] = code
            at += 1
        elif code < 0x800:
            message[at], message[at + 1] = 0xC0 | code >> 6, 0x80 | code & 0x3F
            at += 2
        elif code < 0x10000:
            message[at], message[at + 1], message[at + 2] = (
                0xE0 | code >> 12,
                0x80 | code >> 6 & 0x3F,
                0x80 | code & 0x3F,
            )
            at += 3
        else:
            message[at], message[at + 1] = 0xF0 | code >> 18, 0x80 | code >> 12 & 0x3F
            message[at + 2], message[at + 3] = 0x80 | code >> 6 & 0x3F, 0x80 | code & 0x3F
            at += 4
    return at
