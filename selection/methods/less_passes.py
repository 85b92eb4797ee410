"""The passes of `less` before its scores: draw rows, warm up an epoch at a time, targets, then the rows of the pool."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selection.kernels.chance import chance
from selection.methods import less_settings as settings
from selection.methods.base import WHOLE, Ctx, Item, Note, Part, Pass, Shard, Value, pass_on
from selection.methods.params import ParamsError

CHARACTERS = 32  # of a text that are read for each token that fits at most
COSTLY = 50_000  # rows from which a run without a GPU says what else there is


def before(params: Any) -> list[Pass]:
    """Up to the targets' gradients. What is read, and how, is settled before a row of the pool is."""
    count = settings.setting(params).epochs
    views = ("text",) if params.learn == "text" else ("prompt", "response")
    return [
        Pass("model", _model, pass_on, title="Load the model", unit="targets", queue="gpu", reads=(), over=_nowhere),
        Pass("drawn", _draw, _lowest, title="Draw rows for the warm-up", reads=(), rows_per_item=_many),
        Pass("texts", _read, _join, title="Read them", reads=views, rows=_drawn, rows_per_item=_many),
        *(
            Pass(
                f"warm{number}", partial(_warm, number), pass_on, title=f"Warm up: epoch {number + 1} of {count}",
                queue="gpu", reads=(), over=_lessons_over,
            )
            for number in range(count)
        ),
        Pass(
            "target", _target, pass_on, title="Gradients of the target", unit="targets", queue="gpu", reads=(),
            over=_targets_over,
        ),
    ]  # fmt: skip


def encoders(params: Any) -> list[Pass]:
    """One feature set for each epoch."""
    count = settings.setting(params).epochs
    views = ("text",) if params.learn == "text" else ("prompt", "response")
    return [
        Pass(
            f"encode{number}", partial(_encode, number), title=f"Gradients of the rows: epoch {number + 1} of {count}",
            queue="gpu", reads=views, keeps=_kind, keyed=partial(_trained, number),
        )
        for number in range(count)
    ]  # fmt: skip


def names(ctx: Ctx) -> list[str]:
    """Of the feature sets, an epoch each."""
    kind = _kind(ctx.params)
    return [f"{kind}-{_trained(number, ctx)}" for number in range(settings.setting(ctx.params).epochs)]


def notes(ctx: Ctx, nothing: bool) -> list[Note]:
    """What the warm-up and the targets tell. `nothing`: a row had nothing to learn."""
    one, count = settings.setting(ctx.params), settings.setting(ctx.params).epochs
    last, target = ctx[f"warm{count - 1}"], ctx["target"]
    rows, cut, empty = (int(last[name][0]) for name in ("rows", "cut", "empty"))
    losses = [float(ctx[f"warm{number}"]["loss"][0]) for number in range(count)]
    told = [Note("fact", _warmed(rows - empty, losses))]
    if rows and cut:
        told.append(
            Note("fact", f"{cut:,} of the {rows:,} rows of the warm-up have more than {one.tokens:,} tokens and were cut; "
                         "so it is with about that share of the pool.")
        )  # fmt: skip
    left = int((~target["usable"]).sum())
    if left:
        told.append(Note("warning", f"{left:,} of the {len(ctx.target):,} target rows have no answer to learn and did not count. "
                                    "Give them answers, or learn the whole row."))  # fmt: skip
    if int(target["cut"][0]):
        told.append(Note("fact", f"{int(target['cut'][0]):,} target rows were cut at {one.tokens:,} tokens."))
    if nothing:
        told.append(
            Note("warning", "Rows without an answer have nothing to learn: their score is -2, below all others.")
        )
    if not int(target["form"][0]) and ctx.params.learn == "response":
        told.append(Note("warning", "The model has no chat template; rows were written as <|user|> and <|assistant|>. "
                                    "A model tuned on chats would read them as it was taught."))  # fmt: skip
    if not int(target["gpu"][0]) and ctx.rows >= COSTLY:
        told.append(Note("warning", f"Gradients of {ctx.rows:,} rows were made without a GPU. As the second method of a "
                                    "cascade, LESS looks at a few rows for each pick."))  # fmt: skip
    return told


def _warmed(rows: int, losses: list[float]) -> str:
    if not rows:
        return "No row of the warm-up had something to learn, so the model stayed as it is."
    return f"The model was warmed up on {rows:,} rows; loss by epoch: {', '.join(f'{loss:.2f}' for loss in losses)}."


# --- the model ---


def _lora(ctx: Ctx) -> Any:
    """Raises `ParamsError` for a model that is not there or does not fit."""
    from selection.encoders import EncoderError, causal
    from selection.encoders.gradients import Lora

    try:
        return Lora(causal.load(ctx.params.model), settings.shape(ctx.params), ctx.params.batch)
    except EncoderError as error:
        raise _named("model", error) from None


def _named(field: str, error: Exception) -> ParamsError:
    return ParamsError(field, f"cannot be used: {error}")


def _kind(params: Any) -> str:
    """Model and settings of a feature set. Raises `ParamsError` for a model that is not on the machine."""
    from selection.encoders import EncoderError, causal

    one = settings.setting(params)
    told = {"less": 1, "tokens": one.tokens, "dims": one.dims, "learn": params.learn, "rank": one.rank,
            "alpha": one.alpha, "blocks": one.blocks}  # fmt: skip
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]
    try:
        return f"less-{causal.identity(params.model, fetch=False)}-{digest}"
    except EncoderError as error:
        raise _named("model", error) from None


def _trained(number: int, ctx: Ctx) -> str:
    """The identity of the weights after an epoch: it holds the warm-up's rows, their order and the seed."""
    found: bytes = ctx["target"]["identity"][number]
    return f"{number + 1}-{found.decode()}"


def _model(shard: Shard, ctx: Ctx) -> Part:
    ctx.tick(0)
    if ctx.params.learn == "response" and len(ctx.target) and not any(map(str.strip, ctx.target["response"])):
        raise ParamsError("learn", "must be text for this target: none of its rows has an answer")
    lora = _lora(ctx)
    ctx.tick(len(shard))
    return {"size": np.array([lora.size])}


def _nowhere(ctx: Ctx) -> list[Item]:
    return [Item(0, WHOLE, 0, 0)]


# --- rows of the warm-up ---


def _many(ctx: Ctx) -> int:
    return 100_000


def _draw(shard: Shard, ctx: Ctx) -> Part:
    """Of an item the rows with the lowest chance, as many as are wanted of the whole pool."""
    drawn = chance(ctx.seed, shard.keys, "less")
    best = np.argsort(drawn, kind="stable")[: settings.warm_rows(ctx.params, ctx.rows)]
    return {"place": shard.places[best], "chance": drawn[best]}


def _lowest(parts: Iterator[Part], ctx: Ctx) -> Value:
    held = list(parts)
    if not held:
        return {"place": np.empty(0, np.int64)}
    place, drawn = (np.concatenate([part[name] for part in held]) for name in ("place", "chance"))
    return {"place": np.sort(place[np.argsort(drawn, kind="stable")[: settings.warm_rows(ctx.params, ctx.rows)]])}


def _drawn(ctx: Ctx) -> NDArray[np.int64]:
    found: NDArray[np.int64] = ctx["drawn"]["place"]
    return found


def _read(shard: Shard, ctx: Ctx) -> Part:
    most = settings.setting(ctx.params).tokens * CHARACTERS
    asked, said = _views(shard, ctx)
    return {
        "chance": chance(ctx.seed, shard.keys, "less"),
        **_packed("asked", [text[-most:] for text in asked]), **_packed("said", [text[:most + 1] for text in said]),
    }  # fmt: skip


def _views(rows: Any, ctx: Ctx) -> tuple[Sequence[str], Sequence[str]]:
    """What is asked and what is learned, of a `Shard` or a `Target`."""
    if ctx.params.learn == "text":
        return [""] * len(rows), rows["text"]
    return rows["prompt"], rows["response"]


def _join(parts: Iterator[Part], ctx: Ctx) -> Value:
    """In the order of chance, which does not depend on where a row stands."""
    held = list(parts)
    drawn = np.concatenate([part["chance"] for part in held]) if held else np.empty(0)
    order = np.argsort(drawn, kind="stable").tolist()
    made: Value = {"rows": np.array([len(order)])}
    for name in ("asked", "said"):
        texts = [text for part in held for text in _unpacked(part, name)]
        made |= _packed(name, [texts[at] for at in order])
    return made


def _packed(name: str, texts: Sequence[str]) -> Part:
    """Texts as bytes one after the other, and where each ends."""
    coded = [text.encode("utf-8", "replace") for text in texts]
    ends = np.cumsum([len(one) for one in coded], dtype=np.int64) if coded else np.empty(0, np.int64)
    return {name: np.frombuffer(b"".join(coded), np.uint8), f"{name}.end": ends}


def _unpacked(part: Part, name: str) -> list[str]:
    joined, ends = part[name].tobytes(), part[f"{name}.end"].tolist()
    return [joined[start:end].decode() for start, end in zip([0, *ends[:-1]], ends, strict=True)] if ends else []


def _lessons(lm: Any, ctx: Ctx, asked: Sequence[str], said: Sequence[str]) -> Any:
    from selection.encoders import gradients_text

    most = min(settings.setting(ctx.params).tokens, lm.context)
    if ctx.params.learn == "text":
        return gradients_text.whole(lm, said, most)
    return gradients_text.lessons(lm, asked, said, most)


# --- the warm-up ---


def _lessons_over(ctx: Ctx) -> list[Item]:
    return [Item(0, WHOLE, 0, int(ctx["texts"]["rows"][0]))]


def _targets_over(ctx: Ctx) -> list[Item]:
    return [Item(0, WHOLE, 0, 0)]


def _state(number: int, lora: Any, ctx: Ctx) -> Any:
    """After epoch `number`; before the first one for -1."""
    from selection.encoders.gradients_train import State

    if number < 0:
        return State.begin(lora, ctx.seed)
    value = ctx[f"warm{number}"]
    return State(value["weights"], value["first"], value["second"], int(value["steps"][0]))


def _warm(number: int, shard: Shard, ctx: Ctx) -> Part:
    from selection.encoders import EncoderError
    from selection.encoders.gradients_train import epoch

    lora, texts = _lora(ctx), ctx["texts"]
    lessons = _lessons(lora.lm, ctx, _unpacked(texts, "asked"), _unpacked(texts, "said"))
    usable = sum(one.learned > 0 for one in lessons)
    plan = settings.plan(ctx.params)
    try:
        state, loss = epoch(
            lora, lessons, _state(number - 1, lora, ctx), plan, number=number, seed=ctx.seed, tick=ctx.tick
        )
    except EncoderError as error:
        raise _named("model", _of("the warm-up", error)) from None
    return {
        "weights": state.weights, "first": state.first, "second": state.second, "steps": np.array([state.steps]),
        "identity": np.array([state.identity()], "S12"), "rate": np.array([plan.mean_rate(number, usable)]),
        "loss": np.array([loss]), "rows": np.array([len(lessons)]),
        "cut": np.array([sum(one.cut for one in lessons)]), "empty": np.array([len(lessons) - usable]),
    }  # fmt: skip


def _of(what: str, error: Exception, key: Callable[[int], str] | None = None) -> Exception:
    """The error with the row's key in place of its number where it is about one."""
    row = getattr(error, "row", None)
    if row is None:
        return error
    named = f"row {key(row)}" if key else f"row {row + 1} of {what}"
    return ValueError(str(error).replace(f"row {row + 1}", named))


# --- gradients ---


def _target(shard: Shard, ctx: Ctx) -> Part:
    """ "vectors" float32[epochs, M, d], "usable" bool[M], and of each epoch "identity" and "rates"."""
    from selection.encoders import EncoderError
    from selection.encoders.gradients_text import form_of
    from selection.encoders.gradients_train import features

    lora, one = _lora(ctx), settings.setting(ctx.params)
    lessons = _lessons(lora.lm, ctx, *_views(ctx.target, ctx))
    usable = np.array([lesson.learned > 0 for lesson in lessons], bool)
    if not usable.any():
        raise ParamsError("learn", "finds nothing in the target: none of its rows has something to learn")
    warm = [ctx[f"warm{number}"] for number in range(one.epochs)]
    try:
        made = [
            features(lora, lessons, _state(number, lora, ctx), dims=one.dims, seed=ctx.seed, adam=False, tick=ctx.tick)
            for number in range(one.epochs)
        ]
    except EncoderError as error:
        raise _named("model", _of("the target", error)) from None
    vectors = np.stack(made)
    return {
        "vectors": vectors, "usable": usable,
        "identity": np.concatenate([value["identity"] for value in warm]),
        "rates": np.concatenate([value["rate"] for value in warm]),
        "cut": np.array([sum(lesson.cut for lesson in lessons)]), "form": np.array([form_of(lora.lm).own]),
        "gpu": np.array([lora.lm.device != "cpu"]),
    }  # fmt: skip


def _encode(number: int, shard: Shard, ctx: Ctx) -> Part:
    """ "features" float16[rows, d], of unit length: zeros for a row with nothing to learn."""
    from selection.encoders import EncoderError
    from selection.encoders.gradients_train import features

    lora, one = _lora(ctx), settings.setting(ctx.params)
    lessons = _lessons(lora.lm, ctx, *_views(shard, ctx))
    ctx.tick(0)
    state = _state(number, lora, ctx)
    try:
        made = features(lora, lessons, state, dims=one.dims, seed=ctx.seed, adam=True, tick=ctx.tick)
    except EncoderError as error:
        raise _named("model", _of("the pool", error, lambda row: shard.keys[row])) from None
    return {"features": made.astype(np.float16)}
