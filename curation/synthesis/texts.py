"""Texts that a person gives a run: pasted, or as a file. Pure."""

import json
from collections.abc import Iterator
from typing import Any

from curation.generators import Source

MOST_BYTES = 16 << 20
MOST_TEXTS = 20_000
MOST_CHARS = 50_000
NAMES = ("text", "passage", "input", "content", "question", "instruction")


class TextsError(ValueError):
    """Texts that cannot be used: where, what is wrong, and how to mend it."""

    def __init__(self, where: str, what: str, mend: str) -> None:
        super().__init__(f"{where}: {what}. {mend}")


def read(raw: bytes, name: str, kind: str) -> tuple[Source, ...]:
    """A file: JSON Lines where its name ends in .jsonl or .ndjson, a JSON list in .json, else plain text. Raises `TextsError`."""
    if len(raw) > MOST_BYTES:
        raise TextsError(name, f"it is larger than {MOST_BYTES >> 20} MiB", "Send a part of it.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TextsError(name, f"byte {error.start:,} is not UTF-8", "Save it as UTF-8.") from None
    ending = name.lower().rpartition(".")[2]
    if ending in ("jsonl", "ndjson"):
        return _made(_lines(text), kind)
    if ending == "json":
        return _made(_list(text, name), kind)
    return pasted(text, kind)


def pasted(text: str, kind: str) -> tuple[Source, ...]:
    """Plain text, one after the other with an empty line between; or JSON Lines where every line is an object."""
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and all(line.lstrip().startswith("{") for line in lines):
        return _made(_lines(text), kind)
    return _made(((f"Text {number}", block) for number, block in enumerate(_blocks(text), 1)), kind)


def _blocks(text: str) -> Iterator[str]:
    block: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line.strip():
            block.append(line)
        elif block:
            yield "\n".join(block)
            block = []


def _lines(text: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield f"Line {number}", json.loads(line)
            except (json.JSONDecodeError, RecursionError):
                raise TextsError(f"Line {number}", "it is not JSON", "Close all brackets and quotes.") from None


def _list(text: str, name: str) -> Iterator[tuple[str, Any]]:
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        raise TextsError(f"Line {error.lineno}", "it is not JSON", "Close all brackets and quotes.") from None
    except RecursionError:
        raise TextsError(name, "it is nested too deeply", "Write a list of texts or objects.") from None
    if not isinstance(rows, list):
        raise TextsError(name, "it holds no list", "Write a list of texts or objects.")
    yield from ((f"Entry {number}", row) for number, row in enumerate(rows, 1))


def _made(rows: Iterator[tuple[str, Any]], kind: str) -> tuple[Source, ...]:
    found: dict[str, Source] = {}
    for where, row in rows:
        if len(found) >= MOST_TEXTS:
            raise TextsError(where, f"there are more than {MOST_TEXTS:,} texts", "Send a part of them.")
        text, key = _read(where, row)
        text = text.replace("\0", "").strip()
        if not text:
            raise TextsError(where, "the text is empty", "Take it out.")
        if len(text) > MOST_CHARS:
            raise TextsError(where, f"the text has {len(text):,} characters", f"Cut it into parts of {MOST_CHARS:,}.")
        key = key or f"{kind}-{len(found) + 1}"
        if key in found:
            raise TextsError(where, f"the id {key[:80]!r} is there twice", "Give each its own, or none.")
        found[key] = Source(key, text)
    return tuple(found.values())


def _read(where: str, row: Any) -> tuple[str, str]:
    """(text, id or empty)."""
    if isinstance(row, str):
        return row, ""
    if isinstance(row, dict):
        for name in NAMES:
            if isinstance(row.get(name), str):
                ident = row.get("id", "")
                return row[name], str(ident)[:200] if isinstance(ident, str | int) else ""
        raise TextsError(where, "it has no text", f"Name it {', '.join(NAMES[:-1])} or {NAMES[-1]}.")
    raise TextsError(where, "it is neither a text nor an object", 'Write {"text": "…"}.')
