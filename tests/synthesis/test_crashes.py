"""Workers that die in mid-run: nothing lost, nothing doubled, what was answered is not asked again."""

import os
import signal
from collections import Counter

import psutil
import pytest

from config.celery import app
from curation.models import Candidate, Generation, ModelRequest, Spending
from curation.synthesis.store import Store
from tests.jobs.plant import Plant, until
from tests.synthesis import made
from tests.synthesis.test_faults import adds_up


def whole(run: Generation, count: int) -> None:
    adds_up(run)
    assert (run.state, run.kept, run.requests, run.answered) == ("complete", count, count, count), run.why
    inputs = Counter(Candidate.objects.filter(generation=run).values_list("content__input", flat=True))
    assert inputs == {f"text {n}": 1 for n in range(count)}
    assert ModelRequest.objects.filter(state="done").count() == count
    assert run.spent == Spending.objects.get(team=run.task.team).spent == count * run.endpoint.cost(10, 0, 5)


@pytest.fixture
def plant(tmp_path, engine, monkeypatch):
    monkeypatch.undo()  # here wake-ups are really sent
    plant = Plant(tmp_path, "tests.synthesis.app", OUTBOUND_ALLOW="127.0.0.1")
    url, before = plant.start_broker(), app.conf.broker_url
    app.conf.broker_url = url
    yield plant
    app.conf.broker_url = before
    plant.stop()


@pytest.mark.crash
def test_a_worker_killed_in_mid_run(cast, server, plant):
    server.seconds = 0.25
    to = made.endpoint(cast.team, cast.owner, server.url, price_in="1", price_out="1")
    run = made.start(cast, to, 80)
    first = plant.worker("first", "io")
    until(lambda: sum(server.paid.values()) >= 20, 40, lambda: plant.log("first"))
    plant.kill(first)
    done = set(ModelRequest.objects.filter(state="done").values_list("body__messages__0__content", flat=True))
    assert 0 < len(done) < 80
    flying = ModelRequest.objects.filter(state="claimed").count()
    plant.worker("second", "io")
    until(lambda: made.fresh(run).ended_at, 60, lambda: plant.log("second"))
    whole(run, 80)
    assert {text for text in done if server.seen[text] != 1} == set()
    twice = {text for text, count in server.seen.items() if count > 1}
    assert len(twice) <= flying <= 8  # what was on its way when it died


@pytest.mark.crash
def test_a_worker_that_stood_still_and_comes_back_writes_nothing_twice(cast, server, plant):
    server.seconds = 0.25
    to = made.endpoint(cast.team, cast.owner, server.url, price_in="1", price_out="1")
    run = made.start(cast, to, 60)
    first = plant.worker("first", "io")
    until(lambda: sum(server.paid.values()) >= 12, 40, lambda: plant.log("first"))
    children = [one.pid for one in psutil.Process(first.pid).children()]
    for pid in (first.pid, *children):
        os.kill(pid, signal.SIGSTOP)
    plant.celery("beat", "beat")  # what the first was sent and never read is sent again
    plant.worker("second", "io")
    until(lambda: sum(server.paid.values()) >= 40, 40, lambda: plant.log("second"))
    for pid in (*children, first.pid):
        os.kill(pid, signal.SIGCONT)
    until(lambda: made.fresh(run).ended_at, 60, lambda: plant.log("second"))
    adds_up(run)
    assert (run.state, run.kept, run.answered) == ("complete", 60, 60)
    assert max(server.seen.values()) <= 2
    assert ModelRequest.objects.filter(state="done").count() == 60


def test_an_answer_that_was_not_stored_is_asked_once_more_and_stored_once(cast, server, monkeypatch):
    """The process fails between the answer and its commit."""
    real, times = Store.end, iter([1])

    def fails_once(self, endings):
        if next(times, None):
            raise RuntimeError("here the process would end")
        real(self, endings)

    monkeypatch.setattr(Store, "end", fails_once)
    to = made.endpoint(cast.team, cast.owner, server.url, price_in="1", price_out="1", concurrency=4)
    run = made.run(made.start(cast, to, 20))
    whole(run, 20)
    twice = [text for text, count in server.seen.items() if count > 1]
    assert 1 <= len(twice) <= 4


def test_two_runs_that_ask_the_same_at_the_same_time_pay_once(cast, server):
    from tests.jobs.conftest import in_thread

    server.seconds = 0.1
    to = made.endpoint(cast.team, cast.owner, server.url, concurrency=16)
    one, two = (made.start(cast, to, 30) for _ in range(2))
    threads = [in_thread(made.run, run) for run in (one, two)]
    for thread in threads:
        thread.join()
    for run in (one, two):
        run.refresh_from_db()
        adds_up(run)
        assert (run.state, run.kept) == ("complete", 30)
    assert set(server.seen.values()) == {1}
    assert server.most_flying <= 16  # the endpoint's limit holds for both together
    assert one.cached + two.cached == 30
