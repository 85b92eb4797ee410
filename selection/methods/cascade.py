"""Cascade: a cheap method leaves some of the pool, a dear one ranks those, a sample tells what was missed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from selection.kernels.bounds import upper_share
from selection.methods.base import Ctx, Note, Part, Pass, Reason, Scores, Shard, Value, scored
from selection.methods.compose import Component, components, passes_of, with_vectors
from selection.methods.params import ParamsError, param

LEAST = 200  # rows for the second method, however few are asked for


@dataclass(frozen=True)
class CascadeParams:
    first: str = param(
        "classifier",
        label="First",
        help="A cheap method that looks at every row, as in bm25 or classifier:features=word.",
    )
    then: str = param(
        "embedding:encoder=minilm", label="Then", help="The dear method that ranks what the first one leaves."
    )
    factor: float = param(
        10.0, label="Rows left for each pick", ge=1, le=1000,
        help="10: for 1,000 picks the second method sees the 10,000 rows that the first puts first.",
    )  # fmt: skip
    audit: int = param(
        300, label="Rows looked at beside", ge=0, le=100_000, advanced=True,
        help="Drawn by chance among the rows left out; what the second method says of them bounds what was missed.",
    )  # fmt: skip


class Cascade:
    """The best factor × budget rows by the first method, ranked by the second; all others below them, by the first.

    Audit: of a random sample of the rows left out, the share that the second method would have put among the best
    `budget`, with the upper end of its 95 % interval (Clopper and Pearson 1934).
    """

    name: ClassVar[str] = "cascade"
    title: ClassVar[str] = "Cascade"
    summary: ClassVar[str] = "A cheap method first, a dear one on what it leaves. What was missed is bounded."
    exact: ClassVar[bool] = True
    memory: ClassVar[Literal["stream", "pool"]] = "pool"
    max_rows: ClassVar[int] = 20_000_000
    needs_target: ClassVar[bool] = True
    Params: ClassVar[type] = CascadeParams

    @property
    def version(self) -> str:
        """Changes with every method that may take part."""
        from selection.methods import METHODS

        return METHODS["fusion"].version

    def passes(self, params: CascadeParams) -> Sequence[Pass]:
        first, then = _both(params)
        keep = Pass("keep", _draw, _keep, title="Keep the best", reads=())
        return [
            *passes_of(first),
            keep,
            *passes_of(then, rows=_kept, about=_about),
            Pass("score", _score, title="Join", reads=()),
        ]

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        first, then = _both(ctx.params)
        dear = np.isfinite(ctx[then.prefix + "scores"]["score"][rows.places])
        found: list[list[Reason]] = [[] for _ in range(len(rows))]
        for one, mine in ((then, np.flatnonzero(dear)), (first, np.flatnonzero(~dear))):
            if len(mine):
                chosen = rows.only(mine)
                seen = with_vectors(one, chosen, ctx) if one is then else chosen
                for at, why in zip(mine.tolist(), one.method.reasons(seen, one.ctx(ctx)), strict=True):
                    found[at] = why
        return found

    def notes(self, ctx: Ctx, scores: Scores) -> list[Note]:
        _, then = _both(ctx.params)
        kept, drawn = ctx["keep"]["kept"], ctx["keep"]["drawn"]
        left_out = ctx.rows - len(kept)
        told = [Note("fact", f"{then.label} looked at {len(kept) + len(drawn):,} of {ctx.rows:,} rows.")]
        if not left_out or not len(drawn):
            return told
        score = ctx[then.prefix + "scores"]["score"]
        wanted = min(_wanted(ctx), len(kept))
        best = np.sort(score[kept][np.isfinite(score[kept])])[::-1]
        least = best[min(wanted, len(best)) - 1] if len(best) else np.inf
        hits = int((score[drawn] > least).sum())
        most = int(np.ceil(upper_share(hits, len(drawn)) * left_out))
        line = (
            f"Audit: of {len(drawn):,} rows left out, drawn by chance, {hits:,} would have been among the best {wanted:,}. "
            f"With 95 % confidence no more than {min(most, wanted):,} of those are missing."
        )
        return [*told, Note("warning" if hits else "fact", line + (" A higher factor misses less." if hits else ""))]

    def seconds(self, rows: int, targets: int, params: CascadeParams) -> float:
        first, then = _both(params)
        return first.method.seconds(rows, targets, first.params) + then.method.seconds(
            min(rows, max(LEAST, rows // 20)), targets, then.params
        )


def _both(params: CascadeParams) -> tuple[Component, Component]:
    found = []
    for field in ("first", "then"):
        told = components(getattr(params, field), field)
        if len(told) != 1:
            raise ParamsError(field, f"must name one method, not {len(told)}")
        found.append(told[0])
    first, then = found
    return first, Component(then.method, then.params, "then.", then.label)


def _wanted(ctx: Ctx) -> int:
    """Rows asked for; where nobody said, a two-hundredth of the pool."""
    return ctx.wanted or max(1, ctx.rows // 200)


def _about(ctx: Ctx) -> int:
    """Rows that the first method leaves."""
    return max(LEAST, int(np.ceil(ctx.params.factor * _wanted(ctx))))


def _draw(shard: Shard, ctx: Ctx) -> Part:
    """Every row's chance to be looked at beside; small, and the same on any cut."""
    from selection.kernels.chance import chance

    return {"place": shard.places, "chance": chance(ctx.seed, shard.keys, "audit")}


def _keep(parts: Iterator[Part], ctx: Ctx) -> Value:
    """ "kept": places of the best by the first method; "drawn": places of the others that are looked at beside."""
    held = list(parts)
    first, _ = _both(ctx.params)
    rank = ctx[first.prefix + "scores"]["rank"]
    most = _about(ctx)
    chosen = (rank >= 0) & (rank < most)
    place = np.concatenate([part["place"] for part in held]) if held else np.empty(0, np.int64)
    drawn = np.concatenate([part["chance"] for part in held]) if held else np.empty(0)
    others = ~chosen[place]
    place, drawn = place[others], drawn[others]
    sample = place[np.argsort(drawn, kind="stable")[: ctx.params.audit]]
    return {"kept": np.flatnonzero(chosen), "drawn": np.sort(sample)}


def _kept(ctx: Ctx) -> NDArray[np.int64]:
    return np.union1d(ctx["keep"]["kept"], ctx["keep"]["drawn"])


def _score(shard: Shard, ctx: Ctx) -> Part:
    """Rows that the second method saw by its scores; the others below the lowest of those, by the first one's rank."""
    first, then = _both(ctx.params)
    scores, rank = ctx[then.prefix + "scores"]["score"], ctx[first.prefix + "scores"]["rank"]
    finite = scores[np.isfinite(scores)]
    low = float(finite.min()) if len(finite) else 0.0
    mine, place = scores[shard.places].astype(np.float64), rank[shard.places]
    seen = np.isfinite(mine)
    below = low - 1 - (place + 1) / (ctx.rows + 1)
    out = np.where(seen, mine, np.where(place >= 0, below, np.nan))
    return scored(shard, out, exact=seen)
