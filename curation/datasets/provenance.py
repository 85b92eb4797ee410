"""Where each row came from, as the columns of provenance.parquet."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

NUMBERS = ("task", "example", "pool", "run", "generation", "candidate", "annotation")
SCHEMA = pa.schema(
    [
        ("key", pa.string()), ("revision", pa.int32()), ("sha256", pa.string()), ("split", pa.string()),
        ("origin", pa.string()), ("source", pa.string()), ("licence", pa.string()),
        *((name, pa.int64()) for name in NUMBERS), ("pool_row", pa.string()), ("file", pa.string()), ("line", pa.int64()),
        ("passage", pa.string()), ("model", pa.string()), ("requests", pa.list_(pa.string())),
        ("annotations", pa.list_(pa.int64())), ("annotators", pa.int32()), ("lineage", pa.string()),
        ("export_file", pa.string()), ("export_rows", pa.list_(pa.int64())),
    ]
)  # fmt: skip


@dataclass(slots=True)
class _File:
    """numbers: for each row of the file, in its order, which record of the file it was made of."""

    name: str
    numbers: "array[int]" = field(default_factory=lambda: array("i"))
    order: Any = None  # the rows of the file, sorted by record
    done: int = 0  # of `order`
    record: int = 0

    def next(self) -> list[int]:
        """The rows that the next record became."""
        if self.order is None:
            self.order = np.argsort(np.frombuffer(self.numbers, np.int32), kind="stable").astype(np.int32)
        found: list[int] = []
        while self.done < len(self.order) and self.numbers[place := int(self.order[self.done])] == self.record:
            found.append(place)
            self.done += 1
        self.record += 1
        return found


class Places:
    """Where the rows of a version lie in the files of an export: noted while they are written, asked in the same order.

    Memory: 8 bytes a row.
    """

    def __init__(self) -> None:
        self._files: dict[tuple[str, str], _File] = {}

    def begin(self, name: str, split: str, origin: str = "") -> Callable[[int], None]:
        """What is told the number of the record of each row of this file. origin: of a file that holds just one."""
        made = self._files[split, origin] = _File(name)
        return made.numbers.append

    def next(self, split: str, origin: str) -> tuple[str | None, list[int]]:
        """File and rows (from 0) of the next record of the split; (None, []) for one that was not written."""
        found = self._files.get((split, "")) or self._files.get((split, origin))
        rows = found.next() if found else []
        return (found.name, rows) if found and rows else (None, [])


def provenance(one: Mapping[str, Any], file: str | None = None, rows: Sequence[int] = ()) -> dict[str, Any]:
    """The row of a part (key, revision, sha, split, origin, source, licence, lineage) as a row of the file.

    file, rows: where it lies in the export. Annotators are counted, not named. What has no column of its own is in
    `lineage`, as JSON.
    """
    lineage = orjson.loads(one["lineage"])
    made: dict[str, Any] = {name: one[name] for name in ("key", "revision", "split", "origin", "source", "licence")}
    made["sha256"] = one["sha"].hex()
    for name in (*NUMBERS, "line"):
        made[name] = value if type(value := lineage.get(name)) is int else None
    made["pool_row"] = _text(lineage.get("key")) if lineage.get("pool") else None
    made["file"], made["model"] = _text(lineage.get("file")), _text(lineage.get("model"))
    made["passage"] = _text(lineage.get("passage"))
    made["requests"] = [str(value) for value in lineage.get("requests") or []]
    made["annotations"] = [value for value in lineage.get("annotations") or [] if type(value) is int]
    made["annotators"] = lineage.get("annotators") or 0
    made["lineage"] = one["lineage"]
    made["export_file"], made["export_rows"] = file, rows
    return made


def _text(value: Any) -> str | None:
    if value in (None, ""):
        return None
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
