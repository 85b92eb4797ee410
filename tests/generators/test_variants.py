"""Variants: answers are computed from the known ones; prompts are rewritten without loss or leak."""

import json

import pytest

from curation.generators import Demo, Request, Sources, Spec
from curation.generators.rerender import Item, Rules, apply, parse
from curation.generators.rewriting import is_right
from curation.params import ParamsError
from tests.generators.playing import play, stages, user

SPEC = Spec(instruction="Mark drugs and events.")
TEXT = "He took aspirin and got a skin rash; aspirin again, rash again."
GOLD = json.dumps(
    [
        {"type": t, "text": x}
        for t, x in (("drug", "aspirin"), ("event", "skin rash"), ("event", "rash"), ("drug", "aspirin"))
    ]
)
EXAMPLES = (Demo(TEXT, GOLD, key="e1"), Demo("It rained.", "[]", key="e2"))


def said(request: Request) -> dict:
    if request.stage == "wording":
        return {"instruction": f"Please mark drugs and events, {request.key[-1]}."}
    return {"guidelines": "A drug was taken; an event is harm."}


def run(answers=said, examples: tuple[Demo, ...] = EXAMPLES, spec: Spec = SPEC, **params):
    return play("variants", answers, spec=spec, sources=Sources(examples=examples), **params)


def test_every_answer_is_the_known_one_under_the_rules_that_are_said() -> None:
    job, asked = run(rows=30, rules=5)
    assert stages(asked) == ["wording", "guideline"]
    assert len(asked) == 4 + 3  # a few for the whole set
    assert len(job.candidates) == 60
    forms, outputs = set(), set()
    for one in job.candidates:
        assert one.kept
        rules = Rules(**one.meta["rules"])
        items = tuple(Item(*item) for item in one.meta["gold"])
        wanted = tuple((item.type, item.text) for item in apply(items, rules))
        assert parse(one.outputs[0], one.meta["form"], rules.empty) == wanted
        forms.add(one.meta["form"])
        outputs.add(one.outputs[0])
        assert one.requests == ()
        assert one.parents[0] in ("e1", "e2")
    assert forms == {"json", "lines", "table", "sentence"}
    assert len(outputs) > 12


def test_a_rule_that_is_drawn_is_said_and_one_that_is_not_stays_at_its_default() -> None:
    job, _ = run(rows=30, rules=5)
    longest = [one for one in job.candidates if one.meta["rules"].get("nested") == "longest" and one.parents == ("e1",)]
    assert longest
    for one in longest:
        assert "mark the longest only" in one.instruction
        assert '"rash"' not in one.outputs[0] or one.meta["form"] != "json"
    assert all("longest" not in one.instruction for one in job.candidates if "nested" not in one.meta["rules"])


def test_labels_stay_what_they_are() -> None:
    spec = Spec(instruction="Is it good or bad?", labels=("good", "bad"))
    demos = tuple(Demo(f"text {n}", "good" if n % 2 else "bad", key=str(n)) for n in range(4))
    job, _ = run(
        lambda r: {"instruction": "Tell: good or bad?", "guidelines": "good is fine, bad is not."}, demos, spec, rows=10
    )
    for one in job.candidates:
        assert one.kept
        ((kind, text),) = parse(one.outputs[0], one.meta["form"])
        assert (kind, text) == ("label", "good" if int(one.parents[0]) % 2 else "bad")
        assert set(one.meta["rules"]) <= {"many", "empty"}


def test_guidelines_that_leave_a_type_out_and_wordings_that_lose_something_are_told() -> None:
    spec = Spec(instruction='Mark drugs in the 3 parts of "Part A".')
    job, _ = run(
        lambda r: (
            {"instruction": "Mark drugs in part A."} if r.stage == "wording" else {"guidelines": "Mark every drug."}
        ),
        spec=spec,
    )
    assert job.report["wordings"] == job.report["guidelines"] == []
    assert job.report["guidelines_dropped"][0]["why"] == "it does not name event"
    assert job.report["wordings_dropped"][0]["why"] == "it has lost 3"
    assert all(one.instruction.startswith(spec.instruction) for one in job.candidates)


@pytest.mark.parametrize(
    ("output", "why"),
    [("It harmed him.", "free text"), ('[{"type": "drug", "text": "ibuprofen"}]', "does not stand in")],
)
def test_known_answers_that_cannot_be_read_are_dropped(output: str, why: str) -> None:
    job, _ = run(examples=(Demo(TEXT, output, key="e"),), rows=1)
    assert why in job.candidates[0].reason


def test_wordings_alone_leave_the_answer_untouched() -> None:
    demos = (Demo("in", "out,  with  spaces ", key="e"),)
    job, asked = run(mode="instruction", examples=demos, rows=5, wordings=4)
    assert stages(asked) == ["wording"]
    assert [one.outputs for one in job.candidates] == [("out,  with  spaces ",)] * 5
    assert len({one.instruction for one in job.candidates if one.kept}) == 4
    assert [one.reason for one in job.candidates if not one.kept] == [
        "There are fewer wordings than variants are wanted."
    ]


def test_formats_that_are_not_there() -> None:
    with pytest.raises(ParamsError, match="formats"):
        run(formats="json, yaml")


PROBLEM = Demo('Anna has 12 eggs and "uses" 5. How many?', "7", key="q")
BETTER = 'Anna has 12 eggs. She "uses" 5 of them and keeps the others. How many eggs does Anna keep?'


def rewriter(prompt: str, before: str = "17", after: str = "7"):
    def reply(request: Request) -> dict:
        if request.stage == "rewrite":
            return {"unclear": "what is asked", "prompt": prompt}
        return {"reason": "r", "answer": after if "keep" in user(request) else before}

    return reply


def rewrite(prompt: str, demo: Demo = PROBLEM, **more: str):
    return run(rewriter(prompt, **more), (demo,), mode="rewrite", rounds=1)


def test_a_clearer_prompt_by_which_more_answers_are_right() -> None:
    job, asked = rewrite(BETTER)
    assert stages(asked) == ["solve", "rewrite"]
    assert [r.stage for r in asked] == ["solve"] * 3 + ["rewrite"] + ["solve"] * 3
    (one,) = job.candidates
    assert one.kept
    assert (one.instruction, one.outputs) == (BETTER, ("7",))
    assert (one.meta["right_before"], one.meta["right_after"]) == (0, 3)
    assert one.meta["original"] == PROBLEM.input
    assert "17" in user(asked[3])


@pytest.mark.parametrize(
    ("prompt", "why"),
    [
        (BETTER + " It is 7.", "gives the answer away"), (BETTER.replace("12", "a dozen"), "has lost: 12"),
        (BETTER.replace('"uses"', "eats"), "has lost: uses"), (BETTER.replace("Anna", "She"), ""),
        (BETTER * 6, "much longer"), (PROBLEM.input, "was not changed"), (BETTER + " Is it 17?", "gives the answer away"),
    ],
)  # fmt: skip
def test_rewrites_that_are_dropped(prompt: str, why: str) -> None:
    (one,) = rewrite(prompt)[0].candidates
    assert one.kept is (why == "")
    assert why in one.reason


def test_a_rewrite_by_which_fewer_answers_are_right() -> None:
    (one,) = rewrite(BETTER, before="7", after="8")[0].candidates
    assert one.reason == "Fewer answers are right than before."


def test_another_round_only_where_the_first_failed() -> None:
    prompts = iter([PROBLEM.input, BETTER, "never"])

    def reply(request: Request) -> dict:
        return (
            {"unclear": "u", "prompt": next(prompts)} if request.stage == "rewrite" else {"reason": "r", "answer": "7"}
        )

    job, asked = run(reply, (PROBLEM,), mode="rewrite", rounds=3)
    assert [one.instruction for one in job.candidates] == [BETTER]
    assert sum(r.stage == "rewrite" for r in asked) == 2


def test_right_answers_in_free_text() -> None:
    known = "The committee approved the budget because the costs were low"
    assert is_right("The committee approved the budget since the costs were low", known)
    assert not is_right("Nobody knows", known)
    assert is_right("7 eggs", "7")
