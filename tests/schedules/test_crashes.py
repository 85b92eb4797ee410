"""Two beats at once, and beats that are killed: no firing is lost or doubled."""

import os
import signal
import threading

import pytest
from django.db import connection, transaction

from jobs import schedules
from jobs.models import Firing, Job, Schedule
from jobs.tick import tick
from tests.schedules.kinds import finish, make, states

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr("jobs.wake.send", lambda counts: True)
    monkeypatch.setattr(schedules, "ENDED", [])


def in_threads(call, count):
    found, errors, gate = [], [], threading.Barrier(count)

    def body():
        gate.wait(10)
        try:
            found.append(call())
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=body) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not errors
    return found


def test_four_beats_at_once_fire_each_due_time_once():
    rows = [make(f"schedule {number}", due=1) for number in range(12)]
    assert sum(in_threads(schedules.fire_due, 4)) == 12
    assert [states(row) for row in rows] == [["running"]] * 12
    assert Job.objects.count() == 12


def test_a_tick_fires_and_follows():
    row = make(due=1)
    assert tick()
    assert states(row) == ["running"]
    finish(Firing.objects.get())
    assert tick()
    assert states(row) == ["succeeded"]


def test_one_that_is_being_fired_holds_up_no_other():
    held, other = make("held", due=2), make("other", due=1)
    with transaction.atomic():
        Schedule.objects.select_for_update().get(pk=held.pk)
        assert in_threads(schedules.fire_due, 1) == [1]
    assert (states(held), states(other)) == ([], ["running"])
    assert schedules.fire_due() == 1


def killed(call) -> int:
    """Run it in a process of its own; returns the signal that ended it, or 0."""
    connection.close()
    connection.close_pool()  # the child must not speak over a connection of this process
    child = os.fork()
    if child == 0:
        try:
            call()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


@pytest.mark.parametrize("where", ["in start", "after commit"])
def test_a_killed_beat_loses_and_doubles_nothing(where):
    row = make(due=1, settings={"die": where})
    due = row.next_at
    assert killed(schedules.fire_due) == signal.SIGKILL
    # Killed before the commit nothing has happened; killed after it, all of it has.
    assert states(row) == ([] if where == "in start" else ["running"])
    Schedule.objects.update(settings={})  # waits until the database has seen that the process is gone
    schedules.fire_due()  # the beat that is started again
    schedules.fire_due()
    assert states(row) == ["running"]
    assert Firing.objects.get().due_at == due
    assert Job.objects.count() == 1
