"""Review: the queue of what waits for a curator, and one example with its answers side by side."""

import json
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from config.faults import Fault
from config.http import page, see_other
from config.policy import members
from curation import access, answers
from curation.actions import accepting, reviewing
from curation.comparing import Comparison
from curation.forms.annotating import storable
from curation.models import BulkChange, Example, Task
from curation.queries_review import Way, accepted_at_once, counts, decided, first, following, queue_page, read_way
from curation.views.shared import frame

TEMPLATE = "curation/review_example.html"
DID = {"accept": "accepted", "return": "returned", "reject": "rejected"}


@members
def review(request: HttpRequest, task_id: int) -> HttpResponse:
    """The queue. GET do=next: the first example of it. POST do=accept_equal, and do=undo with `bulk` in the address."""
    task = access.task(request.user, task_id, access.CURATE)  # type: ignore[arg-type]
    if request.method == "POST":
        return _all_at_once(request, task)
    numbers = counts(task)
    way = read_way(request.GET, numbers)
    if request.GET.get("do") == "next":
        found = first(task, way)
        return see_other(_address(found, way) if found else f"{reverse('review', args=[task.pk])}?{way.query}")
    context = frame(task) | queue_page(task, way, numbers) | {"done": _bulk(request, task)}
    return page(request, "curation/review.html", context, part="queue")


def _all_at_once(request: HttpRequest, task: Task) -> HttpResponse:
    home = reverse("review", args=[task.pk])
    if request.POST.get("do") == "undo":
        change = _bulk(request, task)
        if change is None:
            raise Http404
        opened = reviewing.undo_accept_equal(change=change, by=request.user)  # type: ignore[arg-type]
        messages.success(request, f"{opened:,} example{'s' * (opened != 1)} wait for review again.")
        return see_other(home)
    change = reviewing.accept_equal(task=task, by=request.user)  # type: ignore[arg-type]
    if change is None:
        messages.info(request, "No waiting example has answers that are all equal.")
        return see_other(home)
    return see_other(f"{home}?bulk={change.pk}")


def _bulk(request: HttpRequest, task: Task) -> BulkChange | None:
    number = _number(request.GET.get("bulk"))
    return accepted_at_once(task, number) if number else None


# --- one example ---


@members
def example_review(request: HttpRequest, example_id: int) -> HttpResponse:
    """One example. POST `do`: accept, return, reject, undo; look, ask_return and ask_reject only show something."""
    example = access.example(request.user, example_id, access.CURATE)  # type: ignore[arg-type]
    way = read_way(request.POST if request.method == "POST" else request.GET)
    compared = Comparison(example, example.task)
    if request.method != "POST":
        compared.pick = _number(request.GET.get("pick"))
        compared.editing = "edit" in request.GET
        return _show(request, compared, way)
    compared.pick = _number(request.POST.get("annotation"))
    return ACTS.get(request.POST.get("do", ""), _look)(request, compared, way)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 19 else None


def _address(example: Example, way: Way, **more: Any) -> str:
    query = way.query + "".join(f"&{name}={value}" for name, value in more.items())
    return f"{reverse('example_review', args=[example.pk])}?{query}"


def _show(request: HttpRequest, compared: Comparison, way: Way, *, status: int = 200, **more: Any) -> HttpResponse:
    task = compared.task
    after = following(task, way, compared.example)
    context = frame(task) | {
        "compared": compared, "example": compared.example, "way": way,
        "next_url": _address(after, way) if after else "", "before": _decided(request, task),
    }  # fmt: skip
    return page(request, TEMPLATE, context | more, part="review", status=status)


def _decided(request: HttpRequest, task: Task) -> Example | None:
    """The example that was decided just before, for those without a script: it can be opened again."""
    number = _number(request.GET.get("decided"))
    return decided(task, number) if number else None


def _look(request: HttpRequest, compared: Comparison, way: Way) -> HttpResponse:
    return _show(request, compared, way)


def _edit(request: HttpRequest, compared: Comparison, way: Way) -> HttpResponse:
    compared.editing = True
    return _show(request, compared, way)


def _ask(what: str) -> Any:
    def ask(request: HttpRequest, compared: Comparison, way: Way) -> HttpResponse:
        compared.asking = what
        return _show(request, compared, way)

    return ask


def _accept(request: HttpRequest, compared: Comparison, way: Way) -> HttpResponse:
    """The picked answer, or what stands in the form of an edit."""
    taken = compared.picked if compared.pick else None
    edited = "edited" in request.POST
    if edited:
        compared.editing = True
        compared.posted = storable(answers.parse(compared.form, request.POST))
    elif taken is None:
        return _refused(request, compared, way, Fault("review.nothing", verb="accept"))
    answer = compared.posted if compared.posted is not None else (taken.answer if taken else {})
    compared.problems = answers.check(compared.form, answer, compared.content)
    if compared.problems:
        compared.editing, compared.posted = True, answer
        return _show(request, compared, way, status=422)

    def accept() -> None:
        reviewing.accept(
            example=compared.example, by=request.user, answer=answer, annotation=taken,  # type: ignore[arg-type]
            revision=_number(request.POST.get("revision")) or 0, seen=request.POST.get("seen", ""),
        )  # fmt: skip

    return _decide(request, compared, way, "accept", accept)


def _return(request: HttpRequest, compared: Comparison, way: Way) -> HttpResponse:
    compared.feedback = request.POST.get("feedback", "").replace("\0", "").strip()[:5_000]
    ids = {_number(one) for one in request.POST.getlist("return")}
    chosen = [one for one in compared.given if one.pk in ids]
    if not compared.feedback or not chosen:
        compared.asking = "return"
        compared.wrong = "Choose whose answer goes back." if compared.feedback else "Say what should be different."
        return _show(request, compared, way, status=422)

    def give_back() -> None:
        reviewing.return_answers(
            example=compared.example, by=request.user, annotations=chosen, feedback=compared.feedback,  # type: ignore[arg-type]
            seen=request.POST.get("seen", ""),
        )  # fmt: skip

    return _decide(request, compared, way, "return", give_back)


def _reject(request: HttpRequest, compared: Comparison, way: Way) -> HttpResponse:
    compared.feedback = request.POST.get("why", "").replace("\0", "").strip()[:2_000]
    if not compared.feedback:
        compared.asking, compared.wrong = "reject", "Say why it is left out."
        return _show(request, compared, way, status=422)

    def reject() -> None:
        reviewing.reject(
            example=compared.example, by=request.user, why=compared.feedback, seen=request.POST.get("seen", ""),  # type: ignore[arg-type]
        )  # fmt: skip

    return _decide(request, compared, way, "reject", reject)


def _decide(request: HttpRequest, compared: Comparison, way: Way, what: str, act: Any) -> HttpResponse:
    """Act, then show the next example in the same answer."""
    example, task = compared.example, compared.task
    after = following(task, way, example)  # its place in the queue is known only before the decision
    try:
        act()
    except Fault as fault:
        return _refused(request, compared, way, fault)
    home = f"{reverse('review', args=[task.pk])}?{way.query}"
    undo = reverse("example_review", args=[example.pk]) if what != "return" else ""
    if not request.htmx:  # type: ignore[attr-defined]
        if after is None:
            messages.success(request, f"The example was {DID[what]}. Nothing else waits here.")
        return see_other(_address(after, way, decided=example.pk) if after else home)
    if after is None:
        context = frame(task) | {"compared": None, "way": way, "said": f"{DID[what].capitalize()}."}
        response = page(request, TEMPLATE, context, part="review")
    else:
        after.task = task
        response = _show(request, Comparison(after, task), way, said=f"{DID[what].capitalize()}. Next example.")
    response["HX-Push-Url"] = _address(after, way) if after else home
    toast = {"text": f"Example {DID[what]}."} | ({"undo": undo} if undo else {})
    response["HX-Trigger"] = json.dumps({"toast": toast})
    return response


def _refused(request: HttpRequest, compared: Comparison, way: Way, fault: Fault) -> HttpResponse:
    """Somebody was faster: what she decided, the answers as they are now, and nothing is changed."""
    fresh = access.example(request.user, compared.example.pk, access.CURATE)  # type: ignore[arg-type]
    return _show(request, Comparison(fresh, fresh.task, pick=compared.pick), way, status=fault.status, fault=fault)


def _undo(request: HttpRequest, compared: Comparison, way: Way) -> HttpResponse:
    """Open it again."""
    try:
        accepting.reopen(example=compared.example, by=request.user)  # type: ignore[arg-type]
    except Fault as fault:
        return _refused(request, compared, way, fault)
    messages.success(request, "The example is open again; its answers wait for review.")
    return see_other(_address(compared.example, way))


ACTS = {
    "look": _look,
    "edit": _edit,
    "ask_return": _ask("return"),
    "ask_reject": _ask("reject"),
    "accept": _accept,
    "return": _return,
    "reject": _reject,
    "undo": _undo,
}
