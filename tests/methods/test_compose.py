"""Fusion and cascade: equal to what their parts say, added up by hand; the audit counts what was missed."""

import numpy as np
import pytest

from selection.kernels.bounds import upper_share
from selection.methods import METHODS, Options, ParamsError, Scores, parse_params, select
from selection.methods.base import notes_of
from selection.methods.compose import components
from tests.methods.tables import run

ROWS = [(f"r{n:02}", text, "") for n, text in enumerate([
    "add the price of apples and pears", "def sum(a, b): return a", "the train leaves at noon", "price of the apples",
    "return the sum of prices", "gene and protein", "apples", "a def of sum", "the the the the", "hours and trains",
] * 3)]  # fmt: skip


def ranks(name, **params):
    columns, _ = run(name, [ROWS], **params)
    found = sorted(
        (-score, key) for column in columns for key, score in zip(column["key"], column["score"], strict=True)
    )
    return {key.decode(): rank for rank, (_, key) in enumerate(found, 1)}


def scores_of(columns):
    return {k.decode(): s for column in columns for k, s in zip(column["key"], column["score"], strict=True)}


def test_reciprocal_ranks_are_added():
    columns, _ = run(
        "fusion", [ROWS[:11], ROWS[11:]], per_item=4, methods="bm25, zipfit", weights="2, 1", k="60", how="rank"
    )
    first, second = ranks("bm25"), ranks("zipfit")
    for key, score in scores_of(columns).items():
        assert score == pytest.approx(2 / (60 + first[key]) + 1 / (60 + second[key]), rel=1e-6)


def test_standardised_scores_are_added():
    columns, _ = run("fusion", [ROWS[:11], ROWS[11:]], methods="bm25, zipfit")
    total = np.zeros(len(ROWS))
    for name in ("bm25", "zipfit"):
        told = scores_of(run(name, [ROWS])[0])
        held = np.array([told[key] for key, _, _ in ROWS], np.float64)
        total += (held - held.mean()) / held.std()
    told = scores_of(columns)
    np.testing.assert_allclose([told[key] for key, _, _ in ROWS], total, rtol=1e-5, atol=1e-6)


def test_a_fused_row_says_its_rank_in_each_method():
    rows = [{"id": key, "text": text} for key, text, _ in ROWS[:10]]
    picks = select(rows, [{"text": "price of apples"}], method="fusion", methods="bm25, zipfit", budget=2)
    assert picks[0].reason[0].text.startswith("Rank ")
    assert "by BM25" in picks[0].reason[0].text
    assert "by ZIP-FIT" in picks[0].reason[0].text
    assert len(picks[0].reason) > 1


@pytest.mark.parametrize(
    ("field", "params", "why"),
    [
        ("methods", {"methods": "bm25"}, "must name 2 to 6 methods, not 1"),
        ("methods", {"methods": "bm25, magic"}, "names 'magic'; it may name zipfit"),
        ("methods", {"methods": "bm25, fusion"}, "names 'fusion'"),
        ("methods", {"methods": "bm25, zipfit:level"}, "has 'level' where name=value is expected"),
        ("methods", {"methods": "bm25, zipfit:level=0"}, "gives zipfit a level that must be between 1 and 9, not 0"),
        ("weights", {"methods": "bm25, zipfit", "weights": "1"}, "must be 2, one a method, not 1"),
        ("weights", {"methods": "bm25, zipfit", "weights": "1, x"}, "must be numbers"),
        ("weights", {"methods": "bm25, zipfit", "weights": "0, 0"}, "not all 0"),
    ],
)
def test_what_cannot_be_fused_is_named(field, params, why):
    method = METHODS["fusion"]
    with pytest.raises(ParamsError) as caught:
        method.passes(parse_params(method.Params, params))
    assert caught.value.field == field
    assert why in caught.value.why


def test_a_cascade_ranks_what_is_kept_as_the_second_method_alone_does():
    # All rows are kept (200 at least), so the cascade is the second method.
    columns, _ = run("cascade", [ROWS[:11], ROWS[11:]], first="random", then="bm25:aggregation=max")
    assert scores_of(columns) == scores_of(run("bm25", [ROWS], aggregation="max")[0])
    assert all(column["exact"].all() for column in columns)


def test_what_is_left_out_comes_below_in_the_first_methods_order(monkeypatch):
    monkeypatch.setattr("selection.methods.cascade.LEAST", 1)
    params = {"first": "bm25", "then": "zipfit", "factor": "6", "audit": "3"}
    columns, ctx = run("cascade", [ROWS[:11], ROWS[11:]], per_item=3, seed=5, **params)
    kept, drawn = ctx["keep"]["kept"], ctx["keep"]["drawn"]
    assert (len(kept), len(drawn)) == (6, 3)
    told, alone, first = scores_of(columns), scores_of(run("zipfit", [ROWS])[0]), ranks("bm25")
    seen = {ROWS[place][0] for place in np.union1d(kept, drawn)}
    assert all(told[key] == alone[key] for key in seen)
    rest = sorted((key for key in told if key not in seen), key=lambda key: -told[key])
    assert rest == sorted(rest, key=lambda key: first[key])
    assert max(told[key] for key in rest) < min(told[key] for key in seen)
    exact = {key.decode(): flag for column in columns for key, flag in zip(column["key"], column["exact"], strict=True)}
    assert {key for key, flag in exact.items() if flag} == seen


def test_the_audit_says_how_many_may_be_missing(monkeypatch):
    monkeypatch.setattr("selection.methods.cascade.LEAST", 1)
    method = METHODS["cascade"]
    bad, ctx = run("cascade", [ROWS], first="random", then="bm25", factor="3", audit="20")
    notes = notes_of(method, ctx, Scores.of(bad))
    assert notes[0].text == "BM25 looked at 23 of 30 rows."
    told, keep = ctx["then.scores"]["score"], ctx["keep"]
    missed = int((told[keep["drawn"]] > told[keep["kept"]].max()).sum())
    assert missed > 0, "chance as the first method misses something"
    assert notes[1].kind == "warning"
    assert f"{missed} would have been among the best 1" in notes[1].text
    good, ctx = run("cascade", [ROWS], first="bm25", then="bm25", factor="3", audit="20")
    assert notes_of(method, ctx, Scores.of(good))[1].kind == "fact"


def test_the_bound_is_that_of_clopper_and_pearson():
    assert upper_share(0, 300) == pytest.approx(1 - 0.05 ** (1 / 300))
    assert upper_share(0, 0) == 1
    assert upper_share(5, 5) == 1
    assert upper_share(1, 10) == pytest.approx(0.3942, abs=1e-4)  # table of exact binomial limits


def test_a_wider_cascade_asks_for_more(monkeypatch):
    monkeypatch.setattr("selection.methods.cascade.LEAST", 1)
    sizes = [len(run("cascade", [ROWS], first="bm25", then="zipfit", factor=f)[1]["keep"]["kept"]) for f in ("2", "9")]
    assert sizes == [2, 9]


def test_components_keep_their_values_apart():
    one, two = components("bm25, bm25:aggregation=max", "methods")
    assert one.prefix != two.prefix
    assert two.label == "BM25 (max)"
    rows = [{"id": key, "text": text} for key, text, _ in ROWS]
    plain = select(rows, [{"text": "price"}], method="fusion", methods="bm25, bm25:aggregation=max", budget=3,
                   options=Options(exact_duplicates=False))  # fmt: skip
    assert len(plain) == 3
