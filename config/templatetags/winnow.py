"""Filters and tags of every page: numbers with separators, times, icons, untrusted text made visible."""

import unicodedata
from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from config.icons import PATHS

register = template.Library()

# Characters that change how their neighbours are shown; a name tells a reader what is there.
BIDI = {
    "\u061c": "ALM", "\u200e": "LRM", "\u200f": "RLM", "\u202a": "LRE", "\u202b": "RLE", "\u202c": "PDF", "\u202d": "LRO",
    "\u202e": "RLO", "\u2066": "LRI", "\u2067": "RLI", "\u2068": "FSI", "\u2069": "PDI", "\u200b": "ZWSP", "\u2060": "WJ",
    "\ufeff": "BOM",
}  # fmt: skip
KEEP = "\n\t"


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
        seconds = max(0, round(float(value)))
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
def ago(value: datetime | None) -> str | SafeString:
    """Relative, with the absolute time on hover."""
    if value is None:
        return ""
    seconds = (timezone.now() - value).total_seconds()
    words = "just now" if seconds < 45 else f"{_span(seconds)} ago" if seconds < 30 * 86400 else f"on {value:%-d %B %Y}"
    local = timezone.localtime(value)
    return format_html('<time datetime="{}" title="{}">{}</time>', value.isoformat(), f"{local:%-d %B %Y, %H:%M %Z}", words)


def _span(seconds: float) -> str:
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            number = round(seconds / size)
            return f"{number} {word}{'s' if number != 1 else ''}"
    return "a minute"


@register.filter
def visible(value: Any) -> str:
    """Text with its invisible characters shown: control characters as symbols, bidirectional ones by name."""
    text = "" if value is None else str(value)
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character in BIDI:
        return f"⟦{BIDI[character]}⟧"
    code = ord(character)
    if code < 32 and character not in KEEP:
        return chr(0x2400 + code)
    if code == 127:
        return "␡"
    return f"⟦U+{code:04X}⟧" if unicodedata.category(character) in {"Cc", "Co", "Cs"} and character not in KEEP else character


@register.filter
def chars(value: Any, limit: int) -> str:
    """The first characters of a text, with an ellipsis."""
    text = str(value or "")
    return text if len(text) <= int(limit) else text[: int(limit)].rstrip() + "…"


@register.filter
def longer_than(value: Any, limit: int) -> bool:
    return len(str(value or "")) > int(limit)


@register.filter
def kind_of(field: Any) -> str:
    """Which markup a form field wants: checkbox, choices (several inputs), file, textarea, select or text."""
    name = type(field.field.widget).__name__
    kinds = {"CheckboxInput": "checkbox", "RadioSelect": "choices", "CheckboxSelectMultiple": "choices", "Textarea": "textarea"}
    return kinds.get(name, "file" if "File" in name else "select" if "Select" in name else "text")


@register.inclusion_tag("components/_icon.html")
def icon(name: str) -> dict[str, str]:
    return {"path": PATHS[name]}


@register.simple_tag
def described(field: Any) -> str:
    """ids of the help and the error of a field, for aria-describedby."""
    ids = [f"{field.auto_id}_error"] if field.errors else []
    return " ".join(ids + ([f"{field.auto_id}_helptext"] if field.help_text else []))


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
