"""Pages and API of sparse autoencoders: who may see them, what they show, what they take."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from curation.models import AuditEvent
from jobs import runner
from selection import store
from selection.models import SparseAutoencoder
from selection.running import training
from tests.curation.api.conftest import api, error
from tests.selection import made
from tests.selection.saes import end, train

__all__ = ["api"]  # the fixture
pytestmark = pytest.mark.django_db(transaction=True)
HX = {"HX-Request": "true"}


@pytest.fixture
def pool(cast):
    return made.pool(cast.team, made.rows(200), cuts=(120,))


@pytest.fixture
def waiting(cast, pool):
    """One whose job nobody has taken yet."""
    return train(cast.team, pool, finish=False, by=cast.curator)


def measured(cast, pool, **changed):
    """One that passed, without the work."""
    sae = train(cast.team, pool, finish=False, name=changed.pop("name", "Ward features"))
    facts = {
        "verdict": "passed", "identity": "sae-0123456789ab", "layer": 20, "d_in": 576, "latents": 4608, "k": 32,
        "fvu": 0.21, "dead": 0.01, "tokens": 400_000,
    }  # fmt: skip
    type(sae.job).objects.filter(pk=sae.job_id).update(state="succeeded", ended_at="2026-01-01T00:00Z")
    SparseAutoencoder.objects.filter(pk=sae.pk).update(**facts | changed)
    sae.refresh_from_db()
    sae.job.refresh_from_db()
    return sae


def body(answer) -> str:
    return " ".join(answer.content.decode().split())


def url(name, cast, sae=None):
    return reverse(name, args=[cast.team.slug if sae is None else sae.pk])


# --- who ---


def test_viewers_see_and_change_nothing(as_, cast, waiting):
    client = as_("viewer")
    for name, of in (("saes", None), ("sae", waiting)):
        page = body(client.get(url(name, cast, of)))
        assert "Ward features" in page
        assert not [word for word in ("/saes/new/", "/saes/load/", "/delete/", 'value="cancel"') if word in page]
    for name in ("sae_new", "sae_load"):
        assert client.get(url(name, cast)).status_code == 403
        assert client.post(url(name, cast)).status_code == 403
    for do in ("cancel", "archive", ""):
        assert client.post(url("sae", cast, waiting), {"do": do}).status_code == 403
    assert client.post(url("sae_delete", cast, waiting)).status_code == 403
    assert SparseAutoencoder.objects.get().state == "queued"


def test_one_of_another_team_is_not_there(client, cast, waiting):
    client.force_login(cast.stranger)
    for name in ("sae", "sae_delete"):
        assert client.get(url(name, cast, waiting)).status_code == 404
        assert client.post(url(name, cast, waiting), {"do": "cancel"}).status_code == 404
    theirs = made.pool(cast.other_team, made.rows(20), name="Theirs")
    client.force_login(cast.curator)
    answer = client.post(url("sae_new", cast), FORM | {"pool": theirs.pk})
    assert answer.status_code == 422
    assert SparseAutoencoder.objects.count() == 1


# --- train ---

FORM = {
    "name": "Features", "tokens": "20000", "model": "smollm2", "layer": "", "length": "64", "expansion": "4", "k": "16",
    "seed": "5",
}  # fmt: skip


def test_an_empty_team_is_led_to_a_pool_and_then_to_training(as_, cast):
    client = as_("curator")
    assert "No sparse autoencoder yet" in body(client.get(url("saes", cast)))
    assert "Import a pool first" in body(client.get(url("sae_new", cast)))
    made.pool(cast.team, made.rows(20))
    page = body(client.get(url("sae_new", cast)))
    assert 'value="Open pool with smollm2"' in page
    assert "About" in page
    assert "none has been trained here yet" in page


def test_training_is_started_from_the_page(as_, cast, pool):
    answer = as_("curator").post(url("sae_new", cast), FORM | {"pool": pool.pk})
    sae = SparseAutoencoder.objects.get()
    assert (answer.status_code, answer.url) == (303, sae.get_absolute_url())
    wanted = {"tokens": 20000, "length": 64, "expansion": 4, "k": 16, "seed": 5, "layer": None}
    assert sae.options | wanted == sae.options
    assert (sae.model, sae.pool, sae.created_by, sae.how) == ("smollm2", pool, cast.curator, "trained")


def test_the_estimate_follows_the_form(as_, cast, pool):
    client, address = as_("curator"), url("sae_new", cast)
    values = FORM | {"pool": pool.pk}
    some = client.get(address, values, headers=HX | {"HX-Target": "estimate"})
    part = body(some)
    assert "<html" not in part
    assert "up to 200 rows, then 20,000 tokens" in part
    assert "is known after its first minute" in body(client.get(address, values | {"model": "some/other"}))
    assert "About" not in body(client.get(address, values | {"tokens": "many"}))


@pytest.mark.parametrize(("changed", "said"), [
    ({"name": ""}, "This field is required"), ({"tokens": "10"}, "greater than or equal to 1000"),
    ({"model": "/etc"}, "Name smollm2 or a model of the hub"), ({"k": "0"}, "greater than or equal to 1"),
    ({"layer": "x"}, "whole number"),
])  # fmt: skip
def test_a_form_that_cannot_be_is_shown_again(as_, cast, pool, changed, said):
    answer = as_("curator").post(url("sae_new", cast), FORM | {"pool": pool.pk} | changed)
    assert answer.status_code == 422
    assert said in body(answer)
    assert not SparseAutoencoder.objects.exists()


def test_a_taken_name_is_said_at_the_name(as_, cast, pool, waiting):
    answer = as_("curator").post(url("sae_new", cast), FORM | {"pool": pool.pk, "name": "Ward features"})
    assert answer.status_code == 422
    assert 'href="#id_name">Name: The team already has a sparse autoencoder named Ward features' in body(answer)


# --- one ---


def test_the_page_follows_the_training_and_then_shows_what_was_measured(as_, cast, waiting, monkeypatch):
    client, address = as_("curator"), waiting.get_absolute_url()
    assert "Waiting for a worker" in body(client.get(address))
    with monkeypatch.context() as short:
        short.setattr(training, "SECONDS", 0.01)  # 20 batches a chunk at the most, on any machine
        while waiting.job.passes.filter(name__startswith="train-").count() < 4:
            runner.run(runner.take("", job=waiting.job))
    page = body(client.get(address))
    assert page.count("<polyline") == 3
    assert "gate 30.0 %" in page
    assert page.count('<p class="pass-title"><span>Train</span>') == 1  # chunks are one bar
    assert 'hx-trigger="every 1s"' in page
    part = client.get(address, headers=HX | {"HX-Target": "work"})
    assert "<html" not in body(part)
    waiting.job.refresh_from_db()
    assert client.get(address, {"seen": waiting.job.version}, headers=HX).status_code == 204
    end(waiting)
    assert client.get(address, headers=HX)["HX-Refresh"] == "true"
    page = body(client.get(address))
    assert "Passed" in page
    assert f"{waiting.latents} features of" in page
    assert f"?method=mona&amp;m_sae={waiting.identity}&amp;pool={waiting.pool_id}" in page
    chunks = waiting.job.passes.filter(name__startswith="train-").count()
    assert f"{chunks} checkpoints" in page
    assert 'hx-trigger="every' not in page


def test_cancel_and_resume_from_the_page(as_, cast, waiting):
    client, address = as_("curator"), waiting.get_absolute_url()
    assert client.post(address, {"do": "cancel"}).status_code == 303
    assert "Cancelled. What was finished is kept." in body(client.get(address))
    assert client.post(address, {"do": "resume"}).status_code == 303
    assert "Waiting for a worker" in body(client.get(address))
    assert client.post(address, {"do": "explode"}).status_code == 404


def test_a_refused_one_says_why_and_offers_another_try(as_, cast, pool):
    sae = measured(
        cast, pool, verdict="refused", fvu=0.55, why="It leaves 55% of the variance unexplained. Train on more."
    )
    page = body(as_("curator").get(sae.get_absolute_url()))
    assert "It is not good enough to select by" in page
    assert "Train on more." in page
    assert "Train again with changes" in page
    assert "Use in a selection" not in page


def test_archive_and_delete_from_the_page(as_, cast, pool):
    client, sae = as_("curator"), measured(cast, pool)
    client.post(sae.get_absolute_url(), {"do": "archive"})
    page = body(client.get(sae.get_absolute_url()))
    assert "Take back from the archive" in page
    assert "Use in a selection" not in page
    assert "archived" in body(client.get(url("saes", cast)))
    client.post(sae.get_absolute_url(), {"do": "restore"})
    assert "Use in a selection" in body(client.get(sae.get_absolute_url()))
    assert "go with it" in body(client.get(url("sae_delete", cast, sae)))
    assert client.post(url("sae_delete", cast, sae)).url == url("saes", cast)
    assert not SparseAutoencoder.objects.exists()
    assert AuditEvent.objects.filter(action="sae.deleted").exists()


# --- load ---


def safetensors() -> bytes:
    import numpy as np
    from safetensors.numpy import save

    return save({"W_dec": np.zeros((2, 2), np.float32)})


def upload(client, cast, pool, weights: bytes, config: bytes, **changed):
    files = {
        "weights": SimpleUploadedFile("sae.safetensors", weights), "config": SimpleUploadedFile("cfg.json", config),
    }  # fmt: skip
    return client.post(url("sae_load", cast), FORM | {"pool": pool.pk, "layer": "3"} | files | changed)


def test_two_files_are_taken_over(as_, cast, pool):
    answer = upload(as_("curator"), cast, pool, safetensors(), b'{"d_in": 2, "k": 1, "num_latents": 2}')
    sae = SparseAutoencoder.objects.get()
    assert (answer.status_code, answer.url) == (303, sae.get_absolute_url())
    assert (sae.how, sae.layer) == ("loaded", 3)
    source = sae.options["source"]
    assert sorted(source) == ["config", "weights"]
    assert all(store.exists(path) for path in source.values())


@pytest.mark.parametrize(("sent", "said"), [
    ({"weights": b"\x80\x04pickle"}, "is no safetensors file"),
    ({"weights": b"\xff" * 64}, "is no safetensors file"),
    ({"weights": (900).to_bytes(8, "little") + b'{"a": 1'}, "or ends too early"),
    ({"weights": (2).to_bytes(8, "little") + b"{}"}, "holds no weights"),
    ({"config": b"[1]"}, "holds no settings"), ({"config": b"nonsense"}, "is not JSON"),
    ({"config": b" " * 70_000 + b"{}"}, "too large for a cfg.json"), ({"hub": "owner/repo:layers.1"}, "not both"),
])  # fmt: skip
def test_files_of_another_kind_are_refused_and_not_kept(as_, cast, pool, sent, said):
    before = store.usage("uploads")
    answer = upload(as_("curator"), cast, pool, **{"weights": safetensors(), "config": b"{}"} | sent)
    assert answer.status_code == 422
    assert said in body(answer)
    assert not SparseAutoencoder.objects.exists()
    assert store.usage("uploads") == before


@pytest.mark.parametrize("named", ["somewhere", "/etc/passwd", "../up/there", "a/b c", "~root/x"])
def test_what_is_no_name_of_the_hub_is_refused(as_, cast, pool, named):
    answer = as_("curator").post(url("sae_load", cast), FORM | {"pool": pool.pk, "hub": named})
    assert answer.status_code == 422
    assert "owner/repository:hookpoint" in body(answer)


def test_one_file_alone_is_not_enough(as_, cast, pool):
    client = as_("curator")
    answer = client.post(url("sae_load", cast), FORM | {"pool": pool.pk})
    assert "or send its two files" in body(answer)
    alone = {"weights": SimpleUploadedFile("sae.safetensors", safetensors())}
    answer = client.post(url("sae_load", cast), FORM | {"pool": pool.pk} | alone)
    assert answer.status_code == 422
    assert "Both files are needed" in body(answer)


# --- the new run ---


def test_a_new_run_offers_those_that_passed(as_, cast, pool):
    client, address = as_("curator"), url("run_new", cast)
    page = body(client.get(address, {"method": "mona"}))
    assert "None of the team yet" in page
    assert f'href="{url("sae_new", cast)}' in page
    measured(cast, pool)
    measured(cast, pool, name="Refused", verdict="refused", identity="sae-ffffffffffff")
    page = body(client.get(address, {"method": "mona"}))
    assert '<option value="sae-0123456789ab" selected>Ward features' in page
    assert "sae-ffffffffffff" not in page
    assert 'name="m_sae_other"' in page


# --- API ---


def test_programs_train_list_and_get(api, cast, pool):
    client = api("curator")
    sae = client.post("/saes", {"name": "By a program", "pool": pool.pk, "tokens": 5000}).json()
    assert (sae["state"], sae["how"], sae["layer"], sae["identity"]) == ("queued", "trained", None, "")
    assert client.get(f"/saes/{sae['id']}").json() == sae
    assert [one["id"] for one in client.get("/saes").json()["items"]] == [sae["id"]]
    assert error(client.post("/saes", {"name": "By a program", "pool": pool.pk}), 422)["code"] == "sae.name_taken"
    assert error(client.post("/saes", {"name": "x", "pool": 10**6}), 422)["place"] == "pool"
    assert error(client.post("/saes", {"name": "x", "pool": pool.pk, "model": "/etc"}), 422)["place"] == "model"
    assert error(client.post("/saes", {"name": "x", "pool": pool.pk, "k": 0}), 422)["place"] == "k"
    error(api("viewer").post("/saes", {"name": "x", "pool": pool.pk}), 403)
    error(api("stranger").get(f"/saes/{sae['id']}"), 404)
    assert json.loads(json.dumps(sae)) == sae
