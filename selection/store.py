"""Shards of pools and parts of runs as files. What any file needs is in `config.storage`; its names are here too."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from config.storage import (
    ByContent,
    delete,
    delete_prefix,
    exists,
    is_local,
    keep_only,
    local_path,
    older_than,
    open_file,
    read,
    root,
    size,
    usage,
    writing,
)
from selection.models import Shard

__all__ = [
    "ByContent", "delete", "delete_prefix", "exists", "is_local", "keep_only", "local_path", "older_than", "open_file", "read",
    "root", "size", "usage", "writing",
]  # fmt: skip

KEY, SOURCE, CHARS = "_key", "_source", "_chars"
OWN = (KEY, SOURCE, CHARS)
ROW_GROUP = 2_000  # rows; a page of the row browser reads one group
GROUP_BYTES = 8 << 20  # in memory


@dataclass(frozen=True, slots=True)
class ShardFile:
    path: str
    sha256: str
    rows: int
    bytes: int


# --- writing ---


def write_shard(pool_id: int, table: pa.Table) -> ShardFile:
    """One Parquet file (zstd) of a pool. The table has `_key`, `_source` and `_chars`.

    Row groups have 2,000 rows, fewer where rows are long. The file is hashed on its way to the disk, never held.
    """
    with ByContent(f"pools/{pool_id}", "parquet") as file:
        pq.write_table(
            table, file, compression="zstd", compression_level=1, row_group_size=_group_rows(table), write_statistics=False,
            use_dictionary=[name for name in table.column_names if _repeats(table, name)],
        )  # fmt: skip
    return ShardFile(file.path, file.sha256, table.num_rows, file.size)


def _group_rows(table: pa.Table) -> int:
    """Rows of a group: so few that a page of the row browser reads no more than some 8 MiB for its 20 rows."""
    rows = ROW_GROUP
    while rows > 20 and table.nbytes * rows > GROUP_BYTES * max(table.num_rows, 1):
        rows //= 2
    return rows


def _repeats(table: pa.Table, name: str) -> bool:
    """Whether a column has few values: a dictionary pays there and costs time everywhere else."""
    column = table.column(name)
    if not pa.types.is_string(column.type) or name == KEY:
        return False
    probe = column.slice(0, 2000)
    return len(probe) > 0 and pc.count_distinct(probe).as_py() * 4 < len(probe)


def save_part(run_id: int, data: bytes) -> str:
    """A part of a run (npz); returns its path."""
    with ByContent(f"runs/{run_id}", "npz") as file:
        file.write(data)
    return file.path


def load_part(path: str) -> bytes:
    """Raises `Fault` store.missing or store.damaged."""
    return read(path, PurePosixPath(path).stem)


# --- reading ---


def open_shard(shard: Shard) -> pq.ParquetFile:
    """The shard's file, checked. Raises `Fault` store.missing or store.damaged."""
    return _parquet(str(local_path(shard.path, shard.sha256)))


def _parquet(place: str) -> pq.ParquetFile:
    return pq.ParquetFile(place, memory_map=True, pre_buffer=False)


def rows(shard: Shard, start: int = 0, stop: int | None = None, columns: Sequence[str] | None = None) -> pa.Table:
    """Rows `start` to `stop` (positions within the shard) as a table; only the row groups that hold them are read."""
    with open_shard(shard) as file:
        stop = shard.rows if stop is None else min(stop, shard.rows)
        first, at = 0, 0
        groups: list[int] = []
        for number in range(file.metadata.num_row_groups):
            count = file.metadata.row_group(number).num_rows
            if at + count > start and at < stop:
                if not groups:
                    first = at
                groups.append(number)
            at += count
        names = list(columns) if columns is not None else None
        if not groups:
            return file.schema_arrow.empty_table().select(names or file.schema_arrow.names)
        return file.read_row_groups(groups, columns=names, use_threads=False).slice(start - first, stop - start)


def keys(shard: Shard) -> Iterator[list[str]]:
    """The row keys of a shard, a row group at a time."""
    with open_shard(shard) as file:
        for batch in file.iter_batches(batch_size=ROW_GROUP, columns=[KEY], use_threads=False):
            yield batch.column(0).to_pylist()
