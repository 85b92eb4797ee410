"""Real `celery worker` processes: killed at each boundary, their broker flushed, their messages doubled and lost."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from config.celery import app
from jobs.actions import cancel
from jobs.models import Job, Step, Worker
from jobs.tasks import work
from tests.jobs.conftest import fresh, states, values
from tests.jobs.kinds import rows
from tests.jobs.plant import Plant, until

pytestmark = pytest.mark.crash


@pytest.fixture
def plant(tmp_path, monkeypatch, engine):
    """Here wake-ups are really sent, to a broker that this test may flush or stop."""
    plant = Plant(tmp_path)
    url, before = plant.start_broker(), app.conf.broker_url
    app.conf.broker_url = url
    yield plant
    app.conf.broker_url = before
    plant.stop()


@pytest.fixture
def wakes():
    """Replaces the recorder of the other tests: nothing is intercepted."""


def finished(*jobs: Job) -> bool:
    return all(fresh(job).is_final for job in jobs)


def assert_same_rows_as_without_a_crash(job: Job, *numbers: int) -> None:
    expected = sorted([(f"0/{index}", value) for index, value in enumerate(numbers)] + [("1/0", sum(numbers))])
    assert fresh(job).state == "succeeded", (states(job), job.error_what)
    assert rows(job) == expected
    assert rows(job, "succeeded") == [("", sum(numbers))]


BOUNDARIES = ["die before output", "die after output", "die before commit", "die after commit"]


def test_a_worker_killed_at_any_boundary_changes_no_result(plant, start):
    """Each job kills the process that runs its second step, once; one more while the next pass is being opened."""
    jobs = {each: start(values(1) + values(2, do={"1": each}) + values(3), lane=each) for each in BOUNDARIES}
    jobs["open"] = start(values(1, 2, 3), die_in_open=1, lane="open")
    plant.worker(slots=2)
    until(lambda: finished(*jobs.values()), 40, lambda: plant.log("cpu"))
    for job in jobs.values():
        assert_same_rows_as_without_a_crash(job, 1, 2, 3)
    assert plant.log("cpu").count("signal 9") >= 5
    for name, job in jobs.items():
        assert not list(Path(job.params["dir"]).glob("*.tmp"))
        again = Step.objects.filter(job=job, attempt__gt=1).count()
        assert again == (0 if name == "die after commit" else 1), name


def test_a_second_worker_finishes_what_a_killed_one_held(plant, start):
    job = start(values(1, 2, 3, seconds=1.0))
    first = plant.worker("first", slots=2)
    until(lambda: states(job).count("leased") == 2)
    plant.kill(first)
    killed = time.monotonic()
    plant.worker("second")
    until(lambda: finished(job), 60, lambda: plant.log("second"))
    assert_same_rows_as_without_a_crash(job, 1, 2, 3)
    labels = set(Step.objects.filter(job=job).values_list("worker", flat=True))
    assert all(label.startswith("second-1@") for label in labels), labels
    assert time.monotonic() - killed < 15


def test_a_step_that_always_kills_its_worker_ends_with_a_reason(plant, start):
    job = start(values(1, do={"always": "die before output"}))
    plant.worker()
    until(lambda: finished(job), 40, lambda: plant.log("cpu"))
    assert (fresh(job).state, job.error_code) == ("failed", "jobs.stopped")
    assert Step.objects.get(job=job).attempt == 3


def test_a_flushed_broker_loses_no_job(plant, start, monkeypatch):
    job = start(values(*range(30), seconds=0.1))
    plant.worker(slots=2)
    until(lambda: "done" in states(job))
    plant.broker.flushall()
    # Its messages are gone as well: this job was started while nobody could be told.
    other = start([{"value": 5, "queue": "cpu"}], lane="b")
    plant.broker.flushall()
    until(lambda: finished(job, other), 60, lambda: plant.log("cpu"))
    assert_same_rows_as_without_a_crash(job, *range(30))
    assert_same_rows_as_without_a_crash(other, 5)
    # The worker sleeps by now, and nobody tells it of this job.
    with monkeypatch.context() as patch:
        patch.setattr("jobs.wake.send", lambda wanted: True)
        third = start(values(6))
    until(lambda: finished(third), 60, lambda: plant.log("cpu"))
    assert_same_rows_as_without_a_crash(third, 6)


def test_lost_messages_are_replaced_and_doubled_ones_do_nothing(plant, start):
    lost = start(values(1, 2))
    plant.broker.flushall()
    plant.worker()
    until(lambda: finished(lost), 60, lambda: plant.log("cpu"))
    assert_same_rows_as_without_a_crash(lost, 1, 2)

    doubled = start(values(*range(10)))
    for _ in range(50):
        work.apply_async(("cpu",), queue="cpu")
    until(lambda: finished(doubled) and plant.broker.llen("winnow:cpu") == 0, 60)
    assert_same_rows_as_without_a_crash(doubled, *range(10))
    assert set(Step.objects.values_list("attempt", flat=True)) == {1}


def test_a_broker_that_is_away_stops_nobody_from_starting_a_job(plant, start):
    worker = plant.worker()
    plant.server.stop()
    began = time.monotonic()
    job = start(values(1, 2))
    assert time.monotonic() - began < 1.5
    assert states(job) == "ready ready"
    time.sleep(1.5)
    assert worker.poll() is None
    plant.server = type(plant.server)(port=plant.port, data_dir=plant.folder / "broker")
    plant.server.start()
    until(lambda: finished(job), 60, lambda: plant.log("cpu"))
    assert_same_rows_as_without_a_crash(job, 1, 2)


def test_an_interactive_job_overtakes_a_backlog_of_ten_thousand(plant, start):
    backlog = start(values(*range(10_000), seconds=0.05), interactive=False)
    plant.worker(slots=1)
    until(lambda: "done" in Step.objects.filter(job=backlog, index__lt=3).values_list("state", flat=True))
    began = time.monotonic()
    urgent = start(values(1, 2, 3), lane="b")
    until(lambda: finished(urgent), 60, lambda: plant.log("cpu"))
    took = time.monotonic() - began
    assert fresh(backlog).state == "running"
    assert took < 5, f"{took:.1f} s"
    assert plant.broker.llen("winnow:cpu") <= 2  # ten thousand steps are no ten thousand messages


def test_sigterm_gives_a_running_step_back_uncounted_and_at_once(plant, start):
    job = start(values(1, seconds=60))
    worker = plant.worker()
    until(lambda: states(job) == "leased")
    began = time.monotonic()
    worker.terminate()
    assert worker.wait(15) == 0
    assert time.monotonic() - began < 8
    step = Step.objects.get(job=job)
    assert (step.state, step.attempt) == ("ready", 0), plant.log("cpu")
    assert not Worker.objects.exists()


def test_sigterm_to_the_whole_group_gives_the_step_back_as_well(plant, start):
    """As service managers do it: the child hears it itself, though its step never asks.

    The parent may be slow and start another child first, which then takes the step and gives it back when told.
    """
    job = start(values(1, deaf=60, seconds=60))
    worker = plant.worker()
    until(lambda: states(job) == "leased")
    os.killpg(worker.pid, signal.SIGTERM)
    until(lambda: worker.poll() is not None, 60, lambda: plant.log("cpu"))
    step = Step.objects.get(job=job)
    assert (step.state, step.attempt) == ("ready", 0), plant.log("cpu")


@pytest.mark.parametrize(("pool", "queue"), [("solo", "gpu"), ("threads", "io")])
def test_the_other_pools_run_tick_cancel_and_end(plant, start, pool, queue):
    job = start(values(1, 2, queue=queue))
    worker = plant.worker(queue, f"{queue},cpu", "-P", pool, slots=1 if pool == "solo" else 3)
    until(lambda: finished(job), 60, lambda: plant.log(queue))
    assert_same_rows_as_without_a_crash(job, 1, 2)
    entry = Worker.objects.get()
    assert (entry.queues, entry.slots) == (sorted([queue, "cpu"]), 1 if pool == "solo" else 3)

    slow = start(values(1, seconds=60, queue=queue))
    until(lambda: states(slow) == "leased")
    began = time.monotonic()
    cancel(job=slow)
    until(lambda: finished(slow), 60, lambda: plant.log(queue))
    assert fresh(slow).state == "cancelled"
    assert time.monotonic() - began < 4

    last = start(values(1, seconds=60, queue=queue))
    until(lambda: states(last) == "leased")
    worker.terminate()
    worker.wait(15)
    step = Step.objects.get(job=last)
    assert (step.state, step.attempt) == ("ready", 0), plant.log(queue)


def test_beat_ticks_without_any_worker(plant, start):
    job = start(values(1))
    Step.objects.update(state="waiting", not_before="2000-01-01T00:00Z")
    beat = plant.celery("beat", "beat")
    until(lambda: states(job) == "ready", 60, lambda: plant.log("beat"))
    beat.terminate()
    assert beat.wait(10) == 0


def test_messages_carry_nothing_but_the_name_of_the_queue(plant, start):
    start(values(1))
    message = json.loads(plant.broker.lrange("winnow:cpu", 0, -1)[0])
    assert message["headers"]["task"] == "jobs.work"
    assert message["headers"]["argsrepr"] == "('cpu',)"
    assert message["content-type"] == "application/json"
