"""How a job goes from pass to pass and how it ends."""

import logging

import pytest
from django.db import transaction

from config.faults import Fault
from jobs.actions import resume
from jobs.actions import start as start_job
from jobs.models import Job, Pass, Step
from jobs.queries import results
from jobs.registry import KINDS
from jobs.runner import run_job, run_until_idle
from jobs.tick import tick
from tests.jobs.conftest import fresh, states, values
from tests.jobs.kinds import CALLS, rows


def test_passes_follow_each_other_and_an_empty_one_falls_through(start):
    job = start(values(1, 2, 3), [], values(4))
    assert (job.state, states(job), job.pass_index) == ("queued", "ready ready ready", 0)

    assert run_until_idle() == 5
    assert fresh(job).state == "succeeded"
    assert rows(job) == [("0/0", 1), ("0/1", 2), ("0/2", 3), ("2/0", 4), ("3/0", 10)]
    assert rows(job, "succeeded") == [("", 10)]
    assert [entry.name for entry in job.passes.order_by("index")] == ["pass-0", "pass-1", "pass-2", "sum"]
    assert job.started_at
    assert job.ended_at
    assert job.is_final


def test_a_job_whose_passes_are_all_empty_succeeds_at_its_start(transactional_db):
    from jobs.registry import KINDS, Kind, register

    class Nothing(Kind):
        name = "test.passes.nothing"

        def open_pass(self, job, index):
            return None

    register(Nothing)
    try:
        assert start_job(kind="test.passes.nothing", params={}, lane="a").state == "succeeded"
    finally:
        del KINDS["test.passes.nothing"]


def test_results_come_in_the_order_of_steps_not_of_finishing(start):
    job = start(values(5, 6, 7))
    Step.objects.filter(job=job, index=0).update(state="waiting", not_before="2000-01-01T00:00Z")
    run_until_idle()
    assert [entry["value"] for entry in results(job, "pass-0")] == [5, 6, 7]
    with pytest.raises(LookupError):
        results(job, "never opened")


def test_a_start_that_rolls_back_leaves_nothing_and_wakes_nobody(start, wakes):
    def start_and_stumble():
        with transaction.atomic():
            start(values(1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        start_and_stumble()
    assert not Job.objects.exists()
    assert wakes == []


def test_a_start_wakes_after_its_commit(start, wakes):
    with transaction.atomic():
        start(values(1), [{"value": 1, "queue": "gpu"}])
        assert wakes == []
    assert wakes == [{"cpu": 1}]
    run_until_idle(["cpu"])
    assert {"gpu": 1} in wakes


def test_a_fault_in_planning_at_the_start_reaches_the_caller(start):
    with pytest.raises(Fault):
        start(values(1), fault_in_open=0)
    assert not Job.objects.exists()


def test_an_unknown_kind_is_a_fault():
    with pytest.raises(Fault, match="does not know"):
        start_job(kind="no.such", params={}, lane="a")


def test_a_fault_in_planning_later_fails_the_job_and_keeps_the_steps(start):
    job = start(values(1, 2), fault_in_open=1)
    run_until_idle()
    assert (fresh(job).state, job.error_code, job.error_what) == ("failed", "test.bad", "Line 1 is bad.")
    assert states(job) == "done done"
    assert rows(job, "failed") == [("test.bad", 0)]


def test_an_unforeseen_error_in_planning_is_tried_again_by_the_tick(start):
    job = start(values(1), error_in_open=1)
    CALLS.clear()
    run_until_idle()
    assert fresh(job).state == "succeeded"
    assert rows(job, "succeeded") == [("", 1)]


def test_planning_that_fails_twice_fails_the_job_with_an_id_that_is_in_the_log(start, caplog, monkeypatch):
    job = start(values(1), error_in_open=1)
    monkeypatch.setattr("tests.jobs.kinds.once", lambda *_: True)
    with caplog.at_level(logging.INFO):
        run_until_idle()
    assert (fresh(job).state, job.error_code) == ("failed", "jobs.advance")
    assert job.error_id in job.error_advice
    assert f"error_id={job.error_id}" in caplog.text
    assert states(job) == "done"


def test_a_fault_in_the_last_hook_fails_the_job_instead(start):
    job = start(values(1), fault_at_the_end=True)
    run_until_idle()
    assert (fresh(job).state, job.error_what) == ("failed", "Line 7 is bad.")
    assert rows(job, "failed") == [("test.bad", 0)]
    resume(job=job)
    assert (job.state, job.error_code) == ("failed", "test.bad")


def test_a_queue_that_no_worker_serves_is_a_mistake_that_shows_at_once(start):
    with pytest.raises(ValueError, match="no worker serves the queue tpu"):
        start([{"value": 1, "queue": "tpu"}])


def test_a_process_that_does_not_know_a_kind_leaves_its_jobs_to_others(start, monkeypatch):
    job = start(values(1))
    Step.objects.update(state="done", result={"value": 1})
    with monkeypatch.context() as patch:
        patch.delitem(KINDS, "test.script")
        tick()
    assert states(job) == "done"
    assert fresh(job).state == "queued"
    tick()
    assert states(job) == "done ready"


def test_a_hook_that_breaks_does_not_keep_the_job_from_ending(start):
    job = start(values(1, do={"1": "fault"}), error_in_hook=True)
    run_until_idle()
    assert fresh(job).state == "failed"
    assert rows(job, "failed") == []


def test_the_names_of_passes_are_unique_in_a_job(start):
    job = start(values(1))
    with pytest.raises(Exception, match="jobs_pass_name_once"):
        Pass.objects.create(job=job, index=9, name="pass-0", title="again")


def test_one_job_can_be_run_in_this_process(start):
    other, job = start(values(1)), start(values(2, 3, queue="gpu"))
    seen = []
    run_job(job, watch=lambda fresh_job: seen.append(fresh_job.state))
    assert job.state == "succeeded"
    assert seen[0] == "queued"
    assert seen[-1] == "succeeded"
    assert fresh(other).state == "queued"


def test_a_tick_leaves_healthy_jobs_alone(start):
    job = start(values(1, 2))
    version = job.version
    assert tick()
    assert fresh(job).version == version
    assert states(job) == "ready ready"
