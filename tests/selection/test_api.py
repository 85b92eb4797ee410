"""Pools and runs by the API."""

import pytest

from curation.models import AuditEvent, Example
from jobs.runner import run_until_idle
from selection.models import Run
from tests.curation import made_tasks
from tests.curation.api.conftest import api, error
from tests.selection import made

__all__ = ["api"]  # the fixture


@pytest.fixture
def pool(cast):
    return made.pool(cast.team, made.rows(60), cuts=(25,))


def test_rows_of_a_pool_are_visited_once_across_shards(api, pool):
    client, seen, after = api("viewer"), [], None
    while True:
        page = client.get(f"/pools/{pool.pk}/rows", limit=7, **({"after": after} if after else {})).json()
        seen += page["items"]
        if (after := page["next"]) is None:
            break
    assert [row["number"] for row in seen] == list(range(1, 61))
    assert len({row["key"] for row in seen}) == 60
    assert seen[0]["parts"][0]["name"] == "Instruction"
    assert client.get(f"/pools/{pool.pk}/rows", after="Wzk5OTk5XQ").json() == {"items": [], "next": None}
    assert client.get("/pools").json()["items"][0]["rows"] == 60


def test_a_run_is_started_watched_and_its_picks_sent(api, cast, pool):
    client = api("curator")
    run = client.post("/runs", {"pool": pool.pk, "method": "random", "budget": "10%", "seed": 3}).json()
    assert (run["state"], run["budget"]) == ("queued", "10%")
    url, task = f"/runs/{run['id']}", made_tasks.task(cast.team)
    assert error(client.post(f"{url}/send", {"task": task.pk, "top": 1}), 422)["place"] == "top"
    run_until_idle()
    assert client.get(url).json()["state"] == "succeeded"
    assert client.get(url).json()["picks"] == 6
    first = client.get(f"{url}/picks", limit=4).json()
    rest = client.get(f"{url}/picks", limit=4, after=first["next"]).json()
    assert [pick["rank"] for pick in first["items"] + rest["items"]] == [1, 2, 3, 4, 5, 6]
    assert client.post(f"{url}/send", {"task": task.pk, "top": 6}).json() == {"added": 6, "known": 0, "job": None}
    assert client.post(f"{url}/send", {"task": task.pk, "top": 6}).json() == {"added": 0, "known": 6, "job": None}
    assert set(Example.objects.values_list("origin", flat=True)) == {"run"}
    assert AuditEvent.objects.get(action="run.started").actor_id == cast.curator.pk


@pytest.mark.parametrize(("change", "place"), [
    ({"pool": 10**6}, "pool"), ({"target": 10**6}, "target"), ({"method": "magic"}, "method"),
    ({"method": "bm25"}, "target"), ({"budget": "many"}, "budget"), ({"params": {"x": 1}}, "params.x"),
    ({"options": {"x": 1}}, "options.x"), ({"seed": -1}, "seed"), ({"colour": "red"}, "colour"),
])  # fmt: skip
def test_a_run_that_cannot_be_is_refused_with_its_place(api, pool, change, place):
    body = {"pool": pool.pk, "method": "random", "budget": "5"} | change
    assert error(api("curator").post("/runs", body), 422)["place"] == place
    assert not Run.objects.exists()


def test_a_run_is_cancelled(api, pool):
    client = api("curator")
    run = client.post("/runs", {"pool": pool.pk, "method": "random"}).json()
    assert client.post(f"/runs/{run['id']}/cancel").json()["state"] == "cancelled"
    assert client.post(f"/runs/{run['id']}/cancel").json()["state"] == "cancelled"
    assert [one["id"] for one in client.get("/runs", state="cancelled").json()["items"]] == [run["id"]]
    assert client.get("/runs", state="failed").json()["items"] == []


def test_pools_of_other_teams_and_hidden_ones_are_not_listed(api, cast, pool):
    made.pool(cast.other_team, made.rows(3), name="Theirs")
    type(pool).objects.create(team=cast.team, name="Order of a queue", hidden=True)
    assert [one["name"] for one in api("viewer").get("/pools").json()["items"]] == ["Open pool"]
    error(api("viewer").get(f"/pools/{type(pool).objects.get(name='Theirs').pk}"), 404)
