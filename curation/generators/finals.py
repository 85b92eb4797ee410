"""The final answer of a worked solution, and whether it agrees with the known one."""

import re
import unicodedata
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

# What a path says that was written towards an answer it had seen, or that gave up.
LEAKS = (
    "since the answer is", "given that the answer is", "the correct answer is given", "the given answer", "as given in the answer",
    "we know the answer", "knowing that the answer", "to match the answer", "the provided answer", "the expected answer",
    "according to the answer",
)  # fmt: skip
GIVES_UP = (
    "impossible to determine", "cannot be determined", "can't be determined", "not enough information to",
    "impossible to solve", "impossible to answer", "i cannot solve", "unable to solve",
)  # fmt: skip

_NUMBER = re.compile(r"[-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:\s*/\s*\d+(?:\.\d+)?)?|[-+−]?\.\d+")
_LAST = re.compile(r"(?im)^\W*(?:the\s+)?(?:final\s+)?answer\W*?(?:is|:)\s*(.+)$")
_OPTION = re.compile(r"\(?([A-Za-z])\)?[.):]?(?:\s+|$)")


def final_answer(reply: Any) -> str | None:
    """The field `answer` of an object; of text the last box, else the last line "Answer: …". None where there is none.

    A number elsewhere in the text is never taken for the answer.
    """
    if isinstance(reply, Mapping):
        found = reply.get("answer")
        if isinstance(found, bool) or not isinstance(found, str | int | float):
            return None
        return str(found).strip() or None
    if not isinstance(reply, str):
        return None
    boxed = _boxes(reply)
    if boxed:
        return boxed[-1].strip() or None
    lines = _LAST.findall(reply)
    return lines[-1].strip().rstrip(".").strip() or None if lines else None


def _boxes(text: str) -> list[str]:
    """What stands in each \\boxed{…}, braces inside it matched."""
    found = []
    at = text.find("\\boxed{")
    while at >= 0:
        depth, start = 1, at + len("\\boxed{")
        end = start
        while end < len(text) and depth:
            depth += (text[end] == "{") - (text[end] == "}")
            end += 1
        if not depth:
            found.append(text[start : end - 1])
        at = text.find("\\boxed{", start)
    return found


def number(text: str) -> Fraction | None:
    """The one number of a text such as "$1,250.50", "7 apples", "3/4" or "15 %". None if it has none, or several."""
    found = _NUMBER.findall(text)
    if len(found) != 1:
        return None
    said = found[0].replace(",", "").replace("−", "-").replace(" ", "")
    top, _, below = said.partition("/")
    try:
        return Fraction(top) / Fraction(below) if below else Fraction(top)
    except (ValueError, ZeroDivisionError):
        return None


def plain(text: str) -> str:
    """A text as answers are compared: NFKC, no case, no punctuation at the ends, no article in front, single spaces."""
    said = " ".join(unicodedata.normalize("NFKC", text).casefold().split()).strip(" .,;:!?\"'`*()[]{}“”‘’")
    for article in ("the ", "a ", "an "):
        said = said.removeprefix(article)
    return said


def agrees(answer: str | None, gold: str) -> bool:
    """Whether a final answer says what the known one says.

    Equal as text; or both hold exactly one number, and it is the same one ("3 of 7" has two, so it is not 7); or the
    letter of an option where the other gives letter and text.
    """
    if answer is None or not gold.strip():
        return False
    said, known = plain(answer), plain(gold)
    if said == known:
        return True
    wanted = number(known)
    if wanted is not None and len(_words_beside(known)) <= 2:
        return number(said) == wanted and len(_words_beside(said)) <= 8
    return _option_agrees(answer, gold)


def _words_beside(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", _NUMBER.sub(" ", text))


def _option_agrees(answer: str, gold: str) -> bool:
    a, b = _OPTION.match(answer.strip()), _OPTION.match(gold.strip())
    if not (a and b and a[1].casefold() == b[1].casefold()):
        return False
    rest_a, rest_b = plain(answer.strip()[a.end() :]), plain(gold.strip()[b.end() :])
    return not rest_a or not rest_b or rest_a == rest_b


def says(text: str, phrases: tuple[str, ...]) -> str | None:
    """The first of the phrases that the text holds, whatever its case and apostrophes."""
    said = " ".join(text.casefold().replace("’", "'").split())
    return next((phrase for phrase in phrases if phrase in said), None)


def mentions(text: str, answer: str) -> bool:
    """Whether a text holds an answer as whole words or a whole number; always False for a blank answer."""
    wanted = plain(answer)
    if not wanted:
        return False
    said = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return re.search(rf"(?<![\w.]){re.escape(wanted)}(?!\w|\.\d)", said) is not None
