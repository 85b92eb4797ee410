"""What each method says it does: its numbers, its drops, its order."""

from collections import Counter
from typing import Any

import pytest

from curation.generators import (
    GENERATORS,
    Demo,
    Job,
    Reply,
    Request,
    Source,
    Sources,
    Spec,
    drive,
    grounding,
    missing,
    plan,
)
from curation.generators import evolve as evol
from curation.generators.base import Batch, Replies
from curation.generators.parsing import Unreadable
from curation.generators.passage_types import KINDS, kind, kinds
from curation.generators.ranking import Passages
from curation.generators.rationale import split
from curation.generators.self_instruct import _beginning, _verdicts
from tests.generators.recording import load, run

DEMOS = tuple(Demo(text, "good", key=f"d{n}") for n, text in enumerate(["x" * 20, "y" * 20, "z" * 20]))


def job(name: str, **given: Any) -> Job:
    params = given.pop("params", {})
    return Job(**{"params": GENERATORS[name].Params(**params), "seed": 1, "wanted": 5} | given)


def ran(name: str, one: Job, say: Any) -> list[Request]:
    asked: list[Request] = []

    def answer(batch: Batch) -> Replies:
        asked.extend(batch)
        return [_samples(say(request), request.samples) for request in batch]

    drive(plan(GENERATORS[name], one), answer)
    return asked


def _samples(said: Any, count: int) -> list[Reply]:
    if isinstance(said, list):
        return [Reply(one) for one in said]
    return [said if isinstance(said, Reply) else Reply(said)] * count


# --- SELF-GUIDE ---


def test_self_guide_is_the_flow_that_the_labels_say() -> None:
    free, labelled = (
        Spec(instruction="Do.", demonstrations=DEMOS),
        Spec(instruction="Do.", demonstrations=DEMOS, labels=("good", "bad")),
    )
    for spec, heat in ((free, 0.9), (labelled, 0.7)):
        asked = ran(
            "self_guide", job("self_guide", spec=spec, params={"epochs": 1}), lambda r: f"some text {r.seed}"[:25]
        )
        inputs = [r for r in asked if r.stage == "input" and "~" not in r.key]
        outputs = [r for r in asked if r.stage == "output"]
        assert {(r.sampling.temperature, r.sampling.top_k, r.sampling.max_tokens) for r in inputs} == {(heat, 40, 500)}
        assert {(r.sampling.temperature, r.sampling.top_k, r.samples) for r in outputs} == {(0.2, 10, 10)}
        assert ("label: good" in inputs[0].messages[-1].text or "label: bad" in inputs[0].messages[-1].text) is bool(
            spec.labels
        )


def test_demonstrations_of_one_length_leave_inputs_alive() -> None:
    one = job("self_guide", spec=Spec(instruction="Do.", demonstrations=DEMOS), params={"epochs": 1})
    ran("self_guide", one, lambda r: f"text number {r.seed % 997}")
    assert any(c.kept for c in one.candidates)


def test_the_vote_of_self_guide() -> None:
    one = job(
        "self_guide",
        spec=Spec(instruction="Do.", demonstrations=DEMOS),
        params={"epochs": 1, "length": False},
        wanted=1,
    )
    ran("self_guide", one, lambda r: "words" if r.stage == "input" else ["a"] * 3 + ["b"] * 3 + ["ccc"] * 4)
    assert one.candidates[0].outputs == ("ccc",)
    one = job(
        "self_guide",
        spec=Spec(instruction="Do.", demonstrations=DEMOS),
        params={"epochs": 1, "length": False},
        wanted=1,
    )
    ran(
        "self_guide",
        one,
        lambda r: "words" if r.stage == "input" else ["aa"] * 3 + ["b"] * 3 + ["c1", "c2", "c3", "c4"],
    )
    assert one.candidates[0].outputs == ("b",)
    assert one.candidates[0].meta["agreement"] == 0.3


def test_after_balance_labels_are_equal_and_the_wanted_label_is_only_recorded() -> None:
    from curation.generators.filters import chain

    spec = Spec(instruction="Do.", demonstrations=DEMOS, labels=("entailment", "not_entailment"))
    one = job("self_guide", spec=spec, wanted=40, params={"epochs": 8, "length": False})
    one.filters = chain(GENERATORS["self_guide"], spec, Sources())

    def say(request: Request) -> str:
        if request.stage == "input":
            return f"a text about {request.seed} things"
        return "The answer is not_entailment." if request.seed % 4 else "Entailment"

    ran("self_guide", one, say)
    counts = Counter(c.output for c in one.candidates if c.kept)
    assert set(counts) == set(spec.labels)
    assert len(set(counts.values())) == 1
    assert {c.meta["as_wanted"] for c in one.candidates} == {True, False}
    assert any(v.filter == "balance" for c in one.candidates for v in c.verdicts if v.drops)


def test_a_label_that_nothing_has_fails_all() -> None:
    from curation.generators.filters import chain

    spec = Spec(instruction="Do.", demonstrations=DEMOS, labels=("good", "bad"))
    one = job("self_guide", spec=spec, params={"epochs": 1, "length": False})
    one.filters = chain(GENERATORS["self_guide"], spec, Sources())
    ran("self_guide", one, lambda r: f"a text {r.seed}" if r.stage == "input" else "good")
    assert one.kept == 0
    assert "No candidate has the label bad" in one.candidates[0].reason


def test_accepted_inputs_feed_the_next_epoch() -> None:
    one = job(
        "self_guide", spec=Spec(instruction="Do.", demonstrations=DEMOS), params={"epochs": 2, "prompts": 3}, wanted=6
    )
    asked = ran("self_guide", one, lambda r: f"new one {r.seed % 9999}")
    second = next(r for r in asked if r.key == "input/1/0")
    assert "new one" in second.messages[-1].text
    assert "new one" not in second.messages[0].text
    assert "taken, less reliable" not in next(r for r in asked if r.key == "input/0/0").messages[-1].text


def test_inputs_and_answers_lose_the_word_before_them() -> None:
    one = job("self_guide", spec=Spec(instruction="Do.", demonstrations=DEMOS), params={"epochs": 1}, wanted=1)
    ran("self_guide", one, lambda r: "Input: a new text here" if r.stage == "input" else "Output: fine answer")
    assert one.candidates[0].input == "a new text here"
    assert one.candidates[0].outputs == ("fine answer",)


def test_the_generation_flow_on_recorded_replies_of_a_small_model() -> None:
    told = load("flows/self_guide_generation")
    one, _asked = run("self_guide", told)
    assert [c.key for c in one.candidates if c.kept] == told["kept"]
    assert {c.key: next(v.filter for v in c.verdicts if v.drops) for c in one.candidates if not c.kept} == told[
        "dropped"
    ]
    order = ["length", "noise", "repeated_input", "consistency"]
    for candidate in one.candidates:
        names = [v.filter for v in candidate.verdicts]
        own = names[: names.index("empty")] if "empty" in names else names  # then come those that all runs share
        names = [name for name in own if name in order]
        assert names == sorted(names, key=order.index)


# --- Bonito ---


def test_the_wire_form_of_bonito() -> None:
    assert grounding.prompt(kind("nli"), " A passage. ") == (
        "<|tasktype|>\nnatural language inference\n<|context|>\nA passage.\n<|task|>\n"
    )
    left, right = grounding.split("A {{context}} B<|pipe|> yes ")
    assert (grounding.filled(left, "p"), grounding.filled(right, "p")) == ("A p B", "yes")
    assert grounding.filled("{{context}}", "it says {{context}}") == "it says {{context}}"
    assert grounding.filled("{{context}} or {{ context }}", "p") == "p or p"
    for text in ("no pipe", "a<|pipe|>b<|pipe|>c"):
        with pytest.raises(Unreadable):
            grounding.split(text)


def test_both_names_of_all_sixteen_kinds() -> None:
    assert len(KINDS) == 16
    names = [name for one in KINDS for name in (one.name, one.short)]
    assert len(set(names)) == 30  # two kinds have no shorter name
    assert len(names) == 32
    assert [kind(name).name for name in names] == [one.name for one in KINDS for _ in range(2)]
    assert kinds("EXQA, extractive question answering , nli") == [kind("exqa"), kind("nli")]
    with pytest.raises(ValueError, match="poem is no kind of task"):
        kinds("poem")


@pytest.mark.parametrize("one", KINDS, ids=lambda one: one.short)
def test_the_exemplars_of_a_kind_pass_its_own_filters(one: Any) -> None:
    for shown in one.shown:
        evidence = shown.evidence or None
        found = list(grounding.verdicts(one, shown.instruction, shown.output, shown.passage, shown.options, evidence))
        assert all(verdict.passed for verdict in found), found
        if one.labels and one.short not in ("sentiment", "te"):
            assert shown.output in one.labels


@pytest.mark.parametrize(
    ("short", "instruction", "output", "options"),
    [
        ("exqa", "Who? {{context}}", "Hart Anna", ()),
        ("ynqa", "Did it? {{context}}", "maybe", ()),
        ("mcqa", "Which: a or b? {{context}}", "a", ("a", "b")),
        ("mcqa", "Which: a, b or c? {{context}}", "d", ("a", "b", "c")),
        ("mcqa", "Which: a or b? {{context}}", "c", ("a", "b", "c")),
        ("topic_class", "law or art? {{context}}", "music", ()),
        ("qg", "Ask about {{context}}", "When was the mill built", ()),
        ("qg", "Ask about {{context}}", "What else?", ()),
        ("summarization", "Sum up {{context}}", "The mill was built by Anna Hart", ()),
        ("summarization", "Sum up {{context}}", "x" * 80, ()),
        ("paraphrase", "Rewrite {{context}}", "the MILL was built by Anna Hart, long ago.", ()),
        ("qa", "Who built it?", "Anna Hart", ()),
        ("qa", "{{context}} Who? {{context}}", "Anna Hart", ()),
        ("qa", "{{context}}", "{{context}}", ()),
    ],
)
def test_what_is_wrong_for_a_kind(short: str, instruction: str, output: str, options: tuple[str, ...]) -> None:
    passage = "The mill was built by Anna Hart long ago."
    *_, last = grounding.verdicts(kind(short), instruction, output, passage, options)
    assert last.drops
    assert last.reason


def test_bonito_itself_gets_raw_prompts_and_marks_of_its_own_are_escaped() -> None:
    passages = (Source("p", "He wrote {{context}} and <|pipe|> here."),)
    one = job("from_passages", sources=Sources(passages=passages), params={"model": "bonito", "kinds": "qa"})
    asked = ran("from_passages", one, lambda r: "What did he write? {{context}}<|pipe|>{{context}} ")
    assert asked[0].raw
    assert len(asked[0].messages) == 1
    assert asked[0].messages[0].text.count("<|pipe|>") == 0
    assert asked[0].messages[0].text.count("{{context}}") == 0
    assert (asked[0].sampling.temperature, asked[0].sampling.top_p, asked[0].sampling.max_tokens) == (0.5, 0.95, 256)
    made = one.candidates[0]
    assert made.instruction == "What did he write? He wrote {{context}} and <|pipe|> here."
    assert made.outputs == ("He wrote {{context}} and <|pipe|> here.",)
    assert made.meta["method"] == "bonito"


def test_a_chat_model_in_its_place_is_marked_and_draws_its_answers_evenly() -> None:
    passages = tuple(Source(f"p{n}", f"Passage {n}.") for n in range(60))
    one = job("from_passages", sources=Sources(passages=passages), params={"kinds": "nli"}, wanted=60)
    asked = ran("from_passages", one, lambda r: "{}")
    wanted = Counter(
        r.messages[-1].text.partition("answer wanted: ")[2].split("\n")[0] for r in asked if "~" not in r.key
    )
    assert set(wanted) == {"entailment", "neutral", "contradiction"}
    assert min(wanted.values()) >= 10
    assert {c.meta["method"] for c in one.candidates} == {"bonito-style"}


# --- Promptagator ---


def test_a_question_finds_its_own_passage_and_equal_passages_count_as_one() -> None:
    texts = ["red apples grow tall", "blue whales sing loud", "green clocks tick fast"]
    index = Passages(texts)
    assert index.trip("do red apples grow", texts[0]).rank == 1
    assert index.trip("do red apples grow", texts[1]).rank == 0
    double = Passages([*texts, "red  apples grow tall"])
    assert len(double) == 3
    assert double.trip("do red apples grow", "red  apples grow tall").rank == 1
    vague = Passages([f"the topic is number{n}" for n in range(8)])
    assert vague.trip("what is the topic", "the topic is number3") == (8, 8, 7)


def test_fewer_than_two_hundred_passages_are_refused() -> None:
    passages = tuple(Source(str(n), "x") for n in range(199))
    assert missing(GENERATORS["promptagator"], Spec(), Sources(passages=passages)) == ["at least 200 passages"]


# --- Jatmo ---


def test_inputs_are_written_from_seeds_laid_out_and_answered() -> None:
    spec = Spec(instruction="Say in which of our offices the letter belongs.")
    one = job("label_inputs", spec=spec, params={"inputs": "written", "seeds": 3, "children": 2}, wanted=20)

    def say(request: Request) -> str:
        if request.stage == "seed":
            return f"seed letter {request.key}"
        if request.stage == "input":
            if request.key == "input/1":
                return "LETTER input/0".ljust(128, "x") + "other end"
            if request.key == "input/2":
                return f"{spec.instruction} A letter."
            return f"letter {request.key}".ljust(128, "x") + "end"
        return f"N/A\n###\nlaid out {request.key}" if request.stage == "format" else "north"

    asked = ran("label_inputs", one, say)
    assert list(dict.fromkeys(r.stage for r in asked)) == ["seed", "format", "input", "label"]
    reasons = {c.key: c.verdicts[0].filter for c in one.candidates if not c.kept}
    assert reasons == {"input/1": "beginning", "input/2": "instruction_leak"}
    kept = [c for c in one.candidates if c.kept]
    assert all(c.input.startswith("N/A\n###\nlaid out") for c in kept)
    assert all(spec.instruction not in c.input for c in kept)
    assert max(Counter(c.parents[0] for c in one.candidates).values()) == 2
    assert one.stopped == "every seed has its 2 inputs"
    texts = [r.messages[-1].text for r in asked if r.stage == "seed"]
    assert len(set(texts)) == 3
    heats = {r.stage: r.sampling.temperature for r in asked if r.key.partition("/")[2][:6] != "layout"}
    assert (heats["seed"], heats["input"], heats["format"]) == (1.0, 1.0, 0.0)


def test_a_failed_label_is_a_dropped_candidate_and_never_an_empty_answer() -> None:
    one = job(
        "label_inputs", spec=Spec(instruction="Do."), sources=Sources(inputs=(Source("a", "x"), Source("b", "y")))
    )
    ran("label_inputs", one, lambda r: Reply(error="HTTP 500") if r.key == "label/a" else "fine")
    assert [(c.outputs, c.kept, c.reason) for c in one.candidates] == [
        ((), False, "No answer: HTTP 500."),
        (("fine",), True, ""),
    ]


def test_answers_by_vote() -> None:
    spec = Spec(instruction="Do.", labels=("a", "b"))
    one = job(
        "label_inputs", spec=spec, sources=Sources(inputs=(Source("k", "x"),)), params={"samples": 5, "agreement": 0.6}
    )
    ran("label_inputs", one, lambda r: ["a", "It is A", "b", "a or b", "none"])
    assert one.candidates[0].outputs == ("a",)
    assert one.candidates[0].meta["agreement"] == 0.6667


def test_json_answers_are_held_to_the_schema() -> None:
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    one = job("label_inputs", spec=Spec(instruction="Do.", schema=schema), sources=Sources(inputs=(Source("k", "x"),)))
    asked = ran("label_inputs", one, lambda r: '{"n": "one"}' if r.key == "label/k" else '```json\n{"n": 1,}\n```')
    assert one.candidates[0].outputs == ('{"n":1}',)
    assert [r.key for r in asked] == ["label/k", "label/k~1"]
    assert asked[0].schema == schema


# --- distilling step by step ---


def test_a_chain_of_thought_is_split_where_it_gives_its_answer() -> None:
    assert split("R. So the answer is (b) blue.") == ("R.", "blue")
    assert split("R. The answer is: 12\nQ: next one?") == ("R.", "12")
    for text in (
        "R. It is blue.",
        "R. The answer is a. S. The answer is b.",
        "So the answer is blue.",
        "R. So the answer is .",
    ):
        with pytest.raises(Unreadable):
            split(text)


def test_rationales_in_two_rows_and_without_known_answers() -> None:
    spec = Spec(instruction="Which colour?")
    one = job(
        "rationale", spec=spec, sources=Sources(examples=(Demo("sky", "blue", key="e"),)), params={"form": "rows"}
    )
    ran("rationale", one, lambda r: '{"rationale": "Air.", "answer": "Blue."}')
    assert [(c.input, c.outputs) for c in one.candidates] == [("predict: sky", ("blue",)), ("explain: sky", ("Air.",))]
    one = job("rationale", spec=spec, sources=Sources(inputs=(Source("i", "sky"),)), params={"samples": 4})
    said = [
        '{"rationale": "1", "answer": "red"}',
        '{"rationale": "2", "answer": "blue"}',
        '{"rationale": "3", "answer": "Blue."}',
        "?",
    ]
    ran("rationale", one, lambda r: said)
    assert one.candidates[0].outputs == ("blue",)
    assert one.candidates[0].meta["rationale"] == "2"


def test_an_example_is_not_shown_with_its_own_answer() -> None:
    spec = Spec(instruction="Which colour?", demonstrations=(Demo("sky", "blue"), Demo("blood", "red")))
    one = job("rationale", spec=spec, sources=Sources(examples=(Demo("sky", "blue", key="e"),)))
    asked = ran("rationale", one, lambda r: '{"rationale": "Air.", "answer": "blue"}')
    assert "blood" in asked[0].messages[-1].text
    assert "blue" not in asked[0].messages[-1].text


# --- Self-Instruct ---


def test_the_rules_for_instructions() -> None:
    from curation.generators.filters.likeness import Pool

    def dropped(text: str, seed: str = "", language: str = "") -> str:
        pool = Pool(0.7)
        if seed:
            pool.add(seed)
        last = list(_verdicts(Job(spec=Spec(language=language)), text, pool))[-1]
        return last.filter if last.drops else ""

    assert dropped("Name three uses") == "instruction_words"
    assert dropped("Name four uses now") == ""
    assert dropped(" ".join(["word"] * 151)) == "instruction_words"
    assert dropped("Show the way on a map") == "blocked_words"
    assert dropped("Describe a mapping between two sets") == ""
    assert dropped("Describe a roadmap for the town") == ""
    assert dropped("Then you go to the shop") == "blocked_words"
    assert dropped("Write a program that adds numbers") == "beginning"
    assert dropped("- Write about the old town") == "beginning"
    assert dropped("Écris une phrase courte ici") == "beginning"
    assert dropped("Écris une phrase courte ici", language="fr") == ""
    assert dropped("a b c d e f g x y z", "a b c d e f g h i j") == ""
    assert dropped("a b c d e f g h y z", "a b c d e f g h i j") == "similarity"
    assert _beginning("NASA said so", "") == ""


def test_names_keep_their_capitals() -> None:
    told = load("self_instruct")
    one, asked = run("self_instruct", told)
    assert any(c.instruction.startswith("Turn the notes") for c in one.candidates)
    first = asked[0]
    assert (first.sampling.temperature, first.sampling.top_p, first.sampling.presence_penalty) == (0.7, 0.5, 2.0)
    templates = {r.messages[0].text[:40] for r in asked if r.stage == "instance"}
    assert len(templates) == 2  # label first for classification, input first for the rest


def test_two_outputs_for_one_input_spoil_an_instruction() -> None:
    one, _ = run("self_instruct", load("self_instruct"))
    spoiled = [c for c in one.candidates if c.input == "A cat got lost at sea."]
    assert len(spoiled) == 2
    assert all("same input and different outputs" in c.reason for c in spoiled)


# --- Evol-Instruct ---


@pytest.mark.parametrize("text", ["#Rewritten Prompt#: x", "the given prompt asks", "Rewritten instruction: x"])
def test_what_leaks_the_prompt_is_dropped(text: str) -> None:
    assert evol.leak(text).drops
    assert not evol.leak("Write a prompt for the given data").drops


def test_sorry_below_eighty_words_and_answers_of_stop_words() -> None:
    assert evol.says_sorry("Sorry " + "w " * 78).drops
    assert not evol.says_sorry("Sorry " + "w " * 79).drops
    assert not evol.says_sorry("w " * 10).drops
    assert evol.says_nothing("It is, and … the!").drops
    assert not evol.says_nothing("It is gold.").drops


def test_the_tree_has_one_parent_a_node_and_no_more_levels_than_rounds() -> None:
    one, _asked = run("evolve", load("evolve"))
    keys = {c.key for c in one.candidates} | {f"q-{n}" for n in range(5)}
    assert all(len(c.parents) == 1 and c.parents[0] in keys for c in one.candidates)
    assert max(c.meta["depth"] for c in one.candidates) <= 2
    # A change that failed leaves its parent to the next round.
    assert next(c for c in one.candidates if c.key == "rewrite/2/q-1").meta["depth"] == 1
    with pytest.raises(ValueError, match="sing is no change"):
        evol.operations("deepen, sing")


def test_a_run_without_sources_says_what_it_wants() -> None:
    for name, words in (("label_inputs", "needs inputs"), ("rationale", "needs finished examples")):
        with pytest.raises(ValueError, match=words):
            next(plan(GENERATORS[name], job(name, spec=Spec(instruction="Do."))))
    with pytest.raises(ValueError, match="self_instruct needs finished examples"):
        next(plan(GENERATORS["self_instruct"], job("self_instruct")))
