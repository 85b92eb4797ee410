"""The API of model endpoints and generations: read, cancelled, and never a key."""

import pytest

from curation.actions import generations
from tests.curation import made_tasks
from tests.synthesis import made


@pytest.fixture
def endpoint(cast, transactional_db):
    return made.endpoint(cast.team, cast.owner, "http://127.0.0.1:1/v1", key="sk-never-shown-4711", price_out="2.5")


def test_an_endpoint_is_shown_without_its_key(api, endpoint):
    answer = api("viewer").get("/endpoints")
    (shown,) = answer.json()["items"]
    assert (shown["name"], shown["model"], shown["price_out"]) == ("Test server", "test-model", "2.500000")
    assert b"4711" not in answer.content
    assert not {name for name in shown if "key" in name}


def test_generations_are_listed_and_read(api, cast, endpoint):
    task = made_tasks.task(cast.team)
    first = made.start(cast, endpoint, 2, task=task)
    made.start(cast, endpoint, 1, preview=True, task=task)
    other = made.start(cast, endpoint, 1)
    client = api("viewer")
    assert [one["id"] for one in client.get("/generations").json()["items"]] == [other.pk, first.pk]
    assert [one["id"] for one in client.get("/generations", task=task.pk).json()["items"]] == [first.pk]
    assert client.get("/generations", task=10**9).status_code == 404
    assert client.get("/generations", nonsense=1).status_code == 422
    page = client.get("/generations", limit=1).json()
    assert [one["id"] for one in client.get("/generations", after=page["next"]).json()["items"]] == [first.pk]
    whole = client.get(f"/generations/{first.pk}").json()
    assert (whole["wanted"], whole["state"], whole["errors"], whole["report"]) == (2, "waiting", {}, {})
    assert set(whole["templates"]) == {"write", "look"}


def test_cancel(api, cast, endpoint):
    run = made.start(cast, endpoint, 2)
    assert api("viewer").post(f"/generations/{run.pk}/cancel").status_code == 403
    answer = api("curator").post(f"/generations/{run.pk}/cancel")
    assert answer.json()["state"] == "stopped"
    assert api("curator").post(f"/generations/{run.pk}/cancel").status_code == 200
    generations.cancel(generation=run, by=cast.curator)
