"""Verdicts of judges: both orders, juries, debates, planted pairs, and how far judges agree with people.

A verdict is "a", "b" or "tie"; None is an abstention: what could not be read is never turned into a verdict.
Sources: Zheng and others 2023 (position bias), Arif and others 2024 (jury, debate), Lin and others 2024 (length rule).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal, NamedTuple

from curation.measures.coefficients import cohen
from curation.measures.resampling import bootstrap

Vote = Literal["a", "b", "tie"]
OTHER: dict[Vote, Vote] = {"a": "b", "b": "a", "tie": "tie"}
PLANTED_SHARE = 0.95
MATCHED = 1.2  # ratio of lengths up to which two answers count as equally long


class Verdict(NamedTuple):
    """What both orders together say. `consistent` is None where one order abstained."""

    winner: Vote | None
    consistent: bool | None


def vote(text: Any) -> Vote | None:
    """A verdict as a model may write it: A, B, tie, "Answer B", "equal". None for anything else."""
    if not isinstance(text, str):
        return None
    said = text.strip().strip(".\"'()[]*").casefold()
    for lead in ("answer ", "response ", "output ", "option "):
        said = said.removeprefix(lead).strip()
    found: dict[str, Vote] = {"a": "a", "b": "b", "tie": "tie", "equal": "tie", "both": "tie", "neither": "tie"}
    return found.get(said)


def both_orders(straight: Vote | None, swapped: Vote | None) -> Verdict:
    """The verdict of a pair that was judged in both orders; `swapped` is as said there, where b came first.

    Agreement is the verdict; disagreement is a tie and position-inconsistent; an abstention in either is one.
    """
    if straight is None or swapped is None:
        return Verdict(None, None)
    turned = OTHER[swapped]
    return Verdict(straight, True) if straight == turned else Verdict("tie", False)


def jury(votes: Sequence[Vote | None]) -> Vote | None:
    """The choice of more than half of those who voted; no such choice is a tie. None if fewer than half voted."""
    given = [one for one in votes if one is not None]
    if not given or 2 * len(given) < len(votes):
        return None
    choice, often = Counter(given).most_common(1)[0]
    return choice if 2 * often > len(given) else "tie"


def by_scores(scores: Sequence[tuple[float, float] | None], margin: float = 0.0) -> Vote | None:
    """The verdict of (a, b) scores of several debaters: the higher mean, a tie within `margin`.

    None unless at least half of them gave scores that could be read.
    """
    given = [one for one in scores if one is not None]
    if not given or 2 * len(given) < len(scores):
        return None
    difference = sum(a - b for a, b in given) / len(given)
    if abs(difference) <= margin:
        return "tie"
    return "a" if difference > 0 else "b"


def length_rule(winner: Vote | None, slight: bool, length_a: int, length_b: int, most: int) -> Vote | None:
    """A slight win of an answer that is more than `most` characters longer is a tie (WildBench); below 0 it is off."""
    if winner not in ("a", "b") or not slight or most < 0:
        return winner
    longer = length_a - length_b if winner == "a" else length_b - length_a
    return "tie" if longer > most else winner


def ratio(a: str, b: str) -> float:
    """The longer over the shorter in characters, at least 1; an empty text counts as one character."""
    long, short = max(len(a), len(b), 1), max(min(len(a), len(b)), 1)
    return long / short


def plants(count: int, share: float) -> int:
    """How many planted pairs a run of `count` pairs holds: at least one, unless the share or the run is none."""
    return ceil(count * share) if count > 0 and share > 0 else 0


def planted_fails(right: int, judged: int, least: float = PLANTED_SHARE) -> bool:
    """Whether judging must stop: too few of the pairs with a known winner were judged rightly."""
    return judged > 0 and right < least * judged - 1e-9


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two lists of verdicts held against each other. Figures are None ("n/a") where they are undefined."""

    pairs: int
    percent: float | None
    kappa: float | None
    low: float | None
    high: float | None
    enough: bool  # of at least `LEAST_SHARED` pairs


LEAST_SHARED = 100  # pairs that both judged, before a kappa should be trusted


def agreement(first: Mapping[Any, Vote | None], second: Mapping[Any, Vote | None], *, seed: int = 0) -> Agreement:
    """Cohen's kappa of the pairs that both judged, with a 95 % interval by resampling them.

    All verdicts alike on both sides leave kappa undefined: None, never 0 or 1.
    """
    shared = [(a, b) for key in first if (a := first[key]) is not None and (b := second.get(key)) is not None]
    if not shared:
        return Agreement(0, None, None, None, None, False)
    same = sum(a == b for a, b in shared) / len(shared)
    kappa = cohen(shared)
    interval = bootstrap(shared, cohen, seed=seed) if kappa is not None else None
    low, high = interval or (None, None)
    return Agreement(len(shared), same, kappa, low, high, len(shared) >= LEAST_SHARED)


class Judged(NamedTuple):
    """One judged pair, as a report reads it."""

    straight: Vote | None
    swapped: Vote | None  # as said in the swapped order
    verdict: Vote | None
    length_a: int
    length_b: int


def report(judged: Iterable[Judged]) -> dict[str, Any]:
    """Shares of all pairs: consistent, first_place (verdicts for what came first), abstained, ties, longer_wins.

    `longer_wins` counts decided pairs, `longer_wins_matched` those whose lengths are within a ratio of 1.2.
    """
    rows = list(judged)
    both = [row for row in rows if row.straight is not None and row.swapped is not None]
    said = [one for row in rows for one in (row.straight, row.swapped) if one in ("a", "b")]
    decided = [row for row in rows if row.verdict in ("a", "b") and row.length_a != row.length_b]
    matched = [row for row in decided if _matched(row)]
    return {
        "pairs": len(rows), "abstained": _share([row.verdict is None for row in rows]),
        "ties": _share([row.verdict == "tie" for row in rows]),
        "consistent": _share([row.straight == OTHER[row.swapped] for row in both if row.swapped]),
        "first_place": _share([one == "a" for one in said]),
        "longer_wins": _share([_longer(row) for row in decided]),
        "longer_wins_matched": _share([_longer(row) for row in matched]), "matched": len(matched),
    }  # fmt: skip


def _matched(row: Judged) -> bool:
    return max(row.length_a, row.length_b) <= MATCHED * max(1, min(row.length_a, row.length_b))


def _longer(row: Judged) -> bool:
    return (row.verdict == "a") == (row.length_a > row.length_b)


def _share(flags: Sequence[bool]) -> float | None:
    return sum(flags) / len(flags) if flags else None
