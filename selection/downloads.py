"""The picks of a run as a file: JSON Lines, CSV, Parquet; alone or packed with the manifest.

Rows keep their original columns. What the selection adds is named `_rank`, `_score`, `_key`, `_source`, `_run`.
"""

import json
import tempfile
import zipfile
from collections.abc import Iterator
from typing import IO, Any

from django.utils.text import slugify

from curation.formats import stream_rows, write_rows
from selection import picked, store
from selection.models import Run

TYPES = {
    "jsonl": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}


def name(run: Run) -> str:
    """What the file is called, without its suffix."""
    return f"{slugify(run.pool.name)[:60] or 'pool'}-run-{run.number}"


def rows(run: Run) -> Iterator[dict[str, Any]]:
    """The picked rows by rank: ours first, then the original columns."""
    for row in picked.rows(run):
        ours = {
            "_rank": row[picked.RANK], "_score": row[picked.SCORE], "_key": row[store.KEY],
            "_source": row[store.SOURCE] or "", "_run": run.number,
        }  # fmt: skip
        yield ours | {column: value for column, value in row.items() if column not in picked.OURS}


def columns(run: Run) -> list[str]:
    return ["_rank", "_score", "_key", "_source", "_run", *picked.columns(run)]


def stream(run: Run, format: str) -> Iterator[bytes]:  # noqa: A002  (the word that people use)
    """JSON Lines or CSV in pieces; a piece of rows is held in memory."""
    yield from stream_rows(format, rows(run), columns(run) if format == "csv" else None)


def parquet(run: Run) -> IO[bytes]:
    """A temporary file that goes when it is closed; its columns are known only when all rows were seen."""
    out = tempfile.TemporaryFile()  # noqa: SIM115  (the answer closes it when it is sent)
    write_rows(out, "parquet", rows(run))
    out.seek(0)
    return out


def write(run: Run, format: str, out: IO[bytes]) -> None:  # noqa: A002
    """The picks into an open file."""
    if format == "parquet":
        write_rows(out, "parquet", rows(run))
        return
    for piece in stream(run, format):
        out.write(piece)


def packed(run: Run, format: str) -> IO[bytes]:  # noqa: A002
    """A zip with the picks and their manifest, as a temporary file."""
    out = tempfile.TemporaryFile()  # noqa: SIM115  (the answer closes it when it is sent)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(f"{name(run)}.manifest.json", manifest(run))
        with archive.open(f"{name(run)}.{format}", "w", force_zip64=True) as file:
            if format == "parquet":  # its writer wants to know where it stands
                with parquet(run) as made:
                    while piece := made.read(1 << 20):
                        file.write(piece)
            else:
                write(run, format, file)
    out.seek(0)
    return out


def manifest(run: Run) -> bytes:
    return json.dumps(run.manifest, indent=2, ensure_ascii=False).encode() + b"\n"
