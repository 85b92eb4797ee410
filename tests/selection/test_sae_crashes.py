"""Training on real workers that are killed in its middle: the weights of a quiet training, to the bit."""

import os
import signal

import pytest

from config.celery import app
from jobs import process
from jobs.heartbeat import heart
from jobs.models import Step
from selection import store
from tests.jobs.plant import Plant, until
from tests.selection import made
from tests.selection.saes import train

pytestmark = pytest.mark.crash


@pytest.fixture
def plant(tmp_path, transactional_db, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    process.go_on()
    plant = Plant(tmp_path)
    url, before = plant.start_broker(), app.conf.broker_url
    app.conf.broker_url = url
    yield plant
    app.conf.broker_url = before
    plant.stop()
    heart().close()


def test_a_worker_killed_in_mid_training_changes_no_weight(plant, cast):
    import torch

    torch.set_num_threads(1)  # as in the workers: sums over many threads round in another order
    pool = made.pool(cast.team, made.rows(200))
    # Long enough that its second chunk can be met in its middle.
    quiet = train(cast.team, pool, tokens=400_000)
    assert quiet.verdict == "passed"
    shaken = train(cast.team, pool, tokens=400_000, name="Shaken", finish=False)
    chunks = Step.objects.filter(job_id=shaken.job_id, payload__stage="train")
    first = plant.worker("first", "gpu", "--pool", "solo")
    halfway = chunks.filter(state="leased", done__gt=60_000, payload__start__gt=0)
    until(halfway.exists, 90, lambda: plant.log("first"))
    os.kill(first.pid, signal.SIGSTOP)
    assert chunks.filter(state="done").count() == 1  # the checkpoint from which it goes on
    plant.kill(first)
    plant.broker.flushall()
    plant.worker("second", "gpu", "--pool", "solo")

    def ended() -> bool:
        shaken.job.refresh_from_db()
        return shaken.job.is_final

    until(ended, 120, lambda: plant.log("second"))
    assert (shaken.job.state, shaken.job.error_what) == ("succeeded", "")
    shaken.refresh_from_db()
    assert chunks.filter(attempt__gt=1, state="done").count() == 1
    assert shaken.identity == quiet.identity
    assert store.usage(f"saes/{shaken.pk}") == shaken.bytes
