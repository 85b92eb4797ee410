"""The tick: what must happen though nobody asks for it."""

import threading
import time
from datetime import timedelta

from django.core.management import call_command
from django.db import connection, connections, transaction
from django.db.models.functions import Now

from jobs import lease, wake
from jobs.models import Job, Step, Worker
from jobs.tick import HOOKS, LOCK, Ticker, on_tick, tick
from jobs.worker import say_alive
from tests.jobs.conftest import fresh, in_thread, states, values
from tests.jobs.kinds import rows
from tests.jobs.plant import until


def lapse(step: Step) -> None:
    Step.objects.filter(pk=step.pk).update(leased_until=Now() - timedelta(seconds=1))


def test_an_expired_lease_is_ready_again_and_a_valid_one_stays(start):
    job = start(values(1, 2))
    silent, alive = lease.claim("cpu", "a"), lease.claim("cpu", "b")
    lapse(silent)
    tick()
    assert states(job) == "ready leased"
    assert (fresh(silent).attempt, silent.token) == (1, None)
    assert fresh(alive).token


def test_a_step_that_is_just_being_finished_is_not_taken_away(start):
    job = start(values(1))
    step = lease.claim("cpu", "w")
    lapse(step)
    inside, go_on = threading.Event(), threading.Event()

    def ending():
        inside.set()
        go_on.wait(5)

    finisher = in_thread(lambda: lease.finish(step, {"value": 1}, ending=ending))
    inside.wait(5)
    began = time.monotonic()
    tick()
    assert time.monotonic() - began < 2  # it does not wait for the job's lock either
    go_on.set()
    finisher.join(5)
    assert finisher.outcome is None
    assert states(job) == "done ready"


def test_due_retries_are_ready_and_others_wait(start):
    job = start(values(1, 2))
    Step.objects.update(state="waiting", not_before="2999-01-01T00:00Z")
    Step.objects.filter(index=1).update(not_before=Now() - timedelta(seconds=1))
    tick()
    assert states(job) == "waiting ready"


def test_a_job_that_stands_between_two_passes_goes_on(start):
    job = start(values(1))
    Step.objects.update(state="done", result={"value": 1})
    tick()
    assert states(job) == "done ready"
    assert fresh(job).pass_index == 1


def test_one_tick_at_a_time(start):
    job = start(values(1))
    lapse(lease.claim("cpu", "w"))
    keeper = connections.create_connection("default")
    try:
        keeper.set_autocommit(False)
        keeper.cursor().execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        assert tick() is False
        assert states(job) == "leased"
        keeper.rollback()
        assert tick() is True
        assert states(job) == "ready"
    finally:
        keeper.close()


def test_hooks_are_called_and_an_error_in_one_stops_nothing(start):
    called = []

    @on_tick
    def broken():
        called.append("broken")
        raise ValueError

    @on_tick
    def schedule():
        called.append("schedule")

    job = start(values(1))
    lapse(lease.claim("cpu", "w"))
    try:
        tick()
    finally:
        HOOKS.remove(broken)
        HOOKS.remove(schedule)
    assert called == ["broken", "schedule"]
    assert states(job) == "ready"


def test_wake_ups_are_topped_up_to_the_places_that_can_take_one(start, wakes):
    start(values(*range(5)) + values(1, 2, queue="gpu") + values(3, queue="io"))
    wakes.clear()
    tick()
    assert wakes == []
    say_alive("a#1", ["cpu"], 2)
    say_alive("b#1", ["cpu", "gpu"], 1)
    tick()
    assert wakes == [{"cpu": 3, "gpu": 1, "io": 0}]
    Worker.objects.filter(name="a#1").update(seen_at=Now() - timedelta(minutes=5))
    assert wake.slots() == {"cpu": 1, "gpu": 1}
    Worker.objects.filter(name="a#1").update(seen_at=Now() - timedelta(days=2))
    tick()
    assert list(Worker.objects.values_list("name", flat=True)) == ["b#1"]


def test_a_worker_that_reports_again_keeps_its_start(start):
    say_alive("a#1", ["cpu"], 2)
    first = Worker.objects.get()
    say_alive("a#1", ["cpu", "io"], 4)
    again = Worker.objects.get()
    assert again.started_at == first.started_at
    assert again.seen_at > first.seen_at
    assert (again.queues, again.slots) == (["cpu", "io"], 4)


def test_the_ticker_outlives_a_lost_connection(start):
    beats = []

    def alive():
        beats.append(time.monotonic())
        if len(beats) == 1:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    job = start(values(1))
    ticker = Ticker(alive)
    lapse(lease.claim("cpu", "w"))
    ticker.start()
    until(lambda: states(job) == "ready" and len(beats) > 1)
    ticker.end()
    assert not ticker.is_alive()


def test_the_work_command_runs_until_nothing_is_open_even_what_a_dead_worker_held(start, capsys):
    job = start(values(1, 2), values(3, queue="gpu"))
    lease.claim("cpu", "dead")
    call_command("work", until_idle=True)
    assert fresh(job).state == "succeeded"
    assert rows(job, "succeeded") == [("", 6)]
    assert capsys.readouterr().out == "4 steps run.\n"


def test_the_work_command_takes_only_the_queues_it_is_given(start):
    job = start(values(1) + values(2, queue="gpu"))
    call_command("work", until_idle=True, queue=["gpu"])
    assert states(job) == "ready done"


def test_a_deleted_job_does_not_disturb_the_tick(start):
    job = start(values(1))
    lapse(lease.claim("cpu", "w"))
    with transaction.atomic():
        Job.objects.select_for_update().get(pk=job.pk)
        other = in_thread(tick)
        other.join(5)
        assert other.outcome is True
    assert states(job) == "leased"
