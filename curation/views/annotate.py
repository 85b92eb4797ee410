"""The annotation page: one item at a time. A submit is one request that answers with the next item."""

import json
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from config.faults import Fault
from config.http import page, see_other
from config.policy import members
from curation import access, working
from curation.actions import queue, reading
from curation.forms.annotating import read_version, read_writing, storable
from curation.models import Annotation, Task
from curation.working import Item, Writing, begin

TEMPLATE = "curation/annotate.html"


@members
def annotate(request: HttpRequest, task_id: int) -> HttpResponse:
    """GET: what this person works on next. POST: what she does with what is open (`do`), then the next item."""
    task = access.work(request.user, task_id)  # type: ignore[arg-type]
    if request.method != "POST":
        ahead = request.GET.get("ahead", "")
        return _ahead(request, task, int(ahead)) if ahead.isdecimal() else _next(request, task)
    number = request.POST.get("annotation", "")
    annotation = access.own_annotation(request.user, task, int(number) if number.isdecimal() else 0)  # type: ignore[arg-type]
    act = ACTS.get(request.POST.get("do", "submit"), _keep)  # a deed of another page: saved, and nothing is sent in
    return act(request, task, annotation)


# --- showing ---


def show(request: HttpRequest, item: Item, *, status: int = 200, part: str = "item", **more: Any) -> HttpResponse:
    """The page of one item, or its part."""
    context = {"team": item.task.team, "task": item.task, "item": item, "may_curate": _curates(item.task)} | more
    return page(request, TEMPLATE, context, part=part, status=status)


def _curates(task: Task) -> bool:
    return bool(task.team.mine.may(access.CURATE))  # type: ignore[attr-defined]


def _next(request: HttpRequest, task: Task) -> HttpResponse:
    try:
        found = queue.next_item(task=task, user=request.user)  # type: ignore[arg-type]
    except Fault as fault:
        return show_nothing(request, task, fault)
    return _following(request, task, found)


def _following(
    request: HttpRequest, task: Task, found: Annotation | None, why: Fault | None = None, **more: Any
) -> HttpResponse:
    if found is None:
        return show_nothing(request, task, why, **more)
    return show(request, begin(found, task, request.user), **more)  # type: ignore[arg-type]


def show_nothing(request: HttpRequest, task: Task, why: Fault | None, **more: Any) -> HttpResponse:
    """Nothing is left for her: why, and where to go."""
    context = {
        "team": task.team, "task": task, "may_curate": _curates(task), "item": None,
        "rest": working.rest(task, request.user, why),  # type: ignore[arg-type]
    }  # fmt: skip
    return page(request, TEMPLATE, context | more, part="item")


def _ahead(request: HttpRequest, task: Task, besides: int) -> HttpResponse:
    """The item that will most likely come next, reserved; 204 if there is none to show in advance."""
    current = access.own_annotation(request.user, task, besides)  # type: ignore[arg-type]
    found = queue.ahead(task=task, user=request.user, besides=current)  # type: ignore[arg-type]
    if found is None:
        return HttpResponse(status=204)
    return show(request, begin(found, task, request.user), ahead=True)  # type: ignore[arg-type]


# --- what can be done ---


def opened(request: HttpRequest, task: Task, annotation: Annotation) -> Item:
    """The item with what was posted in its form."""
    item = begin(annotation, task, request.user)  # type: ignore[arg-type]
    item.writing = read_writing(request.POST, item.sheet.form)
    item.changes = "changes" in request.POST
    return item


def _submit(request: HttpRequest, task: Task, annotation: Annotation) -> HttpResponse:
    from curation import answers

    item = opened(request, task, annotation)
    writing = item.writing
    item.problems = answers.check(item.sheet.form, writing.answer, item.content)
    if item.problems:
        return show(request, item, status=422)
    if item.is_suggestion and not writing.sure:
        item.unchanged = True
        return show(request, item, status=422)
    if annotation.version != writing.version and same_as_saved(item, annotation):
        writing.version = annotation.version
    try:
        turn = queue.submit_and_next(
            annotation=annotation, by=request.user, version=writing.version, answer=writing.answer, note=writing.note,  # type: ignore[arg-type]
            seconds=writing.seconds, submit_key=writing.key,
        )  # fmt: skip
    except Fault as fault:
        return refused(request, item, fault)
    late = turn.submitted is not None and turn.submitted.late
    if not request.htmx:  # type: ignore[attr-defined]
        if late:
            messages.warning(request, LATE)
        return see_other(reverse("annotate", args=[task.pk]))
    return _following(request, task, turn.following, turn.closed, said="Submitted.", late=late and LATE)


LATE = "Your last answer came after its time: others had taken the place meanwhile. It is kept, and a reviewer may still take it."


def same_as_saved(item: Item, fresh: Annotation) -> bool:
    """A save that is stale only because its own text is there already: the answer to it was lost on the way."""
    from curation import answers

    own = answers.same(item.sheet.form, fresh.answer, item.writing.answer) and fresh.note == item.writing.note
    return own and fresh.state in (Annotation.State.DRAFT, Annotation.State.RETURNED)


def refused(request: HttpRequest, item: Item, fault: Fault) -> HttpResponse:
    """Somebody (perhaps she herself, in another window) was faster: both texts, and nothing is overwritten."""
    fresh = access.own_annotation(request.user, item.task, item.annotation.pk)  # type: ignore[arg-type]
    if fault.code == "annotation.stale":
        item.annotation = fresh
        item.other = Writing(fresh.answer, fresh.note, version=fresh.version)
        item.writing.version = fresh.version
        return show(request, item, status=fault.status, fault=fault)
    if fault.code == "annotation.closed":
        item.annotation = fresh
        item.other = Writing(fresh.answer, fresh.note, version=fresh.version)
        item.readonly = True
        return show(request, item, status=fault.status, fault=fault)
    raise fault


def _skip(request: HttpRequest, task: Task, annotation: Annotation) -> HttpResponse:
    reason = request.POST.get("reason", "").strip() or request.POST.get("reason_plain", "").strip()
    try:
        turn = queue.skip_and_next(annotation=annotation, by=request.user, reason=reason.replace("\0", "")[:2_000])  # type: ignore[arg-type]
    except Fault as fault:
        return refused(request, opened(request, task, annotation), fault)
    if not request.htmx:  # type: ignore[attr-defined]
        return see_other(reverse("annotate", args=[task.pk]))
    response = _following(request, task, turn.following, turn.closed, said="Skipped.")
    undo = reverse("annotation", args=[annotation.pk])
    response["HX-Trigger"] = json.dumps({"toast": {"text": "Skipped. Others will get it.", "undo": undo}})
    return response


def _take_text(request: HttpRequest, task: Task, annotation: Annotation) -> HttpResponse:
    """A model's text is put into the form, in place of what was there when it was asked; saves nothing."""
    from curation import answers
    from curation.actions import assists
    from curation.views.assists import context_of, value_of

    item = opened(request, task, annotation)
    asked = access.assist(annotation, request.POST.get("assist", ""))
    field = assists.main_field(task)
    stands = answers.text_of(field, item.writing.answer.get(asked.field)) if field else ""
    try:
        if annotation.state not in assists.OPEN:
            raise Fault("assist.closed")
        if stands[: assists.MOST_TEXT] != asked.before and request.POST.get("assist_sure") != "1":
            return show(request, item, status=409, moved=True, stands=stands, **context_of(annotation, request.user))
        text = assists.take(assist=asked, by=request.user)  # type: ignore[arg-type]
        item.writing.answer = dict(item.writing.answer) | {asked.field: value_of(annotation, asked, text)}
    except Fault as fault:
        return show(request, item, status=fault.status, fault=fault, **context_of(annotation, request.user))
    return show(request, item, said="The model's text is in your answer.")


def _ask_model(request: HttpRequest, task: Task, annotation: Annotation) -> HttpResponse:
    """For those without a script: the draft is saved, then the page on which a model is asked."""
    item = opened(request, task, annotation)
    writing = item.writing
    try:
        queue.save_draft(
            annotation=annotation, by=request.user, version=writing.version, answer=storable(writing.answer),  # type: ignore[arg-type]
            note=writing.note, seconds=writing.seconds,
        )  # fmt: skip
    except Fault as fault:
        return refused(request, item, fault)
    return see_other(reverse("annotation_assist", args=[annotation.pk]))


def _keep(request: HttpRequest, task: Task, annotation: Annotation) -> HttpResponse:
    """Saved by hand: for those without a script, and where of two versions she keeps hers."""
    item = opened(request, task, annotation)
    writing = item.writing
    try:
        saved = queue.save_draft(
            annotation=annotation, by=request.user, version=writing.version, answer=storable(writing.answer),  # type: ignore[arg-type]
            note=writing.note, seconds=writing.seconds,
        )  # fmt: skip
    except Fault as fault:
        return refused(request, item, fault)
    if not request.htmx:  # type: ignore[attr-defined]
        messages.success(request, "Saved as a draft.")
        return see_other(reverse("annotation", args=[annotation.pk]))
    return show(request, begin(saved, task, request.user), said="Saved.")  # type: ignore[arg-type]


def _diff(request: HttpRequest, task: Task, annotation: Annotation) -> HttpResponse:
    """What differs between the suggestion and what stands in the form; saves nothing."""
    item = opened(request, task, annotation)
    item.changes = not item.changes
    return show(request, item, part="changes")


def _use(request: HttpRequest, task: Task, annotation: Annotation) -> HttpResponse:
    """The suggestion is put into the form; saves nothing."""
    item = opened(request, task, annotation)
    item.writing.answer = dict(item.suggested or {})
    return show(request, item)


def _empty(request: HttpRequest, task: Task, annotation: Annotation) -> HttpResponse:
    item = opened(request, task, annotation)
    item.writing.answer = {}
    return show(request, item)


def _restore(request: HttpRequest, task: Task, annotation: Annotation) -> HttpResponse:
    """The form is drawn with what the browser had kept; saves nothing."""
    return show(request, opened(request, task, annotation))


def _take_other(request: HttpRequest, task: Task, annotation: Annotation) -> HttpResponse:
    """Of two versions, the saved one: the item as it is now."""
    return see_other(reverse("annotation", args=[annotation.pk]))


def _release(request: HttpRequest, task: Task, annotation: Annotation) -> HttpResponse:
    """She stops: the place is free for others at once, what she wrote stays hers."""
    queue.release(annotation=annotation, by=request.user)  # type: ignore[arg-type]
    return see_other(reverse("my_work", args=[task.pk]))


def _read(request: HttpRequest, task: Task, annotation: Annotation) -> HttpResponse:
    """She has read the guidelines; what stands in the form stays."""
    number = read_version(request.POST, "guidelines")
    reading.read_guidelines(task=task, by=request.user, number=min(number, task.latest_guidelines))  # type: ignore[arg-type, attr-defined]
    return show(request, opened(request, task, annotation), part="guidelines")


ACTS = {
    "submit": _submit,
    "skip": _skip,
    "draft": _keep,
    "keep": _keep,
    "other": _take_other,
    "use": _use,
    "empty": _empty,
    "diff": _diff,
    "restore": _restore,
    "read": _read,
    "release": _release,
    "take": _take_text,
    "assist": _ask_model,
}
