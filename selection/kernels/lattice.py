"""Unit vectors on a lattice of whole numbers, so that every scalar product is exact.

A unit vector is multiplied by 4,000 and rounded. The product of two such vectors, and every partial sum of it, is a
whole number of at most 2**24, which float32 holds exactly. So a matrix product gives the same bits in whatever order
a library adds, however the rows are blocked and on any machine: two equal rows are at distance 0, ties are ties, and
greedy choices do not hang on rounding. The cosine of two rows moves by about 0.0001.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

SCALE = 4_000
WIDEST = 30_000  # dimensions up to which the norm of a rounded vector stays below 4,096
BLOCK = 4_096

Lattice = NDArray[np.float32]
Tick = Callable[[int], None]


def no_tick(done: int) -> None:
    """Nobody is waiting for progress."""


def lattice(vectors: NDArray[np.floating], order: NDArray[np.int64] | None = None) -> Lattice:
    """float32[N, d] of whole numbers for floats [N, d] of any norm, in `order` where one is given.

    A vector of zeros stays one: it is like nothing. Raises `ValueError` for values that are not finite, or when
    there are more than 30,000 dimensions.
    """
    if vectors.ndim != 2 or vectors.shape[1] > WIDEST:
        raise ValueError(f"vectors are rows of at most {WIDEST} numbers, not an array of shape {vectors.shape}")
    rows = len(vectors) if order is None else len(order)
    made = np.empty((rows, vectors.shape[1]), np.float32)
    for start in range(0, rows, BLOCK):
        block = vectors[start : start + BLOCK] if order is None else vectors[order[start : start + BLOCK]]
        exact = np.asarray(block, np.float64)
        if not np.isfinite(exact).all():
            raise ValueError("a vector holds a number that is not finite")
        largest = np.abs(exact).max(axis=1, keepdims=True, initial=0.0)
        exact = exact / np.where(largest > 0, largest, 1.0)  # so that no square overflows or vanishes
        norm = np.sqrt((exact * exact).sum(axis=1, keepdims=True))
        made[start : start + BLOCK] = np.rint(exact / np.where(norm > 0, norm, 1.0) * SCALE)
    return made


def squares(points: Lattice) -> NDArray[np.float64]:
    """The squared norm of each point: a whole number."""
    out = np.empty(len(points))
    for start in range(0, len(points), BLOCK):
        block = points[start : start + BLOCK]
        out[start : start + BLOCK] = np.einsum("ij,ij->i", block, block)
    return out


def lengths(points: Lattice) -> NDArray[np.float64]:
    """The norm of each point, 1 for a point at the origin (so that it can be divided by)."""
    found = np.sqrt(squares(points))
    return np.where(found > 0, found, 1.0)


def blocks(rows: int, size: int = BLOCK) -> Iterator[slice]:
    """Slices that cover 0..rows."""
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


def middle(points: Lattice) -> Lattice:
    """float32[1, d]: the direction of the mean. At the origin when the points cancel out or there are none."""
    total = np.zeros((1, points.shape[1]))
    for part in blocks(len(points)):
        total += points[part].sum(axis=0, dtype=np.float64)
    return lattice(total)


def nearest(points: Lattice, to: Lattice) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each point the index of the vector in `to` [M, d] with the largest cosine (the first of equals), and it.

    M must be at least 1.
    """
    at, best = np.empty(len(points), np.int64), np.empty(len(points))
    size, other = lengths(points), lengths(to)
    for part in blocks(len(points), max(256, 4_000_000 // max(1, len(to)))):
        sims = (points[part] @ to.T).astype(np.float64) / other
        at[part] = sims.argmax(axis=1)
        best[part] = sims[np.arange(len(sims)), at[part]] / size[part]
    return at, best


def cosines(points: Lattice, others: Lattice) -> NDArray[np.float64]:
    """float64[N]: the cosine of each point and the point at the same place of `others`; 0 at the origin."""
    found: NDArray[np.float64] = np.einsum("ij,ij->i", points, others).astype(np.float64)
    return found / (lengths(points) * lengths(others))
