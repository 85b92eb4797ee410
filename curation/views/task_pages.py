"""Guidelines, demonstrations, queue and people of a task."""

import json
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from config.faults import Fault
from config.http import page, see_other, unchanged
from config.policy import members
from curation import access
from curation.actions import task_pages as actions
from curation.actions.reading import read_guidelines
from curation.actions.tasking import write_guidelines
from curation.forms.task_settings import MOST_A_DAY, DemonstrationForm, GuidelinesForm, QueueForm
from curation.models import Demonstration, Task
from curation.settings_page import Person, effects, guidelines_page, people_page, queue_page
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
        # What she saw, not what was written since: that she has not read.
        read = min(_number(request.POST.get("number", "")), shown["number"])
        read_guidelines(task=task, by=request.user, number=read)  # type: ignore[arg-type]
        return see_other(request.path)
    newest = shown["newest"]
    form = GuidelinesForm(request.POST if posted else None, initial={"text": newest.text if newest else ""})
    status = 422 if posted and not form.is_valid() else 200
    number = shown["from_number"] = _number(request.POST.get("number", "")) if posted else shown["number"]
    if posted and status == 200:
        if newest is not None and newest.number == number and newest.text == form.cleaned_data["text"]:
            messages.info(request, "The text is the same as before, so no new version was made.")
            return see_other(request.path)
        try:
            made = write_guidelines(task=task, by=request.user, number=number, **form.cleaned_data)  # type: ignore[arg-type]
        except Fault as fault:
            status = fault.status
            shown |= guidelines_page(task, request.user, "", "")  # type: ignore[arg-type]
            newest = shown["newest"]
            shown |= {"conflict": True, "differs": False, "theirs": newest.text if newest else ""}
            shown |= {"mine": form.cleaned_data["text"], "from_number": shown["number"]}
        else:
            read_guidelines(task=task, by=request.user, number=made.number)  # type: ignore[arg-type]
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
    if posted and number and not task.demonstrations.filter(pk=_number(number)).exists():
        return _demonstrations(request, task, DemonstrationForm(request.POST), status=409, gone=True)
    edited = access.demonstration(task, number) if number else None
    initial = {name: getattr(edited, name) for name in DemonstrationForm.base_fields} if edited else None
    form = DemonstrationForm(request.POST if posted else None, initial=initial)
    if posted and form.is_valid():
        try:
            saved = actions.save_demonstration(
                task=task, by=request.user, demonstration=edited, seen=request.POST.get("seen"), **form.cleaned_data  # type: ignore[arg-type]
            )  # fmt: skip
        except Fault as fault:
            theirs = task.demonstrations.filter(pk=edited.pk).first() if edited else None
            return _demonstrations(request, task, form, edited=theirs, status=fault.status, gone=theirs is None)
        return see_other(f"{request.path}#demonstration-{saved.pk}")
    stamp = request.POST.get("seen") if posted else None  # a mistake does not make an old text a new one
    return _demonstrations(request, task, form, edited=edited, stamp=stamp, status=422 if form.errors else 200)


def _demonstrations(
    request: HttpRequest, task: Task, form: DemonstrationForm, *, edited: Demonstration | None = None,
    stamp: str | None = None, gone: bool = False, status: int = 200,
) -> HttpResponse:  # fmt: skip
    context = frame(task) | {
        "form": form, "edited": edited, "demonstrations": list(task.demonstrations.all()), "gone": gone,
        "removed": request.session.get(_key(task)), "stamp": stamp or (actions.stamp(edited) if edited else ""),
    }  # fmt: skip
    if status == 409 and edited is not None:
        given = form.cleaned_data
        context["theirs"] = [
            (DemonstrationForm.base_fields[name].label, getattr(edited, name), given[name])
            for name in DemonstrationForm.base_fields
            if getattr(edited, name) != given[name]
        ]
    return page(request, "curation/task/demonstrations.html", context, status=status)


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
    """`do=preview` says what the settings would do to the examples that are there, and saves nothing."""
    task = access.task(request.user, task_id, access.CURATE)  # type: ignore[arg-type]
    posted = request.method == "POST"
    form = QueueForm(request.POST if posted else None, initial=QueueForm.of(task))
    more: dict[str, Any] = {"version": _number(request.POST.get("version", "")) if posted else task.version}
    status = 422 if posted and not form.is_valid() else 200
    if posted and status == 200 and request.POST.get("do") == "preview":
        more |= {"previewed": True, "effects": effects(task, form.settings())}
    elif posted and status == 200:
        said = effects(task, form.settings())
        try:
            job = actions.set_queue(task=task, by=request.user, version=more["version"], **form.settings())  # type: ignore[arg-type]
        except Fault as fault:
            task = access.task(request.user, task_id, access.CURATE)  # type: ignore[arg-type]
            status, more = fault.status, {"version": task.version, "theirs": _settings(task, form)}
        else:
            messages.info(request, " ".join(["Saved.", *said, "That is being done in the background." if job else ""]))
            return see_other(request.path)
    context = frame(task) | queue_page(task) | {"form": form} | more
    if not posted and context["job"] is not None and (same := unchanged(request, context["job"].version)):
        return same
    return page(request, "curation/task/queue.html", context, part="progress", status=status)


def _settings(task: Task, form: QueueForm) -> list[tuple[str, Any, Any]]:
    """(setting, theirs, mine) of those that differ."""
    return [
        (str(QueueForm.base_fields[name].label), theirs, form.cleaned_data[name])
        for name, theirs in QueueForm.of(task).items()
        if theirs != form.cleaned_data[name]
    ]


@members
def task_people(request: HttpRequest, task_id: int) -> HttpResponse:
    task = access.task(request.user, task_id, access.CURATE if request.method == "POST" else access.VIEW)  # type: ignore[arg-type]
    shown, status, stale = people_page(task), 200, False
    if request.method == "POST":
        wanted, was = _places(request, shown["people"])
        status = 422 if any(one.problem for one in shown["people"]) else 200
        if status == 200:
            try:
                changed = actions.set_people(task=task, by=request.user, wanted=wanted, was=was)  # type: ignore[arg-type]
            except Fault as fault:
                status, stale = fault.status, True
            else:
                messages.info(request, "Saved." if changed else "Nothing was changed.")
                return see_other(request.path)
    return page(request, "curation/task/people.html", frame(task) | shown | {"stale": stale}, status=status)


def _places(request: HttpRequest, people: list[Person]) -> tuple[dict[int, actions.Place], dict[int, actions.Place]]:
    """What was sent, and what the page had shown, by user. What cannot be read is noted at its line."""
    wanted, was = {}, {}
    asked = set(request.POST.getlist("person"))
    for one in people:
        pk = one.member.user_id
        if str(pk) not in asked:
            continue
        one.assigned, one.typed = f"assigned-{pk}" in request.POST, request.POST.get(f"goal-{pk}", "").strip()[:20]
        goal = one.typed or "0"
        if not (goal.isascii() and goal.isdecimal()) or int(goal) > MOST_A_DAY:
            one.problem = f"A goal is a whole number from 0 to {MOST_A_DAY:,}; 0 is none."
            continue
        wanted[pk] = (one.assigned, int(goal))
        before = request.POST.get(f"was-{pk}", "").split(":")
        if len(before) == 2:
            was[pk] = (before[0] == "1", _number(before[1]))
    return wanted, was
