"""Schedules of a team: made, changed, paused, run now, deleted."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction

from config.crypto import keeps, seal
from config.faults import Fault
from curation import scheduling
from curation.audit import audit
from curation.models import Alert, Team, User
from jobs import schedules
from jobs.models import Firing, Schedule
from jobs.timetable import Timetable, TimetableError

SECRET_LEAST = 16
LABELS = {"cron": "The cron line", "zone": "The time zone"}


@dataclass(frozen=True, slots=True)
class When:
    """By time (`cron`, `zone`), or when the object `watched` has `every` more of what `trigger` counts."""

    cron: str = ""
    zone: str = "UTC"
    trigger: str = Schedule.TIME
    watched: int | None = None
    every: int | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """Who hears of a failure. `secret` None keeps the one that is there for the same address."""

    people: Sequence[User] = ()
    webhook_url: str = ""
    secret: str | None = None


@transaction.atomic
def create(
    *, team: Team, by: User, name: str, kind: str, settings: dict[str, Any], when: When,
    overlap: str = Schedule.Overlap.SKIP, told: Told | None = None,
) -> Schedule:  # fmt: skip
    """Raises `Fault` schedule.unknown, .when, .name_taken, .secret, .webhook."""
    if kind not in scheduling.kinds():
        raise Fault("schedule.unknown", kind=kind, known=", ".join(scheduling.kinds()))
    made = Schedule(
        lane=team.lane, name=name.strip(), kind=kind, settings=settings, overlap=overlap, created_by=by,
        **_when(team, when),
    )  # fmt: skip
    _stored(made)
    tell(schedule=made, told=told or Told())
    audit("schedule.created", actor=by, team=team, target=made, name=made.name, kind=kind)
    return made


@transaction.atomic
def change(
    *, schedule: Schedule, team: Team, by: User, revision: int, name: str, settings: dict[str, Any], when: When,
    overlap: str, told: Told,
) -> Schedule:  # fmt: skip
    """Everything but the kind. What counts goes on from where it counted, unless it counts something else now.

    Raises `Fault` as `create`, and schedule.stale.
    """
    found = schedules.lock(schedule.pk)
    if found is None or found.revision != revision:
        raise Fault("schedule.stale")
    before = (found.trigger, found.watched)
    fields = {"name": name.strip(), "settings": settings, "overlap": overlap} | _when(team, when)
    changed = sorted(field for field, value in fields.items() if getattr(found, field) != value)
    for field, value in fields.items():
        setattr(found, field, value)
    if before != (found.trigger, found.watched):
        found.counted = (None if found.by_time else schedules.count_of(found)) or 0
    _stored(found)
    tell(schedule=found, told=told)
    audit("schedule.changed", actor=by, team=team, target=found, name=found.name, fields=changed)
    return found


def _when(team: Team, when: When) -> dict[str, Any]:
    """The fields of the row. Raises `Fault` schedule.when."""
    if when.trigger == Schedule.TIME:
        try:
            table = Timetable.checked(when.cron, when.zone)
        except TimetableError as error:
            raise Fault("schedule.when", field=LABELS[error.field], why=error.why) from None
        return {"trigger": when.trigger, "cron": table.cron, "zone": table.zone, "watched": None, "every": None}
    entry = scheduling.TRIGGERS.get(when.trigger)
    if entry is None:
        raise Fault("schedule.when", field="The trigger", why=f"{when.trigger} is none that Winnow knows")
    if when.watched is None or not entry.rows(team).filter(pk=when.watched).exists():
        raise Fault(
            "schedule.when", field=f"The {entry.noun.lower()}", why="is not there any more, or is not of this team"
        )
    if not when.every or not 1 <= when.every <= 1_000_000_000:
        raise Fault("schedule.when", field="The number", why="must be at least 1")
    return {"trigger": when.trigger, "cron": "", "zone": when.zone, "watched": when.watched, "every": when.every}


def _stored(row: Schedule) -> None:
    try:
        with transaction.atomic():
            schedules.plan(row)
    except IntegrityError:
        raise Fault("schedule.name_taken", name=row.name) from None


def tell(*, schedule: Schedule, told: Told) -> None:
    """Who hears of a failure. A secret goes with the host that it was entered for. Raises `Fault` schedule.secret."""
    alert, _ = Alert.objects.select_for_update().get_or_create(schedule=schedule)
    url = told.webhook_url.strip()
    if url and _origin(url) is None:
        raise Fault("schedule.webhook", url=url[:200], why="cannot be read as one")
    kept = alert.secret_sealed if url and _origin(url) == _origin(alert.webhook_url) else ""
    if url and told.secret is not None and len(told.secret) < SECRET_LEAST:
        raise Fault("schedule.secret")
    sealed = seal(told.secret) if url and told.secret else kept
    if url and not sealed:
        raise Fault("schedule.secret")
    alert.webhook_url, alert.secret_sealed = url, sealed
    alert.save(update_fields=["webhook_url", "secret_sealed"])
    alert.people.set(told.people)


def _origin(url: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port; None for what is no address of the web. A name and password in it are refused."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or parts.username or re.search(r"\s", url):
        return None
    return parts.scheme, host, port


@transaction.atomic
def pause(*, schedule: Schedule, team: Team, by: User) -> None:
    if not schedule.is_paused:
        schedules.pause(schedule)
        audit("schedule.paused", actor=by, team=team, target=schedule, name=schedule.name)


@transaction.atomic
def resume(*, schedule: Schedule, team: Team, by: User) -> None:
    """From now on; what was due during the pause is not made up."""
    if schedule.is_paused:
        schedules.go_on(schedule)
        audit("schedule.resumed", actor=by, team=team, target=schedule, name=schedule.name)


@transaction.atomic
def run_now(*, schedule: Schedule, team: Team, by: User) -> Firing:
    """Raises `Fault` schedule.running where one runs and none is to wait."""
    firing = schedules.run_now(schedule, by)
    audit("schedule.run_now", actor=by, team=team, target=schedule, name=schedule.name, firing=firing.pk)
    return firing


@transaction.atomic
def delete(*, schedule: Schedule, team: Team, by: User) -> None:
    """What it started stays."""
    schedules.remove(schedule)
    audit("schedule.deleted", actor=by, team=team, target=schedule, name=schedule.name)


keeps(
    "secrets of webhooks", Alert, "secret_sealed", lambda row: f"The secret of a webhook (schedule {row.schedule_id})"
)
