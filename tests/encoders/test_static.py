"""The static encoder: what its fast path leaves out is nothing, it is reproducible, its cache may be spoilt or absent."""

import numpy as np
import pytest

from selection.encoders import EncoderError, identity
from selection.encoders import static as static_module
from selection.encoders import words as words_module
from selection.encoders.static import Static, _components, _ranks, _table, _weights, load_static, tokenizer_of
from selection.encoders.words import Words
from tests.encoders.conftest import TEXTS


@pytest.fixture(scope="module")
def tokenizer(folder):
    return tokenizer_of(folder)


def slow(static, tokenizer, text):
    """The definition: the mean of the vectors of the text's tokens, scaled to length one."""
    vectors = [static.table[id_] for id_ in tokenizer[0].encode(text, add_special_tokens=False).ids
               if id_ not in tokenizer[1]]  # fmt: skip
    mean = np.mean(vectors, axis=0) if vectors else np.zeros(static.dims)
    return mean / (np.linalg.norm(mean) or 1)


def test_equal_to_the_definition(static, tokenizer):
    expected = np.array([slow(static, tokenizer, text) for text in TEXTS])
    assert np.abs(static.encode(TEXTS) - expected).max() < 1e-5


def test_equal_to_the_definition_on_real_rows(static, tokenizer, shared):
    import pyarrow.parquet as pq

    texts = pq.read_table(shared / "pool_20k.parquet", columns=["output"])["output"].to_pylist()[:300]
    expected = np.array([slow(static, tokenizer, text) for text in texts])
    assert np.abs(static.encode(texts) - expected).max() < 1e-4


def test_same_bits_for_any_cut_and_any_words_before(static, folder, tokenizer, monkeypatch):
    whole = static.encode(TEXTS)
    monkeypatch.setattr(static_module, "WINDOW", 3)
    fresh = Static(static.identity, static.table, *tokenizer)
    assert np.array_equal(np.concatenate([fresh.encode(TEXTS[4:]), fresh.encode(TEXTS[:4])]),
                          np.concatenate([whole[4:], whole[:4]]))  # fmt: skip


def test_rows_have_unit_length_and_empty_ones_are_zero(static):
    found = static.encode(TEXTS)
    assert found.shape == (len(TEXTS), static.dims) == (len(TEXTS), 256)
    assert found.dtype == np.float32
    assert np.allclose(np.linalg.norm(found, axis=1), [bool(text.strip()) for text in TEXTS], atol=1e-5)
    assert not static.encode(["\u0e00\uffff", "\x00"]).any(), "nothing but unknown tokens"
    assert static.encode([]).shape == (0, 256)


def test_near_texts_are_near(static):
    a, b, c = static.encode(["sort a list of numbers in Python", "Python code that orders an array of integers",
                             "the patient received antibiotics for pneumonia"])  # fmt: skip
    assert a @ b > 0.3 > a @ c


def test_a_row_of_a_megabyte_and_ticks(static):
    said = []
    found = static.encode(["ab cd " * 200_000, "a" * 1_000_000, "é\ud800"], said.append)
    assert np.isfinite(found).all()
    assert said == [3]


def test_the_word_table_starts_anew_when_it_is_full(tokenizer, monkeypatch):
    monkeypatch.setattr(words_module, "MOST", 3)
    words, reference = Words(*tokenizer), Words(*tokenizer)
    for text in ["a b c d e", "f g", "a h", "unbelievably overfitted"]:
        ids, edges = words.tokens([text])
        expected = list(tokenizer[0].encode(text, add_special_tokens=False).ids)
        assert ids.tolist() == expected
        assert edges.tolist() == [0, len(expected)]
    assert len(words._at) <= 5
    many = [f"w{n} x{n * 7919}" for n in range(20_000)]  # the tables of ids grow
    ids, edges = reference.tokens(many)
    assert ids[edges[-2] :].tolist() == tokenizer[0].encode(many[-1], add_special_tokens=False).ids


def test_components_keep_what_varies_most_half_whitened():
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(200, 2)) * [5, 1]
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0][:2]
    found = _components(plane @ turn + 3, 2)
    centred = plane - plane.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    whole = centred @ axes[:, ::-1]
    assert np.allclose(np.abs(found), np.abs(whole / np.sqrt(whole.std(axis=0))))
    again = _components((plane @ turn + 3)[:, ::-1] * -1, 2)  # the axes' signs do not hang on chance
    assert np.allclose(np.abs(again), np.abs(found))


def test_ranks_count_signs_then_words_then_other_scripts():
    assert _ranks(["!", "a", "東", "the", "of", "##s"]).tolist() == [0, 1, 5, 2, 3, 4]
    assert _ranks(["b", "word"]).tolist() == [0, 1]


def test_rarer_tokens_weigh_more():
    weights = _weights(np.arange(29_000))
    assert (np.diff(weights) > 0).all()
    assert weights[0] < 0.01
    assert 0.9 < weights[-1] < 1


@pytest.fixture
def distilled(static, monkeypatch):
    """Counts distillations, which here are the work of a moment."""
    done = []
    monkeypatch.setattr(static_module, "distil", lambda folder: done.append(folder) or static.table)
    return done


def test_the_cache(static, folder, distilled, tmp_path, monkeypatch):
    monkeypatch.setenv("WINNOW_CACHE", str(tmp_path / "cache"))
    assert np.array_equal(_table("static-0", folder), static.table)
    assert np.array_equal(_table("static-0", folder), static.table)
    assert len(distilled) == 1
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["static-0.lock", "static-0.npz"]
    file = tmp_path / "cache" / "static-0.npz"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    for spoilt in (bytes(data), data[:1000], b""):
        file.write_bytes(spoilt)
        assert np.array_equal(_table("static-0", folder), static.table)
    assert len(distilled) == 4


def test_without_a_place_for_the_cache_it_works_all_the_same(static, folder, distilled, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WINNOW_CACHE", str(tmp_path / "file" / "cache"))
    assert np.array_equal(_table("static-0", folder), static.table)


def test_a_full_disk_leaves_no_half_file(static, folder, distilled, tmp_path, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("WINNOW_CACHE", str(tmp_path))
    monkeypatch.setattr(static_module.os, "fsync", full)
    assert np.array_equal(_table("static-0", folder), static.table)
    assert [path.name for path in tmp_path.iterdir()] == ["static-0.lock"]


def test_reproducible(static, folder):
    again = load_static()
    assert again.identity == static.identity == identity("static")
    assert np.array_equal(again.table, static.table)


def test_spoilt_weights_are_said(folder, monkeypatch):
    from selection.encoders.dense import Dense

    monkeypatch.setattr(Dense, "encode_tokens", lambda self, rows: np.full((len(rows), 384), np.nan, np.float32))
    with pytest.raises(EncoderError, match="spoilt"):
        static_module.distil(folder)
