"""The fast path over Arrow tables. Columns of plain text are read whole; everything else goes row by row.

Row-wise reading is the truth: the fast path only finds rows that *may* be bad and asks `read` about each, so
both paths say the same of every row.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from curation.content import jsontext
from curation.content.model import MAX_CHARS, MAX_ID_CHARS, Content, ContentError, Mapping, lookup, root
from curation.content.reading import read, read_id, read_source
from curation.content.rendering import VIEWS, key_of, render, single_key

JSON_MARK = b"winnow.json"  # field metadata: the column is JSON text and stands for the values in it


class BadContent(NamedTuple):
    """A row that `check` refused: its place in the table given, and the field and why of the error."""

    row: int
    field: str
    why: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check` found. `keys`, `chars` and `sources` go with the rows of `table`, which are the good ones.

    keys: the id where one is mapped, else the content key; repeats are not marked here. chars: int32,
    characters of the `text` view. sources: strings, never null. rows: the places of the good rows in the
    table that was given.
    """

    table: pa.Table
    keys: list[str]
    chars: pa.Array
    sources: pa.Array
    rows: Sequence[int]
    bad: list[BadContent]


def is_json(field: pa.Field) -> bool:
    """Whether a column is JSON text that stands for the values in it."""
    return bool(field.metadata and field.metadata.get(JSON_MARK) == b"1")


def row_dicts(table: pa.Table, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """The rows as they came, columns of JSON text opened again. A key that a row had not reads as None."""
    names = table.column_names
    if columns is not None:
        names = [name for name in columns if name in names]
    if not names:
        return [{} for _ in range(table.num_rows)]
    cells = [_cells(table, name) for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]


def columns(table: pa.Table, mapping: Mapping, view: str) -> list[str]:
    """`render(read(row, mapping), view)` for every row of a table that was checked at import.

    Raises `ContentError` if a row cannot be read, `ValueError` for an unknown view.
    """
    if view not in VIEWS:
        raise ValueError(f"no view is named {view!r}; the views are {', '.join(VIEWS)}")
    parts = _plain_parts(table, mapping) if view != "messages" else None
    if parts is None:
        return [render(read(row, mapping), view) for row in _rows(table, mapping)]
    shown = [column for name, column in parts.items() if column is not None and name in _SHOWN[view]]
    texts: list[str] = _joined(shown, table.num_rows).to_pylist()
    return texts


def contents(table: pa.Table, mapping: Mapping) -> list[Content]:
    """`read(row, mapping)` for every row of a table that was checked. Raises `ContentError` if a row cannot be read."""
    parts = _plain_parts(table, mapping)
    if parts is None:
        return [read(row, mapping) for row in _rows(table, mapping)]
    texts = _texts(parts, table.num_rows)
    return [
        Content("single", instruction, given, (output,) if output else (), (), system)
        for system, instruction, given, output in zip(
            texts["system"], texts["instruction"], texts["input"], texts["output"], strict=True
        )
    ]


def check(table: pa.Table, mapping: Mapping, max_chars: int = MAX_CHARS) -> Checked:
    """Reads every row and sorts good from bad. Raises `ContentError` only for an unusable mapping."""
    mapping.check()
    parts = _plain_parts(table, mapping)
    if parts is None:
        return _check_rows(table, mapping, max_chars)
    ids, sources = _scalars(table, mapping.id), _scalars(table, mapping.source)
    if ids is None or sources is None:
        return _check_rows(table, mapping, max_chars)
    doubtful = _doubtful(parts, ids if mapping.id else None, sources, max_chars)
    bad = list(_complaints(table, mapping, max_chars, doubtful))
    rows: Sequence[int] = range(table.num_rows)
    if bad:
        refused = {item.row for item in bad}
        rows = [row for row in rows if row not in refused]
        places = pa.array(rows, pa.int64())
        table, ids, sources = table.take(places), ids.take(places), sources.take(places)
        parts = {name: None if column is None else column.take(places) for name, column in parts.items()}
    keys = ids.to_pylist() if mapping.id else _keys(parts, table.num_rows)
    chars = pc.utf8_length(_joined([column for column in parts.values() if column is not None], table.num_rows))
    return Checked(table, keys, _one(chars).cast(pa.int32()), _one(pc.fill_null(sources, "")), rows, bad)


_SHOWN = {
    "text": ("system", "instruction", "input", "output"),
    "prompt": ("system", "instruction", "input"),
    "response": ("output",),
}
Parts = dict[str, pa.ChunkedArray | None]


def _plain_parts(table: pa.Table, mapping: Mapping) -> Parts | None:
    """System, instruction, input and output as text columns, if all that the mapping reads is plain text."""
    if mapping.messages:
        return None
    asked = mapping.instruction or mapping.input
    paths = {
        "system": mapping.system,
        "instruction": mapping.instruction,
        "input": mapping.input if asked else mapping.text,
        "output": mapping.output if asked else "",
    }
    parts: Parts = {}
    for name, path in paths.items():
        parts[name] = _text_column(table, path) if path else None
        if path and parts[name] is None:
            return None
    return parts


def _text_column(table: pa.Table, path: str) -> pa.ChunkedArray | None:
    """A top-level column of plain text, or None."""
    where = table.schema.get_all_field_indices(path)
    if len(where) != 1:
        return None
    field, column = table.schema.field(where[0]), table.column(where[0])
    if pa.types.is_dictionary(field.type):
        column = column.cast(field.type.value_type)
    if is_json(field) or not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return None
    return column.cast(pa.string()) if pa.types.is_large_string(column.type) and column.nbytes < 2**30 else column


def _scalars(table: pa.Table, path: str) -> pa.ChunkedArray | None:
    """An id or source column as text with nulls; all null if not mapped; None if it needs row-wise care."""
    if not path:
        return pa.chunked_array([pa.nulls(table.num_rows, pa.string())])
    column = _text_column(table, path)
    if column is None and path in table.column_names and not is_json(table.schema.field(path)):
        found = table.column(path)
        column = found.cast(pa.string()) if pa.types.is_integer(found.type) else None
    return column


def _doubtful(parts: Parts, ids: pa.ChunkedArray | None, sources: pa.ChunkedArray, max_chars: int) -> list[int]:
    """The rows that may be bad: every bad one is among them, a good one may be."""
    masks = []
    for name, column in parts.items():
        if column is not None:
            masks += _faulty(column, max_chars)
            if name == "output":
                masks.append(pc.is_null(column))
    if ids is not None:
        masks += [*_faulty(ids, MAX_ID_CHARS), _blank(ids)]
    masks += _faulty(sources, MAX_ID_CHARS)
    asked, given = parts["instruction"], parts["input"]
    if asked is not None:
        masks.append(pc.is_null(asked))
    empty = [_blank(column) for column in (asked, given) if column is not None]
    masks.append(pc.and_(*empty) if len(empty) == 2 else empty[0])
    found: set[int] = set()
    for mask in masks:
        if pc.any(mask).as_py():
            found.update(pc.indices_nonzero(mask).to_pylist())
    return sorted(found)


def _faulty(column: pa.ChunkedArray, max_chars: int) -> list[pa.ChunkedArray]:
    # A text has at least as many bytes as characters, and bytes need no counting.
    return [pc.greater(pc.binary_length(column), max_chars), pc.match_substring(column, "\0")]


def _blank(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.equal(pc.utf8_ltrim_whitespace(pc.fill_null(column, "")), "")


def _complaints(table: pa.Table, mapping: Mapping, max_chars: int, doubtful: list[int]) -> Iterator[BadContent]:
    if not doubtful:
        return
    for place, row in zip(doubtful, _rows(table.take(doubtful), mapping), strict=True):
        try:
            _read_all(row, mapping, max_chars)
        except ContentError as error:
            yield BadContent(place, error.field, error.why)


def _read_all(row: dict[str, Any], mapping: Mapping, max_chars: int) -> tuple[Content, str, str]:
    return read(row, mapping, max_chars), read_id(row, mapping), read_source(row, mapping)


def _check_rows(table: pa.Table, mapping: Mapping, max_chars: int) -> Checked:
    keys, chars, sources, rows, bad = [], [], [], [], []
    for place, row in enumerate(_rows(table, mapping)):
        try:
            content, own, source = _read_all(row, mapping, max_chars)
        except ContentError as error:
            bad.append(BadContent(place, error.field, error.why))
            continue
        keys.append(own or key_of(content))
        chars.append(len(render(content, "text")))
        sources.append(source)
        rows.append(place)
    good = table.take(pa.array(rows, pa.int64())) if bad else table
    return Checked(good, keys, pa.array(chars, pa.int32()), pa.array(sources, pa.string()), rows, bad)


def _rows(table: pa.Table, mapping: Mapping) -> list[dict[str, Any]]:
    """The rows with only the columns that the mapping reads."""
    names = set(table.column_names)
    return row_dicts(table, sorted({root(path, names) for path in mapping.to_dict().values()}))


def _cells(table: pa.Table, name: str) -> list[Any]:
    try:
        cells: list[Any] = table.column(name).to_pylist()
    except (OverflowError, ValueError):
        cells = [_cell(value) for value in table.column(name)]
    if not is_json(table.schema.field(name)):
        return cells
    return [None if cell is None else jsontext.loads(cell) for cell in cells]


def _cell(value: pa.Scalar) -> Any:
    """A value, as text where Python has none for it (dates after the year 9999, nanoseconds), or None."""
    try:
        return value.as_py()
    except (OverflowError, ValueError):
        try:
            return value.cast(pa.string()).as_py()
        except (pa.ArrowException, ValueError):
            return None


def _joined(shown: list[pa.ChunkedArray], rows: int) -> pa.ChunkedArray:
    """The parts that are not empty, joined by line breaks."""
    if not shown:
        return pa.chunked_array([pa.array([""] * rows, pa.string())])
    if len(shown) == 1:
        return pc.fill_null(shown[0], "")
    parts = [pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column) for column in shown]
    return pc.binary_join_element_wise(*parts, "\n", null_handling="skip")


def _keys(parts: Parts, rows: int) -> list[str]:
    """`key_of` for rows of plain text, without making a Content of each."""
    texts = _texts(parts, rows)
    outputs = [f"1;{len(text)}:{text}" if text else "0;" for text in texts["output"]]
    make: Callable[[str, str, str, str], str] = single_key
    return list(map(make, texts["system"], texts["instruction"], texts["input"], outputs))


def _texts(parts: Parts, rows: int) -> dict[str, list[str]]:
    return {
        name: pc.fill_null(column, "").to_pylist() if column is not None else [""] * rows
        for name, column in parts.items()
    }


def _one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


__all__ = ["BadContent", "Checked", "check", "columns", "contents", "is_json", "lookup", "row_dicts"]
