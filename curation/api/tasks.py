"""Tasks and their guidelines."""

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Status

from curation import access, answers
from curation.actions import tasking as actions
from curation.api import schemas
from curation.api.errors import Invalid
from curation.api.paging import keyset
from curation.api.shared import TASKS, team_of, user_of
from curation.models import Guideline, Task

router = Router(tags=["Tasks"])
DEFAULT_FORM = [{"name": "output", "kind": "text"}]


@router.get("/tasks", response=schemas.Page[schemas.TaskOut], summary="List tasks")
def list_tasks(request: HttpRequest, filters: Query[schemas.Paged]) -> dict[str, Any]:
    """The tasks of the team, oldest first."""
    rows = Task.objects.of(team_of(request))
    return keyset(rows, by="pk", limit=filters.limit, after=filters.after, show=lambda one: one)


@router.post("/tasks", response={201: schemas.TaskOut}, auth=TASKS, summary="Make a task")
def create_task(request: HttpRequest, body: schemas.TaskBody) -> Status[Task]:
    """A task with its answer form. Left out, the form is one text, the output."""
    team = team_of(request, access.CURATE)
    fields = body.dict()
    fields["form"] = _form(fields["form"] if fields["form"] is not None else DEFAULT_FORM)
    return Status(201, actions.create_task(team=team, by=user_of(request), **fields))


def _form(raw: list[dict[str, Any]]) -> list[dict[str, Any]]:
    try:
        return answers.dump_form(answers.load_form(raw))
    except answers.FormError as error:
        place = error.place.replace("fields", "form", 1) if error.place.startswith("fields") else f"form.{error.place}"
        raise Invalid(place, f"{place} {error.why}.") from None


@router.get("/tasks/{int:task_id}", response=schemas.TaskOut, summary="Get a task")
def get_task(request: HttpRequest, task_id: int) -> Task:
    return access.task(user_of(request), task_id)


@router.patch("/tasks/{int:task_id}", response=schemas.TaskOut, auth=TASKS, summary="Change a task")
def change_task(request: HttpRequest, task_id: int, body: schemas.TaskPatch) -> Task:
    """Send only what changes, and the version that you changed: an older one is refused with 409."""
    task = access.task(user_of(request), task_id, access.CURATE)
    fields = body.dict(exclude_unset=True, exclude={"version"})
    for name, value in fields.items():
        if value is None:
            raise Invalid(name, f"{name} is null.", "Leave it out to keep what is there.")
    return actions.change_task(task=task, by=user_of(request), version=body.version, **fields)


@router.get("/tasks/{int:task_id}/guidelines", response=schemas.GuidelinesOut, summary="Get the guidelines")
def get_guidelines(request: HttpRequest, task_id: int) -> dict[str, Any] | Guideline:
    """The newest guidelines. Number 0 and no text: there are none yet."""
    task = access.task(user_of(request), task_id)
    return task.guidelines.order_by("-number").first() or {"number": 0, "text": "", "note": "", "at": None}


@router.put("/tasks/{int:task_id}/guidelines", response=schemas.GuidelinesOut, auth=TASKS, summary="Write guidelines")
def write_guidelines(request: HttpRequest, task_id: int, body: schemas.GuidelinesBody) -> Guideline:
    """A new version of the guidelines. `number` is the one that you changed; an older one is refused with 409."""
    task = access.task(user_of(request), task_id, access.CURATE)
    return actions.write_guidelines(task=task, by=user_of(request), text=body.text, note=body.note, number=body.number)
