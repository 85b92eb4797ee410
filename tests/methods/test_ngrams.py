"""Hashed n-grams of characters and words against slow, obvious versions."""

import hashlib
import unicodedata
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selection.kernels import buckets, characters, ngrams
from selection.kernels.sha256 import remainder

words = st.sampled_from(["the", "The", "hour", "x_1", "don't", "日本語", "é", "\t\n", "==", "a"]) | st.text(max_size=6)
texts = st.lists(st.lists(words, max_size=12).map(" ".join), max_size=8)


@pytest.mark.parametrize("grams", ["char", "word"])
@settings(max_examples=60, deadline=None)
@given(rows=texts)
def test_counts_are_those_of_the_listed_ngrams(grams, rows):
    edges, found, often = ngrams.counts(rows, grams, 12)
    for at, text in enumerate(rows):
        cells = slice(edges[at], edges[at + 1])
        expected = Counter(ngrams.bucket(gram, grams, 12) for gram in ngrams.listed(text, grams))
        assert dict(zip(found[cells].tolist(), often[cells].tolist(), strict=True)) == expected
        one_by_one = [ngrams.bucket(gram, grams, 12) for gram in ngrams.listed(text, grams)]
        assert ngrams.places(text, grams, 12).tolist() == one_by_one


@pytest.mark.parametrize("grams", ["char", "word"])
def test_scores_are_the_cosine_weighted_sum(grams):
    rng = np.random.default_rng(1)
    idf, weight = rng.random(4096).astype(np.float32), rng.normal(size=4096).astype(np.float32)
    rows = ["add the price of apples and the price of pears", "", "def add(a, b): return a + b"]
    found = ngrams.scores(rows, grams, 12, idf, weight, 0.5)
    for text, score in zip(rows, found, strict=True):
        tf = Counter(ngrams.bucket(gram, grams, 12) for gram in ngrams.listed(text, grams))
        x = {at: (1 + np.log(often)) * float(idf[at]) for at, often in tf.items()}
        norm = sum(value * value for value in x.values()) ** 0.5
        expected = 0.5 + (sum(value * float(weight[at]) for at, value in x.items()) / norm if norm else 0.0)
        assert score == pytest.approx(expected, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(rows=texts)
def test_word_buckets_are_sha256_of_words_and_pairs(rows):
    ids, lengths = buckets.Buckets(97).rows(rows)
    expected = []
    for text in rows:
        said = buckets.tokens(text)
        pairs = [f"{a} {b}" for a, b in pairwise(said)]
        expected += [buckets.bucket(gram, 97) for gram in [*said, *pairs]]
    assert ids.tolist() == expected
    assert lengths.tolist() == [len(buckets.tokens(text)) for text in rows]


def test_tables_that_are_full_begin_anew(monkeypatch):
    rows = [" ".join(f"w{(n * m) % 97}" for m in range(30)) for n in range(40)]
    expected = buckets.Buckets(1009).rows(rows)[0].tolist()
    monkeypatch.setattr(buckets, "WORD_SLOTS", 64)
    monkeypatch.setattr(buckets, "PAIR_SLOTS", 64)
    small = buckets.Buckets(1009)
    assert [at for row in rows for at in small.rows([row])[0].tolist()] == expected
    assert small.count < 97
    assert small.rows(rows)[0].tolist() == expected, "one stretch with more words than the table has slots"


def test_tokens_are_those_of_unicodes_own_regular_expressions():
    r"""Python's \\w has no marks, so it cuts a word of Hindi at its vowel signs; Unicode's, and NLTK's, has them."""
    import regex
    from data_selection.hashed_ngram_dsir import wpt

    pattern = regex.compile(r"\w+|[^\w\s]+")
    samples = [
        "परिणामी फ़ाइल के संस्करण को", "🧙\u200d♂️🚪 Harry!!", "x² + ½ = Ⅻ ⓐ", "a\x1cb\x85c\u3000d", "don't_stop", "İstanbul ΑΣ",
        "ภาษาไทย", "a\u0301e\u200cf", "",
    ]  # fmt: skip
    for text in samples:
        assert buckets.tokens(text) == pattern.findall(text.lower()) == wpt.tokenize(text.lower())


def test_every_code_point_that_python_knows_has_unicodes_class():
    import regex

    table = characters.classes()
    word, blank = regex.compile(r"\w"), regex.compile(r"\s")
    known = [code for code in range(0x110000) if unicodedata.category(chr(code)) != "Cn"]
    expected = [1 if word.match(chr(code)) else 2 if blank.match(chr(code)) else 0 for code in known]
    assert table[known].tolist() == expected


def test_sha256_is_that_of_the_standard_library():
    """Around the borders of its blocks, and for long texts."""
    for size in (0, 1, 3, 54, 55, 56, 57, 63, 64, 65, 118, 119, 120, 128, 1000):
        text = np.random.default_rng(size).bytes(size)
        message = np.full(size + 72, 7, np.uint8)
        message[:size] = np.frombuffer(text, np.uint8)
        found = remainder(message, size, np.empty(8, np.uint32), np.empty(64, np.uint32), 2**31 - 1)
        assert found == int(hashlib.sha256(text).hexdigest(), 16) % (2**31 - 1)
