"""Annotating by program: take the next example, save, submit, skip."""

from typing import Any, Literal

from django.http import HttpRequest
from ninja import Query, Router

from curation import access
from curation.actions import queue
from curation.api import schemas
from curation.api.errors import Invalid
from curation.api.paging import keyset
from curation.api.shared import ANNOTATE, annotation_row, answer_of, form_of, team_of, user_of
from curation.content import load
from curation.models import Annotation

router = Router(tags=["Annotations"])


class AnnotationFilters(schemas.Paged):
    task: int | None = None
    state: Literal["draft", "submitted", "returned", "accepted", "declined", "late", "skipped"] | None = None


@router.post(
    "/tasks/{int:task_id}/annotations/next", response=schemas.NextOut, auth=ANNOTATE, summary="Take the next example"
)
def next_annotation(request: HttpRequest, task_id: int) -> dict[str, Any]:
    """What you work on next, claimed for you: returned work first, then what you have open, then a new example."""
    task = access.task(user_of(request), task_id, access.ANNOTATE)
    found = queue.next_item(task=task, user=user_of(request))
    return {"annotation": annotation_row(found) if found else None}


@router.get("/annotations", response=schemas.Page[schemas.AnnotationOut], summary="List your annotations")
def list_annotations(request: HttpRequest, filters: Query[AnnotationFilters]) -> dict[str, Any]:
    """Your own, newest first. Answers are blind: those of others are not listed here."""
    team = team_of(request)
    rows = Annotation.objects.filter(annotator=user_of(request), task__team=team, task__deleted_at=None)
    if filters.task is not None:
        rows = rows.filter(task=filters.task)
    if filters.state is not None:
        rows = rows.filter(state=filters.state)
    rows = rows.select_related("example", "annotator")
    return keyset(rows, by="pk", limit=filters.limit, after=filters.after, show=annotation_row, down=True)


@router.get("/annotations/{int:annotation_id}", response=schemas.AnnotationOut, summary="Get an annotation")
def get_annotation(request: HttpRequest, annotation_id: int) -> dict[str, Any]:
    """Your own; a curator gets those of others too."""
    return annotation_row(access.annotation(user_of(request), annotation_id))


def _own(request: HttpRequest, annotation_id: int) -> Annotation:
    """One answers for oneself only, curators too."""
    found = access.annotation(user_of(request), annotation_id, access.ANNOTATE)
    if found.annotator_id != user_of(request).pk:
        raise Invalid(
            "annotation_id", "This annotation is somebody else's.", "Take one of your own, or review this one."
        )
    return found


@router.put("/annotations/{int:annotation_id}", response=schemas.AnnotationOut, auth=ANNOTATE, summary="Save a draft")
def save_annotation(request: HttpRequest, annotation_id: int, body: schemas.AnswerBody) -> dict[str, Any]:
    """Keep unfinished work; your claim is prolonged. Fields may be missing, but none may be unknown."""
    found = _own(request, annotation_id)
    form = form_of(found.task)
    for name in body.answer:
        if form.get(name) is None:
            raise Invalid(f"answer.{name}"[:200], f"answer.{name[:80]} is no field of the form.")
    saved = queue.save_draft(
        annotation=found, by=user_of(request), version=body.version, answer=body.answer, note=body.note, seconds=body.seconds
    )  # fmt: skip
    return annotation_row(saved)


@router.post(
    "/annotations/{int:annotation_id}/submit", response=schemas.SubmittedOut, auth=ANNOTATE, summary="Submit an answer"
)
def submit_annotation(request: HttpRequest, annotation_id: int, body: schemas.SubmitBody) -> dict[str, Any]:
    """A complete answer. `late`: others had taken the place meanwhile; it is kept, and a reviewer may still take it."""
    found = _own(request, annotation_id)
    answer = answer_of(found.task, body.answer, load(found.example.content))
    done = queue.submit(
        annotation=found, by=user_of(request), version=body.version, answer=answer, note=body.note, seconds=body.seconds,
        submit_key=body.submit_key,
    )  # fmt: skip
    return {"annotation": annotation_row(done.annotation), "late": done.late, "repeated": done.repeated}


@router.post(
    "/annotations/{int:annotation_id}/skip", response=schemas.AnnotationOut, auth=ANNOTATE, summary="Skip an example"
)
def skip_annotation(request: HttpRequest, annotation_id: int, body: schemas.SkipBody) -> dict[str, Any]:
    """Others get it instead; you never get it again."""
    found = _own(request, annotation_id)
    queue.skip(annotation=found, by=user_of(request), reason=body.reason, version=body.version)
    return annotation_row(access.annotation(user_of(request), annotation_id))
