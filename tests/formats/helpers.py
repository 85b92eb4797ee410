"""Reading a whole file in a test, from bytes or a path."""

import gzip
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import zstandard

from curation.formats import BadRow, Limits, open_rows, row_dicts, sniff

PACK = {"": lambda data: data, ".gz": gzip.compress, ".zst": zstandard.compress}


def read(
    data: bytes | str | Path, name: str = "rows", limits: Limits | None = None, **how: int
) -> tuple[list[dict[str, Any]], list[int], list[BadRow]]:
    """All rows, their lines, and the bad rows."""
    file: Any = data if isinstance(data, Path) else io.BytesIO(data.encode() if isinstance(data, str) else data)
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    bad: list[BadRow] = []
    with open_rows(file, sniff(file, name), limits or Limits(), **how) as reader:
        for batch in reader:
            assert len(batch.lines) == batch.table.num_rows
            rows += row_dicts(batch.table)
            lines += batch.lines
            bad += batch.bad
        assert (reader.rows, reader.bad) == (len(rows), len(bad))
        assert reader.position() == reader.total
    return rows, lines, bad


def parquet(table: pa.Table, **how: Any) -> bytes:
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(table, out, **how)
    return out.getvalue()


def present(row: dict[str, Any]) -> dict[str, Any]:
    """A row without its nulls: a key that is not there and a null read the same."""
    return {key: value for key, value in row.items() if value is not None}
