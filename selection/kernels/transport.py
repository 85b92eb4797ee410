"""TSDS: a distribution over the pool that is near the targets and spread out, by optimal transport.

Liu, Karbasi and Rekatsinas 2024, arXiv 2410.11303, §4 and Alg. 1. Every target spreads the mass 1/M over its nearest
rows. No row takes more than 1 / (M s rho) from one target, where rho says how crowded the row's surroundings are, so
near-duplicates share what one row would get. s grows until the way to farther rows would cost too much.
"""

import heapq
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from selection.kernels.lattice import SCALE, Lattice, Tick, blocks, no_tick, squares


class Neighbours(NamedTuple):
    """`place` int64[M, K], the rows nearest to each target, nearest first, ties by place; `distance` float64[M, K],
    Euclidean between unit vectors, 0..2.
    """

    place: NDArray[np.int64]
    distance: NDArray[np.float64]


def neighbours(points: Lattice, targets: Lattice, most: int, *, tick: Tick = no_tick) -> Neighbours:
    """Exact nearest rows of each target, K = min(most, N)."""
    rows, most = len(points), min(most, len(points))
    norms, own = squares(points), squares(targets)
    place = np.empty((len(targets), most), np.int64)
    apart = np.empty((len(targets), most))
    for some in blocks(len(targets), max(1, 8_000_000 // max(1, rows))):
        square = np.empty((some.stop - some.start, rows))
        for part in blocks(rows):
            found = (targets[some] @ points[part].T).astype(np.float64)
            square[:, part] = norms[part] - 2 * found + own[some, None]
        for at, line in enumerate(square, some.start):
            place[at] = smallest(line, most)
            apart[at] = line[place[at]]
            tick(0)
    return Neighbours(place, np.sqrt(apart) / SCALE)


def smallest(values: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Positions of the `most` smallest values, ascending, ties by position."""
    if most >= len(values):
        return np.argsort(values, kind="stable")
    if most < 1:
        return np.empty(0, np.int64)
    cut = np.partition(values, most - 1)[most - 1]
    below = np.flatnonzero(values < cut)
    at = np.concatenate([below, np.flatnonzero(values == cut)[: most - len(below)]])
    return at[np.lexsort((at, values[at]))]


def density(
    points: Lattice, rows: NDArray[np.int64], *, sigma: float, most: int = 1_000, tick: Tick = no_tick
) -> NDArray[np.float64]:
    """rho(x) = sum of (1 - D(x, y)^2 / sigma^2)+ over the `most` rows y nearest to x in the whole pool, x itself
    among them, for the given rows: at least 1. 1 where sigma is 0.
    """
    width = round(sigma * sigma * SCALE * SCALE)
    if width < 1:
        return np.ones(len(rows))
    norms, found = squares(points).astype(np.float32), np.ones(len(rows))
    for some in blocks(len(rows), 256):
        here, own = points[rows[some]], np.float32(width) - norms[rows[some], None]
        total, near = np.zeros(len(here)), np.zeros(len(here), np.int64)
        for part in blocks(len(points), 2_048):
            kernel = _kernel(here, own, points[part], norms[part])
            total += kernel.sum(axis=1, dtype=np.float64)
            near += np.count_nonzero(kernel, axis=1)
        for at in np.flatnonzero(near > most).tolist():
            line = _kernel(here[at : at + 1], own[at : at + 1], points, norms)[0]
            total[at] = np.partition(line, len(points) - most)[len(points) - most :].sum(dtype=np.float64)
        found[some] = np.maximum(total / width, 1.0)
        tick(some.stop)
    return found


def _kernel(here: Lattice, own: NDArray[np.float32], others: Lattice, norms: NDArray[np.float32]) -> NDArray[Any]:
    """(width - D^2)+ [here, others] in whole numbers, where `own` is width - the squared norms of `here`.

    What is above 0 is exact for a sigma of at most 1.4, and so is a sum of it in float64.
    """
    found: NDArray[np.float32] = here @ others.T
    found *= 2
    found -= norms
    found += own
    return np.maximum(found, 0, out=found)


class Plan(NamedTuple):
    """`s`: the cap is 1 / (M s rho); `taken` int64[M], neighbours that each target had come to; `mass` float64[M, K];
    `enough`: whether the rule stopped before a target had no further neighbour.
    """

    s: float
    taken: NDArray[np.int64]
    mass: NDArray[np.float64]
    enough: bool


def transport(distance: NDArray[np.float64], rho: NDArray[np.float64], alpha: float, scale: float) -> Plan:
    """The heap rule. `distance`, `rho`: float64[M, K], neighbours in order of distance; M and K at least 1.

    Each target j that has come to k_j neighbours has the count s_j = sum of 1/rho over them. The target with the
    smallest count s is looked at next: its cost is d_{k+1} s - sum of d_i / rho_i. When alpha/scale times the sum of
    all costs reaches (1 - alpha) M, s is found; else the target comes to one neighbour more.
    """
    targets, most = distance.shape
    share, weighed = 1.0 / rho, distance / rho
    heap = [(float(share[j, 0]), j) for j in range(targets)]
    heapq.heapify(heap)
    taken = np.ones(targets, np.int64)
    spent, cost = weighed[:, 0].copy(), np.zeros(targets)
    total = 0.0
    while True:
        s, j = heap[0]
        k = int(taken[j])
        if k >= most:
            return Plan(s, taken, _mass(share, s), False)
        now = float(distance[j, k]) * s - float(spent[j])
        total += now - float(cost[j])
        cost[j] = now
        if alpha / scale * total >= (1 - alpha) * targets:
            return Plan(s, taken, _mass(share, s), True)
        heapq.heapreplace(heap, (s + float(share[j, k]), j))
        spent[j] += weighed[j, k]
        taken[j] += 1


def _mass(share: NDArray[np.float64], s: float) -> NDArray[np.float64]:
    """Each target fills its neighbours up to their cap, nearest first, until 1/M is spent."""
    targets = len(share)
    filled = np.minimum(np.cumsum(share / s, axis=1), 1.0)
    mass: NDArray[np.float64] = np.diff(filled, axis=1, prepend=0.0) / targets
    return mass


class Spread(NamedTuple):
    """`mass` float64[N], its sum is 1; `target` int64[N], the target that gives a row most (-1: none);
    `near`: the neighbours; `plan`.
    """

    mass: NDArray[np.float64]
    target: NDArray[np.int64]
    near: Neighbours
    plan: Plan


def spread(
    points: Lattice, targets: Lattice, *, alpha: float, scale: float, sigma: float, most: int = 5_000,
    crowd: int = 1_000, tick: Tick = no_tick,
) -> Spread:  # fmt: skip
    """The distribution of TSDS over the pool. N and M at least 1.

    Density is worked out for the first neighbours only, and for twice as many as long as the rule asks for more; the
    result is that of all `most` neighbours at once.
    """
    near = neighbours(points, targets, most, tick=tick)
    width = near.place.shape[1]
    rho = np.zeros(len(points))
    reach = min(256, width)
    while True:
        asked = np.unique(near.place[:, :reach])
        asked = asked[rho[asked] == 0]
        rho[asked] = density(points, asked, sigma=sigma, most=crowd, tick=tick)
        plan = transport(near.distance[:, :reach], rho[near.place[:, :reach]], alpha, scale)
        if plan.enough or reach == width:
            break
        reach = min(2 * reach, width)
    mass, target = np.zeros(len(points)), np.full(len(points), -1, np.int64)
    largest = np.zeros(len(points))
    for j in range(len(targets)):
        at = near.place[j, :reach]
        mass[at] += plan.mass[j]
        more = plan.mass[j] > largest[at]
        largest[at[more]], target[at[more]] = plan.mass[j][more], j
    return Spread(mass, target, near, plan)


def sample(mass: NDArray[np.float64], chance: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Rows in the order in which a weighted draw without replacement takes them: the largest log(mass) + Gumbel.

    Gumbel top-n (Vieira 2014; Kool and others 2019). `chance` float64[N] in (0, 1), one a row; rows without mass are
    never drawn.
    """
    rows = np.flatnonzero(mass > 0)
    value = np.log(mass[rows]) - np.log(-np.log(chance[rows]))
    return rows[np.lexsort((rows, -value))][:most]
