"""Rows from which a cascade reaches the most others.

Zhang and others 2024, "IDEAL: Influence-Driven Selective Annotations" (arXiv 2310.10873, §3). A row sets off each of its
neighbours independently with the weight of the edge; f(S) is the expected number of rows that a start from S reaches.
Kempe, Kleinberg and Tardos 2003: that is the mean, over graphs in which each edge is kept with its weight, of the rows
that can be reached. So `samples` such graphs are drawn once, and f is coverage on them: a set function that really is
submodular, the same at each look, and greedy with lazy gains (Minoux 1978) is within 1 - 1/e of its best.
"""

import hashlib
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from selection.kernels.graph import Graph
from selection.kernels.lattice import Tick, no_tick

BLOCK = 512  # rows whose best bound is remembered
SAMPLES = 200
SOME = 4  # samples, or picks, between two ticks


class Influence(NamedTuple):
    """`order`: int64, rows as they were taken. For each: `gain` float64, rows that it reaches and none before it did;
    `reach` float64, rows that it reaches, itself among them. Both are means over the samples.
    """

    order: NDArray[np.int64]
    gain: NDArray[np.float64]
    reach: NDArray[np.float64]


class Live(NamedTuple):
    """The sampled graphs. Edges of row i in sample r: `to[first[r] + start[r, i] : first[r] + start[r, i + 1]]`.

    `first` int64[R + 1], `start` int32[R, N + 1], `to` int32[edges].
    """

    first: NDArray[np.int64]
    start: NDArray[np.int32]
    to: NDArray[np.int32]


def weights(graph: Graph) -> NDArray[np.float64]:
    """float64[N, k]: each neighbour's product over the sum of the row's, so that a row's weights add up to 1.

    A negative product counts as 0; a row without a neighbour has zeros.
    """
    near = np.maximum(graph.near, 0).astype(np.float64)
    total = near.sum(axis=1, keepdims=True)
    return near / np.where(total > 0, total, 1.0)


def draw(
    to: NDArray[np.int32], weight: NDArray[np.float64], *, names: NDArray[np.uint64], seed: int = 0,
    samples: int = SAMPLES,
) -> Live:  # fmt: skip
    """Live-edge graphs. An edge of weight w lives in w x samples of them, rounded up or down by chance, drawn without
    repetition; edges are independent of each other. So each graph is a fair draw, and each edge's share is exact.

    `names` uint64[N], one a row: chance depends on the seed and the names at both ends, not on places. Memory:
    (N + edges kept) x samples x 4 bytes; about N edges are kept in each. Raises `ValueError` for no sample or weights
    outside 0..1.
    """
    if samples < 1 or (weight < 0).any() or (weight > 1).any():
        raise ValueError("there is at least one sample, and weights lie between 0 and 1")
    key = np.uint64(int.from_bytes(hashlib.blake2b(str(seed).encode(), digest_size=8, person=b"influence").digest()))
    start = np.zeros((samples, len(to) + 1), np.int32)
    _draw((to, weight, names), key, Live(np.zeros(1, np.int64), start, np.empty(0, np.int32)), False)
    np.cumsum(start, axis=1, out=start)
    first = np.concatenate([[0], np.cumsum(start[:, -1], dtype=np.int64)])
    kept = np.empty(int(first[-1]), np.int32)
    _draw((to, weight, names), key, Live(first, start.copy(), kept), True)
    return Live(first, start, kept)


def spread(live: Live, rows: NDArray[np.int64]) -> float:
    """f(S): rows that a start from these reaches, the mean over the samples. Each counts once, however often it is met."""
    samples, count = live.start.shape
    covered = np.zeros((samples, count - 1), np.bool_)
    stack = np.empty(count, np.int32)
    total = sum(int(_cover(live, int(row), covered, stack)) for row in rows)
    return total / samples


def influence(live: Live, most: int, *, tick: Tick = no_tick) -> Influence:
    """The first `most` rows of the greedy order; of equal gains the first row.

    When every row is reached in every sample, all count as unreached again and the next layer begins with the rows that
    are left.
    """
    samples, rows = live.start.shape[0], live.start.shape[1] - 1
    most = min(most, rows)
    reach = np.zeros(rows, np.int64)
    stamp, stack = np.full(rows, -1, np.int64), np.empty(rows + 1, np.int32)
    for begin in range(0, samples, SOME):
        _reach(live, (begin, min(begin + SOME, samples)), reach, stamp, stack)
        tick(0)
    order, gain = np.empty(most, np.int64), np.empty(most, np.int64)
    covered, bound = np.zeros((samples, rows), np.bool_), reach.copy()
    left, taken = np.ones(rows, np.bool_), 0
    while taken < most:
        stop = min(taken + SOME, most)
        now = _greedy(live, (covered, bound, left, stamp, stack), (order, gain), taken, stop)
        if now < stop:  # nothing is left to reach
            covered[:] = False
            bound[:] = np.where(left, reach, -1)
        taken = now
        tick(taken)
    return Influence(order, gain / samples, reach[order] / samples)


@njit(cache=True, nogil=True)
def _mixed(state: Any) -> Any:  # pragma: no cover - compiled
    """splitmix64 (Steele, Lea and Flood 2014)."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


@njit(cache=True, nogil=True)
def _draw(edges: Any, key: Any, live: Any, fill: Any) -> None:  # pragma: no cover - compiled
    """Count the edges of each row in each sample into start[:, row + 1]; with `fill`, write them behind `start`."""
    to, weight, names = edges
    first, start, kept = live
    samples = start.shape[0]
    every = np.arange(samples)
    golden = np.uint64(0x9E3779B97F4A7C15)
    for row in range(to.shape[0]):
        for at in range(to.shape[1]):
            other = to[row, at]
            if other < 0:
                continue
            state = _mixed(_mixed(key ^ names[row]) + golden * np.uint64(3) + names[other])
            state += golden
            wanted = int(weight[row, at] * samples + (_mixed(state) >> np.uint64(11)) * 2.0**-53)
            wanted = min(wanted, samples)
            for place in range(wanted):  # the first steps of a Fisher-Yates shuffle
                state += golden
                swap = place + int(_mixed(state) % np.uint64(samples - place))
                every[place], every[swap] = every[swap], every[place]
            for place in range(wanted):
                sample = every[place]
                if fill:
                    kept[first[sample] + start[sample, row]] = other
                    start[sample, row] += 1
                else:
                    start[sample, row + 1] += 1
            every[:] = np.arange(samples)


@njit(cache=True, nogil=True)
def _reach(live: Any, samples: Any, reach: Any, stamp: Any, stack: Any) -> None:  # pragma: no cover - compiled
    """Add to `reach` what each row reaches in these samples."""
    first, start, to = live
    rows = len(reach)
    for sample in range(samples[0], samples[1]):
        for row in range(rows):
            mark = np.int64(sample) * rows + row
            stamp[row], stack[0], size, seen = mark, row, 1, 1
            while size:
                size -= 1
                here = stack[size]
                for edge in range(first[sample] + start[sample, here], first[sample] + start[sample, here + 1]):
                    if stamp[to[edge]] != mark:
                        stamp[to[edge]] = mark
                        stack[size] = to[edge]
                        size += 1
                        seen += 1
            reach[row] += seen


@njit(cache=True, nogil=True)
def _cover(live: Any, row: Any, covered: Any, stack: Any) -> Any:  # pragma: no cover - compiled
    """Mark what the row reaches; returns how much of it is new. What is covered reaches only what is covered."""
    first, start, to = live
    new = 0
    for sample in range(covered.shape[0]):
        if covered[sample, row]:
            continue
        covered[sample, row], stack[0], size = True, row, 1
        while size:
            size -= 1
            here = stack[size]
            new += 1
            for edge in range(first[sample] + start[sample, here], first[sample] + start[sample, here + 1]):
                if not covered[sample, to[edge]]:
                    covered[sample, to[edge]] = True
                    stack[size] = to[edge]
                    size += 1
    return new


@njit(cache=True, nogil=True)
def _gain(live: Any, row: Any, covered: Any, stack: Any) -> Any:  # pragma: no cover - compiled
    """What the row would add: marked as in `_cover`, then unmarked."""
    first, start, to = live
    new = 0
    for sample in range(covered.shape[0]):
        if covered[sample, row]:
            continue
        covered[sample, row], stack[0], at, size = True, row, 0, 1
        while at < size:
            here = stack[at]
            at += 1
            for edge in range(first[sample] + start[sample, here], first[sample] + start[sample, here + 1]):
                if not covered[sample, to[edge]]:
                    covered[sample, to[edge]] = True
                    stack[size] = to[edge]
                    size += 1
        for place in range(size):
            covered[sample, stack[place]] = False
        new += size
    return new


@njit(cache=True, nogil=True)
def _greedy(live: Any, state: Any, told: Any, taken: Any, stop: Any) -> Any:  # pragma: no cover - compiled
    """Take rows until `stop` are taken or none adds anything. `fresh[row] == picks so far`: its bound is its gain."""
    covered, bound, left, fresh, stack = state
    order, gain = told
    rows = len(bound)
    blocks = (rows + BLOCK - 1) // BLOCK
    best = np.empty(blocks, np.int64)
    for block in range(blocks):
        best[block] = bound[block * BLOCK : (block + 1) * BLOCK].max()
    fresh[:] = -1
    while taken < stop:
        block = int(np.argmax(best))
        begin = block * BLOCK
        row = begin + int(np.argmax(bound[begin : begin + BLOCK]))
        if bound[row] < best[block]:
            best[block] = bound[row]
            continue
        if bound[row] <= 0:
            break
        if fresh[row] != taken:
            bound[row], fresh[row] = _gain(live, row, covered, stack), taken
            continue
        order[taken], gain[taken] = row, bound[row]
        _cover(live, row, covered, stack)
        bound[row], left[row] = -1, False
        taken += 1
    return taken
