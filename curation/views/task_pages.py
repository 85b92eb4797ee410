"""Guidelines, demonstrations, queue and people of a task."""

import json

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from config.faults import Fault
from config.http import page, see_other
from config.policy import members
from curation import access
from curation.actions import task_pages as actions
from curation.actions.reading import read_guidelines
from curation.actions.tasking import write_guidelines
from curation.forms.task_settings import DemonstrationForm, GuidelinesForm, QueueForm
from curation.models import Task
from curation.settings_page import guidelines_page, people_page, queue_page
from curation.views.shared import frame


def _number(text: str, most: int = 10**9) -> int:
    return min(int(text), most) if text.isdecimal() and len(text) < 12 else 0


@members
def task_guidelines(request: HttpRequest, task_id: int) -> HttpResponse:
    """`do=seen`: somebody read them. Else a curator's new text; a newer one meanwhile gives 409 and both texts."""
    posted = request.method == "POST"
    seen = posted and request.POST.get("do") == "seen"
    need = access.ANNOTATE if seen else access.CURATE if posted else access.VIEW
    task = access.task(request.user, task_id, need)  # type: ignore[arg-type]
    shown = guidelines_page(task, request.user, request.GET.get("from", ""), request.GET.get("to", ""))  # type: ignore[arg-type]
    if seen:
        read_guidelines(task=task, by=request.user, number=shown["number"])  # type: ignore[arg-type]
        return see_other(request.path)
    newest = shown["newest"]
    form = GuidelinesForm(request.POST if posted else None, initial={"text": newest.text if newest else ""})
    status = 422 if posted and not form.is_valid() else 200
    if posted and status == 200:
        try:
            write_guidelines(
                task=task, by=request.user, number=_number(request.POST.get("number", "")), **form.cleaned_data
            )  # type: ignore[arg-type]
        except Fault as fault:
            status = fault.status
            shown |= {"conflict": True, "theirs": newest.text if newest else ""}
            shown["mine"] = form.cleaned_data["text"]
        else:
            messages.info(request, "The guidelines are saved as a new version. Annotators see what changed.")
            return see_other(request.path)
    return page(request, "curation/task/guidelines.html", frame(task) | shown | {"form": form}, status=status)


@members
def task_demonstrations(request: HttpRequest, task_id: int) -> HttpResponse:
    """`do`: save (with or without `id`), remove, restore, up, down, or from_example."""
    posted = request.method == "POST"
    task = access.task(request.user, task_id, access.CURATE if posted else access.VIEW)  # type: ignore[arg-type]
    do = request.POST.get("do", "save")
    if posted and do == "from_example":
        return _from_example(request, task)
    if posted and do in {"remove", "up", "down", "restore"}:
        return _arranged(request, task, do)
    number = request.POST.get("id", "") if posted else request.GET.get("edit", "")
    edited = access.demonstration(task, number) if number else None
    initial = {name: getattr(edited, name) for name in DemonstrationForm.base_fields} if edited else None
    form = DemonstrationForm(request.POST if posted else None, initial=initial)
    if posted and form.is_valid():
        actions.save_demonstration(task=task, by=request.user, demonstration=edited, **form.cleaned_data)  # type: ignore[arg-type]
        return see_other(request.path)
    context = frame(task) | {
        "form": form, "edited": edited, "demonstrations": list(task.demonstrations.all()),
        "removed": request.session.get(_key(task)),
    }  # fmt: skip
    return page(request, "curation/task/demonstrations.html", context, status=422 if form.errors else 200)


def _key(task: Task) -> str:
    return f"removed-demonstration-{task.pk}"


def _arranged(request: HttpRequest, task: Task, do: str) -> HttpResponse:
    if do == "restore":
        kept = request.session.pop(_key(task), None)
        if kept:
            actions.save_demonstration(task=task, by=request.user, demonstration=None, **kept)  # type: ignore[arg-type]
        return see_other(request.path)
    found = access.demonstration(task, request.POST.get("id", ""))
    if do == "remove":
        request.session[_key(task)] = actions.remove_demonstration(task=task, by=request.user, demonstration=found)  # type: ignore[arg-type]
    else:
        actions.move_demonstration(
            task=task, by=request.user, demonstration=found, by_places=-1 if do == "up" else 1  # type: ignore[arg-type]
        )  # fmt: skip
    return see_other(request.path)


def _from_example(request: HttpRequest, task: Task) -> HttpResponse:
    example = access.example_of(task, request.POST.get("example", ""))
    kind = "negative" if request.POST.get("kind") == "negative" else "positive"
    actions.from_example(
        task=task, by=request.user, example=example, kind=kind,  # type: ignore[arg-type]
        explanation=request.POST.get("explanation", "").replace("\0", "")[:100_000],
    )  # fmt: skip
    url = reverse("task_demonstrations", args=[task.pk])
    if request.htmx:  # type: ignore[attr-defined]
        response = HttpResponse(status=204)
        response["HX-Trigger"] = json.dumps({"toast": {"text": "It is a demonstration of the task now."}})
        return response
    messages.info(request, "The example is a demonstration now. Say below why it is right.")
    return see_other(url)


@members
def task_queue(request: HttpRequest, task_id: int) -> HttpResponse:
    task = access.task(request.user, task_id, access.CURATE)  # type: ignore[arg-type]
    posted = request.method == "POST"
    form = QueueForm(request.POST if posted else None, initial=QueueForm.of(task))
    status = 422 if posted and not form.is_valid() else 200
    stale = False
    if posted and status == 200:
        try:
            job = actions.set_queue(
                task=task, by=request.user, version=_number(request.POST.get("version", "")), **form.settings()  # type: ignore[arg-type]
            )  # fmt: skip
        except Fault as fault:
            status, stale = fault.status, True
            task = access.task(request.user, task_id, access.CURATE)  # type: ignore[arg-type]
        else:
            messages.info(request, "Saved. The queue is being put in order." if job else "Saved.")
            return see_other(request.path)
    context = frame(task) | queue_page(task) | {"form": form, "stale": stale, "now": QueueForm.of(task)}
    return page(request, "curation/task/queue.html", context, status=status)


@members
def task_people(request: HttpRequest, task_id: int) -> HttpResponse:
    task = access.task(request.user, task_id, access.CURATE if request.method == "POST" else access.VIEW)  # type: ignore[arg-type]
    if request.method == "POST":
        asked = [_number(one) for one in request.POST.getlist("person")[:2_000]]
        changed = actions.set_people(
            task=task, by=request.user,  # type: ignore[arg-type]
            assigned={pk: f"assigned-{pk}" in request.POST for pk in asked},
            goals={pk: _number(request.POST.get(f"goal-{pk}", ""), 100_000) for pk in asked},
        )  # fmt: skip
        messages.info(request, "Saved." if changed else "Nothing was changed.")
        return see_other(request.path)
    return page(request, "curation/task/people.html", frame(task) | people_page(task))
