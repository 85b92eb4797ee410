"""Cancel in each state, and resume: finished steps are kept."""

import pytest

from config.faults import Fault
from jobs import lease, runner
from jobs.actions import cancel, discard, resume
from jobs.errors import Cancelled, LeaseLost, Transient
from jobs.models import Job, Step
from jobs.runner import run_until_idle
from jobs.tick import tick
from tests.jobs.conftest import fresh, in_thread, states, values
from tests.jobs.kinds import CALLS, rows
from tests.jobs.plant import until


def test_a_queued_job_is_cancelled_at_once(start):
    job = start(values(1, 2))
    cancel(job=job)
    assert job.state == "cancelled"
    assert job.ended_at
    assert states(job) == "cancelled cancelled"
    assert rows(job, "cancelled") == [("", 0)]
    assert run_until_idle() == 0


def test_a_running_step_stops_at_its_heartbeat_and_then_the_job_is_cancelled(start):
    job = start(values(1, 2, seconds=30))
    worker = in_thread(runner.drain, "cpu")
    until(lambda: states(job) == "leased ready")
    cancel(job=job)
    assert job.state == "running"
    assert job.cancel_requested_at
    assert states(job) == "leased cancelled"
    worker.join(5)
    assert fresh(job).state == "cancelled"
    assert states(job) == "cancelled cancelled"
    assert rows(job, "cancelled") == [("", 0)]
    assert rows(job) == []


def test_a_step_that_ends_before_it_hears_of_the_cancel_is_kept_but_nothing_follows(start):
    job = start(values(1, 2))
    step = lease.claim("cpu", "w")
    cancel(job=job)
    lease.finish(step, {"value": 1})
    assert fresh(job).state == "cancelled"
    assert states(job) == "done cancelled"
    assert rows(job) == [("0/0", 1)]


def test_the_last_step_of_the_last_pass_may_end_but_the_job_stays_cancelled(start):
    job = start(values(1))
    runner.run(lease.claim("cpu", "w"))
    last = lease.claim("cpu", "w")
    cancel(job=job)
    lease.finish(last, {"value": 1})
    assert fresh(job).state == "cancelled"
    assert rows(job, "succeeded") == []


def test_a_waiting_step_is_cancelled_at_once(start):
    job = start(values(1))
    lease.retry(lease.claim("cpu", "w"), Transient("busy"))
    cancel(job=job)
    assert (job.state, states(job)) == ("cancelled", "cancelled")


def test_a_step_whose_worker_died_is_cancelled_by_the_tick(start):
    job = start(values(1))
    step = lease.claim("cpu", "w")
    cancel(job=job)
    Step.objects.filter(pk=step.pk).update(leased_until="2000-01-01T00:00Z")
    tick()
    assert (fresh(job).state, states(job)) == ("cancelled", "cancelled")


def test_a_step_that_fails_after_the_cancel_leaves_the_job_cancelled(start):
    job = start(values(1))
    step = lease.claim("cpu", "w")
    cancel(job=job)
    lease.fail_with(step, Fault("test.bad", line=1))
    assert fresh(job).state == "cancelled"
    assert job.error_code == ""


@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled"])
def test_a_job_that_has_ended_stays_as_it_is(start, end):
    job = start(values(1, do={"1": "fault"} if end == "failed" else {}))
    if end == "cancelled":
        cancel(job=job)
    run_until_idle()
    before = fresh(job).version, job.state, job.ended_at
    assert job.state == end
    cancel(job=job)
    assert (job.version, job.state, job.ended_at) == before


def test_cancel_twice_is_cancel_once(start):
    job = start(values(1))
    lease.claim("cpu", "w")
    cancel(job=job)
    asked = job.cancel_requested_at
    cancel(job=job)
    assert job.cancel_requested_at == asked
    assert job.state == "running"


def test_resume_after_a_fault_keeps_what_is_finished(start):
    job = start(values(1) + values(2, do={"1": "fault"}, call="count") + values(3))
    CALLS["count"] = lambda step, beat: None
    run_until_idle()
    assert (fresh(job).state, states(job)) == ("failed", "done failed cancelled")
    done_at = job.steps.get(index=0).ended_at
    Step.objects.filter(job=job, index=1).update(payload={"value": 2})

    resume(job=job)
    assert (job.state, job.error_code, job.error_title, job.ended_at) == ("running", "", "", None)
    assert states(job) == "done ready ready"
    run_until_idle()
    assert fresh(job).state == "succeeded"
    assert rows(job, "succeeded") == [("", 6)]
    assert job.steps.get(pass_index=0, index=0).ended_at == done_at
    assert rows(job) == [("0/0", 1), ("0/1", 2), ("0/2", 3), ("1/0", 6)]


def test_resume_gives_fresh_attempts(start):
    job = start(values(1))
    for _ in range(3):
        Step.objects.filter(pk=lease.claim("cpu", "w").pk).update(leased_until="2000-01-01T00:00Z")
        tick()
    assert fresh(job).state == "failed"
    resume(job=job)
    step = job.steps.get()
    assert (step.state, step.attempt, step.errors, step.transients, step.error_code) == ("ready", 0, 0, 0, "")
    run_until_idle()
    assert fresh(job).state == "succeeded"


def test_resume_of_a_job_cancelled_before_it_began(start, wakes):
    job = start(values(1, 2))
    cancel(job=job)
    wakes.clear()
    resume(job=job)
    assert job.state == "queued"
    assert wakes == [{"cpu": 1}]
    run_until_idle()
    assert fresh(job).state == "succeeded"


def test_resume_opens_the_pass_that_could_not_be_opened(start):
    job = start(values(1, 2), fault_in_open=1)
    run_until_idle()
    assert (fresh(job).state, states(job)) == ("failed", "done done")
    Job.objects.filter(pk=job.pk).update(params=job.params | {"fault_in_open": None})
    resume(job=job)
    assert (job.state, states(job)) == ("running", "done done ready")
    run_until_idle()
    assert fresh(job).state == "succeeded"
    assert rows(job, "succeeded") == [("", 3)]


def test_resume_that_still_cannot_open_the_pass_fails_again_with_the_reason(start):
    job = start(values(1), fault_in_open=1)
    run_until_idle()
    resume(job=job)
    assert (job.state, job.error_code) == ("failed", "test.bad")


def test_resume_takes_a_pending_cancel_back(start):
    job = start(values(1, 2))
    step = lease.claim("cpu", "w")
    cancel(job=job)
    resume(job=job)
    assert (job.state, job.cancel_requested_at, states(job)) == ("running", None, "leased ready")
    # The holder saw the cancel just before it was taken back.
    lease.stop(step)
    assert states(job) == "ready ready"
    run_until_idle()
    assert fresh(job).state == "succeeded"


def test_resume_while_another_step_of_the_failed_job_still_runs(start):
    job = start(values(1) + values(2, do={"1": "fault"}))
    running, bad = lease.claim("cpu", "other"), lease.claim("cpu", "w")
    runner.run(bad)
    Step.objects.filter(pk=bad.pk).update(payload={"value": 2})
    resume(job=job)
    assert states(job) == "leased ready"
    lease.finish(running, {"value": 1})
    run_until_idle()
    assert fresh(job).state == "succeeded"
    assert rows(job, "succeeded") == [("", 3)]


def test_resume_of_a_running_job_changes_nothing_and_of_a_succeeded_one_is_a_fault(start):
    job = start(values(1))
    lease.claim("cpu", "w")
    version = fresh(job).version
    resume(job=job)
    assert job.version == version
    assert states(job) == "leased"
    Step.objects.update(state="ready", token=None, leased_until=None)
    run_until_idle()
    with pytest.raises(Fault, match="already succeeded"):
        resume(job=job)


def test_a_handler_that_only_reports_progress_hears_the_cancel_too(start):
    job = start(values(1, call="loop"))
    heard = []

    def loop(step, beat):
        cancel(job=step.job)
        try:
            while True:
                beat.progress(1, 2)
        except Cancelled:
            heard.append(True)
            raise

    CALLS["loop"] = loop
    runner.run(lease.claim("cpu", "w"))
    assert heard
    assert fresh(job).state == "cancelled"


def test_discard_takes_a_job_away_from_whoever_runs_it(start):
    job, step = start(values(1)), lease.claim("cpu", "w")
    discard(job=job)
    discard(job=job)
    assert not Step.objects.exists()
    with pytest.raises(LeaseLost):
        lease.finish(step, {"value": 1})
    cancel(job=job)
    resume(job=job)
