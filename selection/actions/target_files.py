"""Rows of a target out of a file, of pasted text, or of a pool. Bad lines are reported; the good ones are kept."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, BinaryIO

from django.conf import settings

from config.faults import Fault
from curation import formats
from curation.content import ContentError, guess, read, row_dicts
from curation.content import Mapping as Columns
from selection import store
from selection.actions.targets import MAX_ROWS, NewRow
from selection.models import Pool

Row = tuple[int, dict[str, Any]]  # line, row
GROUP_COLUMN = "group"
MAX_UNPACKED = 512 << 20  # bytes; with 5,000 rows at most, a target is far below


def from_file(
    file: BinaryIO, name: str, *, where: Mapping[str, str] | None = None
) -> tuple[list[NewRow], list[dict[str, Any]]]:
    """Rows and bad lines ({line, reason, excerpt}) of a file in any format that `curation.formats` reads.

    `where` keeps only rows whose columns equal these texts. Raises `Fault` target.too_large beyond 5,000 rows,
    target.nothing_left when `where` keeps none, target.no_columns when no column holds text, and what the
    reader raises for a file that is none.
    """
    bad: list[dict[str, Any]] = []
    kept: list[Row] = []
    seen = 0
    for line, row in _rows(file, name, bad):
        seen += 1
        if all(str(row.get(column, "")) == value for column, value in (where or {}).items()):
            kept.append((line, row))
        if len(kept) > MAX_ROWS:
            raise Fault("target.too_large", limit=f"{MAX_ROWS:,}")
    if where and seen and not kept:
        column, value = next(iter(where.items()))
        raise Fault("target.nothing_left", column=column, value=value, rows=f"{seen:,}")
    return _read_all(kept, name, bad), bad


def from_text(text: str, *, where: Mapping[str, str] | None = None) -> tuple[list[NewRow], list[dict[str, Any]]]:
    """Pasted rows: JSON when the first character says so, else one plain text per paragraph."""
    if text.lstrip()[:1] in "{[":
        name = "pasted.json" if text.lstrip().startswith("[") else "pasted.jsonl"
        return from_file(io.BytesIO(text.encode()), name, where=where)
    rows: list[NewRow] = []
    bad: list[dict[str, Any]] = []
    for number, part in enumerate((part.strip("\n") for part in _paragraphs(text)), 1):
        try:
            content = read({"text": part}, Columns(text="text"))
        except ContentError as error:
            bad.append({"line": number, "reason": f"{error.field} {error.why}", "excerpt": part[:80]})
        else:
            rows.append(NewRow(content, origin={"file": "pasted text", "line": number}))
    return rows, bad


def _paragraphs(text: str) -> Iterator[str]:
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line.strip():
            lines.append(line)
        elif lines:
            yield "\n".join(lines)
            lines = []


def _rows(file: BinaryIO, name: str, bad: list[dict[str, Any]]) -> Iterator[Row]:
    limits = formats.Limits(max_bytes=settings.UPLOAD_MAX_BYTES, max_decompressed=MAX_UNPACKED)
    try:
        with formats.open_rows(file, formats.sniff(file, name), limits) as reader:
            for batch in reader:
                bad += [{"line": item.line, "reason": item.reason, "excerpt": item.excerpt} for item in batch.bad]
                yield from zip(batch.lines, row_dicts(batch.table), strict=True)
    except formats.FormatError as error:
        raise Fault(error.code, **error.facts) from None


def _beginning(row: dict[str, Any]) -> str:
    """How a refused row begins, without the columns that it does not fill."""
    return json.dumps({name: value for name, value in row.items() if value is not None}, ensure_ascii=False)[:120]


def _read_all(rows: Sequence[Row], name: str, bad: list[dict[str, Any]]) -> list[NewRow]:
    if not rows:
        return []
    sample = [row for _, row in rows[:50]]
    columns = list(dict.fromkeys(column for row in sample for column in row))
    found = guess(columns, sample)
    if found.name == "unknown":
        raise Fault("target.no_columns", name=name, columns=", ".join(columns[:12]) or "none")
    made = []
    for line, row in rows:
        try:
            content = read(row, found.mapping)
        except ContentError as error:
            bad.append({"line": line, "reason": f"{error.field} {error.why}", "excerpt": _beginning(row)})
            continue
        group = row.get(GROUP_COLUMN)
        made.append(NewRow(content, group if isinstance(group, str) else "", {"file": name, "line": line}))
    bad.sort(key=lambda item: item["line"] or 0)
    return made


def from_pool(pool: Pool, positions: Sequence[int], group: str = "") -> list[NewRow]:
    """Rows of a pool by their places in it, ascending. Raises `Fault` target.bad_ticks for one beyond its end."""
    rows: list[NewRow] = []
    left = sorted(positions)
    for shard in pool.shards.order_by("index"):
        mine = [place - shard.first_row for place in left if place < shard.first_row + shard.rows]
        left = left[len(mine) :]
        columns = Columns.from_dict(shard.mapping)
        for group_of_rows, places in groupby(mine, lambda place: place // store.ROW_GROUP):
            start = group_of_rows * store.ROW_GROUP
            table = store.rows(shard, start, start + store.ROW_GROUP)
            for row in row_dicts(table.take([place - start for place in places])):
                content = read({name: value for name, value in row.items() if name not in store.OWN}, columns)
                rows.append(NewRow(content, group, {"pool": pool.name, "pool_id": pool.pk, "key": row[store.KEY]}))
    if left:
        raise Fault("target.bad_ticks")
    return rows
