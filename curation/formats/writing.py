"""Rows out: JSON Lines, CSV, TSV and Parquet. Memory does not grow with the number of rows."""

import csv
import io
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.content import row_dicts
from curation.content.jsontext import dumps
from curation.formats.building import common_schema, conform, from_rows

_BATCH = 5_000
_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")
Rows = Iterable[Mapping[str, Any]]


def write_rows(
    path: str | Path | IO[bytes],
    format: str,  # noqa: A002 - the word that people use
    rows: Rows,
    *,
    columns: Sequence[str] | None = None,
    quote_formulas: bool = True,
) -> int:
    """Writes rows and returns how many. `path` may be an open binary file, which stays the caller's to close.

    columns: which and in what order; None takes all in the order in which they are met. Values that are no text are
    written to CSV as JSON, None as an empty cell. quote_formulas: a CSV text that a spreadsheet would run as a
    formula (it begins with `=`, `+`, `-`, `@`, a tab or a carriage return, and is no number) gets a `'` in front.
    In Parquet a column that holds more than texts is JSON text marked `winnow.json`; `row_dicts` opens it.

    Raises `ValueError` for another format.
    """
    if format not in WRITERS:
        raise ValueError(f"rows cannot be written as {format!r}; the formats are {', '.join(WRITERS)}")
    if isinstance(path, str | Path):
        with Path(path).open("wb") as out:
            return WRITERS[format](out, rows, columns, quote_formulas)
    return WRITERS[format](path, rows, columns, quote_formulas)


def stream_rows(
    format: str,  # noqa: A002 - the word that people use
    rows: Rows,
    columns: Sequence[str] | None = None,
    *,
    batch: int = 1_000,
) -> Iterator[bytes]:
    """The same as `write_rows` in pieces of `batch` rows, for an answer that is sent while it is made.

    JSON Lines, CSV and TSV; of the latter two the columns must be given. Raises `ValueError` for others.
    """
    if format not in ("jsonl", "csv", "tsv") or (format != "jsonl" and columns is None):
        raise ValueError(f"rows cannot be sent piece by piece as {format!r}")
    head = b""
    if format != "jsonl":
        head = _piece(format, [], columns)
        yield head
    for piece in _batches(rows, batch):
        # Every piece of a table comes with the header line, which stands only once.
        yield _piece(format, piece, columns)[len(head) :]


def _piece(format: str, rows: Rows, columns: Sequence[str] | None) -> bytes:  # noqa: A002
    out = io.BytesIO()
    write_rows(out, format, rows, columns=columns)
    return out.getvalue()


def _jsonl(out: IO[bytes], rows: Rows, columns: Sequence[str] | None, quote: bool) -> int:
    count = 0
    for batch in _batches(rows):
        picked = batch if columns is None else [{name: row.get(name) for name in columns} for row in batch]
        out.write("".join([dumps(row) + "\n" for row in picked]).encode())
        count += len(batch)
    return count


def _csv(out: IO[bytes], rows: Rows, columns: Sequence[str] | None, quote: bool, delimiter: str = ",") -> int:
    if columns is None:
        with tempfile.TemporaryFile() as kept:
            columns = list(_spool(kept, rows).names)
            return _csv(out, _unspool(kept), columns, quote, delimiter)
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    # Line ends as RFC 4180 has them; with "\n" alone Python 3.11 leaves a lone "\r" unquoted.
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow([_cell(name, quote) for name in columns])
    count = 0
    for batch in _batches(rows):
        writer.writerows([[_cell(row.get(name), quote) for name in columns] for row in batch])
        count += len(batch)
    text.detach()
    return count


def _tsv(out: IO[bytes], rows: Rows, columns: Sequence[str] | None, quote: bool) -> int:
    return _csv(out, rows, columns, quote, "\t")


def _parquet(out: IO[bytes], rows: Rows, columns: Sequence[str] | None, quote: bool) -> int:
    if columns is not None:
        rows = ({name: row.get(name) for name in columns} for row in rows)
    count = 0
    with tempfile.TemporaryFile() as kept:
        schema = _spool(kept, rows)
        with pq.ParquetWriter(out, schema, compression="zstd") as writer:
            for table in _tables(kept):
                writer.write_table(conform(table, schema))
                count += table.num_rows
    return count


def _cell(value: Any, quote: bool) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        return dumps(value)
    risky = quote and _FORMULA.match(value) and not _NUMBER.fullmatch(value)
    return f"'{value}" if risky else value


def _batches(rows: Rows, size: int = _BATCH) -> Iterator[list[Mapping[str, Any]]]:
    walk = iter(rows)
    while batch := list(islice(walk, size)):
        yield batch


def _spool(kept: IO[bytes], rows: Rows) -> pa.Schema:
    """Keeps the rows on disk until all their columns are known, and says which they are."""
    schemas: list[pa.Schema] = []
    for batch in _batches(rows):
        table = from_rows([dict(row) for row in batch])
        # Two schemas are only the same if the marks of JSON text are, which `==` does not look at.
        if not schemas or not table.schema.equals(schemas[0], check_metadata=True):
            schemas = [common_schema([*schemas, table.schema])]
        with pa.ipc.new_stream(kept, table.schema) as writer:
            writer.write_table(table)
    kept.seek(0)
    return schemas[0] if schemas else pa.schema([])


def _tables(kept: IO[bytes]) -> Iterator[pa.Table]:
    end = kept.seek(0, 2)
    kept.seek(0)
    while kept.tell() < end:
        yield pa.ipc.open_stream(kept).read_all()


def _unspool(kept: IO[bytes]) -> Iterator[dict[str, Any]]:
    for table in _tables(kept):
        yield from row_dicts(table)


# One line a format that can be written.
WRITERS: dict[str, Callable[[IO[bytes], Rows, Sequence[str] | None, bool], int]] = {
    "jsonl": _jsonl,
    "csv": _csv,
    "tsv": _tsv,
    "parquet": _parquet,
}
