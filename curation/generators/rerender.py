"""Answers of labelled tasks as items, preference rules over them, and formats that are written and read back by us.

An answer is never written by a model here: `render(apply(gold, rules), form)` computes it, and
`parse(render(gold, form), form) == gold` for every format (Hum, arXiv 2502.03843, read as rules over gold annotation).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

FORMATS = ("json", "lines", "table", "sentence")
LABELS = "label"  # the type of an item that is a class and not a stretch of the text


class Item(NamedTuple):
    """One labelled thing: its type, its text, and where it stands (None for a class of the whole text)."""

    type: str
    text: str
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What different annotators would decide differently.

    nested: "all", "longest" or "shortest" of stretches that overlap. repeats: "each" mention, or "once" for equal type
    and text. many: "all", or "first" only. order: as in the "text", or by "type". empty: what is answered when nothing
    is found.
    """

    nested: str = "all"
    repeats: str = "each"
    many: str = "all"
    order: str = "text"
    empty: str = "none"


CHOICES: dict[str, tuple[str, ...]] = {
    "nested": ("all", "longest", "shortest"),
    "repeats": ("each", "once"),
    "many": ("all", "first"),
    "order": ("text", "type"),
    "empty": ("none", "nothing found", "-"),
}


def apply(gold: Sequence[Item], rules: Rules) -> tuple[Item, ...]:
    """The items that are the answer under the rules, in the order of the answer."""
    items = sorted(gold, key=_place) if any(item.start is not None for item in gold) else list(gold)
    if rules.nested != "all":
        items = _flat(items, longest=rules.nested == "longest")
    if rules.repeats == "once":
        first: dict[tuple[str, str], Item] = {}
        for item in items:
            first.setdefault((item.type, item.text), item)
        items = list(first.values())
    if rules.many == "first":
        items = items[:1]
    if rules.order == "type":
        items = sorted(items, key=lambda item: item.type)
    return tuple(items)


def _place(item: Item) -> tuple[int, int]:
    return (item.start if item.start is not None else -1, item.end if item.end is not None else -1)


def _flat(items: Sequence[Item], *, longest: bool) -> list[Item]:
    """No two that overlap: the longest (or shortest) first, then the earliest."""
    sign = -1 if longest else 1
    taken: list[Item] = []
    for item in sorted(items, key=lambda one: (sign * _length(one), _place(one))):
        if item.start is None or not any(_overlap(item, other) for other in taken):
            taken.append(item)
    return sorted(taken, key=_place)


def _length(item: Item) -> int:
    return (item.end or 0) - (item.start or 0)


def _overlap(a: Item, b: Item) -> bool:
    if a.start is None or b.start is None or a.end is None or b.end is None:
        return False
    return a.start < b.end and b.start < a.end


def render(items: Sequence[Item], form: str, empty: str = "none") -> str:
    """The answer as text. Offsets are not written. Raises `KeyError` for a format that is not there."""
    pairs = [(item.type, item.text) for item in items]
    return _WRITERS[form](pairs, empty)


def parse(text: str, form: str, empty: str = "none") -> tuple[tuple[str, str], ...]:
    """(type, text) of an answer that `render` wrote. Raises `ValueError` for text that is not of this format."""
    return tuple(_READERS[form](text.strip(), empty))


def pairs(items: Iterable[Item]) -> tuple[tuple[str, str], ...]:
    return tuple((item.type, item.text) for item in items)


def _write_json(found: list[tuple[str, str]], empty: str) -> str:
    return json.dumps([{"type": kind, "text": text} for kind, text in found], ensure_ascii=False)


def _read_json(text: str, empty: str) -> list[tuple[str, str]]:
    raw = json.loads(text)
    if not isinstance(raw, list):
        raise ValueError("it is no list")
    return [(_text(one, "type"), _text(one, "text")) for one in raw]


def _text(raw: Any, name: str) -> str:
    if not isinstance(raw, dict) or not isinstance(raw.get(name), str):
        raise ValueError(f"an entry has no text {name!r}")
    return str(raw[name])


def _escape(text: str, marks: str) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    for mark in marks:
        text = text.replace(mark, "\\" + mark)
    inner = len(text) - len(text.lstrip()), len(text.rstrip())  # white space at the ends would be lost when it is read
    return "".join(
        f"\\u{ord(char):04x}" if char in _BREAKS or not inner[0] <= at < inner[1] else char
        for at, char in enumerate(text)
    )


_BREAKS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"  # also end a line for some readers


def _pieces(text: str, mark: str) -> list[str]:
    """Cut at every unescaped mark, escapes undone."""
    found, at = [""], 0
    plain = {"n": "\n", "r": "\r"}
    while at < len(text):
        char = text[at]
        if char == "\\" and at + 1 < len(text):
            following = text[at + 1]
            if following == "u" and at + 6 <= len(text):
                found[-1] += chr(int(text[at + 2 : at + 6], 16))
                at += 6
                continue
            found[-1] += plain.get(following, following)
            at += 2
            continue
        if char == mark:
            found.append("")
        else:
            found[-1] += char
        at += 1
    return found


def _write_lines(found: list[tuple[str, str]], empty: str) -> str:
    return "\n".join(f"- {_escape(kind, ':')}: {_escape(text, ':')}" for kind, text in found) or empty


def _read_lines(text: str, empty: str) -> list[tuple[str, str]]:
    if text == empty:
        return []
    found = []
    for line in text.split("\n"):
        cut = _pieces(line.removeprefix("- "), ":")
        if not line.startswith("- ") or len(cut) != 2 or not cut[1].startswith(" "):
            raise ValueError(f"the line {line[:60]!r} is not `- type: text`")
        found.append((cut[0], cut[1][1:]))
    return found


def _write_table(found: list[tuple[str, str]], empty: str) -> str:
    if not found:
        return empty
    rows = [f"| {_escape(kind, '|')} | {_escape(text, '|')} |" for kind, text in found]
    return "\n".join(["| type | text |", "| --- | --- |", *rows])


def _read_table(text: str, empty: str) -> list[tuple[str, str]]:
    if text == empty:
        return []
    lines = text.split("\n")
    if lines[:2] != ["| type | text |", "| --- | --- |"]:
        raise ValueError("the table has no head")
    found = []
    for line in lines[2:]:
        cells = _pieces(line, "|")
        if len(cells) != 4 or cells[0] or cells[3]:
            raise ValueError(f"the row {line[:60]!r} has not two cells")
        found.append((cells[1][1:-1], cells[2][1:-1]))
    return found


def _write_sentence(found: list[tuple[str, str]], empty: str) -> str:
    if not found:
        return empty
    told = [f"{_quoted(text)} is of the type {_quoted(kind)}" for kind, text in found]
    return "; ".join(told) + "."


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _read_sentence(text: str, empty: str) -> list[tuple[str, str]]:
    if text == empty:
        return []
    decoder, found, at = json.JSONDecoder(), [], 0
    while True:
        said, at = _string(decoder, text, at)
        if not text.startswith(" is of the type ", at):
            raise ValueError("the sentence does not go on as it should")
        kind, at = _string(decoder, text, at + len(" is of the type "))
        found.append((kind, said))
        if text[at:] == ".":
            return found
        if not text.startswith("; ", at):
            raise ValueError("the sentence does not end as it should")
        at += 2


def _string(decoder: json.JSONDecoder, text: str, at: int) -> tuple[str, int]:
    value, end = decoder.raw_decode(text, at)
    if not isinstance(value, str):
        raise ValueError("a quoted text is missing")
    return value, end


_WRITERS = {"json": _write_json, "lines": _write_lines, "table": _write_table, "sentence": _write_sentence}
_READERS = {"json": _read_json, "lines": _read_lines, "table": _read_table, "sentence": _read_sentence}
