"""TSDS: rows drawn near the targets, with near-duplicates sharing one row's chance.

Liu, Karbasi and Rekatsinas 2024, "TSDS: Data Selection for Task-Specific Model Finetuning", arXiv 2410.11303.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from selection.kernels.lattice import cosines, nearest
from selection.kernels.transport import sample, smallest, spread
from selection.methods import features, pooled
from selection.methods.base import Ctx, Note, Part, Pass, Reason, Scores, Shard
from selection.methods.params import param


@dataclass(frozen=True)
class TsdsParams:
    alpha: float = param(
        0.5, label="Nearness against spread", ge=0.0, le=1.0,
        help="1: only the row nearest to each target. 0: all neighbours of each target alike.",
    )  # fmt: skip
    sigma: float = param(
        0.75, label="Width of a crowd", ge=0.0, le=1.4,
        help="Distance up to which rows count as a crowd, whose members share their chance. 0: no crowds.",
    )  # fmt: skip
    scale: float = param(
        5.0, label="Scale of distances", ge=0.01, le=1000.0, advanced=True, help="C of the paper: larger spreads more.",
    )  # fmt: skip
    neighbours: int = param(5_000, label="Neighbours of a target, at most", ge=1, le=20_000, advanced=True)
    crowd: int = param(
        1_000, label="Rows of a crowd, at most", ge=1, le=20_000, advanced=True,
        help="The density of a row counts this many nearest rows.",
    )  # fmt: skip
    encoder: Literal["static", "minilm", "other"] = features.encoder_param()
    model: str = features.model_param()
    view: Literal["text", "prompt"] = param(
        "text", label="Compare", choices={"text": "Whole rows", "prompt": "Prompts only"},
    )  # fmt: skip
    most: int = pooled.most_param()


class Tsds:
    """Each target spreads 1/M over its nearest rows, each taking at most 1/(M s rho); picks are drawn by that mass.

    Without replacement: the largest log(mass) + Gumbel noise first. Rows without mass come after all rows with mass,
    nearest to any target first.
    """

    name: ClassVar[str] = "tsds"
    title: ClassVar[str] = "TSDS"
    summary: ClassVar[str] = (
        "Rows drawn from the targets' surroundings, so that near-duplicates share one row's chance."
    )
    version: ClassVar[str] = "1"
    exact: ClassVar[bool] = True
    memory: ClassVar[Literal["stream", "pool"]] = "pool"
    max_rows: ClassVar[int | None] = pooled.MOST
    needs_target: ClassVar[bool] = True
    Params: ClassVar[type] = TsdsParams

    def passes(self, params: TsdsParams) -> Sequence[Pass]:
        return pooled.passes(params, _choose, "Spread the targets over the pool")

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        value, found = ctx.values.get("choose", {}), []
        for at in pooled.told(rows.keys, ctx):
            if at < 0:
                found.append([Reason("drawn", "Near no target.")])
                continue
            target, mass, near = int(value["target"][at]), float(value["mass"][at]), float(value["cosine"][at])
            data = {"target": target, "key": ctx.target.keys[target], "score": round(near, 4)}
            if mass > 0:
                text = f"Drawn near target {target + 1}, with {mass:.2%} of the chance; cosine {near:.2f}."
            else:
                text = f"Nearest of the rows that no target reached: target {target + 1}, cosine {near:.2f}."
            found.append([Reason("near", text, data)])
        return found

    def notes(self, ctx: Ctx, scores: Scores) -> list[Note]:
        facts = ctx.values.get("choose", {}).get("facts")
        if facts is None:
            return []
        having, enough, reach = int(facts[0]), bool(facts[1]), int(facts[2])
        notes = [Note("fact", f"The targets spread over {having:,} rows. Picks beyond them are the next nearest rows.")]
        if ctx.wanted > having:
            notes = [
                Note(
                    "warning",
                    f"The targets spread over {having:,} rows, fewer than the budget; the picks beyond them are the next "
                    "nearest rows, not drawn. A lower alpha or a larger scale spreads more.",
                )
            ]
        if not enough and reach < ctx.rows:
            notes.append(
                Note(
                    "warning",
                    f"A target has come to all of its {reach:,} neighbours; alpha asks for more. Raise the neighbours.",
                )
            )
        return notes

    def seconds(self, rows: int, targets: int, params: TsdsParams) -> float:
        reached = min(rows, 200 * max(1, targets))
        return features.seconds(params, rows) + rows * (1e-5 + reached * 1e-8 + targets * 3e-8)


def _choose(shard: Shard, ctx: Ctx) -> Part:
    pool, most = pooled.Pool.of(shard, ctx, "tsds"), pooled.most(ctx)
    if not len(shard) or not len(ctx.target):
        return pool.chosen(np.empty(0, np.int64))
    given, aims = ctx.params, pooled.targets(ctx)
    found = spread(
        pool.points, aims, alpha=given.alpha, scale=given.scale, sigma=given.sigma, most=given.neighbours,
        crowd=given.crowd, tick=ctx.tick,
    )  # fmt: skip
    drawn = sample(found.mass, pool.chance, most)
    target, cosine = nearest(pool.points, aims)
    rest = smallest(np.where(found.mass > 0, np.inf, -cosine), min(len(shard), most))
    order = np.concatenate([drawn, rest[found.mass[rest] == 0]])[:most]
    # The target that gives most, which need not be the nearest.
    giver = np.where(found.target >= 0, found.target, target)[order]
    facts = np.array([np.count_nonzero(found.mass), found.plan.enough, found.near.place.shape[1]])
    told = {"target": giver, "mass": found.mass[order], "cosine": cosines(pool.points[order], aims[giver])}
    return pool.chosen(order, **told) | {"facts": facts}
