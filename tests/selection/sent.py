"""Files as a person sends them, and what lies in the storage afterwards."""

import gzip
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from curation.formats import row_dicts
from jobs.runner import run_job
from selection import store
from selection.models import Import, Pool

HX = {"HX-Request": "true"}


def rows(count: int, start: int = 0) -> list[dict[str, str]]:
    return [
        {"instruction": f"Add {n} and 1.", "input": "", "output": str(n + 1), "source": "even" if n % 2 == 0 else "odd"}
        for n in range(start, start + count)
    ]


def jsonl(*found: Any) -> bytes:
    return b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in found)


def parquet(found: list[dict[str, Any]]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(found), out)
    return out.getvalue()


PACKED = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}


def stored() -> list[str]:
    """The files in the storage."""
    fs, base = store.root()
    return sorted(name.removeprefix(f"{base}/") for name in fs.find(base))


def send(client, cast, data: bytes, name: str = "rows.jsonl", pool: str = "Open pool"):
    """The answer to a new pool from a file."""
    url = reverse("pool_new", args=[cast.team.slug])
    return client.post(url, {"name": pool, "file": SimpleUploadedFile(name, data)})


def add(client, pool: Pool, data: bytes, name: str = "more.jsonl"):
    return client.post(reverse("pool_add", args=[pool.pk]), {"file": SimpleUploadedFile(name, data)})


def begin(client, found: Import, **mapping: str):
    """Start a draft with its guess, or with this mapping."""
    return client.post(found.get_absolute_url(), {"do": "start", "max_bad": "10"} | (mapping or found.mapping))


def finish(found: Import) -> Import:
    """Run the job here until it has ended."""
    found.refresh_from_db()
    run_job(found.job)
    return Import.objects.select_related("job", "pool").get(pk=found.pk)


def imported(client, cast, data: bytes, name: str = "rows.jsonl", pool: str = "Open pool", **mapping: str) -> Import:
    """The whole way from the file to its end."""
    answer = send(client, cast, data, name, pool)
    assert answer.status_code == 303, answer.content.decode()
    found = Import.objects.latest("pk")
    assert begin(client, found, **mapping).status_code == 303
    return finish(found)


def of_pool(pool: Pool, column: str) -> list[Any]:
    """A column of all rows of a pool, in order."""
    return [row[column] for shard in pool.shards.order_by("index") for row in row_dicts(store.rows(shard))]
