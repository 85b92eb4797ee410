"""Files of rows: JSON Lines, JSON, CSV, TSV and Parquet, each also packed with gzip or zstd. Pure: no Django.

    source = sniff(path)
    with open_rows(path, source, Limits()) as reader:
        for batch in reader:
            batch.table, batch.lines, batch.bad

A new format is one file and one line in `reader.FORMATS` (and in `writing.WRITERS`, if it can be written).
"""

from curation.content import row_dicts
from curation.formats.base import BAD_CODES, TEXTS, BadRow, Batch, FormatError, Limits, Source
from curation.formats.building import common_schema, concat, conform, from_rows
from curation.formats.previewing import Preview, preview
from curation.formats.reader import FORMATS, Reader, open_rows
from curation.formats.sniffing import NAMES, sniff
from curation.formats.writing import WRITERS, stream_rows, write_rows

__all__ = [
    "BAD_CODES",
    "FORMATS",
    "NAMES",
    "TEXTS",
    "WRITERS",
    "BadRow",
    "Batch",
    "FormatError",
    "Limits",
    "Preview",
    "Reader",
    "Source",
    "common_schema",
    "concat",
    "conform",
    "from_rows",
    "open_rows",
    "preview",
    "row_dicts",
    "sniff",
    "stream_rows",
    "write_rows",
]
