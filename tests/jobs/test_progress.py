"""What a page shows about a job."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from jobs import lease, process
from jobs.actions import cancel
from jobs.heartbeat import heart, renew
from jobs.models import Step
from jobs.queries import progress
from jobs.runner import run_until_idle
from tests.jobs.conftest import fresh, values


def ago(seconds: float):
    return Now() - timedelta(seconds=seconds)


def test_counts_rate_and_time_left(start):
    job = start(values(*range(4), total=1000))
    lease.claim("cpu", "cpu-1@here"), lease.claim("cpu", "cpu-2@here")
    steps = Step.objects.filter(job=job, pass_index=0)
    # One step took 20 s and ended 10 s ago, one has run for 10 s and is half done: 1500 rows in 30 s.
    steps.filter(index=0).update(
        state="done", token=None, leased_until=None, result={}, done=1000, started_at=ago(30), ended_at=ago(10)
    )
    steps.filter(index=1).update(done=500, started_at=ago(10), beat_at=Now(), note="reading")
    (line,) = progress(job)
    assert (line.name, line.title, line.unit, line.state) == ("pass-0", "Pass 0", "rows", "running")
    assert (line.done, line.total, line.steps, line.steps_done) == (1500, 4000, 4, 1)
    assert line.rate == pytest.approx(50, rel=0.05)
    assert line.eta == pytest.approx(50, rel=0.05)
    assert line.workers == ["cpu-2@here"]
    assert line.note == "reading"
    assert line.percent == 37.5


def test_the_rate_is_that_of_the_last_minute(start):
    job = start(values(1, 2, total=6000))
    steps = Step.objects.filter(job=job)
    lease.claim("cpu", "w"), lease.claim("cpu", "w")
    # Fast until ten minutes ago, slow since: 6000 rows in the last 600 s.
    steps.filter(index=0).update(
        state="done", token=None, leased_until=None, result={}, done=6000, started_at=ago(700), ended_at=ago(600)
    )
    steps.filter(index=1).update(done=3000, started_at=ago(300), beat_at=Now())
    (line,) = progress(job)
    assert line.rate == pytest.approx(10, rel=0.05)


def test_steps_of_unknown_size_are_counted_themselves(start):
    job = start(values(1, 2, 3))
    step = lease.claim("cpu", "w")
    lease.finish(step, {"value": 1})
    (line,) = progress(job)
    assert (line.unit, line.done, line.total) == ("steps", 1, 3)


def test_states_of_passes(start):
    job = start(values(1, 2))
    assert [line.state for line in progress(job)] == ["waiting"]
    lease.claim("cpu", "w")
    assert [line.state for line in progress(job)] == ["running"]
    cancel(job=job)
    assert [line.state for line in progress(job)] == ["running"]
    Step.objects.filter(state="leased").update(state="cancelled", token=None, leased_until=None)
    assert [line.state for line in progress(job)] == ["cancelled"]

    bad = start(values(1, do={"1": "fault"}))
    run_until_idle()
    assert [line.state for line in progress(fresh(bad))] == ["failed"]
    good = start(values(1), [])
    run_until_idle()
    assert [(line.state, line.percent) for line in progress(good)] == [("done", 100.0)] * 3


def test_progress_asks_the_same_number_of_queries_for_any_number_of_steps(start):
    counts = []
    for size in (3, 300):
        job = start(values(*range(size)))
        lease.claim("cpu", "w", job=job)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            progress(job)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 3, queries.captured_queries


def test_each_visible_change_has_a_new_version_and_nothing_else_has(start):
    job = start(values(1, total=10))
    seen = [fresh(job).version]

    def changed() -> bool:
        seen.append(fresh(job).version)
        return seen[-1] > seen[-2]

    step = lease.claim("cpu", "w")
    assert changed()
    beat = heart().hold(step)
    heart().close()
    renew([beat])
    assert not changed()
    beat.progress(5, 10, "half")
    renew([beat])
    assert changed()
    assert (fresh(step).done, step.total, step.note) == (5, 10, "half")
    lease.finish(step, {"value": 1})
    assert changed()


def test_a_finished_step_counts_in_full(start):
    job = start(values(1, 2, total=10))
    lease.finish(lease.claim("cpu", "w"), {"value": 1})
    assert (progress(job)[0].done, progress(job)[0].total) == (10, 20)


def test_labels_name_the_worker_and_its_child():
    process.name_node("gpu2@host")
    try:
        assert process.label().startswith("gpu2-")
        assert "@" in process.label()
    finally:
        process.name_node("local")


def test_a_renewal_never_waits_for_whoever_holds_the_job(start):
    from django.db import transaction

    from tests.jobs.conftest import in_thread

    job = start(values(1))
    step = lease.claim("cpu", "w")
    beat = heart().hold(step)
    heart().close()
    beat.progress(1, 2)
    with transaction.atomic():
        type(job).objects.select_for_update().get(pk=job.pk)
        other = in_thread(renew, [beat])
        other.join(5)
        assert not other.is_alive()
        assert other.outcome is None
    assert fresh(step).done == 1
    assert Step.objects.filter(pk=step.pk, leased_until__gt=F("started_at") + timedelta(seconds=2)).exists()
