"""Which examples a question means. Only what `asking` names gets here; values are parameters, names are ours."""

from collections.abc import Callable
from datetime import timedelta

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import Exists, F, OuterRef, Q, QuerySet, TextField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.db.models.lookups import Exact
from django.utils import timezone

from curation.models import Annotation, Example, ExampleText, Slot, Task
from curation.searching import matching
from curation.table.asking import Asked, Term

SPANS = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
}
NOTHING = Q(pk__in=[])


def rows(task: Task, ask: Asked) -> QuerySet[Example]:
    """The examples that are asked for, in no order. Deleted ones only where the question names them."""
    found: QuerySet[Example] = Example.objects.filter(task=task)
    found = found.filter(deleted_at__isnull=ask.state != "deleted")
    if ask.state:
        found = found.filter(STATES[ask.state](task))
    if ask.tag:
        found = found.filter(tags__contains=[ask.tag[:60]])
    if ask.source:
        found = found.filter(source=ask.source)
    if ask.origin:
        found = found.filter(_origin(ask.origin))
    if ask.annotator:
        answered = Annotation.objects.filter(task=task, annotator_id=ask.annotator).exclude(state="draft")
        found = found.filter(pk__in=answered.values("example"))
    for mark in ask.marks:
        found = found.filter(MARKS[mark](task))
    if ask.added:
        found = found.filter(created_at__gte=timezone.now() - SPANS[ask.added])
    if ask.changed:
        found = found.filter(changed_at__gte=timezone.now() - SPANS[ask.changed], changed_at__gt=F("created_at"))
    for term in ask.terms:
        meant = TERMS[term.field](term, task)
        found = found.filter(meant if term.wanted else ~meant)
    return matching(found, ask.text)


# --- states and marks ---


def _in_work(task: Task) -> Q:
    held = Slot.objects.filter(task=task, state="claimed", gold=False)
    return Q(pk__in=held.values("example"))


def _returned(task: Task) -> Q:
    return Q(pk__in=Annotation.objects.filter(task=task, state="returned").values("example"))


def _unchanged(task: Task) -> Q:
    taken = Annotation.objects.filter(task=task, unchanged=True, state__in=["submitted", "accepted"])
    return Q(pk__in=taken.values("example"))


def _always(meant: Q) -> Callable[[Task], Q]:
    return lambda _: meant


STATES: dict[str, Callable[[Task], Q]] = {
    "open": _always(Q(state="open")),
    "in_work": _in_work,
    "submitted": _always(Q(state="submitted")),
    "returned": _returned,
    "accepted": _always(Q(state="accepted")),
    "rejected": _always(Q(state="rejected")),
    "deleted": _always(Q(deleted_at__isnull=False)),
}
MARKS: dict[str, Callable[[Task], Q]] = {
    "suggestion": _always(Q(suggestion__isnull=False)),
    "gold": _always(Q(gold__isnull=False)),
    "unchanged": _unchanged,
    "disagreement": _always(Q(agreement__lt=1)),
}


def _origin(asked: str) -> Q:
    kind, _, number = asked.partition("-")
    if not number:
        return Q(origin=kind)
    return Q(origin=kind, incoming_id=int(number)) if kind == "file" else _run(Term("run", number))


# --- terms ---


def _words(path: str) -> Callable[[Term, Task], Q]:
    """Words in one part. The search table narrows it down; the part itself decides."""

    def meant(term: Term, task: Task) -> Q:
        asked = SearchQuery(term.value, config="simple", search_type="phrase" if term.phrase else "websearch")
        anywhere = ExampleText.objects.filter(example_id=OuterRef("pk"), words=asked)
        within = Example.objects.annotate(
            part=SearchVector(Cast(KeyTextTransform(path, "content"), TextField()), config="simple")
        ).filter(pk=OuterRef("pk"), part=asked)
        return Q(Exists(anywhere)) & Q(Exists(within))

    return meant


def _text(name: str) -> Callable[[Term, Task], Q]:
    def meant(term: Term, task: Task) -> Q:
        if term.begins is None:
            return Q(**{name: term.value})
        return Q(**{f"{name}__startswith": term.begins}) & ~Q(**{name: ""})

    return meant


def _tag(term: Term, task: Task) -> Q:
    return ~Q(tags=[]) if term.value == "*" else Q(tags__contains=[term.value[:60]])


def _file(term: Term, task: Task) -> Q:
    return Q(incoming__in=task.imports.filter(name=term.value))


def _pool(term: Term, task: Task) -> Q:
    return Q(origin="run", lineage__pool_name=term.value)


def _run(term: Term, task: Task | None = None) -> Q:
    """People know a run by its number. The text of it is what the index `example_run` holds."""
    number = term.value.lstrip("#").lstrip("0")
    return Q(Exact(KeyTextTransform("run_number", "lineage"), number), origin="run") if number else NOTHING


def _label(term: Term, task: Task) -> Q:
    """A choice in any field of the form that offers choices."""
    meant = NOTHING
    for field in task.form:
        name, value = str(field.get("name", "")), term.value
        if field.get("kind") in ("labels", "pair"):
            meant |= Q(answer__contains={name: value}) | Q(answer__contains={name: [value]})
        elif field.get("kind") == "rating" and value.lstrip("-").isdecimal() and len(value) < 18:
            meant |= Q(answer__contains={name: int(value)})
    return meant & Q(answer__isnull=False)


TERMS: dict[str, Callable[[Term, Task], Q]] = {
    "instruction": _words("instruction"),
    "input": _words("input"),
    "output": _words("outputs"),
    "turn": _words("messages"),
    "system": _words("system"),
    "source": _text("source"),
    "tag": _tag,
    "key": _text("key"),
    "label": _label,
    "file": _file,
    "pool": _pool,
    "run": _run,
}


def ordering(sort: str) -> list[tuple[str, bool]]:
    """(field, downwards) of each order; the last field is unique."""
    return ORDERS[sort]


ORDERS: dict[str, list[tuple[str, bool]]] = {
    "newest": [("pk", True)],
    "oldest": [("pk", False)],
    "priority": [("priority", True), ("pk", False)],
    "changed": [("changed_at", True), ("pk", True)],
}
