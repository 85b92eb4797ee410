"""Rows that look well made, by five plain rules, without a target and without a model.

The rules are of the kind of Rae and others 2021 ("Gopher", table A1), turned from limits into parts of a sum, with two
for instruction data: that there is an answer, and that it ends.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from selection.kernels.repetition import repetition
from selection.kernels.wordhash import words
from selection.methods.base import Ctx, Part, Pass, Reason, Shard, score_column
from selection.methods.params import ParamsError, param

EVERY = 500  # rows between two ticks
SHORT = 8  # words of an answer that need no full stop
OPENING = 400  # characters of an answer in which a refusal is looked for

_REFUSAL = re.compile(
    r"\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b"
    r"|\bi(?:['’]m| am) (?:just )?an? (?:ai|language model)\b"
    r"|\bi(?:['’]m| am) (?:very |really |so )?(?:sorry|afraid),? (?:but )?(?:that )?"
    r"i(?:['’]m| am)? (?:can(?:no|['’])t|unable|not able)"
    r"|\bi (?:can(?:no|['’])t|am unable to|am not able to|won['’]t) "
    r"(?:assist|help|fulfil|comply|provide|generate|create|answer)"
    r"|\bmy (?:knowledge cut-?off|training data)\b|\bunable to (?:fulfil|comply|assist)",
    re.IGNORECASE,
)
# "None" is not among them: where entities are looked for, it is an answer.
_EMPTY = re.compile(r"\W*(?:n/a|todo|tbd|no ?(?:output|answer|response)|lorem ipsum.*)?\W*", re.IGNORECASE | re.DOTALL)
_ENDS = re.compile(r"(?:[.!?。！？…:)\]}>\"'”’»`*|$\d%]|https?://\S+)\Z")


@dataclass(frozen=True)
class QualityParams:
    least: int = param(10, label="Words from", ge=1, help="Rows with fewer words lose in proportion.")
    most: int = param(1000, label="Words up to", ge=1, help="Rows with more words lose in proportion.")
    answers: bool = param(
        True, label="Judge the answer", help="Empty answers, refusals, and answers that stop in the middle lose."
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Raises `ParamsError` for limits that no row can keep."""
        if self.most < self.least:
            raise ParamsError("most", f"must be at least the {self.least} words of the lower limit, not {self.most}")


class Rules(NamedTuple):
    """Each part from 0 to 1."""

    answer: float
    repetition: float
    length: float
    signs: float
    ending: float


WEIGHTS = Rules(answer=0.3, repetition=0.25, length=0.15, signs=0.15, ending=0.15)


class Quality:
    """score = 0.3 answer + 0.25 repetition + 0.15 length + 0.15 signs + 0.15 ending, each part from 0 to 1."""

    name: ClassVar[str] = "quality"
    title: ClassVar[str] = "Well made"
    summary: ClassVar[str] = (
        "Rows that have an answer, do not repeat themselves, and are neither cut off nor mere signs."
    )
    version: ClassVar[str] = "1"
    exact: ClassVar[bool] = True
    memory: ClassVar[Literal["stream", "pool"]] = "stream"
    needs_target: ClassVar[bool] = False
    Params: ClassVar[type] = QualityParams

    def passes(self, params: QualityParams) -> Sequence[Pass]:
        reads = ("text", "prompt", "response")
        return [Pass("score", _score, title="Judge rows", reads=reads, rows_per_item=_rows_per_item)]

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        return [[explained(rules)] for rules in _judged(rows, ctx)]

    def seconds(self, rows: int, targets: int, params: QualityParams) -> float:
        return rows * 250e-6


def judge(text: str, prompt: str, answer: str, params: QualityParams) -> Rules:
    """What each rule says of a row. `answer` may be empty: then there is none."""
    count = len(words(text))
    length = min(1.0, count / params.least, params.most / max(count, 1))
    solid = sum(map(str.isalnum, text))
    filled = len("".join(text.split()))
    # Half letters is what code and formulas have; prose has 0.95.
    signs = min(1.0, 2 * solid / filled) if filled else 0.0
    steady = 1.0 - max(repetition(prompt), repetition(answer))
    if not params.answers:
        return Rules(1.0, steady, length, signs, 1.0)
    return Rules(_answered(answer, prompt), steady, length, signs, _ended(answer))


def score_of(rules: Rules) -> float:
    return sum(weight * value for weight, value in zip(WEIGHTS, rules, strict=True))


def explained(rules: Rules) -> Reason:
    """The parts in words, and as data {"rules": [[name, value, weight], ...]}."""
    parts = zip(rules._fields, rules, WEIGHTS, strict=True)
    listed = [[name, round(value, 3), weight] for name, value, weight in parts]
    said = ", ".join(f"{name} {value:g}" for name, value, _ in listed)
    lost = [name for name, value in zip(rules._fields, rules, strict=True) if value < 0.995]
    text = f"{score_of(rules):.3g} of 1: {said}." if lost else "Nothing to complain of."
    return Reason("rules", text, {"rules": listed})


def _answered(answer: str, prompt: str) -> float:
    """0 for no answer, a placeholder or a refusal; half for the prompt said again; else 1."""
    if _EMPTY.fullmatch(answer[:OPENING]) or _REFUSAL.search(answer[:OPENING]):
        return 0.0
    said = words(answer)
    return 0.5 if len(said) > 2 and said == words(prompt) else 1.0


def _ended(answer: str) -> float:
    """0 for an answer of more than a few words that stops without a sign of having ended."""
    tail = answer[-200:].rstrip()
    # A last line of code needs no full stop either.
    if _ENDS.search(tail) or re.search(r"[=(){}\[\];]", tail.rpartition("\n")[2]):
        return 1.0
    return 1.0 if 0 < len(words(tail)) <= SHORT else 0.0


def _rows_per_item(ctx: Ctx) -> int:
    return 40_000


def _judged(shard: Shard, ctx: Ctx) -> list[Rules]:
    found = []
    for text, prompt, answer in zip(shard["text"], shard["prompt"], shard["response"], strict=True):
        found.append(judge(text, prompt, answer, ctx.params))
        if len(found) % EVERY == 0:
            ctx.tick(len(found))
    ctx.tick(len(found))
    return found


def _score(shard: Shard, ctx: Ctx) -> Part:
    scores: Any = np.array([score_of(rules) for rules in _judged(shard, ctx)], np.float64)
    return score_column(shard.keys, scores, start=0, rows=shard.places - shard.offset)
