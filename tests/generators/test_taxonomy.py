"""Trees: what is proposed, and how every leaf gets its share."""

import itertools
import re
from collections import Counter

import pytest

from curation.generators import Node, Request, Source, Sources, Spec, trees
from curation.generators.cards import CardError
from curation.generators.taxonomy import levels, unlike
from curation.params import ParamsError
from tests.generators.playing import play, stages, user

SPEC = Spec(instruction="Everyday work")
TREE = trees.to_nodes(trees.parse("kitchen\n  cooking\n  baking\ndriving\n  buses"))


def parts(request: Request) -> dict:
    path = re.search(r"Path: (.*)", user(request))[1]
    base = "" if path.startswith("(") else path.split(" / ")[-1] + " "
    return {"parts": [{"name": f"{base}part {'xyz'[n]}{'uvw'[n]}", "note": "n"} for n in range(3)]}


def questions(request: Request) -> dict:
    if request.stage == "answer":
        return {"answer": f"It is so, says number {request.seed}."}
    return {"questions": [f"What about {word} of {request.key}?" for word in ("salt", "weather", "rope")]}


def test_a_tree_is_proposed_level_by_level_and_the_run_ends() -> None:
    job, asked = play("taxonomy", parts, spec=SPEC, levels="area: 3, topic: 2")
    assert stages(asked) == ["branch"]
    assert len(asked) == 1 + 3
    assert job.candidates == []
    tree = trees.from_json(job.report["tree"])
    assert [len(node.children) for node in tree] == [2, 2, 2]
    assert trees.parse(job.report["text"]) == tree
    assert "part yv" in user(asked[1])  # its siblings are named, so as not to be repeated


def test_a_branch_that_cannot_be_read_stays_a_leaf_and_is_told() -> None:
    job, _ = play("taxonomy", lambda r: parts(r) if "root" in r.key else "no", spec=SPEC, levels="area: 2, topic: 2")
    assert len(job.report["tree"]) == 2
    assert job.report["without_parts"] == ["part xu", "part yv"]
    job, _ = play("taxonomy", lambda _: "no", spec=SPEC)
    assert job.stopped.startswith("no part of the field could be read")


def test_siblings_that_are_nearly_one_are_one() -> None:
    assert unlike([("Bread and cakes", ""), ("cakes and bread", ""), ("Soups", "")]) == [
        ("Bread and cakes", ""),
        ("Soups", ""),
    ]


def test_every_leaf_gets_its_share_and_the_ids_are_a_path() -> None:
    job, _ = play("taxonomy", questions, spec=SPEC, sources=Sources(taxonomy=TREE), wanted=12, alike=1.0, questions=2)
    kept = [one for one in job.candidates if one.kept]
    by_name = Counter(one.meta["path"][-1] for one in kept)
    assert by_name == {"cooking": 3, "baking": 3, "buses": 6}
    parents = {node.key: node.parent for node in TREE}
    for one in kept:
        ids = one.meta["ids"]
        assert parents[ids[0]] == ""
        assert all(parents[low] == high for high, low in itertools.pairwise(ids))
        assert one.parents == (one.meta["leaf"],) == (ids[-1],)
    assert all(entry["wanted"] == entry["kept"] for entry in job.report["coverage"])


def test_a_leaf_that_yields_nothing_stays_short_and_is_told() -> None:
    cooking = next(node.key for node in TREE if node.name == "cooking")
    job, asked = play(
        "taxonomy", lambda r: "?" if f"/{cooking}/" in r.key else questions(r), spec=SPEC,
        sources=Sources(taxonomy=TREE), wanted=4, rounds=2, alike=1.0,
    )  # fmt: skip
    assert {entry["path"]: entry["kept"] for entry in job.report["coverage"]} == {
        "kitchen / cooking": 0, "kitchen / baking": 1, "driving / buses": 2,
    }  # fmt: skip
    assert sum(f"question/{cooking}" in request.key for request in asked) == 2 * 3  # 2 rounds, 3 tries each


def test_a_run_that_ends_early_has_covered_the_leaves_alike() -> None:
    tree = trees.to_nodes(trees.parse("a [x50]\nb [x50]\nc [x50]"))
    job, _ = play(
        "taxonomy", questions, spec=SPEC, sources=Sources(taxonomy=tree), wanted=12, batch=3, alike=1.0, questions=2
    )  # fmt: skip
    assert Counter(one.meta["path"][0] for one in job.candidates if one.kept) == {"a": 4, "b": 4, "c": 4}


def test_a_question_like_another_of_its_topic_is_dropped() -> None:
    def said(request: Request) -> dict:
        return (
            {"answer": "So."}
            if request.stage == "answer"
            else {"questions": ["Why is bread baked?", "Why is bread BAKED??"]}
        )

    job, _ = play("taxonomy", said, spec=SPEC, sources=Sources(taxonomy=TREE[:2]), wanted=2, rounds=1)
    assert [one.reason for one in job.candidates] == ["Nearly the same as another question of its topic.", ""]


def test_a_second_look_is_by_probability_and_a_confident_no_is_none() -> None:
    from curation.generators import Reply

    def said(request: Request):
        if request.stage == "check":
            assert request.sampling.logprobs
            return Reply("No", logprobs={"No": -0.01, "Yes": -6.0})
        return questions(request)

    job, asked = play(
        "taxonomy", said, spec=SPEC, sources=Sources(taxonomy=TREE), wanted=3, check=True, rounds=1, alike=1.0
    )
    assert stages(asked) == ["question", "answer", "check"]
    assert not any(one.kept for one in job.candidates)
    assert job.candidates[0].verdicts[-1].value < 0.01


CARD = {
    "definition": "Say which number.", "input_source": "made up", "schema": {"type": "integer"}, "metric": "accuracy",
    "pairs": [{"input": f"number {n}", "output": str(n)} for n in range(3)],
}  # fmt: skip


def test_cards_are_wanted_in_full_and_answers_must_fit_them() -> None:
    leaf = Node("a", "counting", meta={"card": CARD})
    answers = iter(["7", "seven"])

    def said(request: Request) -> dict:
        return (
            {"answer": next(answers)}
            if request.stage == "answer"
            else {"questions": ["How many hens?", "And what of geese there?"]}
        )

    job, asked = play("taxonomy", said, spec=SPEC, sources=Sources(taxonomy=(leaf,)), wanted=2, cards=True, rounds=1)
    assert [one.kept for one in job.candidates] == [True, False]
    assert "does not fit the card" in job.candidates[1].reason
    assert "Say which number." in user(asked[0])
    assert job.candidates[0].meta["ids"] == ["a"]
    for broken in ({}, {"card": {name: value for name, value in CARD.items() if name != "metric"}}):
        with pytest.raises(CardError):
            play(
                "taxonomy", said, spec=SPEC, sources=Sources(taxonomy=(Node("a", "counting", meta=broken),)), cards=True
            )


@pytest.mark.parametrize("text", ["", "a", "a: 0", "a: x", ": 3", ", ".join(f"l{n}: 2" for n in range(9))])
def test_levels_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ParamsError):
        levels(text)


def test_the_estimate_counts_both_phases() -> None:
    from curation.generators import GENERATORS, Job

    generator = GENERATORS["taxonomy"]
    job = Job(spec=SPEC, params=generator.Params(levels="a: 3, b: 4, c: 2"))
    assert generator.estimate(job) == 1 + 3 + 12
    job = Job(
        spec=SPEC, params=generator.Params(), sources=Sources(taxonomy=TREE, passages=(Source("p", "x"),)), wanted=8
    )
    assert generator.estimate(job) == 20
