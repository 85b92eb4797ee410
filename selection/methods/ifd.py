"""Instruction-following difficulty: how little the prompt helps the model with the answer.

Li and others 2024, "From Quantity to Quality" (Cherry), arXiv 2308.12032, §2.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from selection.methods import features, lm, loss
from selection.methods.base import VECTORS, Ctx, Note, Part, Pass, Reason, Scores, Shard, scored
from selection.methods.perplexity import without_answer

if TYPE_CHECKING:
    from selection.encoders.causal import CausalLM


@dataclass(frozen=True)
class IfdParams:
    model: str = lm.model_param()
    tokens: int = lm.tokens_param()

    def feature_set(self) -> str:
        """Model and longest row. Raises `ParamsError` for a model that is not on this machine."""
        return f"{lm.identity(self)}-ifd-t{self.tokens}"


class Ifd:
    """IFD = ppl(answer | prompt) / ppl(answer), both over the answer's tokens from the second on.

    score = IFD below 1, largest first. At 1 or above the prompt does not help at all: those rows come last, as -IFD.
    Rows whose answer has fewer than two tokens have no score.
    """

    name: ClassVar[str] = "ifd"
    title: ClassVar[str] = "Difficulty of the instruction"
    summary: ClassVar[str] = "Rows whose prompt helps a language model little with the answer, but does help."
    version: ClassVar[str] = "1"
    exact: ClassVar[bool] = True
    memory: ClassVar[Literal["stream", "pool"]] = "stream"
    needs_target: ClassVar[bool] = False
    Params: ClassVar[type] = IfdParams

    def passes(self, params: IfdParams) -> Sequence[Pass]:
        reads = ("prompt", "response")
        return [
            Pass("read", _read, title="Read rows", queue="gpu", reads=reads, keeps=features.name),
            Pass("score", _score, title="Score rows", reads=(VECTORS,), rows_per_item=_many),
        ]

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        after, gain = features.vectors(rows, ctx.params).astype(np.float64).T
        return [
            [_why(*told)] for told in zip(after.tolist(), (after + gain).tolist(), ratio(gain).tolist(), strict=True)
        ]

    def notes(self, ctx: Ctx, scores: Scores) -> list[Note]:
        return without_answer(ctx, scores)

    def seconds(self, rows: int, targets: int, params: IfdParams) -> float:
        return rows * lm.SECONDS * 2.2


def ratio(gain: NDArray[np.float64]) -> NDArray[np.float64]:
    """IFD of loss by itself less loss after the prompt."""
    return np.exp(np.clip(-gain, -50, 50))


def score_of(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """The score of IFD values: themselves below 1; from 1 on their negative, behind all others. NaN stays."""
    return np.where(value >= 1, -value, value)


def _why(after: float, alone: float, value: float) -> Reason:
    if not np.isfinite(value):
        return Reason("rules", "There is no answer of two tokens to judge.")
    told = (
        f"IFD {value:.3g}: perplexity of the answer {np.exp(after):.3g} after its prompt, {np.exp(alone):.3g} without"
    )
    if value >= 1:
        return Reason("rules", f"{told}. The prompt does not help, so the row comes last.")
    return Reason("rules", f"{told}.")


def _measure(model: "CausalLM", shard: Shard, rows: slice, most: int) -> NDArray[np.float64]:
    return loss.with_and_without(model, shard["prompt"][rows], shard["response"][rows], most)


def _read(shard: Shard, ctx: Ctx) -> Part:
    return loss.kept(shard, ctx, lambda model, held, rows: _measure(model, held, rows, ctx.params.tokens))


def _score(shard: Shard, ctx: Ctx) -> Part:
    return scored(shard, score_of(ratio(features.vectors(shard, ctx.params)[:, 1].astype(np.float64))))


def _many(ctx: Ctx) -> int:
    return 200_000
