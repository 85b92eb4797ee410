"""Geometry of the plots. Pure numbers: templates/components/plots draw them as SVG with the colours of the stylesheet.

Across, everything is in percent of the width, so that a plot fills its place and its words keep their size.
Down, everything is in pixels.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

TOP = 22.0  # room above the bars for the label of the highest share and of the cut
FOOT = 22.0  # room below the axis for its labels
CHARACTER = 2.4  # percent of the width that a character of a label needs on a narrow screen


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; `x` and `width` in percent, `y` and `height` in pixels."""

    x: float
    y: float
    width: float
    height: float
    label: str
    picked: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    label: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Histogram:
    """Shares per bin: picks (wheat) before the pool (grey), random choice as a dashed line, a cut.

    `numbers` is the same as a table (bin, then one cell a series), for those who do not see the picture.
    """

    title: str
    text: str
    height: int
    base: float
    pool: list[Bar]
    picks: list[Bar]
    ticks: list[Tick]
    highest: str
    series: list[str]
    numbers: list[tuple[str, list[str]]]
    cut: Tick | None = None
    random: str = ""
    words: Mapping[str, str] = field(default_factory=dict)

    @property
    def legend(self) -> list[tuple[str, str]]:
        """(series, what it is called)."""
        return [(name, self.words.get(name, name)) for name in self.series]


def shares(counts: Sequence[float]) -> list[float]:
    """Each count as a share of their sum; zeros where the sum is zero."""
    total = float(sum(counts))
    return [count / total if total else 0.0 for count in counts]


def histogram(
    title: str, edges: Sequence[float], *, pool: Sequence[float] = (), picks: Sequence[float] = (),
    random: Sequence[float] = (), cut: float | None = None, log: bool = False, unit: str = "", height: int = 212,
    words: Mapping[str, str] | None = None,
) -> Histogram:  # fmt: skip
    """Counts per bin between `edges` (one more than bins); each series is drawn as shares of its own total.

    `cut` is a place on the x axis: with no picks given, bins from there on count as picked. `log` spaces the
    bins by the logarithm of their edges; `words` calls the series something else. Raises `ValueError` if a series has
    not one count a bin.
    """
    base = height - FOOT
    called = words or {}
    place = _scale(edges, log=log)
    given = {"pool": pool, "picks": picks, "random": random}
    series = {name: shares(counts) for name, counts in given.items() if sum(counts)}
    if any(len(values) != len(edges) - 1 for values in series.values()):
        raise ValueError(f"{len(edges)} edges need {len(edges) - 1} counts in each series")
    highest = max((value for values in series.values() for value in values), default=0.0) or 1.0

    def tall(share: float) -> float:
        return max((base - TOP) * share / highest, 1.5 if share else 0.0)  # what is there can be seen

    def bars(name: str, inset: float) -> list[Bar]:
        found = []
        for number, share in enumerate(series.get(name, [])):
            left, right = place(edges[number]), place(edges[number + 1])
            gap = (right - left) * inset
            label = f"{called.get(name, name)} {_span(edges, number, unit)}: {percent(share)}"
            picked = cut is not None and "picks" not in series and edges[number] >= cut - 1e-12
            wide, high = _round(right - left - 2 * gap), _round(tall(share))
            found.append(Bar(_round(left + gap), _round(base - high), wide, high, label, picked))
        return found

    numbers = [
        (_span(edges, number, unit), [percent(values[number]) for values in series.values()])
        for number in range(len(edges) - 1)
    ]
    step = " ".join(
        f"{_round(place(edges[n + side]))},{_round(base - tall(share))}"
        for n, share in enumerate(series.get("random", []))
        for side in (0, 1)
    )
    narrow = 0.24 if "pool" in series else 0.04  # picks stand before the pool, which stays visible at both sides
    named = {called.get(name, name): values for name, values in series.items()}
    return Histogram(
        title, _in_words(edges, named, unit), height, base, bars("pool", 0.04), bars("picks", narrow),
        _ticks(edges, place, log=log), percent(highest, 0), list(series), numbers, _cut(cut, place), step, called,
    )  # fmt: skip


def percent(share: float, digits: int = 1) -> str:
    """0.124 → "12.4 %"; a share too small for its digits says so."""
    least = 10.0**-digits
    if 0 < 100 * share < least:
        return f"< {least:g} %"
    return f"{100 * share:.{digits}f} %"


def _round(value: float) -> float:
    return round(value, 2)


def _scale(edges: Sequence[float], *, log: bool) -> Callable[[float], float]:
    def shape(value: float) -> float:
        return math.log1p(max(value, 0.0)) if log else value

    low, high = shape(edges[0]), shape(edges[-1])
    span = (high - low) or 1.0
    return lambda value: 100 * (shape(value) - low) / span


def _cut(cut: float | None, place: Callable[[float], float]) -> Tick | None:
    if cut is None:
        return None
    x = min(max(place(cut), 0.0), 100.0)
    return Tick(_round(x), _number(cut), "end" if x > 60 else "start")


def _ticks(edges: Sequence[float], place: Callable[[float], float], *, log: bool) -> list[Tick]:
    """Round numbers on the axis, as many as have room for their labels on a narrow screen."""
    low, high = edges[0], edges[-1]
    if high <= low:
        return [Tick(0.0, _number(low), "start")]
    marks = _round_in_decades(low, high) if log else _round_steps(low, high)
    found: list[Tick] = []
    until = 0.0  # the labels so far end here
    for value in marks:
        label, x = _number(value), place(value)
        half = CHARACTER * len(label) / 2
        anchor = "start" if x - half < 0 else "end" if x + half > 100 else "middle"
        left = x if anchor == "start" else x - 2 * half if anchor == "end" else x - half
        if not found or left >= until + 3:
            found.append(Tick(_round(x), label, anchor))
            until = left + 2 * half
    return found


def _round_steps(low: float, high: float) -> list[float]:
    """Four to eight multiples of 1, 2 or 5 × a power of ten."""
    step = 10.0 ** math.floor(math.log10(high - low))
    for part in (0.2, 0.5, 1.0):
        if (high - low) / (step * part) <= 8:
            step *= part
            break
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def _round_in_decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 × the powers of ten; the powers alone where the axis spans many."""
    least = max(low, 1.0)
    decades = range(math.floor(math.log10(least)), math.ceil(math.log10(max(high, 10.0))) + 1)
    parts = (1, 2, 5) if len(decades) <= 4 else (1,)
    marks = [float(part * 10**decade) for decade in decades for part in parts]
    return [0.0] * (low <= 0) + [mark for mark in marks if least <= mark <= high]


def _number(value: float) -> str:
    size = abs(value)
    if size >= 10_000:
        return f"{value / 1000:,.0f}k"
    return f"{value:,.0f}" if size >= 100 or value == int(value) else f"{value:.3g}"


def _span(edges: Sequence[float], number: int, unit: str) -> str:
    return f"{_number(edges[number])} to {_number(edges[number + 1])}{unit and ' ' + unit}"


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
    """One name; the lengths of its bars in percent of the width."""

    label: str
    picks: float
    pool: float
    random: float | None
    picks_text: str
    pool_text: str
    random_text: str


@dataclass(frozen=True, slots=True)
class Shares:
    """Two bars a name: share of the picks over share of the pool; a grey mark for random choice."""

    title: str
    text: str
    rows: list[Share]
    rest: int
    only_pool: bool
    has_random: bool


def source_shares(
    title: str, pool: dict[str, int], picks: dict[str, int] | None = None, *,
    random: dict[str, int] | None = None, most: int = 5,
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
            name or "no source", _round(100 * a / highest), _round(100 * b / highest),
            _round(100 * c / highest) if random else None, percent(a), percent(b), percent(c) if random else "",
        )
        for name, a, b, c in values
    ]  # fmt: skip
    said = "; ".join(
        f"{name or 'no source'} {percent(a, 0)} of the picks, {percent(b, 0)} of the pool"
        if picks
        else f"{name or 'no source'} {percent(b, 0)}"
        for name, a, b, _ in values[:5]
    )
    return Shares(title, said or "Nothing to show.", rows, max(len(names) - most, 0), not picks, bool(random))


@dataclass(frozen=True, slots=True)
class Sparkline:
    """A small line without axes. `points` lie in a box of 100 × 20; `first`, `last` and `text` are for words."""

    text: str
    points: str
    end_y: float


def sparkline(name: str, values: Sequence[float]) -> Sparkline:
    """The run of a few values over time, oldest first. One value is a level line."""
    if not values:
        return Sparkline(f"{name}: no values yet.", "", 10.0)
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    run = list(values) if len(values) > 1 else [values[0], values[0]]
    ys = [_round(18 - 16 * (value - low) / span) if high > low else 10.0 for value in run]
    points = " ".join(f"{_round(100 * n / (len(run) - 1))},{y}" for n, y in enumerate(ys))
    ends = f"from {_number(values[0])} to {_number(values[-1])}"
    text = f"{name}: {ends}, lowest {_number(low)}, highest {_number(high)}."
    return Sparkline(text, points, ys[-1])


@dataclass(frozen=True, slots=True)
class Ring:
    """A ring of progress; `part` of a path of length 100 is drawn."""

    text: str
    part: float


def ring(share: float, name: str = "done") -> Ring:
    """`share` between 0 and 1; beyond is cut off."""
    share = min(max(share, 0.0), 1.0)
    return Ring(f"{percent(share, 0)} {name}", _round(100 * share))
