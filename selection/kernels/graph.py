"""The graph of nearest rows: from each row an edge to each of its k nearest other rows. Exact.

On lattice vectors every product is a whole number, so neighbours and their ties are the same on any machine.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from selection.kernels.lattice import Lattice, Tick, blocks, no_tick
from selection.kernels.search import cuda

HELD = 16_000_000  # products that are held at once (64 MB)
NONE = -1


class Graph(NamedTuple):
    """`to` int32[N, k]: the nearest others, nearest first, ties by place, -1 where there are fewer;
    `near` int32[N, k]: their products, 0 there.
    """

    to: NDArray[np.int32]
    near: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.to)


def neighbours(points: Lattice, k: int, *, tick: Tick = no_tick) -> Graph:
    """The k nearest of each row by scalar product, itself left out by its place: an equal row is a neighbour.

    A row at the origin has no neighbours and is nobody's: it is like nothing. k is cut to N - 1; at most N x k x 8
    bytes. `tick(rows done)` once a block. Raises `ValueError` for k below 1.
    """
    if k < 1:
        raise ValueError("a row has at least one neighbour")
    rows, k = len(points), max(1, min(k, len(points) - 1))
    to, near = np.full((rows, k), NONE, np.int32), np.zeros((rows, k), np.int32)
    there = points.any(axis=1)
    held = _on_gpu(points) if cuda() else None
    for some in blocks(rows, max(1, min(1_024, HELD // max(1, rows)))):
        if held is None:
            found = points[some] @ points.T
        else:
            found = (held[some] @ held.T).cpu().numpy()
        _largest(found, some.start, there, to[some], near[some])
        tick(some.stop)
    return Graph(to, near)


def _on_gpu(points: Lattice) -> Any:
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False  # whole numbers up to 2**24 need all bits of float32
    return torch.from_numpy(points).cuda()


@njit(cache=True, nogil=True)
def _largest(found: Any, start: Any, there: Any, to: Any, near: Any) -> None:  # pragma: no cover - compiled
    """For each line the k largest by (-value, place), without its own place. A buffer is thinned when it is full."""
    lines, rows = found.shape
    k = to.shape[1]
    size = max(4 * k, 64)
    held = np.empty(size, np.int64)
    for line in range(lines):
        own = start + line
        if not there[own]:
            continue
        count, least, full = 0, np.float32(0), False
        for row in range(rows):
            value = found[line, row]
            # Places ascend, so of equals the one that is held already goes first.
            if (full and value <= least) or row == own or not there[row]:
                continue
            held[count] = -((np.int64(value) << 32) - row)
            count += 1
            if count == size:
                held.sort()
                count, full = k, True
                least = np.float32((-held[k - 1] + (1 << 32) - 1) >> 32)
        part = np.sort(held[:count])
        for at in range(min(k, count)):
            value = (-part[at] + (1 << 32) - 1) >> 32
            to[line, at] = (value << 32) + part[at]
            near[line, at] = value


class Supporters(NamedTuple):
    """Who has an edge to a row: `rows[start[u] : start[u + 1]]`, ascending. int64[N + 1] and int32[edges]."""

    start: NDArray[np.int64]
    rows: NDArray[np.int32]


def supporters(to: NDArray[np.int32]) -> Supporters:
    start, rows = _reverse(to)
    return Supporters(start, rows)


@njit(cache=True, nogil=True)
def _reverse(to: Any) -> Any:  # pragma: no cover - compiled
    count, k = to.shape
    start = np.zeros(count + 1, np.int64)
    for row in range(count):
        for at in range(k):
            if to[row, at] >= 0:
                start[to[row, at] + 1] += 1
    for row in range(count):
        start[row + 1] += start[row]
    place = start[:-1].copy()
    rows = np.empty(start[count], np.int32)
    for row in range(count):
        for at in range(k):
            other = to[row, at]
            if other >= 0:
                rows[place[other]] = row
                place[other] += 1
    return start, rows
