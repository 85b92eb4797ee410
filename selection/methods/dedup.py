"""The pool thinned: of rows that are nearly the same one stays, over the whole pool and not only among the picks.

MinHash signatures of word 3-grams (Broder 1997), compared where they meet in a band (locality-sensitive hashing), joined
into clusters as in Lee and others 2022, "Deduplicating Training Data Makes Language Models Better".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from selection.kernels.chance import chance
from selection.kernels.minhash import SIZE, clusters, signatures
from selection.methods.base import Ctx, Note, Part, Pass, Reason, Scores, Shard, Value, as_bytes, score_column
from selection.methods.params import param


@dataclass(frozen=True)
class DedupParams:
    threshold: float = param(
        0.8, label="Near duplicates from", ge=0.3, le=0.99,
        help="Jaccard similarity of word 3-grams from which two rows count as one.",
    )  # fmt: skip
    view: Literal["text", "prompt", "response"] = param(
        "text", label="Compare",
        choices={"text": "Whole rows", "prompt": "Prompts only", "response": "Answers only"},
    )  # fmt: skip


class Dedup:
    """One row of each cluster of near duplicates, the first by key; the rows that are left come by chance.

    A cluster: rows joined by pairs whose estimated similarity is at least `threshold`. Rows that are dropped have no
    score, so a budget beyond the thinned pool is not filled up with them.
    """

    name: ClassVar[str] = "dedup"
    title: ClassVar[str] = "Thinned"
    summary: ClassVar[str] = "One row of each group of near duplicates in the whole pool, drawn by chance."
    version: ClassVar[str] = "1"
    exact: ClassVar[bool] = True
    memory: ClassVar[Literal["stream", "pool"]] = "pool"
    max_rows: ClassVar[int] = 5_000_000
    needs_target: ClassVar[bool] = False
    Params: ClassVar[type] = DedupParams

    def passes(self, params: DedupParams) -> Sequence[Pass]:
        return [
            Pass("sign", _sign, _thin, title="Sign rows", reads=(params.view,), rows_per_item=_rows_per_item),
            Pass("score", _draw, title="Draw rows", reads=(), rows_per_item=_many),
        ]

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        value = ctx["sign"]
        names = as_bytes(rows.keys)
        found = []
        for name in names.tolist():
            at = int(np.searchsorted(value["first"], name))
            stands = at < len(value["first"]) and value["first"][at] == name
            held = int(value["size"][at]) - 1 if stands else 0
            near = f"Stands for {held:,} near duplicate{'s' if held > 1 else ''}." if held else "Nothing like it."
            found.append([Reason("chance", f"{near} Drawn by chance.")])
        return found

    def notes(self, ctx: Ctx, scores: Scores) -> list[Note]:
        value = ctx["sign"]
        dropped, groups = len(value["dropped"]), len(value["first"])
        if not dropped:
            return [Note("fact", f"No two rows are as alike as {ctx.params.threshold:g}; none was dropped.")]
        share = dropped / max(1, dropped + scores.count)
        stay = "1 that stays" if groups == 1 else f"{groups:,} that stay"
        said = f"{dropped:,} rows ({share:.1%}) were dropped as near duplicates of {stay}."
        found = [Note("fact", said)]
        largest = int(value["size"].max())
        if largest > 100 and largest > 0.05 * (dropped + scores.count):
            found.append(
                Note(
                    "warning",
                    f"One group holds {largest:,} rows: rows of one template may have been taken for copies. "
                    "A higher threshold keeps more of them.",
                )
            )
        return found

    def seconds(self, rows: int, targets: int, params: DedupParams) -> float:
        return rows * 40e-6


def _rows_per_item(ctx: Ctx) -> int:
    return 50_000


def _many(ctx: Ctx) -> int:
    return 500_000


def _sign(shard: Shard, ctx: Ctx) -> Part:
    """Rows that say something in this view, with their signatures; an answer that is not there has no duplicate."""
    texts = shard[ctx.params.view]
    said = np.array([at for at, text in enumerate(texts) if not text.isspace() and text], np.int64)
    found = signatures([texts[at] for at in said.tolist()], ctx.seed, ctx.tick)
    return {"signed": found, "key": as_bytes([shard.keys[at] for at in said.tolist()]), "place": shard.places[said]}


def _thin(parts: Iterator[Part], ctx: Ctx) -> Value:
    """ "dropped": places of the rows that go, ascending. "first", "size": rows that stand for others, by key."""
    signed = np.empty((ctx.rows, SIZE), np.uint32)  # 512 bytes a row: the only thing of its size
    keys, places, rows = [], [], 0
    for part in parts:
        signed[rows : rows + len(part["key"])] = part["signed"]
        rows += len(part["key"])
        keys.append(part["key"])
        places.append(part["place"])
    if not rows:
        return {"dropped": np.empty(0, np.int64), "first": np.empty(0, "S1"), "size": np.empty(0, np.int64)}
    names, held = np.concatenate(keys), np.concatenate(places)
    order = np.argsort(names, kind="stable")
    first = clusters(signed, order, ctx.params.threshold, lambda: ctx.tick(0))
    sizes = np.bincount(first, minlength=rows)
    stands = np.flatnonzero(sizes > 1)
    dropped = np.sort(held[order[first != np.arange(rows)]])
    return {"dropped": dropped, "first": names[order[stands]], "size": sizes[stands].astype(np.int64)}


def _draw(shard: Shard, ctx: Ctx) -> Part:
    dropped, places = ctx["sign"]["dropped"], shard.places
    at = np.minimum(np.searchsorted(dropped, places), max(len(dropped) - 1, 0))
    stays = np.flatnonzero(dropped[at] != places) if len(dropped) else np.arange(len(places))
    keys: list[str] = [shard.keys[row] for row in stays.tolist()]
    scores: Any = chance(ctx.seed, keys)
    return score_column(keys, scores, start=0, rows=places[stays] - shard.offset)
