"""What every format shares: limits, batches, bad rows, and the errors that stop a whole file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa

EXCERPT_CHARS = 200


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a file may ask of us. Bytes unless said otherwise; enforced while reading, never after."""

    max_bytes: int = 20 * 2**30  # of the file as it came
    max_decompressed: int = 100 * 2**30
    max_ratio: int = 200  # decompressed bytes per compressed byte, once 16 MiB have come out
    max_line_bytes: int = 8 * 2**20  # of one line, record or array element
    max_field_chars: int = 1_000_000
    max_rows: int = 100_000_000  # good and bad together
    max_columns: int = 1_000


@dataclass(frozen=True, slots=True)
class Source:
    """What a file is, judged by its content.

    format: jsonl, json, csv, tsv or parquet. compression: "", gzip or zstd. delimiter and quoted: of CSV and TSV.
    form: natural_instructions for a task file, else "". note: a sentence where the name says something else.
    """

    format: str
    compression: str = ""
    name: str = ""
    delimiter: str = ""
    quoted: bool = True
    form: str = ""
    note: str = ""


class BadRow(NamedTuple):
    """A row that was left out: its line (of Parquet its row, from 1), a code, a plain reason, how it begins."""

    line: int
    code: str
    reason: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Good rows and bad ones of one stretch of a file.

    `table` holds text columns, and columns of JSON text marked `winnow.json` (see `row_dicts`); Parquet columns
    keep their types. `lines[i]` is the line on which row i begins (of Parquet its row, from 1).
    """

    table: pa.Table
    lines: Sequence[int]
    bad: list[BadRow] = field(default_factory=list)


# Why a row was left out: code -> how its kind is named in a count.
BAD_CODES: dict[str, str] = {
    "bad_json": "not JSON",
    "not_object": "not an object with fields",
    "utf8": "not valid UTF-8",
    "nul": "contains a NUL character",
    "too_long": "too long",
    "too_deep": "nested too deeply",
    "columns": "too many or unusable field names",
    "ragged": "wrong number of values",
    "quotes": "quoted wrongly",
    "unclosed": "a quote that is not closed",
}

# code -> what it is called, what happened, what to do. Braces are filled from the facts of the error.
TEXTS: dict[str, tuple[str, str, str]] = {
    "format.empty": (
        "The file is empty",
        "{name} holds no data.",
        "Check that it was saved completely, then send it again.",
    ),
    "format.no_rows": (
        "The file has no rows",
        "{name} was read to its end as {format} and holds no row.",
        "Check that it is the right file. A JSON file needs a list of objects, a table needs rows below its header.",
    ),
    "format.unknown": (
        "This kind of file cannot be read",
        "{name} looks like {looks_like}.",
        "Send JSONL, a JSON array, CSV, TSV or Parquet; each may be packed with gzip or zstd.",
    ),
    "format.encoding": (
        "The text is not UTF-8",
        "{name} is written in {encoding}.",
        "Save it as UTF-8 and send it again.",
    ),
    "format.too_large": (
        "The file is too large",
        "{name} has {size} bytes; the limit is {limit}.",
        "Cut it in parts, or ask the person who runs this installation to raise the limit.",
    ),
    "format.bomb": (
        "The file unpacks to far more than its size",
        "{name} unpacks to more than {limit} {unit}, so reading was stopped.",
        "If the content is really meant, send it unpacked or cut in parts.",
    ),
    "format.cut_off": (
        "The file ends too early",
        "The packed data of {name} stops in the middle after {position} bytes.",
        "The upload or the copy was probably interrupted. Send the file again.",
    ),
    "format.corrupt": (
        "The file is damaged",
        "{name} could not be read as {format}: {detail}.",
        "Make the file again from its source and send it again.",
    ),
    "format.encrypted": (
        "The file is encrypted",
        "{name} is an encrypted Parquet file.",
        "Decrypt it first and send the plain file.",
    ),
    "format.columns": (
        "The columns cannot be used",
        "{name} has {detail}.",
        "Rename or remove columns so that each has its own name, and no more than the limit.",
    ),
    "format.too_many_rows": (
        "The file has too many rows",
        "{name} has more than {limit} rows.",
        "Cut it in parts, or ask the person who runs this installation to raise the limit.",
    ),
}


class FormatError(Exception):
    """A file that cannot be read at all, or not further. `code` is a key of `TEXTS`, `facts` fill its braces."""

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(code, facts)
        self.code, self.facts = code, facts

    def __str__(self) -> str:
        title, what, advice = (text.format(**self.facts) for text in TEXTS[self.code])
        return f"{title}. {what} {advice}"


def excerpt(raw: bytes | str) -> str:
    """How a bad row begins, safe to store and to show: at most 200 characters, no NUL, no broken UTF-8."""
    text = raw if isinstance(raw, str) else raw[: EXCERPT_CHARS * 4].decode("utf-8", "replace")
    text = text.encode("utf-8", "replace").decode() if not text.isascii() else text
    return text[:EXCERPT_CHARS].replace("\0", "␀").strip()
