"""The unpacked copy of the packaged language model: made once, read by everybody, thrown away when it is spoilt."""

import pytest
import torch

from selection.encoders import causal_cache as cache
from selection.encoders import causal_files, causal_model
from tests import tiny_lm


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """A stand-in for the package: its "GGUF" is a small model in safetensors, and each reading of it is counted."""
    monkeypatch.setenv("WINNOW_CACHE", str(tmp_path / "cache"))
    tiny_lm.write(tmp_path / "package")
    package = causal_files.Files(tmp_path / "package", causal_files.GGUF)
    real, read = causal_model._loaded, []

    def loaded(files, device, precision):
        read.append(bool(files.gguf))
        return real(files._replace(gguf=""), device, precision)

    monkeypatch.setattr(causal_model, "_loaded", loaded)
    monkeypatch.setattr(causal_model, "check", lambda files: None)
    load = causal_model.load_files.__wrapped__
    return lambda: load(package, "cpu", "float32"), read


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_the_second_process_reads_the_copy_and_gets_the_same_model(opened):
    load, read = opened
    first, tokens = load()
    second, again = load()
    assert read == [True, False]
    assert same(first, second)
    assert again("Seven plus two?")["input_ids"] == tokens("Seven plus two?")["input_ids"]
    assert again.chat_template == tokens.chat_template


def test_a_spoilt_copy_is_made_anew(opened):
    load, read = opened
    first, _ = load()
    weights = cache.folder("float32") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    second, _ = load()
    assert read == [True, False, True]
    assert same(first, second)
    assert same(first, load()[0])
    assert read == [True, False, True, False]


def test_without_room_for_a_copy_the_package_is_read_each_time(opened, monkeypatch):
    load, read = opened

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.tempfile, "mkdtemp", full)
    assert same(load()[0], load()[0])
    assert read == [True, True]
