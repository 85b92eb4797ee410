"""Text with fenced code in it, as blocks: prose stays prose, code is set in mono. Pure; nothing is turned into HTML."""

import re
from dataclasses import dataclass
from typing import Literal

# Up to three blanks, three or more backticks or tildes, then words that name the language (CommonMark 4.5).
_OPENS = re.compile(r" {0,3}(`{3,}|~{3,})([^`\n]*)$")


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of whole lines. `info` is what stood after an opening fence; the fences themselves are left out."""

    kind: Literal["text", "code"]
    text: str
    info: str = ""


def blocks(text: str) -> list[Block]:
    """Prose and fenced code in their order. A fence that never closes is prose: nothing is hidden by a stray mark.

    Empty lines between prose and code are left out, for the code stands apart as it is.
    """
    if "```" not in text and "~~~" not in text:
        return [Block("text", text)] if text else []
    lines = text.split("\n")
    ends = _ends(lines)
    found: list[Block] = []
    prose: list[str] = []
    at = 0
    while at < len(lines):
        if at not in ends:
            prose.append(lines[at])
            at += 1
            continue
        if any(line.strip() for line in prose):
            found.append(Block("text", "\n".join(prose).strip("\n")))
        prose = []
        end, info = ends[at]
        found.append(Block("code", "\n".join(lines[at + 1 : end]), info))
        at = end + 1
    if any(line.strip() for line in prose):
        found.append(Block("text", "\n".join(prose).strip("\n") if found else text))
    return found


def _ends(lines: list[str]) -> dict[int, tuple[int, str]]:
    """Line of each opening fence → line of its closing one, and the words behind the opening one."""
    pairs: dict[int, tuple[int, str]] = {}
    opened: tuple[int, str, str] | None = None
    for number, line in enumerate(lines):
        mark = _OPENS.match(line.rstrip())
        if mark is None:
            continue
        if opened is None:
            opened = (number, mark[1], mark[2].strip())
        elif mark[1][0] == opened[1][0] and len(mark[1]) >= len(opened[1]) and not mark[2].strip():
            pairs[opened[0]] = (number, opened[2])
            opened = None
    return pairs
