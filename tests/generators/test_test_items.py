"""Test items: the grid, cells that cannot be read, training data, grades."""

import pytest

from curation.generators import Demo, Reply, Request, Source, Sources, Spec
from curation.params import ParamsError
from tests.generators.playing import play, stages, user

SPEC = Spec(instruction="Answer the question.")
GRID = "topic: nature (rivers, birds), trade\nlevel: easy, hard"  # 6 cells


def item(request: Request) -> dict:
    at = request.key.split("~")[0].split("/")[1]
    word = ("one", "two", "three", "four", "five", "six", "seven", "eight")[int(at)]
    return {"prompt": f"What comes after {word}?", "reference": f"The number after {word}."}


def run(answers=item, sources: Sources | None = None, wanted: int = 6, **params):
    return play("test_items", answers, spec=SPEC, sources=sources, wanted=wanted, **{"grid": GRID} | params)


def test_every_cell_once_before_any_twice() -> None:
    job, asked = run()
    assert len(asked) == 6
    cells = [one.meta["cell_number"] for one in job.candidates]
    assert sorted(cells) == list(range(6))
    assert job.report == {"cells": 6, "covered": 6, "skipped": 0}
    for one in job.candidates:
        cell = one.meta["cell"]
        assert (cell["topic"] == "nature") == ("sub-topic" in cell)
    assert "sub-topic: " in "".join(user(r) for r in asked)
    job, asked = run(wanted=50, laps=1)
    assert len(asked) == 6  # the grid is used up, and the run ends


def test_a_cell_that_cannot_be_read_is_passed_over_after_three_tries_and_counted() -> None:
    job, asked = run(lambda r: "no item" if r.key.startswith("item/2/") else item(r), wanted=5, laps=1)
    assert sum(r.key.startswith("item/2/") for r in asked) == 3
    assert len({r.seed for r in asked}) == len(asked)  # another sample each time
    assert job.report["skipped"] == 1
    assert job.kept == 5
    assert [one.reason[:33] for one in job.candidates if not one.kept] == ["The answer could not be read: the"]


PLANET = "Please tell me which of the nine planets is the largest one of all?"


@pytest.mark.parametrize(
    ("existing", "prompt", "kept"),
    [
        ("Say, which of the nine planets is the largest one?", PLANET, False), ("which of the nine planets is big", PLANET, True),
        ("What is BIG?", "what is big", False), ("What is big and red?", "What is big?", True),
    ],
)  # fmt: skip
def test_what_is_in_the_training_data_is_no_test(existing: str, prompt: str, kept: bool) -> None:
    sources = Sources(existing=(Source("x", existing),))
    job, _ = run(lambda _: {"prompt": prompt, "reference": "Jupiter."}, sources, wanted=1)
    assert job.candidates[0].kept is kept
    if not kept:
        assert "with the training data" in job.candidates[0].reason


def test_demonstrations_and_their_answers_are_training_data_too() -> None:
    reference = "one two three four five six seven eight nine ten eleven twelve thirteen"
    spec = Spec(instruction="Answer.", demonstrations=(Demo("How is it?", f"well {reference} yes"),))
    job, asked = play(
        "test_items", lambda _: {"prompt": "Count!", "reference": reference}, spec=spec, wanted=1, grid="a: x"
    )
    assert not job.candidates[0].kept
    assert "How is it?" in user(asked[0])


def test_references_by_a_second_look() -> None:
    def said(request: Request):
        if request.stage == "check":
            return Reply("no", logprobs={"no": -0.1, "yes": -2.5}) if "four" in user(request) else Reply("Yes")
        return item(request)

    job, asked = run(said, check=True)
    assert stages(asked) == ["item", "check"]
    assert sum(one.kept for one in job.candidates) == 5 + 1  # one more was asked for in place of the dropped one
    (dropped,) = [one for one in job.candidates if not one.kept]
    assert dropped.verdicts[0].value == pytest.approx(0.083, abs=1e-3)


def test_a_grade_that_cannot_be_read_is_missing_and_not_a_one() -> None:
    def said(request: Request):
        if request.stage == "answer":
            return {"answer": "Eight, I think."}
        if request.stage == "grade":
            return {"feedback": "f", "result": 0 if "four" in user(request) else 5}
        return item(request)

    job, asked = run(said, judge=True, wanted=4, laps=1)
    assert stages(asked) == ["item", "answer", "grade"]
    assert sorted(str(one.meta["grade"]) for one in job.candidates) == ["5.0", "5.0", "5.0", "None"]
    assert all(one.kept for one in job.candidates)


def test_without_reference() -> None:
    job, asked = run(lambda r: {"prompt": item(r)["prompt"]}, reference=False, wanted=2)
    assert [one.outputs for one in job.candidates] == [(), ()]
    assert "reference" not in str(asked[0].schema)


def test_a_grid_that_cannot_be_used_names_the_line() -> None:
    with pytest.raises(ParamsError, match="Line 2"):
        run(grid="a: x\nb")
