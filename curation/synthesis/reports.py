"""What a generator says of its run, as blocks that a page can show. Pure."""

from dataclasses import dataclass
from typing import Any

MOST_ROWS = 200


@dataclass(frozen=True, slots=True)
class Block:
    """kind: "facts" (rows of name and value), "table" (head and rows), "text", or "list". `more`: rows left out."""

    kind: str
    title: str
    rows: tuple[tuple[str, ...], ...] = ()
    head: tuple[str, ...] = ()
    text: str = ""
    more: int = 0


def blocks(report: dict[str, Any]) -> list[Block]:
    facts, found = [], []
    for name, value in report.items():
        if name == "tree" and "text" in report:
            continue  # the same as text
        if value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and "\n" not in value):
            facts.append((words(name), said(value)))
        elif isinstance(value, str):
            found.append(Block("text", words(name), text=value))
        elif isinstance(value, dict):
            found.append(Block("facts", words(name), tuple((words(key), said(one)) for key, one in value.items())))
        elif isinstance(value, list) and value:
            found.append(_list(words(name), value))
    return ([Block("facts", "", tuple(facts))] if facts else []) + found


def _list(title: str, value: list[Any]) -> Block:
    more = max(0, len(value) - MOST_ROWS)
    if all(isinstance(one, dict) for one in value):
        names = list(dict.fromkeys(name for one in value for name in one))
        rows = tuple(tuple(said(one.get(name, "")) for name in names) for one in value[:MOST_ROWS])
        return Block("table", title, rows, tuple(words(name) for name in names), more=more)
    return Block("list", title, tuple((said(one),) for one in value[:MOST_ROWS]), more=more)


def words(name: str) -> str:
    text = str(name).replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def said(value: Any) -> str:
    """A value in a line."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, dict):
        return ", ".join(f"{words(name).lower()} {said(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(said(one) for one in value)
    return str(value)
