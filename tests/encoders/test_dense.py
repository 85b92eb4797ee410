"""The dense encoder: parity with its library, cutting, batches, memory. On a GPU where there is one."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from selection.encoders import EncoderError, load
from selection.encoders import dense as dense_module
from selection.encoders.dense import CHUNKS, Dense, out_of_memory
from tests.encoders.conftest import DEVICE, TEXTS

SHORT = [text for text in TEXTS if text.strip() and len(text) < 400]


def cosines(a, b):
    return (a * b).sum(axis=1)


@pytest.fixture
def own(plain, folder):
    """An encoder of the test's own over the same weights, whose settings it may change."""

    def make(**settings):
        return Dense(folder, "own", model=plain.model, **settings)

    return make


@pytest.fixture(scope="module")
def library(folder):
    return SentenceTransformer(str(folder), device=DEVICE, local_files_only=True).encode(SHORT)


def test_equal_to_the_library_in_float32(plain, library):
    assert cosines(plain.encode(SHORT), library).min() > 0.99999


def test_near_the_library_in_bfloat16(library):
    found = load("minilm", DEVICE, precision="bfloat16").encode(SHORT)
    assert cosines(found, library).min() > 0.99


def test_rows_have_unit_length_and_empty_ones_are_zero(plain):
    found = plain.encode(TEXTS)
    assert found.dtype == np.float32
    assert found.shape == (len(TEXTS), plain.dims) == (len(TEXTS), 384)
    blank = [not text.strip() for text in TEXTS]
    assert np.allclose(np.linalg.norm(found, axis=1), np.where(blank, 0, 1), atol=1e-5)
    assert not found[blank].any()
    assert plain.encode([]).shape == (0, 384)


@pytest.mark.parametrize("budget", [1, 64, 700, 1_000_000])
def test_same_vectors_for_any_batch(own, plain, budget):
    encoder = own()
    encoder.budget = budget
    assert np.abs(encoder.encode(TEXTS) - plain.encode(TEXTS)).max() < 1e-5


def test_rows_come_back_in_their_order(plain):
    back = np.array([5, 2, 0, 1, 7, 6, 4, 3])
    assert np.abs(plain.encode([TEXTS[at] for at in back]) - plain.encode(TEXTS)[back]).max() < 1e-5


def test_windows_join(own, plain, monkeypatch):
    monkeypatch.setattr(dense_module, "WINDOW", 3)
    said = []
    assert np.abs(own().encode(TEXTS, said.append) - plain.encode(TEXTS)).max() < 1e-5
    assert said == sorted(said)
    assert said[-1] == len(TEXTS)


def test_a_long_text_is_the_mean_of_its_chunks_by_tokens(own, plain):
    encoder = own(max_length=34)
    assert encoder.room == 32
    [ids] = plain.model.ids([TEXTS[5]])
    parts = [ids[start : start + 32] for start in range(0, 32 * CHUNKS, 32)]
    assert len(ids) > 32 * CHUNKS, "the rest is not read"
    mean = sum(len(part) * encoder.encode_tokens([part])[0] for part in parts)
    assert np.abs(encoder.encode([TEXTS[5]])[0] - mean / np.linalg.norm(mean)).max() < 1e-5
    head = [*parts[:1], parts[1][:8]]
    mean = 32 * encoder.encode_tokens([head[0]])[0] + 8 * encoder.encode_tokens([head[1]])[0]
    assert np.abs(encoder.encode_tokens([head[0] + head[1]])[0] - mean / np.linalg.norm(mean)).max() < 1e-5


def test_a_row_of_a_megabyte(own):
    encoder = own(max_length=34)
    read = encoder.room * CHUNKS * dense_module.CHARACTERS
    text = "ab cd " * 170_000
    assert len(text) > 1_000_000
    assert np.abs(encoder.encode([text]) - encoder.encode([text[:read]])).max() == 0
    assert np.isfinite(encoder.encode(["a" * 1_000_000])).all()


def test_lone_surrogates_are_read_as_question_marks(plain):
    assert np.array_equal(plain.encode(["a \ud800 b"]), plain.encode(["a ? b"]))


def test_a_prefix_stands_before_every_chunk(own, plain):
    encoder = own(prefix="query: ", max_length=12)
    lead = plain.model.ids(["query: "])[0]
    tokens = plain.model.ids(["one two three four five six seven eight nine ten"])[0]
    parts = [tokens[start : start + encoder.room] for start in range(0, len(tokens), encoder.room)]
    assert len(parts) > 1
    mean = sum(len(part) * plain.encode_tokens([lead + part])[0] for part in parts)
    assert np.abs(encoder.encode_tokens([tokens])[0] - mean / np.linalg.norm(mean)).max() < 1e-5
    with pytest.raises(EncoderError, match="no room"):
        own(prefix="query: ", max_length=4)


class Full:
    """A model whose memory holds `most` tokens at once."""

    def __init__(self, model, most, error):
        self.model, self.most, self.error, self.sizes, self.freed = model, most, error, [], 0

    def __getattr__(self, name):
        return getattr(self.model, name)

    def forward(self, ids, mask, prompt=0):
        if ids.size > self.most:
            raise self.error
        self.sizes.append(ids.size)
        return self.model.forward(ids, mask, prompt)

    def free(self):
        self.freed += 1


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory")])
def test_a_batch_that_does_not_fit_is_halved(plain, folder, error):
    model = Full(plain.model, 100, error)
    encoder = Dense(folder, "own", model=model, max_length=40)
    expected = Dense(folder, "own", model=plain.model, max_length=40).encode(TEXTS)
    assert np.abs(encoder.encode(TEXTS) - expected).max() < 1e-5
    assert model.freed > 2
    assert max(model.sizes) <= 100
    freed = model.freed
    encoder.encode(TEXTS)
    assert model.freed == freed, "what was learnt of the memory stays"


def test_a_row_that_does_not_fit_says_so(plain, folder):
    with pytest.raises(EncoderError, match="does not hold one text of 40 tokens") as caught:
        Dense(folder, "own", model=Full(plain.model, 39, torch.OutOfMemoryError()), max_length=40).encode(TEXTS)
    assert "smaller model" in caught.value.mend


def test_other_errors_pass(plain, folder):
    with pytest.raises(RuntimeError, match="shape"):
        Dense(folder, "own", model=Full(plain.model, 0, RuntimeError("shape mismatch"))).encode(["a"])
    assert not out_of_memory(ValueError("out of memory"))


def test_a_tick_may_cancel(plain):
    class Cancelled(Exception):
        pass

    def tick(done):
        raise Cancelled

    with pytest.raises(Cancelled):
        plain.encode(TEXTS, tick)


def test_threads_are_set_while_encoding_only(own, monkeypatch):
    encoder, before, seen = own(threads=1), torch.get_num_threads(), []
    forward = encoder.model.forward
    monkeypatch.setattr(encoder.model, "forward", lambda *args: seen.append(torch.get_num_threads()) or forward(*args))
    encoder.encode(["a"])
    assert seen == [1]
    assert torch.get_num_threads() == before


def test_loaded_once(plain):
    assert load("minilm", DEVICE, precision="float32") is plain
    assert load("minilm", DEVICE, precision="float32", threads=1).model is plain.model


def test_no_gpu_is_said(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(EncoderError, match="no GPU"):
        load("minilm", "cuda:7")


def test_heavy_libraries_wait_until_an_encoder_is_loaded():
    code = (
        "import sys, selection.encoders as e; e.identity('static'); e.identity('minilm');"
        "print([n for n in ('torch', 'transformers', 'sentence_transformers') if n in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
