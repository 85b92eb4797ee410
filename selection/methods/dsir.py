"""DSIR: rows that the target's words make likelier than the pool's (Xie and others 2023, arXiv 2302.03169)."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from selection.kernels.buckets import bucket, buckets_of, tokens
from selection.kernels.chance import chance
from selection.kernels.characters import chunks
from selection.methods.base import Ctx, Note, Part, Pass, Reason, Scores, Shard, Value, score_column
from selection.methods.params import param

FEW = 500  # targets; below, the published smoothing turns into a length filter
FLOOR = 1e-8
MIX = 0.9  # few_shot: 0.9 of the target's share and 0.1 of the pool's
SHOWN = 6
WIDE = 20.0  # standard deviation of log weights (nats) from which unit Gumbel noise decides nothing


@dataclass(frozen=True)
class DsirParams:
    mode: Literal["auto", "few_shot", "paper"] = param(
        "auto", label="Smoothing",
        choices={"auto": "By the size of the target", "few_shot": "For few targets", "paper": "As published"},
        help="As published, a word that no target says costs about 10 nats: with few targets that only measures length.",
    )  # fmt: skip
    draw: Literal["auto", "top", "gumbel"] = param(
        "auto", label="Choose",
        choices={"auto": "As the smoothing asks", "top": "The best", "gumbel": "By chance, the better the likelier"},
        help="As published, rows are drawn by their importance weights; for few targets the best ones are taken.",
    )  # fmt: skip
    view: Literal["text", "prompt"] = param(
        "text", label="Compare", choices={"text": "Whole rows", "prompt": "Prompts only"},
    )  # fmt: skip
    buckets: int = param(10_000, label="Hash buckets", ge=100, le=1_000_000, advanced=True)
    min_tokens: int = param(
        0, label="Least tokens of a row", ge=0, le=100_000, advanced=True,
        help="Shorter rows are left out; as published, those under 100, which is half of a usual instruction pool.",
    )  # fmt: skip


class Dsir:
    """log w(x) = sum over the row's unigrams and bigrams of ln p(b) - ln q(b), b = their hash bucket.

    p and q are the buckets' shares in the targets and in the pool.
    paper:    p + 1e-8 and q + 1e-8; the picks are the top of log w + Gumbel(0, 1), drawn by a hash of seed and key.
    few_shot: p becomes 0.9 p + 0.1 q, and log w is divided by the number of n-grams of the row.
    """

    name: ClassVar[str] = "dsir"
    title: ClassVar[str] = "DSIR"
    summary: ClassVar[str] = "Rows whose words and word pairs are likelier in the target than in the pool."
    version: ClassVar[str] = "1"
    exact: ClassVar[bool] = True
    memory: ClassVar[Literal["stream", "pool"]] = "stream"
    needs_target: ClassVar[bool] = True
    Params: ClassVar[type] = DsirParams

    def passes(self, params: DsirParams) -> Sequence[Pass]:
        reads = (params.view,)
        fit = Pass("fit", _count, _fit, title="Count word pairs", reads=reads, rows_per_item=_rows_per_item)
        return [fit, Pass("score", _score, title="Weigh rows", reads=reads, rows_per_item=_rows_per_item)]

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        ratio = log_ratio(ctx)
        return [_explain(text, ratio) for text in rows[ctx.params.view]]

    def notes(self, ctx: Ctx, scores: Scores) -> list[Note]:
        """The smoothing that was used, and whether the log weights lie so far apart that chance decides nothing."""
        if not ctx["fit"]["target"].any():
            text = (
                "The target says no word, so every row weighs the same. Choose targets with text in what is compared."
            )
            return [Note("warning", text)]
        if mode(ctx) == "few_shot":
            return [Note("fact", f"Smoothing for few targets: {len(ctx.target):,} of them.")]
        spread = f"The log weights spread by {scores.std:,.1f} nats (standard deviation)."
        if scores.std <= WIDE:
            return [Note("fact", spread)]
        mend = "Chance hardly matters, and n-grams that no target says decide nearly all, so short rows win."
        return [Note("warning", f"{spread} {mend} Use the smoothing for few targets.")]

    def seconds(self, rows: int, targets: int, params: DsirParams) -> float:
        return rows * 40e-6


def mode(ctx: Ctx) -> str:
    if ctx.params.mode != "auto":
        return ctx.params.mode
    return "few_shot" if len(ctx.target) < FEW else "paper"


def drawn(ctx: Ctx) -> bool:
    return ctx.params.draw == "gumbel" or (ctx.params.draw == "auto" and mode(ctx) == "paper")


def _rows_per_item(ctx: Ctx) -> int:
    return 50_000


def _walk(shard: Shard, ctx: Ctx) -> Iterator[tuple[slice, NDArray[np.int32], NDArray[np.int64]]]:
    texts, held = shard[ctx.params.view], buckets_of(ctx.params.buckets)
    for chunk in chunks(texts):
        ids, lengths = held.rows(texts[chunk])
        yield chunk, ids, lengths
        ctx.tick(chunk.stop)


def _count(shard: Shard, ctx: Ctx) -> Part:
    counts = np.zeros(ctx.params.buckets, np.int64)
    for _, ids, _ in _walk(shard, ctx):
        counts += np.bincount(ids, minlength=len(counts))
    return {"counts": counts}


def _fit(parts: Iterator[Part], ctx: Ctx) -> Value:
    """Integers only: the same bits on any cut. What follows from them is computed where it is needed."""
    pool = np.zeros(ctx.params.buckets, np.int64)
    for part in parts:
        pool += part["counts"]
    ids, _ = buckets_of(ctx.params.buckets).rows(ctx.target[ctx.params.view])
    return {"pool": pool, "target": np.bincount(ids, minlength=len(pool)).astype(np.int64)}


def log_ratio(ctx: Ctx) -> NDArray[np.float64]:
    """ln p - ln q of each bucket, in nats."""
    counts = ctx["fit"]
    if not counts["target"].any():
        return np.zeros(len(counts["pool"]))
    q = counts["pool"] / max(1, counts["pool"].sum())
    p = counts["target"] / counts["target"].sum()
    if mode(ctx) == "few_shot":
        p = MIX * p + (1 - MIX) * q
    return np.log(p + FLOOR) - np.log(q + FLOOR)


def log_weights(shard: Shard, ctx: Ctx) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(log w of each row, its tokens). In the mode for few targets, log w is the mean over the row's n-grams."""
    ratio = log_ratio(ctx)
    out, tokens_of = np.zeros(len(shard)), np.zeros(len(shard), np.int64)
    for rows, ids, lengths in _walk(shard, ctx):
        grams = np.maximum(2 * lengths - 1, 0)
        row = np.repeat(np.arange(len(lengths)), grams)
        # Summed row by row in the order of its n-grams: the same bits whatever the cut.
        sums = np.bincount(row, ratio[ids], minlength=len(lengths))
        out[rows] = sums / np.maximum(grams, 1) if mode(ctx) == "few_shot" else sums
        tokens_of[rows] = lengths
    return out, tokens_of


def _score(shard: Shard, ctx: Ctx) -> Part:
    scores, lengths = log_weights(shard, ctx)
    keys = shard.keys
    if drawn(ctx):
        scores = scores - np.log(-np.log(chance(ctx.seed, keys, "gumbel")))
    # A row without a token has weight 1 by the formula, more than most; it is left out as too short ones are.
    kept = np.flatnonzero(lengths >= max(1, ctx.params.min_tokens))
    places = shard.places[kept] - shard.offset
    return score_column([keys[at] for at in kept.tolist()], scores[kept], start=0, rows=places)


def _explain(text: str, ratio: NDArray[np.float64]) -> list[Reason]:
    words = tokens(text)
    grams = Counter([*words, *(f"{a} {b}" for a, b in itertools.pairwise(words))])
    weighed = sorted(
        ((often * float(ratio[bucket(gram, len(ratio))]), gram) for gram, often in grams.items()),
        key=lambda pair: (-pair[0], pair[1]),
    )
    best = [(gram, weight) for weight, gram in weighed if weight > 0][:SHOWN]
    if not best:
        return [Reason("terms", "No word or pair of it is likelier in the target than in the pool.")]
    named = ", ".join(f"“{gram}”" for gram, _ in best[:3])
    data: dict[str, Any] = {"terms": [[gram, round(weight, 3)] for gram, weight in best]}
    return [Reason("terms", f"Likelier in the target: {named}.", data)]
