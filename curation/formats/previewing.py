"""The first rows of a file, for the page on which its columns are mapped."""

from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from curation.content import Guess, guess, is_json, row_dicts
from curation.formats.base import BadRow, Limits, Source
from curation.formats.reader import open_rows
from curation.formats.sniffing import NAMES, sniff

_LOOKED_AT = 50  # rows by which the guess is made


@dataclass(frozen=True, slots=True)
class Preview:
    """`rows` with their `lines`; `kinds` says of each column text, JSON or its Parquet type; `bad` among the first.

    `facts`: format (in words), compression, bytes, and of Parquet rows and row_groups.
    """

    source: Source
    columns: list[str]
    kinds: dict[str, str]
    rows: list[dict[str, Any]]
    lines: list[int]
    bad: list[BadRow]
    guess: Guess
    facts: dict[str, Any]


def preview(file: str | Path | IO[bytes], n: int = 10, name: str = "", limits: Limits | None = None) -> Preview:
    """The first `n` rows, what the file is, and a guess at its form. Reads no more than the beginning of it.

    A Parquet file inside gzip or zstd is unpacked whole, because its description stands at its end. Raises
    `FormatError`.
    """
    source = sniff(file, name)
    looked_at = max(n, _LOOKED_AT)
    with open_rows(file, source, limits, batch_rows=looked_at) as reader:
        batch = next(iter(reader))
        seen = row_dicts(batch.table.slice(0, min(looked_at, batch.table.num_rows)))
        facts = {
            "format": NAMES[source.format],
            "compression": source.compression,
            "bytes": reader.total,
            **reader.facts,
        }
    names = batch.table.column_names
    return Preview(
        source,
        names,
        {field.name: _kind(field) for field in batch.table.schema},
        seen[:n],
        list(batch.lines[:n]),
        batch.bad,
        guess(names, seen),
        facts,
    )


def _kind(field: pa.Field) -> str:
    if is_json(field):
        return "JSON"
    return "text" if pa.types.is_string(field.type) or pa.types.is_large_string(field.type) else str(field.type)
