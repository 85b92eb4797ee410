"""Where a text that a model quotes stands in the passage: offsets are found by us and never taken from a model.

Offsets are half-open and count Unicode code points of the passage as it is stored: `passage[start:end]` is the surface.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise, product
from typing import Literal, NamedTuple

How = Literal["exact", "space", "case"]
HOW: tuple[How, ...] = ("exact", "space", "case")  # the order in which they are tried
MOST = 1_000  # places of one surface that are looked at


class Span(NamedTuple):
    """One place of a surface. `how`: as written; with other white space; with other capitals too."""

    start: int
    end: int
    how: How


class Folded:
    """A passage made comparable, with the place in the original of every character.

    Canonical composition (NFC) always; runs of white space as one space and case folding where asked for.
    """

    def __init__(self, text: str, *, space: bool = False, case: bool = False) -> None:
        pieces: list[str] = []
        self.starts: list[int] = []  # of each folded character: where its cluster begins in `text`
        self.ends: list[int] = []
        for start, end in _clusters(text):
            piece = unicodedata.normalize("NFC", text[start:end])
            if space and piece.isspace():
                if pieces and pieces[-1] == " ":
                    self.ends[-1] = end
                    continue
                piece = " "
            if case:
                piece = unicodedata.normalize("NFC", piece.casefold())
            pieces.append(piece)
            self.starts += [start] * len(piece)
            self.ends += [end] * len(piece)
        self.text = "".join(pieces)

    def find(self, surface: str) -> Iterable[tuple[int, int]]:
        """Every place of `surface`, which is folded alike, that neither begins nor ends inside a cluster."""
        at = self.text.find(surface)
        while at >= 0:
            last = at + len(surface) - 1
            whole_start = at == 0 or self.starts[at] != self.starts[at - 1]
            whole_end = last + 1 == len(self.starts) or self.ends[last] != self.ends[last + 1]
            if whole_start and whole_end:
                yield self.starts[at], self.ends[last]
            at = self.text.find(surface, at + 1)


def _clusters(text: str) -> Iterable[tuple[int, int]]:
    """Stretches that composition may change as one: a character with what combines with it."""
    if text.isascii() or unicodedata.is_normalized("NFC", text):
        yield from ((at, at + 1) for at in range(len(text)))
        return
    start = 0
    for at in range(1, len(text) + 1):
        if at < len(text) and _joins(text[start:at], text[at]):
            continue
        yield start, at
        start = at


def _joins(before: str, char: str) -> bool:
    if char.isascii():
        return False
    composed = unicodedata.normalize("NFC", before)
    return unicodedata.combining(char) > 0 or unicodedata.normalize("NFC", before + char) != composed + char


def places(passage: str, surface: str, *, whole_words: bool = True) -> list[Span]:
    """Where `surface` stands, in order: as written, else with other white space, else with other capitals.

    The first of these ways that finds anything decides. `whole_words`: not inside a longer word ("rash" in "trash").
    Empty for a surface that is not there, or blank. The rare character whose case folding has another length is
    found whole or not at all.
    """
    wanted = surface.strip()
    if not wanted:
        return []
    for how in HOW:
        folded = _folded(passage, how)
        sought = Folded(wanted, space=how != "exact", case=how == "case").text
        found = []
        for start, end in folded.find(sought):
            if not whole_words or _whole(passage, start, end):
                found.append(Span(start, end, how))
            if len(found) == MOST:
                break
        if found:
            return found
    return []


@lru_cache(maxsize=6)  # the stretches of one passage are looked up one after the other
def _folded(passage: str, how: How) -> Folded:
    return Folded(passage, space=how != "exact", case=how == "case")


def _whole(passage: str, start: int, end: int) -> bool:
    return not (
        (start > 0 and _inside(passage[start - 1], passage[start]))
        or (end < len(passage) and _inside(passage[end - 1], passage[end]))
    )


def _inside(left: str, right: str) -> bool:
    """Whether a word goes on from one character to the next."""
    return _spaced(left) and _spaced(right)


def _spaced(char: str) -> bool:
    return (char.isalnum() or unicodedata.combining(char) > 0) and not _alone(char)


# Scripts written without spaces (Thai to Lao, Myanmar, Khmer, kana, Han): they have no word edges to respect.
_LOWS = [0x0E00, 0x1000, 0x1780, 0x3040, 0x3400, 0x4E00, 0xF900, 0x20000]
_HIGHS = [0x0EFF, 0x109F, 0x17FF, 0x30FF, 0x4DBF, 0x9FFF, 0xFAFF, 0x2FA1F]


def _alone(char: str) -> bool:
    at = bisect_right(_LOWS, ord(char)) - 1
    return at >= 0 and ord(char) <= _HIGHS[at]


def gap(a: Span, b: Span) -> int:
    """Code points between two spans; 0 where they touch or overlap."""
    return max(0, max(a.start, b.start) - min(a.end, b.end))


def nearest(groups: Sequence[Sequence[Span]]) -> tuple[Span, ...]:
    """One span of each group, so that the gaps between neighbours of the group order sum to the least; ties: the first.

    Raises `ValueError` for an empty group. At most 20 places of a group are tried, those first in the passage.
    """
    if not all(groups):
        raise ValueError("every group needs a place")
    few = [list(group[:20]) for group in groups]
    if len(few) > 3:  # the product would be large: each is held against the first alone
        first = few[0][0]
        return (first, *(min(group, key=lambda one: (gap(first, one), one.start)) for group in few[1:]))
    return min(
        product(*few),
        key=lambda chosen: (
            sum(gap(a, b) for a, b in pairwise(chosen)),
            *(s.start for s in chosen),
        ),
    )


def words(passage: str) -> list[tuple[int, int]]:
    """(start, end) of each run of letters and digits and of each other visible character, in order."""
    found: list[tuple[int, int]] = []
    for at, char in enumerate(passage):
        if char.isspace():
            continue
        if found and found[-1][1] == at and _inside(passage[at - 1], char):
            found[-1] = (found[-1][0], at + 1)
        else:
            found.append((at, at + 1))
    return found


def bio(passage: str, labelled: Iterable[tuple[int, int, str]]) -> list[tuple[str, str]]:
    """(word, tag) of the passage: B-label on the first word of a span, I-label on the next, O elsewhere.

    A word is in a span when they share a character. Of overlapping spans the longer one wins, then the earlier.
    """
    tokens = words(passage)
    tags = ["O"] * len(tokens)
    for start, end, label in sorted(labelled, key=lambda span: (span[0] - span[1], span[0])):
        inside = [at for at, (low, high) in enumerate(tokens) if low < end and start < high]
        if inside and all(tags[at] == "O" for at in inside):
            for at in inside:
                tags[at] = ("B-" if at == inside[0] else "I-") + label
    return [(passage[low:high], tag) for (low, high), tag in zip(tokens, tags, strict=True)]
