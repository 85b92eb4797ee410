"""Examples as rows of a file: what they say, the accepted answer, and where they came from."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from curation.content import load, messages
from curation.formats import stream_rows
from curation.models import Example, Task

COLUMNS = (
    "key", "state", "instruction", "input", "output", "messages", "system", "answer", "tags", "source", "lineage", "revision",
)  # fmt: skip
FIELDS = ("pk", "key", "state", "content", "answer", "tags", "source", "lineage", "revision")
BATCH = 2_000


def examples(task: Task, state: str) -> QuerySet[Example]:
    """The examples that a download holds: of one state, or `all`."""
    found = Example.objects.alive().filter(task=task)
    return found if state == "all" else found.filter(state=state)


def rows(queryset: QuerySet[Example]) -> Iterator[dict[str, Any]]:
    """One row an example, oldest first. A batch at a time and no cursor in between: who reads slowly holds nothing up.

    A row is always whole; rows that change or come while the file is sent may be in it as they are then.
    """
    last = 0
    while batch := list(queryset.filter(pk__gt=last).order_by("pk").values_list(*FIELDS)[:BATCH]):
        yield from map(_row, batch)
        last = batch[-1][0]


def _row(fields: tuple[Any, ...]) -> dict[str, Any]:
    _, key, state, raw, answer, tags, source, lineage, revision = fields
    row: dict[str, Any] = {"key": key, "state": state}
    if raw.get("kind") == "chat":
        row["messages"] = messages(load(raw))
    else:
        outputs = raw.get("outputs", [])
        row |= {"instruction": raw.get("instruction", ""), "input": raw.get("input", "")}
        row["output"] = outputs if len(outputs) > 1 else "".join(outputs)
        if raw.get("system"):
            row["system"] = raw["system"]
    return row | {"answer": answer, "tags": tags, "source": source, "lineage": lineage, "revision": revision}


def stream(task: Task, state: str, format: str) -> Iterator[bytes]:  # noqa: A002  (the word that people use)
    """JSON Lines or CSV in pieces. Cells of a table that a spreadsheet would run as a formula are quoted."""
    return stream_rows(format, rows(examples(task, state)), COLUMNS if format == "csv" else None)
