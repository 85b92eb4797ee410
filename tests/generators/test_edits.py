"""Edits: clean targets, honest distances, no new facts."""

import pytest

from curation.generators import Demo, Request, Source, Sources
from curation.generators.edits import families, new_facts, way_of
from curation.params import ParamsError
from tests.generators.playing import play, stages, user

TEXTS = tuple(
    Source(
        f"p{n}",
        f"The {word} was closed in 1962 because it is too old. However, the children do not go to the other one.",
    )
    for n, word in enumerate(("bridge", "school", "station", "library", "theatre", "harbour", "bakery", "garden"))
)


def test_by_rule_the_target_is_the_text_of_people_and_costs_nothing() -> None:
    job, asked = play("edits", {}, sources=Sources(TEXTS), families="grammar, formality, coherence", unchanged=0)
    assert asked == []
    clean = {one.text for one in TEXTS}
    assert len(job.candidates) == 24
    for one in job.candidates:
        assert one.outputs[0] in clean
        assert one.input != one.outputs[0]
        assert one.input not in one.instruction
        assert "1962" in one.input
        assert one.meta["way"] == "rules"
    assert sum(one.kept for one in job.candidates) > 16


def test_some_texts_have_nothing_to_correct_and_stay_as_they_are() -> None:
    many = tuple(Source(f"{n}", f"{TEXTS[n % 8].text} Number {n}.") for n in range(300))
    job, _ = play("edits", {}, sources=Sources(many), families="grammar", wanted=300, unchanged=0.08)
    same = [one for one in job.candidates if one.input == one.outputs[0]]
    assert 0.04 < len(same) / len(job.candidates) < 0.12
    assert all(one.kept and one.meta["unchanged"] for one in same)


def test_backwards_the_model_writes_the_source_and_forwards_the_target() -> None:
    def said(request: Request) -> dict:
        if request.stage == "check":
            return {"same": True}
        return {"text": user(request).split("\n")[3].replace("closed", "shut") + " That is so."}

    job, asked = play("edits", said, sources=Sources(TEXTS[:1]), families="neutralise", wanted=1)
    assert stages(asked) == ["edit", "check"]
    assert job.candidates[0].outputs == (TEXTS[0].text,)
    assert "bias" in user(asked[0])
    job, _ = play("edits", said, sources=Sources(TEXTS[:1]), families="paraphrase", wanted=1)
    assert job.candidates[0].input == TEXTS[0].text
    assert job.candidates[0].kept


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (TEXTS[0].text, "Nothing was changed."), ("Bridges can be very old, and some of them are shut.", "another text"),
        (TEXTS[0].text.replace("1962", "1963"), "Not in the source: 1963."),
        (TEXTS[0].text.replace("the children", "Anna and Paul"), "Not in the source: Anna, Paul."),
    ],
)  # fmt: skip
def test_edits_that_are_dropped_before_anything_more_is_paid(written: str, reason: str) -> None:
    job, asked = play(
        "edits", lambda _: {"text": written}, sources=Sources(TEXTS[:1]), families="paraphrase", wanted=1, least=0.001
    )
    assert reason in job.candidates[0].reason
    assert stages(asked) == ["edit"]


@pytest.mark.parametrize(
    ("said", "reason"), [({"same": False}, "means something else"), ("hm", "could not be checked")]
)
def test_a_meaning_that_changed_or_could_not_be_checked(said: object, reason: str) -> None:
    job, _ = play(
        "edits", {"edit": {"text": TEXTS[0].text.replace("closed", "opened")}, "check": said}, sources=Sources(TEXTS[:1]),
        families="paraphrase", wanted=1,
    )  # fmt: skip
    assert reason in job.candidates[0].reason


def test_several_families_at_once_are_told_in_their_order() -> None:
    job, _ = play("edits", {}, sources=Sources(TEXTS), families="grammar+formality", wanted=4, unchanged=1 / 2)
    assert all(one.meta["families"] == ["grammar", "formality"] for one in job.candidates)
    assert all(one.instruction.endswith(", then make it formal.") for one in job.candidates)
    assert not any(one.meta["unchanged"] for one in job.candidates)


def test_answers_of_finished_examples_serve_as_clean_texts() -> None:
    job, _ = play(
        "edits", {}, sources=Sources(examples=(Demo("q", TEXTS[0].text, key="e1"),)), families="grammar", unchanged=0
    )
    assert job.candidates[0].parents == ("e1",)


def test_facts() -> None:
    assert new_facts("Anna met Bo in 1990.", "In 1990, Bo was met by Anna.") == set()
    assert new_facts("He met her.", "He met Carla at 5:30.") == {"Carla", "5:30"}
    assert new_facts("the nile is long", "People say the Nile is long.") == set()


@pytest.mark.parametrize("text", ["", "speling", "grammar+grammar"])
def test_families_that_are_not_there(text: str) -> None:
    with pytest.raises(ParamsError):
        families(text)


def test_ways() -> None:
    assert way_of(("grammar",), "auto") == "rules"
    assert way_of(("grammar", "simplify"), "auto") == "inverse"
    assert way_of(("grammar", "paraphrase"), "auto") == "forward"
    with pytest.raises(ParamsError, match="by rule"):
        way_of(("paraphrase",), "rules")
