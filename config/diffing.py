"""What changed between two texts, word by word. Pure: no Django."""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Literal

# A word, a run of blanks, or one other character: text without spaces between words (CJK, Thai) goes by character.
_TOKEN = re.compile(r"[0-9A-Za-z\u00c0-\u024f\u0370-\u03ff\u0400-\u052f\u0590-\u06ff_]+|[^\S\n]+|\n|.", re.DOTALL)
MOST_TOKENS = 6_000  # beyond, lines are compared first and only changed lines word by word


@dataclass(frozen=True, slots=True)
class Change:
    """A stretch of text: `same` in both, `cut` from the first, or `new` in the second."""

    kind: Literal["same", "cut", "new"]
    text: str


@lru_cache(maxsize=256)
def changes(before: str, after: str) -> tuple[Change, ...]:
    """From `before` to `after`. Joining all but `new` gives `before`; joining all but `cut` gives `after`."""
    if before == after:
        return (Change("same", before),) if before else ()
    a, b = _TOKEN.findall(before), _TOKEN.findall(after)
    if len(a) + len(b) > MOST_TOKENS:
        return tuple(_merged(_by_lines(before, after)))
    return tuple(_merged(_compared(a, b)))


def _by_lines(before: str, after: str) -> list[Change]:
    a, b = before.splitlines(keepends=True), after.splitlines(keepends=True)
    out: list[Change] = []
    for op, a0, a1, b0, b1 in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        old, new = "".join(a[a0:a1]), "".join(b[b0:b1])
        if op == "equal":
            out.append(Change("same", old))
            continue
        words = _TOKEN.findall(old), _TOKEN.findall(new)
        if len(words[0]) + len(words[1]) <= MOST_TOKENS:
            out += _compared(*words)
        else:
            out += [Change("cut", old), Change("new", new)]
    return out


def _compared(a: list[str], b: list[str]) -> list[Change]:
    out: list[Change] = []
    for op, a0, a1, b0, b1 in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if op == "equal":
            out.append(Change("same", "".join(a[a0:a1])))
        else:
            out += [Change("cut", "".join(a[a0:a1])), Change("new", "".join(b[b0:b1]))]
    return out


def _merged(pieces: list[Change]) -> list[Change]:
    """Neighbours of one kind become one."""
    out: list[Change] = []
    for piece in pieces:
        if not piece.text:
            continue
        if out and out[-1].kind == piece.kind:
            out[-1] = Change(piece.kind, out[-1].text + piece.text)
        else:
            out.append(piece)
    return out
