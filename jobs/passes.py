"""Passes: what follows when steps end. Every function here expects the caller to hold the job's row lock.

Without that lock two last finishers could each see the other's step unfinished, and the job would hang.
"""

from __future__ import annotations

import uuid
from collections import Counter

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from config.faults import Fault
from jobs import conf, registry
from jobs.log import event, unforeseen
from jobs.models import BUMP, Job, Pass, Step
from jobs.registry import Kind, PassPlan
from jobs.wake import QUEUES, wake

Steps = QuerySet[Step, Step]


def lock(job_id: int, *, skip_locked: bool = False) -> Job | None:
    """The job under its row lock, until the transaction ends. `None`: it was deleted (or is locked)."""
    # NO KEY: steps that are inserted elsewhere refer to the job and need not wait.
    return Job.objects.select_for_update(no_key=True, skip_locked=skip_locked).filter(pk=job_id).first()


def kind_of(job: Job) -> Kind:
    return registry.get(job.kind)


def open_steps(job: Job) -> Steps:
    return job.steps.filter(state__in=Step.OPEN_STATES)


def words(step: Step) -> dict[str, object]:
    """The facts of a step that every error text may use."""
    title = Pass.objects.filter(job=step.job_id, index=step.pass_index).values_list("title", flat=True).first()
    return {"step": step.index + 1, "title": title or "this work"}


def advance(job: Job) -> None:
    """If no step is open: end a cancelled job, else open the next pass that has steps, else the job has succeeded."""
    if job.is_final or open_steps(job).exists():
        save(job)
    elif job.cancel_requested_at is not None:
        end(job, Job.State.CANCELLED)
    elif job.kind in registry.KINDS:  # else a process of another version, which knows it, goes on with it
        try:
            with transaction.atomic():
                open_next(job)
        except Fault as fault:
            job.refresh_from_db()  # the instance saw changes that were rolled back
            fail(job, fault)
        except (OperationalError, InterfaceError):
            raise  # a deadlock or a lost connection: whoever holds the transaction tries again
        except Exception as error:  # noqa: BLE001  (whatever a handler raises: it is counted and named)
            job.refresh_from_db()
            _advance_failed(job, error)


def open_next(job: Job) -> None:
    kind, index = kind_of(job), job.pass_index
    while True:
        index += 1
        plan = kind.open_pass(job, index)
        if plan is None:
            return end(job, Job.State.SUCCEEDED)
        add_pass(job, index, plan)
        if plan.steps:
            return save(job, pass_index=index, advance_errors=0)
        save(job, pass_index=index)


def add_pass(job: Job, index: int, plan: PassPlan) -> None:
    unknown = {step.queue for step in plan.steps}.difference(QUEUES)
    if unknown:
        raise ValueError(f"no worker serves the queue {', '.join(sorted(unknown))}")
    Pass.objects.create(job=job, index=index, name=plan.name, title=plan.title, unit=plan.unit)
    Step.objects.bulk_create(
        (
            Step(
                job=job, pass_index=index, index=number, queue=step.queue, priority=job.priority, lane=job.lane,
                payload=step.payload, total=step.total,
            )
            for number, step in enumerate(plan.steps)
        ),
        batch_size=2000,
    )  # fmt: skip
    wake(Counter(step.queue for step in plan.steps))
    event("pass.opened", job=job.pk, name=plan.name, steps=len(plan.steps))


def _advance_failed(job: Job, error: Exception) -> None:
    """One retry, by the tick; the step that came last is done all the same."""
    error_id = new_error_id()
    unforeseen("pass.error", error, job=job.pk, index=job.pass_index + 1, error_id=error_id)
    tries = job.advance_errors + 1
    if tries < conf.MOST_ERRORS:
        save(job, advance_errors=tries)
    else:
        last = Pass.objects.filter(job=job, index=job.pass_index).first()
        fault = Fault("jobs.advance", title=last.title if last else "the start", error_id=error_id)
        fail(job, fault, error_id=error_id)


def fail(job: Job, fault: Fault, *, error_id: str = "") -> None:
    """The job fails now with these words; what is not running is cancelled, what runs sees it at its heartbeat.

    A job that somebody cancelled before is cancelled; one that has ended stays as it is.
    """
    cancel_idle(job)
    if job.is_stopping:
        advance(job)
    else:
        end(
            job, Job.State.FAILED, error_code=fault.code, error_id=error_id, error_title=fault.title,
            error_what=fault.what, error_advice=fault.advice,
        )  # fmt: skip


def cancel_idle(job: Job) -> None:
    job.steps.filter(state__in=[Step.State.READY, Step.State.WAITING]).update(
        state=Step.State.CANCELLED, ended_at=Now(), not_before=None
    )


def end(job: Job, state: Job.State, **changes: object) -> None:
    save(job, state=state, ended_at=Now(), **changes)
    event(f"job.{state.value}", job=job.pk, kind=job.kind, code=job.error_code or "-")
    if state == Job.State.SUCCEEDED:
        kind_of(job).succeeded(job)  # inside the savepoint of `advance`: if it fails, the job has not succeeded
    elif job.kind in registry.KINDS:
        kind = kind_of(job)
        try:
            with transaction.atomic():
                kind.failed(job) if state == Job.State.FAILED else kind.cancelled(job)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001  (the end of a job must not hang on its hook)
            unforeseen("job.hook_error", error, job=job.pk, kind=job.kind, hook=state.value)


def save(job: Job, **changes: object) -> None:
    """Write the changes and a new version; the instance then holds what the row holds."""
    Job.objects.filter(pk=job.pk).update(**changes, version=BUMP)
    job.refresh_from_db()


def new_error_id() -> str:
    return uuid.uuid4().hex[:10]
