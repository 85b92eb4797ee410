"""Random rows: the chance itself, and every source alike."""

from collections import Counter

import numpy as np
import pytest

from selection.kernels.chance import chance
from tests.methods import reference
from tests.methods.tables import picks, run

ROWS = [(f"k{n}", f"row {n}", "big" if n % 10 else "small") for n in range(2000)]


def test_equal_to_the_slow_reference():
    keys = ["a", "é", "a~2", ""]
    assert chance(7, keys) == pytest.approx([reference.chance(7, key) for key in keys], abs=0)
    assert [float(chance(s, ["a"])[0]) for s in (-1, 0, 1, 2**70)] == [
        reference.chance(s, "a") for s in (-1, 0, 1, 2**70)
    ]


def test_pinned_for_ever():
    """A stored run must be repeatable by a later version: these numbers may not change without a new version."""
    assert list(chance(0, ["a", "b"]).round(12)) == PINNED


def test_uniform_and_independent_of_seed_and_purpose():
    keys = [str(n) for n in range(20_000)]
    first, other, purpose = chance(1, keys), chance(2, keys), chance(1, keys, "control")
    counts = np.histogram(first, 20, (0, 1))[0]
    assert ((counts - 1000) ** 2 / 1000).sum() < 50  # chi-square with 19 degrees: 50 is p = 0.0001
    for drawn in (other, purpose):
        assert abs(np.corrcoef(first, drawn)[0, 1]) < 0.03


def test_another_seed_other_rows():
    one, other = ({key for key, _ in picks("random", [ROWS], budget=200, seed=seed)} for seed in (1, 2))
    assert 5 < len(one & other) < 40  # 20 expected


def test_sources_come_alike_until_one_is_exhausted():
    source = {key: source for key, _, source in ROWS}
    shares = []
    for seed in range(10):
        found = picks("random", [ROWS], budget=200, seed=seed, balance="source")
        shares.append(Counter(source[key] for key, _ in found)["small"])
    assert 85 < np.mean(shares) < 115
    found = picks("random", [ROWS], budget=1000, balance="source")
    assert Counter(source[key] for key, _ in found) == {"small": 200, "big": 800}, "the small one whole"


def test_plain_chance_follows_the_pool():
    source = {key: source for key, _, source in ROWS}
    shares = [
        Counter(source[key] for key, _ in picks("random", [ROWS], budget=200, seed=s))["small"] for s in range(10)
    ]
    assert 13 < np.mean(shares) < 27


def test_needs_no_target():
    columns, _ = run("random", [ROWS[:5]], target=())
    assert len(columns[0]["key"]) == 5


PINNED = [0.349508552278, 0.055789994626]
