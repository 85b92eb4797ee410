"""Preference pairs: both orders, planted pairs, length, agreement, and texts that were never written."""

import re

import pytest

from curation.generators import GENERATORS, Reply, Request, Source, Sources, Spec
from tests.generators.playing import play, stages, user

SPEC = Spec(instruction="Answer the question.")
GOOD, BAD = (
    "Water is made of hydrogen and oxygen, two to one.",
    "Water is a kind of thin air with rain in it, people say.",
)


def sources(count: int = 2, **meta: object) -> Sources:
    return Sources(inputs=tuple(Source(f"i{n}", f"What is water, number {n}?", dict(meta)) for n in range(count)))


GIVEN = sources(2, a=BAD, b=GOOD)


def shown(request: Request) -> tuple[str, str]:
    text = user(request)
    a = re.search(r"Answer A:\n(.*?)\n\nAnswer B:", text, re.DOTALL)[1]
    b = re.search(r"Answer B:\n(.*?)(?:\n\nSaid so far|\n</)", text, re.DOTALL)[1]
    return a, b


def judging(request: Request) -> dict:
    """Whoever says GOOD wins, by much, wherever it stands."""
    a, b = shown(request)
    if request.stage == "debate":
        return {"argument": "I hold it so.", "A": 9 if a == GOOD else 3, "B": 9 if b == GOOD else 3}
    return {"reason": "r", "verdict": "A" if a == GOOD else "B" if b == GOOD else "tie", "strength": "much"}


def first(request: Request) -> dict:
    return {"reason": "the first one", "verdict": "A", "strength": "much"}


def given(answers, source: Sources = GIVEN, **params):
    return play("preference_pairs", answers, spec=SPEC, sources=source, answers="given", **{"planted": 0.0} | params)


@pytest.mark.parametrize("judge", ["single", "jury", "debate"])
def test_the_better_answer_is_chosen_wherever_it_stands(judge: str) -> None:
    job, asked = given(judging, judge=judge)
    assert [(one.chosen, one.rejected, one.kept) for one in job.candidates] == [(GOOD, BAD, True)] * 2
    assert len(asked) == {"single": 4, "jury": 12, "debate": 24}[judge]
    assert stages(asked) == ["debate" if judge == "debate" else "compare"]
    orders = [shown(r) for r in asked if r.key.split("/")[1] == "i0"]
    assert orders.count((BAD, GOOD)) == orders.count((GOOD, BAD))
    assert job.report["judging"]["consistent"] == 1.0
    assert all(request.sampling.temperature == 0 for request in asked)


@pytest.mark.parametrize("judge", ["single", "jury"])
def test_a_judge_that_likes_the_first_place_gives_no_pair(judge: str) -> None:
    job, _ = given(first, judge=judge)
    assert [one.reason for one in job.candidates] == ["The verdict changed with the order of the answers."] * 2
    assert all(one.meta["winner"] == "tie" for one in job.candidates)
    assert job.report["judging"]["consistent"] == 0.0
    assert job.report["judging"]["first_place"] == 1.0


def test_a_verdict_that_cannot_be_read_is_an_abstention_and_no_tie() -> None:
    job, _asked = given(lambda r: "hm" if "/swapped" in r.key else judging(r))
    assert all(one.reason.startswith("No verdict: ") for one in job.candidates)
    assert job.candidates[0].meta["winner"] is None
    assert job.report["judging"]["abstained"] == 1.0
    assert job.report["judging"]["ties"] == 0.0


def test_a_debate_whose_scores_cannot_be_read_is_no_tie_of_zeros() -> None:
    job, _ = given(lambda r: {"argument": "x", "A": "high", "B": 2}, judge="debate")
    assert job.candidates[0].meta["winner"] is None


def test_ties_are_no_pairs() -> None:
    job, _ = given(lambda r: {"reason": "r", "verdict": "tie", "strength": "slight"})
    assert job.candidates[0].reason == "Both answers are equally good."


def test_debaters_hear_each_other_and_only_the_last_round_counts() -> None:
    def said(request: Request) -> dict:
        late = "round: 2" in user(request)
        found = judging(request)
        return found if late else {"argument": f"I was {request.key}.", "A": 0, "B": 0}

    job, asked = given(said, judge="debate")
    assert job.candidates[0].kept
    second = [user(r) for r in asked if "round: 2" in user(r)]
    assert all("I was debate/" in text for text in second)
    # Each one sees what was said in its own order of the answers alone.
    assert not any("swapped" in user(r) for r in asked if "/straight/1/" in r.key)


def test_slight_wins_of_much_longer_answers_are_ties() -> None:
    long = GOOD + " " + "And so on. " * 60

    def said(strength: str):
        def reply(request: Request) -> dict:
            a, _ = shown(request)
            return {"reason": "r", "verdict": "A" if a == long.strip() else "B", "strength": strength}

        return reply

    pair = sources(2, a=long.strip(), b=BAD)
    job, _ = given(said("slight"), pair)
    assert job.candidates[0].reason == "It won only slightly and is much longer: a tie."
    assert given(said("slight"), pair, length=-1)[0].candidates[0].kept
    job, _ = given(said("much"), pair)
    assert job.candidates[0].kept
    assert [v.filter for v in job.candidates[0].verdicts if not v.passed] == ["lengths"]  # pointed out


def test_planted_pairs_come_first_and_stop_a_judge_that_cannot_tell() -> None:
    job, asked = given(judging, sources(40, a=GOOD, b=BAD), planted=0.1)
    assert job.report["planted"] == job.report["planted_right"] == 4
    assert job.stopped == ""
    assert asked[0].key.startswith("compare/planted 0")
    job, asked = given(first, sources(40, a=GOOD, b=BAD), planted=0.1)
    assert job.stopped == "of 4 pairs with a known winner only 0 were judged rightly: this judge cannot be relied on"
    assert job.candidates == []
    assert len(asked) == 8
    assert job.report["planted_right"] == 0


def test_agreement_with_people_and_between_judges() -> None:
    odd, even = {"a": GOOD, "b": BAD, "human": "a"}, {"a": BAD, "b": GOOD, "human": "b"}
    told = [odd if n % 2 else even for n in range(12)]
    told[0] = even | {"human": "a"}
    people = Sources(inputs=tuple(Source(f"i{n}", f"q{n}?", meta) for n, meta in enumerate(told)))
    job, _ = given(judging, people, judge="jury")
    found = job.report["people"]
    assert found["pairs"] == 12
    assert found["percent"] == pytest.approx(11 / 12)
    # po 11/12; people 7 a and 5 b, judge 6 and 6: pe 1/2
    assert found["kappa"] == pytest.approx((11 / 12 - 0.5) / 0.5)
    assert found["low"] <= found["kappa"] <= found["high"]
    assert not found["enough"]
    assert [(one["first"], one["second"], one["kappa"]) for one in job.report["judges"]] == [
        (0, 1, 1.0),
        (0, 2, 1.0),
        (1, 2, 1.0),
    ]


def test_a_single_verdict_throughout_has_no_kappa() -> None:
    job, _ = given(judging, sources(6, a=GOOD, b=BAD, human="a"))
    assert job.report["people"]["kappa"] is None


def writing(request: Request) -> dict:
    if request.stage in ("compare", "debate"):
        a, b = shown(request)
        return {"reason": "r", "verdict": "A" if len(a) > len(b) else "B", "strength": "much"}
    return {
        "draft": {"answer": f"Draft {request.key}."}, "review": {"review": "Too short.", "advice": "Say more."},
        "revise": {"answer": f"Much better and longer {request.key}."},
    }[request.stage]  # fmt: skip


def loop(answers, **params):
    return play("preference_pairs", answers, spec=SPEC, sources=sources(), answers="loop", planted=0.0, **params)


def test_a_draft_and_what_reviews_made_of_it() -> None:
    job, asked = loop(writing, reviews=2)
    assert stages(asked) == ["draft", "review", "revise", "compare"]
    assert sum(r.stage != "compare" for r in asked) == 2 * (1 + 2 * 2)
    one = job.candidates[0]
    assert one.chosen == "Much better and longer revise/i0/1."
    assert one.rejected == "Draft draft/i0/0."
    assert one.meta["second"] == "revised 2 times"
    assert one.meta["unreviewed"] == 0


def test_a_review_that_fails_leaves_the_text_before_it_and_says_so() -> None:
    job, _ = loop(lambda r: Reply(error="timeout") if r.stage == "review" and r.key.endswith("/1") else writing(r))
    assert job.candidates[0].chosen == "Much better and longer revise/i0/0."
    assert job.candidates[0].meta["unreviewed"] == 1
    assert "None" not in job.candidates[0].chosen
    job, asked = loop(lambda r: Reply(error="timeout") if r.stage == "review" else writing(r))
    assert job.candidates[0].reason == "Both answers are the same."
    assert "compare" not in stages(asked)


def test_an_answer_that_was_never_written_is_no_text() -> None:
    job, _ = play(
        "preference_pairs", lambda r: Reply(error="500") if r.key.endswith("/1") else writing(r), spec=SPEC, sources=sources(),
        planted=0.0,
    )  # fmt: skip
    one = job.candidates[0]
    assert one.reason == "An answer is missing: no answer: 500."
    assert (one.chosen, one.rejected) == ("Draft draft/i0/0.", "")


def test_two_samples_differ_in_seed() -> None:
    _job, asked = play("preference_pairs", writing, spec=SPEC, sources=sources(), planted=0.0)
    drafts = [r for r in asked if r.stage == "draft"]
    assert len({r.seed for r in drafts}) == len(drafts) == 4
    assert drafts[0].messages == drafts[1].messages


def test_inputs_that_bring_no_answers_are_passed_over() -> None:
    job, asked = given(judging, sources())
    assert job.candidates == []
    assert asked == []


def test_the_estimate_tells_the_ways_apart() -> None:
    from curation.generators import Job

    generator = GENERATORS["preference_pairs"]

    def count(**params: object) -> int:
        return generator.estimate(Job(params=generator.Params(planted=0.0, **params), wanted=10))

    assert (count(), count(judge="jury"), count(judge="debate"), count(answers="loop")) == (40, 80, 140, 70)
