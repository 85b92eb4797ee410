"""Fusion: several methods in one run. Their strengths lie apart, and rankings can be added where scores cannot.

Reciprocal rank fusion: Cormack, Clarke and Büttcher 2009 (SIGIR).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from selection.methods import features
from selection.methods.base import Ctx, Part, Pass, Reason, Shard, scored
from selection.methods.compose import Component, components, passes_of
from selection.methods.params import ParamsError, param, weights

RECIPE = "classifier, classifier:features=minilm, embedding:encoder=minilm"
MOST = 6


@dataclass(frozen=True)
class FusionParams:
    methods: str = param(
        RECIPE, label="Methods",
        help="With a comma between; settings after a colon, as in embedding:encoder=minilm;aggregation=mean.",
    )  # fmt: skip
    how: Literal["zscore", "rank"] = param(
        "zscore", label="Added are", choices={"zscore": "Standardised scores", "rank": "Reciprocal ranks"},
        help="Standardised scores keep how far a row stands out. Ranks suit scores on odd scales.",
    )  # fmt: skip
    weights: str = param(
        "", label="Weights", advanced=True, help="One number a method, as in 2, 1, 1. Empty: all the same."
    )
    k: int = param(
        60,
        label="k",
        ge=0,
        le=10_000,
        advanced=True,
        help="In 1 / (k + rank): higher looks less at the very first ranks.",
    )


class Fusion:
    """score(row) = Σ over methods i of w_i / (k + rank_i), ranks from 1; a row that a method does not score gets 0 of it.

    zscore: Σ w_i (s_i - mean_i) / std_i over the pool; a row without a score counts as the method's lowest.
    """

    name: ClassVar[str] = "fusion"
    title: ClassVar[str] = "Fusion"
    summary: ClassVar[str] = "Several methods at once: rows that more than one of them puts first."
    exact: ClassVar[bool] = True
    memory: ClassVar[Literal["stream", "pool"]] = "pool"
    max_rows: ClassVar[int] = 20_000_000
    needs_target: ClassVar[bool] = True
    Params: ClassVar[type] = FusionParams

    @property
    def version(self) -> str:
        """Changes with every method that may take part."""
        from selection.methods import METHODS
        from selection.methods.compose import NOT_INSIDE

        told = ",".join(f"{name}={METHODS[name].version}" for name in METHODS if name not in NOT_INSIDE)
        return f"1-{hashlib.sha256(told.encode()).hexdigest()[:8]}"

    def passes(self, params: FusionParams) -> Sequence[Pass]:
        parts = _components(params)
        weights(params.weights, len(parts), "method")
        return [*_together(parts), Pass("score", _score, title="Add up", reads=())]

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        parts = _components(ctx.params)
        ranks = np.stack([ctx[one.prefix + "scores"]["rank"][rows.places] for one in parts])
        ranks = np.where(ranks < 0, np.iinfo(np.int32).max, ranks)
        best = ranks.argmin(axis=0)
        found: list[list[Reason]] = [[] for _ in range(len(rows))]
        for number, one in enumerate(parts):
            mine = np.flatnonzero(best == number)
            if len(mine):
                for at, why in zip(mine.tolist(), one.method.reasons(rows.only(mine), one.ctx(ctx)), strict=True):
                    found[at] = [_places(parts, ranks[:, at]), *why]
        return found

    def seconds(self, rows: int, targets: int, params: FusionParams) -> float:
        parts = _components(params)
        encoders = [features.who(one.params) for one in parts if features.encodes(one.params)]
        twice = sum(features.SECONDS[name] * (encoders.count(name) - 1) for name in set(encoders))
        return sum(one.method.seconds(rows, targets, one.params) for one in parts) - rows * twice


def _together(parts: list[Component]) -> list[Pass]:
    """The passes of all of them; where two read the same vectors, those are made once."""
    seen: set[tuple[str, str]] = set()
    made = []
    for one in parts:
        for inner, step in zip(one.method.passes(one.params), passes_of(one), strict=True):
            if inner.keeps is features.name:
                told = (features.spec(one.params), one.params.view)
                if told in seen:
                    continue
                seen.add(told)
            made.append(step)
    return made


def _components(params: FusionParams) -> list[Component]:
    found = components(params.methods, "methods")
    if not 2 <= len(found) <= MOST:
        raise ParamsError("methods", f"must name 2 to {MOST} methods, not {len(found)}")
    return found


def _score(shard: Shard, ctx: Ctx) -> Part:
    parts, places = _components(ctx.params), shard.places
    total = np.zeros(len(shard))
    for weight, one in zip(weights(ctx.params.weights, len(parts), "method"), parts, strict=True):
        value = ctx[one.prefix + "scores"]
        if ctx.params.how == "rank":
            rank = value["rank"][places].astype(np.float64)
            total += np.where(rank >= 0, weight / (ctx.params.k + 1 + rank), 0)
        else:
            total += weight * _standard(value["score"])[places]
    return scored(shard, total)


def _standard(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """(s - mean) / std; zeros where all are equal."""
    wide = scores.astype(np.float64)
    finite = np.isfinite(wide)
    if not finite.any():
        return np.zeros(len(wide))
    # Summed in order of size: the same bits wherever the rows stand in the pool.
    ordered = np.sort(wide[finite])
    spread = ordered.std()
    z = (wide - ordered.mean()) / (spread if spread > 0 else 1.0)
    return np.where(finite, z, z[finite].min())


def _places(parts: list[Component], ranks: NDArray[np.int32]) -> Reason:
    told = [
        f"{rank + 1:,} by {one.label}" if rank < np.iinfo(np.int32).max else f"none by {one.label}"
        for one, rank in zip(parts, ranks.tolist(), strict=True)
    ]
    return Reason("terms", f"Rank {', '.join(told)}.")
