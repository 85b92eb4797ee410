"""Sparse autoencoders of a team: trained, measured, refused, loaded, kept and thrown away."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from config.faults import Fault
from curation.models import AuditEvent
from jobs import actions as jobs
from jobs import runner
from selection import store
from selection.actions import pools as pool_actions
from selection.actions import saes as actions
from selection.encoders import sae as encoders
from selection.encoders.base import EncoderError
from selection.models import Run, SparseAutoencoder
from selection.running import saes as files
from selection.running import training
from tests.selection import made
from tests.selection.saes import end, load, train

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pool(cast):
    return made.pool(cast.team, made.rows(200), cuts=(120,))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of a trained one, as they lie on a disk; made by the first test that trains."""
    return tmp_path_factory.mktemp("sae")


def kept(sae, folder: Path) -> Path:
    for file in sae.files:
        shutil.copyfile(store.local_path(file["path"], file["sha256"]), folder / file["name"])
    return folder


def test_one_is_trained_on_a_pool_and_found_by_its_identity(cast, pool, folder):
    sae = train(cast.team, pool, by=cast.curator)
    assert (sae.job.state, sae.job.error_what) == ("succeeded", "")
    assert (sae.verdict, sae.why, sae.may_be_used) == ("passed", "", True)
    assert sae.fvu < 0.3
    assert sae.dead < 0.2
    assert (sae.layer, sae.d_in, sae.latents, sae.k) == (3, 32, 128, 12)  # two thirds of four blocks
    assert sae.tokens >= 40_000
    found = encoders.load(sae.identity)
    assert (found.identity, found.latents, found.layer, found.model) == (sae.identity, 128, 3, sae.model)
    # Hidden states and checkpoints have done their work; the three files are all that is left.
    assert store.usage(f"saes/{sae.pk}") == sae.bytes == sum(file["bytes"] for file in sae.files)
    assert AuditEvent.objects.get(action="sae.trained").actor_id == cast.curator.pk
    kept(sae, folder)


def test_how_training_is_cut_changes_nothing(cast, pool, monkeypatch):
    whole = train(cast.team, pool, tokens=12_000)
    monkeypatch.setattr(training, "FIRST", 3)
    monkeypatch.setattr(training, "SECONDS", 0.02)
    cut = train(cast.team, pool, tokens=12_000, name="In many chunks")
    assert cut.job.passes.filter(name__startswith="train-").count() > 3
    assert whole.job.passes.filter(name__startswith="train-").count() == 2
    assert cut.identity == whole.identity


def test_a_cancelled_training_goes_on_to_the_same_end(cast, pool, monkeypatch):
    quiet = train(cast.team, pool, tokens=12_000)
    monkeypatch.setattr(training, "FIRST", 4)
    monkeypatch.setattr(training, "SECONDS", 0.02)
    sae = train(cast.team, pool, tokens=12_000, name="Stopped", finish=False)
    while sae.job.passes.filter(name__startswith="train-").count() < 3:
        runner.run(runner.take("", job=sae.job))
    actions.cancel(sae=sae, by=cast.curator)
    sae.refresh_from_db()
    assert (sae.job.state, sae.state, sae.may_be_used) == ("cancelled", "cancelled", False)
    done = sae.job.steps.filter(state="done").count()
    actions.resume(sae=sae, by=cast.curator)
    end(sae)
    assert sae.identity == quiet.identity
    assert sae.job.steps.filter(state="done", attempt=1).count() >= done
    assert list(AuditEvent.objects.filter(target__contains="sparse").values_list("action", flat=True).order_by("pk"))[
        -2:
    ] == ["sae.cancelled", "sae.resumed"]


def test_one_that_has_learned_too_little_is_refused(cast, pool):
    sae = train(cast.team, pool, tokens=1_000, k=2)
    assert (sae.job.state, sae.verdict, sae.may_be_used) == ("succeeded", "refused", False)
    assert "of the variance unexplained, and 30% is the most. Train on more tokens" in sae.why
    with pytest.raises(Fault, match="did not pass its check"):
        actions.usable(cast.team, sae.identity)


def test_too_few_rows_are_said_to_be_too_few(cast):
    sae = train(cast.team, made.pool(cast.team, made.rows(9)))
    assert (sae.job.state, sae.job.error_code, sae.verdict) == ("failed", "sae.too_little", "")
    assert "1,000 are the least" in sae.job.error_what


@pytest.mark.parametrize(("changed", "what"), [
    ({"model": "/nowhere/at/all"}, "does not exist"), ({"layer": 9}, "no layer 9"),
    ({"k": 200}, "128 features, and k is 200"),
])  # fmt: skip
def test_settings_that_cannot_be_fail_with_the_mend(cast, pool, changed, what):
    sae = train(cast.team, pool, **changed)
    assert (sae.job.state, sae.job.error_code) == ("failed", "sae.cannot")
    assert what in sae.job.error_what
    assert sae.job.error_advice


def test_a_pool_that_goes_meanwhile_is_named(cast, pool):
    sae = train(cast.team, pool, finish=False)
    pool_actions.delete_pool(pool=pool, by=cast.owner)
    end(sae)
    assert (sae.job.state, sae.job.error_code, sae.pool) == ("failed", "sae.pool_gone", None)


# --- loading ---


def sent(folder: Path, name: str, weights="sae.safetensors") -> dict[str, str]:
    """Two received files in the storage."""
    for source, kind in ((folder / weights, "weights"), (folder / "cfg.json", "config")):
        with store.writing(f"uploads/{name}-{kind}") as file:
            file.write(source.read_bytes())
    return {kind: f"uploads/{name}-{kind}" for kind in ("weights", "config")}


@pytest.fixture
def trained(cast, pool, folder):
    """The folder of a trained one, without what only Winnow writes."""
    if not (folder / "cfg.json").exists():
        kept(train(cast.team, pool, name="For its files"), folder)
    return folder


def test_files_from_elsewhere_are_measured_and_kept(cast, pool, trained):
    source = sent(trained, "good")
    sae = load(cast.team, pool, source, layer=3)
    assert (sae.verdict, sae.why, sae.layer) == ("passed", "", 3)
    assert sae.fvu < 0.3
    assert encoders.load(sae.identity).model == sae.model
    assert not any(store.exists(path) for path in source.values())


def test_the_layer_is_measured_not_believed(cast, pool, trained):
    """Old checkpoints count what goes into a block: they say 2 where the hidden states are those behind block 3."""
    sae = load(cast.team, pool, sent(trained, "early"), layer=2)
    assert (sae.verdict, sae.layer) == ("passed", 3)


def test_one_without_a_layer_is_refused_with_what_is_missing(cast, pool, trained):
    sae = load(cast.team, pool, sent(trained, "nowhere"))
    assert (sae.verdict, sae.job.state, sae.files) == ("refused", "succeeded", [])
    assert "Give the layer" in sae.why


def changed_weights(folder: Path, place: Path, change) -> Path:
    from safetensors.numpy import load_file, save_file

    arrays = load_file(folder / "sae.safetensors")
    config = json.loads((folder / "cfg.json").read_text())
    change(arrays, config)
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, place / "sae.safetensors")
    (place / "cfg.json").write_text(json.dumps(config))
    return place


def test_weights_that_give_nothing_back_are_refused(cast, pool, trained, tmp_path):
    def spoil(arrays, config):
        arrays["W_dec"] = np.roll(arrays["W_dec"], 1, axis=0)

    sae = load(cast.team, pool, sent(changed_weights(trained, tmp_path, spoil), "spoilt"), layer=3)
    assert (sae.verdict, sae.files, sae.identity) == ("refused", [], "")
    assert "of the variance of layer" in sae.why
    assert store.usage(f"saes/{sae.pk}") == 0


def test_weights_of_another_width_are_refused(cast, pool, trained, tmp_path):
    def narrow(arrays, config):
        config["d_in"] = 16
        for name in ("encoder.weight", "W_dec"):
            arrays[name] = arrays[name][:, :16]
        arrays["b_dec"] = arrays["b_dec"][:16]

    sae = load(cast.team, pool, sent(changed_weights(trained, tmp_path, narrow), "narrow"), layer=3)
    assert sae.verdict == "refused"
    assert "reads vectors of 16 numbers" in sae.why


def test_files_that_do_not_belong_together_are_a_fault(cast, pool, trained, tmp_path):
    def lie(arrays, config):
        config["num_latents"] = 7

    sae = load(cast.team, pool, sent(changed_weights(trained, tmp_path, lie), "lie"), layer=3)
    assert (sae.job.state, sae.job.error_code, sae.verdict) == ("failed", "sae.cannot", "")
    assert "damaged" in sae.job.error_advice


def test_a_release_of_sae_lens_is_converted(cast, pool, trained, tmp_path):
    from safetensors.numpy import load_file, save_file

    ours = load_file(trained / "sae.safetensors")
    theirs = {
        "W_enc": ours["encoder.weight"].T, "b_enc": ours["encoder.bias"], "W_dec": ours["W_dec"], "b_dec": ours["b_dec"],
    }  # fmt: skip
    save_file(
        {name: np.ascontiguousarray(array) for name, array in theirs.items()}, tmp_path / "sae_weights.safetensors"
    )
    config = {"architecture": "topk", "k": 12, "d_in": 32, "d_sae": 128, "hook_name": "blocks.2.hook_resid_post"}
    (tmp_path / "cfg.json").write_text(json.dumps(config))
    sae = load(cast.team, pool, sent(tmp_path, "lens", "sae_weights.safetensors"))
    assert (sae.verdict, sae.why, sae.layer, sae.latents) == ("passed", "", 3, 128)


# --- keeping and throwing away ---


def used_by(team, pool, sae) -> Run:
    run = made.run(team, pool, None, budget="5")
    Run.objects.filter(pk=run.pk).update(params={"sae": sae.identity})
    return run


def test_what_a_run_used_is_archived_not_deleted(cast, pool):
    sae = train(cast.team, pool, tokens=30_000)
    run = used_by(cast.team, pool, sae)
    with pytest.raises(Fault, match=f"was used by run {run.number}, and runs must stay repeatable"):
        actions.delete(sae=sae, by=cast.owner)
    actions.archive(sae=sae, by=cast.owner)
    sae.refresh_from_db()
    assert not sae.may_be_used
    assert encoders.load(sae.identity).latents == sae.latents  # an old run can still be repeated
    with pytest.raises(Fault, match="is archived"):
        actions.usable(cast.team, sae.identity)
    actions.archive(sae=sae, by=cast.owner, back=True)
    assert actions.usable(cast.team, sae.identity) == sae
    with pytest.raises(Fault, match="is not one of the team"):
        actions.usable(cast.other_team, sae.identity)


def test_one_that_a_run_works_with_is_not_archived(cast, pool):
    sae = train(cast.team, pool, tokens=30_000)
    run = made.run(cast.team, pool, None, budget="5", finish=False)
    Run.objects.filter(pk=run.pk).update(params={"sae": sae.identity})
    with pytest.raises(Fault, match=f"was used by run {run.number}"):
        actions.archive(sae=sae, by=cast.owner)


def test_deleting_takes_files_and_job_along(cast, pool):
    sae = train(cast.team, pool, finish=False)
    with pytest.raises(Fault, match="still being made"):
        actions.delete(sae=sae, by=cast.owner)
    runner.run(runner.take("", job=sae.job))
    jobs.cancel(job=sae.job)
    assert store.usage(f"saes/{sae.pk}") > 0
    actions.delete(sae=sae, by=cast.owner)
    assert not SparseAutoencoder.objects.exists()
    assert store.usage(f"saes/{sae.pk}") == 0
    assert not type(sae.job).objects.filter(pk=sae.job_id).exists()


def test_a_name_is_taken_once(cast, pool):
    train(cast.team, pool, finish=False)
    with pytest.raises(Fault, match="already has a sparse autoencoder named Ward features"):
        train(cast.team, pool, finish=False)
    assert SparseAutoencoder.objects.count() == 1


def test_files_are_brought_again_where_they_are_missing_and_damage_is_named(cast, pool):
    sae = train(cast.team, pool, tokens=30_000)
    place = files.folder_of(sae.identity)
    shutil.rmtree(place)
    place.mkdir()  # what a process leaves that is killed at the wrong moment
    assert encoders.identity(sae.identity) == sae.identity
    shutil.rmtree(place)
    with store.writing(sae.files[1]["path"]) as file:
        file.write(b"nothing")
    with pytest.raises(EncoderError, match="sha256 differs"):
        files.folder_of(sae.identity)
    with pytest.raises(EncoderError, match="No team has"):
        files.folder_of("sae-000000000000")


# --- the order of training ---


def test_every_token_is_seen_once_an_epoch(tmp_path):
    states = np.arange(600, dtype=np.float32).reshape(300, 2) * 1000
    parts = [training.save_states(1, states[:200]), training.save_states(1, states[200:])]
    held = training.States(parts)
    plan = training.Plan([], tokens=1_000, seed=3)
    assert plan.batch == 64
    assert len(held) == 300
    seen = np.concatenate(list(training.batches(held, plan, 0, 4)))[:, 0]
    assert len(np.unique(seen)) == 256
    again = np.concatenate(list(training.batches(held, plan, 2, 6)))[:, 0]
    assert np.array_equal(again[:128], seen[128:])  # taken up in the middle
    assert not np.array_equal(again[128:], seen[:128])  # another epoch, another order
    assert np.allclose(np.sort(held[np.arange(300)][:, 0]), states[:, 0], rtol=1e-3)
