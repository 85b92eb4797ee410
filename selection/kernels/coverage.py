"""Greedy coverage: k-centre, and facility location.

k-centre greedy (Gonzalez 1985) always takes the row that is farthest from what it has; the largest distance that
is left is at most twice the best possible. Facility location takes the row that adds most to the sum, over
references, of the similarity to the nearest row taken: within 1 - 1/e of the best (Nemhauser and others 1978), here
with lazy gains (Minoux 1978).
Both work on lattice vectors, so distances and gains are whole numbers and equal rows are ordered by their place.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from selection.kernels.lattice import SCALE, Lattice, Tick, blocks, middle, nearest, no_tick, squares


class Centres(NamedTuple):
    """`order`: int64 rows as they were taken; `distance`: float64, from each to the nearest taken before (0..2).

    The first row has no distance: -1.
    """

    order: NDArray[np.int64]
    distance: NDArray[np.float64]


def first_row(points: Lattice, targets: Lattice | None = None) -> int:
    """The row nearest to the mean of the targets, or of the points when there are none. Ties: the first row."""
    _, sims = nearest(points, middle(points if targets is None or not len(targets) else targets))
    return int(sims.argmax())


def k_center(
    points: Lattice, most: int, *, start: int | None = None, candidates: int = 1_024, tick: Tick = no_tick
) -> Centres:
    """The first `most` rows of the greedy order; all rows when `most` is at least N.

    Distances only shrink, so a row's last known distance is a bound. The loop works on the rows with the largest
    bounds, and brings all others up to date (in one matrix product for all rows taken since) only when one of them
    might be farther. The result is that of the plain greedy and does not depend on `candidates`.
    """
    rows, most = len(points), min(most, len(points))
    if not most:
        return Centres(np.empty(0, np.int64), np.empty(0))
    norms = squares(points)
    state = _Far(points, norms)
    order, distance = [first_row(points) if start is None else start], [-1.0]
    state.pending.append(order[0])
    while len(order) < most:
        state.settle(candidates)
        taken = 0
        while len(order) < most and (row := state.farthest()) >= 0:
            order.append(row)
            distance.append(float(np.sqrt(state.here.max())) / SCALE)
            state.take(row)
            taken += 1
            if not taken % 16:
                tick(len(order))
        tick(len(order))
        if not taken:
            break  # every row that is left equals one that was taken
        candidates = min(rows, 2 * candidates) if taken < 32 else candidates
    return _with_the_rest(order, distance, rows, most)


def _with_the_rest(order: list[int], distance: list[float], rows: int, most: int) -> Centres:
    """Rows that equal one taken before come last, by place."""
    left = np.ones(rows, bool)
    left[order] = False
    rest = np.flatnonzero(left)[: most - len(order)]
    return Centres(
        np.concatenate([np.array(order, np.int64), rest]), np.concatenate([np.array(distance), np.zeros(len(rest))])
    )


class _Far:
    """Squared distances to the rows taken: exact for the candidates, bounds for all others."""

    def __init__(self, points: Lattice, norms: NDArray[np.float64]) -> None:
        self.points, self.norms = points, norms
        self.bounds = np.full(len(points), np.inf)
        self.pending: list[int] = []

    def settle(self, candidates: int) -> None:
        """Bring every row up to date and choose the candidates: those farthest, in order of place."""
        for part in blocks(len(self.points)):
            self.bounds[part] = self._closer(self.points[part], self.norms[part], self.bounds[part], self.pending)
        self.pending = []
        self.among, self.floor = _top(self.bounds, candidates)
        self.held, self.held_norms = self.points[self.among], self.norms[self.among]
        self.here = self.bounds[self.among]

    def farthest(self) -> int:
        """The candidate that is farthest of all rows, or -1 when another might be, or when none is apart."""
        at = int(self.here.argmax())
        return int(self.among[at]) if self.here[at] > max(self.floor, 0.0) else -1

    def take(self, row: int) -> None:
        self.pending.append(row)
        self.here = self._closer(self.held, self.held_norms, self.here, [row])

    def _closer(
        self, points: Lattice, norms: NDArray[np.float64], known: NDArray[np.float64], taken: list[int]
    ) -> NDArray[np.float64]:
        if not taken:
            return known
        apart = (points @ self.points[taken].T).astype(np.float64)
        apart *= -2.0
        apart += self.norms[taken]
        found: NDArray[np.float64] = np.minimum(known, apart.min(axis=1) + norms)
        return found


class Sites(NamedTuple):
    """`order`: int64 rows as they were taken. For each: `gain` float64 in units of cosine, `served` int64 the
    reference it adds most to (-1: none), `similarity` float64 to that one, `nearer` int64 references it is now the
    nearest to, `layer` int64 from 0.
    """

    order: NDArray[np.int64]
    gain: NDArray[np.float64]
    served: NDArray[np.int64]
    similarity: NDArray[np.float64]
    nearer: NDArray[np.int64]
    layer: NDArray[np.int64]


def facility_location(
    points: Lattice, references: Lattice, most: int, *, candidates: int = 512, tick: Tick = no_tick
) -> Sites:
    """The first `most` rows of the greedy order on f(S) = sum over references of max(0, max over S of similarity).

    When no row adds anything any more, every reference is counted as uncovered again and the next layer begins
    with the rows that are left; rows that are like no reference come last, by place. The order is that of the plain
    greedy: the gains are sums of whole numbers, and ties go to the first row. Similarity is the scalar product.
    A gain only shrinks, so the loop works on the rows with the largest, as `k_center` does with distances.
    """
    return _Sites(points, references, tick).run(min(most, len(points)), candidates)


HELD = 64_000_000  # similarities that are kept in memory (256 MB); more are computed anew when they are needed
CANDIDATES = 16_000_000  # similarities of candidates at most


class _Sites:
    """Gains of every row: exact for the candidates, bounds for all others, as a gain only shrinks within a layer."""

    def __init__(self, points: Lattice, references: Lattice, tick: Tick) -> None:
        self.points, self.references, self.tick = points, references, tick
        self.taken: list[tuple[int, float, int, float, int, int]] = []
        self.held: NDArray[np.float32] | None = None
        if len(points) * len(references) <= HELD:
            self.held = np.empty((len(points), len(references)), np.float32)
            for part in blocks(len(points)):
                self.held[part] = points[part] @ references.T
        self.left = np.ones(len(points), bool)
        self.covered = np.zeros(len(references), np.float32)
        self.settled = self.covered.copy()  # what was covered when all bounds were exact
        self.alone = np.zeros(len(points))  # what each row adds to nothing
        self._every(lambda sims: np.maximum(sims, 0).sum(axis=1, dtype=np.float64), self.alone)

    def run(self, most: int, candidates: int) -> Sites:
        layer = 0
        while len(self.taken) < most and self._layer(layer, most, candidates):
            layer += 1
        rest = np.flatnonzero(self.left)[: most - len(self.taken)].tolist()
        self.taken += [(row, 0.0, -1, 0.0, 0, layer) for row in rest]
        order, gain, served, similarity, nearer, layers = zip(*self.taken, strict=True) if self.taken else [()] * 6
        return Sites(
            np.array(order, np.int64), np.array(gain, np.float64) / SCALE**2, np.array(served, np.int64),
            np.array(similarity, np.float64) / SCALE**2, np.array(nearer, np.int64), np.array(layers, np.int64),
        )  # fmt: skip

    def _layer(self, layer: int, most: int, candidates: int) -> bool:
        """Take rows while they add something; whether any did."""
        self.bounds = np.where(self.left, self.alone, 0.0)
        self.covered[:], self.settled[:] = 0, 0
        before = len(self.taken)
        while len(self.taken) < most:
            self._settle(candidates)
            held = len(self.taken)
            while len(self.taken) < most and self.here.max(initial=0.0) > max(self.floor, 0.0):
                self._take(int(self.here.argmax()), layer)
            if len(self.taken) == held:
                break  # no row adds anything
            few = len(self.taken) < held + 32
            candidates = min(2 * candidates, max(64, CANDIDATES // len(self.references))) if few else candidates
        return len(self.taken) > before

    def _settle(self, candidates: int) -> None:
        """Bring every bound up to date for what was covered since, and choose the candidates."""
        changed = np.flatnonzero(self.covered > self.settled)
        if len(changed):
            was, now = self.settled[changed], self.covered[changed]
            self._every(lambda sims: -_covers(sims, was, now), self.bounds, changed)
            self.bounds[~self.left] = 0.0
            self.settled[:] = self.covered
        self.among, self.floor = _top(self.bounds, candidates)
        self.here = self.bounds[self.among]
        self.near = self._sims(self.among)

    def _every(
        self, adds: Callable[[NDArray[np.float32]], NDArray[np.float64]], to: NDArray[np.float64],
        columns: NDArray[np.int64] | None = None,
    ) -> None:  # fmt: skip
        many = len(self.references) if columns is None else len(columns)
        for part in blocks(len(self.points), max(64, 1_000_000 // max(1, many))):
            to[part] += adds(self._sims(part, columns))
            self.tick(len(self.taken))

    def _sims(self, rows: NDArray[np.int64] | slice, columns: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        if self.held is not None:
            return self.held[rows] if columns is None else self.held[rows][:, columns]
        references = self.references if columns is None else self.references[columns]
        sims: NDArray[np.float32] = self.points[rows] @ references.T
        return sims

    def _take(self, at: int, layer: int) -> None:
        row, sims = int(self.among[at]), self.near[at]
        adds = sims - self.covered
        served = int(adds.argmax())
        changed = np.flatnonzero(adds > 0)
        self.taken.append((row, float(self.here[at]), served, float(sims[served]), len(changed), layer))
        was, now = self.covered[changed], sims[changed]
        self.here -= _covers(self.near[:, changed], was, now)
        self.covered[changed] = now
        self.left[row] = False
        if not len(self.taken) % 16:
            self.tick(len(self.taken))


def _covers(sims: NDArray[np.float32], was: NDArray[np.float32], now: NDArray[np.float32]) -> NDArray[np.float64]:
    """What each row [rows, references] can no longer add once the references are covered up to `now`."""
    lost: NDArray[np.float64] = (np.clip(sims, was, now) - was).sum(axis=1, dtype=np.float64)
    return lost


def _top(bounds: NDArray[np.float64], many: int) -> tuple[NDArray[np.int64], float]:
    """Rows with the largest bounds, in order of place, and the largest bound of any other row (-1: there is none).

    Equals stay together, so that the first of them is seen; `many` is met as nearly as that allows.
    """
    rows = len(bounds)
    if many >= rows:
        return np.arange(rows), -1.0
    cut = float(np.partition(bounds, rows - many - 1)[rows - many - 1])
    among = np.flatnonzero(bounds > cut)
    if len(among):
        return among, cut
    return np.flatnonzero(bounds == cut), float(bounds[bounds < cut].max(initial=-1.0))
