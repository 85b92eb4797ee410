"""One's own annotations: reopened, saved while one writes, and the list of them."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone

from config.faults import Fault
from config.http import page, see_other
from config.policy import members, reads
from curation import access, working
from curation.actions import queue
from curation.forms.annotating import storable
from curation.models import Annotation
from curation.views.annotate import opened, refused, same_as_saved, show
from curation.views.shared import frame
from curation.working import begin

OPEN = (Annotation.State.DRAFT, Annotation.State.RETURNED)


@members
def annotation(request: HttpRequest, annotation_id: int) -> HttpResponse:
    """One annotation: writable while it is a draft or returned, else as it was submitted. POST do=undo unskips."""
    found = access.annotation(request.user, annotation_id)  # type: ignore[arg-type]
    mine = found.annotator_id == request.user.pk
    if request.method == "POST":
        task = access.work(request.user, found.task_id)  # type: ignore[arg-type]
        own = access.own_annotation(request.user, task, annotation_id)  # type: ignore[arg-type]
        return _undo(request, own)
    found.task.latest_guidelines = queue.latest_guidelines(found.task)  # type: ignore[attr-defined]
    found.task.has_endpoint = found.task.team.endpoints.open().exists()  # type: ignore[attr-defined]
    if mine and found.state in OPEN:
        queue.resume(annotation=found, by=request.user)  # type: ignore[arg-type]
    item = begin(found, found.task, found.annotator)
    item.readonly = not mine or found.state not in OPEN
    return show(request, item, single=True, mine=mine)


def _undo(request: HttpRequest, annotation: Annotation) -> HttpResponse:
    try:
        queue.unskip(annotation=annotation, by=request.user)  # type: ignore[arg-type]
    except Fault as fault:
        messages.warning(request, f"{fault.what} {fault.advice}")
        return see_other(reverse("my_work", args=[annotation.task_id]))
    return see_other(reverse("annotation", args=[annotation.pk]))


@members
def draft(request: HttpRequest, annotation_id: int) -> HttpResponse:
    """Unfinished work, sent by the page while one writes: {"version", "saved", "left"}; 409 with both texts."""
    found = access.annotation(request.user, annotation_id)  # type: ignore[arg-type]
    task = access.work(request.user, found.task_id)  # type: ignore[arg-type]
    own = access.own_annotation(request.user, task, annotation_id)  # type: ignore[arg-type]
    if request.method != "POST":
        return see_other(reverse("annotation", args=[annotation_id]))
    item = opened(request, task, own)
    if own.version != item.writing.version and same_as_saved(item, own):
        item.writing.version = own.version
    try:
        saved = queue.save_draft(
            annotation=own, by=request.user, version=item.writing.version, answer=storable(item.writing.answer),  # type: ignore[arg-type]
            note=item.writing.note, seconds=item.writing.seconds,
        )  # fmt: skip
    except Fault as fault:
        return refused(request, item, fault)
    at = saved.saved_at or timezone.now()
    return JsonResponse({"version": saved.version, "saved": at.isoformat(), "left": item.left})


@reads
def my_work(request: HttpRequest, task_id: int) -> HttpResponse:
    """What she has open, what came back, what she did, what she skipped."""
    task = access.task(request.user, task_id, access.ANNOTATE)  # type: ignore[arg-type]
    before = request.GET.get("before", "")
    context = working.my_work(task, request.user, int(before) if before.isdecimal() else None)  # type: ignore[arg-type]
    return page(request, "curation/my_work.html", frame(task) | context)
