"""Geometry of a measure that falls or rises while something learns. Pure numbers, as in `config.plots`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from config.plots import FOOT, TOP, Tick, _number, _round, _scale, _ticks, percent

MOST = 160  # points drawn
TABLED = 12  # rows of the table below


@dataclass(frozen=True, slots=True)
class Curve:
    """A line over a number that grows. `line` lies in a box of 100 × `height`; `gate` is a level with its label.

    `numbers` is some of the points as a table. `end` is the last value in words.
    """

    title: str
    text: str
    height: int
    base: float
    highest: str
    end: str
    line: str
    ticks: list[Tick]
    heads: list[str]
    numbers: list[tuple[str, list[str]]]
    gate: tuple[float, str] | None = None


def curve(
    title: str, points: Sequence[tuple[float, float]], *, over: str, share: bool = False, gate: float | None = None,
    height: int = 188,
) -> Curve | None:  # fmt: skip
    """`points`: (place, value) with growing places; None for fewer than two. The axis begins at zero.

    `share`: values are said as percent. `gate`: the level that has to be undercut.
    """
    if len(points) < 2:
        return None
    base = height - FOOT
    said: Callable[[float], str] = percent if share else _number
    high = max(1.25 * (gate or 0.0), *(value for _, value in points)) or 1.0
    # The first steps of training can lie far above all others: they may leave the frame rather than flatten the rest.
    usual = sorted(value for _, value in points)[int(0.95 * (len(points) - 1))]
    if high > 3 * max(usual, gate or 0.0) > 0:
        high = 3 * max(usual, gate or 0.0)
    edges = [points[0][0], points[-1][0]]
    across = _scale(edges, log=False)

    def down(value: float) -> float:
        return _round(base - (base - TOP) * min(max(value, 0.0), high) / high)

    drawn = _some(points, MOST)
    first, last, least = points[0][1], points[-1][1], min(value for _, value in points)
    text = f"From {said(first)} to {said(last)}, lowest {said(least)}"
    text += f"; {said(gate)} has to be undercut." if gate is not None else "."
    return Curve(
        title, text, height, base, said(high), said(last),
        " ".join(f"{_round(across(place))},{down(value)}" for place, value in drawn), _ticks(edges, across, log=False),
        [over.capitalize(), title],
        [(f"{place:,.0f}", [said(value)]) for place, value in _some(points, TABLED)],
        (down(gate), said(gate)) if gate is not None else None,
    )  # fmt: skip


def _some(points: Sequence[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """Evenly spread, the first and the last among them."""
    if len(points) <= most:
        return list(points)
    return [points[round(number * (len(points) - 1) / (most - 1))] for number in range(most)]
