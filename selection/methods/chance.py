"""Random rows: the control that every other method is to be held against."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from selection.kernels.chance import chance
from selection.methods.base import Ctx, Part, Pass, Reason, Shard, Value, scored
from selection.methods.params import param


@dataclass(frozen=True)
class RandomParams:
    balance: Literal["none", "source"] = param(
        "none", label="Balance",
        choices={"none": "Every row alike", "source": "Every source alike"},
        help="With every source alike, small sources are taken whole before large ones get more.",
    )  # fmt: skip


class Random:
    """Rows by chance; the chance of a row is a hash of seed and row key.

    Plain: the score is u, uniform in (0, 1). Balanced: a row of a source with n rows scores -(n u), which is
    minus its expected rank within its source, so every source gives about the same number of rows until it is
    exhausted.
    """

    name: ClassVar[str] = "random"
    title: ClassVar[str] = "Random"
    summary: ClassVar[str] = "Rows by chance, as a control: what does a method give that luck does not?"
    version: ClassVar[str] = "1"
    exact: ClassVar[bool] = True
    memory: ClassVar[Literal["stream", "pool"]] = "stream"
    needs_target: ClassVar[bool] = False
    Params: ClassVar[type] = RandomParams

    def passes(self, params: RandomParams) -> Sequence[Pass]:
        draw = Pass("score", _draw, title="Draw rows", reads=(), rows_per_item=_many)
        if params.balance == "none":
            return [draw]
        count = Pass("sources", _count, _add, title="Count sources", reads=("sources",), rows_per_item=_many)
        return [count, draw._replace(map=_draw_balanced, reads=("sources",))]

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        return [[Reason("chance", "Drawn by chance.")] for _ in range(len(rows))]

    def seconds(self, rows: int, targets: int, params: RandomParams) -> float:
        return rows * 4e-6 * len(self.passes(params))


def _many(ctx: Ctx) -> int:
    return 500_000


def _draw(shard: Shard, ctx: Ctx) -> Part:
    return scored(shard, chance(ctx.seed, shard.keys))


def _count(shard: Shard, ctx: Ctx) -> Part:
    names, counts = np.unique(_encoded(shard.sources), return_counts=True)
    return {"source": names, "rows": counts.astype(np.int64)}


def _add(parts: Iterator[Part], ctx: Ctx) -> Value:
    total: dict[bytes, int] = {}
    for part in parts:
        for name, rows in zip(part["source"].tolist(), part["rows"].tolist(), strict=True):
            total[name] = total.get(name, 0) + rows
    names = sorted(total)
    return {
        "source": np.array(names, "S") if names else np.empty(0, "S1"),
        "rows": np.array([total[n] for n in names], np.int64),
    }


def _draw_balanced(shard: Shard, ctx: Ctx) -> Part:
    value = ctx["sources"]
    place = np.searchsorted(value["source"], _encoded(shard.sources))
    scores: Any = -(chance(ctx.seed, shard.keys) * value["rows"][place])
    return scored(shard, scores)


def _encoded(sources: Sequence[str]) -> np.ndarray[Any, np.dtype[np.bytes_]]:
    return np.array([source.encode() for source in sources], "S") if len(sources) else np.empty(0, "S1")
