"""Many items at once: rows are ticked and get one answer, or their suggestions are accepted."""

from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from config.faults import Fault
from config.http import page, see_other
from config.policy import members
from curation import access, working
from curation.actions import queue
from curation.forms.annotating import read_version, read_writing
from curation.models import Annotation, Task
from curation.views.annotate import show_nothing
from curation.working import Item, Writing, begin, new_key

MOST = 25
TEMPLATE = "curation/annotate_bulk.html"


@dataclass
class Sent:
    """What was posted for the whole list."""

    writing: Writing
    ticked: list[int] = field(default_factory=list)
    problems: list[Any] = field(default_factory=list)
    why: str = ""  # one sentence: what keeps the ticked rows from being done
    ask: bool = False  # suggestions are accepted unchanged only after a tick


@members
def annotate_bulk(request: HttpRequest, task_id: int) -> HttpResponse:
    """GET: up to 25 items, claimed for this person. POST: answer, accept or skip the ticked ones, then the next list."""
    task = access.work(request.user, task_id)  # type: ignore[arg-type]
    if request.method != "POST":
        return _list(request, task, Sent(Writing({}, key=new_key())))
    do = request.POST.get("do", "")
    sent = Sent(read_writing(request.POST, working.form_of(task)))
    sent.ticked = [int(one) for one in request.POST.getlist("row")[:MOST] if one.isdecimal()]
    if do == "release":
        return _release(request, task)
    if not sent.ticked:
        sent.why = "No row is ticked. Tick the rows that this is for."
        return _list(request, task, sent, status=422)
    rows = [begin(one, task, request.user) for one in _ticked(request, task, sent.ticked)]  # type: ignore[arg-type]
    problem = {"accept": _for_suggestions, "skip": lambda *_: False}.get(do, _for_one_answer)
    if problem(sent, rows):
        return _list(request, task, sent, status=422)
    return _done(request, task, do, sent, rows)


def _ticked(request: HttpRequest, task: Task, ids: list[int]) -> list[Annotation]:
    return [access.own_annotation(request.user, task, one) for one in sorted(set(ids))]  # type: ignore[arg-type]


def _shared(items: list[Item]) -> list[Any]:
    """The parts that every item begins with, such as one instruction for all: shown once. Each keeps its last part."""
    same = []
    for parts in zip(*(item.parts[:-1] for item in items), strict=False) if len(items) > 1 else ():
        if any(part != parts[0] for part in parts):
            break
        same.append(parts[0])
    return same


def _list(request: HttpRequest, task: Task, sent: Sent, *, status: int = 200, said: str = "") -> HttpResponse:
    try:
        found = queue.several(task=task, user=request.user, count=MOST)  # type: ignore[arg-type]
    except Fault as fault:
        return show_nothing(request, task, fault, said=said)
    if not found:
        return show_nothing(request, task, None, said=said)
    items = [begin(one, task, request.user) for one in found]  # type: ignore[arg-type]
    context = {
        "team": task.team, "task": task, "items": items, "sent": sent, "said": said,
        "widgets": working.bulk_widgets(task, sent.writing.answer, sent.problems),
        "shared": _shared(items), "suggested": sum(item.suggested is not None for item in items),
    }  # fmt: skip
    return page(request, TEMPLATE, context, part="bulk", status=status)


# --- what keeps the ticked rows from being done; True if something does ---


def _for_one_answer(sent: Sent, rows: list[Item]) -> bool:
    from curation import answers

    for item in rows:
        item.writing.answer = sent.writing.answer
        sent.problems = answers.check(item.sheet.form, sent.writing.answer, item.content)
        if sent.problems:
            return True
    return _unsure(sent, rows)


def _for_suggestions(sent: Sent, rows: list[Item]) -> bool:
    from curation import answers

    for item in rows:
        item.writing.answer = dict(item.suggested or {})
        if item.suggested is None:
            sent.why = "A ticked row has no suggestion. Untick it, or give the ticked rows an answer."
            return True
        wrong = answers.check(item.sheet.form, item.suggested, item.content)
        if wrong:
            sent.why = (
                f"The suggestion of a ticked row cannot be submitted: {wrong[0]} Untick it and annotate it alone."
            )
            return True
    return _unsure(sent, rows)


def _unsure(sent: Sent, rows: list[Item]) -> bool:
    sent.ask = not sent.writing.sure and any(item.is_suggestion for item in rows)
    return sent.ask


# --- doing it ---


def _done(request: HttpRequest, task: Task, do: str, sent: Sent, rows: list[Item]) -> HttpResponse:
    """Row by row, each in a transaction of its own: what others changed meanwhile stops no other row."""
    done, late, refused = 0, 0, 0
    for item in rows:
        try:
            if do == "skip":
                queue.skip(annotation=item.annotation, by=request.user, reason=sent.writing.note)  # type: ignore[arg-type]
            else:
                pk = item.annotation.pk
                late += queue.submit(
                    annotation=item.annotation, by=request.user, version=read_version(request.POST, f"v-{pk}"),  # type: ignore[arg-type]
                    answer=item.writing.answer, note=sent.writing.note, seconds=sent.writing.seconds / len(rows),
                    submit_key=f"{sent.writing.key}-{pk}"[:64],
                ).late  # fmt: skip
            done += 1
        except Fault:
            refused += 1
    said = f"{done:,} {'skipped' if do == 'skip' else 'submitted'}."
    if late:
        said += f" {late:,} came late: others had taken the place; a reviewer may still take them."
    if refused:
        said += f" {refused:,} had changed in another window and were left as they are."
    if request.htmx:  # type: ignore[attr-defined]
        return _list(request, task, Sent(Writing({}, key=new_key())), said=said)
    messages.success(request, said)
    return see_other(reverse("annotate_bulk", args=[task.pk]))


def _release(request: HttpRequest, task: Task) -> HttpResponse:
    """The places are free for others at once."""
    listed = [int(name[2:]) for name in request.POST if name.startswith("v-") and name[2:].isdecimal()]
    for one in _ticked(request, task, listed[:MOST]):
        queue.release(annotation=one, by=request.user)  # type: ignore[arg-type]
    return see_other(reverse("my_work", args=[task.pk]))
