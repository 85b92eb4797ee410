"""Parquet: column types stay as they are; pages are streamed, never a whole row group."""

from collections.abc import Iterator, Sequence
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.content import JSON_MARK, is_json
from curation.content.jsontext import loads
from curation.formats.base import BadRow, Batch, FormatError, Limits, Source
from curation.formats.building import BATCH_BYTES, BATCH_ROWS

_DAMAGE = (pa.ArrowException, OSError, UnicodeDecodeError)  # the last for names of columns
_NESTED_ROWS = 256  # at a time where columns are nested: the length of their rows cannot be seen beforehand


class Table:
    """An opened file, judged by its metadata alone before a page is read."""

    def __init__(self, file: IO[bytes], source: Source, limits: Limits) -> None:
        self.source, self.limits = source, limits
        try:
            schema = pq.read_schema(file)
            file.seek(0)
            texts = [field.name for field in schema if _is_text(field.type)]
            # As dictionaries, a short file that repeats one long text a million times stays short in memory.
            # Without pre-buffering a row group is read page by page, however large it is.
            self.file = pq.ParquetFile(file, read_dictionary=texts, pre_buffer=False, buffer_size=2**16)
            self.metadata: Any = self.file.metadata
        except _DAMAGE as error:
            raise self._explained(error) from error
        self.schema = schema
        self._judge(file.seek(0, 2))

    def _judge(self, size: int) -> None:
        limits, name = self.limits, self.source.name
        if len(self.schema) > limits.max_columns:
            detail = f"{len(self.schema):,} columns; the limit is {limits.max_columns:,}"
            raise FormatError("format.columns", name=name, detail=detail)
        repeated = {column for column in self.schema.names if self.schema.names.count(column) > 1}
        if repeated:
            raise FormatError("format.columns", name=name, detail=f"two columns named “{min(repeated)[:60]}”")
        if self.metadata.num_rows > limits.max_rows:
            raise FormatError("format.too_many_rows", name=name, limit=f"{limits.max_rows:,}")
        # Of row groups only: asking a damaged file for the metadata of a column can abort the whole process.
        groups = range(self.metadata.num_row_groups)
        unpacked = sum(self.metadata.row_group(group).total_byte_size for group in groups)
        if unpacked > 64 * 2**20 and unpacked > limits.max_ratio * size:
            raise FormatError("format.bomb", name=name, limit=limits.max_ratio, unit="times its size")
        if unpacked > limits.max_decompressed:
            raise FormatError("format.bomb", name=name, limit=f"{limits.max_decompressed:,}", unit="bytes")

    def batches(self, batch_rows: int = BATCH_ROWS, batch_bytes: int = BATCH_BYTES) -> Iterator[Batch]:
        """Rows in order; rows whose text is not UTF-8 are bad. Raises `FormatError` where a page is damaged."""
        size = batch_rows
        if any(pa.types.is_nested(field.type) for field in self.schema):
            size = min(batch_rows, _NESTED_ROWS)
        try:
            yield from self._batches(size, batch_bytes)
        except _DAMAGE as error:
            raise self._explained(error) from error

    def _batches(self, size: int, batch_bytes: int) -> Iterator[Batch]:
        row, unpacked = 1, 0
        for found in self.file.iter_batches(size, use_threads=False):
            for part in _cut(found, batch_bytes):
                table, lines, bad = self._plain(part, row)
                row += part.num_rows
                unpacked += table.nbytes
                if unpacked > self.limits.max_decompressed:
                    limit = f"{self.limits.max_decompressed:,}"
                    raise FormatError("format.bomb", name=self.source.name, limit=limit, unit="bytes")
                yield Batch(table, lines, bad)

    def _plain(self, part: pa.RecordBatch, row: int) -> tuple[pa.Table, Sequence[int], list[BadRow]]:
        """The batch in the file's own types, the numbers of its rows, and the rows that had to go."""
        arrays, fields = [], []
        broken: dict[int, str] = {}
        for field, array in zip(self.schema, part.columns, strict=True):
            plain = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
            plain = plain if plain.type == field.type else plain.cast(field.type)
            for place in _not_utf8(plain):
                broken.setdefault(place, f"is not valid UTF-8 in “{field.name[:60]}”")
            arrays.append(plain)
            fields.append(_marked(field, plain))
        table = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
        lines: Sequence[int] = range(row, row + part.num_rows)
        if broken:
            good = [place for place in range(part.num_rows) if place not in broken]
            table = table.take(pa.array(good, pa.int64()))
            lines = [row + place for place in good]
        return table, lines, [BadRow(row + place, "utf8", why, "") for place, why in sorted(broken.items())]

    def _explained(self, error: Exception) -> Exception:
        text = str(error)
        if isinstance(error, OSError) and error.errno is not None:
            return error
        if "ncrypt" in text or "decryption" in text:
            return FormatError("format.encrypted", name=self.source.name)
        detail = text.partition("\n")[0].rstrip(".")[:200]
        return FormatError("format.corrupt", name=self.source.name, format="Parquet", detail=detail)


def _marked(field: pa.Field, array: pa.Array) -> pa.Field:
    """The field without foreign metadata. A mark of JSON text is believed only if the texts are JSON."""
    plain = field.remove_metadata()
    if not is_json(field) or not _is_text(field.type):
        return plain
    try:
        for text in array.drop_null().to_pylist():
            loads(text)
    except ValueError:
        return plain
    return plain.with_metadata({JSON_MARK: b"1"})


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _cut(batch: pa.RecordBatch, limit: int) -> Iterator[pa.RecordBatch]:
    """The batch in pieces of about `limit` bytes once dictionaries are spelled out."""
    sizes = sum(
        (pc.sum(_lengths(array)).as_py() or 0 for array in batch.columns if pa.types.is_dictionary(array.type)), 0
    )
    pieces = max(1, -(-sizes // limit))
    if pieces == 1 or batch.num_rows == 1:
        yield batch
        return
    step = max(1, batch.num_rows // pieces)
    for start in range(0, batch.num_rows, step):
        yield from _cut(batch.slice(start, step), limit)


def _lengths(array: pa.DictionaryArray) -> pa.Array:
    return pc.cast(pc.binary_length(array.dictionary), pa.int64()).take(array.indices)


def _not_utf8(array: pa.Array) -> list[int]:
    """The places of texts that are not UTF-8, at the top level or nested."""
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return [place for place in range(len(array)) if not _readable(array, place)]
    return []


def _readable(array: pa.Array, place: int) -> bool:
    try:
        array[place].as_py()
    except UnicodeDecodeError:
        return False
    except (OverflowError, ValueError):
        return True  # a date that Python cannot hold is no broken text
    return True
