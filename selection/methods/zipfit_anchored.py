"""ZIP-FIT without compressing every row with every target: only rows that may be among the best are finished.

What a row shares with one target says much about what it shares with the others, so that the mean can be foretold:

1. survey   Of every row, what it has in common with the targets is counted roughly (`kernels.overlap`); a sample is
            scored in full and teaches how these numbers foretell the score. Rows far from the best fall out.
2. learn    A second sample, of the rows that are left, is scored in full. Targets are ordered: first the one whose
            alignments foretell the mean best, then the one that adds most to it, and so on.
3. foretell The rows that are left are compared with the first few of them, the anchors, some and then the others.
            Rows clearly worse than the k-th best fall out.
4. finish   So it goes on for the rest, with four times as many anchors and then with all targets.
5. audit    A sample of the rows that fell out is scored in full.
6. score    Scores where they are known; below them the estimates.

A row falls out when its estimate is more than 2 × margin × error below the k-th best, error = root mean square of
the residuals with each row of the sample left out in turn.
"""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from selection.kernels import overlap
from selection.kernels.chance import chance
from selection.methods.base import Ctx, Note, Part, Pass, Shard, Value, scored
from selection.methods.zipfit_audit import drawn, findings, lowest, told
from selection.methods.zipfit_fit import Places, Race, gaps, nth, rough_estimate, stages
from selection.methods.zipfit_pairs import Beat, Pairs

if TYPE_CHECKING:
    from selection.methods.zipfit import ZipFitParams

LEAST, SHARE, MOST = 2_000, 20, 20_000  # rows to rank in full where nobody said how many are wanted
STRETCH = 250  # rows that a survey reads at once: keeps the joined bytes small


def passes(params: "ZipFitParams") -> Sequence[Pass]:
    reads = (params.view,)
    near = Pass("", _means, reads=reads, rows_per_item=_few)
    return [
        Pass("survey", _survey, _first_cut, title="Survey rows", reads=reads, rows_per_item=_many),
        near._replace(name="learn", map=_full, reduce=_learn, title="Learn from a sample", rows=_sample),
        near._replace(name="foretell", map=_foretell, reduce=_second_cut, title="Foretell scores", rows=_left),
        near._replace(name="finish", map=_finish, reduce=_third_cut, title="Finish the best rows", rows=_best),
        near._replace(name="audit", reduce=_gather, title="Audit rows left out", rows=_audited),
        Pass("score", _score, title="Join scores", reads=()),
    ]


def seconds(rows: int, targets: int, params: "ZipFitParams", pair: float) -> float:
    """About 12 microseconds a row for the survey, and the pairs."""
    kept = params.keep or min(MOST, max(LEAST, rows // SHARE))
    full = min(rows, 2 * kept + 2 * params.sample + 2 * params.audit)
    return rows * 12e-6 + pair * (min(rows, 15 * kept) * (params.anchors / 2 + 2) + full * (targets + 1))


def notes(ctx: Ctx) -> list[Note]:
    return told(ctx["audit"], ctx["finish"], keep(ctx), ctx)


def keep(ctx: Ctx) -> int:
    """How many of the best rows must come out right."""
    asked = ctx.params.keep or min(MOST, max(LEAST, ctx.rows // SHARE))
    if ctx.wanted and not ctx.params.keep:
        asked = max(2 * ctx.wanted, min(4 * ctx.wanted, MOST))
    return min(asked, ctx.rows)


def _many(ctx: Ctx) -> int:
    return 25_000


def _few(ctx: Ctx) -> int:
    """Rows that matter often stand together in a pool, so that items are small: else one worker has all of them."""
    return max(500, ctx.rows // 96)


# --- 1. survey ---


def _survey(shard: Shard, ctx: Ctx) -> Part:
    """The rough numbers of every row ("at"); the scores ("mean") of those drawn by chance ("place")."""
    texts = shard[ctx.params.view]
    targets = overlap.table([text.encode() for text in ctx.target[ctx.params.view]])
    rough = np.zeros((len(shard), overlap.COLUMNS + 1), np.int32)
    for start in range(0, len(texts), STRETCH):
        held = [text.encode() for text in texts[start : start + STRETCH]]
        rough[start : start + len(held), 0] = [len(text) for text in held]
        rough[start : start + len(held), 1:] = overlap.overlaps(held, targets)
        if start % (50 * STRETCH) == 0:
            ctx.tick(0)
    lots = chance(ctx.seed, shard.keys, "zipfit")
    mine = np.flatnonzero(lots * max(ctx.rows, 1) < ctx.params.sample)
    lot = (lots * 2.0**32).astype(np.uint32)
    return {"at": shard.places, "rough": rough, "lot": lot, **_means(shard.only(mine), ctx)}


def _means(shard: Shard, ctx: Ctx) -> Part:
    """The scores, as without anchors, of all rows of the shard."""
    mean = np.zeros(len(shard))
    for at, _, found in Pairs(ctx, ctx.rows).of(shard, ctx):
        mean[at] = found.mean()
    return {"place": shard.places, "mean": mean}


def _first_cut(parts: Iterator[Part], ctx: Ctx) -> Value:
    """"estimate", "gap" (float32) and "lot" (uint32) of every row by its place, the places that are "left", the k-th
    best estimate ("least"), and the scores of the sample.
    """  # fmt: skip
    held = list(parts)
    rough = np.zeros((ctx.rows, overlap.COLUMNS + 1), np.int32)
    lot = np.zeros(ctx.rows, np.uint32)
    for part in held:
        rough[part["at"]], lot[part["at"]] = part["rough"], part["lot"]
    place, mean = _joined(held)
    estimate, error = rough_estimate(rough, place, mean)
    k, least, gap = keep(ctx), -math.inf, np.zeros(ctx.rows, np.float32)
    if math.isfinite(error) and 0 < k < ctx.rows:
        least = nth(estimate, k)
        gap = gaps(estimate, least, error, ctx.params.margin)
    left = np.setdiff1d(np.flatnonzero(gap <= 0), place, assume_unique=True)
    return {
        "estimate": estimate.astype(np.float32), "gap": gap, "lot": lot, "left": left, "least": np.array([least]),
        "place": place, "mean": mean,
    }  # fmt: skip


# --- 2. learn ---


def _sample(ctx: Ctx) -> Places:
    """Drawn by chance from what the survey left; none where all of it is finished anyhow."""
    left = ctx["survey"]["left"]
    if len(left) + len(ctx["survey"]["place"]) <= keep(ctx) or len(left) <= ctx.params.sample:
        return np.empty(0, np.int64)
    return lowest(left, ctx["survey"]["lot"], ctx.params.sample)


def _full(shard: Shard, ctx: Ctx) -> Part:
    """Of each row the alignment with each target, bytes and compressed size."""
    pairs = Pairs(ctx, ctx.rows)
    found, sizes, mean = np.zeros((len(shard), len(ctx.target))), np.ones((len(shard), 2)), np.zeros(len(shard))
    for at, length, row in pairs.of(shard, ctx):
        found[at], sizes[at], mean[at] = row, (length, pairs.own), row.mean()
    return {"place": shard.places, "mean": mean, "found": found, "sizes": sizes}


def _learn(parts: Iterator[Part], ctx: Ctx) -> Value:
    """`stages`, with the scores of the sample and about the k-th best score ("least")."""
    held = list(parts)
    place, mean = _joined(held)
    value = {"place": place, "mean": mean, "counts": np.empty(0, np.int64)}
    if not held:
        return value
    found, sizes = _joined(held, "found")[1], _joined(held, "sizes")[1]
    # Of the sample as many are better as of all the rows that it was drawn from.
    better = max(1, round(keep(ctx) * len(mean) / len(ctx["survey"]["left"])))
    least = min(float(ctx["survey"]["least"][0]), nth(mean, min(better, len(mean))))
    return {**value, **stages(found, sizes, mean, ctx.params.anchors), "least": np.array([least])}


# --- 3. foretell, 4. finish ---


def _left(ctx: Ctx) -> Places:
    """What the survey left and nobody has scored yet; none where nothing was learnt."""
    if not len(ctx["learn"]["counts"]):
        return np.empty(0, np.int64)
    return np.setdiff1d(ctx["survey"]["left"], ctx["learn"]["place"], assume_unique=True)


def _foretell(shard: Shard, ctx: Ctx) -> Part:
    """ "mean" is an estimate, "gap" how many errors it is below the cut: above 0 for rows that fell out on the way."""
    learnt = ctx["learn"]
    race = Race(ctx, learnt, _race(ctx, first=True), float(learnt["least"][0]))
    estimate, gap, beat = np.zeros(len(shard)), np.zeros(len(shard), np.float32), Beat(ctx)
    for at, text in enumerate(shard[ctx.params.view]):
        row = text.encode()
        estimate[at], gap[at], met = race.run(row)
        beat.done(at + 1, len(row), len(met))
    return {"place": shard.places, "mean": estimate, "gap": gap}


def _race(ctx: Ctx, *, first: bool) -> list[int]:
    """The stages with the anchors, or those that come after them."""
    return [at for at, count in enumerate(ctx["learn"]["counts"]) if (count <= ctx.params.anchors) == first]


def _second_cut(parts: Iterator[Part], ctx: Ctx) -> Value:
    """ "rows" to finish; of the rows foretold "place", estimate ("mean") and "gap"; "least": the k-th best of them."""
    held = list(parts)
    survey, learnt = ctx["survey"], ctx["learn"]
    place, foretold = _joined(held)
    if not held:
        rows = np.setdiff1d(survey["left"], learnt["place"], assume_unique=True)
        return {"rows": rows, "place": place, "mean": foretold, "gap": np.empty(0), "least": np.array([-np.inf])}
    gap = _joined(held, "gap")[1]
    known = np.concatenate([survey["mean"], learnt["mean"], foretold[gap <= 0]])
    least = nth(known, min(keep(ctx), len(known)))
    error = float(learnt["errors"][_race(ctx, first=True)[-1]])
    gap = np.where(gap <= 0, gaps(foretold, least, error, ctx.params.margin), gap)
    return {"rows": place[gap <= 0], "place": place, "mean": foretold, "gap": gap, "least": np.array([least])}


def _best(ctx: Ctx) -> Places:
    rows: Places = ctx["foretell"]["rows"]
    return rows


def _finish(shard: Shard, ctx: Ctx) -> Part:
    """As `_foretell`; where "gap" is not above 0, "mean" is the score."""
    which = _race(ctx, first=False)
    if not which:
        return {**_means(shard, ctx), "gap": np.zeros(len(shard), np.float32)}
    race = Race(ctx, ctx["learn"], which, float(ctx["foretell"]["least"][0]))
    others = sorted(set(range(len(ctx.target))) - set(race.anchors[: race.met]))
    rest, order = Pairs(ctx, ctx.rows, others), np.array([*race.anchors[: race.met], *others])
    mean, gap, beat = np.zeros(len(shard)), np.zeros(len(shard), np.float32), Beat(ctx)
    found = np.zeros(len(order))
    for at, text in enumerate(shard[ctx.params.view]):
        row = text.encode()
        mean[at], gap[at], met = race.run(row)
        if gap[at] <= 0:
            # In the order of the targets, so that the sum has the same bits as without anchors.
            found[order] = [*met, *rest.alignments(row).tolist()]
            mean[at] = found.mean()
        beat.done(at + 1, len(row), len(order) if gap[at] <= 0 else len(met))
    return {"place": shard.places, "mean": mean, "gap": gap}


def _third_cut(parts: Iterator[Part], ctx: Ctx) -> Value:
    """The scores of the finished rows, "estimate" of every row by its place, and which rows to audit."""
    held = list(parts)
    survey, foretold = ctx["survey"], ctx["foretell"]
    place, mean = _joined(held)
    below = _joined(held, "gap")[1] if held else np.empty(0)
    estimate, gap = survey["estimate"].copy(), survey["gap"].copy()
    for at, value, under in ((foretold["place"], foretold["mean"], foretold["gap"]), (place, mean, below)):
        estimate[at], gap[at] = value, under
    scored_now = below <= 0
    out = np.ones(ctx.rows, bool)
    for done in (survey["place"], ctx["learn"]["place"], place[scored_now]):
        out[done] = False
    return {
        "place": place[scored_now], "mean": mean[scored_now], "estimate": estimate,
        **drawn(np.flatnonzero(out), gap, survey["lot"], keep(ctx), ctx.params.audit),
    }  # fmt: skip


# --- 5. audit, 6. score ---


def _audited(ctx: Ctx) -> Places:
    return np.union1d(ctx["finish"]["near"], ctx["finish"]["far"])


def _gather(parts: Iterator[Part], ctx: Ctx) -> Value:
    """All known scores by place, how far estimates are lowered to lie below them, and what the audit found."""
    finish = ctx["finish"]
    place, mean = _joined([ctx["survey"], ctx["learn"], finish, *parts])
    open_estimates = finish["estimate"].astype(np.float64)
    open_estimates[place] = -np.inf
    # Below the worst row that was finished, and in their own order.
    floor = np.nextafter(np.float32(finish["mean"].min()), np.float32(-np.inf)) if len(finish["mean"]) else np.inf
    lower = max(0.0, float(open_estimates.max(initial=-np.inf)) - float(floor))
    return {
        "place": place, "mean": mean, "lower": np.array([lower]), "floor": np.array([floor], np.float64),
        "hits": findings(place, mean, keep(ctx), finish),
    }  # fmt: skip


def _score(shard: Shard, ctx: Ctx) -> Part:
    found, places = ctx["audit"], shard.places
    scores = np.minimum(ctx["finish"]["estimate"][places].astype(np.float64) - found["lower"], found["floor"])
    known = np.zeros(len(places), bool)
    if len(found["place"]):
        at = np.minimum(np.searchsorted(found["place"], places), len(found["place"]) - 1)
        known = found["place"][at] == places
        scores[known] = found["mean"][at[known]]
    return scored(shard, scores, exact=known)


def _joined(parts: Sequence[Part], name: str = "mean") -> tuple[Places, NDArray[np.float64]]:
    """("place", another column) of the parts, by place."""
    if not parts:
        return np.empty(0, np.int64), np.empty(0)
    place = np.concatenate([part["place"] for part in parts])
    order = np.argsort(place, kind="stable")
    return place[order], np.concatenate([part[name] for part in parts])[order]
