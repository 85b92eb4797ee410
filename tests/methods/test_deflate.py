"""Counted sizes are zlib's, to the byte."""

import random
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selection.kernels import gzipsize

pytest.importorskip("numba", reason="counting needs numba; without it zlib does all the work")
from selection.kernels import deflate

LEVELS = list(deflate.LEVELS)


def counted(text, ends, level):
    return gzipsize._Counting(deflate.joint_sizes, np.array(deflate.LEVELS[level]), ends).after(text).tolist()


def written(text, ends, level):
    return [len(zlib.compress(text + end, level, -15)) for end in (*ends, b"")]


def prose(draw, words, length):
    return b" ".join(draw.choices(words, k=length // 3 + 1))[:length]


def words_of(draw, letters, count):
    return [bytes(draw.choices(letters, k=draw.randint(1, 9))) for _ in range(count)]


@pytest.mark.parametrize("level", LEVELS)
def test_the_self_test_passes_with_this_zlib(level):
    assert gzipsize.counted(level) is not None


@pytest.mark.parametrize("level", LEVELS)
def test_texts_of_many_kinds(level):
    """From two letters to all bytes, from a few words to many, of every length up to the limit."""
    draw = random.Random(level)
    for letters in (b"ab", b"abcdefghijklmnop", bytes(range(256))):
        for count in (3, 60, 2000):
            words = words_of(draw, letters, count)
            for length in (0, 5, 100, 257, 258, 259, 262, 900, 5000, 12_000):
                text = prose(draw, words, length)
                ends = [prose(draw, words, draw.choice((0, 1, 2, 3, 50, 258, 700))) for _ in range(4)]
                ends += [text[-draw.randint(1, 400) :] * 3, text[:300]]
                assert counted(text, ends, level) == written(text, ends, level), (letters, count, length)


@pytest.mark.parametrize("level", [4, 6, 9])
@settings(max_examples=300, deadline=None)
@given(
    text=st.lists(
        st.sampled_from([b"a", b"b", b"ab", b"abc ", b"\0", b"aaaaaaaa", b"the cat ", b"\xff" * 40]), max_size=80
    ).map(b"".join),
    ends=st.lists(st.binary(max_size=20) | st.sampled_from([b"a" * 300, b"the cat sat ", b"abc abc abc"]), max_size=4),
)
def test_the_seam_between_text_and_end(level, text, ends):
    """Matches that run over the seam, begin just before it, or fill it."""
    assert counted(text, ends, level) == written(text, ends, level)


def test_runs_noise_and_what_must_be_stored():
    draw = random.Random(4)
    for text in (b"a" * 5000, b"ab" * 3000, draw.randbytes(3000), draw.randbytes(15_000), b"\0" * 15_999):
        ends = [b"", b"a", b"a" * 500, draw.randbytes(300)]
        found = counted(text, ends, 9)
        for got, expected, end in zip(found, written(text, ends, 9), (*ends, b""), strict=True):
            assert got == (expected if len(text + end) <= deflate.LIMIT else -1)


def test_very_uneven_frequencies_need_shorter_codes():
    """Fibonacci-like counts would give codes of more than 15 bits."""
    text, one, other = b"", 1, 1
    draw = random.Random(0)
    for letter in range(19):
        text += bytes([letter * 7 + 3]) * one
        one, other = other, one + other
    shuffled = list(text)
    draw.shuffle(shuffled)
    text = bytes(shuffled)[: deflate.LIMIT]
    for level in LEVELS:
        assert counted(text, [], level) == written(text, [], level)


def test_what_is_too_long_is_left_to_zlib():
    draw = random.Random(2)
    words = words_of(draw, b"abcdefgh", 200)
    ends = [prose(draw, words, length) for length in (10, 2000, 15_000)]
    fast = gzipsize.Ends(ends, 9, pairs=10**6)
    plain = gzipsize.Ends(ends, 9)
    assert fast._count
    assert plain._count is None
    for length in (0, 100, 2_047, 2_048, 15_500, 15_990, 15_999, 16_000, 16_001, 40_000):
        text = prose(draw, words, length)
        one, other = fast.after(text), plain.after(text)
        assert one[0] == other[0]
        assert one[1].tolist() == other[1].tolist()


def test_a_zlib_that_differs_is_noticed(monkeypatch):
    """With another build the counted sizes would be wrong; then they must not be used."""
    gzipsize.counted.cache_clear()
    real = zlib.compress
    monkeypatch.setattr(
        gzipsize.zlib, "compress", lambda data, level, wbits: real(data, level, wbits) + b"?" * (len(data) > 500)
    )
    try:
        assert gzipsize.counted(9) is None
    finally:
        gzipsize.counted.cache_clear()
