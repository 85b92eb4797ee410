"""How sure a figure is: percentile intervals by resampling examples (Efron 1979)."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation.measures.coefficients import Level, tally

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


def bootstrap_alpha(
    units: Sequence[Sequence[Any]], level: Level = "nominal", *, rounds: int = 1000, seed: int = 0,
    confidence: float = 0.95,
) -> tuple[float, float] | None:  # fmt: skip
    """`bootstrap` of Krippendorff's alpha over examples, all rounds in a few matrix products.

    Alpha is one minus observed over expected disagreement. Both are sums over examples (of pairs of answers within
    one, and of how often each value was said), so a sample is a row of weights. None as `bootstrap` says.
    """
    counts, values = tally(units)
    if len(counts) < LEAST or len(values) < 2:
        return None
    found = []
    rng = np.random.Generator(np.random.PCG64(seed))
    step = max(1, 4_000_000 // len(counts))
    within = _within(counts, values, level)
    for start in range(0, rounds, step):
        drawn = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=min(step, rounds - start))
        found.append(_alphas(drawn.astype(np.float64), counts, values, within, level))
    all_found = np.concatenate(found)
    return _interval(all_found[np.isfinite(all_found)], rounds, confidence)


def _spread(said: NDArray[np.float64], values: Sequence[Any], level: Level) -> NDArray[np.float64]:
    """Per row, the squared distances of all its pairs of values, summed: how far apart what was said lies."""
    if level == "interval":
        numbers = np.asarray(values, np.float64)
        numbers = numbers - numbers.mean()  # the sum below takes large numbers from each other
        return np.asarray(2 * (said.sum(axis=1) * (said @ numbers**2) - (said @ numbers) ** 2))
    return np.asarray(said.sum(axis=1) ** 2 - (said**2).sum(axis=1))


def _within(counts: NDArray[np.float64], values: Sequence[Any], level: Level) -> NDArray[np.float64]:
    """Per example, what the observed disagreement sums: its coincidences (ordinal), else their disagreement."""
    others = counts.sum(axis=1) - 1
    if level == "ordinal":  # the distances change with each sample, so the coincidences themselves are kept
        pairs = counts[:, :, None] * counts[:, None, :] / others[:, None, None]
        at = np.arange(len(values))
        pairs[:, at, at] -= counts / others[:, None]
        return np.asarray(pairs.reshape(len(counts), -1))
    return np.asarray(_spread(counts, values, level) / others)


def _alphas(
    weights: NDArray[np.float64], counts: NDArray[np.float64], values: Sequence[Any], within: NDArray[np.float64],
    level: Level,
) -> NDArray[np.float64]:  # fmt: skip
    """Alpha of each row of weights (samples × examples); NaN where only one value is left."""
    said = weights @ counts  # samples × values
    total = said.sum(axis=1)
    if level == "ordinal":
        below = np.cumsum(said, axis=1) - said / 2  # the middle of each value among all ranks
        gaps = (below[:, :, None] - below[:, None, :]) ** 2
        observed = np.einsum("rck,rck->r", (weights @ within).reshape(gaps.shape), gaps)
        expected = np.einsum("rc,rck,rk->r", said, gaps, said)
    else:
        observed = weights @ within
        expected = _spread(said, values, level)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = 1 - observed * (total - 1) / expected
    return np.where(expected > 0, found, np.nan)
