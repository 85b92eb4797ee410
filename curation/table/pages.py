"""What the page of the table shows: rows with their facts, what is chosen, how many there are, and what can be chosen."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import connection
from django.db.models import Case, F, JSONField, Q, When

from curation.actions.bulk import DEEDS
from curation.content import Content, ContentError, load, parts_of
from curation.incoming import without_outputs
from curation.models import Annotation, Example, ExampleText, Slot, Task, User
from curation.searching import KIND, coverage
from curation.table import asking, paging
from curation.table.asking import Asked
from curation.working import asked, provenance
from jobs.models import Job

LONG = 40_000  # characters above which the table shows only how an example begins
PART = 3_000  # characters of one part in the table
TURNS = 12  # parts of one example in the table
OFFERED = 100  # sources, tags, runs that a filter offers

SOURCES = """
WITH RECURSIVE s(source) AS (
  (SELECT source FROM curation_example WHERE task_id = %(task)s AND source <> '' AND deleted_at IS NULL ORDER BY source LIMIT 1)
  UNION ALL
  SELECT (SELECT e.source FROM curation_example e WHERE e.task_id = %(task)s AND e.source > s.source
          AND e.source <> '' AND e.deleted_at IS NULL ORDER BY e.source LIMIT 1)
  FROM s WHERE s.source IS NOT NULL)
SELECT source FROM s WHERE source IS NOT NULL LIMIT %(most)s
"""
TAGS = """
SELECT DISTINCT unnest(tags) AS tag FROM (
  SELECT tags FROM curation_example WHERE task_id = %(task)s AND tags <> '{}' AND deleted_at IS NULL LIMIT 5000) AS tagged
ORDER BY tag LIMIT %(most)s
"""
RUNS = """
WITH RECURSIVE r(run) AS (
  (SELECT lineage->>'run_number' FROM curation_example WHERE task_id = %(task)s AND origin = 'run'
   AND lineage->>'run_number' IS NOT NULL ORDER BY lineage->>'run_number' LIMIT 1)
  UNION ALL
  SELECT (SELECT e.lineage->>'run_number' FROM curation_example e WHERE e.task_id = %(task)s AND e.origin = 'run'
          AND e.lineage->>'run_number' > r.run ORDER BY e.lineage->>'run_number' LIMIT 1)
  FROM r WHERE r.run IS NOT NULL)
SELECT run FROM r WHERE run IS NOT NULL LIMIT %(most)s
"""


@dataclass(slots=True)
class Row:
    """One example of the table. `parts` are (label, text), cut; `cut` says that there is more on its own page."""

    example: Example
    start: str
    parts: list[tuple[str, str]]
    cut: bool
    state: str
    in_work: bool = False
    lineage: list[str] = field(default_factory=list)
    hidden: bool = False  # its answer is not shown to this person


def table(task: Task, user: User, ask: Asked, place: str, *, curator: bool) -> dict[str, Any]:
    """The rows of one page and the ways to the next; as many queries for one row as for fifty."""
    found = paging.look(task, ask)
    light = replace(found, rows=_light(found.rows))
    at = paging.read_place(place, ask.sort)
    page = paging.page(light, ask.sort, at)
    if at is not None and not page.rows:  # what stood there is gone: begin again
        page = paging.page(light, ask.sort, None)
    return {
        "ask": ask, "rows": _told(task, user, page.rows, curator=curator), "number": paging.count(found),
        "first": at is not None and bool(page.before), "before": page.before, "after": page.after,
        "chips": chips(task, ask), "deeds": DEEDS.values(),
    }  # fmt: skip


def _light(found: Any) -> Any:
    """Without the content of very long examples: fifty of those would fill the page."""
    short = Case(When(chars__lte=LONG, then=F("content")), output_field=JSONField(null=True))
    return found.defer("content", "answer", "suggestion", "gold").annotate(
        short=short, has_gold=_given("gold"), has_suggestion=_given("suggestion")
    )


def _given(name: str) -> Any:
    return Q(**{f"{name}__isnull": False})


def _told(task: Task, user: User, found: list[Any], *, curator: bool) -> list[Row]:
    ids = [one.pk for one in found]
    held = set(
        Slot.objects.filter(task=task, example__in=ids, state="claimed", gold=False).values_list(
            "example_id", flat=True
        )
    )
    golds = [one.pk for one in found if one.has_gold]
    hidden = set() if curator else set(golds) - answered(user, golds)
    starts: dict[int, str] = {}
    if any(one.short is None for one in found):
        long = [one.pk for one in found if one.short is None]
        starts = dict(ExampleText.objects.filter(pk__in=long).values_list("pk", "start"))
    return [_row(one, starts.get(one.pk, ""), hide=one.pk in hidden, held=one.pk in held) for one in found]


def answered(user: User, ids: Iterable[int]) -> set[int]:
    """Those of these examples that the person has answered: she may see what was accepted for them."""
    mine = Annotation.objects.filter(
        example__in=list(ids), annotator=user, state__in=["submitted", "accepted", "declined", "late"]
    )
    return set(mine.values_list("example_id", flat=True))


def _row(one: Any, start: str, *, hide: bool, held: bool) -> Row:
    lineage = provenance(one)
    state = "deleted" if one.deleted_at else one.state
    if one.short is None:
        return Row(one, start or "(a long text)", [], True, state, held, lineage, hide)
    try:
        content = load(one.short)
    except ContentError:
        content = Content("single")
    if hide:
        content = without_outputs(content)
    parts = parts_of(content)
    shown = [(label, text[:PART] + ("…" if len(text) > PART else "")) for label, text in parts[:TURNS]]
    cut = len(parts) > TURNS or any(len(text) > PART for _, text in parts)
    return Row(one, asked(content), shown, cut, state, held, lineage, hide)


# --- what is chosen, what can be chosen ---


def chips(task: Task, ask: Asked) -> list[tuple[str, str]]:
    """(words, query without it) of each filter that is set behind the fold."""
    found = [
        (f"{label} {value}", ask.without(name))
        for name, label, value in (("tag", "tag", ask.tag), ("source", "source", ask.source)) if value
    ]  # fmt: skip
    if ask.origin:
        found.append((_origin_words(task, ask.origin), ask.without("origin")))
    if ask.annotator:
        who = User.objects.filter(pk=ask.annotator, memberships__team=task.team).first()
        found.append((f"answered by {who or 'nobody of the team'}", ask.without("annotator")))
    found += [(asking.MARKS[mark].lower(), ask.without("has", mark)) for mark in ask.marks]
    found += [
        (f"{word} in the {asking.SPANS[span].lower()}", ask.without(word))
        for word, span in (("added", ask.added), ("changed", ask.changed)) if span
    ]  # fmt: skip
    return found


def _origin_words(task: Task, origin: str) -> str:
    kind, _, number = origin.partition("-")
    if kind == "run" and number:
        return f"from run {number}"
    if kind == "file" and number:
        name = task.imports.filter(pk=int(number)).values_list("name", flat=True).first()
        return f"from {name or 'another file'}"
    return f"from: {Example.Origin(kind).label.lower()}"


def choices(task: Task, *, curator: bool) -> dict[str, Any]:
    """What the filters of the page offer. Walks along indexes: their cost does not grow with the examples."""
    origins = [(value, label) for value, label in Example.Origin.choices if value not in ("run", "file")]
    runs = [(f"run-{number}", f"Run {number}") for number in sorted(_column(RUNS, task), key=_as_number)]
    files = list(task.imports.filter(loaded_at__isnull=False).order_by("-pk").values_list("pk", "name")[:OFFERED])
    people = (
        User.objects.filter(task_memberships__task=task, task_memberships__submitted__gt=0).distinct()
        if curator
        else []
    )
    marks = {mark: words for mark, words in asking.MARKS.items() if curator or mark not in asking.CURATORS_MARKS}
    return {
        "states": asking.STATES.items(), "marks": marks.items(), "sorts": asking.SORTS.items(),
        "spans": asking.SPANS.items(), "fields": asking.FIELDS.items(),
        "sources": _column(SOURCES, task), "tags": _column(TAGS, task),
        "origins": [*origins, ("file", "Files"), *[(f"file-{pk}", name) for pk, name in files], ("run", "Runs"), *runs],
        "people": sorted(people, key=lambda one: str(one).lower()), "covered": _covered(task),
    }  # fmt: skip


def _as_number(text: str) -> tuple[int, str]:
    return (int(text), "") if text.isdecimal() else (0, text)


def _column(sql: str, task: Task) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"task": task.pk, "most": OFFERED})
        return [value for (value,) in cursor.fetchall()]


def _covered(task: Task) -> tuple[int, int] | None:
    """(examples that a search finds, all of them) while the job that fills the search is on its way."""
    open_jobs = Job.objects.filter(kind=KIND, state__in=Job.OPEN_STATES, params__task=task.pk)
    if not open_jobs.exists():
        return None
    known, every = coverage(task)
    return (known, every) if known < every else None
