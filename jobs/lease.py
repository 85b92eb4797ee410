"""Leases: claim a step, renew it, give it back. Each function is one short transaction.

The statement of a claim takes no lock on the job, the endings lock job then step (`jobs.passes.lock`).
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from config.faults import Fault
from jobs import conf, passes
from jobs.errors import LeaseLost, Transient
from jobs.log import event
from jobs.models import BUMP, Job, Step
from jobs.wake import wake

# Heads of the lanes are found by a loose index scan (`jobs_step_ready`), so ten thousand ready steps of one
# lane cost as little as ten. A few candidates per lane are sorted and then locked one by one: `SKIP LOCKED`
# stands above the sort, so a claim locks the row that it takes and no other. `AHEAD` only has to exceed the
# number of claims in the same millisecond; a claim that found all of them locked tries again.
# The candidates come as an array, and the last look at the state (somebody may have taken the row meanwhile)
# is written so that no partial index fits it: so the planner takes them by primary key even with statistics
# from before the backlog, where it would else read all ready rows.
AHEAD = 32
TAKE = """
UPDATE jobs_step SET state = 'leased', token = %(token)s, leased_until = now() + %(lease)s, attempt = attempt + 1,
  worker = %(worker)s, started_at = now(), beat_at = now(), ended_at = NULL, done = 0, note = '', not_before = NULL
"""
CLAIM = f"""
WITH RECURSIVE lanes(priority, lane) AS (
  (SELECT priority, lane FROM jobs_step
   WHERE state = 'ready' AND queue = %(queue)s ORDER BY priority, lane LIMIT 1)
  UNION ALL
  SELECT next.priority, next.lane FROM lanes CROSS JOIN LATERAL (
    SELECT priority, lane FROM jobs_step
    WHERE state = 'ready' AND queue = %(queue)s AND (priority, lane) > (lanes.priority, lanes.lane)
    ORDER BY priority, lane LIMIT 1) AS next
), busy AS (
  SELECT lane, count(*) AS steps FROM jobs_step WHERE state = 'leased' AND queue = %(queue)s GROUP BY lane
), line(ids) AS MATERIALIZED (
  SELECT array_agg(id ORDER BY place) FROM (
    SELECT head.id, row_number() OVER (ORDER BY priority, coalesce(busy.steps, 0), head.job_id, head.id) AS place
    FROM lanes LEFT JOIN busy USING (lane) CROSS JOIN LATERAL (
      SELECT id, job_id FROM jobs_step
      WHERE state = 'ready' AND queue = %(queue)s AND priority = lanes.priority AND lane = lanes.lane
      ORDER BY job_id, id LIMIT {AHEAD}) AS head
    ORDER BY place LIMIT {AHEAD}) AS heads
)
{TAKE} WHERE id = (
  SELECT id FROM jobs_step
  WHERE id = ANY ((SELECT ids FROM line)::bigint[]) AND state || '' = 'ready'
  ORDER BY array_position((SELECT ids FROM line), id) LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
RETURNING *
"""  # noqa: S608  (our own constants)
CLAIM_OF_JOB = f"""
{TAKE} WHERE id = (
  SELECT id FROM jobs_step WHERE state = 'ready' AND job_id = %(job)s ORDER BY id
  LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
RETURNING *
"""  # noqa: S608


def claim(queue: str, worker: str, *, job: Job | None = None) -> Step | None:
    """Take the best ready step of the queue: interactive first, then the lane with fewest running steps, then age.

    With `job`, the next ready step of that job in any queue (a run in this process). `worker` is the label
    that people see. Returns `None` when nothing is ready.
    """
    for tries in range(5):
        step = _claim(queue, worker, job)
        if step is not None:
            _start(step.job_id)
            return step
        if promote(queue=queue, job=job) == 0 and not _ready(queue, job):
            return None
        time.sleep(0.01 * tries)  # all candidates were in somebody's hands, who may yet let go of them
    return None


def _claim(queue: str, worker: str, job: Job | None) -> Step | None:
    facts = {
        "queue": queue,
        "token": uuid.uuid4(),
        "lease": timedelta(seconds=conf.lease_seconds()),
        "worker": worker,
        "job": job and job.pk,
    }
    found = list(Step.objects.raw(CLAIM if job is None else CLAIM_OF_JOB, facts))
    return found[0] if found else None


def _ready(queue: str, job: Job | None) -> bool:
    ready = Step.objects.filter(state=Step.State.READY)
    return (ready.filter(queue=queue) if job is None else ready.filter(job=job)).exists()


def _start(job_id: int) -> None:
    """After the claim, not in it: one that held a step and waited for its job would turn the lock order round."""
    Job.objects.filter(pk=job_id, state=Job.State.QUEUED).update(
        state=Job.State.RUNNING, started_at=Now(), version=BUMP
    )


def promote(*, queue: str | None = None, job: Job | None = None) -> int:
    """Make retries ready whose pause is over. Returns how many."""
    due = Step.objects.filter(state=Step.State.WAITING, not_before__lte=Now())
    if job is not None:
        due = due.filter(job=job)
    elif queue is not None:
        due = due.filter(queue=queue)
    return due.update(state=Step.State.READY, not_before=None)


def finish(step: Step, result: dict[str, object], *, ending: Callable[[], None] = lambda: None) -> None:
    """End the step with its result and open what follows, in one transaction.

    `ending` is called once the job's lock is held, before the step is touched: from then on nobody can
    take the step away, and the heartbeat lets go of it. Raises `LeaseLost`; what `Kind.store` raises passes.
    """
    with transaction.atomic():
        job = passes.lock(step.job_id)
        if job is None:
            raise LeaseLost
        ending()
        # What was announced counts as done, so that a finished pass reads 100 %.
        amount = step.total or step.done
        write(
            step, state=Step.State.DONE, ended_at=Now(), beat_at=Now(), result=result, total=amount, done=amount,
            error_code="",
        )  # fmt: skip
        step.state, step.result, step.job = Step.State.DONE, result, job
        passes.kind_of(job).store(step, result)
        passes.advance(job)
    event("step.done", done=amount)


def retry(step: Step, error: Transient) -> None:
    """Back off: ready again after a jittered pause. The attempt is not counted, the refusal is, and says why."""
    why = error.why or type(error).__name__
    if step.transients + 1 >= conf.MOST_TRANSIENTS:
        mend = error.mend or "Check that the service is up and its limits are not used up"
        fail(step, "jobs.transient", tries=conf.MOST_TRANSIENTS, why=why[:300], mend=mend)
        return
    pause = error.retry_after
    if pause is None:
        # Full jitter over the upper half: refused together, they do not come back together.
        longest = min(conf.LONGEST_PAUSE, conf.FIRST_PAUSE * 2**step.transients)
        pause = longest * random.uniform(0.5, 1.0)  # noqa: S311
    else:
        pause = min(max(pause, 0.0), 3600.0) * random.uniform(1.0, 1.1)  # noqa: S311
    _give_back(step, pause=pause, attempt=F("attempt") - 1, transients=F("transients") + 1, note=why[:200])
    event("step.transient", why=type(error).__name__, pause=round(pause, 1), tries=step.transients + 1)


def error(step: Step, error_id: str) -> None:
    """An error that nobody foresaw: one retry, then the job fails."""
    if step.errors + 1 >= conf.MOST_ERRORS:
        fail(step, "jobs.error", error_id=error_id)
    else:
        _give_back(step, pause=0.0, errors=F("errors") + 1)


def release(step: Step) -> None:
    """This process ends: the step is ready again at once, and the attempt was none."""
    _give_back(step, pause=0.0, attempt=F("attempt") - 1)
    event("step.released")


def stop(step: Step) -> None:
    """The step saw that its job stops. If the job was resumed since, the step is ready again."""
    _give_back(step, pause=0.0, attempt=F("attempt") - 1)
    event("step.stopped")


def _give_back(step: Step, *, pause: float, **changes: object) -> None:
    """Ready (or waiting) again; cancelled if its job stops. Raises `LeaseLost`."""
    with transaction.atomic():
        job = passes.lock(step.job_id)
        if job is None:
            raise LeaseLost
        if job.is_stopping:
            changes |= {"state": Step.State.CANCELLED, "ended_at": Now()}
        elif pause > 0:
            changes |= {"state": Step.State.WAITING, "not_before": Now() + timedelta(seconds=pause)}
        else:
            changes |= {"state": Step.State.READY}
        write(step, **changes, beat_at=Now())
        passes.advance(job)
        if changes["state"] == Step.State.READY:
            wake({step.queue: 1})


def fail(step: Step, code: str, **facts: object) -> None:
    """The step cannot succeed: its job fails now, with these words. Raises `LeaseLost`."""
    fault = Fault(code, **passes.words(step), **facts)
    fail_with(step, fault, error_id=str(facts.get("error_id", "")))


def fail_with(step: Step, fault: Fault, *, error_id: str = "") -> None:
    with transaction.atomic():
        job = passes.lock(step.job_id)
        if job is None:
            raise LeaseLost
        write(step, state=Step.State.FAILED, ended_at=Now(), error_code=fault.code)
        passes.fail(job, fault, error_id=error_id)
    event("step.failed", code=fault.code)


FREE = {"token": None, "leased_until": None}


def write(step: Step, **changes: object) -> None:
    """End the lease with these changes, if the caller still holds it. Raises `LeaseLost`."""
    mine = Step.objects.filter(pk=step.pk, token=step.token, state=Step.State.LEASED)
    if mine.update(**FREE, **changes) == 0:
        raise LeaseLost
