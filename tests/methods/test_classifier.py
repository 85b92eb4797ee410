"""The classifier against scikit-learn's own pieces, its sample, its reasons, and input that leaves nothing to learn."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from selection.kernels import ngrams
from selection.methods import METHODS, Classifier, Options, Scores, Shard, dump, load, select
from selection.methods.classifier import KINDS, _first
from selection.methods.classifier_ngrams import BITS, fit
from tests.methods.reference_lexical import decision_values
from tests.methods.tables import picks, run

THINGS = ["apples", "pears", "plums", "figs", "nuts", "eggs", "cups", "pens"]
NAMES = ["Tom", "Ann", "Maria", "Li", "Omar", "Inge"]
GOAL = [f"{name} buys {n + 2} {THINGS[n]} and eats 1. How many {THINGS[n]} are left?" for n, name in enumerate(NAMES)]


def pool(rows=120):
    """One row in six is of the target's kind; the others are code and biology."""
    made = []
    for n in range(rows):
        thing = THINGS[n % 8]
        if n % 6 == 0:
            made.append((f"k{n:04}", f"{NAMES[n % 5]} sells {n} {thing} and keeps {n + 3}. How many were there?", ""))
        elif n % 2:
            made.append((f"k{n:04}", f"def count_{thing}(a, b={n}):\n    return a + b  # {thing} of row {n}", ""))
        else:
            made.append((f"k{n:04}", f"The gene family {thing}-{n} is expressed in the liver of mouse {n}.", ""))
    return made


def columns_by_key(columns):
    return {key.decode(): score for c in columns for key, score in zip(c["key"], c["score"], strict=True)}


@pytest.mark.parametrize("features", ["char", "word"])
def test_scores_are_those_of_scikit_learn(features):
    """Counting, tf-idf, regression and decision values by its own classes, over the same buckets."""
    rows = pool()
    columns, _ = run("classifier", [rows], target=GOAL, features=features)
    found = columns_by_key(columns)
    expected = decision_values(
        [text for _, text, _ in rows], GOAL,
        lambda text: [ngrams.bucket(gram, features, BITS) for gram in ngrams.listed(text, features)], BITS,
    )  # fmt: skip
    assert expected.std() > 0.2
    np.testing.assert_allclose([found[key] for key, _, _ in rows], expected, rtol=0, atol=2e-3)


def test_the_objective_by_hand():
    """Two rows of one n-gram each, one positive: by symmetry b = 0 and w = (v, -v) with v = C / (1 + exp(v))."""
    rows = {"length": np.array([1, 1]), "bucket": np.array([3, 5], np.int32), "often": np.array([1, 7], np.int32)}
    model = fit(rows, positives=1, strength=2.0)
    assert model["weight"][3] == pytest.approx(-model["weight"][5], abs=1e-4)
    assert model["weight"][3] == pytest.approx(2 / (1 + np.exp(model["weight"][3])), abs=1e-3)
    assert model["bias"][0] == pytest.approx(0, abs=1e-4)
    assert np.flatnonzero(model["weight"]).tolist() == [3, 5]
    np.testing.assert_allclose(model["idf"][[3, 4]], [1 + np.log(3 / 2), 1 + np.log(3)], rtol=1e-6)


@pytest.mark.parametrize("features", ["char", "word"])
def test_rows_of_the_targets_kind_come_first(features):
    found = picks("classifier", [pool()], target=GOAL, features=features, budget=20)
    assert sum(int(key[1:]) % 6 == 0 for key, _ in found) >= 19


def test_the_fit_is_the_same_with_any_number_of_threads():
    from threadpoolctl import threadpool_limits

    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(columns_by_key(run("classifier", [pool()], target=GOAL)[0]))
    assert found[0] == found[1]


# --- the sample ---


def test_the_sample_is_small_drawn_by_the_seed_and_the_same_on_any_cut():
    rows = pool(1500)
    one, other = (run("classifier", [rows], target=GOAL, seed=seed, negatives=50)[1]["learn"] for seed in (1, 2))
    cut = run("classifier", [rows[:700], [], rows[700:]], target=GOAL, seed=1, negatives=50, per_item=111)[1]["learn"]
    assert one["negatives"].tolist() == [50]
    assert (one["weight"] != other["weight"]).any()
    for name, values in one.items():
        np.testing.assert_array_equal(values, cut[name])


def test_the_lowest_draws_are_taken_with_all_their_entries():
    parts = [
        {"drawn": np.array([0.5, 0.1]), "length": np.array([2, 1]), "bucket": np.array([1, 2, 3])},
        {"drawn": np.array([0.3, 0.2]), "length": np.array([0, 3]), "bucket": np.array([4, 5, 6])},
    ]
    found = _first(parts, 3)
    assert found["drawn"].tolist() == [0.1, 0.2, 0.3]
    assert found["length"].tolist() == [1, 3, 0]
    assert found["bucket"].tolist() == [3, 4, 5, 6]


def test_targets_that_lie_in_the_pool_stand_for_nothing():
    """Else the same text would be an example and a counterexample."""
    rows = pool()
    leaked = [*rows, *((f"t{n}", text, "") for n, text in enumerate(GOAL))]
    clean, with_targets = (run("classifier", [held], target=GOAL)[1]["learn"] for held in (rows, leaked))
    assert with_targets["negatives"][0] == clean["negatives"][0] == len(rows)
    np.testing.assert_allclose(with_targets["weight"], clean["weight"], atol=1e-3)
    assert {key for key, _ in picks("classifier", [leaked], target=GOAL, budget=6)} == {f"t{n}" for n in range(6)}


# --- reasons and notes ---


@pytest.mark.parametrize("features", ["char", "word"])
def test_reasons_are_the_ngrams_that_weighed_most(features):
    rows = pool()
    columns, ctx = run("classifier", [rows], target=GOAL, features=features)
    texts = [rows[0][1], rows[1][1], "", "\t"]
    found = Classifier().reasons(Shard.of({"keys": list("abcd"), "text": texts, "prompt": texts}), ctx)
    terms = found[0][0].data["terms"]
    assert [weight for _, weight in terms] == sorted((weight for _, weight in terms), reverse=True)
    assert all(weight > 0 and term in texts[0].lower() for term, weight in terms)
    assert any(term in "how many" or "how many" in term for term, _ in terms)
    assert found[2][0].text == found[3][0].text == "Nothing in it speaks for the target."
    # All n-grams together, those against it too, and the bias are the score.
    model = ctx["learn"]
    places, tf = np.unique(ngrams.places(texts[0], features, BITS), return_counts=True)
    value = (1 + np.log(tf)) * model["idf"][places]
    total = value @ model["weight"][places] / np.linalg.norm(value) + model["bias"][0]
    assert total == pytest.approx(columns_by_key(columns)["k0000"], abs=1e-4)


def notes(rows, goal, **params):
    _, ctx = run("classifier", [rows], target=goal, **params)
    return Classifier().notes(ctx, Scores(len(rows), 0.0, 1.0, -1.0, 1.0))


def test_it_says_from_how_much_it_learned():
    assert [tuple(note) for note in notes(pool(), GOAL)] == [
        ("fact", "Learned from 6 targets and 120 rows of the pool.")
    ]
    assert [note.kind for note in notes(pool(), GOAL[:4])] == ["fact", "warning"]


def test_a_fit_that_does_not_end_is_said_not_raised(monkeypatch):
    monkeypatch.setattr("selection.methods.classifier_ngrams.ROUNDS", 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        found = notes(pool(), GOAL, strength=1e4)
    assert found[-1].kind == "warning"
    assert "lower C" in found[-1].text


# --- bad input ---


@pytest.mark.parametrize("features", ["char", "word"])
def test_one_target(features):
    found = picks("classifier", [pool()], target=GOAL[:1], features=features, budget=10)
    assert sum(int(key[1:]) % 6 == 0 for key, _ in found) >= 8


def test_an_empty_target_is_refused_and_harms_nothing():
    with pytest.raises(ValueError, match="target"):
        select([{"text": "a"}], [], method="classifier")
    assert METHODS["classifier"].needs_target
    assert [score for _, score in picks("classifier", [pool(12)], target=[])] == [0.0] * 12
    (note,) = notes(pool(12), [])
    assert (note.kind, note.text[:19]) == ("warning", "There was no target")


@pytest.mark.parametrize("goal", [["the same"], ["other"], [""], ["the same", "other"]])
@pytest.mark.parametrize("features", ["char", "word"])
def test_all_rows_equal(goal, features):
    rows = [(key, "the same", "") for key in "cab"]
    options = Options(exact_duplicates=False)
    found = picks("classifier", [rows], target=goal, features=features, options=options)
    assert [key for key, _ in found] == ["a", "b", "c"]
    assert len({score for _, score in found}) == 1
    assert np.isfinite(found[0][1])


def test_nothing_but_targets_in_the_pool():
    rows = [(f"t{n}", text, "") for n, text in enumerate(GOAL)]
    assert [score for _, score in picks("classifier", [rows], target=GOAL)] == [0.0] * 6
    (note,) = notes(rows, GOAL)
    assert note.kind == "warning"
    assert "not a target" in note.text
    _, ctx = run("classifier", [rows], target=GOAL)
    (reasons,) = Classifier().reasons(Shard.of({"keys": ["a"], "text": ["x"], "prompt": ["x"]}), ctx)
    assert "Nothing was learned" in reasons[0].text


def test_rows_and_targets_without_ngrams():
    rows = [("a", "", ""), ("b", "  \n", ""), ("c", "x", ""), ("d", "How many pears?", "")]
    options = Options(exact_duplicates=False)
    for features in KINDS:
        found = picks("classifier", [rows], target=GOAL, features=features, options=options)
        assert len(found) == 4
        assert np.isfinite([score for _, score in found]).all()
        blank = picks("classifier", [rows], target=["", " "], features=features, options=options)
        assert np.isfinite([score for _, score in blank]).all()


def test_a_row_of_a_megabyte():
    rows = [*pool(30), ("long", "How many pears are left? " * 40_000, "")]
    found = dict(picks("classifier", [rows], target=GOAL))
    assert np.isfinite(found["long"])
    _, ctx = run("classifier", [rows], target=GOAL)
    long = Shard.of({"keys": ["long"], "text": [rows[-1][1]]})
    assert Classifier().reasons(long, ctx)[0][0].data["terms"]


def test_the_model_travels():
    _, ctx = run("classifier", [pool(20)], target=GOAL)
    moved = replace(ctx, values={"learn": load(dump(ctx["learn"]))})
    shard = Shard.of({"keys": ["a"], "text": ["How many?"]})
    np.testing.assert_array_equal(KINDS["char"].scores(shard, ctx), KINDS["char"].scores(shard, moved))
