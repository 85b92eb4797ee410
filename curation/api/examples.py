"""Examples: listed, added, changed, deleted, restored; and what happened to them."""

from typing import Any, Literal

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Field, Query, Router, Status

from curation import access, answers, searching
from curation.actions import accepting, removing
from curation.actions.adding import NewExample, add_examples
from curation.api import schemas
from curation.api.paging import keyset
from curation.api.shared import EXAMPLES, answer_of, content_of, example_full, example_row, user_of
from curation.models import Example, ExampleEvent, Task, User

router = Router(tags=["Examples"])
EVENTS = 200


class ExampleFilters(schemas.Paged):
    state: schemas.State | None = None
    tag: str | None = Field(None, max_length=60)
    source: str | None = Field(None, max_length=255)
    origin: Literal["file", "hand", "run", "api", "generation"] | None = None
    key: str | None = Field(None, max_length=255)
    q: str | None = Field(None, max_length=200, description="Words of the text.")
    deleted: bool = Field(False, description="The deleted ones instead of the others.")


@router.get("/tasks/{int:task_id}/examples", response=schemas.Page[schemas.ExampleRow], summary="List examples")
def list_examples(request: HttpRequest, task_id: int, filters: Query[ExampleFilters]) -> dict[str, Any]:
    """The examples of a task in the order in which they came, narrowed by what is given."""
    task = access.task(user_of(request), task_id)
    rows = _narrowed(Example.objects.filter(task=task), filters)
    return keyset(rows, by="pk", limit=filters.limit, after=filters.after, show=example_row)


def _narrowed(rows: "QuerySet[Example]", filters: ExampleFilters) -> "QuerySet[Example]":
    rows = rows.filter(deleted_at__isnull=not filters.deleted)
    for name in ("state", "source", "origin", "key"):
        if (value := getattr(filters, name)) is not None:
            rows = rows.filter(**{name: value})
    if filters.tag is not None:
        rows = rows.filter(tags__contains=[filters.tag])
    return searching.matching(rows, filters.q) if filters.q else rows


@router.post("/tasks/{int:task_id}/examples", response={201: schemas.AddedOut}, auth=EXAMPLES, summary="Add examples")
def add_many(request: HttpRequest, task_id: int, body: schemas.ExamplesBody) -> Status[dict[str, Any]]:
    """Up to 1,000 examples at once, all or none. A key that the task has is left as it is and counted as known."""
    task = access.task(user_of(request), task_id, access.CURATE)
    token = request.token  # type: ignore[attr-defined]
    rows = [_new(task, row, f"rows[{number}]", token.prefix) for number, row in enumerate(body.rows)]
    added = add_examples(task=task, rows=rows, by=user_of(request), origin=Example.Origin.API)
    return Status(
        201, {"added": added.good, "known": added.known, "ids": added.ids, "known_keys": added.known_keys}
    )  # fmt: skip


def _new(task: Task, row: schemas.ExampleBody, place: str, prefix: str) -> NewExample:
    content = content_of(row.content, f"{place}.content")
    sure = {
        name: None if value is None else answer_of(task, value, content, f"{place}.{name}")
        for name, value in (("gold", row.gold), ("answer", row.answer))
    }
    if sure["answer"] is not None:
        content = answers.apply(answers.load_form(task.form), content, sure["answer"])
    return NewExample(
        content, key=row.key, source=row.source, lineage=row.lineage | {"token": prefix}, suggestion=row.suggestion,
        gold=sure["gold"], answer=sure["answer"], tags=row.tags, priority=row.priority,
    )  # fmt: skip


@router.get("/examples/{int:example_id}", response=schemas.ExampleFull, summary="Get an example")
def get_example(request: HttpRequest, example_id: int) -> dict[str, Any]:
    """One example; a deleted one too, for it can be restored. `gold` is shown to curators alone."""
    return _full(access.example(user_of(request), example_id))


def _full(found: Example, task: Task | None = None) -> dict[str, Any]:
    team = (task or found.task).team
    return example_full(found, curates=team.mine.may(access.CURATE))  # type: ignore[attr-defined]


@router.patch("/examples/{int:example_id}", response=schemas.ExampleFull, auth=EXAMPLES, summary="Change an example")
def change_example(request: HttpRequest, example_id: int, body: schemas.ExamplePatch) -> dict[str, Any]:
    """New content, as a new revision. `revision` is the one that you changed; an older one is refused with 409."""
    found = access.example(user_of(request), example_id, access.CURATE)
    content = content_of(body.content, "content")
    changed = accepting.edit(example=found, by=user_of(request), content=content, revision=body.revision)
    return _full(changed, found.task)


@router.delete("/examples/{int:example_id}", response=schemas.ExampleFull, auth=EXAMPLES, summary="Delete an example")
def delete_example(request: HttpRequest, example_id: int) -> dict[str, Any]:
    """It leaves lists, queue and exports. It can be restored."""
    found = access.example(user_of(request), example_id, access.CURATE)
    return _full(removing.delete(example=found, by=user_of(request)), found.task)


@router.post(
    "/examples/{int:example_id}/restore", response=schemas.ExampleFull, auth=EXAMPLES, summary="Restore an example"
)
def restore_example(request: HttpRequest, example_id: int) -> dict[str, Any]:
    found = access.example(user_of(request), example_id, access.CURATE)
    return _full(removing.restore(example=found, by=user_of(request)), found.task)


@router.get("/examples/{int:example_id}/history", response=schemas.HistoryOut, summary="Get the history of an example")
def example_history(request: HttpRequest, example_id: int) -> dict[str, Any]:
    """Its revisions and what happened to it, newest first (up to 200 of each).

    Answers are blind: what others answered is told to curators alone.
    """
    found = access.example(user_of(request), example_id)
    curates = found.task.team.mine.may(access.CURATE)  # type: ignore[attr-defined]
    revisions = found.revisions.select_related("by").order_by("-number")[:EVENTS]
    events = list(ExampleEvent.objects.filter(example_id=found.pk).order_by("-pk")[:EVENTS])
    names = {user.pk: str(user) for user in User.objects.filter(pk__in={one.actor_id for one in events})}
    me = user_of(request).pk
    return {
        "revisions": [
            {"number": one.number, "why": one.why, "by": str(one.by) if one.by else None, "at": one.at,
             "content": one.content, "answer": one.answer}
            for one in revisions
        ],
        "events": [
            {"kind": one.kind, "by": names.get(one.actor_id or 0), "at": one.at, "annotation": one.annotation_id,
             "facts": one.facts if curates or one.actor_id == me else _blind(one.facts)}
            for one in events
        ],
    }  # fmt: skip


def _blind(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name not in {"answer", "reason", "feedback"}}
