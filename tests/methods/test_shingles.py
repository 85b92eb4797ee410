"""Near duplicates: found, and nothing called one that is none."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selection.kernels.shingles import MISSED, NearDuplicates, bands, jaccard, shingles
from tests.methods import reference

texts = st.lists(st.sampled_from(["a", "b", "c", "d", "é", "1", "A"]), max_size=12).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(texts, texts)
def test_equal_to_the_slow_reference(one, other):
    assert jaccard(shingles(one), shingles(other)) == pytest.approx(reference.jaccard(one, other))


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.8, 0.9, 0.99])
def test_pairs_at_the_threshold_are_hardly_ever_missed(threshold):
    count, rows = bands(threshold)
    assert (1 - threshold**rows) ** count <= MISSED
    assert count * rows <= 300, "signatures stay short"


@pytest.mark.parametrize("threshold", [0.5, 0.8])
def test_planted_near_duplicates_are_found_and_no_others(threshold):
    draw = random.Random(3)
    words = [f"w{n}" for n in range(500)]
    base = [" ".join(draw.choices(words, k=60)) for _ in range(40)]
    index = NearDuplicates(threshold, seed=5)
    for text in base:
        assert not index.seen(text)
        index.keep()
    missed = wrong = pairs = 0
    for text in base:
        for changes in (1, 2, 4, 8, 16):
            said = text.split()
            for at in draw.sample(range(60), changes):
                said[at] = draw.choice(words)
            changed = " ".join(said)
            truth = max(reference.jaccard(changed, other) for other in base) >= threshold
            pairs += truth
            missed += truth and not index.seen(changed)
            wrong += index.seen(changed) and not truth
    assert pairs > 40
    assert (missed, wrong) == (0, 0)


def test_texts_without_words_and_long_texts():
    index = NearDuplicates(0.8)
    assert not index.seen("!?")
    index.keep()
    assert index.seen("!?")
    assert not index.seen("...")
    long = " ".join(str(n) for n in range(30_000))
    assert not index.seen(long)
    index.keep()
    assert index.seen(long + " more")
    with pytest.raises(RuntimeError, match="ask"):
        NearDuplicates(0.8).keep()
