"""Marks in a text: which stretches of it a reason names. Pure; the template draws them."""

from collections.abc import Iterable, Sequence

Segment = tuple[str, bool]  # text, marked


def segments(text: str, spans: Iterable[tuple[int, int]]) -> list[Segment]:
    """The text cut at the spans (start, end in characters, any order, overlaps join)."""
    out: list[Segment] = []
    at = 0
    for start, end in _joined(spans, len(text)):
        if start > at:
            out.append((text[at:start], False))
        out.append((text[start:end], True))
        at = end
    if at < len(text):
        out.append((text[at:], False))
    return out


def find(text: str, needles: Sequence[str], *, fold: bool = True) -> list[tuple[int, int]]:
    """Where each needle occurs, case folded where that keeps the length; for words only whole ones count."""
    haystack = text.lower() if fold and len(text.lower()) == len(text) else text
    spans = []
    for raw in needles:
        needle = raw.lower() if haystack is not text else raw
        if not needle:
            continue
        at = haystack.find(needle)
        while at >= 0:
            end = at + len(needle)
            if _whole(haystack, at, end):
                spans.append((at, end))
            at = haystack.find(needle, at + 1 if not _whole(haystack, at, end) else end)
    return spans


def _whole(text: str, start: int, end: int) -> bool:
    """Not the middle of a longer word; stretches that begin or end with a space or a sign are taken as they are."""
    left = start == 0 or not (text[start].isalnum() and text[start - 1].isalnum())
    right = end == len(text) or not (text[end - 1].isalnum() and text[end].isalnum())
    return left and right


def _joined(spans: Iterable[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        start, end = max(first, 0), min(last, length)
        if end <= start:
            continue
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out
