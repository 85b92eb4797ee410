"""What foretells a row's mean alignment: rough numbers of every row, or the alignments with a few targets."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from selection.kernels.overlap import COLUMNS
from selection.methods.base import Ctx, Value
from selection.methods.zipfit_pairs import Pairs

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
TINY = 1e-9  # an error below it is none


def nth(values: Floats, n: int) -> float:
    """The n-th best."""
    return float(np.partition(values, len(values) - n)[len(values) - n])


def gaps(estimates: Floats, least: float, error: float, margin: float) -> NDArray[np.float32]:
    """How many errors the rows are below the cut, `least` - 2 × margin × error; above 0 they fall out."""
    return ((least - estimates) / max(error, TINY) - 2 * margin).astype(np.float32)


def fitted(told: Floats, mean: Floats) -> tuple[Floats, float]:
    """Least squares: (weights, root mean square of the residuals, each row left out in turn)."""
    left, values, right = np.linalg.svd(told, full_matrices=False)
    held = values > 1e-9 * values[0]
    weights: Floats = (right[held].T / values[held]) @ (left[:, held].T @ mean)
    lever = np.minimum((left[:, held] ** 2).sum(axis=1), 0.95)
    return weights, float(np.sqrt(np.mean(((mean - told @ weights) / (1 - lever)) ** 2)))


def rough_estimate(rough: NDArray[np.int32], place: Places, mean: Floats) -> tuple[Floats, float]:
    """(estimate of every row, error) from bytes and `overlap` of each, learnt from the rows at `place`.

    Logarithms and shares, and where there are rows enough their squares and products. The error is infinite where
    there are too few rows to learn from.
    """
    # 20 holds down very short rows, of which a few stretches would be a large share.
    columns = [np.log(rough[:, 0] + 20.0)]
    for at in range(1, COLUMNS + 1, 3):
        different = rough[:, at] + 20.0
        columns += [rough[:, at + 1] / different, rough[:, at + 2] / different, np.log(different)]
    if len(place) < 4 * (len(columns) + 1):
        return np.zeros(len(rough)), math.inf
    for number, column in enumerate(columns):
        # Nothing is known of rows beyond what the sample has: they count as its outermost.
        low, high = column[place].min(), column[place].max()
        columns[number] = (np.clip(column, low, high) - low) / (high - low or 1.0)
    terms: list[tuple[int, int | None]] = [(one, None) for one in range(len(columns))]
    squares: list[tuple[int, int | None]] = [
        (one, other) for one in range(len(columns)) for other in range(one, len(columns))
    ]
    if len(place) >= 4 * (1 + len(terms) + len(squares)):
        terms += squares

    def term(which: tuple[int, int | None], rows: Places | slice) -> Floats:
        one, other = which
        return columns[one][rows] * (1.0 if other is None else columns[other][rows])

    weights, error = fitted(np.column_stack([np.ones(len(place)), *(term(which, place) for which in terms)]), mean)
    estimate = np.full(len(rough), weights[0])
    for weight, which in zip(weights[1:], terms, strict=True):
        # Term by term, so that a row's sum never depends on its neighbours.
        estimate += weight * term(which, slice(None))
    return estimate, error


def stages(found: Floats, sizes: Floats, mean: Floats, few: int) -> Value:
    """How the mean follows from more and more targets, learnt from rows × targets alignments.

    `sizes` are bytes and compressed bytes of the rows. "anchors": positions of targets, those that tell most first;
    for each stage (few / 2, few, 4 few targets) "counts", "errors" and "weights" of 1, log bytes, log compressed
    bytes and each anchor, 0 for those of later stages. No stage where there are too few rows.
    """
    few = min(few, found.shape[1])
    if not few or len(mean) < 3 + 2 * few:
        return {"counts": np.empty(0, np.int64)}
    known = np.column_stack([np.ones(len(mean)), np.log(sizes[:, 0] + 1), np.log(sizes[:, 1])])
    anchors = _anchors(known, found, mean, min(4 * few, (len(mean) - 3) // 2))
    counts = sorted({min(count, len(anchors)) for count in (max(1, few // 2), few, 4 * few)} - {0})
    fits = [fitted(np.column_stack([known, found[:, anchors[:count]]]), mean) for count in counts]
    weights = np.zeros((len(fits), 3 + len(anchors)))
    for stage, (fit, _) in enumerate(fits):
        weights[stage, : len(fit)] = fit
    return {
        "anchors": np.array(anchors, np.int64), "counts": np.array(counts, np.int64), "weights": weights,
        "errors": np.array([error for _, error in fits]),
    }  # fmt: skip


def _anchors(known: Floats, found: Floats, mean: Floats, count: int) -> list[int]:
    """One after the other, the target that takes most of what is not yet explained."""
    basis, _ = np.linalg.qr(known)
    rest, beyond = mean - basis @ (basis.T @ mean), found - basis @ (basis.T @ found)
    whole = np.maximum((found**2).sum(axis=0), 1e-30)
    chosen: list[int] = []
    for _ in range(min(count, found.shape[1])):
        power = (beyond**2).sum(axis=0)
        usable = power > 1e-12 * whole  # the others are sums of what is there
        usable[chosen] = False
        if not usable.any():
            break
        gain = np.where(usable, (beyond.T @ rest) ** 2 / np.where(usable, power, 1), -1)
        chosen.append(int(gain.argmax()))
        unit = beyond[:, chosen[-1]] / math.sqrt(power[chosen[-1]])
        rest = rest - unit * (unit @ rest)
        beyond = beyond - np.outer(unit, unit @ beyond)
    return chosen


class Race:
    """Rows against one part of the anchors after the other, as long as they may be among the best.

    `which` stages of `learnt` are run. A row whose estimate is too far below `least` ends there.
    """

    def __init__(self, ctx: Ctx, learnt: Value, which: Sequence[int], least: float) -> None:
        counts = learnt["counts"].tolist()
        self.anchors: list[int] = learnt["anchors"].tolist()
        self.weights, self.errors = learnt["weights"].tolist(), learnt["errors"].tolist()
        self.which, self.least, self.margin = which, least, ctx.params.margin
        # Nothing is handed on from pass to pass, so the first stage takes all the anchors up to its own.
        edges = [0, *(counts[stage] for stage in which)]
        self.pairs = [Pairs(ctx, ctx.rows, self.anchors[a:b]) for a, b in pairwise(edges)]
        self.met = edges[-1]

    def run(self, row: bytes) -> tuple[float, float, list[float]]:
        """(estimate, how many errors it is below the cut of the stage where it ended, alignments so far).

        The gap is above 0 where the row fell out, and 0 where no stage is run.
        """
        met: list[float] = []
        estimate = gap = 0.0
        for stage, pairs in zip(self.which, self.pairs, strict=True):
            met += pairs.alignments(row).tolist()
            base, of_bytes, of_size, *weights = self.weights[stage]
            estimate = base + of_bytes * math.log(len(row) + 1) + of_size * math.log(pairs.own)
            for weight, found in zip(weights, met, strict=False):
                estimate += weight * found
            gap = (self.least - estimate) / max(self.errors[stage], TINY) - 2 * self.margin
            if gap > 0:
                break
        return estimate, gap, met
