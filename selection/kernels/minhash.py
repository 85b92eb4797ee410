"""MinHash signatures and the clusters of near duplicates that they make (Broder 1997; bands: Leskovec and others, ch. 3).

The share of equal numbers in two signatures estimates the Jaccard similarity of the sets of word 3-grams, with a
standard deviation of sqrt(J (1 - J) / 128): 0.035 at 0.8.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from selection.kernels.wordhash import _grams, hashed

WORDS = 3
SIZE = 128
MISSED = 0.005
WINDOW = 256  # earlier rows of a bucket that a row is compared with
ROWS_AT_ONCE = 1024

Signatures = NDArray[np.uint32]


def signatures(texts: Sequence[str], seed: int = 0, tick: Callable[[int], None] = lambda _: None) -> Signatures:
    """uint32[texts, 128]: for each of 128 seeded hash functions the least value over a text's word 3-grams.

    A text of fewer than three words is one gram. `tick(done)` is called with the texts done so far.
    """
    draw = np.random.Generator(np.random.PCG64(seed & (2**63 - 1)))
    factor = draw.integers(0, 2**63, SIZE, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    shift = draw.integers(0, 2**64, SIZE, dtype=np.uint64)
    out = np.empty((len(texts), SIZE), np.uint32)
    for start in range(0, len(texts), ROWS_AT_ONCE):
        stretch = texts[start : start + ROWS_AT_ONCE]
        flat, edges = hashed(stretch)
        _signed(flat, edges, factor, shift, out[start : start + len(stretch)])
        tick(start + len(stretch))
    return out


def estimate(one: Signatures, other: Signatures) -> float:
    """The estimated Jaccard similarity of two signatures."""
    return float((one == other).mean())


def bands(threshold: float) -> tuple[int, int]:
    """(bands, rows a band) of at most 128 numbers: as many rows as still let a pair at the threshold meet in some band
    with probability at least 1 - MISSED.
    """
    for rows in range(SIZE, 0, -1):
        count = SIZE // rows
        if (1 - threshold**rows) ** count <= MISSED:
            return count, rows
    return SIZE, 1


def clusters(
    signed: Signatures, order: NDArray[np.int64], threshold: float, tick: Callable[[], None] = lambda: None
) -> NDArray[np.int64]:
    """int64[len(order)]: for each of the rows `order` names, the position in `order` of the first row of its cluster.

    Rows are joined that share a band and whose estimated similarity is at least the threshold, so a cluster may hold
    rows at its two ends that are less alike. Within a bucket a row is compared with the 256 before it. Depends on
    nothing but the signatures in that order. `tick()` is called once a band. Beside the signatures it holds about 50
    bytes a row.
    """
    parent = np.arange(len(order), dtype=np.int64)
    count, rows = bands(threshold)
    # Equal signatures first: a row that comes a thousand times is then one row in every bucket.
    values = _banded(signed, order, 0, SIZE)
    sorted_ = np.argsort(values, kind="stable")
    _join(signed, order, values[sorted_], sorted_, parent, SIZE)
    alive = np.flatnonzero(parent == np.arange(len(parent)))
    need = math.ceil(threshold * SIZE - 1e-9)
    for band in range(count):
        tick()
        values = _banded(signed, order[alive], band * rows, rows)
        sorted_ = np.argsort(values, kind="stable")
        _join(signed, order, values[sorted_], alive[sorted_], parent, need)
    return _flattened(parent)


@njit(cache=True)
def _signed(flat: Any, edges: Any, factor: Any, shift: Any, out: Any) -> None:
    least = np.empty(len(factor), np.uint64)
    for row in range(len(edges) - 1):
        words = flat[edges[row] : edges[row + 1]]
        found = _grams(words, min(WORDS, len(words)))
        least[:] = np.uint64(0xFFFFFFFFFFFFFFFF)
        for gram in found:
            for at in range(len(factor)):
                value = gram * factor[at] + shift[at]
                value = (value ^ (value >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)
                least[at] = min(least[at], value)
        for at in range(len(factor)):
            out[row, at] = np.uint32(least[at] >> np.uint64(32))


@njit(cache=True)
def _banded(signed: Any, order: Any, start: int, rows: int) -> Any:
    """One 64-bit hash of a stretch of each signature."""
    out = np.empty(len(order), np.uint64)
    for place in range(len(order)):
        value = np.uint64(0xCBF29CE484222325)
        for at in range(start, start + rows):
            value = (value ^ np.uint64(signed[order[place], at])) * np.uint64(0x9E3779B97F4A7C15)
            value ^= value >> np.uint64(29)
        out[place] = value
    return out


@njit(cache=True)
def _find(parent: Any, row: int) -> int:
    while parent[row] != row:
        parent[row] = parent[parent[row]]
        row = parent[row]
    return row


@njit(cache=True)
def _alike(signed: Any, one: int, other: int, need: int) -> bool:
    """Whether at least `need` numbers are equal; given up as soon as that cannot be."""
    spare = signed.shape[1] - need
    for at in range(signed.shape[1]):
        if signed[one, at] != signed[other, at]:
            spare -= 1
            if spare < 0:
                return False
    return True


@njit(cache=True)
def _join(signed: Any, order: Any, values: Any, places: Any, parent: Any, need: int) -> None:  # noqa: PLR0917
    """Join what is alike among places with the same value; equal values lie side by side, their places ascending."""
    start = 0
    for at in range(1, len(places)):
        if values[at] != values[at - 1]:
            start = at
            continue
        mine = _find(parent, places[at])
        for before in range(at - 1, max(start, at - WINDOW) - 1, -1):
            theirs = _find(parent, places[before])
            if theirs != mine and _alike(signed, order[places[at]], order[places[before]], need):
                parent[max(mine, theirs)] = min(mine, theirs)
                mine = min(mine, theirs)


@njit(cache=True)
def _flattened(parent: Any) -> Any:
    out = np.empty_like(parent)
    for row in range(len(parent)):
        out[row] = _find(parent, row)
    return out
