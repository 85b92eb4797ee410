"""Spans: stretches of the example's own text, each with a label."""

import bisect
import hashlib
import re
from itertools import pairwise
from typing import Any

from curation.answers.kinds.base import Kind, Wrong, flag, known, one_of, part_of
from curation.answers.kinds.labels import label_list, with_keys
from curation.answers.markup import Mark, MarkupError, crossing, order, overlapping, read, write
from curation.answers.model import RAW, Field, Posted, is_raw, line_feeds, raw
from curation.content import Content, jsontext

MAX_SPANS = 20_000
_RETURN = re.compile("\r\n|\r")


class Spans(Kind):
    """Value: a list of {"start", "end", "label", "text"} by start, outer before inner; code points, end exclusive.

    `text` is the marked stretch itself: an answer is checked against it, so that it cannot slip when the text changes.
    Marks never cross; they stand in each other only with the option `nested`.
    """

    name, title, note = "spans", "Spans", "Stretches of the text with a label: names, dates, passages"
    look = "spans"

    def options(self, given: dict[str, Any], place: str) -> dict[str, Any]:
        known(given, {"of", "labels", "nested"}, place)
        return {
            "of": one_of(given, "of", ("input", "instruction", "output"), place),
            "labels": label_list(given.get("labels"), f"{place}.labels"),
            "nested": flag(given, "nested", False, place),
        }

    def parse(self, field: Field, posted: Posted) -> Any:
        markup = posted.one()
        if markup is None or (not markup and not posted.one(".of")):
            return None
        try:
            text, marks = read(markup)
        except MarkupError:
            return raw(markup)
        of = posted.one(".of")
        if of is not None and of != digest(text):
            return raw(markup)  # the text itself was changed: offsets would point somewhere else
        places = _with_returns(len(text), posted.one(".returns") or "")
        # A browser cannot send carriage returns: where they stood came along, and offsets count them.
        return [
            {
                "start": places(mark.start),
                "end": places(mark.end),
                "label": mark.label,
                "text": text[mark.start : mark.end],
            }
            for mark in marks
        ] or None

    def clean(self, field: Field, value: Any) -> Any:
        if not isinstance(value, list):
            return value or None
        if not all(_is_span(one) for one in value):
            return value
        unique = {(one["start"], -one["end"], one["label"]): one for one in value}
        return [
            {"start": one["start"], "end": one["end"], "label": one["label"]}
            | ({"text": line_feeds(one["text"])} if isinstance(one.get("text"), str) else {})
            for _, one in sorted(unique.items())
        ] or None

    def check(self, field: Field, value: Any, content: Content) -> list[Wrong]:
        text = part_of(content, field.options["of"])
        if is_raw(value):
            return [_why_raw(value[RAW], text)]
        if not isinstance(value, list) or not all(_is_span(one) for one in value):
            do = "Send a list of objects with start, end and label."
            return [("This is not a list of spans.", do)]
        if len(value) > MAX_SPANS:
            return [(f"There are {len(value):,} spans; {MAX_SPANS:,} are the most.", "Take some out.")]
        names = {label["value"] for label in field.options["labels"]}
        for one in value:
            if found := _wrong_span(one, text, names, field.options["of"]):
                return [found]
        marks = marks_of(value)
        if crossed := crossing(marks):
            return [
                (
                    f"{_said(crossed[0], text)} and {_said(crossed[1], text)} cross.",
                    "Let one hold the other, or neither.",
                )
            ]
        if not field.options["nested"] and (both := overlapping(marks)):
            return [(f"{_said(both[0], text)} and {_said(both[1], text)} overlap.", "Keep one of them.")]
        return []

    def needed(self, field: Field, content: Content) -> bool:
        return bool(part_of(content, field.options["of"]))

    def text(self, field: Field, value: Any) -> str:
        if not isinstance(value, list) or not all(_is_span(one) for one in value):
            return value[RAW] if is_raw(value) else super().text(field, value)
        return "\n".join(f"{one['label']} {one['start']}–{one['end']} {one.get('text', '')}".rstrip() for one in value)

    def output(self, field: Field, value: Any) -> str:
        return jsontext.canonical(value)

    def read_output(self, field: Field, text: str) -> Any:
        try:
            value = jsontext.loads(text)
        except ValueError:
            return None
        return self.clean(field, value) if isinstance(value, list) and value and all(map(_is_span, value)) else None

    def widget(self, field: Field, value: Any, content: Content, name: str) -> dict[str, Any]:
        text = part_of(content, field.options["of"])
        plain, returns = _without_returns(text)
        shared = {"labels": with_keys(field.options["labels"]), "text": text, "of": digest(plain), "returns": returns}
        if is_raw(value):
            return shared | {"markup": value[RAW]}
        good = isinstance(value, list) and not self.check(field, value, content)
        marks = [_moved(mark, text) for mark in marks_of(value)] if good and isinstance(value, list) else []
        return shared | {"markup": write(plain, marks), "dropped": value is not None and not good}

    def shown(self, field: Field, value: Any, content: Content) -> dict[str, Any]:
        """Stretches of the text in order, each with its innermost label (empty outside of marks)."""
        text = part_of(content, field.options["of"])
        if not isinstance(value, list) or self.check(field, value, content):
            return {"look": "text"}
        hues = {label["value"]: (label["title"], label["hue"]) for label in field.options["labels"]}
        return {"look": self.look, "pieces": pieces(text, marks_of(value), hues)}


def pieces(text: str, marks: list[Mark], hues: dict[str, tuple[str, int]]) -> list[dict[str, Any]]:
    """The text cut at the marks: text, hue of the innermost mark (0 = none), and the titles of marks that end there."""
    cuts = sorted({0, len(text)} | {mark.start for mark in marks} | {mark.end for mark in marks})
    ordered = sorted(marks, key=order)
    found: list[dict[str, Any]] = []
    active: list[Mark] = []
    following = 0
    for start, end in pairwise(cuts):
        while active and active[-1].end <= start:
            active.pop()
        while following < len(ordered) and ordered[following].start <= start:
            active.append(ordered[following])
            following += 1
        ending = [hues.get(mark.label, (mark.label, 0))[0] for mark in reversed(active) if mark.end == end]
        hue = hues.get(active[-1].label, ("", 0))[1] if active else 0
        found.append({"text": text[start:end], "hue": hue, "marked": bool(active), "labels": ending})
    return found


def digest(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def marks_of(value: list[dict[str, Any]]) -> list[Mark]:
    return [Mark(one["start"], one["end"], one["label"]) for one in value]


def _is_span(one: Any) -> bool:
    numbers = isinstance(one, dict) and all(type(one.get(name)) is int for name in ("start", "end"))
    return numbers and isinstance(one.get("label"), str) and isinstance(one.get("text", ""), str)


def _wrong_span(one: dict[str, Any], text: str, names: set[str], of: str) -> Wrong | None:
    start, end, label = one["start"], one["end"], one["label"]
    if label not in names:
        return f"{label[:100]} is not a label of this field.", f"Use one of {', '.join(sorted(names)[:20])}."
    if not 0 <= start < end <= len(text):
        return (
            f"A span from {start:,} to {end:,} does not lie in the {of}, which has {len(text):,} characters.",
            "Mark it again.",
        )
    if any(text[place - 1 : place + 1] == "\r\n" for place in (start, end)):
        return f"The span from {start:,} to {end:,} cuts a line end in two.", "Mark it again."
    if "text" in one and line_feeds(text[start:end]) != one["text"]:
        return f"Characters {start:,} to {end:,} of the {of} are not {one['text'][:60]!r} any more.", "Mark it again."
    return None


def _why_raw(markup: str, text: str) -> Wrong:
    try:
        found, _ = read(markup)
    except MarkupError as error:
        return f"{error}.", "Correct it there."
    plain = line_feeds(text)
    at = next((n for n, (a, b) in enumerate(zip(found, plain, strict=False)) if a != b), min(len(found), len(plain)))
    near = plain[max(at - 20, 0) : at + 20]
    do = "Undo that change: only marks may be added."
    return f"The text itself was changed at character {at + 1:,}, near {near!r}.", do


def _said(mark: Mark, text: str) -> str:
    return f"{text[mark.start : mark.end][:40]!r} ({mark.label})"


def _without_returns(text: str) -> tuple[str, str]:
    """The text with line feeds only, and the places in it where a carriage return was: `5 9r` (r = alone)."""
    if "\r" not in text:
        return text, ""
    marks, gone = [], 0
    for found in _RETURN.finditer(text):
        pair = len(found[0]) == 2
        marks.append(f"{found.start() - gone}{'' if pair else 'r'}")
        gone += pair
    return line_feeds(text), " ".join(marks)


def _with_returns(length: int, returns: str) -> Any:
    """A function from places in the text without carriage returns to places in the text as it is stored."""
    pairs = sorted(int(one) for one in returns.split() if one.isdecimal() and len(one) < 9)
    return lambda place: place + bisect.bisect_left(pairs, place)


def _moved(mark: Mark, text: str) -> Mark:
    """The mark in the text without carriage returns."""
    if "\r" not in text:
        return mark
    return Mark(len(line_feeds(text[: mark.start])), len(line_feeds(text[: mark.end])), mark.label)
