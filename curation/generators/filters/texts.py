"""What filters look at: the texts of a candidate, words, normal forms."""

import re
import unicodedata
from collections.abc import Sequence

from curation.content import render
from curation.generators.model import Candidate, Spec
from curation.measures import tokens

_SPACE = re.compile(r"\s+")
_SIGN = re.compile(r"[^\w\s]")


def asked(candidate: Candidate, spec: Spec) -> str:
    """What the candidate asks: its input, its instruction where that is not the task's own, or all turns but the last."""
    if candidate.messages:
        return render(candidate.content, "prompt")
    if candidate.instruction.strip() == spec.instruction.strip() and candidate.input:
        return candidate.input
    return "\n".join(part for part in (candidate.instruction, candidate.input) if part)


def answers(candidate: Candidate) -> tuple[str, ...]:
    """What it answers: outputs, both texts of a pair, or the last turn."""
    if candidate.messages:
        return (render(candidate.content, "response"),)
    return candidate.outputs or tuple(text for text in (candidate.chosen, candidate.rejected) if text)


def whole(candidate: Candidate, spec: Spec) -> str:
    return "\n".join((asked(candidate, spec), *answers(candidate)))


def normal(text: str) -> str:
    """NFKC, folded case, signs as spaces, runs of white space as one: texts that differ in no word have one form."""
    text = _SIGN.sub(" ", unicodedata.normalize("NFKC", text).casefold())
    return _SPACE.sub(" ", text).strip()


def squeezed(text: str) -> str:
    """NFKC and one space for each run of white space; signs and case stay, since they may be what the task is about."""
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text)).strip()


def natural(key: str) -> list[tuple[int, str]]:
    """An order of keys in which input/2 comes before input/10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", key)]


def words(text: str) -> list[str]:
    """Words in lower case; scripts without spaces go by character."""
    return tokens(unicodedata.normalize("NFKC", text))


def grams(held: Sequence[str], size: int) -> set[tuple[str, ...]]:
    return {tuple(held[at : at + size]) for at in range(len(held) - size + 1)}
