"""The open examples of a task as the one shard of a hidden pool, and what they say of themselves."""

import dataclasses
from pathlib import PurePosixPath
from typing import Any

import orjson
import pyarrow as pa

from curation.content import Content, Mapping, load, render
from curation.models import Annotation, Example, Task
from jobs.heartbeat import Beat
from selection import store

TEXT = "text"
MAPPING = Mapping(instruction=TEXT)
BATCH = 2_000


def open_examples(task: Task) -> Any:
    """Examples that still want answers, in the order in which they came."""
    return Example.objects.alive().filter(task=task, state="open", gold_only=False)


def asked(content: Content, definition: str) -> str:
    """What an example asks. An instruction that only repeats the task's definition would make all of them alike."""
    if content.input and content.instruction.strip() == definition.strip():
        content = dataclasses.replace(content, instruction="")
    return render(content, "prompt") or render(content, "text")


def keep(ordering_id: int, rows: Any) -> str:
    """What a step hands on beside its result, as a file; returns its path."""
    with store.ByContent(f"orderings/{ordering_id}", "json") as file:
        file.write(orjson.dumps(rows))
    return file.path


def kept(path: str) -> Any:
    """Raises `Fault` store.missing or store.damaged."""
    return orjson.loads(store.read(path, PurePosixPath(path).stem))


def write(task: Task, pool_id: int, beat: Beat, *, whole: bool) -> dict[str, Any]:
    """A shard of the open examples, and what stood there before: {file, was: [[id, priority, why], …], newest}.

    `whole`: with the instruction also where it is the task's definition, as for a model that shall answer.
    """
    from selection.handlers.imports import stats

    keys, texts, sources, was = [], [], [], []
    rows = open_examples(task).order_by("pk").values_list("pk", "key", "content", "source", "priority", "why_now")
    definition = "" if whole else task.definition
    for pk, key, content, source, priority, why in rows.iterator(chunk_size=BATCH):
        keys.append(key)
        texts.append(asked(load(content), definition))
        sources.append(source)
        was.append([pk, priority, why])
        if not len(was) % BATCH:
            beat.progress(len(was))
    table = pa.table({
        TEXT: pa.array(texts, pa.string()), store.KEY: pa.array(keys, pa.string()), store.SOURCE: pa.array(sources, pa.string()),
        store.CHARS: pa.array([len(text) for text in texts], pa.int32()),
    })  # fmt: skip
    made = store.write_shard(pool_id, table)
    beat.progress(len(was), len(was))
    file = {"path": made.path, "sha256": made.sha256, "rows": made.rows, "bytes": made.bytes, "stats": stats(table)}
    return {"file": file, "was": was, "newest": was[-1][0] if was else 0}


def answers_of(task: Task) -> dict[int, list[str]]:
    """What was said about each open example so far: suggestions, and answers that were submitted. As plain text."""
    found: dict[int, list[str]] = {}
    suggested = open_examples(task).filter(suggestion__isnull=False).values_list("pk", "suggestion")
    for pk, suggestion in suggested.iterator(chunk_size=BATCH):
        found.setdefault(pk, []).append(_said((suggestion or {}).get("answer") or {}))
    given = Annotation.objects.filter(
        task=task, example__in=open_examples(task).values("pk"), state__in=["submitted", "late", "declined"]
    ).order_by("pk")
    for pk, answer in given.values_list("example_id", "answer").iterator(chunk_size=BATCH):
        found.setdefault(pk, []).append(_said(answer))
    return found


def _said(answer: dict[str, Any]) -> str:
    """All fields of an answer in the order of their names."""
    return " ".join(f"{name} {_flat(value)}" for name, value in sorted(answer.items()) if value not in (None, "", []))


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return _said(value)
    if isinstance(value, list):
        return " ".join(map(_flat, value))
    return str(value)
