"""Sparse rows cut to their m largest entries, at a fixed width in bytes, and the exact bounds that such rows leave.

A stored row: m × uint32 index, m × float16 value, float32 mass, float32 rest; little-endian, 6 m + 8 bytes, m even.
Values are rounded down to float16, the largest first; `mass` is the sum of the whole row and `rest` what the stored
values lack of it: entries that were dropped and what rounding took. Unused places hold 0 at index 0.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from selection.kernels.sparse import HALF_MAX, Rows

STEP = 2.0**-10  # of float16: the next number is at most this share away,
TINY = 2.0**-24  # or this far, near 0
BLOCK = 2_048
ROUNDING = 1e-6  # by which bounds are widened for what float32 takes off the masses


class Stored(NamedTuple):
    """`index` uint32[n, m], `value` float32[n, m], `mass` and `rest` float32[n]."""

    index: NDArray[np.uint32]  # type: ignore[assignment]  # shadows tuple.index
    value: NDArray[np.float32]
    mass: NDArray[np.float32]
    rest: NDArray[np.float32]


def row_bytes(m: int) -> int:
    """Bytes of a row with m entries. Raises `ValueError` unless m is even and above 0."""
    if m < 2 or m % 2:
        raise ValueError(f"a stored row has an even number of entries, not {m}")
    return 6 * m + 8


def _layout(m: int) -> np.dtype[Any]:
    return np.dtype([("index", "<u4", (m,)), ("value", "<f2", (m,)), ("mass", "<f4"), ("rest", "<f4")])


def pack(rows: Rows, m: int) -> NDArray[np.uint8]:
    """uint8[n, 6 m + 8]. Of equal values the first indices stay."""
    width = row_bytes(m)
    made = np.zeros(len(rows), _layout(m))
    for row, (start, stop) in enumerate(zip(rows.start[:-1].tolist(), rows.start[1:].tolist(), strict=True)):
        index, value = rows.index[start:stop], rows.value[start:stop]
        order = np.argsort(-value, kind="stable")[:m]
        kept = _down(value[order])
        made["index"][row, : len(order)] = np.where(kept > 0, index[order], 0)
        made["value"][row, : len(order)] = kept
        total = float(value.sum(dtype=np.float64))
        made["mass"][row] = total
        made["rest"][row] = max(0.0, total - float(kept.sum(dtype=np.float64)))
    return made.view(np.uint8).reshape(len(rows), width)


def _down(value: NDArray[np.float32]) -> NDArray[np.float16]:
    """The largest float16 that is not above."""
    near = np.minimum(value, np.float32(HALF_MAX)).astype(np.float16)
    below = np.nextafter(near, np.float16(0))
    return np.where(near.astype(np.float32) > value, below, near)


def unpack(matrix: NDArray[np.uint8]) -> Stored:
    """Of uint8[n, 6 m + 8]. Raises `ValueError` for another width."""
    m = (matrix.shape[1] - 8) // 6
    if matrix.shape[1] != row_bytes(m):
        raise ValueError(f"a stored row cannot have {matrix.shape[1]} bytes")
    held = np.ascontiguousarray(matrix).view(_layout(m)).reshape(len(matrix))
    return Stored(held["index"], held["value"].astype(np.float32), held["mass"], held["rest"])


def sparse(stored: Stored) -> Rows:
    """The entries that are kept, as rows."""
    there = stored.value > 0
    start = np.concatenate([[0], np.cumsum(there.sum(axis=1))]).astype(np.int64)
    order = np.argsort(np.where(there, stored.index, np.iinfo(np.uint32).max), axis=1, kind="stable")
    there = np.take_along_axis(there, order, 1)
    return Rows(
        start, np.take_along_axis(stored.index, order, 1)[there], np.take_along_axis(stored.value, order, 1)[there]
    )


def dropped(stored: Stored) -> float:
    """The mean share of a row's mass that is not stored."""
    share = np.divide(stored.rest, stored.mass, out=np.zeros_like(stored.rest), where=stored.mass > 0)
    return float(share.mean()) if len(share) else 0.0


def bounds(
    matrix: NDArray[np.uint8], targets: NDArray[np.float32], muted: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(low, high) float32[n, M]: between them lies the generalised Jaccard of the whole row and each target [width, M].

    With m_kept the sum of minima over what is stored and r the rest, m lies in [m_kept, m_kept + min(r, what is left
    of the target)]. `muted` bool[width]: features that count as 0 on both sides. Raises `ValueError` for an index that
    the targets do not have.
    """
    aims = np.ascontiguousarray(targets, np.float32)
    quiet = np.zeros(len(aims), np.bool_) if muted is None else muted
    aims = np.where(quiet[:, None], np.float32(0), aims)
    low, high = (np.zeros((len(matrix), aims.shape[1]), np.float32) for _ in range(2))
    masses = aims.sum(axis=0, dtype=np.float64)
    for start in range(0, len(matrix), BLOCK):
        here = slice(start, start + BLOCK)
        part = unpack(matrix[here])
        if part.index.size and int(part.index.max()) >= len(aims):
            raise ValueError(f"a stored row names feature {int(part.index.max())} of {len(aims)}")
        any_muted = bool(quiet.any())
        if aims.shape[1] == 1 and not any_muted:
            _bounds_one(*part, aims[:, 0].copy(), masses[0], low[here, 0], high[here, 0])
        else:
            _bounds(*part, aims, masses, quiet, any_muted, low[here], high[here])
    return low, high


@njit(cache=True, nogil=True)
def _bounds_one(  # noqa: PLR0917
    index: Any, value: Any, mass: Any, rest: Any, aim: Any, target: Any, low: Any, high: Any
) -> None:
    """One target, nothing muted: the loop that a pool of millions goes through. float32 in lanes, added at the end."""
    lanes = 16
    shared, most = np.zeros(lanes, np.float32), np.zeros(lanes, np.float32)
    reached = np.zeros(lanes, np.float32)
    for row in range(len(index)):
        shared[:] = 0
        most[:] = 0
        reached[:] = 0
        at = 0
        while at + lanes <= index.shape[1] and value[row, at] > 0:
            for lane in range(lanes):
                here = value[row, at + lane]
                other = aim[index[row, at + lane]] if here > 0 else np.float32(0)
                shared[lane] += min(here, other)
                most[lane] += min(here * np.float32(1 + STEP) + np.float32(TINY), other)
                reached[lane] += other
            at += lanes
        m, upper, seen = np.float64(0), np.float64(0), np.float64(0)
        for lane in range(lanes):
            m += shared[lane]
            upper += most[lane]
            seen += reached[lane]
        while at < index.shape[1]:
            here = value[row, at]
            if here > 0:
                other = aim[index[row, at]]
                m += min(here, other)
                upper += min(here * np.float32(1 + STEP) + np.float32(TINY), other)
                seen += other
            at += 1
        more = min(np.float64(rest[row]), max(upper - m, 0.0) + max(target - seen, 0.0))
        low[row] = _ratio(m, mass[row] + target - m) * (1 - ROUNDING)
        high[row] = min(_ratio(m + more, mass[row] + target - m - more) * (1 + ROUNDING), 1.0)


@njit(cache=True, nogil=True)
def _bounds(  # noqa: PLR0917
    index: Any, value: Any, mass: Any, rest: Any, targets: Any, masses: Any, quiet: Any, any_muted: bool, low: Any,
    high: Any,
) -> None:  # fmt: skip
    many = targets.shape[1]
    shared, most, reached = np.empty(many), np.empty(many), np.empty(many)
    for row in range(len(index)):
        shared[:] = 0
        most[:] = 0
        reached[:] = 0
        kept = 0.0
        for at in range(index.shape[1]):
            here = value[row, at]
            place = index[row, at]
            if not here > 0 or quiet[place]:
                continue
            kept += here
            other = targets[place]
            upper = here * np.float32(1 + STEP) + np.float32(TINY)
            for t in range(many):
                shared[t] += min(here, other[t])
                most[t] += min(upper, other[t])
                reached[t] += other[t]
        # How much of the rest is muted is not known: the most of it lies in the lower bound's denominator, and only
        # what the target shares in the upper bound's.
        total = kept + rest[row]
        for t in range(many):
            more = min(np.float64(rest[row]), max(most[t] - shared[t], 0.0) + max(masses[t] - reached[t], 0.0))
            largest = kept + more if any_muted else total
            low[row, t] = _ratio(shared[t], total + masses[t] - shared[t]) * (1 - ROUNDING)
            high[row, t] = min(_ratio(shared[t] + more, largest + masses[t] - shared[t] - more) * (1 + ROUNDING), 1.0)


@njit(cache=True, nogil=True, inline="always")
def _ratio(part: Any, whole: Any) -> float:
    return part / whole if whole > 0 else 0.0  # type: ignore[no-any-return]
