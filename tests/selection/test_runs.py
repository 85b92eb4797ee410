"""Runs carried out on the real engine: the same picks everywhere, facts and manifest that are true, cancel and resume."""

import json
import threading

import numpy as np
import pytest

from config.faults import Fault
from curation.content import Mapping
from jobs import actions as jobs
from jobs.models import Job, Step
from jobs.runner import drain, run_job
from selection import methods, store
from selection.actions import runs as actions
from selection.methods import select
from selection.models import Pick, Pool, Run, Target
from tests.selection import made
from tests.tiny_lm import tiny
from tests.tiny_sae import tiny_sae

pytestmark = pytest.mark.django_db(transaction=True)

CASES = [
    ("random", {}, {}, "25"),
    ("random", {"balance": "source"}, {}, "10%"),
    ("bm25", {}, {}, "40"),
    ("bm25", {"aggregation": "round_robin"}, {"source_cap": 0.5}, "40"),
    ("zipfit", {}, {"near_duplicates": 0.8, "min_chars": 40}, "30"),
    ("zipfit", {"variant": "paper", "view": "prompt"}, {}, "2000tok"),
    ("zipfit", {"mode": "anchored"}, {}, "30"),
    ("zipfit", {"mode": "anchored", "keep": 20, "sample": 80, "audit": 20}, {}, "10"),
    ("dsir", {}, {}, "30"),
    ("embedding", {}, {}, "30"),
    ("embedding", {"aggregation": "round_robin"}, {"source_cap": 0.5}, "30"),
    ("embedding", {"search": "ivf"}, {}, "10"),
    ("classifier", {"features": "static"}, {}, "30"),
    ("fusion", {"methods": "bm25, classifier:features=static, embedding"}, {}, "30"),
    ("cascade", {"first": "bm25", "then": "embedding", "audit": 20}, {}, "10"),
    ("bm25", {}, {"spread": "k_center", "spread_over": 3}, "20"),
    ("mona", {"sae": tiny_sae(), "tokens": 64, "entries": 32}, {}, "20"),
    ("mona", {"sae": tiny_sae(), "tokens": 64, "keep": False, "aggregation": "round_robin"}, {}, "20"),
    ("tsds", {}, {}, "20"),
    ("k_center", {}, {}, "20"),
    ("semdedup", {}, {}, "20"),
    ("dedup", {}, {}, "20"),
    ("rds_plus", {"model": tiny(), "tokens": 64}, {}, "20"),
    ("perplexity", {"model": tiny(), "tokens": 64}, {}, "20"),
    ("ifd", {"model": tiny(), "tokens": 64}, {}, "20"),
    ("cascade", {"first": "bm25", "then": f"rds_plus:model={tiny()};tokens=64", "audit": 20}, {}, "10"),
]


def keyed(data):
    return [{"id": f"row-{number:04d}", **row} for number, row in enumerate(data)]


@pytest.fixture
def data():
    rows = made.rows(400)
    return rows + rows[:7]  # some come twice


@pytest.fixture
def goal():
    return [row for row in made.rows(200, seed=9) if row["source"] == "sums"][:6]


def picks_of(run: Run) -> list[tuple]:
    assert run.job.state == "succeeded", (run.job.error_title, run.job.error_what)
    return [(pick.rank, pick.key, round(pick.score, 6)) for pick in run.picks.all()]


@pytest.mark.parametrize(("method", "params", "options", "budget"), CASES)
def test_the_same_picks_as_the_library_however_the_pool_is_cut(cast, data, goal, method, params, options, budget):  # noqa: PLR0917
    rows = keyed(data)
    mapping = Mapping(instruction="instruction", input="input", output="output", source="source", id="id")
    target = made.target(cast.team, goal) if methods.METHODS[method].needs_target else None
    found = []
    for name, cuts in (("whole", ()), ("cut", (31, 32, 250))):
        pool = made.pool(cast.team, rows, name=name, cuts=cuts, mapping=mapping)
        run = made.run(cast.team, pool, target, method=method, budget=budget, options=options, seed=3, **params)
        found.append(picks_of(run))
    there = select(
        rows, goal if target else None, method=method, budget=budget, seed=3,
        options=methods.parse_params(methods.Options, options), **params,
    )  # fmt: skip
    expected = [(pick.rank, pick.key, round(pick.score, 6)) for pick in there]
    assert found[0] == found[1] == expected
    assert len(expected) > 5


def test_the_same_picks_on_two_workers_at_once(cast, data, goal, monkeypatch):
    monkeypatch.setattr("selection.running.inputs.slots", lambda queue: 4)
    monkeypatch.setattr(methods.METHODS["bm25"].__class__, "seconds", lambda *_: 100.0)
    pool = made.pool(cast.team, data, cuts=(100, 300))
    target = made.target(cast.team, goal)
    alone = made.run(cast.team, pool, target, method="bm25", budget="50")
    shared = made.run(cast.team, pool, target, method="bm25", budget="50", finish=False)
    assert shared.job.steps.count() > 3

    def work():
        from django.db import connection

        while not Job.objects.get(pk=shared.job_id).is_final:
            drain("cpu")
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    shared.refresh_from_db()
    assert picks_of(shared) == picks_of(alone)


def test_what_a_run_leaves_behind(cast, data, goal):
    pool = made.pool(cast.team, data, cuts=(200,))
    target = made.target(cast.team, goal)
    run = made.run(cast.team, pool, target, method="bm25", budget="30", options={"source_cap": 0.5}, seed=5)
    picks = list(run.picks.all())
    assert [pick.rank for pick in picks] == list(range(1, 31))
    assert run.picks_count == 30
    # Every pick is the row that it says it is.
    shards = {shard.pk: shard for shard in pool.shards.all()}
    for pick in picks:
        row = store.rows(shards[pick.shard_id], pick.row, pick.row + 1).to_pylist()[0]
        assert (row["_key"], row["_source"], row["_chars"]) == (pick.key, pick.source, pick.chars)
        assert pick.excerpt[:20] == row["instruction"][:20]
        assert {reason["kind"] for reason in pick.reason} == {"terms", "near"}
    # Half of the picks at most from one source, and the page says how the pool looks beside them.
    facts = run.facts
    by = {entry["source"]: entry for entry in facts["sources"]}
    assert max(entry["picks"] for entry in by.values()) == 15
    assert sum(entry["pool"] for entry in by.values()) == sum(facts["lengths"]["pool"]) == len(data)
    assert sum(facts["lengths"]["picks"]) == sum(facts["lengths"]["control"]) == 30
    assert sum(facts["scores"]["counts"]) == len(data)
    assert facts["scores"]["cut"] == pytest.approx(picks[-1].score)
    manifest = run.manifest
    assert manifest["method"] == {
        "name": "bm25", "version": methods.METHODS["bm25"].version, "params": run.params,
    }  # fmt: skip
    assert manifest["target"]["sha256"] == run.target_sha == Target.objects.get().sha256
    assert [s["sha256"] for s in manifest["pool"]["shards"]] == [s.sha256 for s in pool.shards.all()]
    assert {"python", "numpy", "pyarrow", "zlib", "torch", "sentence-transformers", "scikit-learn"} <= set(
        manifest["libraries"]
    )
    assert manifest["counts"]["picks"] == 30
    assert manifest["counts"]["skipped"]["source_cap"] > 0
    assert manifest["timings"]["seconds"] > 0
    json.dumps(manifest)
    # Of its files only the picked rows stay.
    assert store.usage(f"runs/{run.pk}") == run.bytes > 0


def test_facts_agree_with_the_rows(cast, data):
    pool = made.pool(cast.team, data, cuts=(33, 90))
    run = made.run(cast.team, pool, None, method="random", budget="400", options={"exact_duplicates": False})
    scores = {pick.key: pick.score for pick in run.picks.all()}
    assert len(scores) == 400
    chars, values = zip(*((pick.chars, pick.score) for pick in run.picks.all()), strict=True)
    assert run.facts["length_correlation"] == pytest.approx(np.corrcoef(values, chars)[0, 1], abs=0.05)


def test_fewer_picks_than_asked_for_say_why(cast, data):
    pool = made.pool(cast.team, data)
    run = made.run(cast.team, pool, None, budget="400", options={"max_chars": 200})
    assert 0 < run.picks_count < 400
    assert f"{run.picks_count} of the 400 rows asked for could be picked" in run.facts["warnings"][0]
    assert "the greatest length" in run.facts["warnings"][0]
    none = made.run(cast.team, pool, None, budget="10", options={"max_chars": 1})
    assert none.job.state == "succeeded"
    assert none.picks_count == 0
    assert "0 of the 10 rows" in none.facts["warnings"][0]


def test_a_method_that_follows_length_is_called_out(cast):
    data = [{"instruction": "word " * (n % 90 + 1) + str(n), "output": "x", "source": "a"} for n in range(200)]
    target = made.target(cast.team, [{"instruction": "word word", "input": "", "output": "x"}])
    pool = made.pool(cast.team, data, mapping=Mapping(instruction="instruction", output="output", source="source"))
    run = made.run(cast.team, pool, target, method="zipfit", variant="paper", budget="20")
    assert abs(run.facts["length_correlation"]) > 0.5
    assert "Score and length go together" in " ".join(run.facts["warnings"])


def test_exact_duplicates_are_picked_once_also_where_the_content_is_the_key(cast, data):
    pool = made.pool(cast.team, data, cuts=(150,))
    assert pool.rows == 407
    run = made.run(cast.team, pool, None, budget="407")
    assert run.picks_count == 400
    assert run.facts["skipped"] == {"exact_duplicates": 7}
    assert made.run(cast.team, pool, None, budget="407", options={"exact_duplicates": "no"}).picks_count == 407


def test_rows_added_later_are_not_seen(cast, data):
    pool = made.pool(cast.team, data[:300])
    run = made.run(cast.team, pool, None, budget="300", finish=False, options={"exact_duplicates": False})
    more = made.pool(cast.team, data[300:], name="More")
    more.shards.update(pool=pool, index=1)
    made.end(run)
    assert run.picks_count == 300
    assert run.rows == 300


def test_cancel_keeps_what_is_done_and_resume_goes_on(cast, data, goal):
    pool = made.pool(cast.team, data, cuts=(100, 200, 300))
    target = made.target(cast.team, goal)
    whole = picks_of(made.run(cast.team, pool, target, method="bm25"))
    run = made.run(cast.team, pool, target, method="bm25", finish=False)
    done = threading.Event()

    def stop(job: Job) -> None:
        if job.steps.filter(state="done").count() >= 2 and not done.is_set():
            done.set()
            actions.cancel(run=run, by=cast.curator)

    run_job(run.job, watch=stop)
    run.job.refresh_from_db()
    assert run.job.state == "cancelled"
    assert not run.picks.exists()
    kept = set(run.job.steps.filter(state="done").values_list("pk", "ended_at"))
    assert len(kept) == 2
    actions.resume(run=run, by=cast.curator)
    made.end(run)
    assert picks_of(run) == whole
    assert kept <= set(run.job.steps.values_list("pk", "ended_at"))


def test_a_running_map_stops_within_a_moment(cast, data, goal, monkeypatch):
    """The method ticks, the tick asks the lease, the cancel is heard."""
    pool = made.pool(cast.team, data)
    run = made.run(cast.team, pool, made.target(cast.team, goal), method="zipfit", finish=False)
    ticks = []

    def slow(shard, ctx):
        for done in range(1000):
            ticks.append(done)
            if done == 3:
                jobs.cancel(job=Job.objects.get(pk=run.job_id))
            ctx.tick(done)
            threading.Event().wait(0.02)
        raise AssertionError("nobody stopped it")

    whole = methods.METHODS["zipfit"].passes
    monkeypatch.setattr(
        methods.METHODS["zipfit"].__class__, "passes", lambda self, params: [whole(params)[-1]._replace(map=slow)]
    )
    run_job(run.job)
    assert run.job.state == "cancelled"
    assert len(ticks) < 200


def test_a_step_that_runs_twice_changes_nothing(cast, data):
    pool = made.pool(cast.team, data, cuts=(200,))
    run = made.run(cast.team, pool, None, budget="30")
    before = list(run.picks.values())
    step = Step.objects.get(job=run.job, payload__stage="collect", payload__shard=0)
    from selection.handlers.runs import insert_picks

    insert_picks(run.pk, step.result)
    after = list(run.picks.values())
    assert [{**row, "id": 0} for row in after] == [{**row, "id": 0} for row in before]


def test_a_damaged_shard_fails_the_run_with_advice(cast, data):
    pool = made.pool(cast.team, data)
    run = made.run(cast.team, pool, None, finish=False)
    shard = pool.shards.get()
    path = store.local_path(shard.path, shard.sha256)
    path.write_bytes(path.read_bytes()[:-9] + b"x" * 9)
    made.end(run)
    assert run.job.state == "failed"
    assert run.job.error_code == "store.damaged"
    assert run.job.error_advice


def test_another_version_of_the_method_is_refused(cast, data):
    run = made.run(cast.team, made.pool(cast.team, data), None, finish=False)
    Run.objects.filter(pk=run.pk).update(method_version="0")
    made.end(run)
    assert run.job.error_code == "run.other_version"


def test_an_empty_pool_and_a_running_run(cast, data):
    with pytest.raises(Fault, match="no row that could be picked"):
        made.run(cast.team, Pool.objects.create(team=cast.team, name="Empty"), None)
    assert not Run.objects.exists()
    assert not Job.objects.exists()
    run = made.run(cast.team, made.pool(cast.team, data), None, finish=False)
    with pytest.raises(Fault, match="still has work"):
        actions.delete(run=run, by=cast.curator)


def test_numbers_count_within_the_team_and_the_target_freezes(cast, data, goal):
    pool, target = made.pool(cast.team, data), made.target(cast.team, goal)
    other = made.pool(cast.other_team, data)
    numbers = [
        made.run(cast.team, pool, target, method="bm25", finish=False).number,
        made.run(cast.other_team, other, None, finish=False).number,
        made.run(cast.team, pool, None, finish=False).number,
    ]
    assert numbers == [1, 1, 2]
    target.refresh_from_db()
    assert target.is_frozen


def test_a_deleted_run_leaves_nothing(cast, data):
    run = made.run(cast.team, made.pool(cast.team, data), None)
    assert store.usage(f"runs/{run.pk}") > 0
    actions.delete(run=run, by=cast.curator)
    assert not Pick.objects.exists()
    assert not Job.objects.exists()
    assert store.usage(f"runs/{run.pk}") == 0


def test_long_rows_make_smaller_steps(cast, monkeypatch):
    """A step is to last seconds, also where rows are a hundred times as long as usual."""
    monkeypatch.setattr(methods.METHODS["zipfit"].__class__, "seconds", lambda *_: 0.0)
    data = made.rows(300)
    monkeypatch.setattr("selection.methods.zipfit._rows_per_item", lambda ctx: 200)
    plain = made.pool(cast.team, data)
    long = made.pool(cast.team, data, name="Long rows")
    long.shards.update(stats={"chars": 300 * 5_000})
    steps = {
        pool.name: made.run(cast.team, pool, made.target(cast.team, data[:3], name=pool.name), method="zipfit", finish=False)
        .job.steps.count()
        for pool in (plain, long)
    }  # fmt: skip
    assert steps == {"Open pool": 2, "Long rows": 15}
