"""The table of a task's examples, and one deed on many of them."""

import json
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from config.faults import Fault
from config.http import page, see_other
from config.policy import members, reads
from curation import access
from curation.actions import bulk
from curation.models import BulkChange, Task
from curation.table import asking
from curation.table.pages import choices, table
from curation.table.rows import rows
from curation.views.shared import frame

TEMPLATE = "curation/examples.html"
MOST_TICKED = 200  # a page has fifty


@reads
def examples(request: HttpRequest, task_id: int) -> HttpResponse:
    """The table; for htmx its rows."""
    task = access.task(request.user, task_id)  # type: ignore[arg-type]
    return _show(request, task)


def _ask(request: HttpRequest, *, curator: bool) -> asking.Asked:
    return asking.read(request.GET, request.GET.getlist("has"), curator=curator)


def _show(request: HttpRequest, task: Task, *, status: int = 200, **more: Any) -> HttpResponse:
    shared = frame(task)
    curator = shared["may_curate"]
    ask = _ask(request, curator=curator)
    place = request.GET.get("at", "")
    context = shared | table(task, request.user, ask, place, curator=curator) | {"tab": "examples", "at": place}  # type: ignore[arg-type]
    if not request.htmx or request.htmx.boosted or request.htmx.history_restore_request:  # type: ignore[attr-defined]
        context |= choices(task, curator=curator)
    if curator:
        context["done"] = _done(request, task)
    return page(request, TEMPLATE, context | more, part="rows", status=status)


def _done(request: HttpRequest, task: Task) -> dict[str, Any] | None:
    """The change that was just made, for those without a script: it can be undone."""
    change = access.last_change(task, request.GET.get("done", ""), bulk.DEEDS)
    return {"change": change, "said": said(change)} if change else None


def said(change: BulkChange) -> str:
    number = change.examples
    words = bulk.DEEDS[change.action].said((change.facts or {}).get("value"))
    return f"{number:,} example{'s' * (number != 1)} {words}."


@members
@require_POST
def examples_bulk(request: HttpRequest, task_id: int) -> HttpResponse:
    """POST `do`, `value` and either `example` (ticked rows) or scope=all: every example that the address asks for."""
    task = access.task(request.user, task_id, access.CURATE)  # type: ignore[arg-type]
    ask = _ask(request, curator=True)
    deed = bulk.DEEDS.get(request.POST.get("do", ""))
    if deed is None:
        raise Http404
    ticked = [int(one) for one in request.POST.getlist("example")[:MOST_TICKED] if one.isdecimal() and len(one) < 19]
    every = request.POST.get("scope") == "all"
    try:
        try:
            value = deed.read(request.POST.get("value", "").strip())
        except ValueError as error:
            raise Fault("bulk.value", why=str(error)) from None
        if not every and not ticked:
            raise Fault("bulk.nothing_ticked")
        chosen = rows(task, ask) if every else ticked
        done = bulk.change_many(
            task=task, by=request.user, examples=chosen, deed=deed.name, value=value, query=ask.query,  # type: ignore[arg-type]
        )  # fmt: skip
    except Fault as fault:
        return _show(request, task, status=fault.status, fault=fault, ticked=ticked, posted=request.POST)
    return _said(request, task, ask, done)


def _said(request: HttpRequest, task: Task, ask: asking.Asked, done: bulk.Done) -> HttpResponse:
    home = f"{reverse('examples', args=[task.pk])}?{ask.query}"
    if done.change is None:
        text = "Nothing was changed: none of them needed it."
    else:
        text = said(done.change) + (f" {done.left:,} stayed as they were." if done.left else "")
    if not request.htmx:  # type: ignore[attr-defined]
        if done.change is None:
            messages.info(request, text)
            return see_other(home)
        return see_other(f"{home}&at={request.GET.get('at', '')[:200]}&done={done.change.pk}")
    response = _show(request, task, announced=text)
    toast = {"text": text} | ({"undo": reverse("bulk_undo", args=[done.change.pk])} if done.change else {})
    response["HX-Trigger"] = json.dumps({"toast": toast})
    return response


@members
@require_POST
def bulk_undo(request: HttpRequest, bulk_id: int) -> HttpResponse:
    """Take a change of many examples back, and lead to the view that it was made in."""
    change = access.bulk_change(request.user, bulk_id, access.CURATE)  # type: ignore[arg-type]
    back = bulk.undo(change=change, by=request.user)  # type: ignore[arg-type]
    rest = change.examples - back
    text = f"{back:,} example{'s are as they were' if back != 1 else ' is as it was'}."
    if rest:
        text += f" {rest:,} {'were' if rest != 1 else 'was'} changed since, and stay{'s' * (rest == 1)} so."
    messages.success(request, text)
    name = "review" if change.action == "accept_equal" else "examples"
    return see_other(f"{reverse(name, args=[change.task_id])}?{(change.facts or {}).get('query', '')}")
