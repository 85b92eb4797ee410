"""Whole files of records in a training format, written as they come: memory does not grow with the rows.

The same records give the same bytes on every machine: keys keep their order, numbers their form, no time is written.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.content.jsontext import dumps, loads
from curation.formats.training.base import Format, Json, Outputs, Record, Unfit
from curation.formats.training.shape import TEXTS, Shape, filled, fitted, ordered, several
from curation.formats.writing import write_rows

BATCH = 4_096
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")
csv.field_size_limit(64 << 20)  # characters of a cell; the module's own limit of 131,072 is below a long row
OnUnfit = Callable[[Record, Unfit], None]


def write_file(
    out: IO[bytes], format: Format, records: Iterable[Record], *,  # noqa: A002  (the word people use)
    head: Mapping[str, Any] | None = None, beside: Sequence[str] = (), outputs: Outputs = "each",
    on_unfit: OnUnfit | None = None, shape: Shape | None = None, on_row: Callable[[int], None] = lambda _: None,
) -> int:  # fmt: skip
    """Writes the records and returns how many rows stand in the file.

    head: of Natural Instructions, the task's fields before its instances. beside: columns that go along, in order.
    outputs: what becomes of a record with several answers, where the format takes one. on_unfit(record, why) is told
    of records that do not fit; without it the first one raises `Unfit`. shape: what a `survey` of the same records said;
    without it rows come in their order, each in the form that is the shortest for it. on_row(number) is told for each
    row of the file, in its order, which of the records (from 0) it was made of.
    """
    rows = _rows(format, records, shape or Shape(), beside=beside, outputs=outputs, on_unfit=on_unfit, on_row=on_row)
    if format.suffix == "json":
        return _natural(out, rows, head or {})
    if format.suffix == "parquet":
        return _parquet(out, rows, [*format.columns, *beside])
    if format.suffix == "csv":
        return _csv(out, rows, [*format.columns, *beside])
    return write_rows(out, format.suffix, rows)


def _rows(
    format: Format, records: Iterable[Record], shape: Shape, *, beside: Sequence[str], outputs: Outputs,  # noqa: A002
    on_unfit: OnUnfit | None, on_row: Callable[[int], None],
) -> Iterator[Json]:  # fmt: skip
    begun = False
    for (number, _), record in ordered(several(format, records, outputs), shape):
        try:
            row = format.write(fitted(record, shape))
        except Unfit as why:
            if on_unfit is None:
                raise
            on_unfit(record, why)
            continue
        if not begun:
            row, begun = filled(row, shape), True
        on_row(number)
        yield row | {name: record.beside.get(name) for name in beside}


def _csv(out: IO[bytes], rows: Iterable[Json], columns: Sequence[str]) -> int:
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\r\n")  # RFC 4180; with "\n" alone a lone "\r" is not quoted
    writer.writerow(columns)
    count = 0
    for row in rows:
        writer.writerow([_quoted(_text(row.get(name))) for name in columns])
        count += 1
    text.detach()
    return count


def _quoted(text: str | None) -> str:
    """With a ' in front of what a spreadsheet would run, and of what looks like that already: so `_bare` undoes it."""
    risky = text and _FORMULA.match(text) and not _NUMBER.fullmatch(text)
    return f"'{text}" if risky else text or ""


def _bare(text: str) -> str:
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _natural(out: IO[bytes], rows: Iterable[Json], head: Mapping[str, Any]) -> int:
    lines = json.dumps(dict(head), ensure_ascii=False, indent=4).rstrip()
    opening = lines[:-1].rstrip() + (",\n" if head else "\n")
    out.write(f'{opening}    "Instances": ['.encode())
    count = 0
    for row in rows:
        text = json.dumps(row, ensure_ascii=False, indent=4).replace("\n", "\n        ")
        out.write(f"{',' if count else ''}\n        {text}".encode())
        count += 1
    out.write(b"\n    ]\n}\n" if count else b"]\n}\n")
    return count


def _parquet(out: IO[bytes], rows: Iterator[Json], columns: Sequence[str]) -> int:
    """All columns are text, so that no row decides on the type of another; what is no text is JSON."""
    schema, count = pa.schema([(name, pa.string()) for name in columns]), 0
    with pq.ParquetWriter(out, schema, compression="zstd", store_schema=False) as writer:
        while batch := [row for _, row in zip(range(BATCH), rows, strict=False)]:
            found = {name: [_text(row.get(name)) for row in batch] for name in columns}
            writer.write_table(pa.table(found, schema=schema))
            count += len(batch)
        if not count:
            writer.write_table(schema.empty_table())
    return count


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else dumps(value)


def read_file(source: IO[bytes], format: Format) -> Iterator[Record]:  # noqa: A002
    """The records of a file that `write_file` wrote, or another program. Raises `Unfit` with the row, from 1."""
    for number, row in enumerate(_read_rows(source, format), 1):
        try:
            yield format.read(row)
        except Unfit as error:
            raise Unfit(f"row {number}: {error.field}", error.why) from None


def _read_rows(source: IO[bytes], format: Format) -> Iterator[Mapping[str, Any]]:  # noqa: A002
    if format.suffix == "json":
        yield from json.load(source).get("Instances", [])
    elif format.suffix == "parquet":
        for batch in pq.ParquetFile(source).iter_batches(BATCH):
            yield from batch.to_pylist()
    elif format.suffix == "csv":
        text = io.TextIOWrapper(source, encoding="utf-8", newline="")
        for row in csv.DictReader(text, strict=True):
            if None in row or None in row.values():
                raise Unfit("cells", "are more or fewer than the header names")
            yield {name: _bare(cell) for name, cell in row.items()}
        text.detach()
    else:
        for number, line in enumerate(source, 1):
            if not line.strip():
                continue
            row = loads(line)
            if not isinstance(row, Mapping):
                raise Unfit(f"line {number}", "is no object")
            yield row


def companions(
    format: str,  # noqa: A002
    name: str,
    files: Mapping[str, str],
    shapes: Mapping[str, Shape],
) -> dict[str, str]:
    """Files for the programs that train: `dataset_info.json` of LLaMA-Factory and a piece of an Axolotl config.

    `files`: path of each split; the one to train on is `train`, or else the first; `shapes`: of the same splits. Empty
    for formats that neither reads.
    """
    made: dict[str, str] = {}
    learnt = "train" if "train" in files else next(iter(files), "")
    info = {
        name if split == learnt else f"{name}_{split}": {"file_name": path} | facts
        for split, path in files.items()
        if (facts := _llama_factory(format, shapes[split]))
    }
    if info:
        made["dataset_info.json"] = json.dumps(info, indent=2, ensure_ascii=False) + "\n"
    if format in AXOLOTL and files:
        lines = [
            "datasets:", f"  - path: {json.dumps(files[learnt])}", "    ds_type: json",
            *(f"    {line}" for line in AXOLOTL[format]),
        ]  # fmt: skip
        made["axolotl.yml"] = "\n".join(lines) + "\n"
    return made


def _llama_factory(format: str, shape: Shape) -> Json | None:  # noqa: A002
    """The entry of a file. A column that is named and not there stops LLaMA-Factory, so it names those of the file.

    None for a file without rows, which knows of no column but those that the other files made it have.
    """
    found = LLAMA_FACTORY.get(format)
    if found is None or (shape.turns and format in TEXT_ALONE) or set(shape.columns) <= set(TEXTS):
        return None
    columns = {role: column for role, column in found["columns"].items() if column in shape.columns}
    calls = {"formatting": "openai"} if format == "messages" and shape.calls else {}
    return found | {"columns": columns} | calls


TEXT_ALONE = ("prompt_completion", "preference", "kto")  # LLaMA-Factory takes lists of messages in none of these
_TAGS = {
    "role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant",
    "observation_tag": "tool", "function_tag": "function_call", "system_tag": "system",
}  # fmt: skip
LLAMA_FACTORY: dict[str, dict[str, Any]] = {
    "alpaca": {
        "columns": {"prompt": "instruction", "query": "input", "response": "output", "system": "system", "history": "history"}
    },
    "messages": {"formatting": "sharegpt", "columns": {"messages": "messages", "tools": "tools"}, "tags": _TAGS},
    "sharegpt": {
        "formatting": "sharegpt", "columns": {"messages": "conversations", "system": "system", "tools": "tools"},
    },
    "prompt_completion": {"columns": {"prompt": "prompt", "response": "completion"}},
    "preference": {"ranking": True, "columns": {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}},
    "kto": {"columns": {"prompt": "prompt", "response": "completion", "kto_tag": "label"}},
}  # fmt: skip
AXOLOTL: dict[str, list[str]] = {
    "alpaca": ["type: alpaca"],
    "messages": ["type: chat_template", "field_messages: messages"],
    "sharegpt": [
        "type: chat_template", "field_messages: conversations",
        "message_property_mappings: {role: from, content: value}",
    ],
}  # fmt: skip
