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


@dataclass(frozen=True, slots=True)
class Shape:
    """columns: of the format, those that any row has. turns: prompts are lists of messages. calls: turns call tools.

    first: the rows that go before the others, by their number in the order of the records.
    """

    columns: tuple[str, ...] = ()
    turns: bool = False
    calls: bool = False
    first: Mapping[int, Record] = field(default_factory=dict)

    def __or__(self, other: "Shape") -> "Shape":
        """This file beside another one of its dataset, as both are read together: what its rows then look like."""
        columns = tuple(dict.fromkeys([*self.columns, *(name for name in other.columns if name in TEXTS)]))
        return Shape(columns, self.turns or other.turns, self.calls or other.calls, self.first)


def several(format: Format, records: Iterable[Record], outputs: Outputs) -> Iterator[Record]:  # noqa: A002
    """The records as rows: where a row holds one answer, one for each answer."""
    for record in records:
        yield from (record,) if format.suffix in WHOLE else alternatives(record, outputs)


def survey(
    format: Format,  # noqa: A002
    records: Iterable[Record],
    outputs: Outputs = "each",
    beside: Iterable[str] = (),
) -> Shape:
    """One pass over the records of a file, without writing. Memory: the rows that go first."""
    if format.suffix not in SURVEYED:
        return Shape()
    seen: set[str] = set()
    first: dict[int, Record] = {}
    columns: set[str] = set()
    beside = tuple(beside)
    for number, record in enumerate(several(format, records, outputs)):
        shown = _cells(format, record, beside, seen) if format.suffix == "csv" else _parts(record)
        if shown <= seen:
            continue
        try:
            row = format.write(record)
        except Unfit:
            continue
        seen |= shown
        columns.update(row)
        if len(first) < MOST:
            first[number] = record
    turns = "chat" in seen or "system" in seen
    return Shape(tuple(name for name in format.columns if name in columns), turns, "calls" in seen, first)


def ordered(rows: Iterable[Record], shape: Shape) -> Iterator[Record]:
    """The rows, those that go first before the others."""
    yield from shape.first.values()
    for number, record in enumerate(rows):
        if number not in shape.first:
            yield record


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


def _cells(format: Format, record: Record, beside: tuple[str, ...], seen: set[str]) -> frozenset[str]:  # noqa: A002
    """The columns of a table in which this row has a text that nobody takes for a number."""
    missing = [name for name in (*format.columns, *beside) if name not in seen]
    if not missing:
        return frozenset()
    try:
        row = format.write(record) | {name: record.beside.get(name) for name in beside}
    except Unfit:
        return frozenset()
    return frozenset(name for name in missing if _is_text(row.get(name)))


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
