"""Which examples a question means. Only what `asking` names gets here; values are parameters, names are ours."""

from collections.abc import Callable
from datetime import timedelta

from django.contrib.postgres.search import SearchQuery, SearchVector, SearchVectorExact
from django.db.models import Exists, F, OuterRef, Q, QuerySet, TextField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.db.models.lookups import Exact
from django.utils import timezone

from curation.models import Annotation, Example, ExampleText, Slot, Task
from curation.searching import matching, meant
from curation.table.asking import Asked, Term

SPANS = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
}
NOTHING = Q(pk__in=[])


def rows(task: Task, ask: Asked, *, each: bool = False) -> QuerySet[Example]:
    """The examples that are asked for, in no order. Deleted ones only where the question names them.

    `each`: every row is asked for words in a part of it, without a look at the search table before.
    """
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
        asked_for = TERMS[term.field](term, task)
        if term.field in PARTS and term.wanted and not each:
            asked_for &= Q(Exists(ExampleText.objects.filter(example_id=OuterRef("pk"), words=_query(term))))
        found = found.filter(asked_for if term.wanted else ~asked_for)
    return matching(found, ask.text)


def indexed(task: Task, ask: Asked) -> QuerySet[Example] | QuerySet[ExampleText] | None:
    """What an index of words, else of tags, holds for this question: its examples and perhaps more. None: neither."""
    text = meant(ask.text)
    words = [_query(term) for term in ask.terms if term.wanted and term.field in PARTS]
    if text is not None or words:
        found = ExampleText.objects.filter(task_id=task.pk)
        for one in words:
            found = found.filter(words=one)
        return found if text is None else found.filter(text)
    tags = {ask.tag} | {term.value for term in ask.terms if term.wanted and term.field == "tag"}
    tags -= {"", "*"}
    if not tags:
        return None
    # The first condition is what the index of tags is restricted to.
    return Example.objects.filter(~Q(tags=[]), task=task, tags__contains=sorted(tag[:60] for tag in tags))


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


# Fields that are words in a part of the content.
PARTS = {"instruction": "instruction", "input": "input", "output": "outputs", "turn": "messages", "system": "system"}


def _query(term: Term) -> SearchQuery:
    return SearchQuery(term.value, config="simple", search_type="phrase" if term.phrase else "websearch")


def _words(path: str) -> Callable[[Term, Task], Q]:
    """Words in one part of the content."""

    def within_part(term: Term, task: Task) -> Q:
        part = SearchVector(Cast(KeyTextTransform(path, "content"), TextField()), config="simple")
        return Q(SearchVectorExact(part, _query(term)))

    return within_part


def _text(name: str) -> Callable[[Term, Task], Q]:
    def as_it_is(term: Term, task: Task) -> Q:
        if term.begins is None:
            return Q(**{name: term.value})
        return Q(**{f"{name}__startswith": term.begins}) & ~Q(**{name: ""})

    return as_it_is


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
    chosen = NOTHING
    for field in task.form:
        name, value = str(field.get("name", "")), term.value
        if field.get("kind") in ("labels", "pair"):
            chosen |= Q(answer__contains={name: value}) | Q(answer__contains={name: [value]})
        elif field.get("kind") == "rating" and value.lstrip("-").isdecimal() and len(value) < 18:
            chosen |= Q(answer__contains={name: int(value)})
    return chosen & Q(
        answer__isnull=False, state="accepted"
    )  # only accepted ones have an answer; the state has an index


TERMS: dict[str, Callable[[Term, Task], Q]] = {
    **{field: _words(path) for field, path in PARTS.items()},
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
