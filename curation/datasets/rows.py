"""Rows of collections and versions, as they lie in Parquet parts."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from curation.content import Content, dump, jsontext, load, render
from curation.formats.training import Json, Record, Unfit
from curation.formats.training.chat import tools_of

PART_ROWS = 12_500
PART_CHARS = 12 << 20  # of one part: what a step holds, some six times over
GROUP_ROWS = 2_000  # of a row group: what opening one row reads
BATCH = 1_000
CHARS_OF_A_TOKEN = 4

SCHEMA = pa.schema(
    [
        ("key", pa.string()), ("revision", pa.int32()), ("sha", pa.binary(32)), ("split", pa.string()),
        ("group", pa.string()), ("origin", pa.string()), ("source", pa.string()), ("licence", pa.string()),
        ("language", pa.string()), ("tags", pa.list_(pa.string())), ("chars", pa.int32()), ("tokens", pa.int32()),
        ("day", pa.string()), ("agreement", pa.float32()), ("content", pa.string()), ("chosen", pa.string()),
        ("rejected", pa.string()), ("desirable", pa.bool_()), ("answer", pa.string()), ("lineage", pa.string()),
        ("tools", pa.string()),  # not in parts whose rows have none
    ]
)  # fmt: skip
# What a recipe looks at: everything but the texts.
FACTS = ("key", "sha", "origin", "source", "licence", "language", "tags", "chars", "tokens", "day", "agreement")
# What a trainer sees of a row.
TAUGHT = ("key", "split", "source", "licence", "tags", "content", "chosen", "rejected", "desirable", "tools")
REPEATING = ["split", "origin", "source", "licence", "language", "tags", "day"]


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `key` is unique in a version: the space that the row comes from, a slash, and its key there.

    origin: that space (`t12` a task, `p7` a pool, or the name of a file). answer: all fields of the answer form.
    day: when it was accepted or came in, YYYY-MM-DD. lineage: what is known of where it came from. tools: schemas of
    the tools that a chat may call.
    """

    key: str
    content: Content
    revision: int = 1
    origin: str = ""
    source: str = ""
    licence: str = ""
    language: str = ""
    tags: tuple[str, ...] = ()
    day: str = ""
    agreement: float | None = None
    chosen: str | None = None
    rejected: str | None = None
    desirable: bool | None = None
    answer: Mapping[str, Any] | None = None
    lineage: Mapping[str, Any] = field(default_factory=dict)
    group: str = ""
    split: str = ""
    tools: tuple[Json, ...] = ()

    def record(self) -> Record:
        return Record(
            key=self.key, content=self.content, chosen=self.chosen, rejected=self.rejected, desirable=self.desirable,
            tools=self.tools,
            beside={"source": self.source, "licence": self.licence, "tags": list(self.tags), "split": self.split},
        )  # fmt: skip


def canonical(value: Any) -> str:
    """JSON with sorted keys: equal values, equal text. Whole numbers of any size, as arguments of tools may be."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError:
        return jsontext.canonical(value)


def sha_of(content: str, row: Row) -> bytes:
    """sha256 of what is learned from: the content, what was answered, the tools. Not where it came from."""
    said = [row.chosen, row.rejected, row.desirable, row.answer]
    made = hashlib.sha256(content.encode() + b"\0" + orjson.dumps(said, option=orjson.OPT_SORT_KEYS))
    if row.tools:
        made.update(b"\0" + jsontext.canonical(row.tools).encode())
    return made.digest()


def tokens_of(chars: int) -> int:
    """Tokens as budgets count them: four characters each, rounded up, at least one."""
    return max(1, -(-chars // CHARS_OF_A_TOKEN))


def pack(rows: Iterable[Row]) -> pa.Table:
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
    for row in rows:
        content = canonical(dump(row.content))
        chars = len(render(row.content, "text"))
        values = (
            row.key, row.revision, sha_of(content, row), row.split, row.group, row.origin, row.source, row.licence,
            row.language, row.tags, chars, tokens_of(chars), row.day, row.agreement, content, row.chosen, row.rejected,
            row.desirable, None if row.answer is None else canonical(row.answer), canonical(row.lineage),
            jsontext.dumps(row.tools) if row.tools else None,
        )  # fmt: skip
        for held, value in zip(columns.values(), values, strict=True):
            held.append(value)
    return pa.table(columns, schema=SCHEMA)


def unpack(table: pa.Table | pa.RecordBatch) -> Iterator[Row]:
    for one in table.to_pylist():
        yield Row(
            key=one["key"], content=load(jsontext.loads(one["content"])), revision=one["revision"], origin=one["origin"],
            source=one["source"], licence=one["licence"], language=one["language"], tags=tuple(one["tags"]),
            day=one["day"], agreement=one["agreement"], chosen=one["chosen"], rejected=one["rejected"],
            desirable=one["desirable"], answer=orjson.loads(one["answer"]) if one["answer"] else None,
            lineage=orjson.loads(one["lineage"]), group=one["group"], split=one["split"],
            tools=_opened(one["tools"]),
        )  # fmt: skip


def records(table: pa.Table | pa.RecordBatch) -> Iterator[Record]:
    """What trainers see of the rows: their columns `TAUGHT`, without where they come from."""
    for one in table.to_pylist():
        yield Record(
            key=one["key"], content=load(jsontext.loads(one["content"])), chosen=one["chosen"], rejected=one["rejected"],
            desirable=one["desirable"], tools=_opened(one["tools"]),
            beside={"source": one["source"], "licence": one["licence"], "tags": one["tags"], "split": one["split"]},
        )  # fmt: skip


def _opened(text: str | None) -> tuple[Json, ...]:
    return tuple(jsontext.loads(text)) if text else ()


def tools_in(value: Any) -> tuple[Json, ...]:
    """Schemas of tools as a file has them beside a chat: a list of objects, or its JSON text. () for anything else."""
    try:
        return tools_of({"tools": value})
    except Unfit:
        return ()


SELDOM = {"system", "messages", "tools", "chosen", "rejected", "desirable", "outputs"}  # what most rows do not have
_SEVERAL = r'"outputs":\["(?:[^"\\]|\\.)*","'


def dull(batch: pa.RecordBatch, missing: Set[str]) -> list[bool]:
    """Rows that show none of the columns that are missing so far: single ones, without what most rows do not have.

    Decided without opening them: their JSON is canonical, and a quote inside of a text is escaped.
    """
    if missing - SELDOM:
        return [False] * batch.num_rows
    content = batch.column("content")
    found = pc.and_not(pc.match_substring(content, '"kind":"single"'), pc.match_substring(content, '"system":"'))
    found = pc.and_(found, pc.is_null(batch.column("tools")))
    for name in ("chosen", "rejected", "desirable"):
        if name in missing:
            found = pc.and_(found, pc.is_null(batch.column(name)))
    if "outputs" in missing:
        found = pc.and_not(found, pc.match_substring_regex(content, _SEVERAL))
    return list(found.to_pylist())
