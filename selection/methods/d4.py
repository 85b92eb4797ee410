"""D4: duplicates out, then the most typical rows out. Tirumala and others 2023, arXiv 2308.12284."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from selection.kernels.clusters import d4
from selection.methods import features, pooled
from selection.methods.base import Ctx, Note, Part, Pass, Reason, Scores, Shard
from selection.methods.params import param
from selection.methods.semdedup import ORDERS, clustering_seconds, left_over, ordered, speaks_for, spoken_for


@dataclass(frozen=True)
class D4Params:
    similarity: float = param(
        0.95, label="Alike above", ge=0.3, le=1.0, help="Cosine above which two rows of a cluster count as one.",
    )  # fmt: skip
    keep: float = param(
        0.75, label="Share that stays", ge=0.0, le=1.0,
        help="Of the rows that are left then: those nearest to the centre of their cluster go.",
    )  # fmt: skip
    order: Literal["chance", "clusters"] = param("chance", label="Order of what stays", choices=ORDERS)
    clusters: int = param(
        0, label="Clusters", ge=0, le=50_000, advanced=True, help="0: the square root of the number of rows.",
    )  # fmt: skip
    encoder: Literal["static", "minilm", "other"] = features.encoder_param()
    model: str = features.model_param()
    view: Literal["text", "prompt"] = param(
        "text", label="Compare", choices={"text": "Whole rows", "prompt": "Prompts only"},
    )  # fmt: skip


class D4:
    """SemDeDup; new clusters of what is left, now without the bunches that duplicates made; and of those rows the
    ones with the largest cosine to their centre go, until the share `keep` is left.

    Rows that are dropped have no score, so a budget beyond what stays is not filled up with them.
    """

    name: ClassVar[str] = "d4"
    title: ClassVar[str] = "D4"
    summary: ClassVar[str] = "The pool without rows that mean the same, and without the most typical of the rest."
    version: ClassVar[str] = "1"
    exact: ClassVar[bool] = True
    memory: ClassVar[Literal["stream", "pool"]] = "pool"
    max_rows: ClassVar[int | None] = pooled.MOST
    needs_target: ClassVar[bool] = False
    Params: ClassVar[type] = D4Params

    def passes(self, params: D4Params) -> Sequence[Pass]:
        return pooled.passes(params, _choose, "Find the typical rows", aimed=False)

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        value = ctx.values.get("choose", {})
        found = []
        for at in pooled.told(rows.keys, ctx):
            if at < 0:
                found.append([speaks_for(0)])
                continue
            away = Reason(
                "far", f"Not the most typical of its cluster: cosine to the centre {value['centre'][at]:.2f}."
            )
            spoken = int(value["spoken"][at])
            found.append([away, speaks_for(spoken)] if spoken else [away])
        return found

    def notes(self, ctx: Ctx, scores: Scores) -> list[Note]:
        facts = ctx.values.get("choose", {}).get("facts")
        return [] if facts is None else [left_over(ctx, int(facts[0]), int(facts[1]))]

    def seconds(self, rows: int, targets: int, params: D4Params) -> float:
        return 2 * clustering_seconds(rows, params.clusters) + features.seconds(params, rows)


def _choose(shard: Shard, ctx: Ctx) -> Part:
    pool, given = pooled.Pool.of(shard, ctx, "d4"), ctx.params
    if not len(shard):
        return pool.chosen(np.empty(0, np.int64))
    found = d4(
        pool.points, pool.chance, threshold=given.similarity, keep=given.keep, count=given.clusters, tick=ctx.tick
    )
    order = ordered(given.order, pool.chance[found.kept], found.member)
    kept = found.kept[order]
    told = {"spoken": spoken_for(found.first.stands)[kept], "centre": found.similarity[order]}
    return pool.chosen(kept, **told) | {"facts": np.array([len(found.first.kept), len(kept)])}
