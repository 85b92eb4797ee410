"""Feature sets of a pool: which files are made, and their vectors as arrays."""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from config.faults import Fault
from selection import models, store
from selection.methods.base import FEATURE_ROWS, Item

PREFIX = "features:"


def grid(sizes: Sequence[int]) -> list[Item]:
    """The files of a feature set: every 2,048 rows of each shard, wherever the run is cut otherwise."""
    cut: list[Item] = []
    for shard, rows in enumerate(sizes):
        for start in range(0, rows, FEATURE_ROWS):
            cut.append(Item(len(cut), shard, start, min(start + FEATURE_ROWS, rows)))
    return cut


def missing(shards: Sequence[models.Shard], name: str) -> list[Item]:
    """The items that no earlier run has made."""
    made = set(models.Feature.objects.filter(shard__in=shards, name=name).values_list("shard_id", "start"))
    todo = [item for item in grid([s.rows for s in shards]) if (shards[item.shard].pk, item.start) not in made]
    return [item._replace(index=at) for at, item in enumerate(todo)]


def save(shard: models.Shard, item: Item, vectors: NDArray[Any]) -> dict[str, Any]:
    """Write one file, bytes (uint8) as they are and numbers as float16; what `note` needs.

    Raises `ValueError` for an array of the wrong shape.
    """
    if vectors.ndim != 2 or len(vectors) != item.rows:
        raise ValueError(f"a feature set of {item.rows} rows cannot have the shape {vectors.shape}")
    with store.ByContent(f"features/{shard.pool_id}", "npy") as file:
        np.lib.format.write_array(file, np.ascontiguousarray(vectors, _kind(vectors)), allow_pickle=False)  # type: ignore[arg-type]
    return {
        "start": item.start, "stop": item.stop, "dims": vectors.shape[1], "path": file.path, "sha256": file.sha256,
        "bytes": file.size,
    }  # fmt: skip


def note(shard_id: int, name: str, made: dict[str, Any]) -> None:
    """From now on the file counts; of two runs that made the same at once the first stays."""
    models.Feature.objects.bulk_create([models.Feature(shard_id=shard_id, name=name, **made)], ignore_conflicts=True)


def of_shard(shard: models.Shard, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
    """float16 (or uint8) [rows, dims] of these rows; a memory map where they lie in one file. Raises `Fault` store.missing."""
    stop = shard.rows if stop is None else stop
    files = models.Feature.objects.filter(shard=shard, name=name, start__lt=stop, stop__gt=start).order_by("start")
    found = [_open(one)[max(start - one.start, 0) : stop - one.start] for one in files]
    if sum(len(piece) for piece in found) != stop - start:
        raise Fault("store.missing", path=f"{name} of {shard}")
    return found[0] if len(found) == 1 else np.concatenate(found) if found else np.empty((0, 1), np.float16)


def of_pool(shards: Iterable[models.Shard], name: str) -> NDArray[Any]:
    """float16 (or uint8) [rows, dims] of all shards one after the other, as a memory map that ends with the process."""
    held = [shard for shard in shards if shard.rows]
    files = list(models.Feature.objects.filter(shard__in=held, name=name))
    if not files:
        return np.empty((0, 1), np.float16)
    folder = Path(settings.VAR) / "cache"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:  # the map holds the file open; its name is gone at once
        whole: NDArray[Any] = np.memmap(
            file, _open(files[0]).dtype, "w+", shape=(sum(shard.rows for shard in held), files[0].dims)
        )
    at = 0
    for shard in held:
        whole[at : at + shard.rows] = of_shard(shard, name)
        at += shard.rows
    return whole


def _kind(vectors: NDArray[Any]) -> type[np.uint8] | type[np.float16]:
    return np.uint8 if vectors.dtype == np.uint8 else np.float16


def _open(one: models.Feature) -> NDArray[Any]:
    found: NDArray[Any] = np.load(store.local_path(one.path, one.sha256), mmap_mode="r", allow_pickle=False)
    return found
