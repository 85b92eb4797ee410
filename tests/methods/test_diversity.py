"""The methods that see the whole pool as vectors: what they pick from rows of text, what they say of it."""

import random

import numpy as np
import pytest

from selection.methods import METHODS, Ctx, Options, Scores, parse_params, select
from selection.methods.base import notes_of
from tests.methods.tables import picks, run

TOPICS = {
    "cooking": "boil the {} in salted water, add butter and stir the sauce in the pan",
    "python": "write a python function that returns the sorted {} of a list of integers",
    "travel": "book a train from Paris to {} and find a hotel near the station",
    "biology": "the gene {} is expressed in the nucleus of the cell and binds the protein",
}
THINGS = ["potatoes", "maximum", "Lyon", "BRCA1", "pasta", "minimum", "Berlin", "TP53", "carrots", "median"]
NAMES = ["tsds", "facility_location", "k_center", "semdedup", "d4"]
LOOSE = Options(exact_duplicates=False)


def many(each=10):
    """(key, text, source): ten rows of each topic, one like the next."""
    return [
        (f"{topic}{n:03}", text.format(f"{THINGS[n % 10]} {n // 10 or ''}".strip()), topic)
        for topic, text in TOPICS.items()
        for n in range(each)
    ]


def topics(found):
    return [key.rstrip("0123456789") for key, _ in found]


def told(name, rows, **params):
    """Reasons of all rows by key, and the notes."""
    columns, ctx = run(name, [rows], **params)
    from selection.methods import Shard

    keys = [key for key, _, _ in rows]
    reasons = METHODS[name].reasons(Shard.of({"keys": keys}), ctx)
    return dict(zip(keys, reasons, strict=True)), notes_of(METHODS[name], ctx, Scores.of(columns))


@pytest.mark.parametrize("name", NAMES)
def test_order_and_cut_of_many_rows_change_nothing(name):
    rows = many(60)
    shuffled = rows[:]
    random.Random(3).shuffle(shuffled)
    whole = picks(name, [rows], budget=50, seed=5)
    assert len(whole) > 5
    assert picks(name, [shuffled[:7], [], shuffled[7:100], shuffled[100:]], budget=50, seed=5, per_item=13) == whole


def test_k_center_and_facility_location_of_the_pool_see_every_topic_first():
    rows = many()
    for name, params in (("k_center", {"start": "middle"}), ("facility_location", {"aim": "pool"})):
        assert set(topics(picks(name, [rows], budget=4, **params))) == set(TOPICS), name


def test_facility_location_serves_each_target_first():
    rows = many()
    target = ("a train to Rome and a hotel at the station", "the protein and the gene in the cell")
    assert set(topics(picks("facility_location", [rows], budget=2, target=target))) == {"travel", "biology"}
    reasons, notes = told("facility_location", rows, target=target)
    texts = {key: why[0].text for key, why in reasons.items()}
    assert any(text.startswith("Covers target 1") for text in texts.values())
    assert any(text.startswith("Covers target 2") for text in texts.values())
    assert all(0 <= why[0].data["target"] <= 1 for why in reasons.values() if why[0].kind == "near")
    assert notes[0].text.startswith("The first ")


def test_without_a_target_they_see_the_pool():
    rows = many()
    for name in ("facility_location", "k_center"):
        assert len(picks(name, [rows], target=())) == 40
    assert picks("facility_location", [rows], target=()) == picks("facility_location", [rows], aim="pool")
    reasons, notes = told("facility_location", rows, target=())
    assert any("sampled row" in why[0].text for why in reasons.values())
    assert notes == []
    assert any("most typical" in why[0].text for why in told("k_center", rows, target=())[0].values())


def test_k_center_begins_at_the_target_and_says_how_far_it_goes():
    rows = many()
    first = picks("k_center", [rows], budget=1, target=("the gene of the protein in the nucleus",))
    assert topics(first) == ["biology"]
    reasons, _ = told("k_center", rows)
    assert sum(why[0].text.startswith("The first pick") for why in reasons.values()) == 1
    assert sum("distance" in why[0].text for why in reasons.values()) > 30


def test_semdedup_leaves_one_of_the_same_and_says_for_how_many():
    rows = [("a", "boil the pasta in water", ""), ("b", "boil the pasta in water", ""), ("c", "a train to Lyon", "")]
    assert {key for key, _ in picks("semdedup", [rows], clusters="1", options=LOOSE)} == {"a", "c"}
    reasons, notes = told("semdedup", rows, clusters="1")
    assert reasons["a"][0].text == "Kept for 1 near-duplicate."
    assert reasons["c"][0].text == "Nothing that stays means the same."
    assert notes[0].kind == "fact"
    assert notes[0].text == "1 of 3 rows mean the same as one that stays."


def test_what_does_not_fill_the_budget_is_a_warning():
    rows = [(key, "boil the pasta in water", "") for key in "abcd"]
    for name in ("semdedup", "d4"):
        columns, ctx = run(name, [rows])
        wanting = Ctx(ctx.params, ctx.target, 0, 4, ctx.values, wanted=3)
        (note,) = notes_of(METHODS[name], wanting, Scores.of(columns))
        assert (note.kind, "does not fill the budget" in note.text) == ("warning", True)


def test_d4_drops_the_typical():
    rows = many()
    stays = {key for key, _ in picks("d4", [rows], keep="0.5", similarity="1", clusters="4")}
    assert len(stays) == 20
    assert len(picks("d4", [rows], keep="1", similarity="1")) == 40
    _, notes = told("d4", rows, keep="0.5", similarity="1")
    assert "20 were too typical" in notes[0].text


def test_rows_of_clusters_come_in_turn():
    rows = many()
    found = topics(picks("semdedup", [rows], order="clusters", clusters="4", similarity="1", budget=4))
    assert len(set(found)) == 4


def test_tsds_draws_near_the_target_and_shares_among_copies():
    rows = many()
    target = ("book a train from Paris to Rome and find a hotel near the station",)
    found = topics(picks("tsds", [rows], target=target, alpha="0.97", budget=5))
    assert found.count("travel") >= 4
    assert picks("tsds", [rows], seed=1) != picks("tsds", [rows], seed=2)
    reasons, notes = told("tsds", rows, target=target, alpha="0.97")
    assert any("of the chance" in why[0].text for why in reasons.values())
    assert any("no target reached" in why[0].text for why in reasons.values())
    assert notes[0].text.startswith("The targets spread over ")


def test_tsds_says_what_cut_it_short():
    rows = many()
    columns, ctx = run("tsds", [rows], neighbours="3", alpha="0.1", target=("a train to Rome",))
    wanting = Ctx(ctx.params, ctx.target, 0, 40, ctx.values, wanted=30)
    notes = notes_of(METHODS["tsds"], wanting, Scores.of(columns))
    assert [note.kind for note in notes] == ["warning", "warning"]
    assert "fewer than the budget" in notes[0].text
    assert "all of its 3 neighbours" in notes[1].text


def test_a_budget_beyond_the_rows_in_order_counts_instead():
    rows = many()
    assert len(picks("k_center", [rows], most="7")) == 7
    said = [{"instruction": text} for _, text, _ in rows]
    assert len(select(said, method="k_center", budget=12, most=7)) == 12


def test_rows_without_words():
    rows = [("a", "", ""), ("b", "the gene of the cell", ""), ("c", "", ""), ("d", " ", "")]
    for name in NAMES:
        found = [key for key, _ in picks(name, [rows], options=LOOSE)]
        assert len(set(found)) == len(found)
        assert "b" in found or name == "d4"
        for column in run(name, [rows])[0]:
            assert np.isfinite(column["score"]).all()


@pytest.mark.parametrize("name", NAMES)
def test_what_they_promise(name):
    method = METHODS[name]
    assert method.memory == "pool"
    assert method.max_rows == 500_000
    passes = method.passes(parse_params(method.Params, {}))
    assert passes[0].keeps is not None
    assert sum(step.whole for step in passes) == 1
