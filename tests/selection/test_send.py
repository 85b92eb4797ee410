"""Picks become examples of a task, with all that is known of where they came from."""

import pytest
from django.urls import reverse

from curation.actions.adding import NewExample
from curation.content import load
from curation.models import AuditEvent, Example, Slot, Task
from jobs.models import Job
from jobs.runner import run_until_idle
from selection import picked
from selection.actions import send as actions
from selection.handlers import send as handler
from tests.curation.examples.made import add, content, task
from tests.selection import made

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nobody_to_wake(monkeypatch):
    monkeypatch.setattr("jobs.wake.send", lambda counts: True)


@pytest.fixture
def run(cast):
    pool = made.pool(cast.team, made.rows(80), cuts=(30,))
    target = made.target(cast.team, [row for row in made.rows(30, seed=4) if row["source"] == "sums"][:3])
    found = made.run(cast.team, pool, target, method="bm25", budget="20", by=cast.curator)
    assert found.job.state == "succeeded"
    return found


def post(client, run, **data):
    return client.post(reverse("run_send", args=[run.pk]), {"top": run.picks_count, "outputs_as": "suggestion"} | data)


def test_the_top_picks_are_examples_with_their_provenance(as_, cast, run):
    to = task(cast.team)
    answer = post(as_("curator"), run, task=to.pk, top=7)
    assert answer.status_code == 303
    assert answer["Location"] == f"/tasks/{to.pk}/examples/"
    picks = list(run.picks.order_by("rank")[:7])
    examples = list(to.examples.order_by("pk"))
    assert [one.key for one in examples] == [pick.key for pick in picks]
    for one, pick in zip(examples, picks, strict=True):
        assert one.lineage == {
            "pool": run.pool_id, "pool_name": "Open pool", "run": run.pk, "run_number": run.number, "method": "bm25",
            "rank": pick.rank, "score": pick.score, "key": pick.key,
        }  # fmt: skip
        assert (one.origin, one.source, one.state) == ("run", pick.source, "open")
        assert load(one.content).instruction.startswith(pick.excerpt[:20])
        assert load(one.content).outputs == ()
        assert one.suggestion["by"] == f"run {run.number}"
    assert Slot.objects.filter(task=to).count() == 7
    event = AuditEvent.objects.get(action="run.sent")
    assert (event.facts["rows"], event.facts["known"]) == (7, 0)


def test_what_the_task_has_already_stays_as_it_is(as_, cast, run):
    to = task(cast.team)
    first = run.picks.order_by("rank").first()
    add(to, [NewExample(content("mine"), key=first.key)])
    page = as_("curator").post(
        reverse("run_send", args=[run.pk]), {"task": to.pk, "top": 5, "outputs_as": "drop"}, follow=False
    )
    assert page.status_code == 303
    assert to.examples.count() == 5
    assert load(to.examples.get(key=first.key).content).instruction == "Summarise letter mine."


def test_a_new_task_by_its_name(as_, cast, run):
    assert post(as_("curator"), run, name="Sums", outputs_as="accepted").status_code == 303
    to = Task.objects.get(name="Sums")
    assert set(to.examples.values_list("state", flat=True)) == {"accepted"}
    assert not Slot.objects.filter(task=to).exists()
    again = post(as_("curator"), run, name="sums")
    assert again.status_code == 422
    assert "a task named sums" in again.content.decode()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({}, "Choose a task, or name a new one."), ({"name": "x", "top": "0"}, "greater than or equal to 1"),
        ({"name": "x", "top": "21"}, "less than or equal to 20"), ({"name": "x", "outputs_as": "gold"}, "valid choice"),
        ({"name": "x", "task": "other"}, "valid choice"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(as_, cast, run, data, says):
    if data.get("task") == "other":
        data = data | {"task": task(cast.other_team).pk}
    answer = post(as_("curator"), run, **data)
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert not Example.objects.exists()


def test_many_picks_go_by_a_job_and_the_page_shows_it(as_, cast, run, monkeypatch):
    monkeypatch.setattr(actions, "INLINE", 5)
    to = task(cast.team)
    client, url = as_("curator"), reverse("run_send", args=[run.pk])
    answer = post(client, run, task=to.pk)
    assert (answer.status_code, answer["Location"]) == (303, url)
    assert not to.examples.exists()
    assert "Waiting for a worker" in client.get(url).content.decode()
    run_until_idle()
    assert to.examples.count() == 20
    shown = client.get(url).content.decode()
    assert "20 examples are in" in shown
    assert f"/tasks/{to.pk}/examples/" in shown


def test_an_attempt_that_died_after_its_commit_is_not_repeated(cast, run, monkeypatch):
    class Dies(Exception):
        pass

    monkeypatch.setattr(actions, "INLINE", 5)
    to = task(cast.team)
    job = actions.send(run=run, task=to, by=cast.curator, top=20, outputs_as="drop")
    real, died = handler.SendKind.run, []

    def dying(self, step, beat):
        result = real(self, step, beat)
        if not died:
            died.append(result)
            raise Dies
        return result

    monkeypatch.setattr(handler.SendKind, "run", dying)
    run_until_idle()
    job = Job.objects.get(pk=job.pk)
    assert job.state == "succeeded"
    assert job.steps.get().result == {"good": 20, "known": 0}
    assert to.examples.count() == 20


def test_who_may_send(as_, cast, run):
    url = reverse("run_send", args=[run.pk])
    assert as_("stranger").get(url).status_code == 404
    assert as_("stranger").post(url, {"name": "x"}).status_code == 404
    for name in ("viewer", "annotator"):
        assert as_(name).get(url).status_code == 403
        assert post(as_(name), run, name="x").status_code == 403
    page = as_("curator").get(url).content.decode()
    assert 'value="20"' in page
    assert url in as_("curator").get(run.get_absolute_url()).content.decode()
    assert url not in as_("viewer").get(run.get_absolute_url()).content.decode()


def test_contents_are_read_by_the_mapping_of_each_shard(run):
    said = list(picked.contents(run))
    assert [row[picked.RANK] for _, row in said] == list(range(1, 21))
    assert all(content.instruction == row["instruction"] for content, row in said)
