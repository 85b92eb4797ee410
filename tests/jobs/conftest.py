import threading

import pytest
from django.db import connection

from jobs import process
from jobs.actions import start as start_job
from jobs.heartbeat import heart
from jobs.models import Job, Step
from tests.jobs import kinds


@pytest.fixture(autouse=True)
def engine(transactional_db):
    """The real database with real commits, and an engine at rest before and after."""
    process.go_on()
    with connection.cursor() as cursor:
        cursor.execute(kinds.MAKE_TABLE)
        cursor.execute(f"TRUNCATE {kinds.TABLE}")
    yield
    kinds.CALLS.clear()
    heart().close()
    process.go_on()
    alive = [thread.name for thread in threading.enumerate() if thread.name.startswith("jobs-")]
    assert not alive, f"threads outlive the test: {alive}"


@pytest.fixture(autouse=True)
def wakes(monkeypatch):
    """Wake-ups that would be sent; nobody listens in these tests. Those with workers of their own undo it."""
    sent: list[dict[str, int]] = []
    monkeypatch.setattr("jobs.wake.send", lambda counts: sent.append(dict(counts)) or True)
    return sent


@pytest.fixture
def start(tmp_path):
    """`start([payload, …], [payload, …], lane="a")` starts a script of passes."""

    def starter(*passes: list[dict], lane: str = "a", interactive: bool = True, **params) -> Job:
        facts = {"passes": list(passes), "dir": str(tmp_path), **params}
        return start_job(kind="test.script", params=facts, lane=lane, interactive=interactive)

    return starter


def values(*numbers: int, **more) -> list[dict]:
    return [{"value": number, **more} for number in numbers]


def states(job: Job) -> str:
    """`done done ready` in the order of passes and steps."""
    return " ".join(Step.objects.filter(job=job).order_by("pass_index", "index").values_list("state", flat=True))


def fresh(row):
    row.refresh_from_db()
    return row


def in_thread(call, *args):
    """Run it in a thread with a connection of its own; returns the thread, its outcome in `.outcome`."""

    def body():
        try:
            thread.outcome = call(*args)
        except BaseException as error:
            thread.outcome = error
        finally:
            connection.close()

    thread = threading.Thread(target=body)
    thread.outcome = None
    thread.start()
    return thread
