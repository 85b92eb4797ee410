"""A layer of which each line uses k of many rows: the sums forwards and backwards, without a dense lines × rows.

Each sum is added in one order, so the same input gives the same bits on any number of threads.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray


def weighted(
    value: NDArray[np.float32], index: NDArray[np.int64], rows: NDArray[np.float32], threads: int = 1
) -> NDArray[np.float32]:
    """float32[n, d]: sum over j of value[i, j] × rows[index[i, j]]."""
    out = np.zeros((len(value), rows.shape[1]), np.float32)
    _spread(len(value), threads, lambda low, high: _weighted(value, index, rows, out, low, high))
    return out


def products(
    lines: NDArray[np.float32], index: NDArray[np.int64], rows: NDArray[np.float32], threads: int = 1
) -> NDArray[np.float32]:
    """float32[n, k]: the scalar product of lines[i] and rows[index[i, j]]."""
    out = np.empty(index.shape, np.float32)
    _spread(len(lines), threads, lambda low, high: _products(lines, index, rows, out, low, high))
    return out


def gathered(
    value: NDArray[np.float32], index: NDArray[np.int64], lines: NDArray[np.float32], rows: int, threads: int = 1
) -> NDArray[np.float32]:
    """float32[rows, d]: row r is the sum of value[i, j] × lines[i] over all places with index[i, j] == r."""
    out = np.zeros((rows, lines.shape[1]), np.float32)
    flat = index.ravel()
    order = np.argsort(flat, kind="stable")
    edges = np.searchsorted(flat[order], np.arange(rows + 1))
    weights, k = value.ravel(), index.shape[1]
    _spread(rows, threads, lambda low, high: _gathered(weights, order, edges, lines, k, out, low, high))
    return out


def _spread(count: int, threads: int, work: Callable[[int, int], None]) -> None:
    if threads < 2 or count < 2 * threads:
        work(0, count)
        return
    edges = np.linspace(0, count, threads + 1).astype(int).tolist()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, edges[:-1], edges[1:]))


@njit(cache=True, nogil=True)
def _weighted(value: Any, index: Any, rows: Any, out: Any, low: Any, high: Any) -> None:  # noqa: PLR0917
    for i in range(low, high):
        line = out[i]
        for j in range(value.shape[1]):
            weight = value[i, j]
            if weight != 0:
                row = rows[index[i, j]]
                for at in range(len(line)):
                    line[at] += weight * row[at]


@njit(cache=True, nogil=True, fastmath={"reassoc"})
def _products(lines: Any, index: Any, rows: Any, out: Any, low: Any, high: Any) -> None:  # noqa: PLR0917
    for i in range(low, high):
        line = lines[i]
        for j in range(index.shape[1]):
            row = rows[index[i, j]]
            total = np.float32(0)
            for at in range(len(line)):
                total += line[at] * row[at]
            out[i, j] = total


@njit(cache=True, nogil=True)
def _gathered(  # noqa: PLR0917
    weights: Any, order: Any, edges: Any, lines: Any, k: Any, out: Any, low: Any, high: Any
) -> None:
    for r in range(low, high):
        row = out[r]
        for at in range(edges[r], edges[r + 1]):
            weight = weights[order[at]]
            if weight != 0:
                line = lines[order[at] // k]
                for place in range(len(row)):
                    row[place] += weight * line[place]
