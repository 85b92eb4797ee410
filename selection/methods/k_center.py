"""k-centre: rows as far apart as can be. Sener and Savarese 2018, "Active Learning for CNNs: A Core-Set Approach"."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from selection.kernels.coverage import first_row, k_center
from selection.methods import features, pooled
from selection.methods.base import Ctx, Part, Pass, Reason, Shard
from selection.methods.params import param


@dataclass(frozen=True)
class KCenterParams:
    start: Literal["target", "middle"] = param(
        "target", label="Begin with", choices={"target": "The row nearest to the target", "middle": "The most typical row"},
        help="Without a target, the most typical row of the pool.",
    )  # fmt: skip
    encoder: Literal["static", "minilm", "other"] = features.encoder_param()
    model: str = features.model_param()
    view: Literal["text", "prompt"] = param(
        "text", label="Compare", choices={"text": "Whole rows", "prompt": "Prompts only"},
    )  # fmt: skip
    most: int = pooled.most_param()


class KCenter:
    """Each pick is the row farthest from all picks before it: argmax over x of min over picks s of d(x, s)."""

    name: ClassVar[str] = "k_center"
    title: ClassVar[str] = "k-centre"
    summary: ClassVar[str] = "Rows that cover the whole pool: each is the farthest from those picked before."
    version: ClassVar[str] = "1"
    exact: ClassVar[bool] = True
    memory: ClassVar[Literal["stream", "pool"]] = "pool"
    max_rows: ClassVar[int | None] = pooled.MOST
    needs_target: ClassVar[bool] = False
    Params: ClassVar[type] = KCenterParams

    def passes(self, params: KCenterParams) -> Sequence[Pass]:
        return pooled.passes(params, _choose, "Find the farthest rows", aimed=params.start == "target")

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        apart = ctx.values.get("choose", {}).get("distance")
        found = []
        for at in pooled.told(rows.keys, ctx):
            if apart is None or at < 0:
                text = "Put in order by how far it is from the rows before."
            elif apart[at] < 0:
                aimed = ctx.params.start == "target" and len(ctx.target)
                text = "The first pick: nearest to the target." if aimed else "The first pick: the most typical row."
            elif apart[at] == 0:
                text = "Equal to a row that was picked before; nothing else was left."
            else:
                text = f"Farthest from what was picked before: distance {apart[at]:.2f}."
            found.append([Reason("far", text)])
        return found

    def seconds(self, rows: int, targets: int, params: KCenterParams) -> float:
        return features.seconds(params, rows) + min(rows, params.most) * rows * 5e-8 + rows * 1e-5


def _choose(shard: Shard, ctx: Ctx) -> Part:
    pool = pooled.Pool.of(shard, ctx, "k_center")
    near = pooled.targets(ctx) if ctx.params.start == "target" and len(ctx.target) else None
    start = first_row(pool.points, near) if len(shard) else 0
    found = k_center(pool.points, pooled.most(ctx), start=start, tick=ctx.tick)
    return pool.chosen(found.order, distance=found.distance)
