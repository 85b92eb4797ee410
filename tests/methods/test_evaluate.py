"""Precision by provenance, and the facts of a selection."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selection.evaluate import Facts, chance_level, control_rows, mask, overlap, precision_at, r_precision
from selection.evaluate.facts import median_length, warnings


def test_precision_counts_the_first_ranks():
    found = mask(["a", "x", "b", "y"], {"a", "b", "c"})
    assert list(found) == [True, False, True, False]
    assert [precision_at(found, k) for k in (1, 2, 3, 4, 8)] == [1.0, 0.5, pytest.approx(2 / 3), 0.5, 0.25]
    assert r_precision(found, 3) == pytest.approx(2 / 3)
    assert r_precision(found, 0) is None
    with pytest.raises(ValueError, match="at least one"):
        precision_at(found, 0)


@given(st.lists(st.booleans(), min_size=1, max_size=50))
def test_at_the_number_of_wanted_rows_precision_is_recall(marks):
    wanted = np.array(marks)
    total = int(wanted.sum())
    if total:
        assert r_precision(wanted, total) == pytest.approx(wanted[:total].sum() / total)


def test_overlap_and_the_level_of_chance():
    assert overlap(["a", "b"], ["b", "c", "d", "e"]) == 0.25
    assert overlap([], []) == 1.0
    assert (chance_level(5, 20), chance_level(0, 0)) == (0.25, 0.0)


def facts_of(chars, scores, sources, picked, pieces):
    names = sorted(set(sources))
    codes = np.array([names.index(source) for source in sources], np.int32)
    control = control_rows(len(chars), 20, seed=1)
    parts = []
    for start, stop in pieces:
        facts, here = Facts(), slice(start, stop)
        drawn = control[(control >= start) & (control < stop)] - start
        facts.add(chars[here], (codes[here], names), picked[here], drawn, scores[here])
        parts.append(json.loads(json.dumps(facts.partial())))
    return Facts.merge(parts)


def test_facts_add_up_over_any_cut():
    draw = np.random.Generator(np.random.PCG64(2))
    chars = draw.integers(1, 5000, 200).astype(np.int32)
    scores = (chars / 5000 + draw.random(200) * 0.2).astype(np.float32)
    sources = ["big" if n % 4 else "small" for n in range(200)]
    picked = np.arange(200) >= 160
    whole = facts_of(chars, scores, sources, picked, [(0, 200)])
    cut = facts_of(chars, scores, sources, picked, [(0, 3), (3, 3), (3, 120), (120, 200)])
    for name in ("pool", "picks", "control"):
        assert whole.lengths[name].tolist() == cut.lengths[name].tolist()
        assert whole.sources[name] == cut.sources[name]
    assert [int(whole.lengths[name].sum()) for name in ("pool", "picks", "control")] == [200, 40, 20]
    assert dict(whole.sources["picks"]) == {"big": 30, "small": 10}
    expected = np.corrcoef(chars, scores)[0, 1]
    assert whole.correlation == pytest.approx(expected, abs=1e-9)
    assert cut.correlation == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("correlation", "picks", "said"),
    [
        (-0.51, (400, 600), None),  # shorter rows score higher, and yet no pick is short
        (-0.51, (20, 60), "the picks are shorter than the pool"),
        (0.6, (2000, 5000), "the picks are longer than the pool"),
        (0.6, (20, 60), None),
        (0.4, (2000, 5000), None),
    ],
)
def test_a_run_is_said_to_favour_lengths_only_where_its_picks_show_it(correlation, picks, said):
    rng = np.random.default_rng(0)
    chars = rng.integers(100, 1000, 2000).astype(np.int32)
    chars[:200] = rng.integers(*picks, 200)
    picked = np.arange(2000) < 200
    made = Facts()
    sources = (np.zeros(2000, np.int32), ["a"])
    made.add(chars, sources, picked, np.arange(100), np.full(2000, np.nan, np.float32))
    found = made.to_dict() | {"length_correlation": correlation}
    assert median_length(found, "picks") == pytest.approx(np.median(chars[:200]), rel=0.15)
    assert median_length(found, "pool") == pytest.approx(np.median(chars), rel=0.1)
    text = " ".join(warnings(found, picked=1))
    assert (said in text) if said else text == ""


def test_lengths_of_no_picks_have_no_median():
    found = Facts().to_dict() | {"length_correlation": 0.9}
    assert median_length(found, "picks") is None
    assert warnings(found, picked=0) == []
