import threading

import pytest

from jobs import process
from jobs.heartbeat import heart
from tests.synthesis.server import Server


@pytest.fixture(autouse=True)
def engine(transactional_db, settings, monkeypatch):
    """Real commits, short pauses, the test server allowed; nobody listens for wake-ups."""
    settings.OUTBOUND_ALLOW = ["127.0.0.1"]
    settings.SYNTHESIS_FIRST_PAUSE = 0.02
    monkeypatch.setattr("jobs.wake.send", lambda counts: True)
    process.go_on()
    yield
    heart().close()
    process.go_on()
    alive = [one.name for one in threading.enumerate() if one.name.startswith(("jobs-", "synthesis-"))]
    assert not alive, f"threads outlive the test: {alive}"


@pytest.fixture
def server():
    with Server() as made:
        yield made
