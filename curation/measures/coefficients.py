"""Agreement corrected for chance. Values that cannot be judged are None: never NaN, never a division by zero."""

import warnings
from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Level = Literal["nominal", "ordinal", "interval"]
Unit = Sequence[Any]  # the answers to one example; None where somebody gave none


def _given(unit: Unit) -> list[Any]:
    return [value for value in unit if value is not None]


def percent(units: Sequence[Unit]) -> float | None:
    """Share of the pairs of answers to one example that are equal, each example counting alike. None without a pair."""
    shares = []
    for unit in units:
        pairs = list(combinations(_given(unit), 2))
        if pairs:
            shares.append(sum(a == b for a, b in pairs) / len(pairs))
    return float(np.mean(shares)) if shares else None


def confusion(pairs: Sequence[tuple[Any, Any]]) -> tuple[list[Any], list[list[int]]]:
    """(values in order, matrix): how often the first said row and the second said column."""
    values = sorted({value for pair in pairs for value in pair}, key=lambda value: (str(type(value)), value))
    place = {value: at for at, value in enumerate(values)}
    matrix = [[0] * len(values) for _ in values]
    for a, b in pairs:
        matrix[place[a]][place[b]] += 1
    return values, matrix


def cohen(pairs: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """Cohen's kappa of two people (Cohen 1960): (po - pe) / (1 - pe).

    None without pairs, and where both gave one and the same value throughout: there is nothing that chance could do.
    """
    if not pairs:
        return None
    n = len(pairs)
    observed = sum(a == b for a, b in pairs) / n
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    by_chance = sum(first[value] * second[value] for value in first) / (n * n)
    return None if by_chance >= 1 else (observed - by_chance) / (1 - by_chance)


def fleiss(units: Sequence[Unit]) -> float | None:
    """Fleiss' kappa (Fleiss 1971) over the examples with the most usual number of answers (at least two).

    It wants the same number of answers everywhere; `fleiss_units` says which are used. None where alpha would be too.
    """
    used = fleiss_units(units)
    if not used:
        return None
    answers = len(used[0])
    totals: Counter[Any] = Counter()
    agreement = 0.0
    for unit in used:
        counts = Counter(unit)
        totals.update(counts)
        agreement += (sum(often * often for often in counts.values()) - answers) / (answers * (answers - 1))
    observed = agreement / len(used)
    by_chance = sum((often / totals.total()) ** 2 for often in totals.values())
    return None if by_chance >= 1 else (observed - by_chance) / (1 - by_chance)


def fleiss_units(units: Sequence[Unit]) -> list[list[Any]]:
    """The examples with the most usual number of answers, among those with two or more; ties: the larger number."""
    given = [found for unit in units if len(found := _given(unit)) >= 2]
    if not given:
        return []
    sizes = Counter(len(unit) for unit in given)
    size = max(sizes, key=lambda one: (sizes[one], one))
    return [unit for unit in given if len(unit) == size]


def alpha(units: Sequence[Unit], level: Level = "nominal") -> float | None:
    """Krippendorff's alpha (2004) through the library `krippendorff`; any number of answers, gaps allowed.

    Ordinal and interval take numbers, nominal anything that can be compared. None without two answers to one example, or
    where all answers are the same value.
    """
    counts, values = tally(units)
    return alpha_of_counts(counts, values, level) if len(values) > 1 else None


def tally(units: Sequence[Unit]) -> tuple[NDArray[np.float64], list[Any]]:
    """(examples × values: how many said each, the values in order) of the examples with two or more answers."""
    pairable = [found for unit in units if len(found := _given(unit)) >= 2]
    values = sorted({value for unit in pairable for value in unit}, key=lambda value: (str(type(value)), value))
    codes = {value: at for at, value in enumerate(values)}
    counts = np.zeros((len(pairable), len(values)))
    for row, unit in enumerate(pairable):
        for value in unit:
            counts[row, codes[value]] += 1
    return counts, values


def alpha_of_counts(counts: NDArray[np.float64], values: Sequence[Any], level: Level) -> float | None:
    """`alpha` of a matrix, examples × values: how many said each value."""
    import krippendorff

    used = counts.sum(axis=0) > 0
    if used.sum() < 2:
        return None
    domain: Any = [value for value, on in zip(values, used, strict=True) if on]
    if level == "nominal":
        domain = list(range(len(domain)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = krippendorff.alpha(value_counts=counts[:, used], value_domain=domain, level_of_measurement=level)
    return float(found) if np.isfinite(found) else None
