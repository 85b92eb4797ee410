"""From features to one order: likeness to prototypes or targets, exact or between bounds, and targets in turn."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from selection.kernels import search, sparse, truncated
from selection.kernels.sparse import Rows
from selection.methods import aims, features, mona_size, turns
from selection.methods.base import Ctx, Part, Shard, Value, as_bytes, scored
from selection.methods.mona_read import even, layer_of, muted_of, read, read_hidden

DIGITS = 5  # of a score: what is beyond hangs on how rows were batched
SPARE = 20  # rows beyond those asked for whose order is exact too, and a tenth of them
BLOCK = 1_000


class Sides(NamedTuple):
    """`table` float32[width, C]: what rows are held against; `who`: the columns of each side that has a score."""

    table: NDArray[np.float32]
    who: list[NDArray[np.int64]]


def target_rows(ctx: Ctx) -> Rows:
    """The targets' features, without those that are muted."""
    return Rows.of(ctx["target"]).without(muted_of(ctx.params))


def sides(ctx: Ctx) -> Sides:
    """prototype: the mean of the targets, or of each group; max: every target; both have one score, the best.

    round_robin: every target, and a score for each of those that take turns.
    """
    count = len(ctx.target)
    if ctx.params.codes == "hidden":
        made = np.ascontiguousarray(ctx["target"]["vectors"].T)
    else:
        made = sparse.table(target_rows(ctx), int(ctx["target"]["latents"][0]))
    if ctx.params.aggregation == "round_robin":
        return Sides(made, aims.turn_taking(ctx))
    if ctx.params.aggregation == "prototype" and count:
        made = np.stack([made[:, group].mean(axis=1, dtype=np.float64) for group in aims.groups(ctx)], axis=1)
    return Sides(np.ascontiguousarray(made, np.float32), [np.arange(made.shape[1])])


def best(found: NDArray[np.float32], side: Sides) -> NDArray[np.float32]:
    """float32[n, S] of float32[n, C]: of each side its best column."""
    return np.stack([found[:, at].max(axis=1, initial=0) for at in side.who], axis=1)


def read_scores(shard: Shard, ctx: Ctx, side: Sides) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """(likeness float32[rows, S], features int32[rows]) of rows that are read now; nothing is kept of them."""
    texts = shard[ctx.params.view]
    if ctx.params.codes == "hidden":
        vectors, found = read_hidden(texts, ctx, layer_of(ctx), shard.keys), np.zeros((len(shard), len(side.table.T)))
        for block, products in search.products(vectors, np.ascontiguousarray(side.table.T)):
            found[block] = products.T
        return rounded(best(found.astype(np.float32), side)), np.zeros(len(shard), np.int32)
    rows = read(texts, ctx, layer_of(ctx), shard.keys).without(muted_of(ctx.params))
    how = sparse.jaccard if ctx.params.measure == "jaccard" else sparse.cosine
    return rounded(best(how(rows, side.table), side)), mona_size.counts(rows, even(ctx.params.entries))


def rounded(scores: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    return np.asarray(np.round(scores, DIGITS), np.float32)


# --- what is kept ---


def stored(shard: Shard, ctx: Ctx) -> NDArray[np.uint8]:
    """The kept features of some rows, as `truncated.unpack` reads them."""
    found = shard.array(features.column(ctx.params))
    return found if len(found) else np.empty((0, truncated.row_bytes(2)), np.uint8)


def bounds(shard: Shard, ctx: Ctx, side: Sides) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(low, high) float32[rows, S] of kept features. A best of several lies between the bests of their bounds."""
    low, high = truncated.bounds(stored(shard, ctx), side.table, _quiet(ctx, side))
    return best(low, side), best(high, side)


def _quiet(ctx: Ctx, side: Sides) -> NDArray[np.bool_]:
    """bool[width]: the features that are muted."""
    made = np.zeros(len(side.table), np.bool_)
    made[muted_of(ctx.params)] = True
    return made


def _measured(matrix: NDArray[np.uint8], quiet: NDArray[np.bool_]) -> tuple[NDArray[np.int32], float]:
    """(features that fire int32[n], sum over the rows of what is not stored) of kept features, a block at a time."""
    counts, dropped = [np.empty(0, np.int32)], 0.0
    for start in range(0, len(matrix), BLOCK):
        held = truncated.unpack(matrix[start : start + BLOCK])
        counts.append(mona_size.stored_counts(held, quiet))
        dropped += truncated.dropped(held) * len(counts[-1])
    return np.concatenate(counts), dropped


def bound(shard: Shard, ctx: Ctx) -> Part:
    """Bounds of every row and how many of its features fire; where targets take turns, of rows that one may name."""
    side = sides(ctx)
    low, high = bounds(shard, ctx, side)
    ctx.tick(len(shard))
    count, dropped = _measured(stored(shard, ctx), _quiet(ctx, side))
    part: Part = {
        "dropped": np.array([dropped]), "rows": np.array([len(shard)]),
        "width": np.array([(high - low).max(axis=1).sum(dtype=np.float64)]),
    }  # fmt: skip
    if len(side.who) == 1:
        return part | {"place": shard.places, "low": low[:, 0], "high": high[:, 0], "count": count}
    found, depth = [], _depth(ctx, len(side.who))
    for at in range(len(side.who)):
        floor = _largest(low[:, at], depth)
        mine = np.flatnonzero(high[:, at] >= floor)
        found.append((np.full(len(mine), at, np.uint32), shard.places[mine], low[mine, at], high[mine, at]))
    return part | dict(
        zip(("side", "place", "low", "high"), map(np.concatenate, zip(*found, strict=True)), strict=True)
    )


def middle(low: NDArray[np.float32], high: NDArray[np.float32]) -> NDArray[np.float32]:
    """The score of a row that only its bounds tell, to as many digits as those that are read."""
    return rounded((low.astype(np.float64) + high) / 2)


def near_cut(parts: Iterator[Part], ctx: Ctx) -> Value:
    """ "again": places, ascending, of the rows whose bounds do not say whether they are among those asked for.

    With one side that is every row that may stand on either side of a cut between the rows asked for and a tenth
    more. Where targets take turns, every row that one of them may name.
    """
    held = list(parts)
    made: Value = {
        "dropped": np.array([sum(float(part["dropped"][0]) for part in held)]),
        "width": np.array([sum(float(part["width"][0]) for part in held)]),
        "rows": np.array([sum(int(part["rows"][0]) for part in held)]),
    }
    many = 1 if ctx.params.aggregation != "round_robin" else len(aims.turn_taking(ctx))
    if many == 1:
        return made | _near_one(held, ctx)
    again = [np.empty(0, np.int64)]
    side, place, low, high = _joined(held, "side", "place", "low", "high")
    for at in range(many):
        mine = np.flatnonzero(side == at)
        may = (high[mine] >= _largest(low[mine], _depth(ctx, many))) & (high[mine] > low[mine])
        again.append(place[mine[may]])
    return made | {"again": np.unique(np.concatenate(again)).astype(np.int64)}


def _joined(held: list[Part], *names: str) -> list[NDArray[Any]]:
    """Each array of all parts; of none, one without a row."""
    return [np.concatenate([part[name] for part in held]) if held else np.empty(0, np.int32) for name in names]


def _near_one(held: list[Part], ctx: Ctx) -> Value:
    """With one side: "mid" float32 and "count" int32 of every row by its place, what was learned of sizes, "again"."""
    place, low, high, count = _joined(held, "place", "low", "high", "count")
    made = mona_size.learned(count, middle(low, high)) if mona_size.corrects(ctx.params) else mona_size.NOTHING
    usual = mona_size.average(made, count)
    low, high = low - usual, high - usual
    may = (high >= _largest(low, _depth(ctx, 1))) & (high > low) & (low <= _largest(high, wanted(ctx) + 1))
    mid, counts = np.full(ctx.rows, np.nan, np.float32), np.zeros(ctx.rows, np.int32)
    mid[place], counts[place] = middle(low, high), count
    return {**made, "again": np.sort(place[may]), "mid": mid, "count": counts}


def wanted(ctx: Ctx) -> int:
    """Rows asked for; where nobody said, a two-hundredth of the pool."""
    return ctx.wanted or max(1, ctx.rows // 200)


def _depth(ctx: Ctx, many: int) -> int:
    """Rows of a side that may be named: with a tenth to spare, and twice its share where sides take turns."""
    count = wanted(ctx)
    if many > 1:
        count = min(count, 2 * -(-count // many))
    return count + SPARE + count // 10


def _largest(numbers: NDArray[Any], at: int) -> float:
    """The `at`-th largest, from 1; minus infinity where there are fewer."""
    return float(np.partition(numbers, len(numbers) - at)[len(numbers) - at]) if len(numbers) >= at else -np.inf


def again(shard: Shard, ctx: Ctx) -> Part:
    """Exact scores of the rows near the cut."""
    scores, _ = read_scores(shard, ctx, sides(ctx))
    if mona_size.corrects(ctx.params):
        told = ctx["bounds"]
        scores = rounded(scores - mona_size.average(told, told["count"][shard.places])[:, None])
    return {"place": shard.places, "score": scores}


def gather(parts: Iterator[Part], ctx: Ctx) -> Value:
    held = list(parts)
    many = 1 if ctx.params.aggregation != "round_robin" else len(aims.turn_taking(ctx))
    if not held:
        return {"place": np.empty(0, np.int64), "score": np.empty((0, many), np.float32)}
    place = np.concatenate([part["place"] for part in held])
    order = np.argsort(place)
    return {"place": place[order], "score": np.concatenate([part["score"] for part in held])[order]}


def corrected(scores: NDArray[np.float32], shard: Shard, ctx: Ctx) -> NDArray[np.bool_]:
    """Put in the exact scores of the rows that were read again; which rows those are."""
    exact, places = ctx["again"], shard.places
    there = np.isin(places, exact["place"])
    scores[there] = exact["score"][np.searchsorted(exact["place"], places[there])]
    return there


# --- columns ---


def score_read(shard: Shard, ctx: Ctx) -> Part:
    """The score column of rows that are read now."""
    return scored(shard, read_scores(shard, ctx, sides(ctx))[0][:, 0])


def read_likeness(shard: Shard, ctx: Ctx) -> Part:
    """Likeness and size of rows that are read now; the score needs those of all rows."""
    scores, count = read_scores(shard, ctx, sides(ctx))
    return {"place": shard.places, "likeness": scores[:, 0], "count": count}


def above_size(parts: Iterator[Part], ctx: Ctx) -> Value:
    """ "score" float32 of every row by its place: what it has above others of its size; NaN for rows not read."""
    out = np.full(ctx.rows, np.nan, np.float32)
    place, likeness, count = _joined(list(parts), "place", "likeness", "count")
    made = mona_size.learned(count, likeness)
    out[place] = rounded(likeness - mona_size.average(made, count))
    return {**made, "score": out}


def score_above(shard: Shard, ctx: Ctx) -> Part:
    return scored(shard, ctx["read"]["score"][shard.places])


def score_kept(shard: Shard, ctx: Ctx) -> Part:
    """Rows near the cut exactly, all others by the middle of their bounds."""
    scores: NDArray[np.float32] = ctx["bounds"]["mid"][shard.places][:, None]
    exact = corrected(scores, shard, ctx)
    return scored(shard, scores[:, 0], exact=exact)


def list_rows(shard: Shard, ctx: Ctx) -> Part:
    """The best rows of each that takes turns, and of every row its best score."""
    side, keys = sides(ctx), as_bytes(shard.keys)
    if ctx.params.kept:
        low, high = bounds(shard, ctx, side)
        scores = middle(low, high)
        exact = corrected(scores, shard, ctx)
    else:
        scores, exact = read_scores(shard, ctx, side)[0], np.ones(len(shard), bool)
    held = turns.Lists(len(side.who), turns.depth(ctx, len(side.who)))
    for start in range(0, len(shard), BLOCK):
        here = slice(start, start + BLOCK)
        held.offer(np.ascontiguousarray(scores[here].T), keys[here])
        ctx.tick(min(start + BLOCK, len(shard)))
    return held.part() | {"place": shard.places, "best": scores.max(axis=1, initial=0), "exact": exact}


def take_turns(parts: Iterator[Part], ctx: Ctx) -> Value:
    """The order of `turns.places`, and "best" float32 and "exact" bool of every row by its place."""
    who = len(aims.turn_taking(ctx))
    best_of, exact = np.full(ctx.rows, np.nan, np.float32), np.zeros(ctx.rows, bool)

    def noted() -> Iterator[Part]:
        for part in parts:
            best_of[part["place"]], exact[part["place"]] = part["best"], part["exact"]
            yield part

    order = turns.places(turns.merge(noted(), who, turns.depth(ctx, who)), who, ctx.params.duplicates)
    return {**order, "best": best_of, "exact": exact}


def score_turns(shard: Shard, ctx: Ctx) -> Part:
    """1 / (1 + place) for rows on a list; below them all others, by their best target."""
    found = ctx["lists"]
    scores = found["best"][shard.places].astype(np.float64) - 3
    there, place = turns.listed(found, as_bytes(shard.keys))
    scores[there] = 1 / (1 + place)
    return scored(shard, scores, exact=found["exact"][shard.places])
