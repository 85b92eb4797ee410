"""ZIP-FIT without compressing every row with every target: only rows that may be among the best are finished.

What a row shares with one target says much about what it shares with the others, so that the mean can be foretold:

1. survey   Of every row, what it has in common with the targets is counted roughly (`kernels.overlap`); a sample is
            scored in full and teaches how these numbers foretell the score. Rows far from the best fall out.
2. learn    A second sample, of the rows that are left, is scored in full. A few targets, the anchors, are chosen
            whose alignments foretell the mean best.
3. foretell The rows that are left are compared with the anchors alone. Rows clearly worse than the k-th fall out.
4. finish   The others are scored in full, and so is a sample of the rows that fell out: the audit.
5. score    Scores where they are known; below them the estimates.

A row falls out when its estimate is more than 2 × margin × error below the k-th best estimate, error = root mean
square of the residuals with each row of the sample left out in turn.
"""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from selection.kernels import overlap
from selection.kernels.chance import chance
from selection.methods.base import Ctx, Note, Part, Pass, Shard, Value, scored
from selection.methods.zipfit_audit import audited, findings
from selection.methods.zipfit_pairs import Pairs

if TYPE_CHECKING:
    from selection.methods.zipfit import ZipFitParams

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
LEAST, SHARE, MOST = 2_000, 20, 20_000  # rows to rank in full where nobody said how many are wanted
STRETCH = 40  # rows of its texts that a survey reads at once: keeps the joined bytes small


def passes(params: "ZipFitParams") -> Sequence[Pass]:
    reads = (params.view,)
    return [
        Pass("survey", _survey, _first_cut, title="Survey rows", reads=reads, rows_per_item=_surveyed),
        Pass("learn", _full, _learn, title="Learn from a sample", reads=reads, rows_per_item=_few, rows=_sample),
        Pass("foretell", _foretell, _second_cut, title="Foretell scores", reads=reads, rows_per_item=_few, rows=_left),
        Pass("finish", _means, _gather, title="Finish the best rows", reads=reads, rows_per_item=_few, rows=_best),
        Pass("score", _score, title="Join scores", reads=()),
    ]


def seconds(rows: int, targets: int, params: "ZipFitParams", pair: float) -> float:
    """About 12 microseconds a row for the survey, and the pairs."""
    kept = params.keep or min(MOST, max(LEAST, rows // SHARE))
    full = min(rows, 2 * kept + 2 * params.sample + 2 * params.audit)
    return rows * 12e-6 + pair * (min(rows, 15 * kept) * (params.anchors + 2) + full * (targets + 1))


def keep(ctx: Ctx) -> int:
    """How many of the best rows must come out right."""
    asked = ctx.params.keep or (2 * ctx.wanted if ctx.wanted else min(MOST, max(LEAST, ctx.rows // SHARE)))
    return min(asked, ctx.rows)


def _surveyed(ctx: Ctx) -> int:
    return 25_000


def _few(ctx: Ctx) -> int:
    """Rows that matter often stand together in a pool, so that items are small: else one worker has all of them."""
    return max(500, ctx.rows // 96)


# --- 1. survey ---


def _survey(shard: Shard, ctx: Ctx) -> Part:
    """The rough numbers of every row; the scores of those drawn by chance."""
    texts = shard[ctx.params.view]
    targets = overlap.table([text.encode() for text in ctx.target[ctx.params.view]])
    rough = np.zeros((len(shard), overlap.COLUMNS + 1), np.int32)
    for start in range(0, len(texts), STRETCH):
        held = [text.encode() for text in texts[start : start + STRETCH]]
        rough[start : start + len(held), 0] = [len(text) for text in held]
        rough[start : start + len(held), 1:] = overlap.overlaps(held, targets)
        if start % (250 * STRETCH) == 0:
            ctx.tick(0)
    drawn = chance(ctx.seed, shard.keys, "zipfit")
    mine = np.flatnonzero(drawn * max(ctx.rows, 1) < ctx.params.sample)
    part = _means(shard.only(mine), ctx)
    lot = (drawn * 2.0**32).astype(np.uint32)
    return {"at": shard.places, "rough": rough, "lot": lot, **part}


def _means(shard: Shard, ctx: Ctx) -> Part:
    """The scores, as without anchors, of all rows of the shard."""
    mean = np.zeros(len(shard))
    for at, _, found in Pairs(ctx, ctx.rows).of(shard, ctx):
        mean[at] = found.mean()
    return {"place": shard.places, "mean": mean}


def _first_cut(parts: Iterator[Part], ctx: Ctx) -> Value:
    """ "estimate" float32 and "lot" uint32 of every row by its place, "left" places, and the sample's scores."""
    held = list(parts)
    rough = np.zeros((ctx.rows, overlap.COLUMNS + 1), np.int32)
    lot = np.zeros(ctx.rows, np.uint32)
    for part in held:
        rough[part["at"]], lot[part["at"]] = part["rough"], part["lot"]
    place, mean = _joined(held)
    estimate, error = _rough_estimate(rough, place, mean)
    k, left = keep(ctx), np.arange(ctx.rows)
    gap = np.zeros(ctx.rows, np.float32)
    if math.isfinite(error) and 0 < k < ctx.rows:
        cut = _cut(estimate, k, error, ctx)
        left = np.flatnonzero(estimate >= cut)
        gap = _gap(estimate, cut, error)
    left = np.setdiff1d(left, place, assume_unique=True)
    return {"estimate": estimate.astype(np.float32), "gap": gap, "lot": lot, "left": left, "place": place, "mean": mean}


def _rough_estimate(rough: NDArray[np.int32], place: Places, mean: Floats) -> tuple[Floats, float]:
    """(estimate of every row, error) from the numbers of the survey, their squares and products."""
    # Stretches that are shared, and how often, as parts of all that there are; 20 holds down very short rows.
    columns = [np.log(rough[:, 0] + 20.0)]
    for at in range(1, overlap.COLUMNS + 1, 3):
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

    told = np.column_stack([np.ones(len(place)), *(term(which, place) for which in terms)])
    weights, error = _fitted(told, mean)
    estimate = np.full(len(rough), weights[0])
    for weight, which in zip(weights[1:], terms, strict=True):
        # Term by term, so that a row's sum never depends on its neighbours.
        estimate += weight * term(which, slice(None))
    return estimate, error


def _fitted(told: Floats, mean: Floats) -> tuple[Floats, float]:
    """Least squares: (weights, root mean square of the residuals, each row left out in turn)."""
    left, values, right = np.linalg.svd(told, full_matrices=False)
    held = values > 1e-9 * values[0]
    weights: Floats = (right[held].T / values[held]) @ (left[:, held].T @ mean)
    lever = np.minimum((left[:, held] ** 2).sum(axis=1), 0.95)
    return weights, float(np.sqrt(np.mean(((mean - told @ weights) / (1 - lever)) ** 2)))


def _cut(estimates: Floats, k: int, error: float, ctx: Ctx) -> float:
    """The estimate below which a row falls out."""
    return float(np.partition(estimates, len(estimates) - k)[len(estimates) - k] - 2 * ctx.params.margin * error)


def _gap(estimates: Floats, cut: float, error: float) -> NDArray[np.float32]:
    """How many errors the rows are below the cut."""
    return ((cut - estimates) / max(error, 1e-12)).astype(np.float32)


# --- 2. learn ---


def _sample(ctx: Ctx) -> Places:
    """Drawn by chance from what the survey left; none where all of it is finished anyhow."""
    left = ctx["survey"]["left"]
    if len(left) + len(ctx["survey"]["place"]) <= keep(ctx) or len(left) <= ctx.params.sample:
        return np.empty(0, np.int64)
    return _drawn(left, ctx["survey"]["lot"], ctx.params.sample)


def _drawn(places: Places, lot: NDArray[np.uint32], count: int) -> Places:
    """`count` of the places, those of the lowest lots; ascending."""
    return np.sort(places[np.argsort(lot[places], kind="stable")[:count]])


def _full(shard: Shard, ctx: Ctx) -> Part:
    """Of each row the alignment with each target, bytes and compressed size."""
    pairs = Pairs(ctx, ctx.rows)
    found = np.zeros((len(shard), len(ctx.target)))
    sizes = np.ones((len(shard), 2))
    mean = np.zeros(len(shard))
    for at, length, row in pairs.of(shard, ctx):
        found[at], sizes[at], mean[at] = row, (length, pairs.own), row.mean()
    return {"place": shard.places, "found": found, "sizes": sizes, "mean": mean}


def _learn(parts: Iterator[Part], ctx: Ctx) -> Value:
    """ "anchors" positions of targets, "weights" (of 1, log bytes, log compressed size, each anchor), "error"."""
    held = list(parts)
    place, mean = _joined(held)
    value = {
        "place": place,
        "mean": mean,
        "anchors": np.empty(0, np.int64),
        "weights": np.zeros(0),
        "error": np.zeros(1),
    }
    if len(place) < 3 + 2 * min(ctx.params.anchors, len(ctx.target)) or not len(ctx.target):
        return value
    order = np.argsort(np.concatenate([part["place"] for part in held]), kind="stable")
    found, sizes = (np.concatenate([part[name] for part in held])[order] for name in ("found", "sizes"))
    known = np.column_stack([np.ones(len(place)), np.log(sizes[:, 0] + 1), np.log(sizes[:, 1])])
    anchors = _anchors(known, found, mean, ctx.params.anchors)
    weights, error = _fitted(np.column_stack([known, found[:, anchors]]), mean)
    return {**value, "anchors": np.array(anchors, np.int64), "weights": weights, "error": np.array([error])}


def _anchors(known: Floats, found: Floats, mean: Floats, count: int) -> list[int]:
    """One after the other, the target that takes most of what is not yet explained."""
    basis, _ = np.linalg.qr(known)
    rest, open_columns = mean - basis @ (basis.T @ mean), found - basis @ (basis.T @ found)
    whole = np.maximum((found**2).sum(axis=0), 1e-30)
    chosen: list[int] = []
    for _ in range(min(count, found.shape[1])):
        power = (open_columns**2).sum(axis=0)
        usable = power > 1e-12 * whole  # the others are sums of what is there
        usable[chosen] = False
        if not usable.any():
            break
        gain = np.where(usable, (open_columns.T @ rest) ** 2 / np.where(usable, power, 1), -1)
        chosen.append(int(gain.argmax()))
        unit = open_columns[:, chosen[-1]] / math.sqrt(power[chosen[-1]])
        rest = rest - unit * (unit @ rest)
        open_columns = open_columns - np.outer(unit, unit @ open_columns)
    return chosen


# --- 3. foretell ---


def _left(ctx: Ctx) -> Places:
    """What the survey left and nobody has scored yet; none where nothing was learnt."""
    if not len(ctx["learn"]["weights"]):
        return np.empty(0, np.int64)
    return np.setdiff1d(ctx["survey"]["left"], ctx["learn"]["place"], assume_unique=True)


def _foretell(shard: Shard, ctx: Ctx) -> Part:
    """Estimates from the anchors."""
    base, of_bytes, of_size, *weights = ctx["learn"]["weights"].tolist()
    pairs = Pairs(ctx, ctx.rows, ctx["learn"]["anchors"].tolist())
    estimate = np.full(len(shard), base)
    for at, length, row in pairs.of(shard, ctx):
        total = base + of_bytes * math.log(length + 1) + of_size * math.log(pairs.own)
        for weight, found in zip(weights, row.tolist(), strict=True):
            total += weight * found
        estimate[at] = total
    return {"place": shard.places, "mean": estimate}


def _second_cut(parts: Iterator[Part], ctx: Ctx) -> Value:
    """ "rows" to finish, "estimate" of every row by its place, and the rows to audit."""
    place, foretold = _joined(list(parts))
    survey, learnt = ctx["survey"], ctx["learn"]
    estimate, gap = survey["estimate"].copy(), survey["gap"].copy()
    if len(place):
        known = np.concatenate([survey["mean"], learnt["mean"], foretold])
        error = float(learnt["error"][0])
        cut = _cut(known, min(keep(ctx), len(known)), error, ctx)
        rows, gap[place], estimate[place] = place[foretold >= cut], _gap(foretold, cut, error), foretold
    else:
        rows = np.setdiff1d(survey["left"], learnt["place"], assume_unique=True)
    open_rows = np.ones(ctx.rows, bool)
    for done in (survey["place"], learnt["place"], rows):
        open_rows[done] = False
    return {
        "rows": rows,
        "estimate": estimate,
        **audited(np.flatnonzero(open_rows), gap, survey["lot"], keep(ctx), ctx),
    }


# --- 4. finish, 5. score ---


def _best(ctx: Ctx) -> Places:
    found = ctx["foretell"]
    return np.unique(np.concatenate([found["rows"], found["near"], found["far"]]))


def _gather(parts: Iterator[Part], ctx: Ctx) -> Value:
    """All known scores by place, how far estimates are lowered to lie below them, and what the audit found."""
    place, mean = _joined([ctx["survey"], ctx["learn"], *parts])
    rows, estimate = ctx["foretell"]["rows"], ctx["foretell"]["estimate"].astype(np.float64)
    finished = mean[np.searchsorted(place, rows)]
    estimate[place] = -np.inf
    # Below the worst row that was finished, and in their own order.
    floor = np.float64(np.nextafter(np.float32(finished.min()), np.float32(-np.inf))) if len(finished) else np.inf
    above = max(0.0, float(estimate.max()) - float(floor)) if len(estimate) else 0.0
    return {
        "place": place, "mean": mean, "lower": np.array([above]), "floor": np.array([floor]),
        **findings(place, mean, keep(ctx), ctx["foretell"]),
    }  # fmt: skip


def _score(shard: Shard, ctx: Ctx) -> Part:
    found, places = ctx["finish"], shard.places
    at = np.minimum(np.searchsorted(found["place"], places), max(len(found["place"]) - 1, 0))
    known = found["place"][at] == places if len(found["place"]) else np.zeros(len(places), bool)
    guessed = np.minimum(ctx["foretell"]["estimate"][places] - found["lower"], found["floor"])
    scores = np.where(known, found["mean"][at], guessed) if len(found["place"]) else guessed
    return scored(shard, scores, exact=known)


def _joined(parts: Sequence[Part]) -> tuple[Places, Floats]:
    """("place", "mean") of the parts, by place."""
    place = np.concatenate([part["place"] for part in parts]) if parts else np.empty(0, np.int64)
    mean = np.concatenate([part["mean"] for part in parts]) if parts else np.empty(0)
    order = np.argsort(place, kind="stable")
    return place[order], mean[order]


def notes(ctx: Ctx) -> list[Note]:
    from selection.methods.zipfit_audit import told

    return told(ctx["finish"], ctx["foretell"], keep(ctx), ctx)
