"""What the steps of a run read: its method with parameters, its target, its shards, the values of earlier passes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from django.db.models.functions import Now
from numpy.typing import NDArray

from config.faults import Fault
from curation.content import Mapping as Columns
from curation.content import columns as view_of
from curation.content.model import root
from jobs import queries as jobs
from jobs.models import Job, Worker
from selection import methods, store, test_sets
from selection import models as rows
from selection.methods.base import (
    EMPTY_TARGET,
    WHOLE,
    Ctx,
    Item,
    Method,
    Part,
    Pass,
    Target,
    Value,
    items,
    kept,
    no_tick,
    whole,
)
from selection.methods.budget import tokens
from selection.running import earlier, features, reuse

USUAL_CHARS = 500


class Values(Mapping[str, Value]):
    """The reduced values of earlier passes, and `made` ones, each loaded when it is first asked for."""

    def __init__(self, paths: Mapping[str, str], made: Mapping[str, Callable[[], Value]]) -> None:
        self._paths, self._made = paths, made

    def __getitem__(self, name: str) -> Value:
        return self._made[name]() if name in self._made else part(self._paths[name])

    def __iter__(self) -> Iterator[str]:
        return iter([*self._paths, *self._made])

    def __len__(self) -> int:
        return len(self._paths) + len(self._made)


@lru_cache(maxsize=4)  # parts are named by their content, so what was loaded stays true
def part(path: str) -> Value:
    return methods.load(store.load_part(path))


def parts(paths: Sequence[str]) -> list[Part]:
    """Parts that are read once; they would only push the values of earlier passes out of the cache."""
    return [methods.load(store.load_part(path)) for path in paths]


@dataclass(frozen=True)
class Inputs:
    """A run as its steps see it. Everything here follows from the run's row, so every worker sees the same."""

    run: rows.Run

    @classmethod
    def of(cls, job: Job) -> "Inputs":
        return cls(rows.Run.objects.select_related("pool", "target", "fit").get(pk=job.params["run"]))

    @cached_property
    def method(self) -> Method:
        """Raises `Fault` run.other_version where this worker would give other picks than the run promises."""
        try:
            found = methods.METHODS[self.run.method]
        except KeyError:
            raise Fault("run.no_method", method=self.run.method) from None
        if found.version != self.run.method_version:
            raise Fault("run.other_version", method=found.title, mine=found.version, wanted=self.run.method_version)
        return found

    @cached_property
    def params(self) -> Any:
        return methods.parse_params(self.method.Params, self.run.params)

    @cached_property
    def options(self) -> methods.Options:
        return methods.parse_params(methods.Options, self.run.options)

    @cached_property
    def tests(self) -> list[str]:
        """Texts of the rows that must not be picked."""
        return test_sets.texts(test_sets.of_run(self.run))

    @cached_property
    def passes(self) -> list[Pass]:
        return list(self.method.passes(self.params))

    @cached_property
    def frozen(self) -> dict[str, str]:
        """Values of passes that are those of an earlier run: {pass: path}."""
        known = reuse.FITS.get(self.run.method, ())
        fits = self.run.fit.fits if self.run.fit is not None else {}
        return {name: path for name, path in fits.items() if name in known}

    @cached_property
    def stages(self) -> list[tuple[str, int]]:
        """The passes of the job: (stage, number of the method's pass)."""
        made = []
        for number, one in enumerate(self.passes):
            if one.name in self.frozen:
                continue
            made.append(("map", number))
            if one.reduce is not None:
                made.append(("reduce", number))
        return [*made, ("choose", 0), ("collect", 0)]

    def title(self, index: int) -> str:
        """What a person reads over a pass of the job."""
        stage, number = self.stages[index]
        one = self.passes[number]
        name = one.title or one.name
        return {"map": name, "reduce": f"{name}: sum up", "choose": "Choose", "collect": "Collect reasons"}[stage]

    @cached_property
    def target(self) -> Target:
        if self.run.target_id is None:
            return EMPTY_TARGET
        found = list(rows.TargetRow.objects.filter(target_id=self.run.target_id))
        return Target(
            tuple(row.key for row in found), tuple(row.unpacked() for row in found), tuple(row.group for row in found)
        )

    @cached_property
    def shards(self) -> list[rows.Shard]:
        """The pinned shards in order. Raises `Fault` run.shard_gone."""
        found = rows.Shard.objects.in_bulk([pinned["id"] for pinned in self.run.shards])
        if any(one["id"] not in found or found[one["id"]].sha256 != one["sha256"] for one in self.run.shards):
            raise Fault("run.shard_gone", pool=self.run.pool.name)
        return [found[pinned["id"]] for pinned in self.run.shards]

    @property
    def length_factor(self) -> float:
        """How much longer the pool's rows are than the 500 characters for which methods state their pieces; at least 1."""
        return factor_of(self.shards)

    def paths(self, job: Job, before: int) -> dict[str, str]:
        """Where the values of the passes before pass `before` lie, by name."""
        return {
            one.name: self.frozen.get(one.name) or jobs.results(job, reduce_name(one))[0]["path"]
            for one in self.passes[:before] if one.reduce
        }  # fmt: skip

    def ctx(self, job: Job, before: int, tick: Callable[[int], None] = no_tick) -> Ctx:
        """What a map or reduce of pass `before` may know: the values of the passes before it."""
        paths = self.paths(job, before)
        made = {"runs": lambda: earlier.picks(self.run)} if earlier.needs_runs(self.run.method) else {}
        return Ctx(self.params, self.target, self.run.seed, self.run.rows, Values(paths, made), tick, self.wanted)

    @cached_property
    def wanted(self) -> int:
        """About how many rows are asked for; a budget of tokens is divided by those of a usual row."""
        budget = methods.Budget.parse(self.run.budget)
        rows = budget.rows(self.run.rows)
        return rows if rows is not None else max(1, min(self.run.rows, int(budget.amount) // tokens(USUAL_CHARS)))

    def items(self, number: int, ctx: Ctx) -> list[Item]:
        one = self.passes[number]
        if one.over is not None:
            return list(one.over(ctx))
        if one.whole:
            return whole(ctx.rows)
        if one.keeps is not None:
            return features.missing(self.shards, kept(one, ctx))
        if reuse.keepable(self, one):
            rows_of = one.rows_per_item(ctx)
            return reuse.cut(self.shards, [max(1, round(rows_of / factor_of([shard]))) for shard in self.shards])
        # No core idles over a pool that the method would leave in one piece; how it is cut changes no score.
        pieces = min(2 * slots(one.queue), int(self.method.seconds(ctx.rows, len(ctx.target), ctx.params)))
        wanted = max(1, round(one.rows_per_item(ctx) / self.length_factor))
        most = min(wanted, -(-ctx.rows // max(pieces, 1)) or 1)
        cut = items([shard.rows for shard in self.shards], most)
        rows = one.rows(ctx) if one.rows else None
        return cut if rows is None else [item for item in cut if len(self._within(item, rows))]

    def rows(self, number: int, item: Item, ctx: Ctx) -> methods.Shard:
        """The rows of an item as pass `number` sees them."""
        one = self.passes[number]
        if item.shard == WHOLE:
            seen = methods.Shard(item.rows, WholePool(self.shards).load)
        else:
            held = ShardRows(self.shards[item.shard], item.start, item.stop)
            seen = methods.Shard(item.rows, held.load, item.start, offset=self.offset(item.shard))
        rows = one.rows(ctx) if one.rows else None
        return seen if rows is None else seen.only(self._within(item, rows) - (seen.offset + item.start))

    def offset(self, shard: int) -> int:
        """Rows of the run before this shard; 0 for the whole pool."""
        return 0 if shard == WHOLE else sum(pinned["rows"] for pinned in self.run.shards[:shard])

    def _within(self, item: Item, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        begin = self.offset(item.shard) + item.start
        low, high = np.searchsorted(rows, [begin, begin + item.rows])
        return rows[low:high]

    def score_parts(self, job: Job) -> list[dict[str, Any]]:
        """path and shard of each score column, in item order."""
        return jobs.results(job, self.passes[-1].name)


def factor_of(shards: Sequence[rows.Shard]) -> float:
    """How much longer these rows are than the usual ones; at least 1."""
    chars = sum(shard.stats.get("chars", 0) for shard in shards)
    return max(1.0, chars / max(sum(shard.rows for shard in shards), 1) / USUAL_CHARS)


def slots(queue: str) -> int:
    """Steps of this queue that run at once, by what the workers said of late; at least one."""
    alive = Worker.objects.filter(seen_at__gt=Now() - timedelta(minutes=2), queues__contains=queue)
    return max(1, sum(alive.values_list("slots", flat=True)))


def has_gpu() -> bool:
    """Whether a worker that is alive said that it has one."""
    return Worker.objects.filter(seen_at__gt=Now() - timedelta(minutes=2), gpu=True).exists()


def reduce_name(one: Pass) -> str:
    return f"{one.name}.sum"


class ShardRows:
    """One shard (or a range of it): its own columns at once, rendered views when asked for."""

    def __init__(self, shard: rows.Shard, start: int = 0, stop: int | None = None) -> None:
        self.shard, self.start = shard, start
        self.stop = shard.rows if stop is None else stop
        self.mapping = Columns.from_dict(shard.mapping)

    def __len__(self) -> int:
        return self.stop - self.start

    def load(self, name: str) -> Any:
        """What `methods.Shard` asks for: keys, sources, a view, or a feature set."""
        if name == "keys":
            return self.column(store.KEY).to_pylist()
        if name == "sources":
            return self.column(store.SOURCE).to_pylist()
        if name.startswith(features.PREFIX):
            return features.of_shard(self.shard, name.removeprefix(features.PREFIX), self.start, self.stop)
        return view_of(self.content, self.mapping, name)

    def column(self, name: str) -> pa.ChunkedArray:
        return store.rows(self.shard, self.start, self.stop, [name]).column(0)

    @cached_property
    def content(self) -> pa.Table:
        """Only the columns that the mapping names."""
        with store.open_shard(self.shard) as file:
            there = [name for name in file.schema_arrow.names if name not in store.OWN]
        wanted = {root(path, there) for path in self.mapping.to_dict().values()}
        return store.rows(self.shard, self.start, self.stop, [name for name in there if name in wanted])

    def chars(self) -> NDArray[np.int32]:
        return self.column(store.CHARS).to_numpy().astype(np.int32)

    def sources(self) -> tuple[NDArray[np.int32], list[str]]:
        """Codes and names."""
        coded = self.column(store.SOURCE).combine_chunks().fill_null("").dictionary_encode()
        if isinstance(coded, pa.ChunkedArray):
            coded = coded.combine_chunks()
        return coded.indices.to_numpy().astype(np.int32), coded.dictionary.to_pylist()


@dataclass(frozen=True)
class WholePool:
    """All shards one after the other."""

    shards: Sequence[rows.Shard]

    def load(self, name: str) -> Any:
        if name.startswith(features.PREFIX):
            return features.of_pool(self.shards, name.removeprefix(features.PREFIX))
        return [value for shard in self.shards if shard.rows for value in ShardRows(shard).load(name)]


def take(shard: rows.Shard, places: NDArray[np.int64]) -> pa.Table:
    """The rows at these positions, in that order; each row group that holds one is read once."""
    if not len(places):
        return store.rows(shard, 0, 0)
    order = np.argsort(places, kind="stable")
    ascending = places[order]
    groups = ascending // store.ROW_GROUP
    tables = []
    for group in np.unique(groups):
        start = int(group) * store.ROW_GROUP
        within = ascending[groups == group] - start
        tables.append(store.rows(shard, start, start + store.ROW_GROUP).take(pa.array(within)))
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return pa.concat_tables(tables).take(pa.array(back))
