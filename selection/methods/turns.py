"""Each target names rows in turn: the best rows of every target as lists, and the order that taking turns gives."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from selection.methods.base import Ctx, Part, Value

Duplicates = Literal["consume", "skip"]


def depth(ctx: Ctx, turns: int) -> int:
    """Rows kept for each of `turns` lists: enough that together they cover a fifth of the pool."""
    return max(2_000, -(-ctx.rows // (5 * max(1, turns))))


class Lists:
    """The `depth` best (target, score, key) of each target, by (-score, key)."""

    def __init__(self, targets: int, depth: int) -> None:
        self.depth, self.limit = depth, 2 * targets * depth + 20_000
        self.floor = np.full(targets, -np.inf, np.float32)  # what a row must reach to come on a list that is full
        self._held: list[Part] = []
        self._count = 0

    def offer(self, scores: NDArray[np.float32], keys: NDArray[np.bytes_]) -> None:
        """Scores of all targets for some rows, targets × rows; what cannot come on a list is left out."""
        target, row = np.nonzero(scores >= self.floor[:, None])
        self.add(target.astype(np.uint32), scores[target, row], keys[row])

    def add(self, target: NDArray[Any], score: NDArray[Any], key: NDArray[Any]) -> None:
        self._held.append({"target": target, "score": score, "key": key})
        self._count += len(target)
        if self._count > self.limit:
            held = self.part()
            self._held, self._count = [held], len(held["target"])
            edges = np.searchsorted(held["target"], np.arange(len(self.floor) + 1))
            full = np.flatnonzero(np.diff(edges) == self.depth)
            self.floor[full] = held["score"][edges[full + 1] - 1]

    def part(self) -> Part:
        """Sorted by target, then -score, then key."""
        if not self._held:
            return {"target": np.empty(0, np.uint32), "score": np.empty(0, np.float32), "key": np.empty(0, "S1")}
        joined = {name: np.concatenate([held[name] for held in self._held]) for name in ("target", "score", "key")}
        order = np.lexsort((joined["key"], -joined["score"], joined["target"]))
        target = joined["target"][order]
        rank = np.arange(len(target)) - np.searchsorted(target, target)
        return {name: array[order][rank < self.depth] for name, array in joined.items()}


def merge(parts: Iterator[Part], targets: int, depth: int) -> Part:
    """The lists of the whole pool out of those of its items."""
    best = Lists(targets, depth)
    for part in parts:
        best.add(part["target"], part["score"], part["key"])
    return best.part()


def places(lists: Part, targets: int, duplicates: Duplicates = "consume") -> Value:
    """ "key" (sorted) and "place" int64: the order in which the rows are named, with gaps.

    consume: a target whose next row is taken already has had its turn, as the code of RDS+ does
    (arXiv 2503.01807, Alg. 1). skip: it names its next row that is free.
    """
    target, starts = lists["target"].astype(np.int64), np.searchsorted(lists["target"], np.arange(targets + 1))
    if duplicates == "skip":
        return _skipping(lists, starts)
    place = (np.arange(len(target)) - starts[target]) * targets + target
    order = np.lexsort((place, lists["key"]))
    keys, first = np.unique(lists["key"][order], return_index=True)
    return {"key": keys, "place": place[order][first]}


def _skipping(lists: Part, starts: NDArray[np.int64]) -> Value:
    keys, row = np.unique(lists["key"], return_inverse=True)
    named: NDArray[np.int64] = np.full(len(keys), -1, np.int64)
    cursor, ends = starts[:-1].tolist(), starts[1:].tolist()
    rows, count = row.tolist(), 0
    waiting = [at for at in range(len(cursor)) if cursor[at] < ends[at]]
    while waiting:
        left = []
        for at in waiting:
            here, end = cursor[at], ends[at]
            while here < end and named[rows[here]] >= 0:
                here += 1
            if here < end:
                named[rows[here]] = count
                count += 1
                here += 1
            cursor[at] = here
            if here < end:
                left.append(at)
        waiting = left
    return {"key": keys, "place": named}


def listed(value: Value, keys: NDArray[np.bytes_]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Whether each row is on a list, and the places of those that are, in the order of `keys`."""
    if not len(value["key"]):
        return np.zeros(len(keys), bool), np.empty(0, np.int64)
    at = np.minimum(np.searchsorted(value["key"], keys), len(value["key"]) - 1)
    found = value["key"][at] == keys
    return found, value["place"][at[found]]
