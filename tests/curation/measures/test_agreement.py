"""All figures of one field."""

import json

import pytest

from curation import measures
from curation.measures.agreement import CELLS, OTHER, Unit, agreement

WEEK, NEXT = "2026-02-02", "2026-02-09"
LABELS = {"labels": ["yes", "no"]}


def units(*answers, week=WEEK):
    return [Unit(number, week, dict(enumerate(values, 1))) for number, values in enumerate(answers, 1)]


def test_labels_are_judged_by_alpha():
    said = [["yes", "yes"], ["no", "no"], ["yes", "no"], ["no", "no"], ["yes", "yes"], ["yes", "yes", "no"]]
    found = agreement("labels", LABELS, units(*said), rounds=200)
    assert found["value"] == measures.alpha(said)
    assert (found["low"], found["high"]) == measures.bootstrap_alpha(said, rounds=200)
    assert found["low"] < found["value"] < found["high"]
    assert found["percent"] == measures.percent(said)
    assert found["others"]["fleiss"] == measures.fleiss(said)
    assert found["others"]["fleiss_left_out"] == 1
    assert found["examples"] == 6
    assert found["answers"] == 13
    assert json.loads(json.dumps(found))["value"] == found["value"]


def test_each_pair_of_people_has_its_own_figures():
    found = agreement("labels", LABELS, units(["yes", "yes"], ["no", "no"], ["yes", "no", "no"]))
    first, *rest = found["pairs"]
    assert (first["a"], first["b"], first["examples"]) == (1, 2, 3)
    assert first["kappa"] == measures.cohen([("yes", "yes"), ("no", "no"), ("yes", "no")])
    assert first["percent"] == pytest.approx(2 / 3)
    assert [(one["a"], one["b"], one["examples"], one["kappa"]) for one in rest] == [(1, 3, 1, 0.0), (2, 3, 1, None)]
    third = next(one for one in found["people"] if one["who"] == 3)
    assert (third["examples"], third["percent"], third["low"]) == (1, 0.5, None)


def test_confusion_counts_both_ways_and_takes_rare_values_together():
    found = agreement("labels", LABELS, units(["yes", "yes"], ["no", "yes"], ["no", "no", "yes"]))
    assert found["confusion"] == {"values": ["no", "yes"], "rows": [[2, 3], [3, 2]]}
    many = agreement("labels", {}, units(*[[f"v{n:02}", f"v{n:02}"] for n in range(CELLS + 3)]))["confusion"]
    assert many["values"][-1] == OTHER
    assert len(many["rows"]) == CELLS + 1
    assert many["rows"][-1][-1] == 6  # three rare values, each once, counted both ways


def test_ratings_are_ordinal_and_tell_all_levels():
    said = [[1, 2], [3, 3], [5, 4], [2, 2], [4, 1], [5, 5]]
    found = agreement("rating", {"min": 1, "max": 5}, units(*said))
    assert found["level"] == "ordinal"
    assert found["value"] == found["others"]["alpha_ordinal"] == measures.alpha(said, "ordinal")
    assert found["others"]["alpha_interval"] == measures.alpha(said, "interval")
    assert [one["example"] for one in found["worst"]] == [5, 3, 1]  # by distance; the later one first where even


def test_texts_are_judged_by_their_likeness():
    said = [["You are well.", "You are well."], ["Go home.", "Stay here."], ["Rest a while.", "Rest for a while."]]
    found = agreement("text", {}, units(*said))
    assert found["value"] == pytest.approx(sum(measures.chrf(*pair) for pair in said) / 3)
    assert found["others"]["token_f1"] == pytest.approx(sum(measures.token_f1(*pair) for pair in said) / 3)
    assert found["confusion"] is None
    assert [one["example"] for one in found["worst"]] == [2, 3]
    assert found["low"] is None  # three examples are too few for an interval


def test_what_is_beyond_the_budget_is_left_out_and_counted():
    found = agreement("text", {}, units(*[["x" * 100, "y" * 100]] * 30), budget=1000)
    assert found["examples"] == 10
    assert found["left_out"] == 20
    assert agreement("text", {}, units(["x" * 99, "y" * 99]), budget=10)["examples"] == 1


def test_no_span_is_an_answer_and_no_text_is_none():
    span = [{"start": 0, "end": 3, "label": "PER"}]
    found = agreement("spans", {"labels": ["PER"]}, units([span, None], [None, None]))
    assert found["examples"] == 2
    assert found["value"] == pytest.approx(0.5)
    assert agreement("text", {}, units(["a", None], [None, None]))["examples"] == 0


def test_choices_between_two_outputs():
    first, second = {"chosen": 0, "rejected": 1}, {"chosen": 1, "rejected": 0}
    found = agreement("pair", {}, units([first, first | {"text": "mended"}], [first, second], [second, {"tie": True}]))
    assert found["confusion"]["values"] == ["Equally good", "Output 1", "Output 2"]
    assert found["percent"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("kind", "name", "a", "b", "expected"),
    [
        ("ranking", "kendall", [0, 1, 2], [0, 2, 1], 1 / 3),
        ("spans", "span_f1_overlap", [{"start": 0, "end": 4, "label": "A"}], [{"start": 2, "end": 4, "label": "A"}], 1),
        ("dialogue", "chrf_all", [{"role": "user", "text": "Hi"}], [{"role": "assistant", "text": "Hi"}], 1),
    ],
)
def test_further_measures(kind, name, a, b, expected):
    assert agreement(kind, {}, units([a, b]))["others"][name] == pytest.approx(expected)


def test_by_week():
    said = [*units(["yes", "no"], ["no", "no"]), *units(["yes", "yes"], week=NEXT)]
    weeks = agreement("labels", LABELS, said)["weeks"]
    assert [(one["week"], one["examples"], one["percent"]) for one in weeks] == [(WEEK, 2, 0.5), (NEXT, 1, 1.0)]
    assert weeks[0]["value"] == measures.alpha([["yes", "no"], ["no", "no"]])
    assert weeks[1]["value"] is None


@pytest.mark.parametrize("kind", ["text", "labels", "spans", "rating", "ranking", "json", "dialogue", "pair"])
def test_nothing_to_judge_is_none_everywhere(kind):
    empty = agreement(kind, {}, [])
    assert (empty["value"], empty["low"], empty["percent"], empty["mean"]) == (None, None, None, None)
    json.dumps(empty, allow_nan=False)
    odd = agreement(kind, {}, units([3, "x"], [["a"], {"b": 1}], [{"role": 1}, [{"text": None}]]))
    json.dumps(odd, allow_nan=False)


def test_everybody_said_the_same():
    found = agreement("labels", LABELS, units(*[["yes", "yes"]] * 9))
    assert found["value"] is None
    assert found["low"] is None
    assert found["one_value"]
    assert found["percent"] == 1
