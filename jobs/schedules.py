"""Schedules: what fires them, and what a firing starts.

PostgreSQL is the truth. A due time becomes a `Firing` (unique per schedule and due time), the job that it starts and
the next due time in one transaction under the schedule's row lock, so that a crash anywhere loses and doubles nothing,
and any number of processes may look at the same time. Every moment that counts is the database's.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from config.faults import Fault
from jobs.log import event, unforeseen
from jobs.models import Firing, Job, Schedule
from jobs.passes import new_error_id
from jobs.tick import on_tick
from jobs.timetable import Timetable

MOST_WAITING = 20  # firings of one schedule that may wait for the one before them
State = Firing.State


class ScheduleKind:
    """What a firing of one kind of schedule does. One instance serves all; both hooks run in the transaction of the
    tick, under the schedule's row lock: plan, write little, start a job. They may write `firing.facts`.

    A `Fault` fails the firing with its words; anything else fails it with an error id that is in the log.
    """

    name: ClassVar[str]

    def start(self, firing: Firing) -> Job | None:
        """Start the first job; None: there was nothing to do, and the firing has succeeded."""
        raise NotImplementedError

    def follow(self, firing: Firing, job: Job) -> Job | None:
        """`job` has succeeded: start the next one; None: that was all."""
        return None


KINDS: dict[str, ScheduleKind] = {}
Counter = Callable[[int], int | None]
COUNTERS: dict[str, Counter] = {}  # by the name of a trigger: how many there are of what has this key; None: it is gone
ENDED: list[Callable[[Firing], object]] = []  # called in the transaction in which a firing fails or ends otherwise
K = TypeVar("K", bound=type[ScheduleKind])


def register(kind: K) -> K:
    """Class decorator: make the kind known by its name. Raises `ValueError` if the name is taken."""
    known = KINDS.get(kind.name)
    if known is not None and type(known).__qualname__ != kind.__qualname__:
        raise ValueError(f"two kinds of schedules are named {kind.name}")
    KINDS[kind.name] = kind()
    return kind


def counter(name: str) -> Callable[[Counter], Counter]:
    """Decorator: the function counts what schedules of this trigger wait for."""

    def mark(count: Counter) -> Counter:
        COUNTERS[name] = count
        return count

    return mark


def now() -> datetime:
    """The database's clock, which is the one that due times are compared with."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def lock(schedule_id: int, *, skip_locked: bool = False) -> Schedule | None:
    """The schedule under its row lock until the transaction ends, if it is not deleted (or locked)."""
    rows = Schedule.objects.alive().select_for_update(no_key=True, skip_locked=skip_locked)
    return rows.filter(pk=schedule_id).first()


def next_of(schedule: Schedule, after: datetime) -> datetime | None:
    """When it is due next, by its own settings; None for the paused, and for those that count."""
    if schedule.is_paused or not schedule.by_time:
        return None
    return Timetable(schedule.cron, schedule.zone).after(after)


# --- what the tick does ---


@on_tick
def fire_due() -> int:
    """Fire what is due by time, each in its own transaction. Returns how many."""
    fired = 0
    while True:
        with transaction.atomic():
            due = Schedule.objects.active().filter(next_at__lte=Now()).order_by("next_at", "pk")
            schedule = due.select_for_update(no_key=True, skip_locked=True).first()
            if schedule is None or schedule.next_at is None:
                return fired
            moment = now()
            missed = Timetable(schedule.cron, schedule.zone).missed(schedule.next_at, moment)
            # A clock that was set back may name a due time again: it has fired, so it is only passed.
            if not Firing.objects.filter(schedule=schedule, due_at=schedule.next_at).exists():
                fire(schedule, schedule.next_at, missed=missed)
            following = next_of(schedule, max(moment, schedule.next_at))
            Schedule.objects.filter(pk=schedule.pk).update(next_at=following)
        fired += 1


@on_tick
def fire_counted() -> int:
    """Fire those whose count has grown enough. One that runs is left to end: what comes meanwhile counts for the next."""
    fired = 0
    waiting = Schedule.objects.active().exclude(trigger=Schedule.TIME).exclude(firings__state__in=Firing.OPEN_STATES)
    for one in list(waiting.order_by("pk")):
        if not _grown(one):
            continue
        with transaction.atomic():
            schedule = lock(one.pk, skip_locked=True)
            if schedule is None or schedule.is_paused or _open(schedule).exists() or not (count := _grown(schedule)):
                continue
            Schedule.objects.filter(pk=schedule.pk).update(counted=count)
            fire(schedule, now(), facts={"counted": count, "before": schedule.counted})
        fired += 1
    return fired


def _grown(schedule: Schedule) -> int | None:
    """The count, if it has grown by what makes the schedule fire."""
    count = count_of(schedule)
    return count if count is not None and count - schedule.counted >= (schedule.every or 1) else None


def count_of(schedule: Schedule) -> int | None:
    """How many there are now of what the schedule counts; None: nothing, or it is gone."""
    counts = COUNTERS.get(schedule.trigger)
    return counts(schedule.watched) if counts is not None and schedule.watched is not None else None


@on_tick
def follow() -> None:
    """Firings whose job has ended go on or end; a failed one whose job was resumed runs again."""
    again = Firing.objects.filter(state__in=[State.FAILED, State.CANCELLED], job__state__in=Job.OPEN_STATES)
    again.update(
        state=State.RUNNING, ended_at=None,
        error_code="", error_id="", error_title="", error_what="", error_advice="",
    )  # fmt: skip
    running = Firing.objects.filter(state=State.RUNNING)
    ended = running.filter(job__state__in=Job.FINAL_STATES) | running.filter(job=None)
    for pk, schedule_id in list(ended.order_by("pk").values_list("pk", "schedule_id")):
        with transaction.atomic():
            # Also of deleted schedules: what was started is told to its end.
            locked = Schedule.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=schedule_id).first()
            firing = Firing.objects.select_related("job", "schedule").filter(pk=pk, state=State.RUNNING).first()
            if locked is not None and firing is not None:
                _go_on(firing)


@on_tick
def begin_waiting() -> None:
    """Firings that waited for the one before them."""
    waiting = Firing.objects.filter(state=State.WAITING, schedule__deleted_at=None)
    for schedule_id in sorted(set(waiting.values_list("schedule_id", flat=True))):
        with transaction.atomic():
            schedule = lock(schedule_id, skip_locked=True)
            if schedule is None or _open(schedule).filter(state=State.RUNNING).exists():
                continue
            firing = _open(schedule).order_by("due_at").first()
            if firing is not None:
                firing.state = State.RUNNING
                firing.save(update_fields=["state"])
                _start(firing)


# --- one firing ---


def _open(schedule: Schedule) -> Any:
    return Firing.objects.filter(schedule=schedule, state__in=Firing.OPEN_STATES)


def fire(
    schedule: Schedule, due_at: datetime, *, missed: int = 0, by: Any = None, asked: bool = False,
    facts: dict[str, Any] | None = None,
) -> Firing:  # fmt: skip
    """Make the firing of a due time and start its job, or leave it out or let it wait where the one before still runs.

    The caller holds the schedule's row lock. Raises `IntegrityError` for a due time that has fired.
    """
    made = Firing(schedule=schedule, due_at=due_at, missed=missed, by=by, asked=asked, facts=facts or {})
    made.save(force_insert=True)
    before = _open(schedule).exclude(pk=made.pk)
    event("schedule.fired", schedule=schedule.pk, firing=made.pk, kind=schedule.kind, missed=missed)
    if not before.exists():
        _start(made)
    elif schedule.overlap == Schedule.Overlap.SKIP:
        end(made, State.SKIPPED, Fault("schedule.overlaps"))
    elif before.filter(state=State.WAITING).count() >= MOST_WAITING:
        end(made, State.SKIPPED, Fault("schedule.too_many_wait", most=MOST_WAITING))
    else:
        made.state = State.WAITING
        made.save(update_fields=["state"])
    return made


def kind_of(schedule: Schedule) -> ScheduleKind:
    """Raises `Fault` schedule.no_kind."""
    try:
        return KINDS[schedule.kind]
    except KeyError:
        raise Fault("schedule.no_kind", kind=schedule.kind) from None


def _start(firing: Firing) -> None:
    _step(firing, lambda: kind_of(firing.schedule).start(firing))


def _go_on(firing: Firing) -> None:
    job = firing.job
    if job is None:
        end(firing, State.CANCELLED, Fault("schedule.job_gone"))
    elif job.state == Job.State.SUCCEEDED:
        _step(firing, lambda: kind_of(firing.schedule).follow(firing, job))
    elif job.state == Job.State.FAILED:
        end(
            firing, State.FAILED, error_code=job.error_code, error_id=job.error_id, error_title=job.error_title,
            error_what=job.error_what, error_advice=job.error_advice,
        )  # fmt: skip
    else:
        end(firing, State.CANCELLED)


def _step(firing: Firing, hook: Callable[[], Job | None]) -> None:
    """Call a hook of the kind in a savepoint of its own: what it raises ends this firing and nothing else."""
    facts = dict(firing.facts)
    try:
        with transaction.atomic():
            job = hook()
    except Fault as fault:
        firing.facts = facts
        end(firing, State.FAILED, fault)
    except (OperationalError, InterfaceError):
        raise  # a deadlock or a lost connection: the next tick finds everything as it was
    except Exception as error:  # noqa: BLE001  (whatever a kind raises: it is named, and the schedule goes on)
        firing.facts, error_id = facts, new_error_id()
        unforeseen("schedule.error", error, schedule=firing.schedule_id, firing=firing.pk, error_id=error_id)
        end(firing, State.FAILED, Fault("schedule.error", error_id=error_id), error_id=error_id)
    else:
        if job is None:
            end(firing, State.SUCCEEDED)
        else:
            firing.job = job
            firing.facts = firing.facts | {"jobs": [*firing.facts.get("jobs", []), job.pk]}
            firing.save(update_fields=["job", "facts"])


def end(firing: Firing, state: Firing.State, fault: Fault | None = None, **changes: Any) -> None:
    """The firing has ended; those who registered are told, and what they raise changes nothing."""
    if fault is not None:
        changes = {
            "error_code": fault.code, "error_title": fault.title, "error_what": fault.what,
            "error_advice": fault.advice,
        } | changes  # fmt: skip
    for name, value in changes.items():
        setattr(firing, name, value)
    firing.state, firing.ended_at = state, now()
    firing.save(update_fields=["state", "ended_at", "facts", *changes])
    event(f"schedule.{state.value}", schedule=firing.schedule_id, firing=firing.pk, code=firing.error_code or "-")
    for told in ENDED:
        try:
            with transaction.atomic():
                told(firing)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001  (an alert that cannot be made must not hold up the schedule)
            unforeseen("schedule.hook_error", error, firing=firing.pk)


# --- what people do ---


@transaction.atomic
def plan(schedule: Schedule) -> Schedule:
    """Store a schedule that is new or was changed, with its next due time from now on.

    One that counts begins at what there is now, unless what it counts was left as it is (`counted` is kept then).
    """
    schedule.next_at = next_of(schedule, now())
    if schedule.pk is None:
        schedule.counted = (None if schedule.by_time else count_of(schedule)) or 0
        schedule.save(force_insert=True)
        return schedule
    schedule.revision += 1
    schedule.save(
        update_fields=["name", "settings", "trigger", "cron", "zone", "watched", "every", "counted", "overlap",
                       "next_at", "revision"]
    )  # fmt: skip
    return schedule


@transaction.atomic
def pause(schedule: Schedule) -> None:
    """Nothing fires until it goes on; what runs is not touched, what waits is left out."""
    lock(schedule.pk)
    for firing in _open(schedule).filter(state=State.WAITING):
        end(firing, State.SKIPPED, Fault("schedule.paused_meanwhile"))
    Schedule.objects.filter(pk=schedule.pk).update(paused_at=Now(), next_at=None, revision=F("revision") + 1)
    schedule.refresh_from_db()


@transaction.atomic
def go_on(schedule: Schedule) -> None:
    """From now on: due times that passed during the pause are not made up; what has grown meanwhile counts."""
    lock(schedule.pk)
    schedule.paused_at = None
    changes = {"paused_at": None, "next_at": next_of(schedule, now()), "revision": F("revision") + 1}
    Schedule.objects.filter(pk=schedule.pk).update(**changes)
    schedule.refresh_from_db()


@transaction.atomic
def run_now(schedule: Schedule, by: Any) -> Firing:
    """Fire at once, whether paused or not. Raises `Fault` schedule.running where one runs and none is to wait."""
    lock(schedule.pk)
    if schedule.overlap == Schedule.Overlap.SKIP and _open(schedule).exists():
        raise Fault("schedule.running", name=schedule.name)
    if (count := count_of(schedule)) is not None:
        Schedule.objects.filter(pk=schedule.pk).update(counted=count)
    return fire(schedule, now(), by=by, asked=True)


@transaction.atomic
def remove(schedule: Schedule) -> None:
    """No firing any more; those that were stay, with their jobs."""
    lock(schedule.pk)
    for firing in _open(schedule).filter(state=State.WAITING):
        end(firing, State.SKIPPED, Fault("schedule.paused_meanwhile"))
    Schedule.objects.filter(pk=schedule.pk).update(deleted_at=Now(), next_at=None)
