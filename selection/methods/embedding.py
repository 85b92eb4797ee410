"""Embedding: rows whose vectors lie near those of the target. Vectors are made once and kept.

The aggregations are those of targeted selection by representation: one prototype (Xia and others; MONA), the best target,
or the targets in turn, which Ivison and others 2025 (RDS+, arXiv 2503.01807, Alg. 1) found best on average.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from selection.kernels import search
from selection.methods import aims, features, turns
from selection.methods.base import (
    VECTORS,
    Ctx,
    Note,
    Part,
    Pass,
    Reason,
    Scores,
    Shard,
    as_bytes,
    pass_on,
    score_column,
)
from selection.methods.params import ParamsError, param

PROBED = 25  # targets whose approximate neighbours are held against the exact ones
LISTED = 1_000  # neighbours of each that are compared


@dataclass(frozen=True)
class EmbeddingParams:
    encoder: Literal["static", "minilm", "other"] = features.encoder_param()
    model: str = features.model_param()
    aggregation: Literal["max", "mean", "prototype", "round_robin"] = aims.aggregation_param("max")
    groups: Literal["use", "ignore"] = aims.groups_param()
    duplicates: Literal["consume", "skip"] = aims.duplicates_param()
    search: Literal["exact", "ivf", "hnsw"] = param(
        "exact", label="Search", advanced=True,
        choices={"exact": "Exact", "ivf": "FAISS, inverted lists", "hnsw": "FAISS, neighbour graph"},
        help="Exact reads every vector: seconds for a million rows. The others find the best rows only, and are measured.",
    )  # fmt: skip
    view: Literal["text", "prompt"] = param(
        "text", label="Compare", choices={"text": "Whole rows", "prompt": "Prompts only"},
    )  # fmt: skip


class Embedding:
    """s(v, x) = cosine of the vectors of target v and row x. score(x) =

    max: the largest s(v, x); mean: the mean; prototype: cosine with the mean of the targets' unit vectors;
    round_robin: 1 / (1 + place) when each target in turn names its best row.
    With groups G: max over groups of the prototype, mean over groups of the group's mean, turns taken by groups with
    S(G, x) = max of s(v, x) over v in G (RDS+, §3.1).
    """

    name: ClassVar[str] = "embedding"
    title: ClassVar[str] = "Embedding"
    summary: ClassVar[str] = "Rows that mean what the target means, by sentence vectors that are kept for later runs."
    version: ClassVar[str] = "1"
    exact: ClassVar[bool] = True
    memory: ClassVar[Literal["stream", "pool"]] = "stream"
    needs_target: ClassVar[bool] = True
    Params: ClassVar[type] = EmbeddingParams

    def passes(self, params: EmbeddingParams) -> Sequence[Pass]:
        made = [features.target_pass(params), features.encode_pass(params)]
        if params.search == "exact":
            return [*made, *aims.passes(params)]
        if params.aggregation not in {"max", "round_robin"}:
            raise ParamsError("search", "must be exact for a mean: an index finds the best rows of each target only")
        return [
            *made,
            Pass("found", _search, pass_on, title="Search", reads=(VECTORS,), whole=True),
            Pass("score", _score_found, title="Score rows", reads=(VECTORS,), rows_per_item=aims.rows_per_item),
        ]

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        return features.nearest(rows, ctx)

    def notes(self, ctx: Ctx, scores: Scores) -> list[Note]:
        if ctx.params.search == "exact":
            return []
        recall, probed = float(ctx["found"]["recall"][0]), int(ctx["found"]["probed"][0])
        line = f"The index found {recall:.1%} of the rows that an exact search finds, measured for {probed} targets."
        if recall >= 0.95:
            return [Note("fact", line)]
        return [Note("warning", f"{line} Choose the exact search to miss none.")]

    def seconds(self, rows: int, targets: int, params: EmbeddingParams) -> float:
        return features.seconds(params, rows) + rows * (5e-6 + 0.1e-6 * targets)


# --- through an index ---


def _search(shard: Shard, ctx: Ctx) -> Part:
    """Rows near any target: "place", "score"; and the measured "recall" of the index."""
    targets, held = features.target_vectors(ctx), features.vectors(shard, ctx.params)
    k = min(turns.depth(ctx, len(targets)), len(shard))
    index = search.Index(held, ctx.params.search)
    score, place = index.nearest(targets, k)
    ctx.tick(len(shard) // 2)
    probe = np.unique(np.linspace(0, len(targets) - 1, min(PROBED, len(targets))).astype(int))
    top = min(LISTED, len(shard))
    _, exact = search.nearest(held, targets[probe], top)
    found = search.recall(exact, place[probe, :top])
    who = aims.turn_taking(ctx)
    keys = as_bytes(shard.keys)
    best = turns.Lists(len(who), k)
    of = np.empty(len(targets), np.uint32)
    for at, group in enumerate(who):
        of[group] = at
    target, column = np.nonzero(place >= 0)
    taken, value = place[target, column], score[target, column].round(5)
    # A row that several targets of a group found counts once, with its best.
    order = np.lexsort((-value, taken, of[target]))
    once = np.concatenate([[True], np.diff(taken[order]) != 0]) | np.concatenate(
        [[True], np.diff(of[target][order]) != 0]
    )
    kept = order[once] if len(order) else order
    best.add(of[target][kept], value[kept], keys[taken[kept]])
    facts = {"recall": np.array([found]), "probed": np.array([len(probe)])}
    if ctx.params.aggregation == "round_robin":
        return turns.places(best.part(), len(who), ctx.params.duplicates) | facts
    listed = best.part()
    order = np.lexsort((-listed["score"], listed["key"]))
    names, first = np.unique(listed["key"][order], return_index=True)
    return {"key": names, "place": np.round(listed["score"][order][first] * 1e5).astype(np.int64)} | facts


def _score_found(shard: Shard, ctx: Ctx) -> Part:
    """Only rows that the index found have a score."""
    listed, place = turns.listed(ctx["found"], as_bytes(shard.keys))
    at = np.flatnonzero(listed)
    scores = 1 / (1 + place) if ctx.params.aggregation == "round_robin" else place / 1e5
    keys = [shard.keys[row] for row in at.tolist()]
    return score_column(keys, scores, start=0, exact=False, rows=shard.places[at] - shard.offset)
