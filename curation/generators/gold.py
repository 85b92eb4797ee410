"""Answers of finished examples as items: read from the forms in which people keep them, and found in the input."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from curation.generators import spans
from curation.generators.rerender import LABELS, Item, parse

KINDS = {
    "auto": "Told by its looks", "json": "JSON", "lines": "Lines of `- type: text`", "table": "A table of type and text",
    "sentence": "Sentences of the format of that name", "labels": "Labels with commas between", "text": "Free text",
}  # fmt: skip
EMPTY = ("none", "nothing found", "-", "n/a")


class GoldError(ValueError):
    """An answer that cannot be read as items: why, in words that stand alone."""


def kind_of(output: str, labels: Sequence[str]) -> str:
    """What an answer looks like: JSON, the lines or the table of ours, labels of the task, or free text."""
    said = output.strip()
    if said[:1] in "[{":
        return "json"
    for kind in ("table", "lines", "sentence"):
        try:
            if parse(said, kind, "none"):
                return kind
        except ValueError:
            continue
    known = {label.casefold() for label in labels}
    parts = [part.strip().casefold() for part in said.split(",")]
    return "labels" if known and all(part in known for part in parts) else "text"


def read(output: str, passage: str, kind: str, labels: Sequence[str]) -> tuple[Item, ...]:
    """The items of an answer in order. Stretches get their place in the passage, one after the other where they repeat.

    Raises `GoldError` for an answer of another form, a label that the task has not, or a stretch that is not there.
    """
    kind = kind_of(output, labels) if kind == "auto" else kind
    if kind == "text":
        raise GoldError("The answer is free text and holds no items.")
    if kind == "labels":
        return _labels(output, labels)
    try:
        pairs = _json(output) if kind == "json" else list(parse(output, kind, "none"))
    except ValueError as error:
        raise GoldError(f"The answer is no {KINDS[kind]}: {error}.") from None
    if all(type_ == LABELS for type_, _ in pairs) and pairs:
        return tuple(Item(type_, text) for type_, text in pairs)
    return _placed(pairs, passage)


def _labels(output: str, labels: Sequence[str]) -> tuple[Item, ...]:
    if output.strip().casefold() in EMPTY and output.strip().casefold() not in {one.casefold() for one in labels}:
        return ()
    known = {label.casefold(): label for label in labels}
    found = []
    for part in output.split(","):
        said = part.strip()
        if known and said.casefold() not in known:
            raise GoldError(f"{said[:60]!r} is none of the labels.")
        found.append(Item(LABELS, known.get(said.casefold(), said)))
    return tuple(found)


def _json(output: str) -> list[tuple[str, str]]:
    """[{"type" or "label", "text"}], {"type": [text]}, {"type": text}, or a list of labels."""
    raw = json.loads(output)
    if isinstance(raw, Mapping) and len(raw) == 1:
        one = next(iter(raw.values()))  # {"items": [...]}
        raw = one if isinstance(one, list) and one and all(isinstance(entry, Mapping) for entry in one) else raw
    if isinstance(raw, Mapping):
        return [
            (str(kind), _text(text))
            for kind, held in raw.items()
            for text in (held if isinstance(held, list) else [held])
        ]
    if not isinstance(raw, list):
        raise ValueError("it is neither a list nor an object")
    found = []
    for entry in raw:
        if isinstance(entry, str):
            found.append((LABELS, entry))
            continue
        if not isinstance(entry, Mapping):
            raise ValueError("an entry is no object")
        kind = entry.get("type", entry.get("label"))
        found.append((_text(kind), _text(entry.get("text"))))
    return found


def _text(raw: Any) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise ValueError("an entry has no type or no text")
    return raw


def _placed(pairs: Sequence[tuple[str, str]], passage: str) -> tuple[Item, ...]:
    used: dict[tuple[str, str], int] = {}
    found = []
    for kind, text in pairs:
        where = spans.places(passage, text, whole_words=False)
        if not where:
            raise GoldError(f"{text[:60]!r} does not stand in the input.")
        turn = used.get((kind, text), 0)
        used[kind, text] = turn + 1
        span = where[min(turn, len(where) - 1)]
        found.append(Item(kind, passage[span.start : span.end], span.start, span.end))
    return tuple(sorted(set(found), key=lambda item: (item.start or 0, item.end or 0, item.type)))


def survivors(original: str) -> set[str]:
    """What a rewrite of a prompt must keep: numbers, names, quoted text, code, placeholders, and options."""
    found = set(re.findall(r"(?<![\w.])\d+(?:[.,:/]\d+)*", original))
    found |= set(re.findall(r"(?<=[a-z,;] )[A-ZÀ-ÖØ-Þ][\w’'-]+", original))  # inside a sentence: a name
    found |= {part.strip() for part in re.findall(r"[\"“]([^\"“”\n]{1,200})[\"”]", original) if part.strip()}
    found |= set(re.findall(r"`[^`\n]+`|\{\{?[^{}\n]{1,80}\}?\}", original))
    found |= {part.strip() for part in re.findall(r"(?m)^\s*(?:\(?[A-Ha-h][.)]|[-*•])\s+(.{1,200}?)\s*$", original)}
    return found


def lost(original: str, rewrite: str) -> list[str]:
    """Of what must be kept, what the rewrite has not, whatever its case and white space; in order."""
    said = " ".join(rewrite.casefold().split())
    return sorted(one for one in survivors(original) if not _holds(said, " ".join(one.casefold().split())))


def _holds(said: str, one: str) -> bool:
    before = r"(?<![\w.])" if one[:1].isalnum() else ""
    after = r"(?!\w|[.,]\d)" if one[-1:].isalnum() else ""
    return re.search(before + re.escape(one) + after, said) is not None
