"""Firings: none lost, none doubled, what was missed fires once."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone

from config.faults import Fault
from jobs import actions, schedules
from jobs.models import Firing, Job, Schedule
from tests.schedules.kinds import COUNTS, finish, make, make_due, states

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr("jobs.wake.send", lambda counts: True)
    monkeypatch.setattr(schedules, "ENDED", [])
    COUNTS.clear()


def test_a_due_schedule_fires_once_and_has_its_next_time():
    row = make(due=1)
    first = row.next_at
    assert schedules.fire_due() == 1
    assert schedules.fire_due() == 0
    firing = Firing.objects.get()
    assert (firing.due_at, firing.state, firing.missed, firing.facts["jobs"]) == (first, "running", 0, [firing.job_id])
    row.refresh_from_db()
    assert timezone.now() < row.next_at <= timezone.now() + timedelta(days=1)
    assert row.next_at.hour == 2


def test_every_tick_looks_at_schedules():
    from jobs.tick import HOOKS

    hooks = [schedules.fire_due, schedules.fire_counted, schedules.follow, schedules.begin_waiting]
    assert [hook for hook in HOOKS if hook in hooks] == hooks


def test_a_due_time_cannot_be_fired_twice():
    row = make(due=1)
    schedules.fire_due()
    with pytest.raises(IntegrityError), transaction.atomic():
        schedules.fire(row, row.next_at)


def test_a_clock_that_was_set_back_fires_nothing_again_and_holds_up_nobody():
    row, other = make(due=2), make("other", due=1)
    schedules.fire(row, row.next_at)
    assert schedules.fire_due() == 2
    assert (len(states(row)), len(states(other))) == (1, 1)


def test_days_without_a_tick_fire_once_and_are_recorded():
    row = make(due=24 * 5)
    schedules.fire_due()
    firing = Firing.objects.get()
    assert firing.missed == 5  # two o'clock of each day since then
    assert Job.objects.count() == 1
    row.refresh_from_db()
    assert row.next_at > timezone.now()


def test_the_end_of_the_job_ends_the_firing_and_its_stages_follow_each_other():
    make(due=1, settings={"stages": 2})
    schedules.fire_due()
    firing = Firing.objects.get()
    schedules.follow()
    assert Job.objects.count() == 1  # the job still runs
    finish(firing)
    schedules.follow()
    firing.refresh_from_db()
    assert (firing.state, len(firing.facts["jobs"])) == ("running", 2)
    finish(firing)
    schedules.follow()
    schedules.follow()
    firing.refresh_from_db()
    assert firing.state == "succeeded"
    assert firing.ended_at
    assert Job.objects.count() == 2


def test_a_failed_job_fails_the_firing_with_its_words_and_its_resume_takes_it_back():
    make(due=1)
    told = []
    schedules.ENDED.append(lambda firing: told.append(firing.state))
    schedules.fire_due()
    firing = Firing.objects.get()
    finish(firing, Job.State.FAILED, error_code="x", error_title="It broke")
    schedules.follow()
    firing.refresh_from_db()
    assert (firing.state, firing.error_title) == ("failed", "It broke")
    Job.objects.update(state="running", ended_at=None, error_code="")
    schedules.follow()
    firing.refresh_from_db()
    assert (firing.state, firing.error_title, firing.ended_at) == ("running", "", None)
    finish(firing)
    schedules.follow()
    assert told == ["failed", "succeeded"]


def test_a_deleted_job_cancels_the_firing():
    make(due=1)
    schedules.fire_due()
    actions.discard(job=Job.objects.get())
    schedules.follow()
    assert Firing.objects.get().error_code == "schedule.job_gone"


@pytest.mark.parametrize(("asked", "code"), [({"fault": 1}, "schedule.no_kind"), ({"error": 1}, "schedule.error")])
def test_what_cannot_start_fails_this_firing_only(asked, code, caplog):
    bad, good = make("bad", due=2, settings=asked), make("good", due=1)
    schedules.fire_due()
    assert (states(bad), states(good)) == (["failed"], ["running"])
    failed = Firing.objects.get(schedule=bad)
    assert failed.error_code == code
    assert "secret" not in caplog.text
    bad.refresh_from_db()
    assert bad.next_at > timezone.now()


def test_a_kind_that_nobody_knows_fails_with_words():
    make(due=1, kind="another version's")
    schedules.fire_due()
    assert Firing.objects.get().error_code == "schedule.no_kind"


def test_a_deadlock_leaves_everything_as_it_was(monkeypatch):
    row = make(due=1)
    before = row.next_at

    def deadlock(self, firing):
        raise OperationalError("deadlock detected")

    monkeypatch.setattr("tests.schedules.kinds.Test.start", deadlock)
    with pytest.raises(OperationalError):
        schedules.fire_due()
    row.refresh_from_db()
    assert row.next_at == before
    assert not Firing.objects.exists()


def test_nothing_to_do_is_a_success():
    make(due=1, settings={"nothing": True})
    schedules.fire_due()
    assert Firing.objects.get().state == "succeeded"


# --- overlap ---


def test_overlap_skip_leaves_out_what_is_due_while_one_runs():
    row = make(due=1)
    schedules.fire_due()
    make_due(row)
    schedules.fire_due()
    assert states(row) == ["running", "skipped"]
    skipped = Firing.objects.get(state="skipped")
    assert skipped.error_code == "schedule.overlaps"
    assert Job.objects.count() == 1


def test_overlap_queue_waits_and_then_runs_in_order():
    row = make(due=1, overlap="queue")
    for _ in range(3):
        schedules.fire_due()
        make_due(row)
    schedules.begin_waiting()
    assert states(row) == ["running", "waiting", "waiting"]
    finish(Firing.objects.earliest("due_at"))
    schedules.follow()
    schedules.begin_waiting()
    assert states(row) == ["succeeded", "running", "waiting"]


def test_the_queue_has_an_end(monkeypatch):
    monkeypatch.setattr(schedules, "MOST_WAITING", 1)
    row = make(due=1, overlap="queue")
    for _ in range(3):
        schedules.fire_due()
        make_due(row)
    assert states(row) == ["running", "waiting", "skipped"]


# --- counting ---


def counting(key=1, every=100, start=0, **fields):
    COUNTS[key] = start
    return make(trigger="test.count", watched=key, every=every, cron="", **fields)


def test_a_counter_fires_when_it_has_grown_enough_and_counts_once():
    row = counting(start=1_000)
    assert schedules.fire_counted() == 0  # what was there before does not count
    COUNTS[1] = 1_099
    assert schedules.fire_counted() == 0
    COUNTS[1] = 1_250
    assert schedules.fire_counted() == 1
    assert schedules.fire_counted() == 0
    row.refresh_from_db()
    assert row.counted == 1_250
    finish(Firing.objects.get())
    schedules.follow()
    assert schedules.fire_counted() == 0  # 1,250 were counted already
    COUNTS[1] = 1_350
    assert schedules.fire_counted() == 1


def test_what_comes_while_one_runs_counts_for_the_next():
    row = counting()
    COUNTS[1] = 100
    schedules.fire_counted()
    COUNTS[1] = 450
    assert schedules.fire_counted() == 0
    finish(Firing.objects.get())
    schedules.follow()
    assert schedules.fire_counted() == 1
    assert states(row) == ["succeeded", "running"]


def test_a_count_that_falls_and_rises_again_does_not_count_twice():
    counting(start=500)
    for count in (420, 520):
        COUNTS[1] = count
        assert schedules.fire_counted() == 0
    COUNTS[1] = 600
    assert schedules.fire_counted() == 1


def test_what_is_gone_never_fires():
    counting()
    COUNTS.clear()
    assert schedules.fire_counted() == 0


# --- people ---


def test_a_pause_makes_up_nothing_and_leaves_out_what_waits():
    row = make(due=1, overlap="queue")
    schedules.fire_due()
    make_due(row)
    schedules.fire_due()
    schedules.pause(row)
    assert (row.next_at, states(row)) == (None, ["running", "skipped"])
    assert schedules.fire_due() == 0
    schedules.go_on(row)
    assert row.next_at > timezone.now()
    assert schedules.fire_due() == 0


def test_run_now_also_of_a_paused_one_but_not_over_one_that_runs():
    row = make()
    schedules.pause(row)
    firing = schedules.run_now(row, None)
    assert (firing.state, firing.asked) == ("running", True)
    with pytest.raises(Fault) as fault:
        schedules.run_now(row, None)
    assert fault.value.code == "schedule.running"
    queued = make("queued", overlap="queue")
    schedules.run_now(queued, None)
    assert schedules.run_now(queued, None).state == "waiting"


def test_run_now_takes_what_was_counted():
    counting()
    COUNTS[1] = 90
    finish(schedules.run_now(Schedule.objects.get(), None))
    schedules.follow()
    COUNTS[1] = 110
    assert schedules.fire_counted() == 0


def test_a_removed_one_fires_no_more_and_its_name_is_free():
    row = make(due=1)
    schedules.remove(row)
    assert schedules.fire_due() == 0
    make()
    with pytest.raises(IntegrityError), transaction.atomic():
        make()


def test_the_next_time_follows_the_zone():
    row = make(cron="30 2 * * *", zone="Europe/Berlin")
    assert schedules.next_of(row, datetime(2026, 3, 28, 12, tzinfo=UTC)) == datetime(2026, 3, 29, 1, tzinfo=UTC)
