"""The page and the API on which a curator says what is annotated first."""

import json

import pytest
from django.test import Client
from django.urls import reverse

from curation.actions import tokens
from curation.actions.adding import NewExample
from curation.content import Content
from curation.models import AuditEvent, Scope, Task
from jobs.runner import run_until_idle
from selection.actions import send as sending
from selection.models import Ordering, Pool
from tests.curation.examples.made import add, task
from tests.methods.test_diversity import many
from tests.selection import made

pytestmark = pytest.mark.django_db(transaction=True)
HX = {"HX-Request": "true", "HX-Target": "ordering"}


@pytest.fixture(autouse=True)
def _nobody_to_wake(monkeypatch):
    monkeypatch.setattr("jobs.wake.send", lambda counts: True)


@pytest.fixture
def crowd(cast):
    found = task(cast.team)
    add(found, [NewExample(Content("single", instruction=text), key=key) for key, text, _ in many()])
    return found


@pytest.fixture
def url(crowd):
    return reverse("task_order", args=[crowd.pk])


def text(client, url):
    return client.get(url).content.decode()


def test_a_curator_orders_looks_and_undoes(as_, cast, crowd, url):
    client = as_("curator")
    before = text(client, url)
    for title in ("As they came in", "Random", "vote-k", "IDEAL", "uncertainty", "Where answers differ"):
        assert title in before
    answer = client.post(url, {"order": "vote_k"})
    assert (answer.status_code, answer["Location"]) == (303, url)
    assert "Look at the open examples" in text(client, url)
    assert client.post(url, {"order": "ideal"}).status_code == 409
    polled = client.get(url, headers=HX)
    assert '<form method="post" class="form column"' not in polled.content.decode()
    run_until_idle()
    assert client.get(url, headers=HX)["HX-Refresh"] == "true"
    shown = text(client, url)
    assert "What stands for most others first" in shown
    assert "1st: stands for" in shown
    add(Task.objects.get(pk=crowd.pk), [NewExample(Content("single", instruction="boil the rice"), key="late")])
    assert "1 example arrived since and waits behind the others" in text(client, url)
    assert client.post(url, {"do": "again"}).status_code == 303
    run_until_idle()
    assert "arrived since" not in text(client, url)
    assert client.post(url, {"do": "undo"}).status_code == 303
    assert AuditEvent.objects.filter(action="task.order_undone").count() == 1
    assert "arrived since" in text(client, url), "the first order stands again"


def test_while_it_is_made_home_says_so_and_the_hidden_pool_has_no_page(as_, cast, crowd, url, monkeypatch):
    def breaks(*args, **kwargs):
        raise MemoryError

    client = as_("curator")
    client.post(url, {"order": "ideal"})
    found = Ordering.objects.get()
    home = text(client, reverse("team_home", args=[cast.team.slug]))
    assert f"Queue of {crowd}" in home
    for name, pk in (("pool", found.run.pool_id), ("run", found.run_id)):
        assert client.get(reverse(name, args=[pk])).status_code == 404
    assert f"queue of task {crowd.pk}" not in text(client, reverse("pools", args=[cast.team.slug]))
    monkeypatch.setattr("selection.methods.ideal.neighbours", breaks)
    run_until_idle()
    assert f"An order of {crowd} failed" in text(client, reverse("team_home", args=[cast.team.slug]))


def test_cancel_and_resume(as_, crowd, url):
    client = as_("curator")
    client.post(url, {"order": "ideal"})
    client.post(url, {"do": "cancel"})
    assert "Cancelled" in text(client, url)
    client.post(url, {"do": "resume"})
    run_until_idle()
    assert Ordering.objects.get().placed == 40


def test_why_an_example_comes_is_said_to_who_annotates_it(as_, crowd, url):
    client = as_("curator")
    client.post(url, {"order": "vote_k"})
    run_until_idle()
    assert "1st: stands for" in text(as_("annotator"), reverse("annotate", args=[crowd.pk]))
    first = crowd.examples.order_by("-priority").first()
    assert first.why_now in text(client, reverse("example", args=[first.pk]))
    assert first.why_now in text(client, reverse("examples", args=[crowd.pk]))


def test_only_curators(as_, crowd, url):
    for who in ("annotator", "viewer"):
        assert as_(who).get(url).status_code == 403
        assert as_(who).post(url, {"order": "random"}).status_code == 403
    assert as_("stranger").get(url).status_code == 404


@pytest.mark.parametrize("data", [{"order": "by_magic"}, {}, {"order": "vote_k"}])
def test_what_is_wrong_is_said_and_nothing_starts(as_, cast, data):
    empty = task(cast.team)
    answer = as_("curator").post(reverse("task_order", args=[empty.pk]), data)
    assert answer.status_code == 422
    said = answer.content.decode()
    assert ("Choose an order." in said) or ("Needs at least two open examples." in said)
    assert not Ordering.objects.exists()


def test_a_plain_rule_is_said_at_once(as_, crowd, url):
    client = as_("curator")
    page = client.post(url, {"order": "random"}, follow=True).content.decode()
    assert "The queue has a new order: random." in page
    assert client.post(url, {"do": "undo"}, follow=True).status_code == 200
    assert Task.objects.get(pk=crowd.pk).order == "first_come"


# --- the API ---


def ask(cast, method, address, body=None, who="curator"):
    _, secret = tokens.make(team=cast.team, by=getattr(cast, who), name=f"t{method}", scopes=list(Scope), days=None)
    headers = {"Authorization": f"Bearer {secret}"}
    data = json.dumps(body) if body is not None else ""
    return Client().generic(method, f"/api/v1{address}", data, content_type="application/json", headers=headers)


def test_the_api_orders_tells_and_undoes(cast, crowd):
    address = f"/tasks/{crowd.pk}/order"
    assert ask(cast, "GET", address).json()["order"] is None
    started = ask(cast, "POST", address, {"order": "vote_k", "params": {"k": 5}, "seed": 3})
    assert (started.status_code, started.json()["state"]) == (201, "queued")
    assert ask(cast, "POST", address, {"order": "random"}).status_code == 409
    run_until_idle()
    done = ask(cast, "GET", address).json()
    assert (done["order"], done["state"], done["placed"], done["arrived"]) == ("vote_k", "standing", 40, 0)
    assert Ordering.objects.get().params["k"] == 5
    assert ask(cast, "DELETE", address).json()["state"] == "undone"
    assert ask(cast, "DELETE", address).status_code == 422
    assert ask(cast, "POST", address, {"order": "vote_k", "params": {"k": 0}}).status_code == 422
    assert ask(cast, "POST", address, {"order": "random"}, who="annotator").status_code == 403


# --- picks that end in an ordered queue ---


@pytest.fixture
def run(cast):
    pool = made.pool(cast.team, made.rows(60))
    found = made.run(cast.team, pool, None, budget="30", by=cast.curator)
    assert found.job.state == "succeeded"
    return found


def send(client, run, **data):
    given = {"name": "Sums", "top": 30, "outputs_as": "drop", "order": "vote_k"} | data
    return client.post(reverse("run_send", args=[run.pk]), given)


def test_picks_go_to_a_queue_that_is_put_in_order(as_, cast, run):
    answer = send(as_("curator"), run)
    to = Task.objects.get(name="Sums")
    assert (answer.status_code, answer["Location"]) == (303, reverse("task_order", args=[to.pk]))
    run_until_idle()
    assert Ordering.objects.get().placed == 30
    assert set(to.examples.values_list("priority", flat=True)) == {float(n) for n in range(1, 31)}
    assert list(Pool.objects.values_list("hidden", flat=True)) == [False]


def test_many_picks_are_put_in_order_when_the_job_has_sent_them(as_, cast, run, monkeypatch):
    monkeypatch.setattr(sending, "INLINE", 5)
    assert send(as_("curator"), run, order="ideal")["Location"] == reverse("run_send", args=[run.pk])
    assert not Ordering.objects.exists()
    run_until_idle()
    found = Ordering.objects.get()
    assert (found.order, found.placed, found.by) == ("ideal", 30, cast.curator)


def test_an_order_that_cannot_be_made_does_not_hold_the_picks_back(as_, cast, run):
    to = task(cast.team)
    client = as_("curator")
    assert send(client, run, name="", task=to.pk, top=1).status_code == 303
    assert to.examples.count() == 1
    assert not Ordering.objects.exists()
    assert send(client, run, name="Other", order="").status_code == 303
    assert not Ordering.objects.exists()
