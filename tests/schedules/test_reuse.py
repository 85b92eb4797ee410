"""Pass values kept between scheduled runs: what was read instead of computed gives the same scores to the bit."""

import numpy as np
import pytest

from jobs import queries as jobs
from jobs.models import Job
from selection import methods, store
from selection.actions import runs as actions
from selection.handlers.runs import Selection
from selection.methods.base import Ctx
from selection.models import PassValue, Run
from selection.running import reuse
from selection.running.inputs import Inputs
from tests.schedules.test_kinds import grow
from tests.selection import made

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr("jobs.wake.send", lambda counts: True)


@pytest.fixture
def pool(cast):
    return made.pool(cast.team, made.rows(120), cuts=(60,))


@pytest.fixture
def target(cast):
    return made.target(cast.team, made.rows(10, seed=3))


@pytest.fixture
def scores(monkeypatch):
    """{run key: {shard: score columns}} of every run, taken before its parts go."""
    found = {}
    real = Selection.succeeded

    def succeeded(self, job):
        inputs = Inputs.of(job)
        by_shard = {}
        for part in inputs.score_parts(job):
            by_shard.setdefault(part["shard"], []).append(methods.load(store.load_part(part["path"]))["score"])
        found[inputs.run.pk] = {shard: np.concatenate(some) for shard, some in by_shard.items()}
        real(self, job)

    monkeypatch.setattr(Selection, "succeeded", succeeded)
    return found


def run(pool, target, method, *, after=None, reuses=True, fits_of=(), seed=0, **params) -> Run:
    chosen = methods.METHODS[method]
    found = actions.start(
        team=pool.team, by=None, pool=pool, target=target, method=method, method_version=chosen.version,
        params=methods.params_dict(methods.parse_params(chosen.Params, params)), budget="20", seed=seed, reuses=reuses,
        options=methods.params_dict(methods.parse_params(methods.Options, {})), after=after, fits_of=fits_of,
    )  # fmt: skip
    made.end(found)
    assert found.job.state == "succeeded", found.job.error_what
    return found


def keys(found):
    return list(found.picks.order_by("rank").values_list("key", "score"))


ALL = [
    ("zipfit", {}), ("bm25", {}), ("dsir", {}), ("classifier", {}), ("quality", {}), ("random", {"balance": "source"}),
    ("zipfit", {"mode": "anchored", "keep": 20, "sample": 40, "audit": 20}), ("dedup", {}),
    ("cascade", {"first": "bm25", "then": "zipfit", "audit": 20}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "params"), ALL, ids=lambda value: value if isinstance(value, str) else "")
def test_a_run_that_reuses_picks_what_one_that_computes_picks(pool, target, method, params, scores):
    first = run(pool, target, method, **params)
    grow(pool)
    second = run(pool, target, method, after=first, **params)
    plain = run(pool, target, method, reuses=False, **params)
    assert keys(second) == keys(plain)
    assert all(np.array_equal(scores[second.pk][at], scores[plain.pk][at], equal_nan=True) for at in range(3))


@pytest.mark.parametrize(("method", "old"), [("zipfit", 120), ("quality", 120), ("bm25", 0), ("dsir", 0)])
def test_only_what_the_growth_can_change_is_computed_again(pool, target, method, old, monkeypatch):
    """ZIP-FIT and quality look at a row and the target; BM25 and DSIR at how often words come in the whole pool."""
    first = run(pool, target, method)
    assert first.facts.get("reused", 0) == 0
    grow(pool)
    second = run(pool, target, method, after=first)
    assert second.facts.get("reused", 0) == old
    counted = [part for part in jobs.results(second.job, Inputs(second).passes[0].name) if "reused" in part]
    assert sum(part["reused"] for part in counted) == 120  # also the counts of the old shards are taken


@pytest.mark.parametrize("method", ["bm25", "dsir", "classifier"])
def test_a_frozen_fit_leaves_old_scores_where_they_were(pool, target, method, scores):
    first = run(pool, target, method)
    assert set(first.fits) == set(reuse.FITS[method])
    grow(pool)
    second = run(pool, target, method, after=first, fits_of=[first.pk])
    assert second.fit_id == first.pk
    assert second.facts["reused"] == 120
    assert all(np.array_equal(scores[first.pk][at], scores[second.pk][at], equal_nan=True) for at in range(2))
    assert len(scores[second.pk][2]) == 60
    moved = run(pool, target, method, after=second)
    assert any(not np.array_equal(scores[first.pk][at], scores[moved.pk][at], equal_nan=True) for at in range(2))
    grow(pool, seed=9)
    third = run(pool, target, method, after=second, fits_of=[first.pk, second.pk])
    assert (third.fit_id, third.picks_count) == (first.pk, 20)  # always the first one


def test_another_target_seed_or_setting_shares_nothing(cast, pool, target):
    first = run(pool, target, "zipfit")
    other = made.target(cast.team, made.rows(4, seed=8), name="Others")
    assert run(pool, other, "zipfit", after=first).facts.get("reused", 0) == 0
    assert run(pool, target, "zipfit", aggregation="max").facts.get("reused", 0) == 0
    assert reuse.fit_for(run(pool, other, "bm25"), [run(pool, target, "bm25").pk]) is None
    first = run(pool, target, "random", seed=1)
    assert run(pool, target, "random", seed=2, after=first).facts.get("reused", 0) == 0


def test_a_changed_mapping_is_read_anew(pool, target):
    first = run(pool, target, "zipfit")
    pool.shards.filter(index=0).update(mapping_sha="0" * 64)
    assert run(pool, target, "zipfit", after=first).facts["reused"] == 60


def test_a_value_whose_file_is_gone_is_computed_again(pool, target):
    first = run(pool, target, "zipfit")
    store.delete(PassValue.objects.first().path)
    second = run(pool, target, "zipfit", after=first)
    assert second.facts["reused"] == 60
    assert keys(second) == keys(first)


def test_superseded_values_go(pool, target, django_capture_on_commit_callbacks):
    first = run(pool, target, "bm25")
    before = PassValue.objects.count()
    grow(pool)
    with django_capture_on_commit_callbacks(execute=True):
        run(pool, target, "bm25", after=first)
    # Counts of three shards and scores of three; the scores of the old fit are gone with their files.
    assert (before, PassValue.objects.count()) == (4, 6)
    assert sum(store.size(one.path) for one in PassValue.objects.all()) == store.usage(f"passes/{pool.pk}")


def test_values_of_a_run_that_failed_stay_while_it_may_be_resumed(pool, target):
    failed, other = run(pool, target, "bm25"), run(pool, target, "zipfit")
    Job.objects.filter(pk=failed.job_id).update(state="failed", error_code="x")
    count = PassValue.objects.filter(run=failed).count()
    run(pool, target, "zipfit", after=other)
    assert PassValue.objects.filter(run=failed).count() == count
    PassValue.objects.filter(run=failed).update(created_at="2026-01-01T00:00Z")
    run(pool, target, "zipfit", after=other)
    assert not PassValue.objects.filter(run=failed).exists()


def test_what_a_map_looks_at_is_seen():
    seen = set()
    ctx = reuse.watched(Ctx(None, rows=7, wanted=3), seen)
    assert (ctx.seed, seen) == (0, set())
    assert (ctx.rows, seen) == (7, {"rows"})
    assert (ctx.wanted, seen) == (3, {"rows", "wanted"})


def test_an_ordinary_run_keeps_nothing(pool, target):
    found = run(pool, target, "bm25", reuses=False)
    assert not PassValue.objects.exists()
    assert found.fits == {}
