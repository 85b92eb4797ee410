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


def _fields(matrix: NDArray[np.uint8]) -> NDArray[Any]:
    m = (matrix.shape[1] - 8) // 6
    if matrix.shape[1] != row_bytes(m):
        raise ValueError(f"a stored row cannot have {matrix.shape[1]} bytes")
    return np.ascontiguousarray(matrix).view(_layout(m)).reshape(len(matrix))


def unpack(matrix: NDArray[np.uint8]) -> Stored:
    """Of uint8[n, 6 m + 8]. Raises `ValueError` for another width."""
    held = _fields(matrix)
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
    any_muted = bool(quiet.any())
    aims = np.where(quiet[:, None], np.float32(0), aims) if any_muted else aims
    low, high = (np.zeros((len(matrix), aims.shape[1]), np.float32) for _ in range(2))
    masses = aims.sum(axis=0, dtype=np.float64)
    alone = aims[:, 0].copy() if aims.shape[1] == 1 and not any_muted else None
    for start in range(0, len(matrix), BLOCK):
        here = slice(start, start + BLOCK)
        held = _fields(matrix[here])
        if alone is not None:
            half = held["value"].view("<u2")
            top = _bounds_one(
                held["index"], half, held["mass"], held["rest"], alone, masses[0], low[here, 0], high[here, 0]
            )
        else:
            part = unpack(matrix[here])
            top = int(part.index.max(initial=0))
            if top < len(aims):
                _bounds(*part, aims, masses, quiet, any_muted, low[here], high[here])
                continue
        if top >= 0:
            raise ValueError(f"a stored row names feature {top} of {len(aims)}")
    return low, high


@njit(cache=True, nogil=True, fastmath={"reassoc", "nsz"})
def _bounds_one(  # noqa: PLR0917
    index: Any, half: Any, mass: Any, rest: Any, aim: Any, target: Any, low: Any, high: Any
) -> int:
    """One target, nothing muted: the loop that a pool of millions goes through. The largest index that is too large.

    `half`: the bits of the float16 values. Moved into a float32 they are the value times 2^-112, exactly.
    """
    bits = np.empty(index.shape[1], np.uint32)
    value = bits.view(np.float32)
    scale = np.float32(2.0**112)
    for row in range(len(index)):
        top = np.uint32(0)
        for at in range(index.shape[1]):
            bits[at] = np.uint32(half[row, at]) << np.uint32(13)
            top = max(top, index[row, at])
        if top >= len(aim):
            return int(top)
        shared, seen = np.float32(0), np.float32(0)
        for at in range(index.shape[1]):
            other = aim[index[row, at]] if bits[at] else np.float32(0)
            shared += min(value[at] * scale, other)
            seen += other
        m = np.float64(shared)
        # Rounding took at most a step of each value that is kept; the rest lies in features that are not.
        steps = (mass[row] - rest[row]) * STEP + index.shape[1] * TINY
        more = min(np.float64(rest[row]), steps + max(target * (1 + ROUNDING) - seen, 0.0))
        low[row] = _ratio(m, mass[row] + target - m) * (1 - ROUNDING)
        high[row] = min(_ratio(m + more, mass[row] + target - m - more) * (1 + ROUNDING), 1.0)
    return -1


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
