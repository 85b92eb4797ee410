"""Rows to Arrow tables and back, without loss.

A column that holds only texts and nulls is a text column. Any other column of a JSON file is kept as JSON text and
marked `winnow.json` in its field metadata. The decision is taken for each batch, so two batches of one file may
differ; `concat` brings them together, and `row_dicts` reads each column by its own mark.
"""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curation.content import JSON_MARK, is_json
from curation.content.jsontext import dumps, has_nul
from curation.formats.base import BadRow, Batch, Limits, excerpt

BATCH_ROWS = 8192
BATCH_BYTES = 16 * 2**20
_MARKED = {JSON_MARK: b"1"}


class Builder:
    """Gathers the rows of a JSON file and gives them out as batches."""

    def __init__(self, limits: Limits, batch_rows: int = BATCH_ROWS, batch_bytes: int = BATCH_BYTES) -> None:
        self.limits, self.batch_rows, self.batch_bytes = limits, batch_rows, batch_bytes
        self.known: dict[str, None] = {}  # columns in the order in which they were met
        self._clear()

    def _clear(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.lines: list[int] = []
        self.bad: list[BadRow] = []
        self.bytes = 0

    @property
    def full(self) -> bool:
        return len(self.rows) >= self.batch_rows or len(self.bad) >= self.batch_rows or self.bytes >= self.batch_bytes

    def refuse(self, line: int, code: str, reason: str, raw: bytes | str) -> None:
        self.bad.append(BadRow(line, code, reason, excerpt(raw)))

    def add(self, line: int, row: Any, raw: bytes, size: int | None = None) -> None:
        """One parsed value. What is no usable row is refused with its reason."""
        problem = self._problem(row, raw)
        if problem:
            self.refuse(line, *problem, raw)
            return
        self.rows.append(row)
        self.lines.append(line)
        self.bytes += len(raw) if size is None else size

    def _problem(self, row: Any, raw: bytes) -> tuple[str, str] | None:
        if type(row) is not dict:
            return "not_object", f"is {_kind(row)}, not an object with named fields"
        if not row:
            return "not_object", "is an object without any field"
        if b"\\u0000" in raw and has_nul(raw.decode("utf-8", "replace")):
            return "nul", "contains a NUL character"
        if len(raw) > self.limits.max_field_chars:
            for name, value in row.items():
                if type(value) is str and len(value) > self.limits.max_field_chars:
                    limit = self.limits.max_field_chars
                    return "too_long", f"has {len(value):,} characters in “{name[:60]}”; the limit is {limit:,}"
        if not row.keys() <= self.known.keys():
            return self._learn(row)
        return None

    def _learn(self, row: dict[str, Any]) -> tuple[str, str] | None:
        fresh = [name for name in row if name not in self.known]
        limit = self.limits.max_columns
        if len(self.known) + len(fresh) > limit:
            return "columns", f"has {len(fresh):,} new fields; a file may have {limit:,} in all"
        if any("\0" in name or len(name) > 500 for name in fresh):
            return "columns", "has a field name that contains a NUL character or is over 500 characters long"
        self.known.update(dict.fromkeys(fresh))
        return None

    def flush(self) -> Batch:
        """What was gathered since the last time. All columns met so far are there, so that batches fit together."""
        fields, arrays = [], []
        for name in self.known:
            field, array = column(name, [row.get(name) for row in self.rows])
            fields.append(field)
            arrays.append(array)
        batch = Batch(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), self.lines, self.bad)
        self._clear()
        return batch


def column(name: str, values: Sequence[Any]) -> tuple[pa.Field, pa.Array]:
    """Texts as they are, else every value that is not None as JSON text under the mark."""
    if all(value is None or type(value) is str for value in values):
        return pa.field(name, pa.string()), pa.array(values, pa.string())
    texts = [None if value is None else dumps(value) for value in values]
    return pa.field(name, pa.string(), metadata=_MARKED), pa.array(texts, pa.string())


def from_rows(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """A table of dicts, by the same rule as a JSON file; columns in the order in which they are met."""
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    pairs = [column(name, [row.get(name) for row in rows]) for name in names]
    return pa.Table.from_arrays([array for _, array in pairs], schema=pa.schema([field for field, _ in pairs]))


def common_schema(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """One schema for batches of one file: JSON text where any of them has it. Raises `pa.ArrowInvalid` on a clash."""
    fields: dict[str, pa.Field] = {}
    for schema in schemas:
        for field in schema:
            held = fields.get(field.name)
            if held is None or (is_json(field) and not is_json(held)):
                fields[field.name] = field
            elif held.type != field.type:
                raise pa.ArrowInvalid(f"the column {field.name} is {held.type} here and {field.type} there")
    return pa.schema(list(fields.values()))


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table under a common schema: texts become JSON text where it says so, missing columns are null."""
    arrays = []
    for field in schema:
        where = table.schema.get_field_index(field.name)
        if where < 0:
            arrays.append(pa.nulls(table.num_rows, field.type))
        elif is_json(field) and not is_json(table.schema.field(where)):
            values = table.column(where).to_pylist()
            arrays.append(pa.array([None if value is None else dumps(value) for value in values], pa.string()))
        else:
            arrays.append(table.column(where))
    return pa.Table.from_arrays(arrays, schema=schema)


def concat(tables: Sequence[pa.Table]) -> pa.Table:
    """Batches of one file as one table (a shard), column by column, without loss."""
    schema = common_schema([table.schema for table in tables])
    return pa.concat_tables([conform(table, schema) for table in tables])


def longest(array: pa.Array | pa.ChunkedArray) -> int:
    """Characters of the longest text, 0 if there is none."""
    found = pc.max(pc.utf8_length(array)).as_py()
    return int(found or 0)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    return {bool: "true or false", int: "a number", float: "a number", str: "a text", list: "a list"}[type(value)]
