"""A worker that is killed in the midst of a push or an import: the next one ends it, and nothing happens twice."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.conf import settings
from django.utils import timezone

from curation.actions import fetches
from curation.actions import hub as tokens
from curation.actions.pushes import push
from jobs.models import Step
from jobs.runner import run_job
from jobs.tick import tick
from selection.actions import pools
from selection.models import Import
from tests.hub.server import TOKEN
from tests.hub.test_push import letters

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.crash]
WORK = """
import django; django.setup()
from jobs.models import Job
from jobs.runner import run_job
run_job(Job.objects.get(pk={job}))
"""


def worker(hub, job):
    """A process of its own that works on the job."""
    db = settings.DATABASES["default"]
    address = f"postgresql://{db['USER']}:{quote(db['PASSWORD'])}@{db['HOST']}:{db['PORT']}/{quote(db['NAME'])}"
    env = os.environ | {
        "DATABASE_URL": address, "STORAGE_URL": str(settings.STORAGE_URL), "OUTBOUND_ALLOW": "127.0.0.1",
        "DJANGO_SETTINGS_MODULE": "config.settings", "HF_ENDPOINT": hub.url,
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-c", WORK.format(job=job.pk)], env=env, cwd=settings.BASE_DIR, stderr=subprocess.DEVNULL
    )


@pytest.mark.parametrize("place", ["/lfs/", "/commit/", "/tag/"])
def test_a_push_that_is_killed_ends_with_one_commit(cast, hub, place):
    tokens.keep(team=cast.team, by=cast.owner, token=TOKEN)
    found = push(version=letters(cast.team), by=None, repo="ada/letters")
    held = hub.hold(place)
    process = worker(hub, found.job)
    try:
        assert held.reached.wait(60)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    repo = hub.repos["ada/letters"]
    assert len(repo.commits) == (2 if place == "/tag/" else 1)
    held.held.set()  # what the dead one asked for still happens
    assert hub.idle(10)
    assert len(repo.commits) == (1 if place == "/lfs/" else 2)
    Step.objects.filter(job=found.job, state=Step.State.LEASED).update(
        leased_until=timezone.now() - timedelta(seconds=1)
    )
    tick()
    run_job(found.job)
    found.refresh_from_db()
    assert len(repo.commits) == 2
    assert repo.branches["main"] == found.commit == repo.tags["v1"]
    assert {name: repo.commits[found.commit].files[name].sha256 for name in found.files} == found.files
    assert found.verified_at


def test_a_fetch_that_is_killed_brings_every_row_in_once(cast, hub):
    """The file that had come is not asked for again; the import is made once."""
    rows = [b'{"instruction": "Ask %d?", "output": "Say."}\n' % n for n in range(40)]
    hub.repo("ada/rows", {"train-1.jsonl": b"".join(rows[:20]), "train-2.jsonl": b"".join(rows[20:])})
    pool = pools.create_pool(team=cast.team, name="From afar", by=None)
    found = fetches.fetch(team=cast.team, by=None, into="pool", target=pool.pk, dataset="ada/rows", start=True)
    held = hub.hold("/resolve/.*/train-2", method="GET")
    process = worker(hub, found.job)
    try:
        assert held.reached.wait(60)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    held.held.set()
    assert hub.idle(10)
    assert not Import.objects.exists()
    Step.objects.filter(job=found.job, state=Step.State.LEASED).update(
        leased_until=timezone.now() - timedelta(seconds=1)
    )
    tick()
    run_job(found.job)
    made = Import.objects.get()
    run_job(made.job)
    pool.refresh_from_db()
    assert pool.rows == 40
    assert len(hub.asked("/resolve/.*/train-1", "GET")) == 1
