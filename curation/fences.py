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
    """Prose and fenced code in their order. A fence that never closes is prose: nothing is hidden by a stray mark."""
    if "```" not in text and "~~~" not in text:
        return [Block("text", text)] if text else []
    lines = text.split("\n")
    ends = _ends(lines)
    found: list[Block] = []
    prose: list[str] = []
    at = 0
    while at < len(lines):
        end = ends.get(at)
        if end is None:
            prose.append(lines[at])
            at += 1
            continue
        if any(line.strip() for line in prose):
            found.append(Block("text", "\n".join(prose)))
        prose = []
        opened = _OPENS.match(lines[at])
        assert opened is not None
        found.append(Block("code", "\n".join(lines[at + 1 : end]), opened[2].strip()))
        at = end + 1
    if any(line.strip() for line in prose):
        found.append(Block("text", "\n".join(prose)))
    return found


def _ends(lines: list[str]) -> dict[int, int]:
    """Line of each opening fence → line of its closing one."""
    pairs: dict[int, int] = {}
    opened: tuple[int, str] | None = None
    for number, line in enumerate(lines):
        mark = _OPENS.match(line.rstrip())
        if mark is None:
            continue
        if opened is None:
            opened = (number, mark[1])
        elif mark[1][0] == opened[1][0] and len(mark[1]) >= len(opened[1]) and not mark[2].strip():
            pairs[opened[0]] = number
            opened = None
    return pairs
