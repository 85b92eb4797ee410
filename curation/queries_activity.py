"""What a team did: work on examples summed up by the hour, and the deeds of the record one by one."""

from collections import abc
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Max, Min, Q
from django.db.models.functions import TruncHour

from curation.deeds import says, told
from curation.models import AuditEvent, ExampleEvent, Task, Team

LINES = 40  # a page ends after the hour in which it has so many
EVENTS = 4_000  # of examples, looked at for one page
DEEDS = 200

# kind of event → (verb, singular, plural, what stands before the task)
WORK = {
    "submitted": ("submitted", "answer", "answers", "to"),
    "late": ("sent", "late answer", "late answers", "to"),
    "skipped": ("skipped", "example", "examples", "of"),
    "unskipped": ("took back", "skip", "skips", "in"),
    "returned": ("returned", "answer", "answers", "to"),
    "accepted": ("accepted", "example", "examples", "of"),
    "rejected": ("rejected", "example", "examples", "of"),
    "reopened": ("reopened", "example", "examples", "of"),
    "edited": ("edited", "example", "examples", "of"),
    "reverted": ("reverted", "example", "examples", "of"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the feed: work of one kind within an hour, or one deed."""

    at: datetime
    who: str
    did: str
    to: str  # the task, or what the deed was done to
    task: int | None  # that can be opened
    hour: datetime
    when: str  # by the clock of the team


@dataclass(frozen=True, slots=True)
class Wish:
    """What of the activity is asked for."""

    person: int | None = None
    task: int | None = None
    before: datetime | None = None


def activity(team: Team, wish: Wish) -> dict[str, Any]:
    """A page of the feed, newest first, in a fixed number of queries. Pages end at a full hour."""
    zone = ZoneInfo(team.time_zone)
    tasks = {one.pk: one for one in Task.objects.filter(team=team).only("pk", "name", "deleted_at", "team_id")}
    people = _people(team)
    events = _events(tasks, wish)
    deeds = _deeds(team, wish)
    bounds = [at for at in (_start(events, EVENTS, "-pk", zone), _start(deeds, DEEDS, "-at", zone)) if at]
    if bounds:
        events, deeds = events.filter(at__gte=max(bounds)), deeds.filter(at__gte=max(bounds))
    rows = list(deeds.order_by("-at", "-pk"))
    words = told(rows)
    lines = sorted(
        [*_work(events, tasks, people, zone), *(_deed(one, words[one.pk], tasks, zone) for one in rows)],
        key=lambda line: line.at, reverse=True,
    )  # fmt: skip
    kept, cut = _full_hours(lines)
    older = cut or (max(bounds) if bounds else None)
    return {
        "days": _by_day(kept, zone),
        "older": older.isoformat() if older else "",
        "people": sorted(people.items(), key=lambda one: one[1].lower()),
        "tasks": sorted((one for one in tasks.values() if one.deleted_at is None), key=lambda one: one.name.lower()),
        "wish": wish,
        "zone": team.time_zone,
    }  # fmt: skip


def _people(team: Team) -> dict[int, str]:
    return {one.user_id: str(one.user) for one in team.memberships.select_related("user")}


def _events(tasks: abc.Iterable[int], wish: Wish) -> Any:
    wanted = [wish.task] if wish.task in set(tasks) else [] if wish.task else list(tasks)
    found = ExampleEvent.objects.filter(task_id__in=wanted)
    found = found.filter(actor_id=wish.person) if wish.person else found
    return found.filter(at__lt=wish.before) if wish.before else found


def _deeds(team: Team, wish: Wish) -> Any:
    found = AuditEvent.objects.filter(team_id=team.pk)
    if wish.task:
        found = found.filter(target=f"curation.task:{wish.task}")
    found = found.filter(actor_id=wish.person) if wish.person else found
    return found.filter(at__lt=wish.before) if wish.before else found


def _start(rows: Any, number: int, order: str, zone: ZoneInfo) -> datetime | None:
    """The hour of the row at that place: what is older waits for the next page. None: there are fewer rows."""
    at = rows.order_by(order).values_list("at", flat=True)[number : number + 1].first()
    return at.astimezone(zone).replace(minute=0, second=0, microsecond=0) if at else None


def _work(events: Any, tasks: dict[int, Task], people: dict[int, str], zone: ZoneInfo) -> abc.Iterator[Line]:
    hour = TruncHour("at", tzinfo=zone)
    sums = (
        events.annotate(hour=hour).values("hour", "actor_id", "task_id", "kind")
        .annotate(n=Count("pk"), since=Min("at"), until=Max("at")).order_by()
    )  # fmt: skip
    for one in sums:
        task = tasks[one["task_id"]]
        verb, single, many, link = WORK.get(one["kind"], (one["kind"], "example", "examples", "of"))
        yield Line(
            at=one["until"], when=_when(one["since"], one["until"], zone), hour=one["hour"],
            who=people.get(one["actor_id"], "A former member") if one["actor_id"] else "A rule",
            did=f"{verb} {one['n']:,} {single if one['n'] == 1 else many} {link}",
            to=task.name, task=task.pk if task.deleted_at is None else None,
        )  # fmt: skip


def _deed(event: AuditEvent, words: tuple[str, str], tasks: dict[int, Task], zone: ZoneInfo) -> Line:
    task = _task_of(event, tasks)
    return Line(
        at=event.at, who=event.actor_name or "Winnow", did=words[0], to=words[1],
        task=task.pk if task and task.deleted_at is None else None,
        hour=event.at.astimezone(zone).replace(minute=0, second=0, microsecond=0), when=_when(event.at, event.at, zone),
    )  # fmt: skip


def _when(since: datetime, until: datetime, zone: ZoneInfo) -> str:
    """14:02–14:47, or one time."""
    first, last = (f"{at.astimezone(zone):%H:%M}" for at in (since, until))
    return first if first == last else f"{first}–{last}"


def _task_of(event: AuditEvent, tasks: dict[int, Task]) -> Task | None:
    kind, _, number = event.target.partition(":")
    return tasks.get(int(number)) if kind == "curation.task" and number.isdecimal() else None


def _full_hours(lines: list[Line]) -> tuple[list[Line], datetime | None]:
    """The lines of a page, and the start of its last hour if others follow."""
    if len(lines) <= LINES:
        return lines, None
    last = lines[LINES - 1].hour
    kept = [line for line in lines if line.hour >= last]
    return kept, last if len(kept) < len(lines) else None


def _by_day(lines: list[Line], zone: ZoneInfo) -> list[tuple[datetime, list[Line]]]:
    days: dict[Any, list[Line]] = {}
    for line in lines:
        days.setdefault(line.at.astimezone(zone).date(), []).append(line)
    return list(days.items())


# --- the record, for owners ---

PAGE = 100


@dataclass(frozen=True, slots=True)
class Search:
    """Which lines of the record. `since` and `until` are days of the team, both included."""

    action: str = ""
    person: int | None = None
    since: datetime | None = None
    until: datetime | None = None


def record(team: Team, search: Search) -> Any:
    found = AuditEvent.objects.filter(team_id=team.pk).order_by("-at", "-pk")
    if search.action:
        found = found.filter(action=search.action)
    if search.person:
        found = found.filter(actor_id=search.person)
    if search.since:
        found = found.filter(at__gte=search.since)
    if search.until:
        found = found.filter(at__lt=search.until + timedelta(days=1))
    return found


def record_page(team: Team, search: Search, after: tuple[datetime, int] | None) -> dict[str, Any]:
    """A page of the record with the choices of its filters."""
    found = record(team, search)
    if after:
        found = found.filter(Q(at__lt=after[0]) | Q(at=after[0], pk__lt=after[1]))
    rows = list(found[: PAGE + 1])
    more, rows = len(rows) > PAGE, rows[:PAGE]
    everything = AuditEvent.objects.filter(team_id=team.pk).order_by()
    actions = everything.values_list("action", flat=True).distinct()
    people = dict(everything.exclude(actor_id=None).values_list("actor_id", "actor_name").distinct())
    return {
        "rows": [(row, says(row.action)) for row in rows],
        "following": f"{rows[-1].at.isoformat()}_{rows[-1].pk}" if more else "",
        "actions": sorted((action, says(action)) for action in actions),
        "people": sorted(people.items(), key=lambda one: one[1].lower()),
        "search": search,
    }  # fmt: skip


RECORD_COLUMNS = ("at", "person", "person_id", "action", "target", "facts")


BATCH = 2_000


def record_rows(team: Team, search: Search) -> abc.Iterator[dict[str, Any]]:
    """The record as rows of a file, newest first. A batch at a time: who reads slowly holds nothing up."""
    found, after = record(team, search), Q()
    while batch := list(found.filter(after)[:BATCH]):
        for row in batch:
            yield {
                "at": row.at.isoformat(), "person": row.actor_name, "person_id": row.actor_id, "action": row.action,
                "target": row.target, "facts": row.facts,
            }  # fmt: skip
        after = Q(at__lt=batch[-1].at) | Q(at=batch[-1].at, pk__lt=batch[-1].pk)
