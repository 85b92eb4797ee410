"""vote-k: rows to annotate that many others resemble. Su and others 2023, arXiv 2209.01975.

"Selective Annotation Makes Language Models Better Few-Shot Learners", §2.1: on the graph of nearest rows, the row with
most votes is picked again and again, and votes of rows that are represented already count for less.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from selection.kernels.graph import neighbours
from selection.kernels.vote_k import VoteK, Votes, joined, vote_k, vote_k_confident
from selection.methods import features, pooled
from selection.methods.base import Ctx, Note, Part, Pass, Reason, Scores, Shard, Value, as_bytes
from selection.methods.params import ParamsError, param

MOST = 200_000  # rows: the graph holds 150 neighbours of each, both ways
CERTAIN = 3  # digits of a confidence: a batch's rounding moves it by less


@dataclass(frozen=True)
class VoteKParams:
    variant: Literal["fast", "confidence"] = param(
        "fast", label="Variant", choices={"fast": "By votes alone", "confidence": "By votes and a model's confidence"},
        help="With confidence, a language model reads every row first, and picks come from sure and unsure rows alike.",
    )  # fmt: skip
    k: int = param(150, label="Neighbours that a row votes for", ge=1, le=500, advanced=True)
    rho: float = param(
        10.0, label="Discount of a vote for each neighbour picked", ge=1, le=1_000, advanced=True,
        help="1 picks what is most typical, however much of it is picked already.",
    )  # fmt: skip
    first: int = param(
        10, label="Picks by votes alone, before confidence counts", ge=1, le=10_000, advanced=True,
    )  # fmt: skip
    language_model: str = param(
        "smollm2", label="Language model", advanced=True,
        help="For confidence: smollm2, a name on the Hub, or a folder.",
    )  # fmt: skip
    encoder: Literal["static", "minilm", "other"] = features.encoder_param()
    model: str = features.model_param()
    view: Literal["text", "prompt"] = param(
        "prompt", label="Compare", choices={"text": "Whole rows", "prompt": "Prompts only"},
    )  # fmt: skip
    most: int = pooled.most_param()


class VoteKMethod:
    """score(u) = sum over rows v that are not picked and have u among their k nearest of rho ** -(neighbours of v that are
    picked); the next pick is the row with the largest score.
    """

    name: ClassVar[str] = "vote_k"
    title: ClassVar[str] = "vote-k"
    summary: ClassVar[str] = "Rows to annotate first: each stands for many others that no earlier pick stands for."
    version: ClassVar[str] = "1"
    exact: ClassVar[bool] = True
    memory: ClassVar[Literal["stream", "pool"]] = "pool"
    max_rows: ClassVar[int | None] = MOST
    needs_target: ClassVar[bool] = False
    Params: ClassVar[type] = VoteKParams

    def passes(self, params: VoteKParams) -> Sequence[Pass]:
        made = pooled.passes(params, _choose, "Count votes", aimed=False)
        if params.variant == "fast":
            return made
        sure = Pass(
            "confidence", _confidence, _gather, title="Ask the model", queue="gpu", reads=(params.view,),
            rows_per_item=_few,
        )  # fmt: skip
        return [made[0], sure, *made[1:]]

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        told = ctx.values.get("choose", {})
        return [[_reason(told, at)] for at in pooled.told(rows.keys, ctx)]

    def notes(self, ctx: Ctx, scores: Scores) -> list[Note]:
        stands = ctx.values.get("choose", {}).get("stands_for")
        if stands is None or not len(stands):
            return []
        k = min(ctx.params.k, max(ctx.rows - 1, 1))
        return [
            Note(
                "fact", f"A row votes for its {k:,} nearest; the row that stands for most stands for {stands.max():,}."
            )
        ]

    def seconds(self, rows: int, targets: int, params: VoteKParams) -> float:
        asked = rows * 0.25 if params.variant == "confidence" else 0.0
        return features.seconds(params, rows) + asked + rows * (1e-5 + params.k * 1e-6) + rows * rows * 1e-8


def _few(ctx: Ctx) -> int:
    return 256


def _choose(shard: Shard, ctx: Ctx) -> Part:
    pool = pooled.Pool.of(shard, ctx, "vote_k")
    found = _votes(pool, ctx)
    return pool.chosen(
        found.order, score=found.score, stands_for=found.stands_for, represented=found.represented
    )  # fmt: skip


def _votes(pool: pooled.Pool, ctx: Ctx) -> Votes:
    params, most = ctx.params, pooled.most(ctx)
    graph = neighbours(pool.points, params.k, tick=ctx.tick)
    if params.variant == "fast":
        return vote_k(graph.to, most, rho=params.rho, tick=ctx.tick)
    # The bins follow from how many rows are wanted; what options may need beyond them follows by votes.
    wanted = min(ctx.wanted or most, len(pool.keys))
    sure: NDArray[np.float64] = ctx["confidence"]["confidence"] if len(pool.keys) else np.empty(0)
    binned = vote_k_confident(graph.to, sure, wanted, first=params.first, rho=params.rho, tick=ctx.tick)
    rest = VoteK(graph.to, rho=params.rho, taken=binned.order).take(most - len(binned.order), tick=ctx.tick)
    return joined([binned, rest])


def _confidence(shard: Shard, ctx: Ctx) -> Part:
    """ "key", "confidence": the mean log-likelihood of a row's tokens under the model, in nats, to three digits."""
    from selection.encoders import EncoderError, causal

    try:
        lm = causal.load(ctx.params.language_model)
        found = np.empty(len(shard))
        for start in range(0, len(shard), 16):
            tokens = lm.tokens(shard[ctx.params.view][start : start + 16])
            found[start : start + 16] = -lm.losses(tokens, [0] * len(tokens))
            ctx.tick(min(start + 16, len(shard)))
    except EncoderError as error:
        raise ParamsError("language_model", f"cannot be used: {error}") from None
    # A row without two tokens says nothing that the model could doubt.
    return {"key": as_bytes(shard.keys), "confidence": np.where(np.isnan(found), 0.0, found).round(CERTAIN)}


def _gather(parts: Iterator[Part], ctx: Ctx) -> Value:
    """By key, as the pool is seen whole."""
    held = list(parts)
    if not held:
        return {"key": np.empty(0, "S1"), "confidence": np.empty(0)}
    keys = np.concatenate([part["key"] for part in held])
    order = np.argsort(keys, kind="stable")
    return {"key": keys[order], "confidence": np.concatenate([part["confidence"] for part in held])[order]}


def _reason(told: Any, at: int) -> Reason:
    if at < 0 or "stands_for" not in told:
        return Reason("stands", "Put in order by the rows that it stands for.")
    stands, known = int(told["stands_for"][at]), int(told["represented"][at])
    data = {"stands_for": stands, "represented": known, "score": round(float(told["score"][at]), 6)}
    if not stands:
        return Reason("stands", "No row that is left resembles it.", data)
    rows = "1 similar row" if stands == 1 else f"{stands:,} similar rows"
    if not known:
        return Reason("stands", f"Stands for {rows}, none represented so far.", data)
    more = "which is" if stands == 1 else f"{known:,} of which are" if known > 1 else "1 of which is"
    return Reason("stands", f"Stands for {rows}, {more} represented already.", data)
