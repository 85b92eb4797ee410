"""Methods without servers: over rows in memory, in this process or a few of them."""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation.content import Content, ContentError, guess, key_of, read, read_id, read_source, render
from curation.content import Mapping as Columns
from selection.methods import METHODS
from selection.methods.base import (
    EMPTY_TARGET,
    FEATURE_ROWS,
    VECTORS,
    WHOLE,
    Ctx,
    Item,
    Method,
    Part,
    Pass,
    Pick,
    Shard,
    Target,
    items,
    no_tick,
    whole,
)
from selection.methods.base import kept as kept_name
from selection.methods.budget import Budget
from selection.methods.choose import Chosen, Options, Place, Row, choose
from selection.methods.params import ParamsError, parse_params

WORTH_PROCESSES = 3.0  # seconds of work from which starting processes pays
Open = Callable[[Item], Shard]
Rows = Iterable[Mapping[str, Any]]


class Table:
    """Rows in memory as a pool of one shard: keys, contents, sources."""

    def __init__(self, rows: Rows, mapping: Columns | None = None) -> None:
        """Raises `ContentError` naming the first row that cannot be read."""
        held = list(rows)
        self.mapping = mapping or (guess(list(held[0]), held[:20]).mapping if held else Columns())
        self.contents: list[Content] = []
        self.keys: list[str] = []
        self.sources: list[str] = []
        taken: set[str] = set()
        following: dict[str, int] = {}
        for place, row in enumerate(held):
            try:
                self.contents.append(read(row, self.mapping))
                key = _id(row, self.mapping) or str(place)
                self.sources.append(read_source(row, self.mapping))
            except ContentError as error:
                raise ContentError(f"row {place}: {error.field}", error.why) from None
            # As in an imported pool: a repeated key gets ~2, ~3 in order, past those that rows have of their own.
            name = key
            while name in taken:
                number = following.get(key, 2)
                name, following[key] = f"{key}~{number}", number + 1
            taken.add(name)
            self.keys.append(name)

    def __len__(self) -> int:
        return len(self.keys)

    def shard(self, places: Sequence[int] | range, start: int = 0) -> Shard:
        return Shard(len(places), partial(self._column, places), start)

    def picked(self, places: Sequence[int], made: Mapping[str, NDArray[Any]]) -> Shard:
        """Some rows in any order, with the feature sets that were made."""
        at = np.array(places, np.int64)

        def load(name: str) -> Any:
            return made[name][at] if name in made else self._column(places, name)

        return Shard(len(places), load, picked=at)

    def open(self, item: Item) -> Shard:
        return self.shard(range(item.start, item.stop), item.start)

    def target(self) -> Target:
        return Target(tuple(self.keys), tuple(self.contents))

    def lookup(self, places: Sequence[Place]) -> list[Row]:
        found = []
        for place in places:
            content = self.contents[place.row]
            found.append(Row.of(content, self.sources[place.row], len(render(content, "text")), key_of(content)))
        return found

    def _column(self, places: Sequence[int] | range, name: str) -> list[str]:
        if name in ("keys", "sources"):
            whole: list[str] = getattr(self, name)
            return [whole[place] for place in places]
        return [render(self.contents[place], name) for place in places]


def select(
    rows: Rows,
    target: Rows | None = None,
    *,
    method: str = "zipfit",
    budget: int | str | Budget = 1000,
    seed: int = 0,
    options: Options | None = None,
    tests: Rows | None = None,
    mapping: Columns | None = None,
    processes: int | None = None,
    **params: Any,
) -> list[Pick]:
    """The rows that the method puts first, best first.

    rows, target: mappings with instruction/input/output, prompt/completion, messages or text; their form is
    guessed from the first rows, or given as `mapping` (for the rows). An `id` is the row's key where every row
    has one, else the key is the position as text. `target` may be left out where the method needs none.
    budget: 1000 rows, "5%" or "200000tok" (four characters count as a token). options: what to hold back;
    exact duplicates are by default. tests: rows of test sets, in any of these forms; rows that hold one of them are
    not picked. processes: None takes all cores when the work is worth it. params: those of the method. Equal scores
    are ordered by key.

    Raises `KeyError` for an unknown method, `ParamsError` for a parameter, budget or missing target, and
    `ContentError` for a row that cannot be read.
    """
    if method not in METHODS:
        raise KeyError(f"no method is named {method!r}; there are {', '.join(METHODS)}")
    how = METHODS[method]
    wanted = Budget.parse(budget)
    given: Any = parse_params(how.Params, params)
    table = Table(rows, mapping)
    goal = Table(target).target() if target is not None else EMPTY_TARGET
    avoided = _test_texts(tests) if tests is not None else []
    if options and options.decontaminate:
        raise ParamsError("decontaminate", "names test sets of a server; give the rows themselves as tests")
    if how.needs_target and not len(goal):
        raise ParamsError("target", f"must have at least one row for {how.title}")
    ctx, made = Ctx(given, goal, seed, len(table), wanted=wanted.rows(len(table)) or 0), dict[str, NDArray[Any]]()
    columns, ctx = run_local(how, ctx, [len(table)], table.open, processes=processes, features=made)
    chosen = choose(columns, budget=wanted, options=options, lookup=table.lookup, seed=seed, tests=avoided)
    return explained(how, chosen, table.picked([pick.row for pick in chosen.picks], made), ctx)


def _test_texts(tests: Rows) -> list[str]:
    from selection.kernels.contamination import texts_of

    return texts_of(Table(tests).contents)


def explained(method: Method, chosen: Chosen, rows: Shard, ctx: Ctx) -> list[Pick]:
    """Picks with their reasons; `rows` holds the picked rows in rank order."""
    reasons = method.reasons(rows, ctx) if len(rows) else []
    return [
        Pick(choice.key, rank, choice.score, tuple(why))
        for rank, (choice, why) in enumerate(zip(chosen.picks, reasons, strict=True), 1)
    ]


def run_local(
    method: Method,
    ctx: Ctx,
    shard_sizes: Sequence[int],
    open_item: Open,
    *,
    processes: int | None = 1,
    on_pass: Callable[[Pass, int], None] | None = None,
    features: dict[str, NDArray[Any]] | None = None,
) -> tuple[list[Part], Ctx]:
    """Run every pass over the items of the shards; the score columns in item order, and the last pass's `Ctx`.

    `open_item(item)` gives the rows of an item. `ctx.tick(rows)` is called with the rows done in the pass so
    far. With several processes the targets and earlier values are sent once a process, each row once.
    `features`: feature sets of these very rows by name, float16[rows, d]; what is made is added to it.
    """
    if processes is None:
        processes = _worthwhile(method, ctx)
    kept = features if features is not None else {}
    for step in method.passes(ctx.params):
        look = _Looking(open_item, shard_sizes, kept, step.rows(ctx) if step.rows else None)
        todo = _todo(step, ctx, shard_sizes, processes)
        if step.keeps and (name := f"features:{kept_name(step, ctx)}") in kept:
            continue
        todo = [item for item in todo if look.has(item)]
        if on_pass:
            on_pass(step, len(todo))
        if processes <= 1 or len(todo) < 2 or step.keeps or step.queue == "gpu":  # an encoder uses all cores by itself
            parts = _mapped(step, ctx, todo, look.open)
        else:
            parts = _mapped_apart(step, ctx, todo, look, (method, processes))
        if step.keeps:
            # One after the other in the order of the pool, so that a place is an index.
            made = [part["features"] for part in parts]
            kept[name] = np.concatenate(made) if made else np.empty((0, 1), np.float16)
        elif step.reduce is None:
            return list(parts), ctx
        else:
            ctx = replace(ctx, values={**ctx.values, step.name: step.reduce(parts, ctx)})
    raise ValueError(f"{method.name} does not end in score columns")


def _todo(step: Pass, ctx: Ctx, shard_sizes: Sequence[int], processes: int) -> list[Item]:
    if step.over:
        return list(step.over(ctx))
    if step.whole:
        return whole(sum(shard_sizes))
    if step.keeps:  # the same batches however many processes: a half-precision encoder's last bits depend on them
        return items(shard_sizes, FEATURE_ROWS)
    most = step.rows_per_item(ctx)
    if processes > 1:
        # Small enough that no process is left waiting for the last item.
        most = min(most, max(1, -(-sum(shard_sizes) // (processes * 8))))
    return items(shard_sizes, most)


class _Looking:
    """Items as a pass sees them: their place in the pool, the feature sets made so far, only the rows it looks at."""

    def __init__(
        self, open_item: Open, sizes: Sequence[int], kept: Mapping[str, NDArray[Any]], rows: NDArray[np.int64] | None
    ) -> None:
        self.open_item, self.sizes, self.kept, self.rows = open_item, sizes, kept, rows
        self.offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    def has(self, item: Item) -> bool:
        return self.rows is None or bool(len(self._wanted(item, self.rows)))

    def open(self, item: Item) -> Shard:
        offset = 0 if item.shard == WHOLE else int(self.offsets[item.shard])
        inner = None if item.shard == WHOLE else self.open_item(item)

        def load(name: str) -> Any:
            if name.startswith("features:"):
                return self.kept[name][offset + item.start : offset + item.stop]
            if inner is not None:
                return inner[name]
            return [value for shard in self._shards() for value in shard[name]]

        shard = Shard(item.rows, load, item.start, offset=offset)
        return shard if self.rows is None else shard.only(self._wanted(item, self.rows) - (offset + item.start))

    def _shards(self) -> Iterator[Shard]:
        for number, size in enumerate(self.sizes):
            if size:
                yield self.open_item(Item(number, number, 0, size))

    def _wanted(self, item: Item, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        offset = 0 if item.shard == WHOLE else int(self.offsets[item.shard])
        low, high = np.searchsorted(rows, [offset + item.start, offset + item.stop])
        return rows[low:high]


def _mapped(step: Pass, ctx: Ctx, todo: Sequence[Item], open_item: Open) -> Iterator[Part]:
    done = 0
    for item in todo:
        yield step.map(open_item(item), replace(ctx, tick=partial(_shift, ctx.tick, done)))
        done += item.rows
        ctx.tick(done)


def _mapped_apart(
    step: Pass, ctx: Ctx, todo: Sequence[Item], look: "_Looking", where: tuple[Method, int]
) -> Iterator[Part]:
    """The same in `where` = (method, processes)."""
    done = 0
    bare = replace(ctx, tick=no_tick, values=dict(ctx.values))
    with ProcessPoolExecutor(where[1], _context(), _begin, (where[0].name, step.name, bare)) as pool:
        waiting: deque[tuple[Item, Future[Part]]] = deque()
        for item in todo:
            shard = look.open(item)
            waiting.append(
                (item, pool.submit(_work, _sent(shard, step, look.kept), item.start, shard.offset, shard.picked))
            )
            if len(waiting) > 2 * where[1]:  # bounds what lies in the pipes
                done += waiting[0][0].rows
                yield waiting.popleft()[1].result()
                ctx.tick(done)
        for item, future in waiting:
            yield future.result()
            done += item.rows
            ctx.tick(done)


def _sent(shard: Shard, step: Pass, kept: Iterable[str]) -> dict[str, Any]:
    """The columns that the map reads, as they travel to another process."""
    names = ["keys", *(name for name in step.reads if name != VECTORS)]
    names += kept if VECTORS in step.reads else []
    return {name: np.ascontiguousarray(shard.array(name)) if name in kept else list(shard[name]) for name in names}


def _shift(tick: Callable[[int], None], before: int, done: int) -> None:
    tick(before + done)


def _worthwhile(method: Method, ctx: Ctx) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if method.seconds(ctx.rows, len(ctx.target), ctx.params) > WORTH_PROCESSES else 1


def _context() -> Any:
    """Fork where there is one: a script that calls `select` at its top level must not be run again."""
    return multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else None)


_here: dict[str, Any] = {}  # of a process of the pool: the map and what it may know


def _begin(method: str, step: str, ctx: Ctx) -> None:
    _here["map"] = next(found for found in METHODS[method].passes(ctx.params) if found.name == step).map
    _here["ctx"] = ctx


def _work(columns: dict[str, Any], start: int, offset: int, picked: NDArray[np.int64] | None) -> Part:
    rows = Shard(len(columns["keys"]), columns.__getitem__, start, offset=offset, picked=picked)
    part: Part = _here["map"](rows, _here["ctx"])
    return part


def _id(row: Mapping[str, Any], mapping: Columns) -> str:
    return read_id(row, mapping) if mapping.id else ""
