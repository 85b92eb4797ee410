"""Examples for tests of the table: of all states, with what filters look at."""

from typing import Any

from curation.actions.adding import NewExample, add_examples
from curation.content import Content
from curation.models import Example, Slot, Task
from tests.curation import made_tasks


def task(team: Any, **fields: Any) -> Task:
    return made_tasks.task(team, form=[made_tasks.OUTPUT, made_tasks.LABEL], **fields)


def one(task: Task, key: str, **fields: Any) -> Example:
    """One example; `fields` as of NewExample, `origin` besides."""
    content = fields.pop("content", None) or Content("single", instruction="Summarise.", input=f"Letter {key}.")
    origin, incoming = fields.pop("origin", Example.Origin.HAND), fields.pop("incoming", None)
    row = NewExample(content, key=key, **fields)
    added = add_examples(task=task, rows=[row], by=None, origin=origin, incoming=incoming)
    return Example.objects.select_related("task__team").get(pk=added.ids[0])


def keys(found: Any) -> set[str]:
    return set(found.values_list("key", flat=True))


STORED = (
    "content", "revision", "state", "wanted", "done", "priority", "why_now", "gold", "gold_only", "answer", "tags",
    "accepted_at", "accepted_by_id", "deleted_at", "chars",
)  # fmt: skip


def standing(task: Task) -> dict[str, Any]:
    """All that a deed may change, of every example with its slots and answers; `changed_at` moves on its own."""
    slots: dict[int, Any] = {}
    for pk, number, state, who, order in (
        Slot.objects.filter(task=task)
        .order_by("example", "number")
        .values_list("example_id", "number", "state", "annotator_id", "order")
    ):
        slots.setdefault(pk, []).append((number, state, who, order))
    answers: dict[int, Any] = {}
    for pk, who, state in task.annotations.order_by("pk").values_list("example_id", "annotator_id", "state"):
        answers.setdefault(pk, []).append((who, state))
    return {
        row["key"]: (row, slots.get(row["pk"], []), answers.get(row["pk"], []))
        for row in Example.objects.filter(task=task).values("pk", "key", *STORED)
    }
