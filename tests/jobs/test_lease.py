"""Leases: whoever lost one writes nothing; heartbeats keep one; two last finishers cannot hang a job."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from jobs import lease, passes, runner
from jobs.actions import discard
from jobs.errors import Cancelled, LeaseLost, Released
from jobs.heartbeat import heart
from jobs.models import Job, Step
from jobs.tick import tick
from tests.jobs.conftest import fresh, in_thread, states, values
from tests.jobs.kinds import CALLS, TABLE, rows


def lapse(step: Step) -> None:
    Step.objects.filter(pk=step.pk).update(leased_until=Now() - timedelta(seconds=1))


def test_a_late_finisher_writes_nothing(start):
    job = start(values(1))
    late = lease.claim("cpu", "late")
    lapse(late)
    tick()
    second = lease.claim("cpu", "second")
    assert (second.pk, second.attempt) == (late.pk, 2)
    assert second.token != late.token

    for ending in (lease.finish, lambda *_: lease.release(late), lambda *_: lease.stop(late)):
        with pytest.raises(LeaseLost):
            ending(late, {"value": 99})
    with pytest.raises(LeaseLost):
        lease.error(late, "x")
    assert rows(job) == []

    lease.finish(second, {"value": 1})
    with pytest.raises(LeaseLost):
        lease.finish(second, {"value": 1})
    assert rows(job) == [("0/0", 1)]
    assert fresh(second).result == {"value": 1}


def test_a_late_finisher_that_nobody_replaced_yet_still_counts(start):
    job = start(values(1))
    step = lease.claim("cpu", "w")
    lapse(step)
    lease.finish(step, {"value": 1})
    assert tick()
    assert states(job) == "done ready"


def test_the_database_refuses_a_lease_without_token_or_time(start):
    job = start(values(1))
    for change in ({"state": "leased"}, {"state": "leased", "leased_until": Now()}, {"leased_until": Now()}):
        with pytest.raises(IntegrityError), transaction.atomic():
            job.steps.update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        job.steps.update(state="waiting")
    with pytest.raises(IntegrityError), transaction.atomic():
        job.steps.update(state="done")


def test_a_heartbeat_keeps_a_step_longer_than_its_lease_and_shows_progress(start):
    job = start(values(1, seconds=2.6, total=1000))
    version = job.version
    worker = in_thread(runner.drain, "cpu")
    seen = []
    while worker.is_alive():
        tick()
        seen.append(Step.objects.filter(job=job, index=0, pass_index=0).values_list("done", "note", "attempt").get())
        time.sleep(0.1)
    assert worker.outcome == 2
    assert fresh(job).state == "succeeded"
    assert {attempt for *_, attempt in seen} <= {0, 1}
    shown = sorted({done for done, *_ in seen})
    assert len(shown) >= 4
    assert "working" in {note for _, note, _ in seen}
    assert job.version >= version + 5


def test_a_step_whose_lease_went_to_somebody_else_hears_it_from_the_heartbeat(start):
    job = start(values(1, call="lose"))
    heard = []

    def lose(step, beat):
        Step.objects.filter(pk=step.pk).update(state="ready", token=None, leased_until=None)
        beat.progress(1)
        began = time.monotonic()
        try:
            wait(beat)
        except LeaseLost:
            heard.append(time.monotonic() - began)
            raise

    CALLS["lose"] = lose
    runner.run(lease.claim("cpu", "w"))
    assert states(job) == "ready"
    assert rows(job) == []
    assert heard[0] < 1.5  # well before the lease would have ended


def wait(beat, seconds=5.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        beat.check()
        time.sleep(0.02)


def test_a_process_that_cannot_reach_the_database_gives_its_step_up_in_time(start, monkeypatch):
    start(values(1))
    step = lease.claim("cpu", "w")
    monkeypatch.setattr("jobs.heartbeat.renew", lambda beats: None)
    beat, began = heart().hold(step), time.monotonic()
    with pytest.raises(LeaseLost):
        wait(beat)
    assert 1.8 < time.monotonic() - began < 2.6


def test_a_deleted_job_is_a_lost_lease(start):
    job = start(values(1, call="delete"))
    CALLS["delete"] = lambda step, beat: discard(job=step.job)
    runner.run(lease.claim("cpu", "w"))
    assert not Job.objects.filter(pk=job.pk).exists()
    assert not Step.objects.exists()


def test_two_last_finishers_open_the_next_pass_once(start, monkeypatch):
    """Both have ended their step before either looks for open ones, unless the job's lock keeps them apart."""
    job = start(values(1, 2))
    steps, meet, advance = [lease.claim("cpu", "w") for _ in range(2)], threading.Barrier(2), passes.advance

    def advance_together(job):
        try:
            meet.wait(0.5)
        except threading.BrokenBarrierError:
            meet.reset()
        advance(job)

    monkeypatch.setattr("jobs.passes.advance", advance_together)
    for thread in [in_thread(lease.finish, step, {"value": 1}) for step in steps]:
        thread.join(10)
        assert thread.outcome is None
    assert states(job) == "done done ready"
    assert fresh(job).pass_index == 1


def test_a_deadlock_in_the_ending_costs_no_work(start):
    """A real one: the ending holds the job and wants a row, somebody holds the row and wants the job."""
    job, ran = start(values(1, call="count", store_call="touch")), []
    CALLS["count"] = lambda step, beat: ran.append(step.attempt)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {TABLE} VALUES (%s, 'shared', '', 0)", [job.pk])
    row_held, ending_waits = threading.Event(), threading.Event()

    def touch(step, beat):
        row_held.wait(5)
        ending_waits.set()
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE {TABLE} SET value = value + 1 WHERE what = 'shared'")

    def rival():
        with transaction.atomic(), connection.cursor() as cursor:
            # The rival never looks for deadlocks itself, so the ending is the one that is chosen.
            cursor.execute("SET LOCAL deadlock_timeout = '60s'")
            cursor.execute(f"UPDATE {TABLE} SET value = value + 10 WHERE what = 'shared'")
            row_held.set()
            ending_waits.wait(5)
            passes.lock(job.pk)

    CALLS["touch"] = touch
    thread = in_thread(rival)
    row_held.wait(5)
    runner.run(lease.claim("cpu", "w"))
    thread.join(10)
    assert thread.outcome is None
    assert ran == [1]
    assert states(job) == "done ready"
    assert rows(job, "shared") == [("", 11)]
    assert rows(job) == [("0/0", 1)]


def test_a_process_that_is_told_to_end_gives_its_step_back_uncounted(start):
    from jobs import process

    job = start(values(1, seconds=30))
    worker = in_thread(runner.drain, "cpu")
    until(lambda: states(job) == "leased")
    process.stop()
    worker.join(5)
    step = job.steps.get()
    assert (step.state, step.attempt, worker.outcome) == ("ready", 0, 1)


def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_the_stops_are_exceptions_that_handlers_let_pass():
    from jobs.errors import Stop

    assert all(issubclass(kind, Stop) for kind in (Cancelled, LeaseLost, Released))
