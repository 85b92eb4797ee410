"""Rows of the hub on a schedule: what is new comes in, and nothing comes twice."""

import pytest

from curation.actions import fetches
from curation.models import Example, ExampleImport, HubFetch
from curation.scheduling import kinds
from jobs.models import Step
from jobs.runner import run_job
from selection.actions import pools
from selection.models import Import
from tests.curation import made_tasks
from tests.hub.test_pull import CARD, jsonl
from tests.schedules.kinds import make
from tests.schedules.test_kinds import fire, told

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _places(settings, tmp_path, monkeypatch):
    settings.STORAGE_URL, settings.VAR = str(tmp_path / "storage"), tmp_path / "var"
    monkeypatch.setattr("jobs.wake.send", lambda counts: True)


def files(**more):
    named = {f"data/{name}.jsonl": data for name, data in more.items()}
    return {
        "README.md": CARD.format(licence="cc-by-4.0").encode(),
        "test.csv": b"instruction,output\nOne?,Yes.\n",
    } | named


def fetched(cast, into, target, **fields) -> HubFetch:
    made = fetches.fetch(
        team=cast.team, by=cast.curator, into=into, target=target, dataset="ada/rows", start=True, **fields
    )
    run_job(made.job)
    made.refresh_from_db()
    for one in (*Import.objects.filter(fetch=made), *ExampleImport.objects.filter(fetch=made)):
        run_job(one.job)
    return made


def again(cast, base, **settings):
    return make("again", lane=cast.team.lane, kind="hub", settings={"fetch": base.pk, "whole": False} | settings)


def test_only_new_and_changed_files_come_into_a_pool(cast, hub):
    hub.repo("ada/rows", files(a=jsonl(30)))
    pool = pools.create_pool(team=cast.team, name="From afar", by=cast.curator)
    row = again(cast, fetched(cast, "pool", pool.pk))
    assert told(fire(row)) == ["No new or changed file"]
    hub.repo("ada/rows", files(a=jsonl(30), b=jsonl(20, 100)))
    firing = fire(row)
    assert firing.state == "succeeded", firing.error_what
    assert told(firing) == ["1 new or changed file, 20 rows"]
    pool.refresh_from_db()
    assert pool.rows == 50
    assert told(fire(row)) == ["No new or changed file"]
    assert not Step.objects.filter(state="failed").exists()


def test_the_page_of_an_import_offers_a_schedule(as_, cast, hub):
    hub.repo("ada/rows", files(a=jsonl(5)))
    pool = pools.create_pool(team=cast.team, name="From afar", by=cast.curator)
    base = fetched(cast, "pool", pool.pk)
    url = base.pool_import.get_absolute_url()
    assert f"?kind=hub&amp;of={base.pk}" in as_("curator").get(url).content.decode()
    assert "?kind=hub" not in as_("viewer").get(url).content.decode()


def test_a_task_leaves_out_what_it_has(cast, hub):
    hub.repo("ada/rows", files(a=jsonl(10)))
    task = made_tasks.task(cast.team)
    row = again(cast, fetched(cast, "task", task.pk), whole=True)
    hub.repo("ada/rows", files(a=jsonl(14)))
    assert fire(row).state == "succeeded"
    assert Example.objects.filter(task=task).count() == 14


def test_a_pool_that_is_gone_fails_with_words(cast, hub):
    hub.repo("ada/rows", files(a=jsonl(5)))
    pool = pools.create_pool(team=cast.team, name="From afar", by=cast.curator)
    row = again(cast, fetched(cast, "pool", pool.pk))
    pools.delete_pool(pool=pool, by=cast.curator)
    assert fire(row).error_code == "hub.fetch_gone"


def test_a_dataset_that_is_gone_fails_with_words(cast, hub):
    hub.repo("ada/rows", files(a=jsonl(5)))
    pool = pools.create_pool(team=cast.team, name="From afar", by=cast.curator)
    row = again(cast, fetched(cast, "pool", pool.pk))
    del hub.repos["ada/rows"]
    assert fire(row).error_code == "hub.no_dataset"


def test_only_fetches_that_came_in_are_offered(cast, hub):
    hub.repo("ada/rows", files(a=jsonl(5)))
    pool = pools.create_pool(team=cast.team, name="From afar", by=cast.curator)
    waits = fetches.fetch(team=cast.team, by=None, into="pool", target=pool.pk, dataset="ada/rows")
    came = fetched(cast, "pool", pool.pk)
    form = kinds()["hub"].form(team=cast.team)
    assert list(form.fields["fetch"].queryset) == [came]
    assert kinds()["hub"].suggested(cast.team, waits.pk) == ("", {})
    assert kinds()["hub"].suggested(cast.other_team, came.pk) == ("", {})
    assert kinds()["hub"].suggested(cast.team, came.pk) == ("ada/rows again", {"fetch": came.pk})
