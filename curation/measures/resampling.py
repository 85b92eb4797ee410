"""How sure a figure is: percentile intervals by resampling examples (Efron 1979)."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST = 5  # examples; of fewer, an interval would only pretend


def bootstrap(
    units: Sequence[Any], statistic: Callable[[Sequence[Any]], float | None], *, rounds: int = 1000, seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float] | None:  # fmt: skip
    """(low, high) of `statistic` over resampled examples; the same for the same seed.

    Examples are drawn whole: the answers to one example belong together. None with fewer than five examples, or when
    more than a tenth of the samples have no value.
    """
    if len(units) < LEAST:
        return None
    rng = np.random.Generator(np.random.PCG64(seed))
    found = []
    for _ in range(rounds):
        drawn = rng.integers(0, len(units), len(units))
        value = statistic([units[at] for at in drawn])
        if value is not None:
            found.append(value)
    return _interval(np.array(found), rounds, level)


def bootstrap_mean(
    values: Sequence[float], *, rounds: int = 1000, seed: int = 0, level: float = 0.95
) -> tuple[float, float] | None:
    """`bootstrap` of the mean of one number an example, all rounds at once."""
    if len(values) < LEAST:
        return None
    rng = np.random.Generator(np.random.PCG64(seed))
    array, means = np.asarray(values, np.float64), []
    step = max(1, 2_000_000 // len(array))  # numbers held at a time
    for start in range(0, rounds, step):
        drawn = rng.integers(0, len(array), (min(step, rounds - start), len(array)))
        means.append(array[drawn].mean(axis=1))
    return _interval(np.concatenate(means), rounds, level)


def _interval(found: NDArray[np.float64], rounds: int, level: float) -> tuple[float, float] | None:
    if len(found) < 0.9 * rounds:
        return None
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
