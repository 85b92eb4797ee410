"""Vectors of a pool: made once, whole or not at all, gone with the pool."""

import errno

import numpy as np
import pytest

from config.faults import Fault
from jobs import actions as jobs
from selection import store
from selection.actions import pools
from selection.models import Feature, Run
from selection.running import features
from tests.selection import made

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def target(cast):
    return made.target(cast.team, [row for row in made.rows(200, seed=9) if row["source"] == "sums"][:9])


def steps_of(run, name):
    return run.job.steps.filter(payload__stage="map", pass_index=run.job.passes.get(name=name).index).count()


def test_a_second_run_finds_the_vectors_made(cast, target, monkeypatch):
    monkeypatch.setattr(features, "FEATURE_ROWS", 64)
    pool = made.pool(cast.team, made.rows(300), cuts=(130,))
    first = made.run(cast.team, pool, target, method="embedding", budget="20")
    files = list(Feature.objects.values_list("shard__index", "start", "stop", "dims"))
    assert files == [
        (0, 0, 64, 256), (0, 64, 128, 256), (0, 128, 130, 256), (1, 0, 64, 256), (1, 64, 128, 256), (1, 128, 170, 256),
    ]  # fmt: skip
    assert steps_of(first, "encode") == 6
    again = made.run(cast.team, pool, target, method="classifier", features="static", budget="20")
    assert again.job.state == "succeeded"
    assert steps_of(again, "encode") == 0
    assert Feature.objects.count() == 6
    prompts = made.run(cast.team, pool, target, method="embedding", view="prompt", budget="20")
    assert steps_of(prompts, "encode") == 6, "another view has other vectors"


def test_the_files_hold_the_vectors_in_the_order_of_the_pool(cast, target, monkeypatch):
    from selection.encoders import load

    monkeypatch.setattr(features, "FEATURE_ROWS", 64)
    pool = made.pool(cast.team, made.rows(150), cuts=(70,))
    made.run(cast.team, pool, target, method="embedding", budget="5")
    name = Feature.objects.first().name
    shards = list(pool.shards.order_by("index"))
    from selection.running.inputs import WholePool

    expected = load("static").encode(WholePool(shards).load("text")).astype(np.float16)
    np.testing.assert_array_equal(features.of_pool(shards, name), expected)
    np.testing.assert_array_equal(features.of_shard(shards[0], name, 60, 70), expected[60:70])


def test_a_full_disk_keeps_what_was_finished_and_a_resume_makes_the_rest(cast, target, monkeypatch):
    monkeypatch.setattr(features, "FEATURE_ROWS", 64)
    pool = made.pool(cast.team, made.rows(200))
    write, written = np.lib.format.write_array, []

    def full(file, array, **options):
        if array.dtype == np.float16:  # other arrays are parts of the run
            if len(written) == 2:
                raise OSError(errno.ENOSPC, "No space left on device")
            written.append(len(array))
        write(file, array, **options)

    monkeypatch.setattr(np.lib.format, "write_array", full)
    run = made.run(cast.team, pool, target, method="embedding", budget="10")
    assert (run.job.state, run.job.error_code) == ("failed", "store.full")
    assert Feature.objects.count() == 2
    there = list(store.root()[0].find(f"{store.root()[1]}/features/{pool.pk}"))
    assert len(there) == 2, "no half-written file is left"
    monkeypatch.setattr(np.lib.format, "write_array", write)
    jobs.resume(job=run.job)
    made.end(run)
    run = Run.objects.get(pk=run.pk)
    assert (run.job.state, run.picks_count) == ("succeeded", 10)
    assert Feature.objects.count() == 4


def test_a_changed_file_is_named_and_never_read(cast, target):
    pool = made.pool(cast.team, made.rows(60))
    made.run(cast.team, pool, target, method="embedding", budget="5")
    one = Feature.objects.get()
    place = store.local_path(one.path, one.sha256)
    place.write_bytes(place.read_bytes()[:-2] + b"xx")
    with pytest.raises(Fault) as caught:
        features.of_shard(one.shard, one.name)
    assert caught.value.code == "store.damaged"


def test_vectors_go_with_the_pool(cast, target):
    pool = made.pool(cast.team, made.rows(60))
    made.run(cast.team, pool, target, method="embedding", budget="5")
    path = Feature.objects.get().path
    assert store.exists(path)
    pools.delete_pool(pool=pool, by=cast.owner, with_runs=True)
    assert not Feature.objects.exists()
    assert not store.exists(path)


@pytest.mark.parametrize("params", [{"encoder": "other", "model": "/no/such/folder"}, {"encoder": "other"}])
def test_a_model_that_is_not_there_fails_with_its_mend_before_a_row_is_read(cast, target, params):
    pool = made.pool(cast.team, made.rows(60))
    run = made.run(cast.team, pool, target, method="embedding", budget="5", **params)
    assert (run.job.state, run.job.error_code) == ("failed", "run.params")
    assert "model" in run.job.error_what
    assert not Feature.objects.exists()


def test_target_rows_among_the_picks_are_a_warning(cast):
    rows = made.rows(80)
    pool = made.pool(cast.team, rows)
    leaky = made.target(cast.team, [row for row in rows if row["source"] == "sums"][:3], name="Leaky")
    run = made.run(cast.team, pool, leaky, method="bm25", aggregation="max", budget="10")
    assert any(line.startswith("3 of the picks are rows of the target itself.") for line in run.facts["warnings"])
    clean = made.run(cast.team, pool, leaky, method="bm25", budget="10", options={"decontaminate": str(leaky.pk)})
    assert not any("of the target itself" in line for line in clean.facts["warnings"])


def test_the_proposed_fusion_runs_end_to_end(cast, target):
    """With the sentence encoder itself: its vectors are made once for the two methods that read them."""
    pool = made.pool(cast.team, made.rows(90))
    run = made.run(cast.team, pool, target, method="fusion", budget="10")
    assert run.job.state == "succeeded", (run.job.error_title, run.job.error_what)
    picks = list(run.picks.all())
    assert len(picks) == 10
    assert sum(pick.source == "sums" for pick in picks) >= 9, "rows of the target's kind come first"
    assert picks[0].reason[0]["text"].startswith("Rank ")
    assert "by Classifier (minilm)" in picks[0].reason[0]["text"]
    assert [one.name.split("-")[0] for one in Feature.objects.all()] == ["minilm"]
    assert run.manifest["libraries"]["torch"].startswith("2.13")
