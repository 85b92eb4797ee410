"""What the anchored way of ZIP-FIT may have missed: a bound from rows that fell out and were scored all the same.

A sample of a few hundred rows cannot say of hundreds of thousands that not one was missed. So two samples are drawn:
from the rows nearest below the cut, where a missed row is to be expected, as many as are ranked in full; and from
all others. Both bounds are exact for draws without replacement and suppose nothing of the scores.
"""

import math

import numpy as np
from numpy.typing import NDArray

from selection.methods.base import Ctx, Note, Value

SURE = 0.05  # of an error; half of it for each of the two samples


def lowest(places: NDArray[np.int64], lot: NDArray[np.uint32], count: int) -> NDArray[np.int64]:
    """`count` of the places, those of the lowest lots; ascending."""
    return np.sort(places[np.lexsort((places, lot[places]))[:count]])


def drawn(
    out: NDArray[np.int64], gap: NDArray[np.float32], lot: NDArray[np.uint32], k: int, count: int
) -> dict[str, NDArray[np.int64]]:
    """Of the rows that fell `out` (places), those to look at: "near" and "far", and of how many each was drawn.

    `gap` tells of every place how many errors its row is below the cut.
    """
    order = out[np.lexsort((out, gap[out]))]
    bands = {"near": order[:k], "far": order[k:]}
    found = {name: lowest(band, lot, count) for name, band in bands.items()}
    return {**found, "bands": np.array([len(band) for band in bands.values()], np.int64)}


def findings(place: NDArray[np.int64], mean: NDArray[np.float64], k: int, cut: Value) -> NDArray[np.int64]:
    """How many rows of each sample are better than the k-th of the known scores."""
    least = np.sort(mean)[-min(k, len(mean))] if len(mean) else np.inf
    hits = [int((mean[np.searchsorted(place, cut[name])] > least).sum()) for name in ("near", "far")]
    return np.array(hits, np.int64)


def most_missed(rows: int, looked: int, hits: int, error: float) -> int:
    """The most rows not looked at that can be hits, when `hits` of `looked` are, drawn from `rows` without replacement.

    The largest number for which as few hits or fewer come with probability above `error`: the upper end of the
    one-sided interval (Clopper and Pearson's argument with the hypergeometric law).
    """
    low, high = hits, rows - (looked - hits)
    while low < high:
        middle = (low + high + 1) // 2
        if _at_most(hits, rows, middle, looked) > error:
            low = middle
        else:
            high = middle - 1
    return low - hits


def _at_most(hits: int, rows: int, marked: int, looked: int) -> float:
    """Probability of `hits` or fewer marked rows among `looked`, of `rows` with `marked`."""

    def choose(of: int, some: int) -> float:
        return math.lgamma(of + 1) - math.lgamma(some + 1) - math.lgamma(of - some + 1)

    whole = choose(rows, looked)
    least = max(0, looked - (rows - marked))
    return sum(
        math.exp(choose(marked, count) + choose(rows - marked, looked - count) - whole)
        for count in range(least, min(hits, marked) + 1)
    )


def bounds(found: Value, cut: Value) -> tuple[int, int]:
    """(rows near the cut, rows far from it) that are missed at most, together with a confidence of 95 %."""
    near, far = (
        most_missed(int(rows), len(cut[name]), int(hits), SURE / 2) if rows else 0
        for name, rows, hits in zip(("near", "far"), cut["bands"], found["hits"], strict=True)
    )
    return near, far


def told(found: Value, cut: Value, k: int, ctx: Ctx) -> list[Note]:
    """For the page of the run."""
    near, far = (int(rows) for rows in cut["bands"])
    known = len(found["place"])
    if not near + far:
        return [Note("fact", f"All {ctx.rows:,} rows were compared with every target.")]
    said = [Note("fact", f"{known:,} of {ctx.rows:,} rows were compared with every target; the others are estimated.")]
    if not ctx.params.audit:
        return [*said, Note("warning", "Nothing was audited, so nothing is known of what was missed. Audit 300 rows.")]
    hits, (most, most_far) = [int(count) for count in found["hits"]], bounds(found, cut)
    line = (
        f"Audit: of {len(cut['near']):,} of the {near:,} left-out rows nearest to the cut, scored in full, {hits[0]:,} "
        f"would have been among the best {k:,}: with 95 % confidence at most {_percent(most / k)} of them are missed there."
    )
    if far:
        line += (
            f" Of {len(cut['far']):,} of the {far:,} left-out rows further away {hits[1]:,} would have been: at most "
            f"{_percent(most_far / far)} of those rows."
        )
        if most + most_far < k:
            line += f" Together at most {_percent((most + most_far) / k)} of the best {k:,} are missed."
    if sum(hits):
        return [*said, Note("warning", line + " A larger margin misses fewer.")]
    return [*said, Note("fact", line)]


def _percent(share: float) -> str:
    return f"{math.ceil(min(share, 1.0) * 1000) / 10:.1f} %"
