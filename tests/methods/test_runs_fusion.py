"""Fusion of finished runs: ranks added by hand, any cut the same, and words for what cannot be used."""

import numpy as np
import pytest

from selection.methods import METHODS, Ctx, ParamsError, Scores, Shard, params_dict, parse_params, select
from selection.methods.local import run_local
from selection.methods.runs import numbers

RUNS = METHODS["runs"]
KEYS = [f"k{n}" for n in range(10)]
# Run 7 picked the places 4, 1, 9 and run 3 the places 1, 8.
PICKS = {"run": [7, 3, 7, 3, 7], "rank": [1, 1, 2, 2, 3], "place": [4, 1, 1, 8, 9]}


def fused(shards=(10,), picks=PICKS, **params):
    """(score by key, ctx) over shards of these sizes."""
    given = parse_params(RUNS.Params, {"runs": "7, 3"} | params)
    made = {"run": np.int32, "rank": np.int32, "place": np.int64}
    value = {name: np.array(picks[name], kind) for name, kind in made.items()}
    ctx = Ctx(given, rows=sum(shards), values={"runs": value})

    def open_item(item):
        before = max(item.shard, 0) and sum(shards[: item.shard])
        keys = KEYS[before + item.start : before + item.stop]
        return Shard(len(keys), {"keys": keys}.__getitem__, max(item.start, 0), offset=before)

    columns, ctx = run_local(RUNS, ctx, list(shards), open_item)
    found = {}
    for column in columns:
        assert column["exact"].all()
        found |= {key.decode(): score for key, score in zip(column["key"], column["score"].tolist(), strict=True)}
    return found, ctx


def test_the_sum_by_hand_and_no_score_for_rows_that_no_run_picked():
    found, _ = fused()
    assert found == {
        "k4": pytest.approx(1 / 61), "k1": pytest.approx(1 / 62 + 1 / 61), "k9": pytest.approx(1 / 63),
        "k8": pytest.approx(1 / 62),
    }  # fmt: skip
    assert max(found, key=found.get) == "k1"


def test_weights_and_k():
    found, _ = fused(weights="1, 0.5", k="0")
    assert found == {
        "k4": pytest.approx(1), "k1": pytest.approx(1 / 2 + 0.5), "k9": pytest.approx(1 / 3), "k8": pytest.approx(1 / 4)
    }  # fmt: skip


@pytest.mark.parametrize("shards", [(10,), (1, 4, 5), (0, 9, 0, 1)])
def test_any_cut_gives_the_same(shards):
    assert fused(shards)[0] == fused()[0]


def test_the_order_of_the_lines_means_nothing():
    turned = {name: values[::-1] for name, values in PICKS.items()}
    assert fused(picks=turned)[0] == fused()[0]


def test_runs_without_picks():
    nothing = {name: [] for name in PICKS}
    found, ctx = fused(picks=nothing)
    assert found == {}
    assert [note.kind for note in RUNS.notes(ctx, Scores.of([]))] == ["fact", "warning", "warning"]
    one = {name: values[:1] for name, values in PICKS.items()}
    found, ctx = fused(picks=one)
    assert list(found) == ["k4"]
    assert [note.text for note in RUNS.notes(ctx, Scores.of([]))] == [
        "1 row was picked by at least one of the runs, 0 by all of them.",
        "Run 3 has no picks, so it adds nothing.",
    ]


def test_reasons_name_the_ranks():
    _, ctx = fused()
    rows = Shard(3, {"keys": ["k1", "k8", "k4"]}.__getitem__, picked=np.array([1, 8, 4]))
    said = [reasons[0].text for reasons in RUNS.reasons(rows, ctx)]
    assert said == ["Rank 2 in run 7, 1 in run 3.", "Rank 2 in run 3.", "Rank 1 in run 7."]
    assert RUNS.notes(ctx, Scores.of([]))[0].text.startswith("4 rows were picked by at least one of the runs, 1 by all")


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"runs": ""}, "runs must name 2 to 20 runs, not 0"),
        ({"runs": "4"}, "runs must name 2 to 20 runs, not 1"),
        ({"runs": ",".join(map(str, range(1, 22)))}, "runs must name 2 to 20 runs, not 21"),
        ({"runs": "4, 4"}, "runs names a run twice"),
        ({"runs": "4, x"}, "runs must be numbers of runs .* not 'x'"),
        ({"runs": "4, -1"}, "runs must be numbers"),
        ({"runs": "4, 0"}, "runs must be numbers"),
        ({"runs": f"4, {10**40}"}, "runs must be numbers"),
        ({"runs": "4, ٣"}, "runs must be numbers"),
        ({"runs": "4, 5", "weights": "1"}, "weights must be 2, one a run, not 1"),
        ({"runs": "4, 5", "weights": "1, x"}, "weights must be numbers"),
        ({"runs": "4, 5", "weights": "0, 0"}, "not all 0"),
        ({"runs": "4, 5", "weights": "1, -1"}, "0 or more"),
        ({"runs": "4, 5", "weights": "1, nan"}, "0 or more"),
    ],
)
def test_what_cannot_be_used_is_said(params, says):
    with pytest.raises(ParamsError, match=says):
        RUNS.passes(parse_params(RUNS.Params, params))


def test_the_library_has_no_runs():
    with pytest.raises(ParamsError, match="names runs of a server"):
        select([{"text": "a"}], method="runs", runs="1, 2")


def test_it_says_what_a_person_needs():
    given = parse_params(RUNS.Params, {"runs": " 12,14 ", "k": "10"})
    assert numbers(given.runs) == [12, 14]
    assert parse_params(RUNS.Params, params_dict(given)) == given
    assert 0 < RUNS.seconds(1000, 0, given) < RUNS.seconds(100_000, 0, given)
    assert RUNS.needs_runs
    assert not RUNS.needs_target
