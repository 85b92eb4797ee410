"""Parts: the Parquet files of collections and versions in the storage, sorted by key and named by their content."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from config import storage
from curation.datasets.rows import BATCH, GROUP_ROWS, REPEATING, SCHEMA, TAUGHT, Row, unpack
from curation.datasets.rows import records as recorded
from curation.formats.training import Record

LATER = "tools"  # a column that parts have only where a row fills it; it comes last

Rows = TypeVar("Rows", pa.RecordBatch, pa.Table)
Part = Mapping[str, Any]  # {path, sha256, rows, bytes, first, last}


def save(folder: str, table: pa.Table) -> dict[str, Any]:
    """One part of rows that are sorted by key. The same rows give the same file on every machine."""
    whole = table.cast(SCHEMA)
    if whole.column(LATER).null_count == whole.num_rows:
        whole = whole.drop_columns([LATER])
    with storage.ByContent(folder, "parquet") as file:
        pq.write_table(
            whole, file, compression="zstd", compression_level=1, row_group_size=GROUP_ROWS,
            use_dictionary=[name for name in REPEATING if name != "tags"], write_statistics=["key"], store_schema=False,
        )  # fmt: skip
    keys = table.column("key")
    first, last = (keys[0].as_py(), keys[-1].as_py()) if table.num_rows else ("", "")
    return {
        "path": file.path, "sha256": file.sha256, "rows": table.num_rows, "bytes": file.size, "first": first, "last": last,
    }  # fmt: skip


def opened(part: Part) -> pq.ParquetFile:
    """Raises `Fault` store.missing or store.damaged."""
    return pq.ParquetFile(storage.local_path(part["path"], part["sha256"]), memory_map=True, pre_buffer=False)


def batches(
    parts: Sequence[Part], columns: Sequence[str] | None = None, split: str | None = None, size: int = BATCH
) -> Iterator[pa.RecordBatch]:
    """All rows in the order of their keys, some at a time; of one split if it is named."""
    names = None if columns is None else list(dict.fromkeys([*columns, *(["split"] if split is not None else [])]))
    for part in parts:
        with opened(part) as file:
            for batch in file.iter_batches(batch_size=size, columns=names, use_threads=False):
                found = _whole(batch, names)
                if split is not None:
                    found = found.filter(pc.equal(found.column("split"), split))
                if found.num_rows:
                    yield found


def _whole(found: Rows, names: Sequence[str] | None) -> Rows:
    """With the column that the part does not have."""
    if LATER in found.schema.names or (names is not None and LATER not in names):
        return found
    return found.append_column(SCHEMA.field(LATER), pa.nulls(found.num_rows, SCHEMA.field(LATER).type))


def rows(parts: Sequence[Part], split: str | None = None) -> Iterator[Row]:
    for batch in batches(parts, split=split):
        yield from unpack(batch)


def records(parts: Sequence[Part], split: str) -> Iterator[Record]:
    """What trainers see of the rows of a split, in the order of their keys."""
    for batch in batches(parts, TAUGHT, split):
        yield from recorded(batch)


def of_origin(parts: Sequence[Part], origin: str, split: str) -> Iterator[Record]:
    """The same of one origin and split. Keys begin with their origin and a slash, so its rows lie side by side."""
    low, high = f"{origin}/", f"{origin}0"
    for part in parts:
        if part["last"] < low or part["first"] >= high:
            continue
        for _, table in between(part, low, high, [*TAUGHT, "origin"]):
            mine = pc.and_(pc.equal(table.column("origin"), origin), pc.equal(table.column("split"), split))
            yield from recorded(table.filter(mine))


def one(parts: Sequence[Part], key: str) -> Row | None:
    """The row of that key: only parts and row groups that may hold it are opened."""
    for part in parts:
        if not part["first"] <= key <= part["last"]:
            continue
        with opened(part) as file:
            for number in _groups(file, key, key, inclusive=True):
                table = _whole(file.read_row_group(number, use_threads=False), None)
                found = table.filter(pc.equal(table.column("key"), key))
                if found.num_rows:
                    return next(unpack(found))
    return None


def between(part: Part, low: str, high: str, columns: Sequence[str] | None = None) -> Iterator[tuple[int, pa.Table]]:
    """(place of its first row, rows) of the row groups that may hold keys of low <= key < high ("" = no end)."""
    with opened(part) as file:
        starts, at = [], 0
        for number in range(file.metadata.num_row_groups):
            starts.append(at)
            at += file.metadata.row_group(number).num_rows
        for number in _groups(file, low, high):
            names = list(columns) if columns else None
            yield starts[number], _whole(file.read_row_group(number, columns=names, use_threads=False), names)


def _groups(file: pq.ParquetFile, low: str, high: str, inclusive: bool = False) -> Iterator[int]:
    place = file.schema_arrow.get_field_index("key")
    for number in range(file.metadata.num_row_groups):
        facts = file.metadata.row_group(number).column(_leaf(file, place)).statistics
        if (
            facts is None
            or not facts.has_min_max
            or (facts.max >= low and (not high or facts.min < high or (inclusive and facts.min <= high)))
        ):
            yield number


def _leaf(file: pq.ParquetFile, place: int) -> int:
    """`key` is the first column, so its leaf is the first one too."""
    assert place == 0  # noqa: S101
    return 0
