"""The agreement on one field of a form: its headline measure with an interval, and what lies behind it. Pure.

    units = [Unit(17, "2026-02-02", {3: ["yes"], 4: ["no"]}), …]      # an example, its week, what each person said
    found = agreement("labels", {"labels": ["yes", "no"]}, units)

Everything is plain data (lists, dicts, numbers, None), so that it can be kept as JSON.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import Any

import numpy as np

from curation.measures.coefficients import Level, alpha, cohen, fleiss, fleiss_units, percent
from curation.measures.likeness import chrf, kendall, score, span_f1, token_f1
from curation.measures.resampling import bootstrap_alpha, bootstrap_mean

EFFORT = 400_000  # units of work spent on likeness of one field; about a second
ORDINAL_VALUES = 30  # of more, an ordinal interval would cost too much: the interval level stands for it
CELLS = 12  # values that the confusion table shows; rarer ones are taken together
WORST = 20
OTHER = "(others)"


@dataclass(frozen=True, slots=True)
class Unit:
    """One example: its id, the Monday of its newest answer, and the cleaned value that each person gave."""

    example: int
    week: str
    answers: Mapping[int, Any]


def categorical(kind: str, options: Mapping[str, Any]) -> bool:
    """Whether answers are one of a list of values, so that chance can be taken out."""
    return kind in ("rating", "pair") or (kind == "labels" and not options.get("multiple"))


def given(kind: str, options: Mapping[str, Any], value: Any) -> Any:
    """The value as it is compared. No span and no label, where none need be chosen, is an answer; nothing else is."""
    if value in (None, "", [], {}):
        return [] if kind == "spans" or (kind == "labels" and options.get("multiple")) else None
    if kind == "labels" and not options.get("multiple"):
        return value[0] if isinstance(value, list) and len(value) == 1 else value
    return value


def code(kind: str, value: Any) -> Any:
    """A value of any kind as one that can be counted: equal values have equal codes."""
    if value is None:
        return None
    if kind == "pair" and isinstance(value, Mapping):
        chosen = value.get("chosen")
        if value.get("tie") or chosen == "tie":
            return "Equally good"
        return f"Output {chosen + 1}" if type(chosen) is int else str(chosen)
    if kind == "rating" and type(value) in (int, float):
        return value
    if isinstance(value, str):
        return value.strip()
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def effort(kind: str, value: Any) -> int:
    """About how much a comparison with this value costs, in characters of chrF."""
    if kind in ("spans", "ranking") and isinstance(value, list):
        return len(value) ** 2 // 10
    if kind in ("text", "dialogue", "json"):
        return len(value) if isinstance(value, str) else len(json.dumps(value, ensure_ascii=False))
    return 0


def agreement(
    kind: str, options: Mapping[str, Any], units: Sequence[Unit], *, rounds: int = 1000, seed: int = 0,
    budget: int = EFFORT,
) -> dict[str, Any]:  # fmt: skip
    """All figures of one field. Units come newest first; those beyond the budget of work are left out and counted.

    `value` is None where nothing can be judged; `one_value` says that this is because everybody said the same.
    """
    used, left_out = _affordable(kind, options, units, budget)
    likes = [_likenesses(kind, options, unit) for unit in used]
    coded = [[code(kind, value) for value in unit.answers.values()] for unit in used]
    numbers = kind == "rating" and all(isinstance(one, int | float) for unit in coded for one in unit)
    values = {one for unit in coded for one in unit}
    level: Level = "nominal" if not numbers else "ordinal" if len(values) <= ORDINAL_VALUES else "interval"
    found: dict[str, Any] = {
        "kind": kind, "categorical": categorical(kind, options), "level": level, "examples": len(used),
        "answers": sum(len(unit.answers) for unit in used), "left_out": left_out, "one_value": len(values) == 1,
        "percent": percent(coded), "people": _people(used, likes, kind), "pairs": _pairs(used, likes, kind),
        "worst": _worst(used, likes),
    }  # fmt: skip
    means = [fmean(like.values()) for like in likes]
    if found["categorical"]:
        value, interval = alpha(coded, level), bootstrap_alpha(coded, level, rounds=rounds, seed=seed)
        if value is None:
            interval = None
        found["others"] = _chance_figures(coded, numbers)
        found["confusion"] = _confusion(coded)
        found["mean"] = fmean(means) if means else None
    else:
        value = fmean(means) if means else None
        interval = bootstrap_mean(means, rounds=rounds, seed=seed)
        found["others"] = _text_figures(kind, used)
        found["confusion"], found["mean"] = None, value
    found["value"], (found["low"], found["high"]) = value, interval or (None, None)
    found["weeks"] = _weeks(used, coded, means, level if found["categorical"] else None)
    return found


def _affordable(kind: str, options: Mapping[str, Any], units: Sequence[Unit], budget: int) -> tuple[list[Unit], int]:
    """The examples with two or more answers to this field, as many as the budget allows (one at least), and the rest."""
    used: list[Unit] = []
    left_out = spent = 0
    for unit in units:
        answers = {who: value for who, raw in unit.answers.items() if (value := given(kind, options, raw)) is not None}
        if len(answers) < 2:
            continue
        cost = sum(effort(kind, value) for value in answers.values()) * (len(answers) - 1) // 2
        if used and spent + cost > budget:
            left_out += 1
            continue
        spent += cost
        used.append(Unit(unit.example, unit.week, answers))
    return used, left_out


def _likenesses(kind: str, options: Mapping[str, Any], unit: Unit) -> dict[tuple[int, int], float]:
    people = sorted(unit.answers)
    return {(a, b): score(kind, unit.answers[a], unit.answers[b], options) for a, b in combinations(people, 2)}


def _chance_figures(coded: list[list[Any]], numbers: bool) -> dict[str, Any]:
    """Alpha at each level, Fleiss' kappa, and how many examples that one had to leave out."""
    levels: tuple[Level, ...] = ("nominal", "ordinal", "interval") if numbers else ("nominal",)
    found: dict[str, Any] = {f"alpha_{level}": alpha(coded, level) for level in levels}
    used = fleiss_units(coded)
    return found | {
        "fleiss": fleiss(coded), "fleiss_answers": len(used[0]) if used else 0, "fleiss_left_out": len(coded) - len(used),
    }  # fmt: skip


def _text_figures(kind: str, units: list[Unit]) -> dict[str, Any]:
    """Further measures of likeness of this kind, each the mean over examples."""
    further: dict[str, Any] = {
        "text": {"token_f1": token_f1},
        "spans": {"span_f1": span_f1, "span_f1_overlap": lambda a, b: span_f1(a, b, overlap=True)},
        "ranking": {"kendall": kendall},
        "dialogue": {"chrf_all": lambda a, b: chrf(_said(a), _said(b))},
    }.get(kind, {})
    return {name: _mean_of(units, measure) for name, measure in further.items()}


def _said(turns: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(str(turn.get("text", "")) for turn in turns)


def _mean_of(units: list[Unit], measure: Any) -> float | None:
    means = []
    for unit in units:
        try:
            means.append(fmean([measure(a, b) for a, b in combinations(unit.answers.values(), 2)]))
        except (TypeError, KeyError, AttributeError):  # values of an older form
            continue
    return fmean(means) if means else None


def _pairs(units: list[Unit], likes: list[dict[tuple[int, int], float]], kind: str) -> list[dict[str, Any]]:
    """Two people each: on how many examples both answered, equal answers, kappa (categories only), mean likeness."""
    said: dict[tuple[int, int], list[tuple[Any, Any]]] = defaultdict(list)
    alike: dict[tuple[int, int], list[float]] = defaultdict(list)
    for unit, like in zip(units, likes, strict=True):
        coded = {who: code(kind, value) for who, value in unit.answers.items()}
        for (a, b), value in like.items():
            said[a, b].append((coded[a], coded[b]))
            alike[a, b].append(value)
    return [
        {
            "a": a, "b": b, "examples": len(pairs), "percent": sum(x == y for x, y in pairs) / len(pairs),
            "kappa": cohen(pairs), "mean": fmean(alike[a, b]),
        }
        for (a, b), pairs in sorted(said.items(), key=lambda item: (-len(item[1]), item[0]))
    ]  # fmt: skip


def _people(units: list[Unit], likes: list[dict[tuple[int, int], float]], kind: str) -> list[dict[str, Any]]:
    """Each person with all others: examples shared, equal answers, and the mean likeness with its interval."""
    alike: dict[int, list[float]] = defaultdict(list)
    equal: dict[int, list[float]] = defaultdict(list)
    for unit, like in zip(units, likes, strict=True):
        coded = {who: code(kind, value) for who, value in unit.answers.items()}
        for who in unit.answers:
            alike[who].append(fmean([value for pair, value in like.items() if who in pair]))
            equal[who].append(fmean([coded[who] == coded[one] for one in coded if one != who]))
    found = []
    for who in sorted(alike, key=lambda one: (-len(alike[one]), one)):
        low, high = bootstrap_mean(alike[who], rounds=500) or (None, None)
        found.append({
            "who": who, "examples": len(alike[who]), "percent": fmean(equal[who]),
            "mean": fmean(alike[who]), "low": low, "high": high,
        })  # fmt: skip
    return found


def _worst(units: list[Unit], likes: list[dict[tuple[int, int], float]]) -> list[dict[str, Any]]:
    """The examples whose answers differ most."""
    found = [
        {"example": unit.example, "mean": fmean(like.values()), "answers": len(unit.answers)}
        for unit, like in zip(units, likes, strict=True)
        if min(like.values()) < 1
    ]
    return sorted(found, key=lambda one: (one["mean"], -one["answers"], -one["example"]))[:WORST]


def _weeks(units: list[Unit], coded: list[list[Any]], means: list[float], level: Level | None) -> list[dict[str, Any]]:
    """The headline measure of each week, oldest first; `value` is None where a week alone cannot be judged."""
    by_week: dict[str, list[int]] = defaultdict(list)
    for number, unit in enumerate(units):
        by_week[unit.week].append(number)
    found = []
    for week, numbers in sorted(by_week.items()):
        said = [coded[number] for number in numbers]
        value = alpha(said, level) if level else fmean([means[number] for number in numbers])
        found.append({"week": week, "examples": len(numbers), "value": value, "percent": percent(said)})
    return found


def _confusion(coded: list[list[Any]]) -> dict[str, Any] | None:
    """How often one person said the row where another said the column; both ways, so that it is symmetric."""
    often = Counter(value for unit in coded for value in unit)
    if not often:
        return None
    kept = {value for value, _ in sorted(often.items(), key=lambda item: (-item[1], str(item[0])))[:CELLS]}
    values: list[Any] = sorted(kept, key=lambda value: (str(type(value)), value))
    if len(often) > len(kept):
        values.append(OTHER)
    place = {value: at for at, value in enumerate(values)}
    rest = len(values) - 1
    matrix = np.zeros((len(values), len(values)), np.int64)
    for unit in coded:
        cells = [place.get(value, rest) if value in kept else rest for value in unit]
        for a, b in combinations(cells, 2):
            matrix[a, b] += 1
            matrix[b, a] += 1
    return {"values": [str(value) for value in values], "rows": matrix.tolist()}
