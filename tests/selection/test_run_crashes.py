"""A whole selection on real workers that are killed and a broker that forgets: the picks of a quiet run."""

import os
import signal

import pytest

from config.celery import app
from jobs import process
from jobs.heartbeat import heart
from jobs.models import Step
from selection import methods
from tests.jobs.plant import Plant, until
from tests.selection import made

pytestmark = pytest.mark.crash


@pytest.fixture
def plant(tmp_path, transactional_db):
    process.go_on()
    plant = Plant(tmp_path)
    url, before = plant.start_broker(), app.conf.broker_url
    app.conf.broker_url = url
    yield plant
    app.conf.broker_url = before
    plant.stop()
    heart().close()


def picks(run):
    return list(run.picks.order_by("rank").values_list("rank", "key", "score"))


def test_killed_workers_and_a_flushed_broker_change_no_pick(plant, cast, monkeypatch):
    data = made.rows(3000)
    pool = made.pool(cast.team, data, cuts=(700, 1500, 2200))
    target = made.target(cast.team, made.rows(40, seed=9))
    quiet = made.run(cast.team, pool, target, method="zipfit", budget="100")

    # Many short steps, so that there is something to kill in the middle of.
    monkeypatch.setattr("selection.running.inputs.slots", lambda queue: 8)
    monkeypatch.setattr(methods.METHODS["zipfit"].__class__, "seconds", lambda *_: 400.0)
    shaken = made.run(cast.team, pool, target, method="zipfit", budget="100", finish=False)
    steps = Step.objects.filter(job_id=shaken.job_id)
    assert steps.count() > 4
    first = plant.worker("first", slots=2)
    until(lambda: steps.filter(state="done").exists(), 60, lambda: plant.log("first"))
    plant.celery("beat", "beat")  # what the first was sent and never read is sent again
    plant.broker.flushall()
    os.kill(first.pid, signal.SIGSTOP)  # it holds its leases and says nothing any more
    plant.worker("second", slots=1)
    until(lambda: steps.filter(worker__startswith="second", state="done").exists(), 60, lambda: plant.log("second"))
    os.kill(first.pid, signal.SIGCONT)  # late finishers: their leases are somebody else's by now
    plant.kill(first)
    plant.broker.flushall()

    def ended() -> bool:
        shaken.job.refresh_from_db()
        return shaken.job.is_final

    until(ended, 90, lambda: plant.log("second"))
    assert (shaken.job.state, shaken.job.error_what) == ("succeeded", "")
    shaken.refresh_from_db()
    assert picks(shaken) == picks(quiet)
    assert len(picks(shaken)) == 100
