"""Perplexity: how surprising a language model finds a row. Low, middling or high ones first.

Marion and others 2023, "When Less is More", arXiv 2309.04564; as Top-PPL and Mid-PPL in arXiv 2503.01807, Table 1.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from selection.methods import features, lm, loss
from selection.methods.base import VECTORS, Ctx, Note, Part, Pass, Reason, Scores, Shard, Value, scored
from selection.methods.params import param

if TYPE_CHECKING:
    from selection.encoders.causal import CausalLM


@dataclass(frozen=True)
class PerplexityParams:
    model: str = lm.model_param()
    keep: Literal["middle", "low", "high"] = param(
        "middle", label="Put first",
        choices={"middle": "Neither easy nor hard", "low": "What the model finds easy", "high": "What the model finds hard"},
        help="The hardest rows are often broken ones, the easiest often empty phrases.",
    )  # fmt: skip
    view: Literal["response", "text"] = param(
        "response", label="Judge", choices={"response": "The answer, after its prompt", "text": "The whole row"},
    )  # fmt: skip
    tokens: int = lm.tokens_param()

    def feature_set(self) -> str:
        """Model, longest row and view. Raises `ParamsError` for a model that is not on this machine."""
        return f"{lm.identity(self)}-loss-t{self.tokens}-{self.view}"


class Perplexity:
    """ppl = exp(l), l the mean of -log p(token | those before) over the judged tokens. score =

    low: -l; high: l; middle: -|l - median of the pool|. Rows without a token to judge have no score.
    """

    name: ClassVar[str] = "perplexity"
    title: ClassVar[str] = "Perplexity"
    summary: ClassVar[str] = "Rows that a language model finds neither trivial nor impossible, or either of these."
    version: ClassVar[str] = "1"
    exact: ClassVar[bool] = True
    memory: ClassVar[Literal["stream", "pool"]] = "stream"
    needs_target: ClassVar[bool] = False
    Params: ClassVar[type] = PerplexityParams

    def passes(self, params: PerplexityParams) -> Sequence[Pass]:
        reads = ("prompt", "response") if params.view == "response" else ("text",)
        made = [Pass("read", _read, title="Read rows", queue="gpu", reads=reads, keeps=features.name)]
        if params.keep == "middle":
            made.append(
                Pass("middle", _losses, _median, title="Find the middle", reads=(VECTORS,), rows_per_item=_many)
            )
        return [*made, Pass("score", _score, title="Score rows", reads=(VECTORS,), rows_per_item=_many)]

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        middle = float(np.exp(ctx["middle"]["loss"][0])) if "middle" in ctx.values else None
        return [[_why(value, middle)] for value in _loss(rows, ctx).tolist()]

    def notes(self, ctx: Ctx, scores: Scores) -> list[Note]:
        found = []
        if "middle" in ctx.values:
            found.append(Note("fact", f"The median perplexity is {np.exp(ctx['middle']['loss'][0]):.3g}."))
        return found + without_answer(ctx, scores)

    def seconds(self, rows: int, targets: int, params: PerplexityParams) -> float:
        return rows * lm.SECONDS * 1.3


def without_answer(ctx: Ctx, scores: Scores) -> list[Note]:
    """How many rows have no score."""
    none = ctx.rows - scores.count
    if none <= 0:
        return []
    said = "row has" if none == 1 else "rows have"
    return [Note("fact", f"{none:,} {said} no answer long enough to be judged, and so no score.")]


def _why(value: float, middle: float | None) -> Reason:
    if not np.isfinite(value):
        return Reason("rules", "There is nothing to judge.")
    told = f"Perplexity {np.exp(value):.3g}"
    return Reason("rules", f"{told}, where the median is {middle:.3g}." if middle is not None else f"{told}.")


def _read(shard: Shard, ctx: Ctx) -> Part:
    return loss.kept(shard, ctx, _measure(ctx.params))


def _measure(params: PerplexityParams) -> Any:
    def measure(model: "CausalLM", shard: Shard, rows: slice) -> NDArray[np.float64]:
        if params.view == "text":
            return loss.of_texts(model, shard["text"][rows], params.tokens)[:, None]
        return loss.of_answers(model, shard["prompt"][rows], shard["response"][rows], params.tokens)[:, None]

    return measure


def _loss(shard: Shard, ctx: Ctx) -> NDArray[np.float64]:
    found: NDArray[np.float64] = features.vectors(shard, ctx.params)[:, 0].astype(np.float64)
    return found


def _losses(shard: Shard, ctx: Ctx) -> Part:
    found = _loss(shard, ctx)
    return {"loss": found[np.isfinite(found)].astype(np.float16)}


def _median(parts: Iterator[Part], ctx: Ctx) -> Value:
    held = [part["loss"] for part in parts]
    joined = np.concatenate(held).astype(np.float64) if held else np.empty(0)
    return {"loss": np.array([np.median(joined) if len(joined) else 0.0])}


def _score(shard: Shard, ctx: Ctx) -> Part:
    found = _loss(shard, ctx)
    if ctx.params.keep == "middle":
        return scored(shard, -np.abs(found - float(ctx["middle"]["loss"][0])))
    return scored(shard, found if ctx.params.keep == "high" else -found)


def _many(ctx: Ctx) -> int:
    return 200_000
