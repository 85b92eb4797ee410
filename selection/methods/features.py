"""What the methods share that read vectors of rows: the encoder's parameters, the pass that encodes, the targets."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selection.kernels import search
from selection.methods.base import WHOLE, Ctx, Item, Part, Pass, Reason, Shard, pass_on
from selection.methods.params import ParamsError, param

ENCODERS: Mapping[str, str] = {
    "static": "Static: word vectors, thousands of rows a second on any machine",
    "minilm": "MiniLM: reads whole sentences, hundreds of rows a second on a few cores",
    "other": "Another model, named below",
}
SECONDS = {"static": 150e-6, "minilm": 8e-3, "other": 40e-3}  # a row of about 500 characters, one core


def encoder_param(default: str = "static") -> Any:
    return param(
        default, label="Encoder", choices=ENCODERS,
        help="Vectors are made once for a pool and kept: later runs with the same encoder start at once.",
    )  # fmt: skip


def model_param() -> Any:
    return param(
        "", label="Model", advanced=True,
        help="For another encoder: a sentence-transformers model, as its name on the Hub or as a folder.",
    )  # fmt: skip


def who(params: Any) -> str:
    """One of `ENCODERS`. The classifier names it among its features."""
    return str(getattr(params, "encoder", None) or params.features)


def encodes(params: Any) -> bool:
    """Whether a method with these parameters reads vectors."""
    return hasattr(params, "encoder") or getattr(params, "features", "") in ENCODERS


def spec(params: Any) -> str:
    """What `selection.encoders.load` takes. Raises `ParamsError` where another model is asked for and none named."""
    if who(params) != "other":
        return who(params)
    if not params.model:
        raise ParamsError("model", "must name a model, or choose one of the encoders that come with Winnow")
    return str(params.model)


def name(params: Any) -> str:
    """Of the feature set: the encoder's identity and the view. Raises `ParamsError` for a model that is not there.

    Parameters that make their vectors otherwise name the set themselves, as `feature_set()`.
    """
    if own := getattr(params, "feature_set", None):
        return str(own())
    from selection.encoders import EncoderError, identity

    try:
        return f"{identity(spec(params), fetch=False)}-{params.view}"
    except EncoderError as error:
        raise _named(params, error) from None


def _named(params: Any, error: Exception) -> ParamsError:
    field = "model" if who(params) == "other" else "encoder" if hasattr(params, "encoder") else "features"
    return ParamsError(field, f"cannot be used: {error}")


def column(params: Any) -> str:
    """Under which a shard has the vectors."""
    return f"features:{name(params)}"


def encode_pass(params: Any) -> Pass:
    """Makes the feature set of the pool, or finds it made."""
    queue: Any = "cpu" if who(params) == "static" else "gpu"
    return Pass("encode", _encode, title="Encode rows", queue=queue, reads=(params.view,), keeps=name)


def target_pass(params: Any) -> Pass:
    """`ctx["target"]["vectors"]`: float32[M, d], the targets' unit vectors.

    Comes before `encode_pass`: a model of the Hub is fetched here, or refused, before a row of the pool is read.
    """
    queue: Any = "cpu" if who(params) == "static" else "gpu"
    return Pass(
        "target", _target, pass_on, title="Encode the target", unit="targets", queue=queue, reads=(),
        over=_nowhere,
    )  # fmt: skip


def _nowhere(ctx: Ctx) -> list[Item]:
    """One item without a row: what is encoded comes from `ctx`."""
    return [Item(0, WHOLE, 0, 0)]


def target_vectors(ctx: Ctx) -> NDArray[np.float32]:
    """float32[M, d]."""
    found: NDArray[np.float32] = ctx["target"]["vectors"]
    return found


def vectors(shard: Shard, params: Any) -> NDArray[np.float16]:
    """float16[rows, d] of a shard's rows; zeros for a row without a word."""
    return shard.array(column(params))


def nearest(rows: Shard, ctx: Ctx) -> list[list[Reason]]:
    """For each row the target of the largest cosine, as a reason; nothing where there is no target."""
    targets, found = target_vectors(ctx), []
    if not len(targets):
        return [[] for _ in range(len(rows))]
    for _, scores in search.products(vectors(rows, ctx.params), targets):
        for best, value in zip(scores.argmax(axis=0), scores.max(axis=0), strict=True):
            near: dict[str, Any] = {"target": int(best), "key": ctx.target.keys[best], "score": round(float(value), 4)}
            found.append([Reason("near", f"Nearest to target {best + 1}, cosine {value:.2f}.", near)])
    return found


def seconds(params: Any, rows: int) -> float:
    """Of one core, where nothing was encoded before."""
    return rows * SECONDS[who(params)]


def _encode(shard: Shard, ctx: Ctx) -> Part:
    return {"features": _made(shard[ctx.params.view], ctx).astype(np.float16)}


def _target(shard: Shard, ctx: Ctx) -> Part:
    return {"vectors": _made(ctx.target[ctx.params.view], ctx)}


def _made(texts: Sequence[str], ctx: Ctx) -> NDArray[np.float32]:
    from selection.encoders import EncoderError, load

    try:
        return load(spec(ctx.params)).encode(texts, ctx.tick)
    except EncoderError as error:
        raise _named(ctx.params, error) from None
