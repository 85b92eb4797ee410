"""Many targets, one score: what the methods share that compare a row's kept vector with those of the targets.

Parameters: `aggregation` (max, mean, prototype, round_robin), `groups` (use, ignore) and `duplicates` (skip, consume).
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selection.kernels import search
from selection.methods import features, turns
from selection.methods.base import VECTORS, Ctx, Part, Pass, Shard, Value, as_bytes, scored
from selection.methods.params import param


def aggregation_param(default: str) -> Any:
    return param(
        default, label="Over the targets",
        choices={"max": "Best target", "mean": "Mean", "prototype": "Prototype", "round_robin": "Each target in turn"},
        help="Best target finds rows like a single one; mean and prototype favour rows like the target as a whole.",
    )  # fmt: skip


def groups_param() -> Any:
    return param(
        "use", label="Groups of targets", choices={"use": "Weigh alike", "ignore": "Ignore"},
        help="Where targets have a group, every group counts the same, however many rows it has.",
    )  # fmt: skip


def duplicates_param() -> Any:
    return param(
        "skip", label="A row that two targets want", advanced=True,
        choices={"skip": "The second names another row", "consume": "The second loses its turn"},
        help="Only when targets take turns. The code of RDS+ lets the turn pass.",
    )  # fmt: skip


def passes(params: Any) -> Sequence[Pass]:
    """From the vectors of rows and targets to score columns."""
    last = Pass("score", score, title="Score rows", reads=(VECTORS,), rows_per_item=rows_per_item)
    if params.aggregation != "round_robin":
        return [last]
    lists = Pass(
        "lists", best_rows, merge, title="Best rows of each target", reads=(VECTORS,), rows_per_item=rows_per_item
    )
    return [lists, last._replace(map=place)]


def rows_per_item(ctx: Ctx) -> int:
    return 200_000


# --- groups of targets ---


def groups(ctx: Ctx) -> list[NDArray[np.int64]]:
    """The targets of each group, in the order of their first row; one group where there are none or they are ignored."""
    names = ctx.target.groups if ctx.params.groups == "use" else ()
    if not any(names):
        return [np.arange(len(ctx.target))] if len(ctx.target) else []
    told = np.array(names)
    return [np.flatnonzero(told == name) for name in dict.fromkeys(names)]


def prototypes(ctx: Ctx) -> NDArray[np.float32]:
    """float32[groups, d], of unit length."""
    targets = features.target_vectors(ctx)
    made = np.stack([targets[group].mean(axis=0) for group in groups(ctx)])
    length = np.linalg.norm(made, axis=1, keepdims=True)
    return np.asarray(made / np.where(length > 0, length, 1), np.float32)


def turn_taking(ctx: Ctx) -> list[NDArray[np.int64]]:
    """Who takes turns: the groups, or every target where there are none."""
    told = groups(ctx)
    return told if len(told) > 1 else [np.array([at]) for at in range(len(ctx.target))]


# --- every row ---


def score(shard: Shard, ctx: Ctx) -> Part:
    """The score columns of all aggregations but taking turns."""
    out, how = np.zeros(len(shard), np.float32), ctx.params.aggregation
    if len(ctx.target):
        aims = prototypes(ctx) if how == "prototype" else features.target_vectors(ctx)
        told = groups(ctx)
        for rows, found in search.products(features.vectors(shard, ctx.params), aims):
            if how == "mean":
                out[rows] = np.mean([found[group].mean(axis=0, dtype=np.float64) for group in told], axis=0)
            else:
                out[rows] = found.max(axis=0)
            ctx.tick(rows.stop)
    return scored(shard, out)


# --- targets in turn ---


def best_rows(shard: Shard, ctx: Ctx) -> Part:
    """Of each that takes turns its best rows of this item."""
    who, keys = turn_taking(ctx), as_bytes(shard.keys)
    best = turns.Lists(len(who), turns.depth(ctx, len(who)))
    for rows, found in search.products(features.vectors(shard, ctx.params), features.target_vectors(ctx)):
        best.offer(np.stack([found[group].max(axis=0) for group in who]), keys[rows])
        ctx.tick(rows.stop)
    return best.part()


def merge(parts: Iterator[Part], ctx: Ctx) -> Value:
    """The whole pool's lists, and the order that taking turns gives."""
    who = len(turn_taking(ctx))
    return turns.places(turns.merge(parts, who, turns.depth(ctx, who)), who, ctx.params.duplicates)


def place(shard: Shard, ctx: Ctx) -> Part:
    """1 / (1 + place) for rows on a list; below them all others, by their best target."""
    targets, scores = features.target_vectors(ctx), np.zeros(len(shard))
    for rows, found in search.products(features.vectors(shard, ctx.params), targets):
        scores[rows] = found.max(axis=0, initial=-1) - 3
    listed, order = turns.listed(ctx["lists"], as_bytes(shard.keys))
    scores[listed] = 1 / (1 + order)
    return scored(shard, scores)
