"""The queue of review: which examples wait for a curator, in which order, how many, and which comes next."""

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.http import QueryDict

from curation.content import load
from curation.models import Annotation, BulkChange, Example, Task
from curation.working import asked

PAGE = 30
SKIPS = 2  # so many people skipped it: something is wrong with the example
EQUAL = 1 - 1e-9

SHOWS = {
    "disagreements": "Disagreements",
    "all": "All that waits",
    "late": "Late answers",
    "skipped": "Skipped by several",
}
ORDERS = {"agreement": "Least agreement first", "oldest": "Oldest first"}


@dataclass(frozen=True, slots=True)
class Way:
    """How a reviewer goes through the queue: what is shown, in which order, and after which place."""

    show: str = "all"
    order: str = "agreement"
    after: tuple[float | None, int] | None = None

    @property
    def query(self) -> str:
        """For addresses; the place is left out."""
        return urlencode({"show": self.show, "order": self.order})

    @property
    def by_agreement(self) -> bool:
        return self.order == "agreement" and self.show in ("all", "disagreements")


def counts(task: Task) -> dict[str, int]:
    """How many examples each view of the queue holds, in three queries."""
    waiting = Example.objects.alive().filter(task=task, state="submitted")
    found = waiting.aggregate(all=Count("pk"), disagreements=Count("pk", filter=Q(agreement__lt=EQUAL)))
    return found | {
        "late": _shown(task, "late").count(),
        "skipped": _shown(task, "skipped").count(),
    }


def read_way(query: QueryDict, numbers: dict[str, int] | None = None) -> Way:
    """The way that an address names; without a word, disagreements where there are any, else all."""
    show, order = query.get("show", ""), query.get("order", "")
    if show not in SHOWS:
        show = "disagreements" if numbers and numbers["disagreements"] else "all"
    return Way(show, order if order in ORDERS else "agreement", _read_place(query.get("after", "")))


def _read_place(text: str) -> tuple[float | None, int] | None:
    """`0.25_17`, or `_17` for an example without an agreement."""
    agreed, mark, number = text.partition("_")
    if not mark or not number.isdecimal() or len(number) > 18:
        return None
    try:
        return (float(agreed) if agreed else None), int(number)
    except ValueError:
        return None


def place_of(example: Example) -> str:
    return f"{'' if example.agreement is None else repr(example.agreement)}_{example.pk}"


def _shown(task: Task, show: str) -> QuerySet[Example]:
    alive = Example.objects.alive().filter(task=task)
    answers = Annotation.objects.filter(example=OuterRef("pk"), task=task)
    if show == "late":
        return alive.filter(Exists(answers.filter(state="late"))).exclude(state="rejected")
    if show == "skipped":
        often = (
            Annotation.objects.filter(task=task, state="skipped")
            .values("example").annotate(n=Count("pk")).filter(n__gte=SKIPS).values("example")
        )  # fmt: skip
        return alive.filter(state="open", pk__in=often)
    waiting = alive.filter(state="submitted")
    return waiting.filter(agreement__lt=EQUAL) if show == "disagreements" else waiting


def _ordered(task: Task, way: Way) -> QuerySet[Example]:
    rows = _shown(task, way.show)
    if not way.by_agreement:
        rows = rows.order_by("pk")
        return rows.filter(pk__gt=way.after[1]) if way.after else rows
    rows = rows.order_by(F("agreement").asc(nulls_last=True), "pk")
    if way.after is None:
        return rows
    agreed, number = way.after
    if agreed is None:
        return rows.filter(agreement=None, pk__gt=number)
    return rows.filter(Q(agreement__gt=agreed) | Q(agreement=agreed, pk__gt=number) | Q(agreement=None))


def first(task: Task, way: Way, besides: int | None = None) -> Example | None:
    """The example at the head of the queue."""
    rows = _ordered(task, replace(way, after=None))
    return (rows.exclude(pk=besides) if besides else rows).first()


def following(task: Task, way: Way, example: Example) -> Example | None:
    """What comes after this example; after the last, the queue begins again. None: nothing else waits."""
    place = replace(way, after=(example.agreement, example.pk))
    return _ordered(task, place).exclude(pk=example.pk).first() or first(task, way, besides=example.pk)


@dataclass(frozen=True, slots=True)
class Line:
    """One example of the queue."""

    example: Example
    asked: str
    answers: list[Annotation]
    reasons: list[Annotation]

    @property
    def people(self) -> str:
        return ", ".join(str(one.annotator) for one in self.answers)


def queue_page(task: Task, way: Way, numbers: dict[str, int]) -> dict[str, Any]:
    """A page of the queue with the answers and skips of its examples, in two queries."""
    rows = list(_ordered(task, way)[: PAGE + 1])
    more, rows = len(rows) > PAGE, rows[:PAGE]
    answers: dict[int, list[Annotation]] = {}
    reasons: dict[int, list[Annotation]] = {}
    found = Annotation.objects.filter(
        example__in=[one.pk for one in rows], state__in=["submitted", "late", "accepted", "skipped"]
    )
    for one in found.select_related("annotator").order_by("submitted_at", "pk"):
        (reasons if one.state == "skipped" else answers).setdefault(one.example_id, []).append(one)
    return {
        "lines": [
            Line(one, asked(load(one.content)), answers.get(one.pk, []), reasons.get(one.pk, [])) for one in rows
        ],
        "following": f"?{way.query}&after={place_of(rows[-1])}" if more else "",
        "begin": f"?{way.query}" if way.after else "",
        "way": way,
        "shows": [(name, label, numbers[name]) for name, label in SHOWS.items()],
        "orders": ORDERS.items(),
        "numbers": numbers,
        "equal": Example.objects.alive().filter(task=task, state="submitted", agreement__gte=EQUAL).count()
        if numbers["all"]
        else 0,
    }  # fmt: skip


def accepted_at_once(task: Task, number: int) -> BulkChange | None:
    """What one click accepted, as long as it is not undone."""
    return BulkChange.objects.filter(task=task, pk=number, action="accept_equal", undone_at=None).first()


def decided(task: Task, number: int) -> Example | None:
    """An example of the task that is accepted or rejected."""
    return Example.objects.filter(task=task, pk=number, state__in=["accepted", "rejected"]).first()
