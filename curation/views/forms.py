"""The answer form of a task: an editor that works by plain POST. Nothing is kept before it is saved."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse

from config.faults import Fault
from config.http import page, see_other
from config.policy import members
from curation import access, answers
from curation.actions import forms as actions
from curation.answers import FormError, editing
from curation.forming import form_page
from curation.models import Task
from curation.views.shared import frame

TEMPLATE = "curation/task_form.html"


@members
def task_form(request: HttpRequest, task_id: int) -> HttpResponse:
    """`do` says what is asked: add, remove:2, up:2, down:2, preset:text, preview or save."""
    task = access.task(request.user, task_id, access.CURATE)  # type: ignore[arg-type]
    if request.method != "POST":
        return _answer(request, task, editing.rows_of(_saved(task)))
    rows = editing.posted_rows(request.POST)
    do, _, what = request.POST.get("do", "save").partition(":")
    if do == "save":
        return _save(request, task, rows)
    if do == "add":
        rows = editing.added(rows, request.POST.get("kind", ""))
    elif do == "preset" and what in answers.PRESETS:
        rows = editing.rows_of(answers.load_form(answers.PRESETS[what].form))
    elif what.isdecimal():
        rows = editing.changed(rows, do, int(what[:4]))
    return _answer(request, task, rows, unsaved=True)


def _save(request: HttpRequest, task: Task, rows: list[editing.Row]) -> HttpResponse:
    version = request.POST.get("version", "")
    try:
        actions.change_form(
            task=task, by=request.user, form=editing.form_of(rows),  # type: ignore[arg-type]
            version=int(version) if version.isdecimal() and len(version) < 10 else 0, confirmed="confirm" in request.POST,
        )  # fmt: skip
    except FormError as error:
        return _answer(request, task, rows, unsaved=True, error=error)
    except Fault as fault:
        if fault.code != "task.form_breaks":
            raise
        return _answer(request, task, rows, unsaved=True, breaks=fault)
    messages.info(request, "The form is saved. Annotators see it with their next example.")
    return see_other(request.path)


def _answer(
    request: HttpRequest, task: Task, rows: list[editing.Row], *, unsaved: bool = False,
    error: FormError | None = None, breaks: Fault | None = None,
) -> HttpResponse:  # fmt: skip
    form = None
    status = 422 if error else breaks.status if breaks else 200
    try:
        form = editing.form_of(rows) if rows else None
    except FormError as found:
        rows = editing.marked(rows, found)
        error = error or found
    context: dict[str, Any] = frame(task) | form_page(task, rows, form)
    context |= {
        "unsaved": unsaved,
        "error": error,
        "breaks": breaks,
        "shown_version": request.POST.get("version") or task.version,
    }
    return page(request, TEMPLATE, context, part="preview", status=status)


def _saved(task: Task) -> answers.Form:
    """The form as it is kept; one that can no longer be read counts as none, so that a new one can be made."""
    try:
        return answers.load_form(task.form)
    except FormError:
        return answers.Form()
