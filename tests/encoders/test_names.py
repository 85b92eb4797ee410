"""Names, identities, and what is said of an encoder that cannot be had."""

import json
import re

import pytest

from selection.encoders import EncoderError, files, identity, load


@pytest.fixture
def model(tmp_path):
    """A folder that looks like a model to everything but PyTorch."""
    place = tmp_path / "My Model_v1"
    place.mkdir()
    (place / "config.json").write_text(json.dumps({"model_type": "bert"}))
    (place / "model.safetensors").write_bytes(b"weights")
    (place / "README.md").write_text("a card")
    return place


def test_identities_are_short_and_stable():
    for name in ("static", "minilm"):
        assert re.fullmatch(rf"{name}-[0-9a-f]{{12}}", identity(name))
        assert identity(name) == identity(name)


def test_identity_follows_every_setting():
    found = {
        identity("minilm"), identity("minilm", max_length=128), identity("minilm", prefix="query: "),
        identity("minilm", precision="float32"), identity("minilm", precision="bfloat16"),
    }  # fmt: skip
    assert len(found) == 5


def test_identity_follows_the_files_that_count(model):
    first = identity(str(model))
    assert first.startswith("my-model-v1-")
    (model / "README.md").write_text("another card")
    (model / "onnx").mkdir()
    (model / "onnx" / "config.json").write_text("{}")
    assert identity(str(model)) == first
    (model / "model.safetensors").write_bytes(b"WEIGHTS")
    second = identity(str(model))
    (model / "1_Pooling").mkdir()
    (model / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    assert len({first, second, identity(str(model))}) == 3


def test_files_are_read_once(model, monkeypatch):
    identity(str(model))
    opened = []
    monkeypatch.setattr(files.Path, "open", lambda *args: opened.append(args))
    identity(str(model))
    assert not opened


def test_a_folder_that_moved_keeps_its_identity(model, tmp_path):
    first = identity(str(model))
    assert identity(str(model.rename(tmp_path / "my-model-v1"))) == first


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("/no/such/folder", "does not exist"),
        ("./no-such-folder", "does not exist"),
        ("no such model", "neither a known encoder"),
        ("", "neither a known encoder"),
        ("a/b/c", "neither a known encoder"),
        ("../../etc/passwd", "(does not exist|cannot be read)"),
    ],
)
def test_names_of_nothing(name, what):
    for ask in (identity, load):
        with pytest.raises(EncoderError, match=what) as caught:
            ask(name)
        assert caught.value.mend
        assert isinstance(caught.value, ValueError)


def test_a_folder_without_a_model(tmp_path, model):
    with pytest.raises(EncoderError, match="holds no sentence-transformers model"):
        load(str(tmp_path))
    with pytest.raises(EncoderError, match="cannot be loaded") as caught:
        load(str(model), "cpu")
    assert str(model.parent) not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_settings_out_of_range():
    with pytest.raises(EncoderError, match="no precision"):
        load("minilm", precision="int3")
    with pytest.raises(EncoderError, match="at least one token"):
        load("minilm", max_length=0)


class Answer:
    def __init__(self, status):
        self.status_code, self.headers, self.request = status, {}, None


def refusal(kind, status):
    error = kind.__new__(kind)
    error.args, error.response = ("said at length\nover lines",), Answer(status)
    return error


def hub_errors():
    from huggingface_hub import errors

    return {
        "no model": refusal(errors.RepositoryNotFoundError, 404),
        "behind a licence": refusal(errors.GatedRepoError, 403),
        "needs a token": refusal(errors.RepositoryNotFoundError, 401),
        "could not be fetched": refusal(errors.HfHubHTTPError, 500),
        "no network": errors.LocalEntryNotFoundError("offline"),
        "disk is full": OSError(28, "No space left on device"),
    }


def test_what_to_do_without_a_network_names_what_is_here_of_the_same_kind():
    from selection.encoders import causal_files, files

    offline = ConnectionError("no network")
    words = files._hub_error("nonsense/model", offline, causal_files._KIND).mend
    assert "smollm2" in words
    assert "minilm" not in words
    assert "static or minilm" in files._hub_error("nonsense/model", offline, files.SENTENCES).mend
    bare = files.Kind("sparse autoencoder", (), "", "", {})
    assert files._hub_error("a/b", offline, bare).mend == (
        "Check the name and the network, or give a folder with the sparse autoencoder."
    )


@pytest.mark.parametrize("what", list(hub_errors()))
def test_the_hub_refuses(what, monkeypatch):
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def refuse(name, *, local_files_only=False, **options):
        raise LocalEntryNotFoundError("not here") if local_files_only else hub_errors()[what]

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(EncoderError, match=what) as caught:
        load("owner/model")
    assert "\n" not in str(caught.value)
    with pytest.raises(EncoderError, match="not on this machine yet"):
        identity("owner/model", fetch=False)


def test_a_model_that_was_fetched_needs_no_network(model, monkeypatch):
    import huggingface_hub

    asked = []

    def fetch(name, *, local_files_only=False, **options):
        asked.append((name, local_files_only))
        return str(model)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    assert identity("some-model").startswith("some-model-")
    assert asked == [("sentence-transformers/some-model", True)]


def test_no_package_for_minilm(monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EncoderError, match="not installed"):
        identity("minilm")
