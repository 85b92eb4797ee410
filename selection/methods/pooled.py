"""What the methods share that see the whole pool at once as vectors: its rows by key, and reading a chooser's order."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from selection.kernels.chance import chance
from selection.kernels.lattice import Lattice, lattice
from selection.methods import features
from selection.methods.base import Ctx, Part, Pass, Shard, as_bytes, ordered_column, pass_on
from selection.methods.params import param

MOST = 500_000  # rows of a pool: their vectors are held in memory, 1 kB a row for 256 dimensions


class Pool(NamedTuple):
    """Every row of the pool, sorted by key, so that nothing depends on the order of rows or the cut of the pool.

    `points` lattice float32[N, d], `keys` bytes[N], `places` int64[N] of each in the pool, `chance` float64[N].
    """

    points: Lattice
    keys: NDArray[np.bytes_]
    places: NDArray[np.int64]
    chance: NDArray[np.float64]

    @classmethod
    def of(cls, shard: Shard, ctx: Ctx, purpose: str) -> "Pool":
        keys = as_bytes(shard.keys)
        order = np.argsort(keys, kind="stable")
        points = lattice(features.vectors(shard, ctx.params), order)
        drawn = chance(ctx.seed, shard.keys, purpose)[order]
        return cls(points, keys[order], shard.places[order], drawn)

    def chosen(self, order: NDArray[np.int64], **told: NDArray[Any]) -> Part:
        """What the whole pass hands on: "order", places of the rows in order, and for the reasons "key", ascending,
        with the arrays `told` (one value a row of `order`), in the order of "key".
        """
        by_key = np.argsort(order, kind="stable")
        named = {name: array[by_key] for name, array in told.items()}
        return {"order": self.places[order], "key": self.keys[order[by_key]], **named}


def targets(ctx: Ctx) -> Lattice:
    """The targets' vectors on the lattice; none where the run has no target."""
    return lattice(features.target_vectors(ctx))


def most_param() -> Any:
    return param(
        10_000, label="Rows in order, at least", ge=1, le=MOST, advanced=True,
        help="More than the budget, as options may pass rows over. The budget counts where it is larger.",
    )  # fmt: skip


def most(ctx: Ctx) -> int:
    """How many rows to put in order."""
    return max(int(ctx.params.most), ctx.wanted)


def passes(params: Any, choose: Callable[[Shard, Ctx], Part], title: str, *, aimed: bool = True) -> list[Pass]:
    """Encode the pool (and the target, when `aimed`), see it whole, hand on the order."""
    made = [features.encode_pass(params), *([features.target_pass(params)] if aimed else [])]
    seen = Pass("choose", choose, pass_on, title=title, reads=(features.column(params),), whole=True)
    return [*made, seen, Pass("order", _order, title="Put in order", reads=(), rows_per_item=_many)]


def _order(shard: Shard, ctx: Ctx) -> Part:
    return ordered_column(shard, ctx["choose"]["order"])


def _many(ctx: Ctx) -> int:
    return 200_000


def told(keys: Sequence[str], ctx: Ctx) -> list[int]:
    """For each key its position in the arrays that `Pool.chosen` handed on; -1 for one that is not there."""
    held = ctx.values.get("choose", {}).get("key", np.empty(0, "S1"))
    wanted = as_bytes(keys)
    if not len(held) or not len(wanted):
        return [-1] * len(wanted)
    at = np.minimum(np.searchsorted(held, wanted), len(held) - 1)
    return [int(place) if there else -1 for place, there in zip(at, held[at] == wanted, strict=True)]
