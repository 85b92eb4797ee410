"""What the pages of schedules show."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from curation.faces import Thing
from curation.forms.schedules import WEEKDAYS, read_cron
from curation.models import AlertDelivery, Team
from curation.scheduling import TRIGGERS, TeamKind, kind_of, kinds
from jobs import schedules
from jobs.models import Firing, Schedule
from jobs.timetable import Timetable

DAYS = 7
SHOWN = 2  # times of a day that are told one by one
PAGE = 30


@dataclass(frozen=True, slots=True)
class Cell:
    """One day of one schedule: its first times, and how many there are."""

    times: list[str]
    count: int
    today: bool


@dataclass
class Entry:
    """One schedule as it is listed. `grown`: how many have come since it last ran, of a schedule that counts."""

    schedule: Schedule
    kind: TeamKind | None
    thing: Thing | None
    when: str
    zone: str
    next_at: str
    last: "Told | None" = None
    cells: list[Cell] = field(default_factory=list)
    grown: int | None = None

    @property
    def share(self) -> float:
        every = self.schedule.every or 1
        return min(100.0, 100.0 * max(self.grown or 0, 0) / every)


@dataclass(frozen=True, slots=True)
class Told:
    """One firing: when it was due, and what came of it."""

    firing: Firing
    due: str
    made: list[Thing]
    deliveries: list[AlertDelivery]


def schedules_page(team: Team) -> dict[str, Any]:
    """All schedules with their last firing, and the coming week."""
    rows = list(Schedule.objects.alive().filter(lane=team.lane))
    days = week(team)
    last = Firing.objects.filter(schedule__in=rows).order_by("schedule_id", "-due_at", "-pk").distinct("schedule_id")
    last = last.select_related("schedule", "job", "by")
    by_schedule = {told.firing.schedule_id: told for told in _told(last, team.time_zone)}
    things = about(rows)
    found = [_entry(team, row, things.get(row.pk), team.time_zone) for row in rows]
    for one in found:
        one.last = by_schedule.get(one.schedule.pk)
        one.cells = _cells(one.schedule, days, ZoneInfo(team.time_zone))
    found.sort(key=lambda one: (one.schedule.is_paused, one.schedule.next_at is None, one.schedule.next_at, one.when))
    return {
        "entries": found, "days": [day.strftime("%a %-d") for day in days], "zone": team.time_zone,
        "any_by_time": any(one.schedule.next_at for one in found), "kinds": list(kinds().values()),
    }  # fmt: skip


def about(rows: Sequence[Schedule]) -> dict[int, Thing]:
    """What each schedule works on; those whose object is gone are left out."""
    by_kind: dict[str, list[Schedule]] = {}
    for row in rows:
        by_kind.setdefault(row.kind, []).append(row)
    known = kinds()
    return {
        pk: thing for name, some in by_kind.items() if name in known for pk, thing in known[name].about(some).items()
    }  # fmt: skip


def _entry(team: Team, row: Schedule, thing: Thing | None, zone: str) -> Entry:
    count = None if row.by_time else schedules.count_of(row)
    return Entry(
        row, kind_of(row), thing, words(team, row), row.zone, local(row.next_at, zone),
        grown=None if count is None else max(0, count - row.counted),
    )  # fmt: skip


def words(team: Team, row: Schedule) -> str:
    """When it runs, as a person says it."""
    if not row.by_time:
        return f"After {row.every:,} new {_what(team, row)}"
    told = read_cron(row.cron)
    at = f" at {told['at']}" if "at" in told else ""
    match told["rhythm"]:
        case "daily":
            return f"Every day{at}"
        case "weekdays":
            return f"Monday to Friday{at}"
        case "weekly":
            return f"Every {WEEKDAYS[told['weekday']]}{at}"
        case "monthly":
            return f"On day {told['day']} of each month{at}"
        case "hours":
            every = "Every hour" if told["hours"] == 1 else f"Every {told['hours']} hours"
            return f"{every}, at minute {told['minute']}"
    return Timetable(row.cron, row.zone).words()


def _what(team: Team, row: Schedule) -> str:
    entry = TRIGGERS.get(row.trigger)
    if entry is None:
        return row.trigger
    found = entry.rows(team).filter(pk=row.watched).first()
    return f"{entry.unit} of {found}" if found is not None else f"{entry.unit} of something that is gone"


def local(moment: datetime | None, zone: str) -> str:
    """`Sat 21 Nov, 02:00` by the clock of that zone."""
    return "" if moment is None else moment.astimezone(ZoneInfo(zone)).strftime("%a %-d %b, %H:%M")


def week(team: Team) -> list[datetime]:
    """The first moments of today and of the six days after it, by the team's clock."""
    zone = ZoneInfo(team.time_zone)
    today = timezone.now().astimezone(zone).date()
    return [datetime.combine(today + timedelta(days=n), time(), zone) for n in range(DAYS)]


def _cells(row: Schedule, days: list[datetime], zone: ZoneInfo) -> list[Cell]:
    """What is due on each day, from the next due time on."""
    if row.next_at is None:
        return []
    end = datetime.combine(days[-1].date() + timedelta(days=1), time(), zone)
    due = [row.next_at, *Timetable(row.cron, row.zone).between(row.next_at, end - timedelta(seconds=1), 2_100)]
    by_day: dict[Any, list[str]] = {}
    for moment in due:
        there = moment.astimezone(zone)
        by_day.setdefault(there.date(), []).append(there.strftime("%H:%M"))
    cells = []
    for day in days:
        times = by_day.get(day.date(), [])
        cells.append(Cell(times if len(times) <= SHOWN else [], len(times), day is days[0]))
    return cells


def schedule_page(team: Team, schedule: Schedule, before: int | None = None) -> dict[str, Any]:
    """One schedule with its history, newest first; `before`: the key of the last firing of the page before."""
    rows = Firing.objects.filter(schedule=schedule).select_related("schedule", "job", "by").order_by("-pk")
    page = list((rows.filter(pk__lt=before) if before else rows)[: PAGE + 1])
    entry = _entry(team, schedule, about([schedule]).get(schedule.pk), schedule.zone)
    alert = getattr(schedule, "alert", None)
    coming = (
        Timetable(schedule.cron, schedule.zone).between(schedule.next_at, schedule.next_at + timedelta(days=400), 2)
        if schedule.next_at else []
    )  # fmt: skip
    return {
        "entry": entry, "firings": _told(page[:PAGE], schedule.zone),
        "next_before": page[PAGE - 1].pk if len(page) > PAGE else None, "first_page": before is None,
        "any_open": any(one.is_open for one in page), "alert": alert,
        "people": list(alert.people.order_by("name")) if alert is not None else [],
        "coming": [local(one, schedule.zone) for one in coming],
    }  # fmt: skip


def _told(rows: Iterable[Firing], zone: str) -> list[Told]:
    found = list(rows)
    sent: dict[int, list[AlertDelivery]] = {}
    for one in AlertDelivery.objects.filter(firing__in=found).select_related("person"):
        sent.setdefault(one.firing_id, []).append(one)
    return [
        Told(one, local(one.due_at, zone), _made(one), sent.get(one.pk, []))
        for one in found
    ]  # fmt: skip


def _made(firing: Firing) -> list[Thing]:
    kind = kind_of(firing.schedule)
    return kind.made(firing) if kind is not None else []
