"""Rows into a collection: written as they come, in sorted parts."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from django.utils import timezone

from config.faults import Fault
from curation import parts
from curation.datasets.rows import BATCH, PART_CHARS, PART_ROWS, Row, pack
from curation.models import Collection

FACTS = ("source", "licence", "language")
SHOWN = 100


def write(collection: Collection, rows: Iterable[Row], told: Callable[[int], None] = lambda _: None) -> dict[str, Any]:
    """{parts, rows, chars, bytes, facts} for `finish`. Raises `Fault` collection.empty."""
    walk, held, made = iter(rows), list[pa.Table](), list[dict[str, Any]]()
    size = count = chars = done = 0
    counts: dict[str, Counter[str]] = {name: Counter() for name in FACTS}

    def save() -> None:
        nonlocal held, size, count
        table = pa.concat_tables(held)
        made.append(parts.save(folder(collection), table.take(pc.sort_indices(table.column("key")))))
        held, size, count = [], 0, 0

    while batch := list(islice(walk, BATCH)):
        table = pack(batch)
        held.append(table)
        size += (new := pc.sum(table.column("chars")).as_py())
        chars, count, done = chars + new, count + len(batch), done + len(batch)
        for name, counter in counts.items():
            counter.update(getattr(row, name) for row in batch)
        if count >= PART_ROWS or size >= PART_CHARS:
            save()
        told(done)
    if held:
        save()
    if not done:
        raise Fault("collection.empty", name=collection.name)
    return {
        "parts": made, "rows": done, "chars": chars, "bytes": sum(part["bytes"] for part in made),
        "facts": {name: dict(counter.most_common(SHOWN)) for name, counter in counts.items()},
    }  # fmt: skip


def finish(pk: int, result: Mapping[str, Any]) -> None:
    """In the transaction that ends the step: the rows are in."""
    Collection.objects.filter(pk=pk, ready_at=None).update(ready_at=timezone.now(), **result)


def folder(collection: Collection) -> str:
    return f"collections/{collection.pk}"
