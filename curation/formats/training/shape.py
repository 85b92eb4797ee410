"""What the rows of a file have in common, learnt before the first one is written.

Readers of JSON Lines and CSV learn the columns of a file, and the fields within them, from its first block (`datasets`:
10 MiB or 10,000 records) and refuse a later row that has more. So a few rows that between them show everything go first,
and a file holds prompts either as texts or as lists of messages, never both.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

from curation.formats.training.base import Format, Json, Outputs, Record, Unfit, alternatives

MOST = 64  # rows that go first
WHOLE = ("json", "csv", "parquet")  # these hold all the answers of a row
SURVEYED = ("jsonl", "csv")  # Parquet says its columns itself; Natural Instructions have always the same
TEXTS = ("system",)  # columns of text, which a row may have empty
# What pandas takes for something else than text where a whole block of a column is so.
_NO_TEXT = frozenset(
    ["", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL",
     "NaN", "None", "n/a", "nan", "null", "true", "false", "True", "False", "TRUE", "FALSE"]
)  # fmt: skip


Place = tuple[int, int]  # number of a record in its file, number of the answer


@dataclass(frozen=True, slots=True)
class Shape:
    """columns: of the format, those that any row has. turns: prompts are lists of messages. calls: turns call tools.

    first: the rows that go before the others, by their places.
    """

    columns: tuple[str, ...] = ()
    turns: bool = False
    calls: bool = False
    first: Mapping[Place, Record] = field(default_factory=dict)

    def __or__(self, other: "Shape") -> "Shape":
        """This file beside another one of its dataset, as both are read together: what its rows then look like."""
        columns = tuple(dict.fromkeys([*self.columns, *(name for name in other.columns if name in TEXTS)]))
        return Shape(columns, self.turns or other.turns, self.calls or other.calls, self.first)


def several(
    format: Format,  # noqa: A002
    records: Iterable[Record],
    outputs: Outputs = "each",
) -> Iterator[tuple[Place, Record]]:
    """The records as rows, with their places: where a row holds one answer, one for each answer."""
    for number, record in enumerate(records):
        if format.suffix in WHOLE:
            yield (number, 0), record
        else:
            for answer, one in enumerate(alternatives(record, outputs)):
                yield (number, answer), one


class Surveyor:
    """Is shown the records of a file in their order and then knows its shape. Memory: the rows that go first."""

    def __init__(self, format: Format, outputs: Outputs = "each", beside: Iterable[str] = ()) -> None:  # noqa: A002
        self.format, self.outputs, self.beside = format, outputs, tuple(beside)
        self.seen: set[str] = set()
        self.columns: set[str] = set()
        self.first: dict[Place, Record] = {}
        self.number = 0

    @property
    def missing(self) -> set[str]:
        """Columns that no row has shown yet. Of JSON Lines, where every row says its own: all until a plain row came."""
        if self.format.suffix == "csv":
            return {*self.format.columns, *self.beside} - self.seen
        return set() if "single" in self.seen else set(self.format.columns)

    def add(self, record: Record | None) -> None:
        """None: a record that shows nothing new."""
        number, self.number = self.number, self.number + 1
        if record is None:
            return
        for (_, answer), one in several(self.format, [record], self.outputs):
            shown = self._cells(one) if self.format.suffix == "csv" else _parts(one)
            if shown <= self.seen:
                continue
            try:
                row = self.format.write(one)
            except Unfit:
                continue
            self.seen |= shown
            self.columns.update(row)
            if len(self.first) < MOST:
                self.first[number, answer] = one

    def shape(self) -> Shape:
        turns = bool(self.seen & {"chat", "system", "tools:list"})
        columns = tuple(name for name in self.format.columns if name in self.columns)
        return Shape(columns, turns, "calls" in self.seen, self.first)

    def _cells(self, record: Record) -> frozenset[str]:
        """The columns of a table in which this row has a text that nobody takes for a number."""
        try:
            row = self.format.write(record) | {name: record.beside.get(name) for name in self.beside}
        except Unfit:
            return frozenset()
        return frozenset(name for name in self.missing if _is_text(row.get(name)))


def survey(
    format: Format,  # noqa: A002
    records: Iterable[Record],
    outputs: Outputs = "each",
    beside: Iterable[str] = (),
) -> Shape:
    """One pass over the records of a file, without writing."""
    found = Surveyor(format, outputs, beside)
    for record in records if format.suffix in SURVEYED else ():
        found.add(record)
    return found.shape()


def ordered(rows: Iterable[tuple[Place, Record]], shape: Shape) -> Iterator[tuple[Place, Record]]:
    """The rows, those that go first before the others."""
    yield from shape.first.items()
    for place, record in rows:
        if place not in shape.first:
            yield place, record


def filled(row: Json, shape: Shape) -> Json:
    """The first row of a file says all the columns of text that the other files have."""
    return row | {name: "" for name in TEXTS if name in shape.columns and name not in row}


def fitted(record: Record, shape: Shape) -> Record:
    return replace(record, turns=True) if shape.turns and not record.turns else record


def together(shapes: Mapping[str, Shape]) -> dict[str, Shape]:
    """The files of one dataset (by split), each in the shape that suits all of them."""
    whole = reduce(Shape.__or__, shapes.values(), Shape())
    return {split: shape | whole for split, shape in shapes.items()}


_SINGLE = frozenset(["single"])
_SPOKEN = frozenset(["single", "system"])


def _parts(record: Record) -> frozenset[str]:
    """Which columns and fields a row of JSON will have, as paths."""
    content = record.content
    if content.kind == "single" and not record.tools:
        return _SPOKEN if content.system else _SINGLE
    found = {"chat"} if content.kind == "chat" else {"single"}
    if content.system:
        found.add("system")
    if len(content.messages) > 2:
        found.add("history")
    for turn in content.messages:
        if turn.extra:
            found.update(_paths(turn.extra, "turn"))
            if turn.extra.get("tool_calls"):
                found.add("calls")
    if record.tools:
        found.update(_paths(list(record.tools), "tools"))
    return frozenset(found)


def _paths(value: Any, at: str) -> Iterator[str]:
    yield f"{at}:{type(value).__name__}"
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _paths(inner, f"{at}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner, f"{at}[]")


def _is_text(value: Any) -> bool:
    if value is None:
        return False
    if not isinstance(value, str):
        return not isinstance(value, bool | int | float)
    if value.strip() in _NO_TEXT:
        return False
    try:
        float(value)
    except ValueError:
        return True
    return False
