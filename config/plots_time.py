"""Geometry of plots over time: counts a day as bars, a figure a week as a line. Pure numbers, as in `config.plots`."""

from collections.abc import Sequence
from dataclasses import dataclass

from config.plots import CHARACTER, FOOT, TOP, Bar, Tick


@dataclass(frozen=True, slots=True)
class Dot:
    """One value; `x` in percent of the width, `y` in pixels."""

    x: float
    y: float
    label: str


@dataclass(frozen=True, slots=True)
class OverTime:
    """Bars or a line over named moments, oldest first. `numbers` is the same as a table.

    `runs` are the stretches of the line, points in a box of 100 × `height`: a moment without a value breaks it.
    """

    title: str
    text: str
    height: int
    base: float
    highest: str
    lowest: str
    ticks: list[Tick]
    heads: list[str]
    numbers: list[tuple[str, list[str]]]
    bars: list[Bar]
    dots: list[Dot]
    runs: list[str]
    zero: float | None = None


def bars(title: str, points: Sequence[tuple[str, int]], unit: str, *, when: str = "Day", height: int = 168) -> OverTime:
    """One bar a moment. `unit` is the plural noun of what is counted."""
    base, most = height - FOOT, max((count for _, count in points), default=0)
    slot = 100 / max(len(points), 1)
    made = []
    for number, (label, count) in enumerate(points):
        tall = max((base - TOP) * count / most, 1.5) if count else 0.0  # what is there can be seen
        made.append(
            Bar(
                _round((number + 0.1) * slot),
                _round(base - tall),
                _round(0.8 * slot),
                _round(tall),
                f"{label}: {count:,}",
            )
        )
    total = sum(count for _, count in points)
    best = max(points, key=lambda point: point[1], default=("", 0))
    text = f"{total:,} {unit} in all, most on {best[0]}: {best[1]:,}." if total else "Nothing to show."
    return OverTime(
        title, text, height, base, f"{most:,}", "", _ticks([label for label, _ in points]), [when, unit.capitalize()],
        [(label, [f"{count:,}"]) for label, count in points], made, [], [],
    )  # fmt: skip


def line(
    title: str, points: Sequence[tuple[str, float | None, str]], figure: str, *, when: str = "Week of",
    note: str = "Examples", height: int = 168,
) -> OverTime:  # fmt: skip
    """A figure of at most 1 for each moment, None where there is none; the third of a point is a note for the table.

    The axis goes from 0, or from the lowest value below it, to 1.
    """
    base = height - FOOT
    known = [value for _, value, _ in points if value is not None]
    low, high = min([0.0, *known]), max([1.0, *known])
    slot = 100 / max(len(points), 1)

    def down(value: float) -> float:
        return _round(base - (base - TOP) * (value - low) / (high - low))

    dots, runs, run = [], [], list[str]()
    for number, (label, value, _) in enumerate(points):
        x = _round((number + 0.5) * slot)
        if value is None:
            runs.append(" ".join(run))
            run = []
            continue
        dots.append(Dot(x, down(value), f"{label}: {value:.2f}"))
        run.append(f"{x},{down(value)}")
    runs.append(" ".join(run))
    text = (
        f"From {known[0]:.2f} to {known[-1]:.2f}, lowest {min(known):.2f}, highest {max(known):.2f}." if known else ""
    )
    return OverTime(
        title, text or "Nothing to show.", height, base, f"{high:.1f}", f"{low:.1f}", _ticks([label for label, *_ in points]),
        [when, figure, note], [(label, ["–" if value is None else f"{value:.2f}", said]) for label, value, said in points],
        [], dots, [one for one in runs if " " in one], down(0.0) if low < 0 else None,
    )  # fmt: skip


def _ticks(labels: Sequence[str]) -> list[Tick]:
    """The last label and as many before it, evenly spaced, as have room on a narrow screen."""
    if not labels:
        return []
    slot = 100 / len(labels)
    wide = CHARACTER * max(len(label) for label in labels) + 4
    step = max(1, -(-wide // slot))
    found = []
    for number in range(len(labels) - 1, -1, -int(step)):
        x = (number + 0.5) * slot
        anchor = "start" if x < wide / 2 else "end" if x > 100 - wide / 2 else "middle"
        found.append(
            Tick(_round({"start": number * slot, "end": (number + 1) * slot}.get(anchor, x)), labels[number], anchor)
        )
    found.reverse()
    return found


def _round(value: float) -> float:
    return round(value, 2)
