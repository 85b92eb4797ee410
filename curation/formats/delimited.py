"""CSV and TSV: a header, then records, which may hold line breaks in quotes. Every value is a text."""

import csv
import sys
from collections import deque
from collections.abc import Iterator
from typing import Literal

import pyarrow as pa

from curation.formats.base import BadRow, Batch, FormatError, Limits, Source, excerpt
from curation.formats.building import BATCH_BYTES, BATCH_ROWS
from curation.formats.streams import TooLong, Unpacked, lines

# The csv module's own limit is one number for the whole process; records are bounded by our lines instead.
_NO_LIMIT = min(sys.maxsize, 2**31 - 1)


class _TooLongError(Exception):
    """A line, or a record of many lines, over the limit."""


class _Feed:
    """Lines for csv.reader, which remembers those of the record under way so that they can be given again."""

    def __init__(self, stream: Unpacked, limits: Limits) -> None:
        self.source = lines(stream, limits.max_line_bytes)
        self.limits = limits
        self.waiting: deque[tuple[int, bytes | TooLong]] = deque()
        self.record: list[tuple[int, bytes | TooLong]] = []
        self.bytes = 0
        self.broken = ""  # where the record is not UTF-8

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        if not self.waiting:
            first, block = next(self.source)
            self.waiting.extend(enumerate(block, first))
        number, line = self.waiting.popleft()
        self.record.append((number, line))
        self.bytes += len(line)
        if isinstance(line, TooLong) or self.bytes > self.limits.max_line_bytes:
            raise _TooLongError
        try:
            return line.decode() + "\n"
        except UnicodeDecodeError as error:
            self.broken = f"byte {error.start + 1} of line {number}"
            return line.decode("utf-8", "replace") + "\n"

    @property
    def first(self) -> bytes:
        line = self.record[0][1]
        return line.head if isinstance(line, TooLong) else line

    def begin(self) -> None:
        self.record, self.bytes, self.broken = [], 0, ""

    def give_back(self) -> None:
        """All lines of the record but its first: the record was none."""
        self.waiting.extendleft(reversed(self.record[1:]))


def read(
    stream: Unpacked, source: Source, limits: Limits, batch_rows: int = BATCH_ROWS, batch_bytes: int = BATCH_BYTES
) -> Iterator[Batch]:
    """Batches of a table with a header. Raises `FormatError` when the header itself cannot be used."""
    csv.field_size_limit(_NO_LIMIT)
    feed = _Feed(stream, limits)
    names: list[str] | None = None
    rows, numbers, bad, size = [], [], [], 0
    for line, record, problem in _records(feed, source):
        if problem is not None and names is None:
            detail = f"its header {problem.reason}"
            raise FormatError("format.corrupt", name=source.name, format=source.format.upper(), detail=detail)
        if problem is not None:
            bad.append(problem)
        elif names is None:
            names = _header(record, source.name, limits)
        elif wrong := _wrong(record, len(names), limits):
            bad.append(BadRow(line, *wrong, excerpt(feed.first)))
        else:
            rows.append(record)
            numbers.append(line)
            size += feed.bytes
        if len(rows) >= batch_rows or len(bad) >= batch_rows or size >= batch_bytes:
            yield Batch(_table(names or [], rows), numbers, bad)
            rows, numbers, bad, size = [], [], [], 0
    yield Batch(_table(names or [], rows), numbers, bad)


def _records(feed: _Feed, source: Source) -> Iterator[tuple[int, list[str], BadRow | None]]:
    """Line, values, and what is wrong, of each record that is not empty."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if source.quoted else csv.QUOTE_NONE
    reader = csv.reader(feed, delimiter=source.delimiter or ",", quoting=quoting, strict=True)
    while True:
        feed.begin()
        try:
            record = next(reader)
        except StopIteration:
            return
        except (_TooLongError, csv.Error) as error:
            yield feed.record[0][0], [], _refused(feed, error)
            continue
        line = feed.record[0][0]
        if feed.broken:
            yield line, [], BadRow(line, "utf8", f"is not valid UTF-8 at {feed.broken}", excerpt(feed.first))
        elif record:
            yield line, record, None


def _refused(feed: _Feed, error: Exception) -> BadRow:
    """Why there is no record. A quote that swallows what follows costs its own line only: the others are read again."""
    line = feed.record[0][0]
    limit = feed.limits.max_line_bytes
    if isinstance(error, csv.Error) and "end of data" not in str(error):
        return BadRow(line, "quotes", f"is quoted wrongly: {error}", excerpt(feed.first))
    if isinstance(error, _TooLongError) and len(feed.record) == 1:
        return BadRow(line, "too_long", f"is longer than {limit:,} bytes", excerpt(feed.first))
    feed.give_back()
    where = f" within {limit:,} bytes" if isinstance(error, _TooLongError) else ""
    return BadRow(line, "unclosed", f"opens a quote that is not closed{where}", excerpt(feed.first))


def _header(record: list[str], name: str, limits: Limits) -> list[str]:
    """Column names: blank ones are numbered, repeated ones get `_2`, `_3`."""
    if len(record) > limits.max_columns:
        detail = f"{len(record):,} columns; the limit is {limits.max_columns:,}"
        raise FormatError("format.columns", name=name, detail=detail)
    names: list[str] = []
    for place, raw in enumerate(record, 1):
        base = raw.strip().replace("\0", "")[:500] or f"column_{place}"
        label, count = base, 1
        while label in names:
            count += 1
            label = f"{base}_{count}"
        names.append(label)
    return names


def _wrong(record: list[str], width: int, limits: Limits) -> tuple[str, str] | None:
    if len(record) != width:
        return "ragged", f"has {len(record)} values where the header names {width} columns"
    for value in record:
        if len(value) > limits.max_field_chars:
            limit = limits.max_field_chars
            return "too_long", f"has a value of {len(value):,} characters; the limit is {limit:,}"
        if "\0" in value:
            return "nul", "contains a NUL character"
    return None


def _table(names: list[str], rows: list[list[str]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    arrays = [pa.array(column, pa.string()) for column in columns]
    return pa.Table.from_arrays(arrays, names=names)
