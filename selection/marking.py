"""Marks in a text: which stretches of it a reason names. Pure; the template draws them."""

from collections.abc import Iterable, Iterator, Sequence

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


def stretches(text: str, needles: Sequence[str]) -> list[tuple[int, int]]:
    """Where each stretch occurs, to the letter, also in the middle of a word."""
    return [span for needle in needles for span in _occurrences(text, needle)]


def words(text: str, needles: Sequence[str]) -> list[tuple[int, int]]:
    """Where each word occurs as a whole word, in capitals or not."""
    folded = text.lower()
    if len(folded) != len(text):  # a few letters grow when folded; then places would be wrong
        folded = text
    return [span for word in needles for span in _occurrences(folded, word) if _whole(folded, *span)]


def _occurrences(text: str, needle: str) -> Iterator[tuple[int, int]]:
    at = text.find(needle) if needle else -1
    while at >= 0:
        yield at, at + len(needle)
        at = text.find(needle, at + len(needle))


def _whole(text: str, start: int, end: int) -> bool:
    left = start == 0 or not (text[start].isalnum() and text[start - 1].isalnum())
    return left and (end == len(text) or not (text[end - 1].isalnum() and text[end].isalnum()))


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
