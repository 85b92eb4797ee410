"""Hashed n-grams of characters and of words, tf-idf weighted, without a vocabulary: one pass over the characters.

A row becomes counts in 2^bits buckets. Characters: every stretch of 3, 4 and 5 code points of the lower-case text, runs
of blanks taken as one. Words: runs of word characters, and runs of others that are not blank, alone and in pairs. A
stretch is hashed as a polynomial that grows by one character at a time, so three lengths cost five steps.
"""

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any, Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from selection.kernels.characters import BLANK, classes, code_points

Grams = Literal["char", "word"]
SHORT, LONG = 3, 5
_PRIME = np.uint64(0x100000001B3)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MASK = (1 << 64) - 1


def counts(
    texts: Sequence[str], grams: Grams, bits: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Rows as compressed sparse counts: (row edges, buckets, how often), buckets in order of first occurrence."""
    codes, edges = code_points(texts)
    return _counted(codes, edges, classes(), grams == "word", bits)


def scores(  # noqa: PLR0917
    texts: Sequence[str], grams: Grams, bits: int, idf: NDArray[np.float32], weight: NDArray[np.float32], bias: float
) -> NDArray[np.float64]:
    """w · x + bias of each row, x = (1 + ln tf) idf scaled to length 1. A row without n-grams scores the bias."""
    codes, edges = code_points(texts)
    return _scored(codes, edges, classes(), grams == "word", bits, idf, weight, bias)


def bucket(gram: str, grams: Grams, bits: int) -> int:
    """The bucket of one n-gram, slowly: for reasons and for tests. A pair of words is given with one blank between."""
    if grams == "word":
        first, _, second = gram.partition(" ")
        value = _slow_hash(first)
        if second:
            value = ((value * int(_PRIME)) ^ _slow_hash(second)) * int(_GOLDEN) & _MASK
    else:
        value = _slow_hash(gram)
    return (value * int(_GOLDEN) & _MASK) >> (64 - bits)


def _slow_hash(text: str) -> int:
    value = 0
    for character in text:
        value = (value * int(_PRIME) + ord(character) + 1) & _MASK
    return value


def listed(text: str, grams: Grams) -> list[str]:
    """The n-grams of one text in order, repeated as often as they occur: a word, then its pair with the one before."""
    table, lower = classes(), text.lower()
    if grams == "word":
        words = ["".join(run) for kind, run in groupby(lower, lambda one: table[ord(one)]) if kind != BLANK]
        return words[:1] + [gram for a, b in pairwise(words) for gram in (b, f"{a} {b}")]
    tight: list[str] = []
    for character in lower:
        blank = table[ord(character)] == BLANK
        if not (blank and tight and tight[-1] == " "):
            tight.append(" " if blank else character)
    joined = "".join(tight)
    return [joined[at : at + n] for at in range(len(joined)) for n in range(SHORT, LONG + 1) if at + n <= len(joined)]


def places(text: str, grams: Grams, bits: int) -> NDArray[np.int32]:
    """The bucket of each n-gram of `listed`."""
    codes, edges = code_points([text])
    out = np.empty(3 * len(codes) + 4, np.int32)
    return out[: _buckets(codes, 0, int(edges[1]), classes(), grams == "word", bits, out)]


@njit(cache=True)
def _buckets(codes: Any, start: int, stop: int, table: Any, words: bool, bits: int, out: Any) -> int:  # noqa: PLR0917
    """Write the buckets of a row's n-grams to `out`; returns how many."""
    shift = np.uint64(64 - bits)
    found = 0
    if words:
        previous, had = np.uint64(0), False
        value, kind = np.uint64(0), BLANK
        for at in range(start, stop + 1):
            new = table[codes[at]] if at < stop else BLANK
            if new != kind:
                if kind != BLANK:
                    out[found] = np.int32((value * _GOLDEN) >> shift)
                    found += 1
                    if had:
                        pair = ((previous * _PRIME) ^ value) * _GOLDEN
                        out[found] = np.int32((pair * _GOLDEN) >> shift)
                        found += 1
                    previous, had = value, True
                value, kind = np.uint64(0), new
            if new != BLANK:
                value = value * _PRIME + np.uint64(codes[at] + 1)
        return found
    # Blanks are squeezed on the way through a window of the last five characters.
    tight = np.empty(stop - start, np.uint32)
    n = 0
    for at in range(start, stop):
        code = codes[at]
        if table[code] == BLANK:
            if n and tight[n - 1] == 32:
                continue
            code = np.uint32(32)
        tight[n] = code
        n += 1
    for at in range(n):
        value = np.uint64(0)
        for length in range(1, min(LONG, n - at) + 1):
            value = value * _PRIME + np.uint64(tight[at + length - 1] + 1)
            if length >= SHORT:
                out[found] = np.int32((value * _GOLDEN) >> shift)
                found += 1
    return found


@njit(cache=True)
def _longest(edges: Any) -> int:
    most = 0
    for at in range(len(edges) - 1):
        most = max(most, edges[at + 1] - edges[at])
    return most


@njit(cache=True)
def _counted(codes: Any, edges: Any, table: Any, words: bool, bits: int) -> Any:
    rows = len(edges) - 1
    held = np.empty(3 * _longest(edges) + 4, np.int32)
    often = np.zeros(1 << bits, np.int32)
    room = 1024
    buckets, tf = np.empty(room, np.int32), np.empty(room, np.int32)
    out_edges = np.zeros(rows + 1, np.int64)
    total = 0
    for row in range(rows):
        n = _buckets(codes, edges[row], edges[row + 1], table, words, bits, held)
        kinds = 0
        for at in range(n):
            if often[held[at]] == 0:
                held[kinds] = held[at]
                kinds += 1
                often[held[kinds - 1]] = 1
            else:
                often[held[at]] += 1
        while total + kinds > room:
            room *= 2
            more, more_tf = np.empty(room, np.int32), np.empty(room, np.int32)
            more[:total], more_tf[:total] = buckets[:total], tf[:total]
            buckets, tf = more, more_tf
        for at in range(kinds):
            buckets[total], tf[total] = held[at], often[held[at]]
            often[held[at]] = 0
            total += 1
        out_edges[row + 1] = total
    return out_edges, buckets[:total].copy(), tf[:total].copy()


@njit(cache=True)
def _scored(codes: Any, edges: Any, table: Any, words: bool, bits: int, idf: Any, weight: Any, bias: float) -> Any:  # noqa: PLR0917
    rows = len(edges) - 1
    held = np.empty(3 * _longest(edges) + 4, np.int32)
    often = np.zeros(1 << bits, np.int32)
    out = np.empty(rows, np.float64)
    logs = np.ones(256)
    for at in range(1, 256):
        logs[at] = 1 + np.log(at)
    for row in range(rows):
        n = _buckets(codes, edges[row], edges[row + 1], table, words, bits, held)
        kinds = 0
        for at in range(n):
            bucket = held[at]
            if often[bucket] == 0:
                held[kinds] = bucket
                kinds += 1
            often[bucket] += 1
        total, square = 0.0, 0.0
        for at in range(kinds):
            bucket = held[at]
            times = often[bucket]
            often[bucket] = 0
            value = (logs[times] if times < 256 else 1 + np.log(times)) * idf[bucket]
            total += value * weight[bucket]
            square += value * value
        out[row] = bias + (total / np.sqrt(square) if square > 0 else 0.0)
    return out
