"""IDEAL: rows to annotate from which a cascade reaches most of the pool. Zhang and others 2024, arXiv 2310.10873.

"IDEAL: Influence-Driven Selective Annotations Empower In-Context Learners in Large Language Models", §3. Its Monte-Carlo
simulations are replaced by fixed sampled graphs, so that gains are exact on them and the picks repeat; see
`selection.kernels.influence`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from selection.kernels import influence as reaching
from selection.kernels.graph import neighbours
from selection.methods import features, pooled
from selection.methods.base import Ctx, Note, Part, Pass, Reason, Scores, Shard
from selection.methods.params import param

MOST = 100_000  # rows: 200 sampled graphs hold some 1.8 kB a row


@dataclass(frozen=True)
class IdealParams:
    k: int = param(10, label="Neighbours that a row can set off", ge=1, le=200, advanced=True)
    samples: int = param(
        200, label="Sampled graphs", ge=1, le=2_000, advanced=True,
        help="More of them tell gains apart more finely; time and memory grow with them.",
    )  # fmt: skip
    encoder: Literal["static", "minilm", "other"] = features.encoder_param()
    model: str = features.model_param()
    view: Literal["text", "prompt"] = param(
        "prompt", label="Compare", choices={"text": "Whole rows", "prompt": "Prompts only"},
    )  # fmt: skip
    most: int = pooled.most_param()


class Ideal:
    """An edge from each row to its k nearest, of weight cosine / sum of the row's cosines. f(S) is the expected number of
    rows that an independent cascade from S reaches; each pick adds most to it.
    """

    name: ClassVar[str] = "ideal"
    title: ClassVar[str] = "IDEAL"
    summary: ClassVar[str] = "Rows to annotate first: from neighbour to neighbour, they reach most of the others."
    version: ClassVar[str] = "1"
    exact: ClassVar[bool] = True
    memory: ClassVar[Literal["stream", "pool"]] = "pool"
    max_rows: ClassVar[int | None] = MOST
    needs_target: ClassVar[bool] = False
    Params: ClassVar[type] = IdealParams

    def passes(self, params: IdealParams) -> Sequence[Pass]:
        return pooled.passes(params, _choose, "Follow the influence", aimed=False)

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        told = ctx.values.get("choose", {})
        return [[_reason(told, at)] for at in pooled.told(rows.keys, ctx)]

    def notes(self, ctx: Ctx, scores: Scores) -> list[Note]:
        gain = ctx.values.get("choose", {}).get("gain")
        if gain is None or not len(gain) or not ctx.wanted:
            return []
        best = np.sort(gain)[::-1][: ctx.wanted]
        share = min(1.0, float(best.sum()) / max(1, ctx.rows))
        return [
            Note(
                "fact",
                f"The first {len(best):,} rows reach {share:.0%} of the pool, the mean of {ctx.params.samples} draws.",
            )
        ]

    def seconds(self, rows: int, targets: int, params: IdealParams) -> float:
        ordered = min(rows, params.most)
        sampled = params.samples * (rows * 1e-6 + ordered * 3e-7 * params.k)
        return features.seconds(params, rows) + rows * 1e-5 + rows * rows * 1e-8 + sampled


def _choose(shard: Shard, ctx: Ctx) -> Part:
    pool = pooled.Pool.of(shard, ctx, "ideal")
    graph = neighbours(pool.points, ctx.params.k, tick=ctx.tick)
    names = (pool.chance * 2.0**53).astype(np.uint64)
    live = reaching.draw(
        graph.to, reaching.weights(graph), names=names, seed=ctx.seed, samples=ctx.params.samples
    )  # fmt: skip
    found = reaching.influence(live, pooled.most(ctx), tick=ctx.tick)
    return pool.chosen(found.order, gain=found.gain, reach=found.reach)


def _reason(told: Any, at: int) -> Reason:
    if at < 0 or "gain" not in told:
        return Reason("reaches", "Put in order by the rows that it reaches.")
    gain, reach = float(told["gain"][at]), float(told["reach"][at])
    data = {"gain": round(gain, 3), "reach": round(reach, 3)}
    if reach - gain < 0.05:
        return Reason("reaches", f"Reaches {reach:.1f} rows, itself among them, none of them reached before.", data)
    return Reason(
        "reaches", f"Reaches {reach:.1f} rows, itself among them, {gain:.1f} of them not reached before.", data
    )
