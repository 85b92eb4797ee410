"""How much of a selection is what was wanted, where the pool's rows are labelled. Labels never reach a method.

`wanted` is a mask in the order of ranks: whether the row at rank 1, 2, … is of the wanted kind.
"""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray


def mask(ranked: Sequence[str], wanted: Collection[str]) -> NDArray[np.bool_]:
    """Whether each key, in the order of ranks, is among the wanted ones."""
    return np.fromiter((key in wanted for key in ranked), np.bool_, len(ranked))


def precision_at(wanted: NDArray[np.bool_], k: int) -> float:
    """Share of the first `k` ranks that is wanted. Ranks that were not filled count as misses.

    Raises `ValueError` for k below 1.
    """
    if k < 1:
        raise ValueError("precision needs at least one rank")
    return float(wanted[:k].sum()) / k


def r_precision(wanted: NDArray[np.bool_], relevant: int) -> float | None:
    """Precision at k = the number of wanted rows in the pool, where precision and recall are equal; None for 0."""
    return precision_at(wanted, relevant) if relevant else None


def overlap(one: Sequence[str], other: Sequence[str]) -> float:
    """Share of the larger selection that both have; 1.0 for two empty ones."""
    largest = max(len(one), len(other))
    return len(set(one) & set(other)) / largest if largest else 1.0


def chance_level(relevant: int, pool: int) -> float:
    """What a random selection reaches in the mean: the base rate."""
    return relevant / pool if pool else 0.0
