"""Precision by provenance, and the facts of a selection."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selection.evaluate import Facts, chance_level, control_rows, mask, overlap, precision_at, r_precision


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
