"""Filters: measured values, thresholds, and the order in which they are asked."""

import random

import pytest

from curation.generators import Candidate, Demo, Job, Reply, Source, Sources, Spec
from curation.generators.chance import Chance
from curation.generators.filters import ORDER, Chain, Options, form, likeness, votes
from curation.generators.filters.held_out import HeldOut
from curation.generators.filters.texts import natural, words

SPEC = Spec(instruction="Say what the mood is.")


def one(key: str = "a", text: str = "The food was good.", output: str = "positive", **more: object) -> Candidate:
    return Candidate(key=key, instruction=SPEC.instruction, input=text, outputs=(output,), **more)


def chained(spec: Spec = SPEC, sources: Sources | None = None, **options: object) -> Chain:
    return Chain(spec, sources or Sources(), Options(**options))


def dropped_by(chain: Chain, candidate: Candidate) -> str:
    last = chain.one(candidate)[-1]
    return last.filter if last.drops else ""


def test_every_verdict_says_what_was_measured() -> None:
    chain = chained(spec=Spec(instruction=SPEC.instruction, language="en"), sources=Sources(tests=("a b c",)))
    found = chain.one(one())
    names = [verdict.filter for verdict in found]
    assert names == sorted(names, key=ORDER.index)
    assert all(verdict.passed for verdict in found)
    assert set(ORDER) - set(names) == {"similarity", "balance", "judge"}


def test_exact_duplicates_of_the_task_and_its_demonstrations() -> None:
    spec = Spec(instruction=SPEC.instruction, demonstrations=(Demo("Lovely  room!", "positive", key="demo-1"),))
    chain = chained(spec, Sources(existing=(Source("example-7", "The food was good."),)))
    verdict = chain.one(one())[-1]
    assert (verdict.filter, verdict.value) == ("exact_duplicate", "example-7")
    assert dropped_by(chain, one(text="Lovely room!")) == "copy"
    assert dropped_by(chain, one(text="Lovely view!")) == ""


def test_near_duplicates_say_how_near() -> None:
    words_ = [f"word{n}" for n in range(40)]
    chain = chained(sources=Sources(existing=(Source("s", " ".join(words_)),)))
    verdict = chain.one(one(text=" ".join([*words_[:-1], "other"])))[-1]
    assert verdict.filter == "near_duplicate"
    assert verdict.value == pytest.approx(37 / 39, abs=1e-4)
    assert dropped_by(chain, one(text=" ".join(words_[::2]))) == ""


def test_the_best_of_a_group_stays_whatever_the_order() -> None:
    text = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    ones = [
        one("in/2", text, score=2.0),
        one("in/10", text + " more", score=4.0),
        one("in/3", text, score=3.0),
        one("in/4", "quite another text altogether", score=1.0),
    ]
    results = set()
    for seed in range(6):
        shuffled = random.Random(seed).sample(ones, 4)
        found = chained().settle(shuffled)
        results.add(frozenset(key for key, verdicts in found.items() if all(v.passed for v in verdicts)))
    assert results == {frozenset({"in/10", "in/4"})}
    assert {found[key][-1].filter for key in ("in/2", "in/3")} == {"near_duplicate"}


def test_rouge_l_at_the_threshold() -> None:
    pool = likeness.Pool(0.7)
    pool.add("a b c d e f g h i j", "s")
    assert likeness.rouge_l(words("a b c d e f g x y z"), words("a b c d e f g h i j")) == 0.7
    assert pool.closest("a b c d e f g x y z") is None
    pool = likeness.Pool(0.7)
    pool.add(" ".join(f"w{n}" for n in range(100)), "s")
    near = " ".join([f"w{n}" for n in range(71)] + [f"x{n}" for n in range(29)])
    assert pool.closest(near) == (0.71, "s")


def test_rouge_l_is_that_of_rouge_score() -> None:
    from rouge_score.rouge_scorer import RougeScorer

    scorer, rng = RougeScorer(["rougeL"]), random.Random(3)
    for _ in range(200):
        a, b = (" ".join(rng.choices("abcdefgh", k=rng.randint(1, 30))) for _ in range(2))
        assert likeness.rouge_l(words(a), words(b)) == pytest.approx(scorer.score(a, b)["rougeL"].fmeasure, abs=1e-12)


def test_the_likest_of_a_pool_is_found_as_by_comparing_all() -> None:
    rng = random.Random(5)
    texts = [" ".join(rng.choices("abcdefghij", k=rng.randint(1, 14))) for _ in range(150)]
    pool = likeness.Pool(0.6)
    for at, text in enumerate(texts):
        pool.add(text, str(at))
    found = 0
    for _ in range(100):
        asked = " ".join(rng.choices("abcdefghij", k=rng.randint(1, 14)))
        scores = [likeness.rouge_l(words(asked), words(text)) for text in texts]
        best = max(scores)
        assert pool.closest(asked) == ((best, str(scores.index(best))) if best > 0.6 else None)
        found += best > 0.6
    assert 10 < found < 100


def test_texts_that_are_not_english_are_compared_too() -> None:
    # The tokenizer of rouge-score keeps ASCII alone, and calls equal Chinese texts different.
    pool = likeness.Pool(0.7)
    pool.add("写一首关于春天的短诗", "s")
    assert pool.closest("写一首关于春天的短诗。") == (1.0, "s")


def test_demonstrations_of_one_length_do_not_empty_the_pool() -> None:
    assert form.bounds(["x" * 20] * 3) == (0, 40)
    assert form.bounds(["x" * 100] * 3) == (50, 150)
    least, most = form.bounds(["x" * 100, "x" * 300])
    assert (least, most) == (0, 400)
    assert form.length("x" * 40, 0, 40).passed
    assert not form.length("x" * 41, 0, 40).passed
    spec = Spec(instruction=SPEC.instruction, demonstrations=tuple(Demo("y" * 20, "o") for _ in range(3)))
    assert dropped_by(chained(spec, like_demonstrations=True), one(text="z" * 25)) == ""
    assert dropped_by(chained(spec, like_demonstrations=True), one(text="z" * 41)) == "length"


def test_noise_is_whole_words_and_spares_what_a_demonstration_says() -> None:
    chain = chained(noise="input, therefore")
    assert dropped_by(chain, one(text="Input: a text")) == "noise"
    assert dropped_by(chain, one(text="Inputs are many")) == ""
    assert dropped_by(chain, one(output="Sure, here is the answer")) == "noise"
    spec = Spec(instruction=SPEC.instruction, demonstrations=(Demo("The input device broke.", "negative"),))
    assert dropped_by(chained(spec, noise="input, therefore"), one(text="My input got lost")) == ""
    assert chained(noise="x").terms != chained().terms  # and no list grows from run to run
    assert chained().terms == chained().terms


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I’m sorry, but no.", True),
        ("As an AI language model, I", True),
        ("I cannot help you with this", True),
        ("x" * 250 + " I cannot help", False),
        ("The ethics of illegal racial laws", False),
        ("She said she was sorry.", False),
        ("Sorry seems to be the hardest word.", False),
        ("Has an AI beaten a person at chess? As an aide, she", False),
    ],
)
def test_refusals_are_flagged_and_stay(text: str, found: bool) -> None:
    verdicts = chained().one(one(output=text))
    refusal = next(v for v in verdicts if v.filter == "refusal")
    assert refusal.passed is not found
    assert not refusal.drops


def test_a_task_about_refusals_has_no_such_flag() -> None:
    spec = Spec(instruction="Does the assistant refuse? Say refusal or answer.")
    assert not chained(spec).flag_refusals
    assert not chained(Spec(demonstrations=(Demo("x", "I'm sorry, but I can't."),))).flag_refusals


def test_copies_of_the_prompt() -> None:
    demo = "the quick brown fox jumps over the lazy dog near the river bank today"
    spec = Spec(instruction=SPEC.instruction, demonstrations=(Demo(demo, "x"),))
    assert (
        dropped_by(chained(spec), one(text="THE quick brown fox jumps, over the lazy dog near the river bank today"))
        == "copy"
    )
    assert dropped_by(chained(spec), one(text="the quick brown fox jumps over the lazy dog near the river")) == "copy"
    assert dropped_by(chained(spec), one(text="the slow fox sleeps under a tree near the old mill today")) == ""


def test_schema_language_and_emptiness() -> None:
    schema = {"type": "object", "required": ["a"]}
    spec = Spec(instruction=SPEC.instruction, schema=schema, language="de")
    assert dropped_by(chained(spec), one(output="{}")) == "schema"
    assert dropped_by(chained(spec), one(output='{"a": 1}', text="kurz")) == ""
    english = "The weather has been rather nice this week, and we went for a long walk."
    verdict = chained(spec).one(one(output='{"a": 1}', text=english))[-1]
    assert (verdict.filter, verdict.value, verdict.threshold) == ("language", "en", "de")
    assert dropped_by(chained(), one(output="The food was good.")) == "empty"
    assert dropped_by(chained(), one(output="  ")) == "empty"


def test_contamination_by_13_words_8_in_prompts_and_whole_short_texts() -> None:
    test = [f"t{n}" for n in range(20)]
    held = HeldOut([" ".join(test), "Is it so"])
    assert held.shared(" ".join(["x", *test[2:10], "y"]), 8) == " ".join(test[2:10])
    assert held.shared(" ".join(["x", *test[2:9], "y", "z"]), 8) == ""
    assert held.shared(" ".join(test[:13]), 13)
    assert not held.shared(" ".join([*test[:12], "x"]), 13)
    assert held.shared("is IT so?", 8) == "is it so"
    assert held.shared("is it so or not", 8) == ""
    chain = chained(sources=Sources(tests=(" ".join(test),)))
    assert dropped_by(chain, one(text=" ".join(["x", *test[2:10], "y"]))) == "contamination"
    assert dropped_by(chain, one(output=" ".join(test[:13]))) == "contamination"
    assert dropped_by(chain, one(output=" ".join(test[:12]))) == ""


def test_votes() -> None:
    assert votes.vote(["a"] * 3 + ["b"] * 3 + ["ccc"] * 4) == ("ccc", 0.4)
    assert votes.vote(["aa"] * 3 + ["b"] * 3 + ["c1", "c2", "c3", "c4"]) == ("b", 0.3)
    assert votes.vote([]) is None
    assert votes.consistency(votes.vote(["a"] * 3 + list("bcdefgh")), 0.3).passed
    assert not votes.consistency(votes.vote(["a"] * 2 + list("bcdefghi")), 0.3).passed
    assert not votes.consistency(None, 0.3).passed


def test_balance_takes_as_many_of_each_label_as_of_the_rarest() -> None:
    ones = [one(f"p/{n}", f"good {n}", "positive") for n in range(9)] + [
        one(f"n/{n}", f"bad {n}", "negative") for n in range(4)
    ]
    found = votes.balance(ones, ("positive", "negative"), lambda c: c.output, Chance(1))
    kept = [key for key, (verdict,) in found.items() if verdict.passed]
    assert sum(key.startswith("p") for key in kept) == sum(key.startswith("n") for key in kept) == 4
    again = votes.balance(ones[::-1], ("positive", "negative"), lambda c: c.output, Chance(1))
    assert {key for key, (v,) in again.items() if v.passed} == set(kept)
    none = votes.balance(ones, ("positive", "negative", "neutral"), lambda c: c.output, Chance(1))
    assert not any(verdict.passed for (verdict,) in none.values())
    assert "neutral" in none["p/0"][0].reason


def test_the_judge_drops_below_the_least_score_and_abstains_where_it_cannot_be_read() -> None:
    from curation.generators import drive
    from curation.generators.base import plan
    from tests.generators.test_base import Echo, Params

    said = {"say/0": '{"reason": "fine", "score": 5}', "say/1": '{"reason": "wrong", "score": 2}', "say/2": "no idea"}
    chain = Chain(Spec(instruction="i"), Sources(), Options(judge=True))
    job = Job(spec=Spec(instruction="i"), params=Params(), seed=1, wanted=3, filters=chain)

    def answer(batch):
        return [
            [Reply(said.get(r.key.removeprefix("judge/").split("~")[0], "{}") if r.stage == "judge" else r.key)]
            for r in batch
        ]

    drive(plan(Echo(most=3), job), answer)
    assert [c.kept for c in job.candidates[:3]] == [True, False, True]
    assert job.candidates[1].reason == "The judge: wrong"
    assert job.candidates[2].verdicts[-1].reason.startswith("The judge abstained: ")


def test_keys_have_their_natural_order() -> None:
    assert sorted(["in/10", "in/2", "in/1~1"], key=natural) == ["in/1~1", "in/2", "in/10"]
