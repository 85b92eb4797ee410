"""Sent twice, done once; and how often a token may send at all."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from redis.exceptions import ConnectionError as NoCache

from curation.actions import tokens
from curation.api import guarding
from curation.models import Annotation, AuditEvent, Example, IdempotentWrite, Slot, Task
from tests.curation import made_tasks

from .conftest import ALL, Api, error


@pytest.fixture
def task(cast):
    return made_tasks.task(cast.team)


ROWS = {"rows": [{"content": {"input": "a"}}, {"content": {"input": "b"}}]}


def test_the_same_key_gets_the_same_answer_and_does_nothing(api, cast, task):
    client, url = api("curator"), f"/tasks/{task.pk}/examples"
    first, second = (client.post(url, ROWS, key="monday") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert first.json()["added"] == 2
    assert "Idempotent-Replay" not in first
    assert second["Idempotent-Replay"] == "true"
    assert IdempotentWrite.objects.get().status == 201


@pytest.mark.parametrize("other", [
    lambda client, task: client.post(f"/tasks/{task.pk}/examples", {"rows": ROWS["rows"][:1]}, key="monday"),
    lambda client, task: client.post(f"/tasks/{task.pk}/annotations/next", ROWS, key="monday"),
])  # fmt: skip
def test_the_key_of_another_request_is_refused(api, cast, task, other):
    client = api("curator")
    client.post(f"/tasks/{task.pk}/examples", ROWS, key="monday")
    found = error(other(client, task), 422)
    assert found["code"] == "api.key_reused"
    assert not Annotation.objects.exists()
    assert Example.objects.count() == 2


def test_keys_belong_to_their_token(api, cast):
    for name in ("curator", "owner"):
        assert api(name).post("/tasks", {"name": f"By {name}"}, key="k").status_code == 201
    assert Task.objects.count() == 2


def test_an_error_is_not_kept_so_the_request_can_be_sent_again(api, cast, task):
    client = api("curator")
    body = {"version": 2, "avoid": "Jargon"}
    error(client.call("PATCH", f"/tasks/{task.pk}", body, key="k"), 409)
    assert not IdempotentWrite.objects.exists()
    Task.objects.update(version=2)
    assert client.call("PATCH", f"/tasks/{task.pk}", body, key="k").status_code == 200


@pytest.mark.parametrize("key", ["two words", "x" * 129, "ä"])
def test_a_key_that_cannot_be_used_is_refused(api, cast, key):
    assert error(api("owner").post("/tasks", {"name": "A"}, key=key), 422)["place"] == "Idempotency-Key"
    assert not Task.objects.exists()


def test_what_fails_at_the_end_leaves_neither_work_nor_key(api, cast, task, monkeypatch):
    """The stored answer and the work are one transaction."""
    real = guarding._forget_old

    def breaks(*args):
        raise RuntimeError("the power fails")

    monkeypatch.setattr(guarding, "_forget_old", breaks)
    client = api("curator")
    error(client.post(f"/tasks/{task.pk}/examples", ROWS, key="k"), 500)
    assert not Example.objects.exists()
    assert not IdempotentWrite.objects.exists()
    monkeypatch.setattr(guarding, "_forget_old", real)
    assert client.post(f"/tasks/{task.pk}/examples", ROWS, key="k").json()["added"] == 2


def at_once(count, deed):
    """The answers of `count` threads that begin together, each with a connection of its own."""
    gate = Barrier(count)

    def one(number):
        gate.wait()
        try:
            return deed(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


@pytest.mark.django_db(transaction=True)
def test_the_same_key_at_once_is_done_once():
    from tests.cast import make_cast

    cast = make_cast()
    task = made_tasks.task(cast.team)
    _, secret = tokens.make(team=cast.team, by=cast.curator, name="t", scopes=ALL, days=None)
    many = {"rows": [{"content": {"input": f"row {number}"}} for number in range(300)]}
    for turn in range(3):
        answers = at_once(6, lambda _, key=f"k{turn}": Api(secret).post(f"/tasks/{task.pk}/examples", many, key=key))
        assert {answer.status_code for answer in answers} == {201}
        assert all(answer.json() == answers[0].json() for answer in answers)
        assert sum("Idempotent-Replay" not in answer for answer in answers) == 1
    assert Example.objects.count() == 300
    assert IdempotentWrite.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_a_task_made_by_six_at_once_under_one_key_is_one_task():
    from tests.cast import make_cast

    cast = make_cast()
    _, secret = tokens.make(team=cast.team, by=cast.curator, name="t", scopes=ALL, days=None)
    answers = at_once(6, lambda _: Api(secret).post("/tasks", {"name": "Letters"}, key="k"))
    assert {answer.json()["id"] for answer in answers} == {Task.objects.get().pk}
    assert AuditEvent.objects.filter(action="task.created").count() == 1


@pytest.mark.django_db(transaction=True)
def test_programs_of_two_people_take_different_examples():
    from tests.cast import make_cast

    cast = make_cast()
    task = made_tasks.task(cast.team)
    made_tasks.examples(task, 4)
    people = [made_tasks.person(cast.team, f"P{number}") for number in range(4)]
    secrets = [tokens.make(team=cast.team, by=one, name="t", scopes=ALL, days=None)[1] for one in people]
    answers = at_once(4, lambda number: Api(secrets[number]).post(f"/tasks/{task.pk}/annotations/next"))
    taken = [answer.json()["annotation"]["example"] for answer in answers]
    assert len(set(taken)) == 4
    assert Slot.objects.filter(state="claimed").count() == 4


# --- rates ---


def test_beyond_the_rate_it_is_429_with_the_seconds_to_wait(api, cast, settings, monkeypatch):
    monkeypatch.setattr(guarding.time, "time", lambda: 1_000_000_015.0)  # 15 s after a full minute and 40
    settings.API_READS_PER_MINUTE, settings.API_WRITES_PER_MINUTE = 3, 1
    client = api("curator")
    assert [client.get("/me").status_code for _ in range(4)] == [200, 200, 200, 429]
    answer = client.get("/me")
    assert error(answer, 429)["code"] == "too_many"
    assert answer["Retry-After"] == str(60 - 1_000_000_015 % 60)
    assert client.post("/tasks", {"name": "A"}).status_code == 201  # writes are counted apart
    assert client.post("/tasks", {"name": "B"}).status_code == 429
    assert Task.objects.count() == 1
    assert api("owner").get("/me").status_code == 200  # each token has its own count
    monkeypatch.setattr(guarding.time, "time", lambda: 1_000_000_075.0)
    assert client.get("/me").status_code == 200


def test_no_limit_where_it_is_set_to_nought(api, cast, settings):
    settings.API_READS_PER_MINUTE = 0
    client = api("viewer")
    assert {client.get("/me").status_code for _ in range(5)} == {200}


def test_without_the_cache_work_goes_on(api, cast, settings, monkeypatch):
    class Gone:
        def add(self, *args):
            raise NoCache("the cache is down")

    settings.API_READS_PER_MINUTE = 1
    monkeypatch.setattr(guarding, "cache", Gone())
    client = api("viewer")
    assert [client.get("/me").status_code for _ in range(3)] == [200, 200, 200]
