"""Reviewing: what waits, and the decisions on it."""

from collections import defaultdict
from typing import Any

from django.http import Http404, HttpRequest
from ninja import Query, Router

from curation import access
from curation.actions import accepting
from curation.api import schemas
from curation.api.errors import Invalid
from curation.api.paging import keyset
from curation.api.shared import REVIEW, annotation_row, answer_of, example_full, example_row, user_of
from curation.content import load
from curation.models import Annotation, Example

router = Router(tags=["Reviews"])


@router.get(
    "/tasks/{int:task_id}/reviews", response=schemas.Page[schemas.WaitingOut], summary="List what waits for review"
)
def list_reviews(request: HttpRequest, task_id: int, filters: Query[schemas.Paged]) -> dict[str, Any]:
    """Examples with all their answers in and no decision yet, with these answers. For curators."""
    task = access.task(user_of(request), task_id, access.CURATE)
    rows = Example.objects.alive().filter(task=task, state=Example.State.SUBMITTED)
    found = keyset(rows, by="pk", limit=filters.limit, after=filters.after, show=lambda one: one)
    by_example: dict[int, list[dict[str, Any]]] = defaultdict(list)
    waiting = Annotation.objects.filter(example__in=found["items"], state__in=["submitted", "late"])
    for one in waiting.select_related("annotator", "example").order_by("submitted_at", "pk"):
        by_example[one.example_id].append(annotation_row(one))
    items = [{"example": example_row(one), "annotations": by_example[one.pk]} for one in found["items"]]
    return {"items": items, "next": found["next"]}


@router.post("/examples/{int:example_id}/accept", response=schemas.ExampleFull, auth=REVIEW, summary="Accept an answer")
def accept_example(request: HttpRequest, example_id: int, body: schemas.AcceptBody) -> dict[str, Any]:
    """Make one answer the accepted one: that of an annotation, an edited one, or one of your own."""
    user = user_of(request)
    example = access.example(user, example_id, access.CURATE)
    taken = None
    if body.annotation is not None:
        taken = _answer_to(example, body.annotation)
    sent = body.answer if body.answer is not None else (taken.answer if taken else None)
    if sent is None:
        raise Invalid("annotation", "There is neither an annotation nor an answer to accept.", "Send one of the two.")
    answer = answer_of(example.task, sent, load(example.content))
    done = accepting.accept(example=example, by=user, answer=answer, annotation=taken, revision=body.revision)
    return example_full(done, curates=True)


def _answer_to(example: Example, annotation_id: int) -> Annotation:
    found = example.annotations.filter(
        pk=annotation_id, state__in=["submitted", "late", "declined", "accepted"]
    ).first()
    if found is None:
        raise Invalid("annotation", f"Annotation {annotation_id} is no submitted answer to this example.")
    return found


@router.post(
    "/annotations/{int:annotation_id}/return", response=schemas.AnnotationOut, auth=REVIEW, summary="Return an answer"
)
def return_annotation(request: HttpRequest, annotation_id: int, body: schemas.ReturnBody) -> dict[str, Any]:
    """Give it back to its author with a comment; her place is kept for a week."""
    user = user_of(request)
    found = access.annotation(user, annotation_id, access.CURATE)
    if found.example.deleted_at is not None:
        raise Http404
    accepting.return_(annotation=found, by=user, feedback=body.feedback)
    return annotation_row(access.annotation(user, annotation_id, access.CURATE))


@router.post(
    "/examples/{int:example_id}/reject", response=schemas.ExampleFull, auth=REVIEW, summary="Reject an example"
)
def reject_example(request: HttpRequest, example_id: int, body: schemas.RejectBody) -> dict[str, Any]:
    """Leave it out of the data."""
    user = user_of(request)
    example = access.example(user, example_id, access.CURATE)
    return example_full(accepting.reject(example=example, by=user, why=body.why), curates=True)
