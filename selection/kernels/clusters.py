"""Spherical k-means, and what is built on it: SemDeDup, and the prototypes of D4.

On lattice vectors assignments are exact and sums of members are whole numbers, so clusters are the same bits
however the rows are blocked.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from selection.kernels.lattice import Lattice, Tick, blocks, lattice, lengths, nearest, no_tick

PER_CLUSTER = 256  # rows a cluster that are enough to learn a centroid


class Clusters(NamedTuple):
    """`centres` lattice float32[k, d], `member` int64[N], `similarity` float64[N] cosine of a row to its centre."""

    centres: Lattice
    member: NDArray[np.int64]
    similarity: NDArray[np.float64]


def k_means(
    points: Lattice, count: int, chance: NDArray[np.float64], *, rounds: int = 20, tick: Tick = no_tick
) -> Clusters:
    """Lloyd's algorithm on directions (Dhillon and Modha 2001) with at most `count` clusters.

    `chance`: float64[N] in (0, 1); centres begin as the rows with the smallest, and are learned from at most
    256 rows a cluster, those with the smallest. A centre without rows moves to the learned row that is worst served.
    Ends when no row changes cluster, or after `rounds`. Rows at the origin belong to the first cluster.
    """
    if not len(points):
        return Clusters(points[:0], np.empty(0, np.int64), np.empty(0))
    drawn = np.argsort(chance, kind="stable")
    learned = points[np.sort(drawn[: PER_CLUSTER * max(1, count)])]
    centres = _beginnings(points, drawn, count)
    before = np.full(len(learned), -1)
    for _ in range(rounds):
        member, similarity = nearest(learned, centres)
        tick(0)
        if np.array_equal(member, before):
            break
        before = member
        centres = _means(learned, member, similarity, centres)
    member, similarity = nearest(points, centres)
    return Clusters(centres, member, similarity)


def _beginnings(points: Lattice, drawn: NDArray[np.int64], count: int) -> Lattice:
    """The first `count` different rows that are not at the origin, in the order drawn; any row where all are."""
    found: dict[bytes, int] = {}
    for row in drawn.tolist():
        if len(found) >= max(1, count):
            break
        if points[row].any():
            found.setdefault(points[row].tobytes(), row)
    return points[list(found.values()) or [0]]


def _means(points: Lattice, member: NDArray[np.int64], similarity: NDArray[np.float64], centres: Lattice) -> Lattice:
    """The direction of each cluster's sum; sums are of whole numbers, so they do not depend on an order."""
    order = np.argsort(member, kind="stable")
    sizes = np.bincount(member, minlength=len(centres))
    having = np.flatnonzero(sizes)
    sums = np.zeros(centres.shape)
    starts = np.concatenate([[0], np.cumsum(sizes[having])[:-1]])
    for at, start, size in zip(having.tolist(), starts.tolist(), sizes[having].tolist(), strict=True):
        sums[at] = points[order[start : start + size]].sum(axis=0, dtype=np.float64)
    made = lattice(sums)
    empty = np.flatnonzero(sizes == 0)
    if len(empty):
        made[empty] = points[np.argsort(similarity, kind="stable")[: len(empty)]]
    cancelled = ~made.any(axis=1)
    made[cancelled] = centres[cancelled]
    return made


def automatic(rows: int) -> int:
    """Clusters for a pool of this size: the square root, so that comparing within clusters stays cheap."""
    return max(1, round(rows**0.5))


def keep_first(
    points: Lattice, member: NDArray[np.int64], order: NDArray[np.int64], threshold: float, *,
    block: int = 1_024, tick: Tick = no_tick,
) -> NDArray[np.int64]:  # fmt: skip
    """int64[N]: for each row the kept row of its cluster that it is like (cosine above `threshold`), or itself.

    Rows are read in `order`; a row stays unless it is like one that stays, so of a chain of rows each like the next
    only, every second one stays. It names the first such row. The result does not depend on `block`. Rows at the
    origin are like nothing and stay.
    """
    stands = np.arange(len(points))
    norms = lengths(points)
    grouped = order[np.argsort(member[order], kind="stable")]
    edges = np.flatnonzero(np.diff(member[grouped], prepend=-1, append=-1))
    done = 0
    for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        rows = grouped[start:stop]
        stands[rows] = _keep(points, norms, rows, threshold, block)
        if stop - done >= 1_024 or stop == len(grouped):
            done = stop
            tick(done)
    return stands


def _keep(
    points: Lattice, norms: NDArray[np.float64], rows: NDArray[np.int64], threshold: float, block: int
) -> NDArray[np.int64]:
    """One cluster: each block is held against the rows that stay, then row by row against itself."""
    kept, stands = np.empty(0, np.int64), rows.copy()
    for part in blocks(len(rows), block):
        here, at = rows[part], np.arange(part.start, part.stop)
        for held in blocks(len(kept), 4_096):
            like = _like(points, norms, here, kept[held], threshold)
            gone = like.any(axis=1)
            stands[at[gone]] = kept[held][like[gone].argmax(axis=1)]
            here, at = here[~gone], at[~gone]
        like = _like(points, norms, here, here, threshold)
        left = np.ones(len(here), bool)
        for row in np.flatnonzero(like.sum(axis=1) > like.diagonal()).tolist():
            if left[row]:
                gone = like[row] & left
                gone[: row + 1] = False
                stands[at[gone]] = here[row]
                left &= ~gone
        kept = np.concatenate([kept, here[left]])
    return stands


def _like(
    points: Lattice, norms: NDArray[np.float64], rows: NDArray[np.int64], others: NDArray[np.int64], threshold: float
) -> NDArray[np.bool_]:
    sims = (points[rows] @ points[others].T).astype(np.float64)
    found: NDArray[np.bool_] = sims > threshold * (norms[rows, None] * norms[others])
    return found


class Deduplicated(NamedTuple):
    """`kept` int64, ascending; `stands` int64[N], the kept row that speaks for each row; `clusters`."""

    kept: NDArray[np.int64]
    stands: NDArray[np.int64]
    clusters: Clusters


def semdedup(
    points: Lattice, chance: NDArray[np.float64], *, threshold: float, count: int = 0, far_first: bool = True,
    tick: Tick = no_tick,
) -> Deduplicated:  # fmt: skip
    """Of rows of one cluster that are alike one stays (Abbas and others 2023, arXiv 2303.09540).

    `far_first`: the row farthest from the centre is the one to stay (the paper's choice), else the nearest.
    `count` 0 is `automatic`. Unlike the published code a row goes only for one that stays, see `keep_first`.
    """
    clusters = k_means(points, count or automatic(len(points)), chance, tick=tick)
    order = np.argsort(clusters.similarity if far_first else -clusters.similarity, kind="stable")
    stands = keep_first(points, clusters.member, order, threshold, tick=tick)
    return Deduplicated(np.flatnonzero(stands == np.arange(len(points))), stands, clusters)


class Diverse(NamedTuple):
    """What D4 leaves: `kept` int64, ascending, `similarity` float64 of each to its new centre, `member` int64 its
    new cluster, and `first`, what deduplication left before.
    """

    kept: NDArray[np.int64]
    similarity: NDArray[np.float64]
    member: NDArray[np.int64]
    first: Deduplicated


def d4(
    points: Lattice, chance: NDArray[np.float64], *, threshold: float, keep: float, count: int = 0,
    tick: Tick = no_tick,
) -> Diverse:  # fmt: skip
    """SemDeDup, then clusters of what is left, then away with the rows nearest to their centres.

    Tirumala and others 2023, arXiv 2308.12284. Of n rows that SemDeDup leaves, `keep` * n stay (rounded, at least
    one), those with the smallest cosine to their centre; ties by place.
    """
    first = semdedup(points, chance, threshold=threshold, count=count, tick=tick)
    left = points[first.kept]
    again = k_means(left, count or automatic(len(left)), chance[first.kept], tick=tick)
    many = max(1, round(keep * len(left)))
    stay = np.sort(np.argsort(again.similarity, kind="stable")[:many])
    return Diverse(first.kept[stay], again.similarity[stay], again.member[stay], first)


def in_turn(member: NDArray[np.int64], first: NDArray[np.float64]) -> NDArray[np.int64]:
    """Positions ordered so that every cluster gives one in turn; within a cluster, and among the clusters of one
    turn, by `first` ascending, then by place.
    """
    by_first = np.argsort(first, kind="stable")
    grouped = by_first[np.argsort(member[by_first], kind="stable")]
    starts = np.searchsorted(member[grouped], member[grouped])
    turn = np.empty(len(member), np.int64)
    turn[grouped] = np.arange(len(member)) - starts
    return np.lexsort((np.arange(len(member)), first, turn))
