"""Filters and tags of every page: numbers with separators, times, icons, untrusted text made visible."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from config.diffing import changes
from config.faults import may_help
from config.icons import PATHS

register = template.Library()

# Characters that change how their neighbours are shown; a name tells a reader what is there.
BIDI = {
    "\u061c": "ALM", "\u180e": "MVS", "\u200b": "ZWSP", "\u200e": "LRM", "\u200f": "RLM", "\u2028": "LS",
    "\u2029": "PS",
    "\u202a": "LRE", "\u202b": "RLE", "\u202c": "PDF", "\u202d": "LRO", "\u202e": "RLO", "\u2060": "WJ",
    "\u2066": "LRI", "\u2067": "RLI", "\u2068": "FSI", "\u2069": "PDI", "\ufeff": "BOM",
}  # fmt: skip


@register.filter
def thousands(value: Any) -> str:
    """1234567 → 1,234,567"""
    try:
        return f"{int(value):,}"
    except (TypeError, ValueError):
        return ""


@register.filter
def compact(value: Any) -> str:
    """Large numbers for narrow places: 1.2k, 3.4M."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return ""
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:.1f}".rstrip("0").rstrip(".") + suffix
    return f"{number:.0f}"


@register.filter
def money(value: Any) -> str:
    """A sum as short as it is honest: 12, 0.35, 0.0042; less than that is "under 0.0001"."""
    try:
        sum_ = Decimal(value)
    except (TypeError, ValueError, InvalidOperation):
        return ""
    if 0 < sum_ < Decimal("0.0001"):
        return "under 0.0001"
    text = f"{sum_:,.4f}" if abs(sum_) < 100 else f"{sum_:,.2f}"
    return text.rstrip("0").rstrip(".")


@register.filter
def percent(value: Any, digits: int = 0) -> str:
    """A share between 0 and 1 as 12 %."""
    try:
        return f"{100 * float(value):.{int(digits)}f} %"
    except (TypeError, ValueError):
        return ""


@register.filter
def score(value: Any) -> str:
    """Four figures, without the zero in front of the point."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return "–"
    return f"{number:.3f}".replace("0.", ".", 1) if abs(number) < 1 else f"{number:.4g}"


@register.filter
def duration(value: Any) -> str:
    """Seconds as a person says them: 40 s, 3 min 12 s, 2 h 5 min."""
    try:
        seconds = round(float(value))
        seconds = max(seconds, 1 if float(value) > 0 else 0)  # nothing takes no time
    except (TypeError, ValueError):
        return ""
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if seconds and minutes < 10 else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


@register.filter
def seconds_to(start: datetime | None, end: datetime | None) -> float | None:
    """Seconds from one time to another (now if it has not come), for `duration`."""
    return None if start is None else ((end or timezone.now()) - start).total_seconds()


@register.filter
def rate(value: Any) -> str:
    """Units a second: two figures while it is slow, whole numbers with separators when fast."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return ""
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


@register.filter(name="bytes")
def bytes_(value: Any) -> str:
    """1500000 → 1.5 MB; thousand-based, as disks are sold."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return ""
    for size, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if number >= size:
            return f"{number / size:.1f} {unit}" if number < 100 * size else f"{number / size:,.0f} {unit}"
    return f"{number:.0f} B"


@register.filter
def plural(value: Any, words: str) -> str:
    """A number with its noun: `3|plural:"row"` → 3 rows; `1|plural:"entry,entries"` → 1 entry."""
    one, _, many = words.partition(",")
    return f"{thousands(value)} {one if value == 1 else many or one + 's'}"


@register.filter
def ago(value: datetime | None) -> str | SafeString:
    """Relative, with the absolute time on hover."""
    if value is None:
        return ""
    seconds = (timezone.now() - value).total_seconds()
    words = "just now" if seconds < 45 else f"{_span(seconds)} ago" if seconds < 30 * 86400 else f"on {value:%-d %B %Y}"
    local = timezone.localtime(value)
    absolute = f"{local:%-d %B %Y, %H:%M %Z}"
    return format_html('<time datetime="{}" title="{}">{}</time>', value.isoformat(), absolute, words)


def _span(seconds: float) -> str:
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            number = round(seconds / size)
            return f"{number} {word}{'s' if number != 1 else ''}"
    return "a minute"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of untrusted text as it is shown; `unseen` names a character that a reader could not see."""

    text: str
    unseen: str = ""
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A text in two parts: what stands there at first, and the rest on demand. `length` is in characters."""

    head: list[Piece]
    tail: list[Piece]
    length: int


CONTROL = (
    "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "HT", "LF", "VT", "FF", "CR", "SO", "SI",
    "DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US",
)  # fmt: skip

# Everything that is drawn as nothing, or changes how its neighbours are drawn; line ends and tabs stay as they are.
UNSEEN = re.compile(
    "([\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\ud800-\udfff\ue000-\uf8ff\ufff9-\ufffb" + "".join(BIDI) + "]|\r(?!\n))"
)


@register.filter
def shown(value: Any, limit: int = 2000) -> Shown:
    """Text, or segments of it as (text, marked), cut near `limit` at a line or word; invisible characters get names."""
    limit = int(limit)
    segments: list[tuple[str, bool]] = (
        list(value) if isinstance(value, (list, tuple)) else [("" if value is None else str(value), False)]
    )
    length = sum(len(text) for text, _ in segments)
    if length <= limit * 1.2:  # a button for the last few words would take more room than they do
        return Shown(_pieces(segments), [], length)
    head: list[tuple[str, bool]] = []
    room = limit
    for number, (text, marked) in enumerate(segments):
        if len(text) <= room:
            head.append((text, marked))
            room -= len(text)
            continue
        at = _break(text, room)
        rest = [(text[at:], marked), *segments[number + 1 :]]
        return Shown(_pieces([*head, (text[:at], marked)]), _pieces(rest), length)
    return Shown(_pieces(segments), [], length)


@register.filter
def markdown(text: str) -> SafeString:
    """Text that a member wrote as Markdown; what is HTML in it stays text."""
    from config.markdown import render

    return render(text or "")


@register.filter
def changed_to(before: Any, after: Any) -> list[tuple[str, list[Piece]]]:
    """(same | cut | new, pieces) of the way from one text to another, for `_diff.html`."""
    return [(change.kind, _pieces([(change.text, False)])) for change in changes(str(before or ""), str(after or ""))]


def _break(text: str, room: int) -> int:
    """Where to cut: after a line, else after a word, else at `room`."""
    for sign, least in (("\n", room * 3 // 4), (" ", room - 40)):
        at = text.rfind(sign, max(least, 0), room)
        if at >= 0:
            return at + 1
    return room


def _pieces(segments: Iterable[tuple[str, bool]]) -> list[Piece]:
    found: list[Piece] = []
    for text, marked in segments:
        for number, part in enumerate(UNSEEN.split(text)):
            if number % 2:
                found.append(Piece(_symbol(part), _name(part), marked))
            elif part:
                found.append(Piece(part, "", marked))
    return found


def _symbol(character: str) -> str:
    code = ord(character)
    if character in BIDI:
        return BIDI[character]
    return CONTROL[code] if code < 32 else "DEL" if code == 127 else f"{code:04X}"


def _name(character: str) -> str:
    unnamed = "control character" if unicodedata.category(character) == "Cc" else "no character"
    name = unicodedata.name(character, unnamed)
    return f"U+{ord(character):04X} {name.lower()}"


@register.filter
def visible(value: Any) -> str:
    """One line of text with its invisible characters named in brackets: for previews and attributes."""
    text = "" if value is None else str(value)
    return UNSEEN.sub(lambda found: f"\u27e6{_symbol(found[0])}\u27e7", text)


@register.filter
def chars(value: Any, limit: int) -> str:
    """The first characters of a text, with an ellipsis."""
    text = str(value or "")
    return text if len(text) <= int(limit) else text[: int(limit)].rstrip() + "…"


@register.filter
def kind_of(field: Any) -> str:
    """Which markup a form field wants: checkbox, choices (several inputs), file, textarea, select or text."""
    name = type(field.field.widget).__name__
    kinds = {"CheckboxInput": "checkbox", "RadioSelect": "choices", "CheckboxSelectMultiple": "choices"}
    kinds["Textarea"] = "textarea"
    return kinds.get(name, "file" if "File" in name else "select" if "Select" in name else "text")


@register.inclusion_tag("components/_icon.html")
def icon(name: str) -> dict[str, str]:
    return {"path": PATHS[name]}


@register.simple_tag(takes_context=True)
def with_query(context: dict[str, Any], **changes: Any) -> str:
    """The query of this page with some values changed (None removes one): `?source=x&page=2`."""
    query = context["request"].GET.copy()
    for name, value in changes.items():
        if value is None:
            query.pop(name, None)
        else:
            query[name] = value
    return f"?{query.urlencode()}"


@register.filter
def until(value: datetime | None) -> str:
    """How long it is until then: 12 min; empty if it is past."""
    if value is None:
        return ""
    seconds = (value - timezone.now()).total_seconds()
    return duration(seconds) if seconds > 0 else "a moment"


@register.filter
def worth_another_try(job: Any) -> bool:
    """Whether a job that ended may be gone on with: not where it failed in a way that stays."""
    return job.state != "failed" or may_help(job.error_code)


STRIP = 5  # boxes that are read side by side


@register.simple_tag
def strip_of(job: Any, passes: Any, upcoming: Any) -> dict[str, Any]:
    """What the strip of a job shows of its passes: at most `STRIP` boxes around the one at work, and how far all is.

    `of` is 0 where nobody told the passes to come; `percent` counts each pass alike.
    """
    opened, later = list(passes or []), list(upcoming or []) if not job.is_final else []
    at = next((number for number, one in enumerate(opened) if one.state != "done"), max(len(opened) - 1, 0))
    count = len(opened) + len(later)
    begin = 0 if count <= STRIP else min(max(at - 1, 0), count - STRIP)
    boxes = (opened + later)[begin : begin + STRIP]
    known = isinstance(upcoming, list | tuple) and count > 1
    return {
        "passes": boxes[: max(len(opened) - begin, 0)], "upcoming": boxes[max(len(opened) - begin, 0) :],
        "number": at + 1, "of": count if known else 0,
        "percent": sum(one.percent for one in opened) / count if count else 0.0,
    }  # fmt: skip
