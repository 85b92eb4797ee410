"""The rules of quality: each part by hand, and that rows come in the order that they say."""

import pytest

from selection.methods import ParamsError, Quality, parse_params, select
from selection.methods.quality import WEIGHTS, Rules, explained, judge, score_of

GOOD = "The river rises in the hills, passes two towns, and meets the sea after ninety miles."
P = Quality.Params()


def rules(answer, prompt="Describe the river.", params=P):
    return judge(f"{prompt}\n{answer}", prompt, answer, params)


def test_a_row_without_fault_has_the_whole_score():
    assert rules(GOOD) == Rules(1, 1, 1, 1, 1)
    assert score_of(rules(GOOD)) == pytest.approx(1.0)
    assert sum(WEIGHTS) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "answer",
    ["", "  \n", "...", "N/A", "TODO", "[No output]", "Lorem ipsum dolor sit amet, consectetur.",
     "As an AI language model, I cannot have opinions on rivers, but here is one all the same.",
     "I'm sorry, but I can't help with that.", "I’m sorry, I am unable to answer this.",
     "I cannot provide medical advice.", "My knowledge cutoff is 2021, so I do not know."],
)  # fmt: skip
def test_no_answer_and_refusals(answer):
    assert rules(answer).answer == 0.0


@pytest.mark.parametrize(
    "answer",
    ["None", "42", "B", "Yes.", "I cannot swim, and so I took the bridge.", "She said: I'm sorry, but the bread is gone.",
     "A language model predicts the next word of a text.", "no"],
)  # fmt: skip
def test_short_answers_and_ordinary_ones_are_answers(answer):
    assert rules(answer).answer == 1.0


def test_the_prompt_said_again_is_half_an_answer():
    assert rules("describe the river", "Describe the river.").answer == 0.5


@pytest.mark.parametrize(
    ("answer", "ended"),
    [(GOOD, 1), (GOOD[:-1], 0), ("Paris", 1), ("", 0), ("def f(x):\n    y = x\n    return y + (1)", 1), (f"> {GOOD}”", 1),
     ("the one and the other and the third and then the fourth and", 0), (f"{GOOD}\n```\nx = y\n```", 1)],
)  # fmt: skip
def test_an_answer_that_stops_in_the_middle(answer, ended):
    assert rules(answer).ending == ended


def test_length_and_signs_and_repetition_by_hand():
    params = parse_params(Quality.Params, {"least": 10, "most": 20})
    assert rules("one two", "three", params).length == pytest.approx(0.3)
    assert rules(" ".join("abcdefghijklmnopqrstuvwxyz"[:19]), "z", params).length == 1.0
    assert rules(" ".join(f"w{n}" for n in range(39)), "z", params).length == pytest.approx(0.5)
    assert judge("#### ab", "#### ab", "", P).signs == pytest.approx(2 * 2 / 6)
    assert judge("", "", "", P) == Rules(0, 1, 0, 0, 0)
    assert rules(f"{GOOD} {GOOD}").repetition == pytest.approx(0.5)
    assert rules(GOOD, GOOD).repetition == 1.0, "an answer may quote its prompt"
    off = parse_params(Quality.Params, {"answers": "no"})
    assert rules("", params=off)[0::4] == (1.0, 1.0)
    with pytest.raises(ParamsError, match="at least the 50 words"):
        parse_params(Quality.Params, {"least": 50, "most": 20})


def test_the_score_is_the_weighted_sum():
    assert score_of(Rules(0, 1, 0.5, 1, 0)) == pytest.approx(0.25 + 0.075 + 0.15)


def test_reasons_name_every_part():
    reason = explained(Rules(0, 0.875, 1, 1, 0))
    assert reason.text == "0.519 of 1: answer 0, repetition 0.875, length 1, signs 1, ending 0."
    assert reason.data["rules"][1] == ["repetition", 0.875, 0.25]
    assert explained(rules(GOOD)).text == "Nothing to complain of."


def test_rows_come_in_the_order_of_their_faults():
    rows = {
        "fine": GOOD,
        "cut": GOOD[:-1],
        "again": f"{GOOD} {GOOD} {GOOD}",
        "refused": "I'm sorry, but I can't help with describing rivers, hills, towns or seas.",
        "empty": "",
    }
    found = select(
        [{"id": key, "prompt": "Describe the river, please.", "completion": text} for key, text in rows.items()],
        method="quality",
    )
    assert [pick.key for pick in found] == ["fine", "cut", "again", "refused", "empty"]
    assert found[0].score == 1.0
    assert "ending 0" in found[1].reason[0].text


def test_a_megabyte_takes_no_time():
    for text in ("a " * 500_000, "?" * 1_000_000, "I'm sorry " * 100_000, "n/a " * 250_000, "\n" * 1_000_000 + "x"):
        judge(text, text, text, P)
