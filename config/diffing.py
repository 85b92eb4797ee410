"""What changed between two texts, word by word. Pure: no Django."""

import re
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Literal

# A word, a run of blanks, or one other character: text without spaces between words (CJK, Thai) goes by character.
_TOKEN = re.compile(r"[0-9A-Za-z\u00c0-\u024f\u0370-\u03ff\u0400-\u052f\u0590-\u06ff_]+|[^\S\n]+|\n|.", re.DOTALL)
MOST_TOKENS = 6_000  # beyond, lines are compared first and only changed lines word by word
MOST_WORK = 4_000_000  # pairs of equal items; beyond, the texts stand one after the other


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
    head = _shared(a, b)
    tail = _shared(a[head:][::-1], b[head:][::-1])
    begin, end = "".join(a[:head]), "".join(a[len(a) - tail :])
    a, b = a[head : len(a) - tail], b[head : len(b) - tail]
    middle = _by_lines("".join(a), "".join(b)) if len(a) + len(b) > MOST_TOKENS else _compared(a, b)
    return tuple(_merged([Change("same", begin), *middle, Change("same", end)]))


def _shared(a: list[str], b: list[str]) -> int:
    """How many tokens both begin with."""
    return next((n for n, (one, other) in enumerate(zip(a, b, strict=False)) if one != other), min(len(a), len(b)))


def _work(a: list[str], b: list[str]) -> int:
    """Pairs of equal items: what one search for the longest match looks at. Repetition makes it the product."""
    often = Counter(b)
    return sum(count * often[item] for item, count in Counter(a).items())


def _by_lines(before: str, after: str) -> list[Change]:
    a, b = before.splitlines(keepends=True), after.splitlines(keepends=True)
    if _work(a, b) > MOST_WORK:
        return [Change("cut", before), Change("new", after)]
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
    if _work(a, b) > MOST_WORK:
        return [Change("cut", "".join(a)), Change("new", "".join(b))]
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
