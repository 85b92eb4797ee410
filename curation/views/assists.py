"""Help of a language model beside an answer: a part of the annotation page, and a page of its own without a script."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from config.faults import Fault
from config.http import page, see_other
from config.policy import members
from curation import access, answers
from curation.actions import assists as actions
from curation.actions import queue
from curation.forms.annotating import read_writing, storable
from curation.models import Annotation, Assist, Endpoint
from curation.working import form_of

TEMPLATE = "curation/assist.html"


@members
def annotation_assist(request: HttpRequest, annotation_id: int) -> HttpResponse:
    """GET: what can be asked, and what came of the last question. POST `do`: a question, leave, or take (into the draft)."""
    found = access.annotation(request.user, annotation_id)  # type: ignore[arg-type]
    task = access.work(request.user, found.task_id)  # type: ignore[arg-type]
    own = access.own_annotation(request.user, task, annotation_id)  # type: ignore[arg-type]
    if request.method != "POST":
        return _show(request, own)
    do = request.POST.get("do", "")
    try:
        if do == "leave":
            actions.leave(assist=access.assist(own, request.POST.get("assist", "")), by=request.user)  # type: ignore[arg-type]
        elif do == "take":
            return _take(request, own)
        elif do in Assist.What.values:
            actions.ask(
                annotation=own, by=request.user, what=do, answer=_answer(request, own),  # type: ignore[arg-type]
                words=request.POST.get("assist_words", ""), endpoint=_endpoint(request, own),
            )  # fmt: skip
        else:
            raise Http404
    except Fault as fault:
        return _show(request, own, status=fault.status, fault=fault, words=request.POST.get("assist_words", ""))
    if not request.htmx:  # type: ignore[attr-defined]
        return see_other(request.path)
    return _show(request, own, posted=True)


def _answer(request: HttpRequest, own: Annotation) -> dict[str, Any]:
    """What stands in the form of the annotation page; where that did not come along, the saved draft."""
    if request.POST.get("annotation") == str(own.pk):
        return dict(read_writing(request.POST, form_of(own.task)).answer)
    return saved(own)


def saved(own: Annotation) -> dict[str, Any]:
    """Her draft, else the suggestion that she begins from."""
    return dict((own.answer if own.saved_at else (own.suggested or {}).get("answer")) or {})


def _endpoint(request: HttpRequest, own: Annotation) -> Endpoint | None:
    """The one chosen among the team's; none chosen: the default. Raises `Fault` assist.no_endpoint."""
    text = request.POST.get("assist_endpoint", "")
    if not text:
        return None
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0
    chosen = own.task.team.endpoints.open().filter(pk=number).first()
    if chosen is None:
        raise Fault("assist.no_endpoint")
    return chosen


def last_of(own: Annotation) -> Assist | None:
    """The last question about this answer, while it is neither taken nor left."""
    found = own.assists.select_related("generation__endpoint", "generation__job").order_by("-pk").first()
    if found is None or not found.is_open:
        return None
    found.annotation = own
    return found


def context_of(own: Annotation, user: Any) -> dict[str, Any]:
    task, asked = own.task, last_of(own)
    chosen = actions.default_endpoint(task, user)
    told = actions.result(asked) if asked else None
    return {
        "team": task.team, "task": task, "annotation": own, "assist": asked, "told": told,
        "offered": [(what, Assist.What(what).label) for what in actions.offered(task)], "chosen": chosen,
        "endpoints": list(task.team.endpoints.open().order_by("name", "pk")),
        "is_text": asked is not None and asked.what != Assist.What.CRITIQUE,
    }  # fmt: skip


def _show(request: HttpRequest, own: Annotation, *, status: int = 200, **more: Any) -> HttpResponse:
    context = context_of(own, request.user) | {"embedded": bool(request.htmx)}  # type: ignore[attr-defined]
    if not context["embedded"]:
        field = actions.main_field(own.task)
        context["now"] = answers.text_of(field, saved(own).get(field.name)) if field else ""
    return page(request, TEMPLATE, context | more, part="assist", status=status)


def _take(request: HttpRequest, own: Annotation) -> HttpResponse:
    """Into the saved draft: for those without a script. With one, the text goes into the form of the page."""
    asked = access.assist(own, request.POST.get("assist", ""))
    if own.state not in actions.OPEN:
        raise Fault("assist.closed")
    now, field = saved(own), actions.main_field(own.task)
    stands = answers.text_of(field, now.get(asked.field)) if field else ""
    if stands != asked.before and request.POST.get("assist_sure") != "1":
        return _show(request, own, status=409, moved=True)
    now[asked.field] = value_of(own, asked, actions.take(assist=asked, by=request.user))  # type: ignore[arg-type]
    queue.save_draft(annotation=own, by=request.user, version=own.version, answer=storable(now), note=own.note)  # type: ignore[arg-type]
    messages.success(request, "The model's text is in your draft. Read it before you submit.")
    return see_other(reverse("annotation", args=[own.pk]))


def value_of(own: Annotation, asked: Assist, text: str) -> Any:
    """A text as the value of the field: the text, or its label."""
    field = next((one for one in form_of(own.task) if one.name == asked.field), None)
    if field is None:
        raise Fault("assist.no_text")
    return text if field.kind == "text" else text.strip()
