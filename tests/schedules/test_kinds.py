"""What schedules of a team start: selections, versions of datasets, generations."""

import pytest

from curation.actions import hub as tokens
from curation.models import DatasetExport, DatasetVersion, Example, Generation, Task
from curation.scheduling import kinds
from jobs import schedules
from jobs.models import Firing, Job
from jobs.runner import run_job
from selection.models import Pool, Run, Shard, Target
from tests.curation import made_tasks
from tests.datasets import made as made_datasets
from tests.hub.server import TOKEN
from tests.schedules.kinds import make
from tests.selection import made
from tests.synthesis import made as synthesis

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr("jobs.wake.send", lambda counts: True)


def fire(row) -> Firing:
    """Run now, with all that follows, until the firing has ended."""
    firing = schedules.run_now(row, None)
    for _ in range(9):
        firing.refresh_from_db()
        if not firing.is_open:
            break
        if firing.job is not None and not firing.job.is_final:
            run_job(firing.job)
        schedules.follow()
    assert not firing.is_open
    return firing


def told(firing):
    return [thing.title for thing in kinds()[firing.schedule.kind].made(firing)]


# --- selection ---


@pytest.fixture
def pool(cast):
    return made.pool(cast.team, made.rows(120), cuts=(60,))


def grow(pool, count=60, seed=7):
    """New rows, in a shard of their own."""
    more = made.pool(pool.team, made.rows(count, seed=seed), name=f"More {seed}")
    Shard.objects.filter(pool=more).update(pool=pool, index=pool.shards.count())
    Pool.objects.filter(pk=pool.pk).update(rows=pool.rows + count)
    Pool.objects.filter(pk=more.pk).update(rows=0)
    pool.refresh_from_db()


def again(base, **settings):
    settings = {"run": base.pk, "target": "fixed", "task": None, "most": None, "always": False, "into": None,
                "outputs_as": "suggestion"} | settings  # fmt: skip
    return make("again", lane=base.team.lane, kind="run", settings=settings)


def test_a_selection_on_a_grown_pool_says_what_is_new_kept_and_gone(cast, pool):
    target = made.target(cast.team, made.rows(10, seed=3))
    base = made.run(cast.team, pool, target, method="zipfit", budget="20")
    row = again(base)
    grow(pool)
    firing = fire(row)
    run = Run.objects.get(pk=firing.facts["run"])
    assert (firing.state, run.rows, run.target_id, run.after_id) == ("succeeded", 180, target.pk, base.pk)
    before, after = ({pick.key for pick in one.picks.all()} for one in (base, run))
    facts = firing.facts
    assert (facts["new"], facts["kept"], facts["gone"]) == (
        len(after - before), len(after & before), len(before - after),
    )  # fmt: skip
    assert facts["new"]
    assert told(firing) == [f"Run {run.number}: {facts['new']} new, {facts['kept']} kept, {facts['gone']} gone"]
    grow(pool, seed=8)
    assert fire(row).facts["before"] == run.pk  # each is compared with the last one


def test_an_unchanged_pool_is_not_run_again_unless_asked_for(cast, pool):
    base = made.run(cast.team, pool, None)
    firing = fire(again(base))
    assert (firing.state, firing.job, Run.objects.count()) == ("succeeded", None, 1)
    assert told(firing) == ["Neither pool nor target had changed"]
    row = make("always", lane=cast.team.lane, kind="run", settings=again_settings(base) | {"always": True})
    assert fire(row).facts["new"] == 0


def again_settings(base):
    return {"run": base.pk, "target": "fixed", "always": False, "into": None}


def test_new_picks_go_into_a_queue_and_old_ones_do_not(cast, pool):
    base = made.run(cast.team, pool, None, budget="30")
    task = made_tasks.task(cast.team)
    row = again(base, into=task.pk)
    grow(pool)
    firing = fire(row)
    assert firing.state == "succeeded", firing.error_what
    keys = set(Example.objects.filter(task=task).values_list("key", flat=True))
    run = Run.objects.get(pk=firing.facts["run"])
    assert keys == {pick.key for pick in run.picks.all()} - {pick.key for pick in base.picks.all()}
    assert len(keys) == firing.facts["new"] > 0
    assert told(firing)[1] == f"New picks to {task.name}"


def test_a_target_is_redrawn_from_what_is_accepted_now(cast, pool):
    task = made_datasets.task(cast.team, 6)
    base = made.run(cast.team, pool, made.target(cast.team, made.rows(5)), method="zipfit", budget="9")
    row = again(base, target="redrawn", task=task.pk, most=100)
    first = Run.objects.get(pk=fire(row).facts["run"])
    assert first.target.rows.count() == 6
    assert "unchanged" in fire(row).facts  # the same rows: no new target, no new run
    made_datasets.more(task, 2, start=6)
    second = Run.objects.get(pk=fire(row).facts["run"])
    assert second.target.rows.count() == 8
    assert Target.objects.count() == 3


def test_a_deleted_run_fails_with_words(cast, pool):
    base = made.run(cast.team, pool, None)
    row = again(base)
    Run.objects.filter(pk=base.pk).delete()
    firing = fire(row)
    assert (firing.state, firing.error_code) == ("failed", "schedule.source_gone")
    assert "run" in firing.error_what


def test_a_run_of_another_team_is_never_used(cast, pool):
    base = made.run(cast.team, pool, None)
    row = make("theirs", lane=cast.other_team.lane, kind="run", settings=again_settings(base))
    assert fire(row).error_code == "schedule.source_gone"
    assert Run.objects.count() == 1


def test_rows_of_a_pool_and_accepted_examples_are_counted(cast, pool):
    task = made_datasets.task(cast.team, 4)
    by_rows = make("rows", kind="test", trigger="pool.rows", watched=pool.pk, every=50, cron="")
    accepted = make("accepted", kind="test", trigger="task.accepted", watched=task.pk, every=3, cron="")
    assert (by_rows.counted, accepted.counted) == (120, 4)
    assert schedules.fire_counted() == 0
    grow(pool, 60)
    made_datasets.more(task, 2, start=4)
    assert schedules.fire_counted() == 1
    made_datasets.more(task, 1, start=6)
    assert schedules.fire_counted() == 1
    assert schedules.fire_counted() == 0


# --- datasets ---


def test_a_version_is_frozen_and_packed_and_an_unchanged_one_is_not_packed_again(cast):
    task = made_datasets.task(cast.team, 12)
    dataset = made_datasets.dataset(cast.team, made_datasets.source(task))
    row = make("versions", lane=cast.team.lane, kind="dataset",
               settings={"dataset": dataset.pk, "formats": ["alpaca", "csv"], "only_changed": True})  # fmt: skip
    firing = fire(row)
    assert firing.state == "succeeded", firing.error_what
    assert told(firing) == ["Version 1, 12 rows, packed as alpaca, csv"]
    assert DatasetExport.objects.exclude(path="").count() == 2
    assert told(fire(row)) == ["Version 2, 12 rows, the same as before"]
    made_datasets.more(task, 3, start=12)
    assert told(fire(row)) == ["Version 3, 15 rows (+3 −0), packed as alpaca, csv"]
    assert DatasetVersion.objects.get(number=1).changelog == "By the schedule versions."


def test_a_format_that_fits_no_row_is_not_told_as_packed(cast):
    dataset = made_datasets.dataset(cast.team, made_datasets.source(made_datasets.task(cast.team, 12)))
    row = make("versions", lane=cast.team.lane, kind="dataset",
               settings={"dataset": dataset.pk, "formats": ["alpaca", "preference"], "only_changed": True})  # fmt: skip
    firing = fire(row)
    assert firing.error_code == "dataset.nothing_fits"
    assert firing.error_what.endswith("the row is no preference.")
    assert told(firing) == ["Version 1, 12 rows, packed as alpaca"]


def test_a_dataset_without_sources_fails_with_words(cast):
    dataset = made_datasets.dataset(cast.team)
    row = make("versions", lane=cast.team.lane, kind="dataset", settings={"dataset": dataset.pk})
    assert fire(row).error_code == "dataset.no_sources"


def test_a_version_is_pushed_and_a_missing_token_is_said(cast, hub):
    dataset = made_datasets.dataset(cast.team, made_datasets.source(made_datasets.task(cast.team, 12)))
    settings = {"dataset": dataset.pk, "formats": [], "only_changed": True, "repo": "ada/letters", "push_format": "csv"}
    row = make("push", lane=cast.team.lane, kind="dataset", settings=settings)
    form = kinds()["dataset"].form({f"do-{name}": value for name, value in settings.items()}, team=cast.team)
    assert "no token" in str(form.errors["repo"])
    assert fire(row).error_code == "hub.no_token"
    tokens.keep(team=cast.team, by=cast.owner, token=TOKEN)
    assert told(fire(row)) == [
        "Version 2, 12 rows, the same as before, pushed to ada/letters"
    ]  # version 1 never arrived
    assert told(fire(row)) == ["Version 3, 12 rows, the same as before"]
    made_datasets.more(dataset_task(dataset), 3, start=12)
    firing = fire(row)
    assert firing.state == "succeeded", firing.error_what
    assert told(firing) == ["Version 4, 15 rows (+3 −0), pushed to ada/letters"]
    assert {"v2", "v4"} == set(hub.repos["ada/letters"].tags)


def dataset_task(dataset):
    return Task.objects.get(pk=dataset.recipe["sources"][0]["id"])


# --- synthesis ---


def test_a_generation_starts_again_with_its_settings_and_another_seed(cast, monkeypatch):
    endpoint = synthesis.endpoint(cast.team, cast.owner, "http://127.0.0.1:1/v1")
    task = made_tasks.task(cast.team)
    before = synthesis.start(cast, endpoint, 2, task=task)
    row = make("more", lane=cast.team.lane, kind="generation",
               settings={"generation": before.pk, "wanted": 5, "ceiling": 20, "money": "1.5", "open_as_inputs": False})  # fmt: skip
    firing = schedules.run_now(row, cast.curator)
    after = Generation.objects.get(pk=firing.facts["generation"])
    assert (after.task, after.endpoint, after.generator, after.params) == (
        task,
        endpoint,
        before.generator,
        before.params,
    )
    assert (after.wanted, after.ceiling, str(after.money)[:3], after.created_by) == (5, 20, "1.5", cast.curator)
    assert after.seed != before.seed
    Job.objects.filter(pk=after.job_id).update(state="succeeded", ended_at="2026-01-01T00:00Z")
    Generation.objects.filter(pk=after.pk).update(state="complete", kept=5, dropped=2)
    schedules.follow()
    firing.refresh_from_db()
    assert told(firing) == [f"Generation {after.pk}, 5 kept, 2 dropped"]


def test_an_archived_endpoint_fails_with_words(cast):
    endpoint = synthesis.endpoint(cast.team, cast.owner, "http://127.0.0.1:1/v1")
    before = synthesis.start(cast, endpoint, 2, task=made_tasks.task(cast.team))
    type(endpoint).objects.update(archived_at="2026-01-01T00:00Z")
    row = make("more", lane=cast.team.lane, kind="generation", settings={"generation": before.pk, "wanted": 5})
    assert fire(row).error_code == "endpoint.archived"
