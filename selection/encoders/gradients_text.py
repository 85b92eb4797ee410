"""Rows as tokens with what is to be learned: the answer of a row, behind what was asked."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from selection.encoders.base import writable

CHARACTERS = 32  # read for each token that fits at most
_ASKED, _SAID = "winnow-asked-marker", "winnow-said-marker"
Learn = Literal["response", "text"]


class Lesson(NamedTuple):
    """int32[L] tokens of a row; those from `first` on are learned (nothing where `first` is L). `cut`: it was longer."""

    tokens: NDArray[np.int32]
    first: int
    cut: bool

    @property
    def learned(self) -> int:
        return len(self.tokens) - self.first


class Form(NamedTuple):
    """What stands around question and answer; `own`: by the model's own chat template."""

    before: str
    between: str
    after: str
    own: bool


def form_of(lm: Any) -> Form:
    """By the chat template of a `CausalLM`; plainly, as in LESS, where it has none or does not show both texts."""
    said = [{"role": "user", "content": _ASKED}, {"role": "assistant", "content": _SAID}]
    plain = Form("<|user|>\n", "\n<|assistant|>\n", str(lm.tokenizer.eos_token or ""), False)
    try:
        text = str(lm.tokenizer.apply_chat_template(said, tokenize=False))
    except Exception:  # noqa: BLE001  # there is none, or it raises what it likes
        return plain
    if text.count(_ASKED) != 1 or text.count(_SAID) != 1 or text.index(_ASKED) > text.index(_SAID):
        return plain
    before, rest = text.split(_ASKED)
    between, after = rest.split(_SAID)
    return Form(before, between, after.rstrip("\n"), True)


def lessons(lm: Any, prompts: Sequence[str], answers: Sequence[str], most: int) -> list[Lesson]:
    """Question and answer of each row in the model's form, with at most `most` tokens; the answer is learned.

    Of a row that is too long the answer keeps at least half of the room, and the question loses its beginning. A row
    without an answer has nothing to learn.
    """
    form = form_of(lm)
    asked = _ids(lm, [form.before + _short(text, most, last=True) + form.between for text in prompts])
    said = _ids(lm, [_short(text, most) + form.after if text.strip() else "" for text in answers], inner=True)
    made = []
    for question, answer, long in zip(asked, said, _longer(prompts, answers, most), strict=True):
        kept = answer[: max(most - len(question), most // 2)]
        opening = question[max(0, len(question) + len(kept) - most) :]
        cut = long or len(question) + len(answer) > most
        made.append(Lesson(np.array(opening + kept, np.int32), max(len(opening), 1) if kept else len(opening), cut))
    return made


def whole(lm: Any, texts: Sequence[str], most: int) -> list[Lesson]:
    """Every token of a text is learned but the first, before which nothing stands."""
    made = []
    for ids, text in zip(_ids(lm, [_short(text, most) for text in texts]), texts, strict=True):
        kept = np.array(ids[:most], np.int32)
        made.append(Lesson(kept, min(1, len(kept)), len(ids) > most or len(text) > most * CHARACTERS))
    return made


def _short(text: str, most: int, *, last: bool = False) -> str:
    if len(text) <= most * CHARACTERS:
        return text
    return text[-most * CHARACTERS :] if last else text[: most * CHARACTERS]


def _longer(prompts: Sequence[str], answers: Sequence[str], most: int) -> list[bool]:
    return [max(len(one), len(other)) > most * CHARACTERS for one, other in zip(prompts, answers, strict=True)]


def _ids(lm: Any, texts: Sequence[str], *, inner: bool = False) -> list[list[int]]:
    """Token ids; `inner`: of texts that stand within a row, without the token that begins one."""
    found: list[list[int]] = lm.template.ids([writable(text) for text in texts])
    lead = len(lm.template.before) if inner else 0
    return [ids[lead:] for ids in found]
