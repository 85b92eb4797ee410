"""DSIR against its hand-checked numbers, a slow reference, the package data-selection, and that package's faults."""

import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from selection.kernels.buckets import tokens
from selection.kernels.chance import chance
from selection.methods import METHODS, Ctx, Dsir, Options, Scores, Shard, parse_params, select
from selection.methods.dsir import log_ratio, log_weights
from tests.methods.reference_lexical import log_weights as slowly
from tests.methods.tables import WORDS, picks, run, target_of

# Not characters newer than Python's tables: the library regex, which the reference uses, knows their kind already.
known = st.text(st.characters(codec="utf-8", exclude_categories=("Cn", "Cs")), max_size=6)
texts = st.lists(st.sampled_from(WORDS) | known, max_size=12).map(" ".join)

POOL = [
    "How many apples does Tom have if he buys 3 and eats 1?",
    "def add(a, b):\n    return a + b",
    "The gene BRCA1 is linked to breast cancer.",
    "Tom buys 12 pears at $2 each. How much does he pay?",
    "x",
    "",
    "日本語 の 文 , and some English words",
    "परिणामी फ़ाइल के संस्करण को 🧙\u200d♂️ x²",
]
GOAL = ["How many pears does Ann have if she buys 5?", "How much does Ann pay for 3 apples?"]


def shard_of(rows):
    return Shard.of({"keys": [f"k{n}" for n in range(len(rows))], "text": rows, "prompt": rows})


def weights(pool, goal, **params):
    """Log weights in double precision, in the order of the pool."""
    _, ctx = run("dsir", [[(f"k{n}", text, "") for n, text in enumerate(pool)]], target=goal, **params)
    return log_weights(shard_of(pool), ctx)[0]


def fitted(target, pool, **params):
    value = {"target": np.array(target), "pool": np.array(pool)}
    return Ctx(parse_params(Dsir.Params, params), target_of(["a"]), values={"fit": value})


def test_the_hand_checked_number():
    """Counts (2, 1, 1) in the target and (1, 1, 2) in the pool."""
    ratio = log_ratio(fitted([2, 1, 1], [1, 1, 2], mode="paper"))
    np.testing.assert_allclose(ratio, [0.6931, 0, -0.6931], atol=5e-5)
    assert ratio @ [3, 1, 0] == pytest.approx(2.0794, abs=5e-5)
    assert ratio @ [0, 1, 3] == pytest.approx(-2.0794, abs=5e-5)


def test_the_interpolation_by_hand():
    """p = (1, 0), q = (1/2, 1/2): 0.9 p + 0.1 q = (0.95, 0.05), against q: ln 1.9 and ln 0.1."""
    np.testing.assert_allclose(log_ratio(fitted([4, 0], [1, 1])), np.log([1.9, 0.1]), atol=1e-6)


@pytest.mark.parametrize("mode", ["paper", "few_shot"])
@settings(max_examples=40, deadline=None)
@given(pool=st.lists(texts, min_size=1, max_size=8), goal=st.lists(texts, min_size=1, max_size=3))
def test_log_weights_are_those_of_the_slow_reference(mode, pool, goal):
    assume(any(tokens(text) for text in goal))
    expected = slowly(pool, goal, buckets=211, few_shot=mode == "few_shot")
    np.testing.assert_allclose(weights(pool, goal, mode=mode, buckets=211), expected, rtol=0, atol=1e-9)


def test_log_weights_are_those_of_the_package(tmp_path):
    """data-selection 1.0.3 in this process, same hashing, shares and floor: equal to 1e-9, and so is the filter."""
    theirs = package(tmp_path, POOL, GOAL)
    theirs.fit_importance_estimator("all")
    theirs.compute_importance_weights()
    expected = np.load(tmp_path / "cache" / "log_importance_weights" / "0.npy")
    found = weights(POOL, GOAL, mode="paper")
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
    assert found.std() > 1  # the comparison says something
    lengths = np.load(tmp_path / "cache" / "perexample_metadata" / "0.npy")
    assert lengths[:5].tolist() == [len(tokens(text)) for text in POOL[:5]]


def package(folder, pool, goal, **given):
    from data_selection import HashedNgramDSIR

    for name, rows in (("pool", pool), ("goal", goal)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in rows), "utf-8")
    paths = [str(folder / "pool.jsonl")], [str(folder / "goal.jsonl")]
    return HashedNgramDSIR(*paths, str(folder / "cache"), num_proc=1, **given)


# --- faults of the package ---


def test_asking_for_every_row_or_more(tmp_path):
    """The package fails where as many rows are asked for as are left; here all of them come."""
    theirs = package(tmp_path, POOL[:5], GOAL, min_example_length=0)
    theirs.fit_importance_estimator("all")
    theirs.compute_importance_weights()
    with pytest.raises(ValueError, match="out of bounds"):
        theirs.resample(str(tmp_path / "out"), 5, str(tmp_path / "part"))
    rows = [(f"k{n}", text, "") for n, text in enumerate(POOL[:5])]
    for mode in ("paper", "few_shot"):
        for budget in (5, 6, 1000):
            assert len(picks("dsir", [rows], target=GOAL, budget=budget, mode=mode)) == 5


def test_a_blank_row_is_passed_over(tmp_path):
    """The package stops at a blank line, and gives a blank text weight 1, more than nearly every row."""
    theirs = package(tmp_path, POOL, GOAL)
    with (tmp_path / "pool.jsonl").open("a") as file:
        file.write("\n")
    with pytest.raises(json.JSONDecodeError):
        theirs.fit_importance_estimator("all")
    rows = [(f"k{n}", text, "") for n, text in enumerate([*POOL, " \n\t"])]
    for mode in ("paper", "few_shot"):
        found = [key for key, _ in picks("dsir", [rows], target=GOAL, mode=mode)]
        assert sorted(found) == ["k0", "k1", "k2", "k3", "k4", "k6", "k7"]


def test_the_seed_alone_decides_and_scores_are_told():
    rows = [(f"k{n}", f"add the price of {n} apples", "") for n in range(60)]
    one, again, other = (picks("dsir", [rows], budget=20, seed=seed, draw="gumbel") for seed in (1, 1, 2))
    assert one == again
    assert [key for key, _ in one] != [key for key, _ in other]
    assert all(np.isfinite(score) for _, score in one)
    assert picks("dsir", [rows], seed=1) == picks("dsir", [rows], seed=2), "without chance the seed says nothing"


def test_the_noise_is_gumbel_of_the_keyed_hash():
    rows = [(f"k{n}", POOL[0], "") for n in range(3000)]
    columns, _ = run("dsir", [rows], target=GOAL, mode="paper", seed=7)
    noise = dict(zip(columns[0]["key"].tolist(), columns[0]["score"] - weights(POOL[:1] * 3000, GOAL, mode="paper")[0]))  # noqa: B905
    drawn = chance(7, [f"k{n}" for n in range(3000)], "gumbel")
    found = np.array([noise[f"k{n}".encode()] for n in range(3000)])
    np.testing.assert_allclose(found, -np.log(-np.log(drawn)), atol=1e-3)
    assert found.mean() == pytest.approx(0.5772, abs=0.07)
    assert found.std() == pytest.approx(np.pi / 6**0.5, abs=0.07)


@pytest.mark.parametrize(("mode", "draw", "chancy"), [
    ("auto", "auto", False), ("few_shot", "auto", False), ("paper", "auto", True), ("paper", "top", False),
    ("few_shot", "gumbel", True),
])  # fmt: skip
def test_what_is_drawn_and_what_is_taken(mode, draw, chancy):
    rows = [(f"k{n}", f"add the price of {n} apples", "") for n in range(30)]
    one, other = (picks("dsir", [rows], seed=seed, mode=mode, draw=draw) for seed in (1, 2))
    assert (one != other) == chancy


def test_auto_takes_the_published_smoothing_from_500_targets():
    rows = [("a", "add apples", ""), ("b", "def sum return", "")]
    for count, mode in ((499, "few_shot"), (500, "paper")):
        goal = ["add the apples"] * count
        assert picks("dsir", [rows], target=goal, draw="top") == picks(
            "dsir", [rows], target=goal, mode=mode, draw="top"
        )


def short_and_long():
    """A row of one frequent word, a short row of other things, a long row of the target's kind with words of its own."""
    own = "Maria sells 14 baskets of plums at the Sunday market and gives 6 of them away. How many baskets are left?"
    rest = [f"{word} is described here at some length" for word in ("granite", "basalt", "marble", "quartz")]
    return [("short", "it", ""), ("own", own, ""), *[(f"r{n}", text, "") for n, text in enumerate(rest)]]


def test_short_rows_do_not_win_for_few_targets():
    """As published, a row of one word beats a row of the very task, for each n-gram that no target says costs nats."""
    goal = ["Tom sells 8 baskets of pears and gives 2 of them away. How many baskets are left?"]
    as_published = [key for key, _ in picks("dsir", [short_and_long()], target=goal, mode="paper", draw="top")]
    assert as_published.index("short") < as_published.index("own")
    assert next(key for key, _ in picks("dsir", [short_and_long()], target=goal)) == "own"


def test_the_least_length_leaves_rows_out():
    rows = [("a", "one two three", ""), ("b", "one two", ""), ("c", "one", "")]
    assert {key for key, _ in picks("dsir", [rows], target=["one two three"], min_tokens=2)} == {"a", "b"}
    assert picks("dsir", [rows], target=["one two three"], min_tokens=100) == []


# --- what it says ---


def notes(std=25.0, *, goal=GOAL, **params):
    rows = [(f"k{n}", text, "") for n, text in enumerate(POOL)]
    _, ctx = run("dsir", [rows], target=goal, **params)
    return Dsir().notes(ctx, Scores(len(rows), 0.0, std, -1.0, 1.0))


def test_log_weights_that_lie_far_apart_are_warned_of():
    (note,) = notes(25.04, mode="paper")
    assert note.kind == "warning"
    assert "25.0 nats" in note.text
    assert "few targets" in note.text
    assert [note.kind for note in notes(20.0, mode="paper")] == ["fact"]
    (note,) = notes(800.0)
    assert (note.kind, note.text) == ("fact", "Smoothing for few targets: 2 of them.")


def test_a_target_without_a_word():
    rows = [(key, text, "") for key, text in (("b", "add apples"), ("a", "def"))]
    for mode in ("paper", "few_shot"):
        (note,) = notes(goal=["  ", ""], mode=mode)
        assert note.kind == "warning"
        assert picks("dsir", [rows], target=[""], mode=mode, draw="top") == [("a", 0.0), ("b", 0.0)]


def test_reasons_are_the_ngrams_that_weigh_most():
    rows = [(f"k{n}", text, "") for n, text in enumerate(POOL)]
    _, ctx = run("dsir", [rows], target=GOAL)
    found = Dsir().reasons(shard_of([POOL[0], "def return"]), ctx)
    terms = found[0][0].data["terms"]
    assert [weight for _, weight in terms] == sorted((weight for _, weight in terms), reverse=True)
    assert all(term in " ".join(tokens(POOL[0])) for term, _ in terms)
    assert "likelier" in found[1][0].text


# --- bad input ---


@pytest.mark.parametrize("mode", ["paper", "few_shot"])
def test_all_rows_equal_one_target_and_a_long_row(mode):
    rows = [(key, "the same", "") for key in "cab"]
    options = Options(exact_duplicates=False)
    found = picks("dsir", [rows], target=["the same"], mode=mode, draw="top", options=options)
    assert [key for key, _ in found] == ["a", "b", "c"]
    long = " ".join(f"word{n % 5000}" for n in range(100_000))
    assert len(picks("dsir", [[*rows, ("d", long, "")]], target=["the same"], mode=mode)) == 2


def test_without_targets_it_is_refused():
    with pytest.raises(ValueError, match="target"):
        select([{"text": "a"}], [], method="dsir")
    assert METHODS["dsir"].needs_target


def test_stretches_of_rows_that_end_inside_an_item():
    """More rows than are looked at together, so that a stretch ends inside an item."""
    pool = [f"{POOL[n % len(POOL)]} {n % 17}" for n in range(2500)]
    expected = slowly(pool, GOAL, few_shot=True)
    np.testing.assert_allclose(weights(pool, GOAL), expected, rtol=0, atol=1e-9)
