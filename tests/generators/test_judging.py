"""Verdicts: hand-checked numbers, and what published implementations got wrong."""

import pytest

from curation.generators.judging import (
    Judged,
    Verdict,
    agreement,
    both_orders,
    by_scores,
    jury,
    length_rule,
    planted_fails,
    plants,
    ratio,
    report,
    vote,
)


@pytest.mark.parametrize(
    ("straight", "swapped", "found"),
    [
        ("a", "b", Verdict("a", True)), ("b", "a", Verdict("b", True)), ("tie", "tie", Verdict("tie", True)),
        ("a", "a", Verdict("tie", False)), ("b", "b", Verdict("tie", False)), ("a", "tie", Verdict("tie", False)),
        (None, "b", Verdict(None, None)), ("a", None, Verdict(None, None)),
    ],
)  # fmt: skip
def test_both_orders(straight: str, swapped: str, found: Verdict) -> None:
    assert both_orders(straight, swapped) == found


@pytest.mark.parametrize(
    ("votes", "found"),
    [
        (["a", "b", "tie"], "tie"), (["a", "a", "tie"], "a"), (["b", "b", "b"], "b"), (["a", "b"], "tie"),
        (["a", None, None], None), (["a", "a", None], "a"), ([], None), ([None, None, None], None),
    ],
)  # fmt: skip
def test_jury(votes: list, found: str | None) -> None:
    assert jury(votes) == found


def test_scores_that_cannot_be_read_are_no_zeros() -> None:
    assert by_scores([(7, 5), (8, 8), None]) == "a"
    assert by_scores([None, None, (9, 1)]) is None
    assert by_scores([(5, 5.2), (6, 6)], margin=0.5) == "tie"
    assert by_scores([(3, 6)]) == "b"


@pytest.mark.parametrize(
    ("said", "found"), [("A", "a"), (" b.", "b"), ("Answer B", "b"), ("Tie", "tie"), ("C", None), (1, None), ("", None)]
)
def test_a_verdict_is_read_or_there_is_none(said: object, found: str | None) -> None:
    assert vote(said) == found


def test_the_length_rule_is_strict_and_spares_clear_wins() -> None:
    assert length_rule("a", True, 1200, 700, 500) == "a"
    assert length_rule("a", True, 1201, 700, 500) == "tie"
    assert length_rule("a", True, 1201, 700, -1) == "a"
    assert length_rule("a", False, 9000, 700, 500) == "a"
    assert length_rule("b", True, 700, 1201, 500) == "tie"
    assert length_rule("a", True, 700, 1500, 500) == "a"
    assert length_rule("tie", True, 1, 9000, 0) == "tie"
    assert length_rule(None, True, 1, 9000, 0) is None


def test_planted_pairs() -> None:
    assert plants(100, 0.05) == 5
    assert plants(3, 0.05) == 1
    assert plants(0, 0.05) == 0
    assert plants(100, 0) == 0
    assert planted_fails(18, 20)
    assert not planted_fails(19, 20)
    assert planted_fails(4, 5)
    assert not planted_fails(5, 5)
    assert not planted_fails(0, 0)


def test_kappa_by_hand() -> None:
    a = dict(enumerate(["a", "a", "b", "b"]))
    b = dict(enumerate(["a", "b", "b", "b"]))
    found = agreement(a, b)
    assert (found.pairs, found.percent, found.kappa, found.enough) == (4, 0.75, 0.5, False)
    assert found.low is None  # four pairs are too few for an interval


def test_kappa_of_one_label_alone_is_undefined() -> None:
    same = dict.fromkeys(range(200), "a")
    found = agreement(same, same)
    assert (found.percent, found.kappa, found.low, found.enough) == (1.0, None, None, True)


def test_kappa_has_an_interval_and_leaves_abstentions_out() -> None:
    ours = {at: ("a", "b", "tie")[at % 3] for at in range(120)}
    people = ours | dict.fromkeys(range(0, 120, 5), "a")
    found = agreement(ours | {0: None}, people)
    assert found.pairs == 119
    assert found.enough
    assert found.low < found.kappa < found.high < 1
    assert agreement({1: None}, {1: "a"}).kappa is None


def test_report() -> None:
    rows = [
        Judged("a", "b", "a", 1000, 500), Judged("a", "a", "tie", 10, 10), Judged("b", "a", "b", 110, 100),
        Judged(None, "a", None, 5, 5),
    ]  # fmt: skip
    found = report(rows)
    assert found["consistent"] == pytest.approx(2 / 3)
    assert found["abstained"] == 0.25
    assert found["ties"] == 0.25
    assert found["first_place"] == pytest.approx(5 / 7)  # a,a,b and of the swapped b,a,a,a
    assert found["longer_wins"] == 0.5
    assert found["longer_wins_matched"] == 0.0
    assert found["matched"] == 1
    assert report([])["consistent"] is None


def test_ratio() -> None:
    assert ratio("abc", "a") == 3
    assert ratio("", "") == 1
    assert ratio("", "abcd") == 4
