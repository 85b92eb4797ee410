"""The contract of a selection method. Pure: no Django, no files, no clock, no global chance.

A method is an ordered list of passes. Each pass maps items (ranges of rows of a shard, on any worker) to parts,
and reduces the parts, in item order, to one value that later passes read as `ctx["name"]`. The last pass of a
*scorer* has no reduce: its parts are score columns, one an item, and `choose` merges them. The last pass of a
*chooser* reduces to an ordered list of keys.

Parts and values are named arrays and travel as npz without pickle, so what a worker hands on is data only.
"""

import io
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar, Literal, NamedTuple, Protocol
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from curation.content import Content, render

Part = dict[str, NDArray[Any]]
Value = dict[str, NDArray[Any]]


class Item(NamedTuple):
    """Rows start..stop of one shard: the work of one map. `shard` is the shard's place in the run, from 0."""

    index: int  # type: ignore[assignment]  # shadows tuple.index, which nobody asks an item for
    shard: int
    start: int
    stop: int

    @property
    def rows(self) -> int:
        return self.stop - self.start


def items(shard_sizes: Sequence[int], rows_per_item: int) -> list[Item]:
    """Cut each shard into equal ranges of at most `rows_per_item` rows; an empty shard has no item.

    Raises `ValueError` when `rows_per_item` is below 1.
    """
    if rows_per_item < 1:
        raise ValueError("an item has at least one row")
    cut: list[Item] = []
    for shard, size in enumerate(shard_sizes):
        parts = -(-size // rows_per_item)
        edges = [size * part // parts for part in range(parts + 1)] if parts else [0]
        for start, stop in pairwise(edges):
            cut.append(Item(len(cut), shard, start, stop))
    return cut


class Shard:
    """The rows of one item as columns. A view is loaded when it is first asked for, then kept.

        shard["text"]      list[str], one a row; also "prompt", "response", "messages"
        shard.keys         list[str], the row keys
        shard.sources      list[str], "" where a row has none
        shard.start        position of the first row within its shard file
        shard.places       int64[rows], position of each row in the whole pool: its shards one after the other
        shard.array("features:<name>")   float16[rows, d], vectors that an earlier pass or run made

    `load(name)` gives "keys", "sources", the views and the feature sets; it is called at most once a name.
    `offset` is the position in the pool of the shard file's first row.
    """

    __slots__ = ("_columns", "_load", "offset", "picked", "rows", "start")

    def __init__(
        self, rows: int, load: Callable[[str], Any], start: int = 0, *, offset: int = 0,
        picked: NDArray[np.int64] | None = None,
    ) -> None:  # fmt: skip
        """`picked`: the places of the rows within start..stop, where a pass looks at some of them only."""
        self.rows, self.start, self.offset, self.picked, self._load = rows, start, offset, picked, load
        self._columns: dict[str, Any] = {}

    @classmethod
    def of(cls, columns: Mapping[str, Any], start: int = 0, *, offset: int = 0) -> "Shard":
        """A shard whose columns are in memory already. Raises `KeyError` later for one that is not among them."""
        return cls(len(columns["keys"]), columns.__getitem__, start, offset=offset)

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, name: str) -> Sequence[str]:
        found: Sequence[str] = self._column(name)
        return found

    def array(self, name: str) -> NDArray[Any]:
        """A column of numbers. Raises `KeyError` for a feature set that nothing made."""
        return np.asanyarray(self._column(name))

    def _column(self, name: str) -> Any:
        if name not in self._columns:
            column = self._load(name)
            if len(column) != self.rows:
                raise ValueError(f"the column {name} has {len(column)} values for {self.rows} rows")
            self._columns[name] = column
        return self._columns[name]

    @property
    def places(self) -> NDArray[np.int64]:
        if self.picked is not None:
            return self.picked
        return np.arange(self.rows, dtype=np.int64) + (self.offset + self.start)

    def only(self, index: NDArray[np.int64]) -> "Shard":
        """The rows at these positions of this shard, ascending."""

        def load(name: str) -> Any:
            column = self._column(name)
            return column[index] if isinstance(column, np.ndarray) else [column[at] for at in index.tolist()]

        return Shard(len(index), load, self.start, offset=self.offset, picked=self.places[index])

    @property
    def keys(self) -> Sequence[str]:
        return self["keys"]

    @property
    def sources(self) -> Sequence[str]:
        return self["sources"]


@dataclass(frozen=True)
class Target:
    """The rows that stand for the task. `groups` is empty or has one text a row ("" = no group)."""

    keys: tuple[str, ...]
    contents: tuple[Content, ...]
    groups: tuple[str, ...] = ()
    _views: dict[str, list[str]] = field(default_factory=dict, compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, view: str) -> list[str]:
        """The targets in one view, in order."""
        if view not in self._views:
            self._views[view] = [render(content, view) for content in self.contents]
        return self._views[view]


EMPTY_TARGET = Target((), ())


def no_tick(done: int) -> None:
    """Nobody is waiting for progress."""


@dataclass(frozen=True)
class Ctx:
    """What a map or reduce may know: nothing of the worker, the cutting or the time.

    `rows` is the number of rows in the pool (all shards), `values` holds the results of earlier passes by name.
    `wanted` is about how many rows are asked for, 0 where nobody said: only methods that stop early look at it.
    `tick(done)` is to be called with the rows finished so far about every 0.3 s of work; it may raise to cancel.
    """

    params: Any
    target: Target = EMPTY_TARGET
    seed: int = 0
    rows: int = 0
    values: Mapping[str, Value] = field(default_factory=dict)
    tick: Callable[[int], None] = no_tick
    wanted: int = 0

    def __getitem__(self, name: str) -> Value:
        return self.values[name]


def few(ctx: Ctx) -> int:
    """Rows an item where a row costs about 100 microseconds."""
    return 50_000


class Pass(NamedTuple):
    """One map over items, and its reduce. `reduce=None` in the last pass: the parts are score columns.

    `rows_per_item(ctx)` is chosen so that a step lasts about 5 to 20 seconds on one core. `over(ctx)` replaces
    the ranges of shards by other items, made of what an earlier pass wrote.

    `rows(ctx)` may name the places (int64, ascending) of the rows to look at; None means every row.
    `whole`: one item that is the whole pool, for what must see every row at once.
    `keeps(params)` names a feature set: the map returns {"features": float16 or uint8 [rows, d]}, which is kept beside the pool
    and not computed again by any later run; such a pass has no reduce. The name tells encoder, settings and view;
    `keyed(ctx)` is added to it where the vectors also depend on what earlier passes made, such as trained weights.
    """

    name: str
    map: Callable[[Shard, Ctx], Part]
    reduce: Callable[[Iterator[Part], Ctx], Value] | None = None
    title: str = ""
    unit: str = "rows"
    queue: Literal["cpu", "gpu"] = "cpu"
    reads: tuple[str, ...] = ("text",)
    rows_per_item: Callable[[Ctx], int] = few
    rows: Callable[[Ctx], NDArray[np.int64] | None] | None = None
    over: Callable[[Ctx], Sequence[Item]] | None = None
    whole: bool = False
    keeps: Callable[[Any], str] | None = None
    keyed: Callable[[Ctx], str] | None = None


def kept(step: Pass, ctx: Ctx) -> str:
    """The whole name of the feature set that a pass keeps; "" for one that keeps none."""
    if step.keeps is None:
        return ""
    return f"{step.keeps(ctx.params)}-{step.keyed(ctx)}" if step.keyed else step.keeps(ctx.params)


VECTORS = "features"  # in `reads`: the feature sets made so far; a set's full name is known once there is a model
FEATURE_ROWS = 2_048  # rows of one file of a feature set: a fixed grid, so that later runs find what earlier ones made
WHOLE = -1  # the `shard` of the item that is the whole pool


def whole(rows: int) -> list[Item]:
    """The one item of a pass that sees the whole pool; none for an empty one."""
    return [Item(0, WHOLE, 0, rows)] if rows else []


def pass_on(parts: Iterator[Part], ctx: Ctx) -> Value:
    """The reduce of a pass with one item: its part is the value. Empty for an empty pool."""
    return next(iter(parts), {})


@dataclass(frozen=True)
class Scores:
    """The finite scores of the last pass over the whole pool."""

    count: int
    mean: float
    std: float
    low: float
    high: float

    @classmethod
    def of(cls, columns: Sequence[Part]) -> "Scores":
        """Zeros where no row has a score."""
        finite = [column["score"][np.isfinite(column["score"])].astype(np.float64) for column in columns]
        joined = np.concatenate(finite) if finite else np.empty(0)
        if not len(joined):
            return cls(0, 0.0, 0.0, 0.0, 0.0)
        return cls(len(joined), float(joined.mean()), float(joined.std()), float(joined.min()), float(joined.max()))


class Note(NamedTuple):
    """What a method says of a finished run: a "fact", or a "warning" with what to do."""

    kind: Literal["fact", "warning"]
    text: str


@dataclass(frozen=True)
class Reason:
    """Why a row was picked: `text` for a person, `data` (JSON) for the page that draws it.

    kind "near": data {"target": index, "key": target key, "score": float}
    kind "shared": data {"parts": [stretches of text that row and target share]}
    kind "terms": data {"terms": [[term, weight], ...]}, largest weight first
    kind "rules": data {"rules": [[name, value from 0 to 1, weight], ...]}
    kind "features": data {"features": [[feature, value in the row, value in the target, the smaller], ...], "shared":
    float}, largest first; the smaller ones of all features add up to `shared`
    kind "chance": no data
    """

    kind: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "text": self.text, **({"data": dict(self.data)} if self.data else {})}


@dataclass(frozen=True)
class Pick:
    """One selected row; `rank` counts from 1, `score` is None for a chooser."""

    key: str
    rank: int
    score: float | None
    reason: tuple[Reason, ...] = ()


class Method(Protocol):
    """One way to select. `version` is raised whenever the picks of the same input change.

    `exact`: the picks do not depend on how the pool was cut. `memory`: "stream" holds one item at a time, "pool"
    holds something of every row at once; it then states `max_rows`.

    A method may also have `notes(ctx, scores: Scores) -> list[Note]`, asked once at the end of a run with the `Ctx`
    of the last pass; see `notes_of`.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    version: ClassVar[str]
    exact: ClassVar[bool]
    memory: ClassVar[Literal["stream", "pool"]]
    needs_target: ClassVar[bool]
    Params: ClassVar[type]

    def passes(self, params: Any) -> Sequence[Pass]:
        """The work, in order."""

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        """Why, for picks only: `rows` holds their keys and `text`; one list a row. `ctx` is that of the last pass."""

    def seconds(self, rows: int, targets: int, params: Any) -> float:
        """Rough seconds of one core for rows of about 500 characters."""


def dump(value: Mapping[str, NDArray[Any]]) -> bytes:
    """Named arrays as a compressed npz. Raises `ValueError` for arrays of objects, which would need pickle."""
    for name, array in value.items():
        if array.dtype.hasobject:
            raise ValueError(f"{name} holds Python objects; a part is made of plain arrays")
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **value)
    return out.getvalue()


def load(data: bytes) -> Value:
    """The arrays of `dump`. Raises `ValueError` for anything that is not one."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (OSError, EOFError, TypeError, AttributeError, BadZipFile, zlib.error) as error:
        raise ValueError(f"not a part: {error}") from error


def score_column(
    keys: Sequence[str], scores: NDArray[np.floating[Any]], *, start: int, exact: bool | NDArray[np.bool_] = True,
    rows: NDArray[np.integer[Any]] | None = None,
) -> Part:  # fmt: skip
    """What the last pass of a scorer returns for one item, sorted by (-score, key).

    "key" bytes, "row" uint32 position within the shard file (`start` is the item's first; `rows` where they do not
    follow each other), "score" float32, "exact" bool: whether the score is the method's own or an estimate of it.
    """
    names, values = as_bytes(keys), scores.astype(np.float32)
    order = np.lexsort((names, -values))
    at = np.arange(start, start + len(names)) if rows is None else rows
    said = np.broadcast_to(np.asarray(exact, bool), len(names))
    return {"key": names[order], "row": at.astype(np.uint32)[order], "score": values[order], "exact": said[order]}


def scored(shard: Shard, scores: NDArray[np.floating[Any]], *, exact: bool | NDArray[np.bool_] = True) -> Part:
    """`score_column` of all rows of a shard, also where they are some of its file's."""
    return score_column(shard.keys, scores, start=0, exact=exact, rows=shard.places - shard.offset)


def ordered_column(shard: Shard, order: NDArray[np.int64]) -> Part:
    """The score column of a chooser: 1 / (1 + rank) for rows whose place is in `order`, best first; no others."""
    by_place = np.argsort(order, kind="stable")
    held = order[by_place]
    places = shard.places
    at = np.minimum(np.searchsorted(held, places), max(len(held) - 1, 0))
    mine = np.flatnonzero(held[at] == places) if len(held) else np.empty(0, np.int64)
    keys = shard.keys
    scores = 1.0 / (1.0 + by_place[at[mine]])
    return score_column([keys[row] for row in mine.tolist()], scores, start=0, rows=places[mine] - shard.offset)


def notes_of(method: "Method", ctx: Ctx, scores: Scores) -> list[Note]:
    """What the method says of a finished run; nothing for one that says nothing."""
    ask: Callable[[Ctx, Scores], list[Note]] | None = getattr(method, "notes", None)
    return ask(ctx, scores) if ask else []


def as_bytes(keys: Sequence[str]) -> NDArray[np.bytes_]:
    """Row keys as an array of UTF-8; bytes sort as the code points do. A key never holds a NUL character."""
    return np.array([key.encode() for key in keys], dtype=np.bytes_) if len(keys) else np.empty(0, "S1")
