"""The picked rows of a run as files: one Parquet a shard, in the order of their ranks, with the original columns.

Downloads, the text filter and the opened row read them, so none of these goes back to the pool's shards.
"""

import hashlib
import heapq
import io
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curation.content import Content, Mapping, read, row_dicts
from selection import store
from selection.models import Run, Shard

RANK, SCORE, TEXT, REASON, ROW = "_rank", "_score", "_text", "_reason", "_row"
HUB = "_hub"  # of `contents`: what is known of the hub's dataset that the row is from, {} for a file
OURS = (RANK, SCORE, TEXT, REASON, ROW, HUB, *store.OWN)
GROUP = 500  # rows of one row group: what opening a single row reads


def save(run_id: int, table: pa.Table) -> dict[str, Any]:
    """Write the picked rows of one shard; returns {path, sha256, rows, bytes} for the step's result."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", compression_level=1, row_group_size=GROUP)
    data = sink.getbuffer()
    sha = hashlib.sha256(data).hexdigest()
    path = f"runs/{run_id}/{sha}.parquet"
    if not store.exists(path):
        with store.writing(path) as file:
            file.write(data)
    return {"path": path, "sha256": sha, "rows": table.num_rows, "bytes": len(data)}


def _open(run: Run, stack: ExitStack) -> list[pq.ParquetFile]:
    files = (pq.ParquetFile(store.local_path(entry["path"], entry["sha256"]), memory_map=True) for entry in run.files)
    return [stack.enter_context(file) for file in files]


def columns(run: Run) -> list[str]:
    """The original columns of all picked rows, in the order in which they are met."""
    with ExitStack() as stack:
        names = dict.fromkeys(name for file in _open(run, stack) for name in file.schema_arrow.names)
    return [name for name in names if name not in OURS]


def rows(run: Run) -> Iterator[dict[str, Any]]:
    """Every picked row by rank, with the original columns and ours; a batch of each file is held in memory."""
    with ExitStack() as stack:
        yield from heapq.merge(*(_walk(file) for file in _open(run, stack)), key=lambda row: row[RANK])


def _walk(file: pq.ParquetFile) -> Iterator[dict[str, Any]]:
    for batch in file.iter_batches(batch_size=GROUP, use_threads=False):
        yield from row_dicts(pa.Table.from_batches([batch]))


def contents(run: Run) -> Iterator[tuple[Content, dict[str, Any]]]:
    """Every picked row by rank: what it says by the mapping of its shard, and the row with ours."""
    known = Shard.objects.select_related("made_by__fetch").in_bulk([entry["shard"] for entry in run.files])
    shards = [known[entry["shard"]] for entry in run.files]
    with ExitStack() as stack:
        walks = [
            _said(file, Mapping.from_dict(shard.mapping), hub_of(shard))
            for file, shard in zip(_open(run, stack), shards, strict=True)
        ]
        for _, content, found in heapq.merge(*walks, key=lambda item: item[0]):
            yield content, found


def _said(
    file: pq.ParquetFile, mapping: Mapping, hub: dict[str, str]
) -> Iterator[tuple[int, Content, dict[str, Any]]]:  # fmt: skip
    for row in _walk(file):
        row[HUB] = hub
        yield row[RANK], read(row, mapping), row


def hub_of(shard: Shard) -> dict[str, str]:
    """Dataset, configuration, split, commit and licence of rows that came from the hub."""
    fetch = shard.made_by.fetch if shard.made_by is not None else None
    return {name: value for name, value in fetch.facts.items() if value} if fetch is not None else {}


def row(run: Run, shard_id: int, rank: int) -> tuple[dict[str, Any], str]:
    """One picked row as it came, and its text view. Raises `LookupError` if the run has no such pick."""
    entry = next((entry for entry in run.files if entry["shard"] == shard_id), None)
    if entry is None:
        raise LookupError(rank)
    with pq.ParquetFile(store.local_path(entry["path"], entry["sha256"]), memory_map=True) as file:
        ranks = file.read([RANK], use_threads=False).column(0).to_numpy()
        place = int(np.searchsorted(ranks, rank))
        if place >= len(ranks) or ranks[place] != rank:
            raise LookupError(rank)
        group, within = divmod(place, GROUP)
        table = file.read_row_group(group, use_threads=False).slice(within, 1)
    found = row_dicts(table)[0]
    return {name: value for name, value in found.items() if name not in OURS}, found[TEXT]


def ranks_with(run: Run, text: str) -> NDArray[np.int64]:
    """Ranks, ascending, of the picks whose text contains `text`, capital or not."""
    found: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    with ExitStack() as stack:
        for file in _open(run, stack):
            for batch in file.iter_batches(columns=[RANK, TEXT], use_threads=False):
                hit = pc.match_substring(batch.column(1), text, ignore_case=True)
                found.append(batch.column(0).filter(hit).to_numpy(zero_copy_only=False).astype(np.int64))
    return np.sort(np.concatenate(found))
