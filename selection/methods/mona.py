"""MONA: rows whose sparse features in a language model are those of the target.

"Monosemantic neuronal activations" (arXiv 2503.15573, §2.3-2.4, App. E): the mean over tokens of the TopK activations of
a sparse autoencoder, compared by generalised Jaccard with the mean of the targets.
"""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from selection.kernels import sparse, truncated
from selection.kernels.sparse import Rows
from selection.methods import features, lm, mona_score, mona_size
from selection.methods.base import VECTORS, WHOLE, Ctx, Item, Note, Part, Pass, Reason, Scores, Shard, Value, pass_on
from selection.methods.mona_read import MonaParams, cut, encode, layer_of, muted_of, read, read_hidden, target

SHOWN = 12  # features of a reason
MUCH = 0.05  # of a row's activation that is not kept: more asks for more entries


class Mona:
    """z(x) = mean over tokens of TopK activations, the first token left out; p = mean of z over the targets.

    likeness(x) = sum min(z, p) / sum max(z, p), and the score is what it has above the average of rows in which as many
    features fire (`mona_size`), unless `size` is "published". With groups the best of their prototypes; max: the best target;
    round_robin: each target (or group) names its best row in turn. Features are kept at a fixed width with bounds, and
    rows near the cut are read again; or one pass scores all targets at once and keeps nothing.
    """

    name: ClassVar[str] = "mona"
    title: ClassVar[str] = "MONA"
    summary: ClassVar[str] = "Rows that make the same features of a language model fire as the target does."
    version: ClassVar[str] = "2"
    exact: ClassVar[bool] = True
    memory: ClassVar[Literal["stream", "pool"]] = "stream"
    needs_target: ClassVar[bool] = True
    Params: ClassVar[type] = MonaParams

    def passes(self, params: MonaParams) -> Sequence[Pass]:
        view = (params.view,)
        first = Pass(
            "target", target, pass_on, title="Read the target", unit="targets", queue="gpu", reads=(), over=_nowhere
        )
        measured = Pass("cut", cut, _sum, title="Measure rows", reads=view)
        turns = params.aggregation == "round_robin"
        lists = Pass("lists", mona_score.list_rows, mona_score.take_turns, title="Best rows of each target")
        last = Pass("score", mona_score.score_turns, title="Score rows", reads=(), rows_per_item=_many)
        if not params.kept:
            if turns:
                return [first, measured, lists._replace(queue="gpu", reads=view, rows_per_item=_few), last]
            read_now = Pass(
                "score", mona_score.score_read, title="Score rows", queue="gpu", reads=view, rows_per_item=_few
            )
            if not mona_size.corrects(params):
                return [first, measured, read_now]
            likeness = read_now._replace(name="read", map=mona_score.read_likeness, reduce=mona_score.above_size)
            return [first, measured, likeness._replace(title="Read rows"), last._replace(map=mona_score.score_above)]
        kept = [
            first,
            Pass("encode", encode, title="Read rows", queue="gpu", reads=view, keeps=features.name),
            measured,
            Pass(
                "bounds", mona_score.bound, mona_score.near_cut, title="Bound scores", reads=(VECTORS,),
                rows_per_item=_many,
            ),
            Pass(
                "again", mona_score.again, mona_score.gather, title="Read rows near the cut", queue="gpu", reads=view,
                rows=_near, rows_per_item=_many,
            ),
        ]  # fmt: skip
        if turns:
            return [*kept, lists._replace(reads=(VECTORS,), rows_per_item=_many), last]
        return [*kept, last._replace(map=mona_score.score_kept)]

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        if not len(rows):
            return []
        side = mona_score.sides(ctx)
        if ctx.params.codes == "hidden":
            vectors = read_hidden(rows[ctx.params.view], ctx, layer_of(ctx))
            return [[_near_hidden(vector, side.table, ctx)] for vector in vectors]
        if ctx.params.kept:
            found = truncated.sparse(truncated.unpack(mona_score.stored(rows, ctx)))
        else:
            found = read(rows[ctx.params.view], ctx, layer_of(ctx))
        found = found.without(muted_of(ctx.params))
        alike = sparse.jaccard(found, side.table) if side.table.shape[1] else np.zeros((len(found), 1), np.float32)
        usual = mona_size.usual(found, ctx)
        return [_why(found, at, alike[at], side.table, ctx, usual[at]) for at in range(len(found))]

    def notes(self, ctx: Ctx, scores: Scores) -> list[Note]:
        made = ctx["target"]
        found = lm.cut_note(int(ctx["cut"]["rows"][0]), ctx)
        if ctx.params.codes == "sae":
            line = f"The autoencoder was measured at layer {int(made['layer'][0])}: {float(made['fvu'][0]):.0%} of the "
            found.append(Note("fact", line + "variance there is left unexplained."))
        if ctx.params.muted:
            count = len(muted_of(ctx.params))
            were = "1 feature was" if count == 1 else f"{count} features were"
            found.append(Note("fact", f"{were} left out on both sides."))
        if mona_size.corrects(ctx.params) and ctx.rows:
            found.append(Note("fact", mona_size.line(ctx)))
        return [*found, *_bounded(ctx)] if ctx.params.kept and ctx.rows else found

    def seconds(self, rows: int, targets: int, params: MonaParams) -> float:
        return rows * (lm.SECONDS * 0.8 + 1e-6 * targets)


def _bounded(ctx: Ctx) -> list[Note]:
    """What the kept features lack, and what was done about it."""
    told = ctx["bounds"]
    rows = max(1, int(told["rows"][0]))
    dropped, width = float(told["dropped"][0]) / rows, float(told["width"][0]) / rows
    count, wanted = len(told["again"]), mona_score.wanted(ctx)
    line = (
        f"Of each row its {ctx.params.entries:,} largest features are kept, which leave out {dropped:.1%} of its "
        f"activation: scores are known to ±{width / 2:.4f} on average. {count:,} rows near the cut were read again in "
        f"full, so the first {wanted:,} are those that whole features would give."
    )
    if len(told["curve"]) and count:
        line += " What is usual for a size is told by the kept features."
    if dropped > MUCH:
        return [Note("warning", line + " Keep more features of a row, and fewer must be read again.")]
    return [Note("fact", line)]


def _why(  # noqa: PLR0917
    rows: Rows, at: int, alike: NDArray[np.float32], aims: NDArray[np.float32], ctx: Ctx, usual: float | None
) -> list[Reason]:
    here = slice(rows.start[at], rows.start[at + 1])
    index, value = rows.index[here], rows.value[here]
    which = int(alike.argmax())
    other = aims[index, which] if aims.shape[1] else np.zeros(len(index), np.float32)
    both = np.minimum(value, other)
    order = np.lexsort((index, -both))[:SHOWN]
    order = order[both[order] > 0]
    parts = [
        [int(index[n]), round(float(value[n]), 5), round(float(other[n]), 5), round(float(both[n]), 5)] for n in order
    ]
    near: dict[str, Any] = {}
    if ctx.params.aggregation != "prototype" and aims.shape[1]:
        near = {"target": which, "key": ctx.target.keys[which], "score": round(float(alike[which]), 4)}
    if not parts:
        return [Reason("features", "Shares no feature with the target.", {"features": []})]
    total = float(both.sum(dtype=np.float64))
    share = float(both[order].sum(dtype=np.float64)) / total
    names = ", ".join(str(part[0]) for part in parts[:5])
    whom = f"target {which + 1}" if near else "the target"
    line = f"Shares with {whom} above all the features {names}; those shown make up {share:.0%} of what is shared."
    if usual is not None:
        above = float(alike[which]) - usual
        than = f"{above:.3f} more" if above >= 0 else f"{-above:.3f} less"
        line += f" Rows of its size have a likeness of {usual:.3f} on average; it has {than}."
    told = [Reason("features", line, {"features": parts, "shared": round(total, 5)})]
    return [*told, Reason("near", f"Nearest to target {which + 1}, {alike[which]:.2f}.", near)] if near else told


def _near_hidden(vector: NDArray[np.float32], aims: NDArray[np.float32], ctx: Ctx) -> Reason:
    if not aims.shape[1]:
        return Reason("near", "There is no target.")
    size = np.linalg.norm(aims, axis=0) * np.linalg.norm(vector)
    found = np.divide(vector @ aims, size, out=np.zeros(len(size), np.float32), where=size > 0)
    which = int(found.argmax())
    if ctx.params.aggregation == "prototype":
        return Reason("near", f"Cosine {found[which]:.2f} with the mean of the target's hidden states.")
    data = {"target": which, "key": ctx.target.keys[which], "score": round(float(found[which]), 4)}
    return Reason("near", f"Nearest to target {which + 1}, cosine {found[which]:.2f}.", data)


def _near(ctx: Ctx) -> NDArray[np.int64]:
    found: NDArray[np.int64] = ctx["bounds"]["again"]
    return found


def _sum(parts: Iterator[Part], ctx: Ctx) -> Value:
    return {"rows": np.array([sum(int(part["rows"][0]) for part in parts)], np.int64)}


def _nowhere(ctx: Ctx) -> list[Item]:
    """One item without a row: what is read comes from `ctx`."""
    return [Item(0, WHOLE, 0, 0)]


def _few(ctx: Ctx) -> int:
    return 512


def _many(ctx: Ctx) -> int:
    return 200_000
