"""LESS: rows whose training step would lower the loss of the target (Xia and others 2024, arXiv 2402.04333).

A small model is warmed up on a few rows of the pool. At the end of each epoch the gradient of every target row is held
against the direction in which Adam would move for every row of the pool; the cosines are added, each epoch with the
weight of its learning rate (§3, equations 5 and 6).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from selection.kernels import search
from selection.methods import less_passes as passes
from selection.methods import less_settings as settings
from selection.methods.base import VECTORS, Ctx, Note, Part, Pass, Reason, Scores, Shard, scored
from selection.methods.params import param

NOTHING = -2.0  # the score of a row with nothing to learn: below every weighted cosine


@dataclass(frozen=True)
class LessParams:
    model: str = param(
        "smollm2", label="Model",
        help="A small causal language model: smollm2 comes with Winnow; else its name on the Hub, or a folder.",
    )  # fmt: skip
    setting: Literal["quick", "paper"] = param(
        "quick", label="Setting", choices={"quick": "Quick: for CPUs", "paper": "As published: for GPUs"},
        help="Ranks, epochs, lengths and dimensions; single ones can be changed below.",
    )  # fmt: skip
    learn: Literal["response", "text"] = param(
        "response", label="What is learned", choices={"response": "The answer of a row", "text": "The whole row"},
        help="The whole row is for pools and targets without answers.",
    )  # fmt: skip
    groups: Literal["use", "ignore"] = param(
        "use", label="Groups of targets", choices={"use": "The best group counts", "ignore": "Ignore"},
        help="Where targets have a group, a row has the score of the group that it helps most.",
    )  # fmt: skip
    epochs: int = param(0, label="Epochs of the warm-up", ge=0, le=20, advanced=True, help="0: those of the setting.")
    share: float = param(
        0.05, label="Share of the warm-up", ge=0.0, le=1.0, advanced=True,
        help="Of the pool, drawn by chance, up to the rows below.",
    )  # fmt: skip
    warmup: int = param(
        0, label="Rows of the warm-up", ge=0, le=100_000, advanced=True, help="At most; 0: those of the setting."
    )  # fmt: skip
    rate: float = param(
        0.0, label="Learning rate", ge=0.0, le=1.0, advanced=True, help="Of the warm-up; 0: that of the setting."
    )  # fmt: skip
    rank: int = param(0, label="Rank of LoRA", ge=0, le=1_024, advanced=True, help="0: that of the setting.")
    blocks: int = param(
        -1, label="Last blocks", ge=-1, le=1_000, advanced=True,
        help="Of the model, which get LoRA; 0: all; -1: those of the setting. Fewer are quicker.",
    )  # fmt: skip
    tokens: int = param(
        0, label="Longest row", ge=0, le=32_768, advanced=True, help="In tokens; more is cut. 0: that of the setting."
    )  # fmt: skip
    dims: int = param(
        0, label="Dimensions", ge=0, le=16_384, advanced=True,
        help="To which gradients are projected; 0: those of the setting. A row takes two bytes each, for every epoch.",
    )  # fmt: skip
    batch: int = param(
        0, label="Rows at once", ge=0, le=4_096, advanced=True, help="Through the model; 0: as many as memory holds."
    )  # fmt: skip


class Less:
    """score(x) = max over groups G of the mean over v in G of Σ_i w_i cos(R Γ(x; θ_i), R ∇l(v; θ_i)).

    θ_i: LoRA weights after epoch i; w_i: mean learning rate of epoch i, normalised; Γ: Adam's direction for the row;
    R: random signs. A row with nothing to learn has the score -2. Targets without a group are one group.
    """

    name: ClassVar[str] = "less"
    title: ClassVar[str] = "LESS"
    summary: ClassVar[str] = (
        "Rows whose gradients point where the target's do. Dear: for a GPU, or the second place in a cascade."
    )
    version: ClassVar[str] = "1"
    exact: ClassVar[bool] = True
    memory: ClassVar[Literal["stream", "pool"]] = "stream"
    needs_target: ClassVar[bool] = True
    Params: ClassVar[type] = LessParams

    def passes(self, params: LessParams) -> Sequence[Pass]:
        score = Pass("score", _score, title="Score rows", reads=(VECTORS,), rows_per_item=_rows_per_item)
        return [*passes.before(params), *passes.encoders(params), score]

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        if not len(rows):
            return []
        found: list[list[Reason]] = []
        usable = np.flatnonzero(ctx["target"]["usable"])
        cosines, empty = _cosines(rows, ctx)
        for at in range(len(rows)):
            if empty[at]:
                found.append([Reason("rules", "The row has no answer to learn from.", {"rules": []})])
                continue
            best = int(usable[cosines[usable, at].argmax()])
            value = round(float(cosines[best, at]), 4)
            near = {"target": best, "key": ctx.target.keys[best], "score": value}
            text = f"Learning it helps target {best + 1} most: weighted cosine of gradients {value:.2f}."
            found.append([Reason("near", text, near)])
        return found

    def notes(self, ctx: Ctx, scores: Scores) -> list[Note]:
        return passes.notes(ctx, scores.count > 0 and scores.low <= NOTHING)

    def seconds(self, rows: int, targets: int, params: LessParams) -> float:
        return settings.seconds(params, rows, targets)


def _rows_per_item(ctx: Ctx) -> int:
    return 20_000


def influence(cosines: NDArray[np.floating], groups: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """float64[n]: the largest over groups of the mean over the group's targets, of weighted cosines [M, n].

    Groups may have any sizes; an empty one does not count. Raises `ValueError` where there is none to count.
    """
    means = [cosines[group].mean(axis=0, dtype=np.float64) for group in groups if len(group)]
    if not means:
        raise ValueError("no group has a target")
    found: NDArray[np.float64] = np.max(means, axis=0)
    return found


def weighted(cosines: Sequence[NDArray[np.floating]], rates: Sequence[float]) -> NDArray[np.float64]:
    """float64[M, n]: Σ_i w_i cosines[i] with the rates made to add up to one."""
    weights = np.asarray(rates, np.float64)
    weights = weights / weights.sum()
    made = np.zeros(cosines[0].shape)
    for one, weight in zip(cosines, weights, strict=True):
        made += weight * one
    return made


def groups_of(ctx: Ctx) -> list[NDArray[np.int64]]:
    """The targets with something to learn, of each group in the order of their first row."""
    usable = np.asarray(ctx["target"]["usable"], bool)
    names = ctx.target.groups if ctx.params.groups == "use" and any(ctx.target.groups) else ("",) * len(ctx.target)
    told = np.array(names)
    return [np.flatnonzero((told == name) & usable) for name in dict.fromkeys(names)]


def _score(shard: Shard, ctx: Ctx) -> Part:
    out = np.full(len(shard), NOTHING, np.float32)
    if len(shard):
        groups = groups_of(ctx)
        cosines, empty = _cosines(shard, ctx)
        out[~empty] = influence(cosines, groups)[~empty]
        ctx.tick(len(shard))
    return scored(shard, out)


def _cosines(shard: Shard, ctx: Ctx) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Weighted cosines [M, n] of the rows, and bool[n]: which of them have nothing to learn."""
    value, found, empty = ctx["target"], [], np.ones(len(shard), bool)
    for number, name in enumerate(passes.names(ctx)):
        vectors = shard.array(f"features:{name}")
        empty &= ~np.asarray(vectors, bool).any(axis=1)
        blocks = [part for _, part in search.products(vectors, value["vectors"][number])]
        found.append(np.concatenate(blocks, axis=1))
    return weighted(found, value["rates"].tolist()), empty
