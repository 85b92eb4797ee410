"""Geometry of the plots. Pure numbers: templates/components/plots draw them as SVG with the colours of the stylesheet."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    label: str


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    label: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Histogram:
    """Shares per bin of the picks (wheat) over those of the pool (ink). Sizes in pixels of the view box."""

    title: str
    text: str
    width: int
    height: int
    base: float
    pool: list[Bar]
    picks: list[Bar]
    ticks: list[Tick]
    cut: float | None = None
    cut_label: str = ""
    random: str = ""
    legend: bool = True
    extra: dict[str, str] = field(default_factory=dict)


def shares(counts: Sequence[float]) -> list[float]:
    total = float(sum(counts))
    return [count / total if total else 0.0 for count in counts]


def histogram(
    title: str, edges: Sequence[float], *, pool: Sequence[float] = (), picks: Sequence[float] = (),
    random: Sequence[float] = (), cut: float | None = None, log: bool = False, unit: str = "",
    width: int = 320, height: int = 132,
) -> Histogram:  # fmt: skip
    """Counts per bin between `edges` (one more than bins); each series is drawn as shares of its own total.

    `cut` is a place on the x axis; `log` spaces the bins by the logarithm of their edges.
    """
    base, top = height - 20.0, 8.0
    place = _scale(edges, width, log=log)
    series = {name: shares(counts) for name, counts in (("pool", pool), ("picks", picks), ("random", random)) if sum(counts)}
    highest = max((value for values in series.values() for value in values), default=0.0) or 1.0

    def bars(name: str) -> list[Bar]:
        found = []
        for number, share in enumerate(series.get(name, [])):
            left, right = place(edges[number]), place(edges[number + 1])
            tall = (base - top) * share / highest
            label = f"{_number(edges[number])}–{_number(edges[number + 1])}{unit and ' ' + unit}: {share:.1%}"
            found.append(Bar(round(left + 0.5, 2), round(base - tall, 2), round(max(right - left - 1, 0.5), 2), round(tall, 2), label))
        return found

    line = " ".join(
        f"{place(edges[n]):.1f},{base - (base - top) * s / highest:.1f} {place(edges[n + 1]):.1f},{base - (base - top) * s / highest:.1f}"
        for n, s in enumerate(series.get("random", []))
    )
    cut_x = None if cut is None else round(min(max(place(cut), 1.0), width - 1.0), 2)
    return Histogram(
        title, _in_words(edges, series, unit), width, height, base, bars("pool"), bars("picks"),
        _ticks(edges, place, width), cut_x, "" if cut is None else _number(cut), line,
    )  # fmt: skip


def _scale(edges: Sequence[float], width: int, *, log: bool):  # type: ignore[no-untyped-def]
    def shape(value: float) -> float:
        return math.log1p(max(value, 0.0)) if log else value

    low, high = shape(edges[0]), shape(edges[-1])
    span = (high - low) or 1.0
    return lambda value: (shape(value) - low) / span * width


def _ticks(edges: Sequence[float], place, width: int) -> list[Tick]:  # type: ignore[no-untyped-def]
    """First, last, and those between that have room for their label."""
    found: list[Tick] = []
    for number, edge in enumerate(edges):
        x, last = place(edge), number == len(edges) - 1
        if number == 0:
            found.append(Tick(0.0, _number(edge), "start"))
        elif last:
            while len(found) > 1 and width - found[-1].x < 48:
                found.pop()
            found.append(Tick(float(width), _number(edge), "end"))
        elif x - found[-1].x >= 52:
            found.append(Tick(round(x, 1), _number(edge)))
    return found


def _number(value: float) -> str:
    size = abs(value)
    if size >= 10_000:
        return f"{value / 1000:,.0f}k"
    return f"{value:,.0f}" if size >= 10 or value == int(value) else f"{value:.3g}"


def _in_words(edges: Sequence[float], series: dict[str, list[float]], unit: str) -> str:
    """The text alternative: where the middle of each series lies."""
    parts = []
    for name, values in series.items():
        total, middle = 0.0, edges[-1]
        for number, share in enumerate(values):
            total += share
            if total >= 0.5:
                middle = edges[number + 1]
                break
        parts.append(f"half of the {name} lies below {_number(middle)}{unit and ' ' + unit}")
    return "; ".join(parts).capitalize() + "." if parts else "Nothing to show."


@dataclass(frozen=True, slots=True)
class Share:
    label: str
    y: int
    picks: float
    pool: float
    random: float
    picks_text: str
    pool_text: str


@dataclass(frozen=True, slots=True)
class Shares:
    """Two bars a name: share of the picks over share of the pool; a grey mark for random choice."""

    title: str
    text: str
    width: int
    height: int
    rows: list[Share]
    rest: int
    only_pool: bool


def source_shares(
    title: str, pool: dict[str, int], picks: dict[str, int] | None = None, *, random: dict[str, int] | None = None,
    most: int = 8, width: int = 320,
) -> Shares:  # fmt: skip
    """Rows by source. The largest of the picks come first, or of the pool where there are no picks."""
    picks, random = picks or {}, random or {}
    totals = [float(sum(counts.values())) or 1.0 for counts in (picks, pool, random)]
    names = sorted(pool | picks, key=lambda name: (-picks.get(name, 0), -pool.get(name, 0), name))
    values = [
        (name, picks.get(name, 0) / totals[0], pool.get(name, 0) / totals[1], random.get(name, 0) / totals[2])
        for name in names[:most]
    ]
    highest = max((value for row in values for value in row[1:]), default=0.0) or 1.0
    rows = [
        Share(
            name or "no source", 34 * number, round(width * a / highest, 2), round(width * b / highest, 2),
            round(width * c / highest, 2), f"{a:.1%}", f"{b:.1%}",
        )
        for number, (name, a, b, c) in enumerate(values)
    ]  # fmt: skip
    said = "; ".join(
        f"{name or 'no source'} {a:.0%} of the picks, {b:.0%} of the pool" if picks else f"{name or 'no source'} {b:.0%}"
        for name, a, b, _ in values[:5]
    )
    return Shares(title, said or "Nothing to show.", width, max(34 * len(rows), 34), rows, max(len(names) - most, 0), not picks)


def ring(share: float, radius: float = 6.0) -> dict[str, float]:
    """A ring of progress: length of the drawn part and of the whole circle."""
    whole = 2 * math.pi * radius
    return {"radius": radius, "whole": round(whole, 2), "part": round(whole * min(max(share, 0.0), 1.0), 2)}
