"""What happens when a step fails, by whose fault it is."""

import logging
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.db.models.functions import Now
from django.template.loader import render_to_string

from jobs import conf, lease, runner
from jobs.actions import start as start_job
from jobs.errors import Transient
from jobs.models import Step
from jobs.queries import progress
from jobs.runner import run_until_idle
from jobs.tick import tick
from tests.jobs.conftest import fresh, states, values
from tests.jobs.kinds import CALLS, rows


def test_a_transient_error_waits_and_does_not_count_as_an_attempt(start):
    job = start(values(1, do={"1": "transient", "2": "transient"}))
    runner.run(lease.claim("cpu", "w"))
    step = job.steps.get()
    assert (step.state, step.attempt, step.transients) == ("waiting", 0, 1)
    run_until_idle()
    assert fresh(job).state == "succeeded"
    assert rows(job, "succeeded") == [("", 1)]


def test_pauses_double_with_jitter_and_have_a_bound(start):
    start(values(1))
    pauses = []
    for number in range(conf.MOST_TRANSIENTS - 1):
        step = lease.claim("cpu", "w")
        lease.retry(step, Transient("busy"))
        step = fresh(step)
        assert step.transients == number + 1
        pauses.append((step.not_before - step.beat_at).total_seconds())
        Step.objects.update(not_before=Now())
    for number, pause in enumerate(pauses):
        longest = min(conf.LONGEST_PAUSE, conf.FIRST_PAUSE * 2**number)
        assert longest / 2 <= pause <= longest


def test_steps_that_were_refused_together_do_not_come_back_together(start):
    job = start(values(*range(6)))
    for _ in range(6):
        lease.retry(lease.claim("cpu", "w"), Transient("busy"))
    pauses = [step.not_before - step.beat_at for step in job.steps.all()]
    assert max(pauses) - min(pauses) > timedelta(seconds=0.05)


def test_a_service_that_keeps_refusing_fails_the_job_with_its_words(start):
    job = start(values(1, do={"always": "transient"}))
    run_until_idle()
    assert (fresh(job).state, job.error_code) == ("failed", "jobs.transient")
    assert "8 times" in job.error_what
    assert "429 Too Many Requests" in job.error_what
    assert "Pass 0" in job.error_what
    assert "Check that the service is up" in job.error_advice


def test_who_waits_for_a_service_reads_what_it_said_and_when_it_is_asked_again(start):
    job = start(values(1))
    for number, (why, pause) in enumerate((("hub.example did not answer", 15.0), ("hub.example answered 503", 40.0))):
        lease.retry(lease.claim("cpu", "w"), Transient(why, retry_after=pause))
        (line,) = progress(job)
        assert (line.state, line.refused, line.tries) == ("running", why, number + 2)
        assert pause - 2 < line.again_in <= 1.1 * pause
        said = render_to_string("components/_progress.html", {"job": fresh(job), "passes": [line], "url": "/"})
        assert f"{why}; try {number + 2} of 8 in <span data-remaining=" in said
        if not number:
            Step.objects.update(not_before=Now())
            lease.promote(job=job)
    Step.objects.update(not_before=Now())
    lease.promote(job=job)
    lease.claim("cpu", "w")
    (line,) = progress(job)
    assert (line.state, line.refused, line.note) == ("running", "", "")


def test_a_service_that_keeps_refusing_may_say_what_to_look_at(start):
    job = start(values(1))
    Step.objects.update(transients=conf.MOST_TRANSIENTS - 1)
    lease.retry(lease.claim("cpu", "w"), Transient("away", mend="Check the network"))
    assert fresh(job).error_advice.startswith("Check the network, then resume.")


def test_trouble_with_the_database_is_transient(start):
    job = start(values(1, call="trouble"))

    def trouble(step, beat):
        if step.transients == 0:
            raise OperationalError("deadlock detected")

    CALLS["trouble"] = trouble
    runner.run(lease.claim("cpu", "w"))
    step = job.steps.get()
    assert (step.state, step.transients, step.errors) == ("waiting", 1, 0)


def test_a_fault_fails_the_job_at_once_and_cancels_what_is_open(start):
    job = start(values(1) + values(2, do={"1": "fault"}) + values(3, 4))
    running, bad = lease.claim("cpu", "other"), lease.claim("cpu", "w")
    runner.run(bad)
    assert states(job) == "leased failed cancelled cancelled"
    assert (fresh(job).state, job.error_code) == ("failed", "test.bad")
    assert (job.error_title, job.error_what) == ("The data is bad", "Line 812 is bad.")
    assert job.error_advice == "Mend line 812."
    assert job.ended_at
    assert rows(job, "failed") == [("test.bad", 0)]
    # What was running may still end; its work is kept, but nothing follows.
    lease.finish(running, {"value": 1})
    assert states(job) == "done failed cancelled cancelled"
    assert fresh(job).state == "failed"


def test_an_unforeseen_error_is_tried_once_more(start):
    job = start(values(1, do={"1": "error"}))
    run_until_idle()
    assert fresh(job).state == "succeeded"
    assert job.steps.get(pass_index=0).errors == 1


@pytest.mark.parametrize("where", ["error", "error in store"])
def test_the_second_unforeseen_error_fails_with_an_id_that_is_in_the_log(start, caplog, where):
    job = start(values(1, do={"always": where}))
    with caplog.at_level(logging.INFO):
        run_until_idle()
    assert (fresh(job).state, job.error_code) == ("failed", "jobs.error")
    assert len(job.error_id) == 10
    assert job.error_id in job.error_advice
    lines = [record.getMessage() for record in caplog.records if job.error_id in record.getMessage()]
    assert len(lines) == 1
    assert "error=DataError" in lines[0]
    assert f"job={job.pk}" in lines[0]
    assert "kinds.py" in lines[0]
    assert "secret text" not in caplog.text
    assert rows(job) == []
    assert job.steps.get().attempt == 2


def test_a_kind_that_no_worker_knows_is_said_plainly_after_a_while(start):
    job = start(values(1))
    type(job).objects.update(kind="other.version")
    runner.run(lease.claim("cpu", "w"))
    assert states(job) == "waiting"
    assert fresh(job).state == "running"
    Step.objects.update(transients=conf.MOST_TRANSIENTS - 1, not_before=Now())
    run_until_idle()
    assert (fresh(job).state, job.error_code) == ("failed", "jobs.unknown_kind")
    assert "other.version" in job.error_what


def test_a_result_that_is_no_json_is_an_error_not_a_hang(start):
    job = start(values(1, call="spoil"))
    CALLS["spoil"] = lambda step, beat: step.payload.update(value={1, 2})
    run_until_idle()
    assert (fresh(job).state, job.error_code) == ("failed", "jobs.error")


def test_three_silent_deaths_end_the_job_with_a_reason_for_a_person(start):
    job = start(values(1, 2))
    for attempt in (1, 2, 3):
        step = lease.claim("cpu", "w")
        assert (step.index, step.attempt) == (0, attempt)
        Step.objects.filter(pk=step.pk).update(leased_until="2000-01-01T00:00Z")
        tick()
    assert states(job) == "failed cancelled"
    assert (fresh(job).state, job.error_code) == ("failed", "jobs.stopped")
    assert "short of memory" in job.error_what
    assert "Step 1" in job.error_what
    assert rows(job, "failed") == [("jobs.stopped", 0)]


def test_jobs_of_a_team_do_not_share_their_failures(start):
    bad, good = (
        start(values(1, do={"1": "fault"})),
        start_job(kind="test.script", params={"passes": [values(5)]}, lane="a"),
    )
    run_until_idle()
    assert fresh(bad).state == "failed"
    assert fresh(good).state == "succeeded"
