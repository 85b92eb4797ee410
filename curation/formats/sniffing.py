"""What a file is, by its content. The name is asked only where content leaves the question open."""

import csv
import io
import math
import re
import zlib
from pathlib import Path, PurePath
from typing import IO, Literal

import orjson
import zstandard

from curation.formats import natural
from curation.formats.base import FormatError, Source
from curation.formats.jsonarray import WRAPPERS

_HEAD = 2**16
_PACKED = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"))
_FOREIGN = (
    (b"\x89PNG", "a PNG picture"), (b"\xff\xd8\xff", "a JPEG picture"), (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"), (b"PK\x03\x04", "a ZIP archive or an Office document"),
    (b"PK\x05\x06", "an empty ZIP archive"), (b"BZh", "a bzip2 file"), (b"\xfd7zXZ", "an xz file"),
    (b"7z\xbc\xaf", "a 7z archive"), (b"Rar!", "a RAR archive"), (b"SQLite format 3", "an SQLite database"),
    (b"ARROW1", "an Arrow file"), (b"FEA1", "a Feather file"), (b"ORC", "an ORC file"), (b"Obj\x01", "an Avro file"),
    (b"\x7fELF", "a program"), (b"MZ", "a Windows program"), (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"\x80\x04\x95", "a Python pickle"), (b"\x93NUMPY", "a NumPy array"), (b"RIFF", "a media file"),
)  # fmt: skip
_ENCODINGS = ((b"\xff\xfe\0\0", "UTF-32"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))
_SUFFIXES = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".jsonlines": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "tsv",
    ".tab": "tsv", ".parquet": "parquet", ".pq": "parquet", ".gz": "gzip", ".gzip": "gzip", ".zst": "zstd",
    ".zstd": "zstd",
}  # fmt: skip
NAMES = {
    "jsonl": "JSON Lines", "json": "JSON", "csv": "CSV", "tsv": "TSV", "parquet": "Parquet", "gzip": "gzip",
    "zstd": "zstd",
}  # fmt: skip
_WRAPPED = re.compile(rb'\s*\{\s*"(\w+)"\s*:\s*\[\s*\{')


def sniff(file: str | Path | bytes | IO[bytes], name: str = "") -> Source:
    """What the file is; an open file is left at its beginning.

    `file`: a path, an open seekable binary file, or the first bytes (64 KiB are enough). `name`: what the person
    calls it. Raises `FormatError` for an empty file and for kinds that cannot be read.
    """
    head = _head(file)
    name = name or (PurePath(str(file)).name if isinstance(file, str | Path) else "the file")
    if not head:
        raise FormatError("format.empty", name=name)
    compression = next((kind for magic, kind in _PACKED if head.startswith(magic)), "")
    whole = len(head) < _HEAD
    if compression:
        head = _unpack(head, compression, name)
        whole = whole and len(head) < _HEAD
        if any(head.startswith(magic) for magic, _ in _PACKED):
            raise FormatError("format.unknown", name=name, looks_like="a file packed twice")
    suffixes = [_SUFFIXES[part] for part in (s.lower() for s in PurePath(name).suffixes[-2:]) if part in _SUFFIXES]
    form = next((part for part in suffixes if part not in ("gzip", "zstd")), "")
    source = _judge(head, whole, form, name)
    return Source(
        source.format, compression, name, source.delimiter, source.quoted, source.form,
        _note(source.format, compression, form, suffixes),
    )  # fmt: skip


def _head(file: str | Path | bytes | IO[bytes]) -> bytes:
    if isinstance(file, bytes):
        return file[:_HEAD]
    if isinstance(file, str | Path):
        with Path(file).open("rb") as opened:
            return opened.read(_HEAD)
    file.seek(0)
    head = file.read(_HEAD)
    file.seek(0)
    return head


def _unpack(head: bytes, compression: str, name: str) -> bytes:
    try:
        if compression == "gzip":
            return zlib.decompressobj(wbits=31).decompress(head, _HEAD)
        return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(head)).read(_HEAD)
    except (zlib.error, zstandard.ZstdError) as error:
        detail = str(error).rstrip(".")
        raise FormatError("format.corrupt", name=name, format=compression, detail=detail) from error


def _judge(head: bytes, whole: bool, form: str, name: str) -> Source:
    if head.startswith(b"PAR1"):
        return Source("parquet")
    if head.startswith(b"PARE"):
        raise FormatError("format.encrypted", name=name)
    for magic, encoding in _ENCODINGS:
        if head.startswith(magic):
            raise FormatError("format.encoding", name=name, encoding=encoding)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    if not text:
        if whole:
            raise FormatError("format.empty", name=name)
        raise FormatError("format.unknown", name=name, looks_like="a file of blanks")
    looks_like = _foreign(head, text)
    if looks_like:
        raise FormatError("format.unknown", name=name, looks_like=looks_like)
    if text[:1] in b"[{" and (kind := _json_kind(text, whole)):
        return kind
    if any(_is_object(line) for line in text.split(b"\n")[:50]):
        return Source("jsonl")
    if _is_binary(head):
        raise FormatError("format.unknown", name=name, looks_like="binary data")
    table = _table(text, whole, form)
    if table is None and form == "jsonl":
        return Source("jsonl")  # every line will be refused with its own reason
    if table is None:
        raise FormatError("format.unknown", name=name, looks_like="plain text without columns")
    return table


def _foreign(head: bytes, text: bytes) -> str:
    for magic, looks_like in _FOREIGN:
        if head.startswith(magic):
            return looks_like
    if head[257:262] == b"ustar":
        return "a tar archive"
    if text[:15].lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<svg")):
        return "a web page or XML"
    return ""


def _is_binary(head: bytes) -> bool:
    """Single control bytes make bad rows; a file with many of them is no text."""
    controls = sum(head.count(bytes([code])) for code in (*range(9), *range(14, 32)))
    return controls * 50 > len(head) + 200


def _is_object(line: bytes) -> bool:
    line = line.strip()
    if not line.startswith(b"{"):
        return False
    try:
        return isinstance(orjson.loads(line), dict)
    except ValueError:
        return False


def _json_kind(text: bytes, whole: bool) -> Source | None:
    if text[:1] == b"[":
        return Source("json")
    first, _, rest = text.partition(b"\n")
    others = [line for line in rest.split(b"\n")[:50] if line.strip()]
    if _is_object(first):
        if others or not whole:
            return Source("jsonl")
    elif any(_is_object(line) for line in others) and not natural.looks_like(text):
        # An element of a list may fill a line of its own, but then a comma follows it.
        return Source("jsonl")
    elif not rest and not whole and not natural.looks_like(text):
        wrapped = _WRAPPED.match(text)
        if not (wrapped and wrapped[1].decode().lower() in WRAPPERS):
            return Source("jsonl")
    return Source("json", form="natural_instructions" if natural.looks_like(text) else "")


def _table(text: bytes, whole: bool, form: str) -> Source | None:
    """The dialect under which most of the first records have as many values as the header."""
    sample = text if whole else text[: text.rfind(b"\n") + 1] or text
    rows = sample.decode("utf-8", "replace").replace("\r\n", "\n")
    named = form in ("csv", "tsv")
    best: tuple[float, Source] | None = None
    # Quoted first: where both fit alike, quotes are meant as quotes.
    for delimiter in ("\t", ",", ";", "|"):
        for quoted in (True, False):
            score = _fit(rows, delimiter, quoted, loose=named)
            if score and (best is None or score > best[0]):
                best = score, Source("tsv" if delimiter == "\t" else "csv", delimiter=delimiter, quoted=quoted)
    if best is None and named:
        return Source(form, delimiter="\t" if form == "tsv" else ",")
    return best[1] if best else None


def _fit(rows: str, delimiter: str, quoted: bool, loose: bool) -> float:
    """How well a dialect fits: 0 is not at all, else more for more columns and fewer ragged records."""
    if delimiter not in rows or (not quoted and delimiter != "\t"):
        return 0
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    reader = csv.reader(io.StringIO(rows, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
    widths: list[int] = []
    header: list[str] = []
    wrong = 0
    while len(widths) < 200:
        try:
            record = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            # The sample may end inside quotes; other complaints count against the dialect.
            wrong += "end of data" not in str(error)
            continue
        if record:
            header = header or record
            widths.append(len(record))
    if not widths or len(header) < 2:
        return 0
    even = (widths.count(len(header)) - 1) / max(1, len(widths) - 1 + wrong)
    if loose:
        return math.sqrt(len(header)) * (0.1 + even)
    clean = all(cell.strip() and len(cell) <= 64 for cell in header) and len(set(header)) == len(header)
    return math.sqrt(len(header)) * even if clean and len(widths) > 1 and even >= 0.9 else 0


def _note(found: str, compression: str, form: str, suffixes: list[str]) -> str:
    """A sentence if the name promised something else."""
    packed = next((part for part in suffixes if part in ("gzip", "zstd")), "")
    if form and form != found:
        return f"The name says {NAMES[form]}, the content is {NAMES[found]}; it is read as {NAMES[found]}."
    if packed and packed != compression:
        return f"The name says {NAMES[packed]}, the content is {NAMES[compression] if compression else 'not packed'}."
    return ""
