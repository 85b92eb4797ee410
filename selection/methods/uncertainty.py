"""Uncertainty: rows on which a language model disagrees with itself, to be annotated first.

Several answers to each row are sampled; Dagan and Engelson 1995 (vote entropy of a committee) with the samples as the
committee, as Diao and others 2023 do to choose what to annotate ("Active Prompting", arXiv 2302.12246, §2.2).
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from selection.kernels.disagreement import most_frequent, normalised, vote_entropy, word_difference
from selection.methods.base import Ctx, Note, Part, Pass, Reason, Scores, Shard, Value, as_bytes, scored
from selection.methods.params import ParamsError, param

MOST = 100_000
SHOWN = 80  # bytes of the most frequent answer that are kept for the reason


@dataclass(frozen=True)
class UncertaintyParams:
    measure: Literal["entropy", "words"] = param(
        "entropy", label="Disagreement", choices={"entropy": "Different answers (entropy)", "words": "Different words"},
        help="Entropy for short answers such as labels; words for texts, of which no two are ever the same.",
    )  # fmt: skip
    samples: int = param(5, label="Answers to each row", ge=2, le=32)
    tokens: int = param(24, label="Tokens of an answer, at most", ge=1, le=512)
    temperature: float = param(
        0.8, label="Temperature", ge=0.05, le=5, advanced=True, help="Higher makes answers differ more."
    )  # fmt: skip
    language_model: str = param(
        "smollm2", label="Language model", help="smollm2, a name on the Hub, or a folder.", advanced=True
    )  # fmt: skip


class Uncertainty:
    """score(x) = vote entropy of k sampled answers to x, or the mean difference of their words: 0 to 1."""

    name: ClassVar[str] = "uncertainty"
    title: ClassVar[str] = "Uncertainty"
    summary: ClassVar[str] = "Rows to annotate first: asked several times, a language model answers differently."
    version: ClassVar[str] = "1"
    exact: ClassVar[bool] = True
    memory: ClassVar[Literal["stream", "pool"]] = "pool"
    max_rows: ClassVar[int | None] = MOST
    needs_target: ClassVar[bool] = False
    Params: ClassVar[type] = UncertaintyParams

    def passes(self, params: UncertaintyParams) -> Sequence[Pass]:
        ask = Pass("answers", _ask, _gather, title="Ask the model", queue="gpu", reads=("prompt",), rows_per_item=_few)
        return [ask, Pass("score", _score, title="Score rows", reads=(), rows_per_item=_many)]

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        value = ctx.values.get("answers", {})
        held = value.get("key", np.empty(0, "S1"))
        return [[_reason(value, at, ctx.params)] for at in _places(held, as_bytes(rows.keys))]

    def notes(self, ctx: Ctx, scores: Scores) -> list[Note]:
        if not scores.count:
            return []
        if scores.low >= 0.999:
            why = "Every answer to every row is different, so nothing is told apart. Compare words, or ask for shorter answers."
            return [Note("warning", why)]
        if scores.high <= 0.001:
            return [Note("warning", "The model answers every row the same each time. Raise the temperature.")]
        return [
            Note(
                "fact",
                f"The model disagrees with itself by {scores.mean:.2f} on average (0 agrees, 1 never twice the same).",
            )
        ]

    def seconds(self, rows: int, targets: int, params: UncertaintyParams) -> float:
        return rows * params.tokens * (0.03 + 0.004 * params.samples)


def _few(ctx: Ctx) -> int:
    return 16


def _many(ctx: Ctx) -> int:
    return 100_000


def _ask(shard: Shard, ctx: Ctx) -> Part:
    from selection.encoders import EncoderError, causal
    from selection.encoders.sampling import answers

    params = ctx.params
    measure = vote_entropy if params.measure == "entropy" else word_difference
    score, kinds, most, best = np.zeros(len(shard)), np.ones(len(shard), np.int32), np.zeros(len(shard), np.int32), []
    try:
        lm = causal.load(params.language_model)
        for at, (key, prompt) in enumerate(zip(shard.keys, shard["prompt"], strict=True)):
            found = answers(lm, prompt, _chance(ctx, key), temperature=params.temperature)
            score[at], kinds[at] = measure(found), len(set(map(normalised, found)))
            said, most[at] = most_frequent(found)
            best.append(_short(said))
            ctx.tick(at + 1)
    except EncoderError as error:
        raise ParamsError("language_model", f"cannot be used: {error}") from None
    shown = np.array(best, f"S{SHOWN}") if best else np.empty(0, f"S{SHOWN}")
    return {"key": as_bytes(shard.keys), "score": score, "kinds": kinds, "most": most, "best": shown}


def _chance(ctx: Ctx, key: str) -> NDArray[np.float64]:
    """Uniform numbers of one row: they follow from the seed and its key."""
    secret = hashlib.blake2b(str(ctx.seed).encode(), digest_size=32).digest()
    digest = hashlib.blake2b(key.encode(), digest_size=16, key=secret, person=b"uncertainty").digest()
    draw = np.random.Generator(np.random.PCG64(int.from_bytes(digest)))
    return draw.random((ctx.params.samples, ctx.params.tokens))


def _short(answer: str) -> bytes:
    """The beginning of an answer on one line, as whole characters."""
    line = " ".join(answer.replace("\0", " ").split())
    held = line.encode()[:SHOWN].decode(errors="ignore")
    return held.encode()


def _gather(parts: Iterator[Part], ctx: Ctx) -> Value:
    held = list(parts)
    if not held:
        return {"key": np.empty(0, "S1"), "score": np.empty(0)}
    joined = {name: np.concatenate([part[name] for part in held]) for name in held[0]}
    order = np.argsort(joined["key"], kind="stable")
    return {name: array[order] for name, array in joined.items()}


def _places(held: NDArray[np.bytes_], keys: NDArray[np.bytes_]) -> list[int]:
    """Where each key stands among `held`, ascending; -1 for one that does not."""
    if not len(held) or not len(keys):
        return [-1] * len(keys)
    at = np.minimum(np.searchsorted(held, keys), len(held) - 1)
    return np.where(held[at] == keys, at, -1).tolist()


def _score(shard: Shard, ctx: Ctx) -> Part:
    value = ctx["answers"]
    return scored(shard, value["score"][np.searchsorted(value["key"], as_bytes(shard.keys))])


def _reason(value: Any, at: int, params: UncertaintyParams) -> Reason:
    if at < 0 or "kinds" not in value:
        return Reason("unsure", "Put in order by how far the model's answers are apart.")
    score, kinds, most = float(value["score"][at]), int(value["kinds"][at]), int(value["most"][at])
    best = value["best"][at].decode(errors="ignore")
    data = {"score": round(score, 4), "kinds": kinds, "samples": params.samples, "most": most, "answer": best}
    if kinds == 1:
        return Reason("unsure", f"The model gave the same answer {params.samples} times.", data)
    if most == 1:
        return Reason("unsure", f"The model gave {params.samples} answers, all of them different.", data)
    return Reason(
        "unsure",
        f"The model gave {kinds} different answers in {params.samples}; the most frequent came {most} times.",
        data,
    )
