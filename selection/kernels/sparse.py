"""Sparse non-negative rows: the k largest numbers, means over tokens, generalised Jaccard, rows cut short with bounds.

Generalised Jaccard of two non-negative vectors is J = sum min(z, p) / sum max(z, p). Since min + max = z + p,
J = m / (|z| + |p| - m) with m = sum of min(z, p) over the entries of z that are not 0: nothing dense is ever made of a
row. J grows with m, so a row of which only the largest entries are kept still has exact bounds.

Everything adds up in one fixed order, so a row's numbers do not depend on the rows around it.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

HALF_MAX = 65_504.0  # the largest float16


class Rows(NamedTuple):
    """Row r is index[start[r]:start[r+1]] (uint32, ascending, each once) and value (float32, above 0) at these places."""

    start: NDArray[np.int64]
    index: NDArray[np.uint32]  # type: ignore[assignment]  # shadows tuple.index
    value: NDArray[np.float32]

    def __len__(self) -> int:  # type: ignore[override]
        return len(self.start) - 1

    def mass(self) -> NDArray[np.float64]:
        """float64[n]: the sum of each row."""
        total = np.concatenate([[0.0], np.cumsum(self.value, dtype=np.float64)])
        return np.asarray(total[self.start[1:]] - total[self.start[:-1]])

    def without(self, muted: NDArray[np.integer[Any]]) -> "Rows":
        """The same rows with these places set to 0."""
        if not len(muted):
            return self
        kept = ~np.isin(self.index, muted)
        count = np.concatenate([[0], np.cumsum(kept)])
        return Rows(count[self.start], self.index[kept], self.value[kept])

    def take(self, rows: NDArray[np.int64]) -> "Rows":
        """Some of the rows, in that order."""
        size = np.diff(self.start)[rows]
        start = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
        at = np.arange(start[-1]) + np.repeat(self.start[rows] - start[:-1], size)
        return Rows(start, self.index[at], self.value[at])

    def arrays(self, prefix: str = "") -> dict[str, NDArray[Any]]:
        """As named arrays, for a part of a pass; `of` makes the rows of them again."""
        return {prefix + name: getattr(self, name) for name in self._fields}

    @classmethod
    def of(cls, arrays: Any, prefix: str = "") -> "Rows":
        return cls(*(arrays[prefix + name] for name in cls._fields))


def join(pieces: list[Rows]) -> Rows:
    """One after the other."""
    if not pieces:
        return Rows(np.zeros(1, np.int64), np.empty(0, np.uint32), np.empty(0, np.float32))
    shift = np.cumsum([0, *(piece.start[-1] for piece in pieces)])
    start = [piece.start[:-1] + at for piece, at in zip(pieces, shift, strict=False)]
    return Rows(
        np.concatenate([*start, shift[-1:]]).astype(np.int64),
        np.concatenate([piece.index for piece in pieces]),
        np.concatenate([piece.value for piece in pieces]),
    )


# --- the largest of each line ---


def top_k(numbers: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The k largest positive numbers of each line of float32[n, w], largest first: float32[n, k], int64[n, k].

    Of equal numbers the first places win. Where fewer than k are positive, 0 at place 0. NaN counts as nothing.
    """
    value = np.zeros((len(numbers), k), np.float32)
    index = np.zeros((len(numbers), k), np.int64)
    if k:
        _top_k(np.ascontiguousarray(numbers, np.float32), value, index)
    return value, index


@njit(cache=True, nogil=True)
def _top_k(numbers: Any, value: Any, index: Any) -> None:
    """A heap of the best so far, its least on top: after a few hundred numbers hardly any comes in."""
    width, k = numbers.shape[1], value.shape[1]
    for row in range(len(numbers)):
        line, held, place = numbers[row], value[row], index[row]
        count, least = 0, np.float32(0)
        for at in range(width):
            new = line[at]
            if not new > least:
                continue
            if count < k:
                hole = count
                count += 1
                while hole and _after(held[(hole - 1) >> 1], place[(hole - 1) >> 1], new, at):
                    held[hole], place[hole] = held[(hole - 1) >> 1], place[(hole - 1) >> 1]
                    hole = (hole - 1) >> 1
                held[hole], place[hole] = new, at
            else:
                _sink(held, place, k, new, at)
            if count == k:
                least = held[0]
        for end in range(count - 1, 0, -1):  # heap sort: the least to the end
            low, where = held[0], place[0]
            _sink(held, place, end, held[end], place[end])
            held[end], place[end] = low, where


@njit(cache=True, nogil=True, inline="always")
def _after(a: Any, a_place: Any, b: Any, b_place: Any) -> bool:
    """Whether a comes before b in the order of the best: so b is nearer to the top of the heap."""
    return bool(a > b or (a == b and a_place < b_place))


@njit(cache=True, nogil=True)
def _sink(held: Any, place: Any, count: int, new: Any, at: Any) -> None:
    """Put `new` in place of the top of a heap of `count`."""
    hole = 0
    while True:
        child = 2 * hole + 1
        if child >= count:
            break
        if child + 1 < count and _after(held[child], place[child], held[child + 1], place[child + 1]):
            child += 1
        if not _after(new, at, held[child], place[child]):
            break
        held[hole], place[hole] = held[child], place[child]
        hole = child
    held[hole], place[hole] = new, at


# --- tokens to rows ---


def pooled(value: NDArray[np.float32], index: NDArray[np.int64], tokens: NDArray[np.int64], width: int) -> Rows:
    """The mean over each row's tokens: `value`, `index` [T, k] hold its tokens one after the other, `tokens` int64[n].

    float32, added in the order of the tokens; a row without a token is empty. No dense tokens × width is made.
    """
    start = np.concatenate([[0], np.cumsum(tokens)]).astype(np.int64)
    if start[-1] != len(value):
        raise ValueError(f"{len(value)} tokens for rows that have {start[-1]}")
    room = np.zeros(len(tokens) + 1, np.int64)
    np.cumsum(np.minimum(tokens * value.shape[1], width), out=room[1:])
    out_index, out_value = np.empty(room[-1], np.uint32), np.empty(room[-1], np.float32)
    ends = np.zeros(len(tokens) + 1, np.int64)
    _pool(value, index, start, np.zeros(width, np.float32), out_index, out_value, ends)
    return Rows(ends, out_index[: ends[-1]], out_value[: ends[-1]])


@njit(cache=True, nogil=True)
def _pool(  # noqa: PLR0917
    value: Any, index: Any, start: Any, total: Any, out_index: Any, out_value: Any, ends: Any
) -> None:
    touched = np.empty(len(total), np.int64)
    at = 0
    for row in range(len(start) - 1):
        count = 0
        for token in range(start[row], start[row + 1]):
            for j in range(value.shape[1]):
                if value[token, j] > 0:
                    place = index[token, j]
                    if total[place] == 0:
                        touched[count] = place
                        count += 1
                    total[place] += value[token, j]
        tokens = np.float32(start[row + 1] - start[row])
        places = np.sort(touched[:count])
        for place in places:
            out_index[at], out_value[at] = place, total[place] / tokens
            total[place] = 0
            at += 1
        ends[row + 1] = at


# --- generalised Jaccard ---


def table(targets: Rows, width: int) -> NDArray[np.float32]:
    """float32[width, M]: the targets side by side, as scoring reads them."""
    made = np.zeros((width, len(targets)), np.float32)
    of = np.repeat(np.arange(len(targets)), np.diff(targets.start))
    made[targets.index, of] = targets.value
    return made


def jaccard(rows: Rows, targets: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32[n, M] for targets [width, M]. 0 where both are empty."""
    out = np.zeros((len(rows), targets.shape[1]), np.float32)
    _jaccard(rows.start, rows.index, rows.value, targets, targets.sum(axis=0, dtype=np.float64), out)
    return out


@njit(cache=True, nogil=True)
def _jaccard(start: Any, index: Any, value: Any, targets: Any, masses: Any, out: Any) -> None:  # noqa: PLR0917
    shared = np.empty(targets.shape[1])
    for row in range(len(start) - 1):
        shared[:] = 0
        mass = 0.0
        for at in range(start[row], start[row + 1]):
            mass += value[at]
            other = targets[index[at]]
            for t in range(len(shared)):
                shared[t] += min(value[at], other[t])
        for t in range(len(shared)):
            both = mass + masses[t] - shared[t]
            out[row, t] = shared[t] / both if both > 0 else 0.0


def cosine(rows: Rows, targets: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32[n, M]: the cosine of each row and each target [width, M]; 0 where one is empty."""
    out = np.zeros((len(rows), targets.shape[1]), np.float32)
    norms = np.sqrt(np.einsum("ij,ij->j", targets, targets, dtype=np.float64))
    _cosine(rows.start, rows.index, rows.value, targets, norms, out)
    return out


@njit(cache=True, nogil=True)
def _cosine(start: Any, index: Any, value: Any, targets: Any, norms: Any, out: Any) -> None:  # noqa: PLR0917
    product = np.empty(targets.shape[1])
    for row in range(len(start) - 1):
        product[:] = 0
        square = 0.0
        for at in range(start[row], start[row + 1]):
            here = np.float64(value[at])
            square += here * here
            other = targets[index[at]]
            for t in range(len(product)):
                product[t] += here * other[t]
        for t in range(len(product)):
            size = np.sqrt(square) * norms[t]
            out[row, t] = product[t] / size if size > 0 else 0.0
