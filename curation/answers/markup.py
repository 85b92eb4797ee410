"""Marks in a text: `Dr [[Anna Hall|PERSON]] called.` Written and read back exactly, whatever the text holds.

`[[` opens a mark and `|LABEL]]` closes the one opened last, so marks may stand in each other. A backslash takes
`[`, `|` and `\\` as they are; in front of anything else it is itself. Nothing else needs escaping.
"""

from dataclasses import dataclass
from itertools import pairwise

SPECIAL = "[|\\"


class MarkupError(ValueError):
    """Where (line and column, from 1), and what is wrong there."""

    def __init__(self, text: str, at: int, why: str) -> None:
        self.line = text.count("\n", 0, at) + 1
        self.column = at - (text.rfind("\n", 0, at) + 1) + 1
        self.why = why
        super().__init__(f"Line {self.line}, column {self.column}: {why}")


@dataclass(frozen=True, slots=True)
class Mark:
    """Code points [start, end) of the text, and the label."""

    start: int
    end: int
    label: str


def order(mark: Mark) -> tuple[int, int, str]:
    """By start; of those that begin together the outer one first."""
    return (mark.start, -mark.end, mark.label)


def crossing(marks: list[Mark]) -> tuple[Mark, Mark] | None:
    """Two marks of which neither holds the other though they share text. Inline markup cannot say that."""
    open_marks: list[Mark] = []
    for mark in sorted(marks, key=order):
        while open_marks and open_marks[-1].end <= mark.start:
            open_marks.pop()
        if open_marks and mark.end > open_marks[-1].end:
            return open_marks[-1], mark
        open_marks.append(mark)
    return None


def overlapping(marks: list[Mark]) -> tuple[Mark, Mark] | None:
    """Two marks that share text."""
    return next(((one, two) for one, two in pairwise(sorted(marks, key=order)) if two.start < one.end), None)


def write(text: str, marks: list[Mark]) -> str:
    """The text with its marks. Raises `ValueError` for marks that cross or lie outside of the text."""
    if crossing(marks) or any(not 0 <= mark.start < mark.end <= len(text) for mark in marks):
        raise ValueError("marks cross, are empty or lie outside of the text")
    opens: dict[int, int] = {}
    for mark in marks:
        opens[mark.start] = opens.get(mark.start, 0) + 1
    # Inner marks close first: those that began later, and of twins the one that was written last.
    closes: dict[int, list[str]] = {}
    for mark in sorted(marks, key=order, reverse=True):
        closes.setdefault(mark.end, []).append(mark.label)
    out: list[str] = []
    depth = 0
    for at in range(len(text) + 1):
        for label in closes.get(at, ()):
            out.append(f"|{label}]]")
            depth -= 1
        out.append("[[" * opens.get(at, 0))
        depth += opens.get(at, 0)
        if at < len(text):
            out.append(_escaped(text, at, depth, at + 1 in opens, at + 1 in closes))
    return "".join(out)


def _escaped(text: str, at: int, depth: int, opens: bool, closes: bool) -> str:
    """One character as it stands in markup: with a backslash only where it would be read as something else."""
    character = text[at]
    if character not in SPECIAL:
        return character
    after = text[at + 1 : at + 2]
    if character == "[":
        plain = after != "[" and not (opens and not closes)
    elif character == "|":
        plain = depth == 0
    else:
        plain = not (opens or closes) and (not after or after not in SPECIAL)
    return character if plain else "\\" + character


def read(markup: str) -> tuple[str, list[Mark]]:
    """(text, marks in canonical order). Raises `MarkupError`."""
    out: list[str] = []
    length = 0
    stack: list[tuple[int, int]] = []  # where the mark opened in the text, and in the markup
    marks: list[Mark] = []
    at, size = 0, len(markup)
    while at < size:
        character = markup[at]
        if character not in SPECIAL or (character == "|" and not stack):
            step = _plain_until(markup, at)
            out.append(markup[at:step])
            length += step - at
            at = step
        elif character == "\\" and at + 1 < size and markup[at + 1] in SPECIAL:
            out.append(markup[at + 1])
            length, at = length + 1, at + 2
        elif markup.startswith("[[", at):
            stack.append((length, at))
            at += 2
        elif character == "|":
            end = markup.find("]]", at)
            label = markup[at + 1 : end] if end >= 0 else ""
            if end < 0 or "\n" in label or "[[" in label:
                raise MarkupError(markup, at, "after | stands the label and then ]]; a bar of the text is written \\|")
            start, opened = stack.pop()
            if start == length:
                raise MarkupError(markup, opened, "the mark holds no text")
            marks.append(Mark(start, length, label))
            at = end + 2
        else:
            out.append(character)
            length, at = length + 1, at + 1
    if stack:
        raise MarkupError(markup, stack[-1][1], "[[ opens a mark that no |LABEL]] closes; as text it is written \\[[")
    return "".join(out), sorted(set(marks), key=order)


def _plain_until(markup: str, at: int) -> int:
    """The end of the stretch without special characters that begins at `at` (one character at least)."""
    end = at + 1
    while end < len(markup) and markup[end] not in SPECIAL:
        end += 1
    return end
