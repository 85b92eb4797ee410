"""Agreement against published worked examples."""

import numpy as np
import pytest

from curation import measures
from curation.measures.coefficients import fleiss_units, tally
from curation.measures.resampling import _alphas, _within, bootstrap_mean

# Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section C: four observers, twelve units.
N = None
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
    [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
]
UNITS = [list(unit) for unit in zip(*OBSERVERS, strict=True)]


@pytest.mark.parametrize(("level", "expected"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_krippendorffs_own_example(level, expected):
    assert measures.alpha(UNITS, level) == pytest.approx(expected, abs=5e-4)


def test_nominal_alpha_does_not_care_what_the_values_are_called():
    named = [[None if value is None else "abcde"[value - 1] for value in unit] for unit in UNITS]
    assert measures.alpha(named) == pytest.approx(0.743, abs=5e-4)


def test_fleiss_as_worked_through_in_the_encyclopaedia():
    """Fourteen raters, ten subjects, five categories: kappa 0.210."""
    table = [
        (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
        (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
    ]  # fmt: skip
    units = [[category for category, often in enumerate(row) for _ in range(often)] for row in table]
    assert measures.fleiss(units) == pytest.approx(0.210, abs=5e-4)


@pytest.mark.parametrize(
    ("both_yes", "yes_no", "no_yes", "both_no", "expected"),
    [(20, 5, 10, 15, 0.4), (45, 15, 25, 15, 0.1304), (25, 35, 5, 35, 0.2593)],
)
def test_cohen_as_worked_through_in_the_encyclopaedia(both_yes, yes_no, no_yes, both_no, expected):
    pairs = [("y", "y")] * both_yes + [("y", "n")] * yes_no + [("n", "y")] * no_yes + [("n", "n")] * both_no
    assert measures.cohen(pairs) == pytest.approx(expected, abs=5e-5)
    values, matrix = measures.confusion(pairs)
    assert values == ["n", "y"]
    assert matrix == [[both_no, no_yes], [yes_no, both_yes]]


def test_percent_counts_each_example_alike():
    assert measures.percent([["a", "a", "b"], ["a", "a"], ["a"], ["b", None]]) == pytest.approx((1 / 3 + 1) / 2)


def test_nothing_to_judge_is_none_and_never_nan():
    for units in ([], [["a"]], [["a", None]]):
        assert measures.percent(units) is None
        assert measures.alpha(units) is None
        assert measures.fleiss(units) is None
    assert measures.cohen([]) is None
    same = [["a", "a"]] * 8
    assert measures.percent(same) == 1
    assert measures.alpha(same) is None
    assert measures.fleiss(same) is None
    assert measures.cohen([("a", "a")] * 8) is None


def test_fleiss_uses_the_most_usual_number_of_answers():
    units = [["a", "b"], ["a", "a"], ["a", "a", "a"], ["b"]]
    assert fleiss_units(units) == [["a", "b"], ["a", "a"]]


def test_an_interval_covers_the_figure_and_is_the_same_each_time():
    rng = np.random.default_rng(3)
    units = [["a", "a"] if rng.random() < 0.8 else ["a", "b"] for _ in range(200)]
    low, high = measures.bootstrap(units, measures.percent, rounds=300, seed=5)
    assert low < measures.percent(units) < high
    assert 0.05 < high - low < 0.2
    assert (low, high) == measures.bootstrap(units, measures.percent, rounds=300, seed=5)
    assert measures.bootstrap(units[:4], measures.percent) is None


def test_the_interval_of_a_mean_is_the_textbook_one():
    values = np.random.default_rng(1).normal(0.5, 0.1, 400).tolist()
    low, high = bootstrap_mean(values, rounds=4000)
    half = 1.96 * np.std(values) / 20
    assert (high - low) / 2 == pytest.approx(half, rel=0.1)


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
def test_the_quick_interval_of_alpha_resamples_the_librarys_alpha(level):
    """Each weighted sample has the alpha that the library finds for the repeated examples; so do the intervals."""
    rng = np.random.default_rng(7)
    truth = rng.integers(1, 6, 60)
    units = [[int(np.clip(value + rng.integers(-1, 2), 1, 5)) for _ in range(rng.integers(2, 5))] for value in truth]
    counts, values = tally(units)
    weights = rng.multinomial(60, np.full(60, 1 / 60), size=20).astype(float)
    found = _alphas(weights, counts, values, _within(counts, values, level), level)
    for row, value in zip(weights, found, strict=True):
        drawn = [unit for unit, times in zip(units, row, strict=True) for _ in range(int(times))]
        assert value == pytest.approx(measures.alpha(drawn, level))
    slow = measures.bootstrap(units, lambda drawn: measures.alpha(drawn, level), rounds=400, seed=1)
    assert measures.bootstrap_alpha(units, level, rounds=2000) == pytest.approx(slow, abs=0.04)


def test_an_interval_of_alpha_needs_two_values_and_five_examples():
    assert measures.bootstrap_alpha([["a", "a"]] * 30) is None
    assert measures.bootstrap_alpha([["a", "b"]] * 4) is None
    assert measures.bootstrap_alpha([["a", "a"]] * 29 + [["b", "b"]]) is None  # a third of the samples lose the b
