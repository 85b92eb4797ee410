"""The methods that say what to annotate: what they pick from rows of text, what they say of it, what they refuse."""

import dataclasses

import numpy as np
import pytest

from selection.kernels.disagreement import most_frequent, normalised, vote_entropy, word_difference
from selection.methods import METHODS, Ctx, ParamsError, Scores, Shard, parse_params, select
from selection.methods.base import notes_of
from tests.methods.tables import picks, run
from tests.methods.test_diversity import TOPICS, many, topics
from tests.tiny_lm import tiny

NAMES = ["vote_k", "ideal"]


def told(name, rows, **params):
    """Reasons of all rows by key, and the notes."""
    columns, ctx = run(name, [rows], **params)
    keys = [key for key, _, _ in rows]
    found = METHODS[name].reasons(Shard.of({"keys": keys}), ctx)
    notes = notes_of(METHODS[name], dataclasses.replace(ctx, wanted=4), Scores.of(columns))
    return {key: one[0] for key, one in zip(keys, found, strict=True)}, [note.text for note in notes]


def in_order(name, rows, **params):
    return [key for key, _ in picks(name, [rows], **params)]


@pytest.mark.parametrize("name", NAMES)
def test_order_and_cut_of_many_rows_change_nothing(name):
    rows = many(60)
    whole = picks(name, [rows], budget=50, seed=5, k="20")
    assert len(whole) == 50
    turned = rows[::-1]
    assert picks(name, [turned[:7], [], turned[7:100], turned[100:]], budget=50, seed=5, per_item=13, k="20") == whole


@pytest.mark.parametrize("name", NAMES)
def test_every_crowd_is_represented_first(name):
    assert set(topics(picks(name, [many()], budget=4, k="9"))) == set(TOPICS)


def test_vote_k_takes_a_large_crowd_before_a_small_one_and_odd_rows_late():
    rows = [row for row in many(10) if row[2] == "python" or (row[2] == "travel" and row[0] < "travel003")]
    rows.append(("odd", "zebra quartz", ""))
    order = in_order("vote_k", rows, k="5")
    assert order[0].startswith("python")
    assert order.index("odd") > 3


@pytest.mark.parametrize("name", NAMES)
def test_rows_without_a_word_speak_for_nobody(name):
    rows = [("a", "", ""), ("b", "the gene of the cell", ""), ("c", "the gene of a cell", ""), ("d", "", "")]
    order = [key for key, _ in picks(name, [rows], options=None)]
    assert order[0] in ("b", "c")
    assert sorted(order) in (["a", "b", "c"], ["a", "b", "c", "d"])
    assert (
        METHODS[name]
        .reasons(Shard.of({"keys": ["nobody"]}), run(name, [rows])[1])[0][0]
        .text.startswith("Put in order")
    )


def test_vote_k_says_for_how_many_a_row_stands():
    reasons, notes = told("vote_k", many(), k="9")
    first = reasons[in_order("vote_k", many(), k="9")[0]]
    assert first.text == f"Stands for {first.data['stands_for']} similar rows, none represented so far."
    later = [one for one in reasons.values() if one.data["represented"]]
    assert later
    assert all("represented already" in one.text or not one.data["stands_for"] for one in later)
    assert notes[0].startswith("A row votes for its 9 nearest")
    lonely, _ = told("vote_k", [("a", "boil the pasta", "")])
    assert lonely["a"].text == "No row that is left resembles it."


def test_ideal_says_how_many_it_reaches():
    reasons, notes = told("ideal", many(), k="3")
    assert all(one.text.startswith("Reaches ") and one.data["reach"] >= one.data["gain"] for one in reasons.values())
    assert notes[0].startswith("The first 4 rows reach ")


def test_ideal_repeats_for_a_seed():
    assert in_order("ideal", many(), seed=3, k="3") == in_order("ideal", many(), seed=3, k="3")
    assert in_order("ideal", many(), seed=3, k="3") != in_order("ideal", many(), seed=4, k="3")


def test_with_confidence_picks_come_from_sure_and_unsure_rows():
    rows = many()
    given = {"variant": "confidence", "language_model": tiny(), "first": 2, "k": 9}
    said = [{"instruction": text} for _, text, _ in rows]
    plain = [pick.key for pick in select(said, method="vote_k", budget=12, k=9)]
    sure = [pick.key for pick in select(said, method="vote_k", budget=12, **given)]
    assert sure[:2] == plain[:2]
    assert sure != plain
    assert len(set(sure)) == 12
    everything = [pick.key for pick in select(said, method="vote_k", budget=40, **given)]
    assert len(set(everything)) == 40, "what the bins leave out follows by votes"


@pytest.mark.parametrize("name", ["vote_k", "uncertainty"])
def test_a_model_that_is_not_there_is_named(name):
    params = {"vote_k": {"variant": "confidence"}, "uncertainty": {}}[name]
    with pytest.raises(ParamsError) as refused:
        run(name, [many(1)], language_model="/nowhere/at/all", **params)
    assert refused.value.field == "language_model"


@pytest.mark.parametrize("name", NAMES)
def test_what_they_promise(name):
    method = METHODS[name]
    assert method.memory == "pool"
    assert method.max_rows <= 200_000
    passes = method.passes(parse_params(method.Params, {}))
    assert passes[0].keeps is not None
    assert sum(step.whole for step in passes) == 1
    with pytest.raises(ParamsError):
        parse_params(method.Params, {"k": 0})


# --- uncertainty ---


def test_entropy_and_words_by_hand():
    assert vote_entropy(["Paris", "paris.", " PARIS "]) == 0
    assert vote_entropy(["a", "b", "c", "d"]) == pytest.approx(1)
    assert vote_entropy(["a", "a", "a", "b", "c"]) == pytest.approx(0.5904, abs=1e-4)
    assert vote_entropy(["a"]) == vote_entropy([]) == word_difference(["a"]) == 0
    assert word_difference(["a b", "b a"]) == 0
    assert word_difference(["a b", "a c"]) == pytest.approx(0.5)
    assert word_difference(["a a", "a"]) == pytest.approx(1 / 3)
    assert word_difference(["", ""]) == 0
    assert most_frequent(["x", "Yes!", "yes"]) == ("Yes!", 2)
    assert normalised("  Ｐaris,\n FRANCE! ") == "paris france"


def test_uncertainty_asks_each_row_by_itself():
    rows = many(2)
    given = {"language_model": tiny(), "samples": "4", "tokens": "3"}
    alone = {key: score for row in rows for key, score in picks("uncertainty", [[row]], **given)}
    assert dict(picks("uncertainty", [rows], **given)) == alone
    assert dict(picks("uncertainty", [rows], seed=1, **given)) != alone
    cold = picks("uncertainty", [rows], **given | {"temperature": "0.05"})
    assert np.mean([score for _, score in cold]) < np.mean(list(alone.values()))


def test_uncertainty_says_what_it_saw():
    given = {"language_model": tiny(), "samples": "4", "tokens": "1"}
    reasons, notes = told("uncertainty", many(3), **given)
    assert all(one.text.startswith("The model gave ") for one in reasons.values())
    assert {one.data["samples"] for one in reasons.values()} == {4}
    assert notes
    method = METHODS["uncertainty"]
    ctx = Ctx(parse_params(method.Params, {}))
    for high, low, word in ((1.0, 1.0, "Compare words"), (0.0, 0.0, "Raise the temperature")):
        (note,) = notes_of(method, ctx, Scores(3, high, 0.0, low, high))
        assert (note.kind, word in note.text) == ("warning", True)
    assert notes_of(method, ctx, Scores(0, 0, 0, 0, 0)) == []


def test_an_answer_ends_where_the_model_ends_it():
    from selection.encoders import causal
    from selection.encoders.sampling import answers, asked

    lm = causal.load(tiny())
    chance = np.random.default_rng(0).random((3, 6))
    long = answers(lm, "add the price", chance)
    short = answers(lm, "add the price", chance[:, :2])
    assert len(long) == 3
    assert all(a.startswith(b[:1]) for a, b in zip(long, short, strict=True))
    assert len(answers(lm, "word " * 400, chance)) == 3, "a prompt longer than the context is cut"
    assert answers(lm, "add", np.empty((2, 0))) == ["", ""]
    assert "add" in asked(lm, "add")
