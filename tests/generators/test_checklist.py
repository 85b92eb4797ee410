"""Checklists and scores: merged questions, honest denominators, both orders, the length rule."""

import pytest

from curation.generators import Demo, Request, Source, Sources, Spec
from curation.generators.checklist import VIEWS, merge, reward
from tests.generators.playing import play, stages, user

SPEC = Spec(instruction="Do the task.")
LISTS = (
    ["Is it a letter?", "Does it name the heater?", "Does it set a date?"],
    ["Does it name the heater??", "Is it signed?", "Is it short enough?"],
)
TASK = Source(
    "t1",
    "Write to the landlord about the heater.",
    {"answers": {"short": "Mend it.", "long": "Dear Sir, " + "x" * 700, "none": " "}},
)


def said(request: Request) -> dict:
    if request.stage == "checklist":
        return {"questions": LISTS[int(request.key[-1])]}
    if request.stage == "score":
        good = "Dear Sir" in user(request)
        return {"strengths": "s", "weaknesses": "w", "checks": [good] * 5, "score": 8 if good else 2}
    first = user(request).split("Answer A:\n")[1]
    return {"reason": "r", "choice": "A+" if first.startswith("Dear") else "B+"}


def run(answers=said, source: Source = TASK, **params):
    return play("checklist", answers, spec=SPEC, sources=Sources(inputs=(source,)), **params)


def test_two_views_are_merged_in_turn_without_repeats() -> None:
    job, asked = run()
    assert stages(asked) == ["checklist"]
    assert [VIEWS[n] in user(asked[n]) for n in (0, 1)] == [True, True]
    assert job.candidates[0].meta["checklist"] == [
        "Is it a letter?", "Does it name the heater??", "Is it signed?", "Does it set a date?", "Is it short enough?",
    ]  # fmt: skip
    assert job.candidates[0].outputs[0].startswith("1. Is it a letter?\n2. ")
    assert merge([["a?", "b?"], ["c?"]], 2) == ["a?", "c?"]
    assert merge([], 5) == []


def test_what_is_no_question_is_left_out_and_too_few_are_no_list() -> None:
    job, _ = run(lambda _: {"questions": ["Good letter.", "Is it a letter?"]})
    assert job.candidates[0].reason == "Fewer than 5 different questions."
    assert job.candidates[0].meta["checklist"] == ["Is it a letter?"]
    job, _ = run(lambda _: {"questions": ["Good."]})
    assert "the answer holds no question" in job.candidates[0].reason


def test_scores_are_told_from_the_mediocre_and_empty_answers_are_not_in_the_mean() -> None:
    job, asked = run(mode="score")
    assert stages(asked) == ["checklist", "score"]
    assert {one.meta["answer"]: one.score for one in job.candidates} == {"short": -6.0, "long": 6.0}
    assert job.report["scores"] == {"long": {"mean": 6.0, "answers": 1}, "short": {"mean": -6.0, "answers": 1}}
    assert job.report["missing"] == 1
    assert all(one.kept for one in job.candidates)


@pytest.mark.parametrize(
    "broken", [{"score": "high"}, {"score": 11}, {"checks": []}, {"checks": ["yes"] * 5}, {"strengths": ""}]
)
def test_a_score_that_cannot_be_read_is_missing_and_not_the_lowest(broken: dict) -> None:
    job, _ = run(lambda r: said(r) | broken if r.stage == "score" else said(r), mode="score")
    assert job.report["scores"] == {}
    assert job.report["missing"] == 3
    assert not any(one.kept or one.score for one in job.candidates)


def test_checks_that_were_left_out_and_scores_that_do_not_fit_them() -> None:
    job, _ = run(lambda r: said(r) | {"checks": [True] * 4} if r.stage == "score" else said(r), mode="score")
    assert job.candidates[0].reason == "Not every question was judged."
    job, _ = run(
        lambda r: said(r) | {"checks": [False] * 5, "score": 9} if r.stage == "score" else said(r), mode="score"
    )
    assert job.candidates[0].kept
    assert job.candidates[0].verdicts[-1].reason == "The score does not fit the checks."


def test_answers_in_pairs_by_both_orders_and_the_length_rule() -> None:
    job, asked = run(mode="score", compare=True)
    assert stages(asked) == ["checklist", "score", "versus"]
    assert sum(r.stage == "versus" for r in asked) == 2
    assert job.report["rewards"]["long"]["mean"] == 0.0  # 702 characters longer, and a slight win
    job, _ = run(mode="score", compare=True, length=-1)
    assert job.report["rewards"] == {"long": {"mean": 0.5, "answers": 1}, "short": {"mean": -0.5, "answers": 1}}
    job, _ = run(
        lambda r: {"reason": "r", "choice": "A++"} if r.stage == "versus" else said(r), mode="score", compare=True
    )
    assert job.report["changed_with_order"] == 1
    assert job.report["rewards"]["short"]["mean"] == 0.0


@pytest.mark.parametrize(
    ("straight", "swapped", "lengths", "found"),
    [
        ("A++", "B++", (10, 10), 1.0), ("A+", "B+", (10, 10), 0.5), ("A++", "B+", (10, 10), 0.75), ("A=B", "A=B", (1, 1), 0.0),
        ("A+", "B+", (1200, 700), 0.5), ("A+", "B+", (1201, 700), 0.0), ("A++", "B++", (9000, 7), 1.0), ("A+", "A+", (1, 1), 0.0),
        ("B+", "A+", (700, 1201), 0.0), ("B++", "A=B", (1, 1), -0.5),
    ],
)  # fmt: skip
def test_rewards(straight: str, swapped: str, lengths: tuple[int, int], found: float) -> None:
    assert reward(straight, swapped, *lengths, 500) == found


def test_a_checklist_that_is_there_is_used() -> None:
    source = Source(
        "t", "Do it.", {"checklist": ["Is it?", "Was it?", "Will it?", "Can it?", "May it?"], "answers": ["Dear Sir"]}
    )
    job, asked = run(source=source, mode="score")
    assert stages(asked) == ["score"]
    assert job.candidates[0].meta["answer"] == "answer 1"


def test_finished_examples_bring_their_answer_as_reference() -> None:
    sources = Sources(examples=(Demo("q", "Dear Sir, mend it.", key="e"),))
    job, asked = play("checklist", said, spec=SPEC, sources=sources, mode="score")
    assert "known to be good:\nDear Sir" in user(asked[0])
    assert job.candidates[0].parents == ("e",)
