"""What rows of a size share with a target on average: taken off, so that large rows are not preferred for their size.

A prototype is the mean of many rows, so nearly every feature is in it. The more features fire in a row, the more of them
meet the prototype: generalised Jaccard grows with their number, whatever the row is about. The paper (arXiv 2503.15573)
leaves that as it is.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from selection.kernels.sparse import Rows
from selection.kernels.truncated import Stored
from selection.methods.base import Ctx, Value
from selection.methods.mona_read import even

LEAST = 100  # rows from which anything can be learned
STEPS = 100_000  # of a likeness: whole numbers add up to the same sum in any order
DEGREE = 2
SHOWN = (0.1, 0.9)  # shares of the rows, by size, whose average likeness a run tells
NOTHING: Value = {"curve": np.empty(0), "shown": np.zeros(2)}  # takes nothing off


def corrects(params: Any) -> bool:
    """Whether scores have the average of their size taken off."""
    plain = params.measure != "jaccard" or params.codes != "sae" or params.aggregation == "round_robin"
    return not plain and bool(params.size == "corrected")


def counts(rows: Rows, most: int) -> NDArray[np.int32]:
    """int32[n]: features that fire in each row, `most` at the most, as a stored row has them."""
    return np.minimum(np.diff(rows.start), most).astype(np.int32)


def stored_counts(stored: Stored, quiet: NDArray[np.bool_]) -> NDArray[np.int32]:
    """int32[n]: the same of stored rows. quiet bool[width]: features that are muted."""
    there = stored.value > 0
    if quiet.any():
        there &= ~quiet[stored.index]
    return there.sum(axis=1).astype(np.int32)


def learned(count: NDArray[np.int32], likeness: NDArray[np.float32]) -> Value:
    """{"curve": float64[up to 3], "shown": float64[2]} of n rows: least squares of the likeness on log(1 + count).

    A curve without a number takes nothing off: of few rows, or of rows of one size. The order of the rows does not matter.
    """
    sizes, which = np.unique(count, return_inverse=True)
    if len(count) < LEAST or len(sizes) < 2:
        return NOTHING
    rows = np.bincount(which)
    total = np.zeros(len(sizes), np.int64)
    np.add.at(total, which, np.round(likeness * np.float64(STEPS)).astype(np.int64))
    # Weights are square roots since squares of what they multiply are added up.
    curve = np.polyfit(np.log1p(sizes), total / rows / STEPS, min(DEGREE, len(sizes) - 1), w=np.sqrt(rows))
    ends = np.sort(count)[(np.array(SHOWN) * (len(count) - 1)).astype(np.int64)]
    return {"curve": curve, "shown": np.polyval(curve, np.log1p(ends))}


def average(value: Value, count: NDArray[np.int32]) -> NDArray[np.float32]:
    """float32[n]: the likeness of rows of these sizes, on average; zeros where nothing was learned."""
    if not len(value["curve"]):
        return np.zeros(len(count), np.float32)
    return np.asarray(np.polyval(value["curve"], np.log1p(count)), np.float32)


def told(ctx: Ctx) -> Value:
    """What was learned in this run."""
    return ctx["bounds" if ctx.params.kept else "read"]


def usual(rows: Rows, ctx: Ctx) -> list[float | None]:
    """Of each row, what rows of its size share on average; None where nothing is taken off."""
    if not corrects(ctx.params) or not len(told(ctx)["curve"]):
        return [None] * len(rows)
    return list(map(float, average(told(ctx), counts(rows, even(ctx.params.entries)))))


def line(ctx: Ctx) -> str:
    """What it took off, in words."""
    value = told(ctx)
    if not len(value["curve"]):
        return f"Scores are the likeness itself: there are fewer than {LEAST} rows, or all of one size."
    low, high = (float(one) for one in value["shown"])
    return (
        f"Rows in which many features fire are more like any target: the likeness averages {low:.3f} at the tenth of the "
        f"rows with the fewest and {high:.3f} at the tenth with the most. A score is what a row has above others of its size."
    )
