"""Reasoning paths: only a right final answer counts, and what was shown must not shine through."""

import re

import pytest

from curation.generators import Demo, Request, Sources
from curation.generators.reasoning_paths import GUIDELINES, Params, Path, verdicts
from tests.generators.playing import play, stages, system, user

QUESTION = Demo("How many eggs are left of 10 when 3 break?", "7", instruction="Solve it.", key="q1")
WAYS = (
    "Ten eggs minus the three that broke leaves seven eggs whole.", "Counting down from ten: nine, eight, seven; three are gone.",
    "The part that broke is three, so the other part of ten must be seven of them.", "Three plus what gives ten? It is seven.",
)  # fmt: skip


def said(answer: str = "7", steps: tuple[str, ...] = ()):
    def reply(request: Request) -> dict:
        turn = int(re.search(r"/(\d+)(~\d)?$", request.key)[1])
        return {
            "select": {"choice": [1, 2 + turn]}, "adapt": {"adapted": "Count what stays."},
            "structure": {"steps": ["Find what breaks.", "Take it away."]},
            "solve": {"steps": list(steps) or ["Read it again, number by number.", WAYS[turn % 4]], "answer": answer},
            "hinted": {"steps": list(steps) or ["Take it apart.", WAYS[0]], "answer": "7"}, "check": {"agree": True},
        }[request.stage]  # fmt: skip

    return reply


def run(answers, *demos: Demo, **params):
    return play("reasoning_paths", answers, sources=Sources(examples=demos or (QUESTION,)), **params)


def test_the_order_of_the_method_and_no_more_paths_than_wanted() -> None:
    job, asked = run(said(), selections=2, tries=6, paths=2)
    assert stages(asked) == ["select", "adapt", "structure", "solve"]
    assert [request.stage for request in asked].count("solve") == 2  # both were right, so it ends
    assert [one.kept for one in job.candidates] == [True, True]
    one = job.candidates[0]
    assert one.outputs[0].endswith("Answer: 7")
    assert one.meta["guideline"] == f"{GUIDELINES[0]} {GUIDELINES[1]}"
    assert asked[0].sampling.temperature == 1.2
    assert len(one.requests) == 3


def test_a_number_on_the_way_is_no_final_answer() -> None:
    job, _ = run(said("3 of 7"), selections=1, tries=2)
    assert [one.reason for one in job.candidates] == ["The final answer is not the known one."] * 2
    assert job.report == {"questions": 1, "without_a_path": 1, "without_an_answer": 0}


def test_guidelines_alone_come_after_the_choices_and_in_an_order_of_chance() -> None:
    _, asked = run(said("8"), selections=1, tries=4, paths=1)
    shown = [re.search(r"Guideline:\n(.*)", user(r))[1] for r in asked if r.stage == "adapt"]
    assert shown[0] == f"{GUIDELINES[0]} {GUIDELINES[1]}"
    assert len(set(shown)) == 4
    assert all(one in GUIDELINES for one in shown[1:])
    assert "7" not in "".join(user(r) for r in asked)  # the known answer is not shown


def test_paths_of_a_question_that_are_nearly_the_same() -> None:
    job, _ = run(said(steps=("The same step.", "And the same end.")), selections=1, tries=3, paths=3)
    assert [one.kept for one in job.candidates] == [True, False, False]
    assert job.candidates[1].reason == "Nearly the same as another path of this question."


def test_with_the_answer_shown_only_where_all_else_failed_and_no_trace_of_it() -> None:
    def reply(request: Request) -> dict:
        return said("8")(request) if request.stage == "solve" else said()(request)

    job, asked = run(reply, selections=1, tries=1, hint=True)
    assert stages(asked) == ["select", "adapt", "structure", "solve", "hinted"]
    hinted = job.candidates[-1]
    assert hinted.kept
    assert hinted.meta["hinted"]
    assert "Known answer: 7" in user(asked[-1])

    def leaking(request: Request) -> dict:
        return (
            said(steps=("Since the answer is 7,", "we take 3 away."))(request)
            if request.stage == "hinted"
            else reply(request)
        )

    job, _ = run(leaking, selections=1, tries=1, hint=True)
    assert "since the answer is" in job.candidates[-1].reason


@pytest.mark.parametrize(
    ("path", "failed"),
    [
        (Path(("It cannot be determined.", "Really."), "7"), "gives_up"), (Path(("One.",), "7"), "steps"),
        (Path(("word " * 900, "end"), "7"), "length"), (Path(("a", "b"), "seven"), "answer"),
        (Path(("It is impossible for 11 to be left.", "So 7."), "7"), ""),
    ],
)  # fmt: skip
def test_each_reason(path: Path, failed: str) -> None:
    assert [v.filter for v in verdicts(path, "7", [], Params(), hinted=False) if v.drops] == (
        [failed] if failed else []
    )


def test_answers_in_free_text_may_be_checked_by_the_model_too() -> None:
    demo = Demo("Where does the Danube end?", "the Black Sea", key="q2")
    job, asked = run(said("The Black Sea."), demo, selections=1, tries=1, check=True)
    assert stages(asked)[-1] == "check"
    assert job.candidates[0].kept
    for reply, why in (({"agree": False}, "does not hold the answers to agree"), ("hm", "No check")):
        job, _ = run(
            lambda r, reply=reply: reply if r.stage == "check" else said("The Black Sea.")(r),
            demo,
            selections=1,
            tries=1,
            check=True,
        )
        assert why in job.candidates[0].reason
    _, asked = run(said(), selections=1, tries=1, check=True)
    assert "check" not in stages(asked)  # a number is compared, not asked about


@pytest.mark.parametrize("choice", [[], [0], [26], [1, 2, 3, 4], "1, 2", [True]])
def test_a_choice_that_cannot_be_read_leaves_the_guidelines_alone(choice: object) -> None:
    job, asked = run(lambda r: {"choice": choice} if r.stage == "select" else said()(r), selections=1, tries=1, paths=1)
    assert sum(r.stage == "select" for r in asked) == 3
    assert job.candidates[0].meta["guideline"] in GUIDELINES


def test_what_cannot_be_read_is_handed_in_as_dropped() -> None:
    job, _ = run(lambda r: {"steps": ["a"]} if r.stage == "solve" else said()(r), selections=1, tries=1)
    assert job.candidates[0].reason == "The answer could not be read: the answer has no final answer in 'answer'."


def test_questions_without_an_answer_are_counted_and_guidelines_are_numbered() -> None:
    job, asked = run(said(), QUESTION, Demo("x", "", key="q2"), selections=1, tries=1, paths=1)
    assert job.report["without_an_answer"] == 1
    assert f"25. {GUIDELINES[24]}" in system(asked[0])
