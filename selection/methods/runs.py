"""Fusion of finished runs: their rankings added, without scoring anything again.

Reciprocal rank fusion: Cormack, Clarke and Büttcher 2009 (SIGIR).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from selection.methods.base import Ctx, Note, Part, Pass, Reason, Scores, Shard, Value, pass_on, scored
from selection.methods.params import ParamsError, param, weights

MOST = 20


@dataclass(frozen=True)
class RunsParams:
    runs: str = param("", label="Runs", help="Numbers of finished runs over the same pool, as in 12, 14.")
    k: int = param(
        60, label="k", ge=0, le=10_000, advanced=True,
        help="In 1 / (k + rank): higher looks less at the very first ranks.",
    )  # fmt: skip
    weights: str = param(
        "", label="Weights", advanced=True, help="One number a run, as in 2, 1. Empty: all the same."
    )  # fmt: skip


class Runs:
    """score(row) = Σ over runs i that picked the row of w_i / (k + rank_i), ranks from 1; other rows have no score.

    `ctx["runs"]` comes from whoever carries the method out: "run" int32 number of the run, "rank" int32 from 1, and
    "place" int64 in this pool, one line a pick of the named runs, in any order.
    """

    name: ClassVar[str] = "runs"
    title: ClassVar[str] = "Fusion of runs"
    summary: ClassVar[str] = "Finished runs over one pool: rows that more than one of them puts first."
    version: ClassVar[str] = "1"
    exact: ClassVar[bool] = True
    memory: ClassVar[Literal["stream", "pool"]] = "stream"
    needs_target: ClassVar[bool] = False
    needs_runs: ClassVar[bool] = True
    Params: ClassVar[type] = RunsParams

    def passes(self, params: RunsParams) -> Sequence[Pass]:
        weights(params.weights, len(numbers(params.runs)), "run")
        return [
            Pass("fused", _fuse, pass_on, title="Add up the ranks", reads=(), whole=True),
            Pass("score", _score, title="Find the rows", reads=(), rows_per_item=_many, rows=_places),
        ]

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        named, value = numbers(ctx.params.runs), ctx["fused"]
        ranks = value["ranks"][np.searchsorted(value["place"], rows.places)]
        return [[Reason("terms", _said(named, mine))] for mine in ranks.tolist()]

    def notes(self, ctx: Ctx, scores: Scores) -> list[Note]:
        ranks = ctx["fused"]["ranks"] if "ranks" in ctx["fused"] else np.empty((0, 0), np.int32)
        shared = int((ranks > 0).all(axis=1).sum())
        rows = "1 row was" if len(ranks) == 1 else f"{len(ranks):,} rows were"
        told = [Note("fact", f"{rows} picked by at least one of the runs, {shared:,} by all of them.")]
        for number, rank in zip(numbers(ctx.params.runs), ranks.T, strict=False):
            if not rank.any():
                told.append(Note("warning", f"Run {number} has no picks, so it adds nothing."))
        return told

    def seconds(self, rows: int, targets: int, params: RunsParams) -> float:
        return rows * 2e-6


def numbers(text: str) -> list[int]:
    """The runs that "12, 14" names, in that order. Raises `ParamsError` for what is no number, twice, or not 2 to 20."""
    told = [piece.strip() for piece in text.split(",") if piece.strip()]
    for piece in told:
        if not (piece.isascii() and piece.isdecimal() and len(piece) < 10 and int(piece)):
            raise ParamsError("runs", f"must be numbers of runs with commas between, as in 12, 14; not {piece[:40]!r}")
    found = [int(piece) for piece in told]
    if len(set(found)) < len(found):
        raise ParamsError("runs", "names a run twice; give it a higher weight instead")
    if not 2 <= len(found) <= MOST:
        raise ParamsError("runs", f"must name 2 to {MOST} runs, not {len(found)}")
    return found


def _many(ctx: Ctx) -> int:
    return 500_000


def _picks(ctx: Ctx) -> Value:
    try:
        return ctx["runs"]
    except KeyError:
        raise ParamsError(
            "runs", "names runs of a server; in Python use the method fusion, or add the rankings yourself"
        ) from None


def _fuse(shard: Shard, ctx: Ctx) -> Part:
    """Of every row that a run picked, by place: "score" float64, and "ranks" int32[rows, runs], 0 where not picked."""
    named, picks = numbers(ctx.params.runs), _picks(ctx)
    place, at = np.unique(picks["place"], return_inverse=True)
    ranks = np.zeros((len(place), len(named)), np.int32)
    for column, number in enumerate(named):
        mine = picks["run"] == number
        ranks[at[mine], column] = picks["rank"][mine]
    score = np.zeros(len(place))
    for column, weight in enumerate(weights(ctx.params.weights, len(named), "run")):
        rank = ranks[:, column]
        score += np.where(rank > 0, weight / np.maximum(ctx.params.k + rank.astype(np.int64), 1), 0)
    ctx.tick(len(shard))
    return {"place": place.astype(np.int64), "score": score, "ranks": ranks}


def _places(ctx: Ctx) -> NDArray[np.int64]:
    found = ctx["fused"].get("place")
    return np.empty(0, np.int64) if found is None else found


def _score(shard: Shard, ctx: Ctx) -> Part:
    value, places = ctx["fused"], shard.places
    part = scored(shard, value["score"][np.searchsorted(value["place"], places)])
    ctx.tick(len(shard))
    return part


def _said(named: Sequence[int], ranks: Sequence[int]) -> str:
    """Rank 3 in run 12, 40 in run 14."""
    told = [f"{rank:,} in run {number}" for number, rank in zip(named, ranks, strict=True) if rank]
    return f"Rank {', '.join(told)}."
