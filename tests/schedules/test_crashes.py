"""Two beats at once, and beats that are killed: no firing is lost or doubled."""

import os
import signal
import threading
import traceback

import pytest
from django.db import connection, transaction

from jobs import schedules
from jobs.models import Firing, Job, Schedule
from jobs.tick import tick
from tests.schedules.kinds import COUNTS, finish, make, make_due, states

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr("jobs.wake.send", lambda counts: True)
    monkeypatch.setattr(schedules, "ENDED", [])
    COUNTS.clear()


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
    """Run it in a process of its own; returns the signal that ended it, or 0. What it raised is on stderr."""
    connection.close()
    connection.close_pool()  # the child must not speak over a connection of this process
    child = os.fork()
    if child == 0:
        try:
            call()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def due():
    """Its time has come."""
    return make(due=1, settings={})


def counted():
    """What it counts has grown."""
    row = make(trigger="test.count", cron="", watched=7, every=10, settings={})
    COUNTS[7] = 12
    return row


def followed():
    """The first of its two jobs has ended."""
    row = make(due=1, settings={"stages": 2})
    schedules.fire_due()
    finish(Firing.objects.get())
    return row


def waiting():
    """One fired while the one before it ran, which has ended since."""
    row = make(due=1, settings={}, overlap=Schedule.Overlap.QUEUE)
    schedules.fire_due()
    make_due(row)
    schedules.fire_due()
    finish(Firing.objects.get(state="running"))
    schedules.follow()
    return row


BEATS = [
    (due, schedules.fire_due, [], ["running"], 1), (counted, schedules.fire_counted, [], ["running"], 1),
    (followed, schedules.follow, ["running"], ["running"], 2),
    (waiting, schedules.begin_waiting, ["succeeded", "waiting"], ["succeeded", "running"], 2),
]  # fmt: skip


@pytest.mark.parametrize("where", ["in the hook", "after commit"])
@pytest.mark.parametrize(("made", "beat", "before", "after", "jobs"), BEATS, ids=[one[0].__name__ for one in BEATS])
def test_a_killed_beat_loses_and_doubles_nothing(made, beat, before, after, jobs, where):  # noqa: PLR0917
    row = made()
    usual, begun = row.settings, Job.objects.count()
    moments = {firing.due_at for firing in Firing.objects.all()} or ({row.next_at} if row.next_at else set())
    Schedule.objects.update(settings=usual | {"die": where})
    assert states(row) == before
    assert killed(beat) == signal.SIGKILL
    # Killed before the commit nothing has happened; killed after it, all of it has.
    done = where == "after commit"
    assert (states(row), Job.objects.count()) == ((after, jobs) if done else (before, begun))
    Schedule.objects.update(settings=usual)  # waits until the database has seen that the process is gone
    beat()  # the beat that is started again
    beat()
    assert states(row) == after
    assert Job.objects.count() == jobs
    assert Firing.objects.count() == len(after)
    if moments:
        assert {firing.due_at for firing in Firing.objects.all()} == moments
    last = Firing.objects.order_by("due_at").last()
    assert (last.facts["stage"], len(last.facts["jobs"])) == ((2, 2) if made is followed else (1, 1))
    if made is counted:
        row.refresh_from_db()
        assert (row.counted, last.facts["counted"], last.facts["before"]) == (12, 12, 0)
