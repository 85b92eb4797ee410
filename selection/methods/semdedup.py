"""SemDeDup: of rows that mean the same one stays. Abbas and others 2023, arXiv 2303.09540."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from selection.kernels.clusters import in_turn, semdedup
from selection.methods import features, pooled
from selection.methods.base import Ctx, Note, Part, Pass, Reason, Scores, Shard
from selection.methods.params import param

ORDERS = {"chance": "By chance", "clusters": "One of each cluster in turn"}


@dataclass(frozen=True)
class SemDedupParams:
    similarity: float = param(
        0.95, label="Alike above", ge=0.3, le=1.0, help="Cosine above which two rows of a cluster count as one.",
    )  # fmt: skip
    keep: Literal["far", "near"] = param(
        "far", label="Which one stays", choices={"far": "The farthest from the centre", "near": "The most typical"},
    )  # fmt: skip
    order: Literal["chance", "clusters"] = param("chance", label="Order of what stays", choices=ORDERS)
    clusters: int = param(
        0, label="Clusters", ge=0, le=50_000, advanced=True,
        help="0: the square root of the number of rows. Rows of different clusters are not compared; 1 compares all.",
    )  # fmt: skip
    encoder: Literal["static", "minilm", "other"] = features.encoder_param()
    model: str = features.model_param()
    view: Literal["text", "prompt"] = param(
        "text", label="Compare", choices={"text": "Whole rows", "prompt": "Prompts only"},
    )  # fmt: skip


class SemDedup:
    """Spherical k-means; inside a cluster a row is dropped when its cosine to one that stays is above `similarity`.

    Rows that are dropped have no score, so a budget beyond what stays is not filled up with them.
    """

    name: ClassVar[str] = "semdedup"
    title: ClassVar[str] = "SemDeDup"
    summary: ClassVar[str] = "The pool without rows that mean the same as another, then drawn by chance."
    version: ClassVar[str] = "1"
    exact: ClassVar[bool] = True
    memory: ClassVar[Literal["stream", "pool"]] = "pool"
    max_rows: ClassVar[int | None] = pooled.MOST
    needs_target: ClassVar[bool] = False
    Params: ClassVar[type] = SemDedupParams

    def passes(self, params: SemDedupParams) -> Sequence[Pass]:
        return pooled.passes(params, _choose, "Find rows that mean the same", aimed=False)

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        spoken = ctx.values.get("choose", {}).get("spoken")
        return [[speaks_for(0 if at < 0 or spoken is None else int(spoken[at]))] for at in pooled.told(rows.keys, ctx)]

    def notes(self, ctx: Ctx, scores: Scores) -> list[Note]:
        facts = ctx.values.get("choose", {}).get("facts")
        return [] if facts is None else [left_over(ctx, int(facts[0]), int(facts[0]))]

    def seconds(self, rows: int, targets: int, params: SemDedupParams) -> float:
        return clustering_seconds(rows, params.clusters) + features.seconds(params, rows)


def speaks_for(rows: int) -> Reason:
    """Why a row that stays was kept."""
    if not rows:
        return Reason("kept", "Nothing that stays means the same.")
    return Reason("kept", "Kept for 1 near-duplicate." if rows == 1 else f"Kept for {rows:,} near-duplicates.")


def left_over(ctx: Ctx, distinct: int, left: int) -> Note:
    """What stays of the pool; a warning where that is less than the budget."""
    text = f"{ctx.rows - distinct:,} of {ctx.rows:,} rows mean the same as one that stays."
    if left < distinct:
        text += f" Of the {distinct:,} others, {distinct - left:,} were too typical."
    if left < ctx.wanted:
        return Note("warning", f"{text} What is left, {left:,} rows, does not fill the budget; raise the similarity.")
    return Note("fact", text)


def spoken_for(stands: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[N]: how many others each row stands for."""
    return np.bincount(stands, minlength=len(stands)).astype(np.int64) - 1


def ordered(how: str, chance: NDArray[np.float64], member: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions in the order that a person asked for."""
    return in_turn(member, chance) if how == "clusters" else np.argsort(chance, kind="stable")


def clustering_seconds(rows: int, clusters: int) -> float:
    many = clusters or max(1, round(rows**0.5))
    return rows * (4e-5 + many * 2e-7 + rows / many * 1e-8)


def _choose(shard: Shard, ctx: Ctx) -> Part:
    pool, given = pooled.Pool.of(shard, ctx, "semdedup"), ctx.params
    found = semdedup(
        pool.points, pool.chance, threshold=given.similarity, count=given.clusters, far_first=given.keep == "far",
        tick=ctx.tick,
    )  # fmt: skip
    kept = found.kept[ordered(given.order, pool.chance[found.kept], found.clusters.member[found.kept])]
    return pool.chosen(kept, spoken=spoken_for(found.stands)[kept]) | {"facts": np.array([len(kept)])}
