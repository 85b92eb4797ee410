"""RDS+: the position-weighted mean of a language model's hidden states, and the cosine with those of the targets.

Ivison and others 2025, "Large-Scale Data Selection for Instruction Tuning", arXiv 2503.01807, §3.1, Alg. 1, App. G.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from selection.methods import aims, features, lm
from selection.methods.base import WHOLE, Ctx, Item, Note, Part, Pass, Reason, Scores, Shard, pass_on
from selection.methods.params import param

AT_ONCE = 1 << 23  # numbers of one block of hidden states in double precision: 64 MB


@dataclass(frozen=True)
class RdsPlusParams:
    model: str = lm.model_param()
    aggregation: Literal["round_robin", "max", "mean", "prototype"] = aims.aggregation_param("round_robin")
    groups: Literal["use", "ignore"] = aims.groups_param()
    duplicates: Literal["skip", "consume"] = aims.duplicates_param()
    view: Literal["text", "prompt", "messages"] = param(
        "text", label="Compare",
        choices={"text": "Whole rows", "prompt": "Prompts only", "messages": "Whole rows, in the model's chat template"},
    )  # fmt: skip
    layer: int = param(
        -1, label="Layer", ge=-1, advanced=True,
        help="After which block the states are taken: -1 is the last, 0 the embeddings. Fewer blocks take less time.",
    )  # fmt: skip
    tokens: int = lm.tokens_param()

    def feature_set(self) -> str:
        """Model, layer, longest row and view. Raises `ParamsError` for a model that is not on this machine."""
        layer = f"l{self.layer}" if self.layer >= 0 else "last"
        return f"{lm.identity(self)}-rds-{layer}-t{self.tokens}-{self.view}"


class RdsPlus:
    """e(x) = sum_i w_i h_i / |sum_i w_i h_i| with w_i = i / sum_j j over the tokens i of x; s(v, x) = e(v) · e(x).

    From scores to one order as `aims` has it: each target in turn (or each group, by its best target), max, mean,
    prototype.
    """

    name: ClassVar[str] = "rds_plus"
    title: ClassVar[str] = "RDS+"
    summary: ClassVar[str] = "Rows that a language model represents as it does the target: its hidden states, compared."
    version: ClassVar[str] = "1"
    exact: ClassVar[bool] = True
    memory: ClassVar[Literal["stream", "pool"]] = "stream"
    needs_target: ClassVar[bool] = True
    Params: ClassVar[type] = RdsPlusParams

    def passes(self, params: RdsPlusParams) -> Sequence[Pass]:
        target = Pass(
            "target", _target, pass_on, title="Read the target", unit="targets", queue="gpu", reads=(), over=_nowhere
        )
        encode = Pass("encode", _encode, title="Read rows", queue="gpu", reads=(params.view,), keeps=features.name)
        return [target, encode, lm.cut_pass(params.view), *aims.passes(params)]

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        return features.nearest(rows, ctx)

    def notes(self, ctx: Ctx, scores: Scores) -> list[Note]:
        found = lm.cut_note(int(ctx["cut"]["rows"][0]), ctx)
        if ctx.params.view == "messages" and not bool(ctx["target"]["template"][0]):
            found.append(
                Note("fact", "The model has no chat template: rows were read plainly, each turn as “role: text”.")
            )
        return found

    def seconds(self, rows: int, targets: int, params: RdsPlusParams) -> float:
        return rows * (lm.SECONDS + 0.1e-6 * targets)


def pooled(hidden: Any, mask: Any) -> NDArray[np.float32]:
    """float32[b, d], rows of length one: the means of hidden [b, L, d] under weights 1, 2, 3, … of the real tokens.

    `mask` bool [b, L] is true for those. Summed in double precision.
    """
    import torch

    made = []
    lines = max(1, AT_ONCE // max(1, hidden.shape[1] * hidden.shape[2]))
    weights = mask.to(torch.float64).cumsum(1) * mask
    weights = weights / weights.sum(1, keepdim=True).clamp_min(1)
    for start in range(0, len(hidden), lines):
        block, real = hidden[start : start + lines], mask[start : start + lines]
        # Behind the mask may stand anything, and 0 × inf is not 0.
        kept = torch.where(real[..., None], block, torch.zeros((), dtype=block.dtype, device=block.device))
        made.append(torch.bmm(weights[start : start + lines, None], kept.double())[:, 0])
    found = torch.cat(made)
    found = found / torch.linalg.vector_norm(found, dim=1, keepdim=True).clamp_min(1e-300)
    vectors: NDArray[np.float32] = found.float().cpu().numpy()
    return vectors


def _encode(shard: Shard, ctx: Ctx) -> Part:
    return {"features": _made(shard[ctx.params.view], ctx, shard.keys).astype(np.float16)}


def _target(shard: Shard, ctx: Ctx) -> Part:
    vectors = _made(ctx.target[ctx.params.view], ctx, ctx.target.keys)
    return {"vectors": vectors, "template": np.array([lm.loaded(ctx.params).template.there])}


def _made(texts: Sequence[str], ctx: Ctx, keys: Sequence[str]) -> NDArray[np.float32]:
    import torch

    model, params = lm.loaded(ctx.params), ctx.params
    layer = params.layer if params.layer >= 0 else model.depth
    if params.view == "messages":
        texts = model.templated(texts)
    with lm.refused():
        tokens = model.tokens(texts, params.tokens)
    out = np.zeros((len(texts), model.dims), np.float32)
    done = lm.by_work([len(row) for row in tokens], ctx.tick)
    with lm.refused("layer" if layer > model.depth else "model", keys), torch.inference_mode():
        for rows, hidden, mask in model.hidden(tokens, layer):
            out[rows] = pooled(hidden, mask)
            done(rows)
    return out


def _nowhere(ctx: Ctx) -> list[Item]:
    """One item without a row: what is read comes from `ctx`."""
    return [Item(0, WHOLE, 0, 0)]
