"""Start, cancel, resume, discard. Each is one transaction, or a part of the caller's."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from config.faults import Fault
from jobs import passes, registry
from jobs.log import event
from jobs.models import BACKGROUND, INTERACTIVE, Job, Step
from jobs.wake import wake


@transaction.atomic
def start(*, kind: str, params: dict[str, Any], lane: str, interactive: bool = True) -> Job:
    """Store a job, open its first pass, and wake workers when the transaction commits.

    `lane` shares the workers fairly (a team's id as text); `interactive` steps go before all others.
    What `Kind.open_pass` raises passes to the caller, whose transaction then stores nothing.
    Raises `Fault("jobs.unknown_kind")`.
    """
    registry.get(kind)
    job = Job(kind=kind, params=params, lane=lane, priority=INTERACTIVE if interactive else BACKGROUND)
    job.save(force_insert=True)
    event("job.started", job=job.pk, kind=kind, lane=lane)
    passes.open_next(job)
    return job


@transaction.atomic
def cancel(*, job: Job) -> None:
    """Stop a job: what is not running is cancelled at once, what runs stops at its next heartbeat.

    No later pass is opened. A job that has ended stays as it is. `job` then holds what the row holds.
    """
    locked = passes.lock(job.pk)
    if locked is not None and not locked.is_final:
        passes.cancel_idle(locked)
        if locked.cancel_requested_at is None:
            passes.save(locked, cancel_requested_at=Now())
            event("job.cancel", job=job.pk)
        passes.advance(locked)
    _refresh(job)


@transaction.atomic
def resume(*, job: Job) -> None:
    """Go on with a failed or cancelled job: finished steps are kept, the others are ready again with fresh attempts.

    If all steps of the pass were finished, the next pass is opened. A cancel that still waits for running
    steps is taken back. A job that runs stays as it is. Raises `Fault("jobs.finished")` when it has succeeded.
    """
    locked = passes.lock(job.pk)
    if locked is None or (not locked.is_final and locked.cancel_requested_at is None):
        _refresh(job)
        return
    if locked.state == Job.State.SUCCEEDED:
        raise Fault("jobs.finished")
    ended = locked.steps.filter(state__in=[Step.State.FAILED, Step.State.CANCELLED])
    queues = Counter(ended.values_list("queue", flat=True))
    ended.update(
        state=Step.State.READY, attempt=0, transients=0, errors=0, not_before=None, error_code="", ended_at=None,
        done=0, note="", worker="",
    )  # fmt: skip
    passes.save(
        locked, state=Job.State.RUNNING if locked.started_at else Job.State.QUEUED, ended_at=None,
        cancel_requested_at=None, advance_errors=0,
        error_code="", error_id="", error_title="", error_what="", error_advice="",
    )  # fmt: skip
    event("job.resumed", job=job.pk, steps=sum(queues.values()))
    wake(queues)
    passes.advance(locked)
    _refresh(job)


@transaction.atomic
def discard(*, job: Job) -> None:
    """Delete a job with its steps, in the lock order of the engine; a worker that runs one of them drops its work."""
    if passes.lock(job.pk) is not None:
        Job.objects.filter(pk=job.pk).delete()
        event("job.discarded", job=job.pk)


def _refresh(job: Job) -> None:
    if Job.objects.filter(pk=job.pk).exists():
        job.refresh_from_db()
