"""The tick: what must happen though nobody asks for it. Safe to run anywhere at any time, by any number at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import connection, connections, transaction
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from config.faults import Fault
from jobs import conf, lease, passes
from jobs.log import event, unforeseen
from jobs.models import Job, Step, Worker
from jobs.wake import top_up

LOCK = 0x57494E4E  # "WINN": one tick at a time in the whole installation
HOOKS: list[Callable[[], object]] = []


def on_tick(hook: Callable[[], object]) -> Callable[[], object]:
    """Decorator: call this function on each tick, for example to start what a schedule makes due.

    Hooks must bear being called at any rate and being killed anywhere; an error in one stops no other.
    """
    HOOKS.append(hook)
    return hook


def tick() -> bool:
    """Expired leases, due retries, stuck jobs, hooks, wake-ups. `False`: another process does it just now."""
    with _alone() as alone:
        if alone:
            parts: list[Callable[[], object]] = [expire, lease.promote, unstick, *HOOKS, wake_up, forget_workers]
            for part in parts:
                try:
                    part()
                except Exception as error:  # noqa: BLE001  (one part must not stop the others)
                    unforeseen("tick.error", error, part=getattr(part, "__name__", "?"))
                    connection.close_if_unusable_or_obsolete()
    return alone


@contextmanager
def _alone() -> Iterator[bool]:
    """The lock lies on a connection of its own, so that each job of the tick is a transaction of its own."""
    keeper = connections.create_connection("default")
    try:
        keeper.set_autocommit(False)
        with keeper.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
            alone = bool(cursor.fetchone()[0])
        yield alone
        keeper.rollback()
    finally:
        keeper.close()


def expire() -> None:
    """Steps whose worker fell silent are ready again; the third silence ends the job."""
    expired = Step.objects.filter(state=Step.State.LEASED, leased_until__lt=Now())
    for job_id in sorted(set(expired.values_list("job_id", flat=True))):
        with transaction.atomic():
            # A locked job has somebody who ends a step of it just now: the next tick sees what is left.
            job = passes.lock(job_id, skip_locked=True)
            if job is None:
                continue
            for step in expired.filter(job=job).select_for_update(no_key=True).order_by("id"):
                _expire(job, step)
            passes.advance(job)


def _expire(job: Job, step: Step) -> None:
    row = Step.objects.filter(pk=step.pk)
    facts = {"job": job.pk, "step": step.pk, "attempt": step.attempt, "worker": step.worker}
    if job.is_stopping:
        row.update(**lease.FREE, state=Step.State.CANCELLED, ended_at=Now())
        event("step.expired", logging.WARNING, **facts, then="cancelled")
    elif step.attempt >= conf.MOST_ATTEMPTS:
        row.update(**lease.FREE, state=Step.State.FAILED, ended_at=Now(), error_code="jobs.stopped")
        event("step.expired", logging.WARNING, **facts, then="failed")
        passes.fail(job, Fault("jobs.stopped", **passes.words(step)))
    else:
        row.update(**lease.FREE, state=Step.State.READY)
        event("step.expired", logging.WARNING, **facts, then="ready")


def stuck() -> QuerySet[Job, Job]:
    """Open jobs without an open step: the pass after theirs could not be opened at first."""
    open_steps = Step.objects.filter(job=OuterRef("pk"), state__in=Step.OPEN_STATES)
    return Job.objects.filter(~Exists(open_steps), state__in=Job.OPEN_STATES)


def unstick() -> None:
    for job_id in list(stuck().values_list("pk", flat=True)):
        with transaction.atomic():
            job = passes.lock(job_id, skip_locked=True)
            if job is not None:
                passes.advance(job)


def wake_up() -> None:
    ready = Step.objects.filter(state=Step.State.READY).values("queue").annotate(count=Count("id")).order_by()
    top_up({row["queue"]: row["count"] for row in ready})


def forget_workers() -> None:
    Worker.objects.filter(seen_at__lt=Now() - timedelta(days=1)).delete()


class Ticker(threading.Thread):
    """Ticks until it is told to end. Lives in the main process of each worker and in beat, so that it never
    queues behind steps. `alive` is called before each tick."""

    def __init__(self, alive: Callable[[], object] = lambda: None) -> None:
        super().__init__(name="jobs-tick", daemon=True)
        self._alive = alive
        self._end = threading.Event()

    def run(self) -> None:
        while True:
            for part in (self._alive, tick):
                try:
                    part()
                except Exception as error:  # noqa: BLE001  (above all: the database is away)
                    event("tick.error", logging.WARNING, error=type(error).__name__)
                    connection.close()
            if self._end.wait(conf.tick_seconds()):
                connection.close()
                return

    def end(self) -> None:
        self._end.set()
        self.join(5)
