"""Extraction: what is made up, what stands in several places, and passages without a find."""

import pytest

from curation.generators import Source, Sources, Spec
from curation.params import ParamsError
from tests.generators.playing import play, system, user

PASSAGE = "He developed a rash after amoxicillin."


def one(said: object, text: str = PASSAGE, **params: object):
    job, _ = play("extract", lambda _: said, sources=Sources((Source("p", text),)), **{"types": "drug, event"} | params)
    (found,) = job.candidates
    return found


def items(*pairs: tuple[str, str]) -> dict:
    return {"items": [{"type": kind, "text": text} for kind, text in pairs]}


def test_offsets_are_ours_whatever_the_model_says() -> None:
    said = {"items": [{"type": "event", "text": "rash", "start": 0, "end": 4}, {"type": "DRUG", "text": "amoxicillin"}]}
    found = one(said)
    assert found.meta["spans"] == [
        {"start": 15, "end": 19, "label": "event", "text": "rash"},
        {"start": 26, "end": 37, "label": "drug", "text": "amoxicillin"},
    ]
    assert found.kept
    assert found.outputs[0].startswith('[{"type": "event"')


def test_emoji_before_a_span_do_not_shift_it() -> None:
    text = "👩‍⚕️ says: " + PASSAGE
    span = one(items(("event", "rash")), text).meta["spans"][0]
    assert text[span["start"] : span["end"]] == "rash"


def test_a_pair_with_a_made_up_end_is_left_out_and_a_passage_of_only_such_is_dropped() -> None:
    some = {"pairs": [{"drug": "amoxicillin", "event": "rash"}, {"drug": "ibuprofen", "event": "rash"}]}
    found = one(some, mode="pairs")
    assert found.kept
    assert found.meta["not_in_text"] == ["ibuprofen"]
    assert len(found.meta["relations"]) == 1
    none = one({"pairs": [{"drug": "ibuprofen", "event": "rash"}]}, mode="pairs")
    assert not none.kept
    assert none.reason == "Not in the passage: 'ibuprofen'."
    assert none.outputs == ("[]",)


def test_too_many_made_up_finds_drop_the_whole_answer() -> None:
    said = items(("event", "rash"), ("event", "fever"), ("drug", "aspirin"))
    assert one(said).reason.startswith("Not in the passage: 'fever', 'aspirin'")
    assert one(said, missing=0.7).kept


def test_of_several_places_the_nearest_pair_and_it_is_said() -> None:
    text = "aspirin was stopped. A rash came after aspirin."
    found = one({"pairs": [{"drug": "aspirin", "event": "rash"}]}, text, mode="pairs", bio=True)
    assert found.meta["relations"][0]["drug"]["start"] == 39
    assert found.meta["relations"][0]["ambiguous"]
    assert found.kept
    assert [v.reason for v in found.verdicts if v.flag and not v.passed] == [
        "Stands in more than one place: 'aspirin'."
    ]
    assert ("rash", "B-event") in found.meta["bio"][0]["tags"]
    dropped = one({"pairs": [{"drug": "aspirin", "event": "rash"}]}, text, mode="pairs", several="drop")
    assert not dropped.kept  # and it is no passage without a find


@pytest.mark.parametrize(("several", "places"), [("all", [0, 8]), ("first", [0])])
def test_a_stretch_that_occurs_twice(several: str, places: list[int]) -> None:
    found = one(items(("event", "rash")), "rash or rash", several=several)
    assert [span["start"] for span in found.meta["spans"]] == places


def test_passages_without_a_find_are_few_whatever_their_order() -> None:
    def run(order: list[int]) -> tuple[int, int]:
        sources = tuple(Source(str(n), f"{PASSAGE} {n}") for n in order)

        def said(request):
            return items(("event", "rash")) if int(request.key.split("/")[1]) < 6 else items()

        job, _ = play("extract", said, sources=Sources(sources), types="event", negatives=0.4)
        kept = [bool(c.meta["spans"]) for c in job.candidates if c.kept]
        return sum(kept), len(kept) - sum(kept)

    assert run(list(range(20))) == run(list(range(20))[::-1]) == (6, 4)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"items": [{"type": "place", "text": "rash"}]}, "'place' is none of the types"),
        ({"items": ["rash"]}, "an entry of the list is no object"), ({"pairs": []}, "no list in 'items'"),
        ("none", "no JSON"), ({"items": [{"type": "drug", "text": 3}]}, "no text in 'text'"),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_read_is_never_a_passage_without_a_find(said: object, why: str) -> None:
    found = one(said)
    assert not found.kept
    assert why in found.reason


def test_the_labels_of_the_task_stand_for_the_types() -> None:
    sources = Sources((Source("p", PASSAGE),))
    job, asked = play("extract", lambda _: items(("event", "rash")), spec=Spec(labels=("event",)), sources=sources)
    assert job.candidates[0].kept
    assert "event" in system(asked[0])
    assert PASSAGE in user(asked[0])
    assert asked[0].sampling.temperature == 0


@pytest.mark.parametrize(
    ("types", "mode", "why"), [("", "spans", "no type"), ("a, b, c", "pairs", "two"), ("a, a", "spans", "twice")]
)
def test_types_that_cannot_be_used(types: str, mode: str, why: str) -> None:
    with pytest.raises(ParamsError, match=why):
        one(items(), types=types, mode=mode)
