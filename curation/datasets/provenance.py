"""Where each row came from, as the columns of provenance.parquet."""

from collections.abc import Mapping
from typing import Any

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
    ]
)  # fmt: skip


def provenance(one: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a part (key, revision, sha, split, origin, source, licence, lineage) as a row of the file.

    Annotators are counted, not named. What has no column of its own is in `lineage`, as JSON.
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
    return made


def _text(value: Any) -> str | None:
    if value in (None, ""):
        return None
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
