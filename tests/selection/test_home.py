"""The first page of a team."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from curation.actions.fetches import FETCH
from curation.models import HubFetch
from jobs.models import Job
from selection.models import Import, Run, SparseAutoencoder
from selection.queries import home
from tests.selection import made
from tests.selection.saes import train

pytestmark = pytest.mark.django_db(transaction=True)


def body(answer) -> str:
    return answer.content.decode()


def test_an_empty_team_sees_four_steps(as_, cast):
    page = body(as_("curator").get(cast.team.get_absolute_url()))
    for words in ("Import a pool", "Say what the task looks like", "Start a selection", "Look at the picks"):
        assert words in page
    assert "/targets/new/" in page
    seen = body(as_("viewer").get(cast.team.get_absolute_url()))
    assert "Import a pool" in seen
    assert "<span>Shortcuts</span>" in seen  # "Keys" reads as keys of the API
    assert "<span>Keys</span>" not in seen
    assert "/targets/new/" not in seen


def test_the_steps_are_ticked_off_and_go(as_, cast):
    client, url = as_("curator"), cast.team.get_absolute_url()
    pool = made.pool(cast.team, made.rows(60))
    assert dict(client.get(url).context["checklist"]) == {"pool": True, "target": False, "run": False, "picks": False}
    target = made.target(cast.team, made.rows(3, seed=5))
    run = made.run(cast.team, pool, target, method="bm25", finish=False)
    assert dict(client.get(url).context["checklist"]) == {"pool": True, "target": True, "run": True, "picks": False}
    page = body(client.get(url))
    assert f"Run {run.number} on Open pool" in page
    assert "every 3s" in page
    made.end(run)
    page = body(client.get(url))
    assert "Four steps" not in page
    assert "20 picks of 60" in page
    assert "every 3s" not in page


def test_sample_data_is_one_click_away(as_, cast):
    from jobs.runner import run_job
    from selection.models import Pool, Target

    client, url = as_("curator"), cast.team.get_absolute_url()
    assert f"{url}sample/" in body(client.get(url))
    answer = client.post(f"{url}sample/")
    pool = Pool.objects.get()
    assert (answer.status_code, answer.url) == (303, pool.get_absolute_url())
    run_job(pool.imports.get().job)
    pool.refresh_from_db()
    assert pool.rows > 3000
    assert sorted(Target.objects.values_list("name", flat=True)) == ["Bank intents", "Word problems"]
    assert client.post(f"{url}sample/").url == pool.get_absolute_url()  # once is enough
    assert Pool.objects.count() == 1
    assert f"{url}sample/" not in body(client.get(url))


def test_what_failed_or_waits_needs_somebody(as_, cast):
    pool = made.pool(cast.team, made.rows(30))
    run = made.run(cast.team, pool, None, finish=False)
    Run.objects.update(method_version="0")
    made.end(run)
    Import.objects.create(pool=pool, name="letters.csv", path="uploads/x")
    page = body(as_("viewer").get(cast.team.get_absolute_url()))
    assert "Run 1 on Open pool failed" in page
    assert "The method has changed since the run was started" in page
    assert "letters.csv waits for you" in page


def test_it_says_what_changed_and_hides_other_teams(as_, cast, client):
    made.target(cast.team, made.rows(3, seed=5))
    theirs = made.pool(cast.other_team, made.rows(20), name="Secret pool")
    made.run(cast.other_team, theirs, None, budget="5", finish=False)
    page = body(as_("viewer").get(cast.team.get_absolute_url()))
    assert "made a target" in page
    assert "Secret pool" not in page
    client.force_login(cast.stranger)
    assert client.get(cast.team.get_absolute_url()).status_code == 404


@pytest.mark.parametrize(("headers", "whole"), [({}, True), ({"HX-Request": "true"}, False)])
def test_page_and_part(as_, cast, headers, whole):
    page = body(as_("viewer").get(cast.team.get_absolute_url(), headers=headers))
    assert 'id="work"' in page
    assert ("<html" in page) is whole


def test_one_size_is_said_in_one_unit_everywhere(as_, cast):
    pool = made.pool(cast.team, made.rows(30))
    type(pool).objects.update(bytes=260_812)
    for url in (cast.team.get_absolute_url(), reverse("pools", args=[cast.team.slug]), pool.get_absolute_url()):
        assert "261 kB" in body(as_("viewer").get(url)), url


def test_more_work_costs_no_more_queries(as_, cast):
    pool = made.pool(cast.team, made.rows(30))
    client, url, counts = as_("viewer"), cast.team.get_absolute_url(), []
    for number in (2, 8):
        for _ in range(number):
            made.run(cast.team, pool, None, budget="5", finish=False)
            made.run(cast.team, pool, None, budget="5")
            Import.objects.create(pool=pool, name="letters.csv", path="uploads/x")
        client.get(url)
        with CaptureQueriesContext(connection) as seen:
            client.get(url)
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_sparse_autoencoders_stand_with_the_rest(as_, cast):
    pool = made.pool(cast.team, made.rows(60))
    failed, refused, open_, loaded = (train(cast.team, pool, finish=False, name=name) for name in "ABCD")
    now = timezone.now()
    Job.objects.filter(pk__in=[failed.job_id, loaded.job_id]).update(
        state="failed", error_code="sae.cannot", error_id="x", error_title="It cannot be had", ended_at=now
    )
    Job.objects.filter(pk=refused.job_id).update(state="succeeded", ended_at=now)
    SparseAutoencoder.objects.filter(pk=refused.pk).update(verdict="refused", why="Train on more tokens.")
    SparseAutoencoder.objects.filter(pk=loaded.pk).update(how="loaded")
    page = body(as_("viewer").get(cast.team.get_absolute_url()))
    for sae, said in ((failed, "A could not be trained"), (loaded, "D could not be loaded")):
        assert f'<a href="{sae.get_absolute_url()}">{said}</a>' in page
    assert f'<a href="{refused.get_absolute_url()}">B is not good enough to select by</a>' in page
    assert "Train on more tokens." in page
    assert f'Sparse autoencoder</span> <a href="{open_.get_absolute_url()}">C</a>' in page
    SparseAutoencoder.objects.filter(pk=failed.pk).update(archived_at=now)
    Job.objects.filter(pk=refused.job_id).update(ended_at=now - timedelta(days=15))
    assert [one["title"] for one in home.needs(cast.team)] == ["D could not be loaded"]


def test_all_open_work_is_the_same_in_the_header_on_the_first_page_and_on_the_page_of_work(as_, cast):
    """Work of every kind, one without an object too; the other team's is not there."""
    pool = made.pool(cast.team, made.rows(30))
    made.run(cast.team, pool, None, budget="5", finish=False)
    fetch = HubFetch.objects.create(team=cast.team, dataset="ward/rows", into="pool", target=pool.pk)
    for kind, params, lane in (
        (FETCH, {"fetch": fetch.pk}, cast.team.lane), ("dataset.push", {"push": 0}, cast.team.lane),
        (FETCH, {"fetch": fetch.pk}, cast.other_team.lane),
    ):  # fmt: skip
        Job.objects.create(kind=kind, params=params, lane=lane, state="queued")
    client = as_("viewer")
    answer = client.get(cast.team.get_absolute_url())
    assert [one["word"] for one in answer.context["running"]] == ["Selection", "Rows from the hub", "Push to the hub"]
    page = body(answer)
    assert "3 running" in page
    assert "Nothing is running" not in page
    assert f'<a href="{fetch.get_absolute_url()}">' in page
    work = client.get(reverse("work", args=[cast.team.slug])).context["under_way"]
    assert [entry.job.pk for entry in work] == [one["job"].pk for one in answer.context["running"]]
