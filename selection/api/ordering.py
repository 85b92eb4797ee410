"""What is annotated first in a task."""

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from curation import access as doors
from curation.api import schemas
from curation.api.errors import Invalid
from curation.api.shared import RUNS, user_of
from curation.models import Task
from selection.actions import ordering as actions
from selection.models import Ordering
from selection.running.snapshot import open_examples

router = Router(tags=["Tasks"])
OrderName = Literal["first_come", "random", "vote_k", "ideal", "uncertainty", "answers"]


class OrderBody(schemas.Input):
    order: OrderName = Field(
        description="A plain rule, a method of selection, or answers: where they differ most so far."
    )
    params: dict[str, Any] = Field(
        default_factory=dict, description="Of the method; its page in the documentation lists them."
    )
    seed: int = Field(0, ge=0, le=2**62)


class OrderOut(Schema):
    order: str | None = Field(description="The order that was asked for last; null where none was.")
    state: str | None = Field(description="standing, undone, or the state of the job that makes it.")
    error: str | None = Field(description="Why it failed, and what to do.")
    examples: int = Field(description="Open examples that it looked at.")
    placed: int = Field(description="Examples that were given a place.")
    arrived: int = Field(description="Open examples that came since; they wait behind the others.")
    created_at: datetime | None


def _row(task: Task) -> dict[str, Any]:
    last = Ordering.objects.filter(task=task).select_related("job").defer("before").first()
    if last is None:
        return {
            "order": None, "state": None, "error": None, "examples": 0, "placed": 0, "arrived": 0, "created_at": None,
        }  # fmt: skip
    job = last.job
    failed = job is not None and job.state == "failed"
    working = job is not None and job.state != "succeeded"
    state = job.state if working else "undone" if last.undone_at else "standing"  # type: ignore[union-attr]
    return {
        "order": last.order, "state": state, "error": f"{job.error_what} {job.error_advice}" if failed else None,  # type: ignore[union-attr]
        "examples": last.examples, "placed": last.placed,
        "arrived": open_examples(task).filter(pk__gt=last.newest).count() if last.applied_at else 0,
        "created_at": last.created_at,
    }  # fmt: skip


@router.get("/tasks/{int:task_id}/order", response=OrderOut, summary="Get the order of a queue")
def get_order(request: HttpRequest, task_id: int) -> dict[str, Any]:
    return _row(doors.task(user_of(request), task_id))


@router.post("/tasks/{int:task_id}/order", response={201: OrderOut}, auth=RUNS, summary="Put a queue in order")
def order_queue(request: HttpRequest, task_id: int, body: OrderBody) -> Status[dict[str, Any]]:
    """Starts in the background where examples must be looked at; get the order to see its state."""
    user = user_of(request)
    task = doors.task(user, task_id, doors.CURATE)
    actions.start(task=task, by=user, order=body.order, params=body.params, seed=body.seed)
    return Status(201, _row(task))


@router.delete("/tasks/{int:task_id}/order", response=OrderOut, auth=RUNS, summary="Undo the order of a queue")
def undo_order(request: HttpRequest, task_id: int) -> dict[str, Any]:
    """Back to the order before the one that stands. What somebody has changed since stays."""
    user = user_of(request)
    task = doors.task(user, task_id, doors.CURATE)
    stands = Ordering.objects.filter(task=task, applied_at__isnull=False, undone_at=None).first()
    if stands is None:
        raise Invalid("order", "No order stands that could be undone.", "Get the order to see how the queue stands.")
    actions.undo(ordering=stands, by=user)
    return _row(task)
