"""Claim steps and run them: in a Celery worker (`drain`), in a command (`run_until_idle`), for one job (`run_job`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from django.db import InterfaceError, OperationalError, connection

from config.faults import Fault
from jobs import conf, lease, passes, process, registry
from jobs.errors import Cancelled, LeaseLost, Released, Transient
from jobs.heartbeat import Beat, heart
from jobs.log import bound, event, unforeseen
from jobs.models import Job, Step
from jobs.tick import stuck, tick
from jobs.wake import QUEUES

# The database or the way to it is in trouble: a deadlock, a restart, a lost connection.
DATABASE_TROUBLE = (OperationalError, InterfaceError)


def drain(queue: str) -> int:
    """Run ready steps of the queue until none is left. Returns how many."""
    count = 0
    while not process.stopping():
        try:
            step = take(queue)
            if step is None:
                break
            run(step)
        except DATABASE_TROUBLE as error:
            # Nothing to do here without a database. The tick wakes this queue again when there is one.
            event("worker.no_database", error=type(error).__name__, queue=queue)
            connection.close()
            break
        count += 1
    return count


def take(queue: str, *, job: Job | None = None) -> Step | None:
    """Claim a step and hold its lease. Whoever ends this process waits for the two to be done (`Heart.taking`)."""
    with heart().taking:
        step = lease.claim(queue, process.label(), job=job)
        if step is not None:
            heart().hold(step)
        return step


def run(step: Step) -> None:
    """Run one claimed step to one of its ends. Raises only what ends the process, or trouble with the database."""
    with bound(job=step.job_id, step=step.pk, attempt=step.attempt):
        event("step.claimed", kind=step.job.kind, index=step.index, queue=step.queue, worker=step.worker)
        beat = heart().hold(step)
        try:
            _end_well_or_badly(step, beat)
        except LeaseLost:
            event("step.lease_lost")
        finally:
            heart().drop(step)


def _end_well_or_badly(step: Step, beat: Beat) -> None:
    try:
        result = registry.get(step.job.kind).run(step, beat)
        _finish(step, result)
    except LeaseLost:
        raise
    except Cancelled:
        lease.stop(step)
    except Released:
        lease.release(step)
    except Transient as error:
        lease.retry(step, error)
    except Fault as fault:
        if fault.code == "jobs.unknown_kind" and step.transients + 1 < conf.MOST_TRANSIENTS:
            lease.retry(step, Transient(fault.what))  # while versions change, another worker knows it
        else:
            lease.fail_with(step, fault)
    except DATABASE_TROUBLE as error:
        connection.close()
        lease.retry(step, Transient(f"the database was busy or away ({_cause(error)})"))
    except Exception as error:  # noqa: BLE001  (whatever a handler raises: it is counted and named)
        error_id = passes.new_error_id()
        unforeseen("step.error", error, error_id=error_id)
        lease.error(step, error_id)
    except BaseException:  # Ctrl-C, SystemExit: they go on, whatever becomes of the lease
        with suppress(LeaseLost, *DATABASE_TROUBLE):
            lease.release(step)
        raise


def _finish(step: Step, result: dict[str, Any]) -> None:
    """The ending is tried three times: a deadlock in it must not cost the work of the step."""
    for tries in range(3):
        try:
            lease.finish(step, result, ending=partial(heart().drop, step))
            return
        except DATABASE_TROUBLE as error:
            if tries == 2:
                raise
            event("step.finish_again", error=_cause(error))
            connection.close()
            time.sleep(0.1 * 4**tries)


def _cause(error: Exception) -> str:
    return type(error.__cause__ or error).__name__


def run_job(job: Job, *, watch: Callable[[Job], None] = lambda _: None) -> None:
    """Run the steps of one job in this process until it has ended, together with any workers that are up.

    `watch` is called between steps with the fresh job.
    """
    pause = _Pause()
    try:
        while not process.stopping():
            job.refresh_from_db()
            watch(job)
            if job.is_final:
                break
            step = take("", job=job)
            if step is None:
                pause()
            else:
                run(step)
    finally:
        heart().close()


def run_until_idle(queues: Sequence[str] = QUEUES) -> int:
    """Run steps of these queues until none of them is open, also none that waits or that others hold.

    Returns how many were run here.
    """
    count, pause = 0, _Pause()
    try:
        while not process.stopping():
            ran = sum(drain(queue) for queue in queues)
            count += ran
            if not ran:
                open_steps = Step.objects.filter(queue__in=queues, state__in=Step.OPEN_STATES)
                if not open_steps.exists() and not stuck().exists():
                    break
                pause()
    finally:
        heart().close()
    return count


class _Pause:
    """Nothing to claim: tick as a worker would, and wait a moment."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self) -> None:
        if time.monotonic() >= self._next:
            tick()
            self._next = time.monotonic() + min(1.0, conf.tick_seconds())
        time.sleep(0.05)
