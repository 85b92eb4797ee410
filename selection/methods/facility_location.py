"""Facility location: rows that together stand near every target, or near every row of the pool.

Mirchandani and Francis 1990; as a selection of training data, Wei, Iyer and Bilmes 2015 (ICML), and submodlib.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from selection.kernels.coverage import Sites, facility_location
from selection.kernels.lattice import Lattice
from selection.methods import features, pooled
from selection.methods.base import Ctx, Note, Part, Pass, Reason, Scores, Shard
from selection.methods.params import param


@dataclass(frozen=True)
class FacilityLocationParams:
    aim: Literal["target", "pool"] = param(
        "target", label="Cover", choices={"target": "Every target", "pool": "The pool"},
        help="Without a target, the pool.",
    )  # fmt: skip
    references: int = param(
        1_000, label="Rows that stand for the pool", ge=1, le=4_000, advanced=True,
        help="Drawn by chance. Only when the pool is to be covered.",
    )  # fmt: skip
    encoder: Literal["static", "minilm", "other"] = features.encoder_param()
    model: str = features.model_param()
    view: Literal["text", "prompt"] = param(
        "text", label="Compare", choices={"text": "Whole rows", "prompt": "Prompts only"},
    )  # fmt: skip
    most: int = pooled.most_param()


class FacilityLocation:
    """Greedy on f(S) = sum over references v of max(0, max over x in S of s(v, x)), s the cosine.

    The references are the targets, or a sample of the pool. When no row adds anything, the next layer begins: every
    reference counts as uncovered again, and is covered by another row.
    """

    name: ClassVar[str] = "facility_location"
    title: ClassVar[str] = "Facility location"
    summary: ClassVar[str] = "Rows that together lie near every target, or near the whole pool, with little repeated."
    version: ClassVar[str] = "1"
    exact: ClassVar[bool] = True
    memory: ClassVar[Literal["stream", "pool"]] = "pool"
    max_rows: ClassVar[int | None] = pooled.MOST
    needs_target: ClassVar[bool] = False
    Params: ClassVar[type] = FacilityLocationParams

    def passes(self, params: FacilityLocationParams) -> Sequence[Pass]:
        return pooled.passes(params, _choose, "Cover", aimed=params.aim == "target")

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        value = ctx.values.get("choose", {})
        return [[_reason(ctx, value, at)] for at in pooled.told(rows.keys, ctx)]

    def notes(self, ctx: Ctx, scores: Scores) -> list[Note]:
        layers = ctx.values.get("choose", {}).get("layers")
        if layers is None or not len(layers) or not _aimed(ctx):
            return []
        rows = "row covers" if layers[0] == 1 else "rows cover"
        return [
            Note("fact", f"The first {layers[0]} {rows} every target as well as the pool can; later ones do so again.")
        ]

    def seconds(self, rows: int, targets: int, params: FacilityLocationParams) -> float:
        covered = targets if params.aim == "target" and targets else params.references
        layers = min(rows, params.most) / max(1, covered) + 20
        return features.seconds(params, rows) + rows * (1e-5 + covered * layers * 8e-9)


def _aimed(ctx: Ctx) -> bool:
    return ctx.params.aim == "target" and len(ctx.target) > 0


def _choose(shard: Shard, ctx: Ctx) -> Part:
    pool = pooled.Pool.of(shard, ctx, "facility")
    found = facility_location(pool.points, _references(pool, ctx), pooled.most(ctx), tick=ctx.tick)
    return pool.chosen(
        found.order, served=found.served, similarity=found.similarity, nearer=found.nearer, layer=found.layer
    ) | {"layers": _layers(found)}


def _references(pool: pooled.Pool, ctx: Ctx) -> Lattice:
    if _aimed(ctx):
        return pooled.targets(ctx)
    drawn = np.argsort(pool.chance, kind="stable")[: ctx.params.references]
    return pool.points[np.sort(drawn)]


def _layers(found: Sites) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Rows of each layer."""
    return np.bincount(found.layer[found.served >= 0]).astype(np.int64)


def _reason(ctx: Ctx, value: Part, at: int) -> Reason:
    if at < 0 or value["served"][at] < 0:
        return Reason("covers", "Like nothing that was to be covered; nothing else was left.")
    served, nearer, near = int(value["served"][at]), int(value["nearer"][at]), float(value["similarity"][at])
    if not _aimed(ctx):
        rows = "1 sampled row" if nearer == 1 else f"{nearer} sampled rows"
        return Reason("covers", f"Stands nearer to {rows} of the pool than any pick before.")
    more = f" and {nearer - 1} more" if nearer > 1 else ""
    data = {"target": served, "key": ctx.target.keys[served], "score": round(near, 4)}
    return Reason("near", f"Covers target {served + 1}{more}, cosine {near:.2f}.", data)
