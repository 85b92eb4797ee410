"""Pages of tasks: the list, a new one, the overview, its words, deleting and restoring."""

import json

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from config.faults import Fault
from config.http import page, see_other
from config.policy import members, reads
from curation import access, answers
from curation.actions import tasking as actions
from curation.forms.tasks import DeleteTaskForm, NewTaskForm, TaskForm
from curation.tasks_page import task_page, tasks_page
from curation.views.shared import frame, team_frame

WORDS = (
    "name", "definition", "avoid", "categories", "domains", "input_languages", "output_languages", "licence",
)  # fmt: skip


@reads
def tasks(request: HttpRequest, slug: str) -> HttpResponse:
    team = access.team(request.user, slug)  # type: ignore[arg-type]
    return page(request, "curation/tasks.html", team_frame(team) | tasks_page(team, request.user))  # type: ignore[arg-type]


@members
def task_new(request: HttpRequest, slug: str) -> HttpResponse:
    team = access.team(request.user, slug, access.CURATE)  # type: ignore[arg-type]
    form = NewTaskForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        preset = answers.PRESETS[given.pop("preset")]
        fields = answers.dump_form(answers.load_form(preset.form))
        try:
            made = actions.create_task(team=team, by=request.user, form=fields, **given)  # type: ignore[arg-type]
        except Fault as fault:
            form.add_error("name", f"{fault.what} {fault.advice}")
        else:
            messages.info(request, "The task is made. Bring in examples, and write guidelines for those who annotate.")
            return see_other(made.get_absolute_url())
    return page(
        request, "curation/task_new.html", team_frame(team) | {"form": form}, status=422 if form.errors else 200
    )


@reads
def task(request: HttpRequest, task_id: int) -> HttpResponse:
    found = access.task(request.user, task_id)  # type: ignore[arg-type]
    return page(request, "curation/task.html", frame(found) | task_page(found, request.user))  # type: ignore[arg-type]


@members
def task_edit(request: HttpRequest, task_id: int) -> HttpResponse:
    """Name, definition and what describes the task. Somebody else's change meanwhile: both texts, nothing overwritten."""
    found = access.task(request.user, task_id, access.CURATE)  # type: ignore[arg-type]
    posted = request.method == "POST"
    form = TaskForm(request.POST if posted else None, initial={name: getattr(found, name) for name in WORDS})
    status, theirs = 200, []
    if posted and form.is_valid():
        version = request.POST.get("version", "")
        try:
            actions.change_task(
                task=found, by=request.user, version=int(version) if version.isdecimal() and len(version) < 10 else 0,  # type: ignore[arg-type]
                **form.cleaned_data,
            )  # fmt: skip
        except Fault as fault:
            if fault.code == "task.name_taken":
                form.add_error("name", f"{fault.what} {fault.advice}")
            else:
                found = access.task(request.user, task_id, access.CURATE)  # type: ignore[arg-type]
                status, theirs = fault.status, _theirs(found, form.cleaned_data)
        else:
            messages.info(request, "Saved. Annotators see it with their next example.")
            return see_other(found.get_absolute_url())
    context = frame(found) | {"form": form, "theirs": theirs, "stale": status == 409}
    return page(request, "curation/task_edit.html", context, status=422 if form.errors else status)


def _theirs(task: object, mine: dict[str, object]) -> list[tuple[str, str, str]]:
    """(label, theirs, mine) of every field that differs."""

    def text(value: object) -> str:
        return ", ".join(value) if isinstance(value, list) else str(value)

    return [
        (str(TaskForm.base_fields[name].label), text(getattr(task, name)), text(mine[name]))
        for name in WORDS
        if text(getattr(task, name)) != text(mine[name])
    ]


@members
def task_delete(request: HttpRequest, task_id: int) -> HttpResponse:
    """Deleting and, by `do=restore`, bringing back."""
    found = access.task(request.user, task_id, access.CURATE, deleted=True)  # type: ignore[arg-type]
    back = reverse("tasks", args=[found.team.slug])
    if request.method == "POST" and request.POST.get("do") == "restore":
        actions.restore_task(task=found, by=request.user)  # type: ignore[arg-type]
        messages.info(request, f"{found.name} is back.")
        return see_other(found.get_absolute_url())
    form = DeleteTaskForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        actions.delete_task(task=found, by=request.user)  # type: ignore[arg-type]
        messages.info(request, f"{found.name} is deleted. It is kept below the list and can be restored.")
        response = see_other(back)
        response["HX-Trigger"] = json.dumps({"toast": {"text": f"{found.name} is deleted."}})
        return response
    return page(request, "curation/task_delete.html", frame(found) | {"form": form}, status=422 if form.errors else 200)
