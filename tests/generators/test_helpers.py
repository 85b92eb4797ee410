"""Grids, formats, final answers, damage by rule, truth, cards: hand-checked."""

from itertools import islice
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.generators import cards, corruption, finals, gold, grids, rerender, truth
from curation.generators.model import Reply, Request
from curation.generators.rerender import Item, Rules

GRID = "language: English, German\ntopic: nature (rivers, birds), trade (prices, ships)\nlevel: easy, hard"


def test_no_cell_comes_twice_before_all_came_and_a_sub_topic_belongs_to_its_topic() -> None:
    grid = grids.parse(GRID)
    assert grid.size == 16
    drawn = list(islice(grid.draw(3), 32))
    assert sorted(at for at, _ in drawn[:16]) == list(range(16)) == sorted(at for at, _ in drawn[16:])
    assert [at for at, _ in drawn[:16]] != [at for at, _ in drawn[16:]]
    own = {"nature": {"rivers", "birds"}, "trade": {"prices", "ships"}}
    assert all(cell["sub-topic"] in own[cell["topic"]] for _, cell in drawn)
    assert drawn == list(islice(grid.draw(3), 32)) != list(islice(grid.draw(4), 32))


def test_a_large_grid_is_drawn_without_being_held() -> None:
    grid = grids.parse("\n".join(f"a{n}: " + ", ".join(f"v{v}" for v in range(20)) for n in range(6)))
    assert grid.size == 20**6
    assert len({at for at, _ in islice(grid.draw(1), 5_000)}) == 5_000


def test_the_stride_meets_every_number_once() -> None:
    assert sorted(grids._stride(1001, Random(1))) == list(range(1001))


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "no attribute"), ("a b", 1, "no colon"), ("a: x\na: y", 2, "twice"), ("a:", 1, "no value"),
        ("a: x, x", 1, "'x' is there twice"), ("a: x (y, y)", 1, "twice"), ("a: (y)", 1, "cannot be read"),
    ],
)  # fmt: skip
def test_a_grid_that_cannot_be_used(text: str, line: int, what: str) -> None:
    with pytest.raises(grids.GridError) as found:
        grids.parse(text)
    assert found.value.line == line
    assert what in found.value.what
    assert found.value.mend


GOLD = (
    Item("drug", "aspirin", 0, 7),
    Item("event", "skin rash", 20, 29),
    Item("event", "rash", 25, 29),
    Item("drug", "aspirin", 40, 47),
)
NASTY = (
    Item("a: b|c", 'x "y" | z: \\n\nnext\u2028line', 0, 5),
    Item("t", "- none", 6, 9),
    Item("u", "a; b is of the type", 10, 12),
)


@pytest.mark.parametrize("form", rerender.FORMATS)
@pytest.mark.parametrize("items", [GOLD, NASTY, (), (Item("label", "none"),)])
@pytest.mark.parametrize("empty", rerender.CHOICES["empty"])
def test_every_format_is_read_back(form: str, items: tuple[Item, ...], empty: str) -> None:
    assert rerender.parse(rerender.render(items, form, empty), form, empty) == rerender.pairs(items)


@given(st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1)), max_size=3), st.sampled_from(rerender.FORMATS))
def test_any_text_is_read_back(pairs: list[tuple[str, str]], form: str) -> None:
    items = tuple(Item(kind, text) for kind, text in pairs)
    assert rerender.parse(rerender.render(items, form), form) == tuple(pairs)


def test_each_rule_changes_the_answer() -> None:
    plain = rerender.apply(GOLD, Rules())
    assert [item.text for item in plain] == ["aspirin", "skin rash", "rash", "aspirin"]
    found = {
        "longest": [item.text for item in rerender.apply(GOLD, Rules(nested="longest"))],
        "shortest": [item.text for item in rerender.apply(GOLD, Rules(nested="shortest"))],
        "once": [item.text for item in rerender.apply(GOLD, Rules(repeats="once"))],
        "first": [item.text for item in rerender.apply(GOLD, Rules(many="first"))],
        "type": [item.type for item in rerender.apply(GOLD, Rules(order="type"))],
    }
    assert found == {
        "longest": ["aspirin", "skin rash", "aspirin"], "shortest": ["aspirin", "rash", "aspirin"],
        "once": ["aspirin", "skin rash", "rash"], "first": ["aspirin"], "type": ["drug", "drug", "event", "event"],
    }  # fmt: skip
    assert rerender.render((), "lines", "nothing found") == "nothing found"


@pytest.mark.parametrize(
    ("text", "form"), [("{}", "json"), ("[1]", "json"), ("a: b", "lines"), ("| a |", "table"), ("hello", "sentence")]
)
def test_text_of_another_form_is_refused(text: str, form: str) -> None:
    with pytest.raises(ValueError):
        rerender.parse(text, form)


@pytest.mark.parametrize(
    ("answer", "known", "same"),
    [
        ("7", "7", True), ("3 of 7", "7", False), ("7 apples", "7", True), ("$1,250.50", "1250.5", True), ("0.5", "1/2", True),
        ("The Nile.", "nile", True), ("the Nile river", "Nile", False), ("(b) blue", "b", True), ("B", "(b) blue", True),
        ("(b) red", "(b) blue", False), ("8", "7", False), ("", "7", False), (None, "7", False), ("7", " ", False),
        ("-3", "3", False), ("−3", "-3", True), ("17", "7", False), ("not entailment", "entailment", False),
    ],
)  # fmt: skip
def test_final_answers(answer: str | None, known: str, same: bool) -> None:
    assert finals.agrees(answer, known) is same


def test_the_final_answer_is_a_field_and_no_number_on_the_way() -> None:
    assert finals.final_answer({"steps": ["7"], "answer": "3 of 7"}) == "3 of 7"
    assert finals.final_answer({"steps": ["7"]}) is None
    assert finals.final_answer({"answer": True}) is None
    assert finals.final_answer("1 + 2\n\\boxed{7}") == "7"
    assert finals.final_answer("so \\boxed{\\frac{1}{2}}") == "\\frac{1}{2}"
    assert finals.final_answer("7 and 8\nFinal answer: 9.") == "9"
    assert finals.final_answer("there are 7 of them") is None


def test_whether_a_text_gives_the_answer_away() -> None:
    assert finals.mentions("It is 42, of course", "42")
    assert not finals.mentions("It is 142", "42")
    assert not finals.mentions("4.25", "4")
    assert not finals.mentions("anything", " ")


TEXT = "She does not go to the market because it is closed. The children were waiting for 25 minutes in Paris."


def test_damage_keeps_numbers_and_names_and_is_the_same_for_the_same_seed() -> None:
    made = {corruption.grammar(TEXT, Random(seed), 0.2) for seed in range(20)}
    assert len(made) > 5
    assert all("25" in one and "Paris" in one and one != TEXT for one in made)
    assert corruption.grammar(TEXT, Random(1)) == corruption.grammar(TEXT, Random(1))
    assert corruption.grammar("42", Random(1)) == "42"


def test_casual_and_unlinked() -> None:
    casual = corruption.formality("I am going to purchase it. They do not require help.", Random(3))
    assert "don't" in casual
    assert casual[0].islower()
    text = "It rained. Therefore, we stayed. We read; however, nobody slept."
    assert corruption.coherence(text, Random(0)) == "It rained. We stayed. We read; nobody slept."


def test_truth_by_probability() -> None:
    assert truth.probability({"Yes": -0.1, "No": -2.5}) == pytest.approx(0.917, abs=5e-4)
    assert truth.probability({"yes": -0.1, " Yes": -3, "no": -2.5}) > 0.917
    assert truth.probability({"maybe": -0.1}) is None
    request = Request("check", "k", ())
    # A confident no is no high score.
    assert truth.read(request, Reply("No", logprobs={"no": -0.01, "yes": -5})) < 0.01
    assert truth.read(request, Reply("yes.")) == 1.0
    with pytest.raises(ValueError):
        truth.read(request, Reply("perhaps"))
    assert [truth.band(p) for p in (0.49, 0.5, 0.69, 0.7)] == ["rejected", "middle", "middle", "high"]


CARD = {
    "definition": "Sum up.", "input_source": "reports", "schema": {"type": "string", "minLength": 2}, "metric": "ROUGE-L",
    "pairs": [{"input": f"i{n}", "output": f"o{n}"} for n in range(3)],
}  # fmt: skip


@pytest.mark.parametrize("field", cards.FIELDS)
def test_a_card_without_a_field_is_refused(field: str) -> None:
    with pytest.raises(cards.CardError, match=f"no {field.replace('_', ' ')}"):
        cards.read("sum", {name: value for name, value in CARD.items() if name != field})


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"pairs": CARD["pairs"][:2]}, "fewer than 3"), ({"schema": {"type": "integer"}}, "pair 1 does not fit"),
        ({"schema": "text"}, "no object"), ({"least": 0}, "least"), ({"metric": 3}, "no text"),
        ({"pairs": [{"input": "a"}] * 3}, "no output"),
    ],
)  # fmt: skip
def test_a_card_that_cannot_be_used(change: dict, what: str) -> None:
    with pytest.raises(cards.CardError, match=what):
        cards.read("sum", CARD | change)
    with pytest.raises(cards.CardError, match="no card"):
        cards.read("sum", None)


def test_answers_against_the_schema_of_a_card() -> None:
    assert cards.misfit("abc", CARD["schema"]) == ""
    assert cards.misfit("a", CARD["schema"])
    assert cards.misfit('{"a": 1}', {"type": "object", "required": ["a"]}) == ""
    assert cards.misfit("{}", {"type": "object", "required": ["a"]})
    assert cards.misfit("no", {"type": "integer"})


@pytest.mark.parametrize(
    ("output", "labels", "found"),
    [
        ('[{"type": "drug", "text": "aspirin"}]', (), [("drug", 5, 12)]),
        ('{"drug": ["aspirin", "aspirin"]}', (), [("drug", 5, 12), ("drug", 17, 24)]),
        ("- drug: aspirin", (), [("drug", 5, 12)]), ("good, bad", ("good", "bad"), [("label", None, None)] * 2),
        ("none", ("good",), []), ('["good"]', ("good",), [("label", None, None)]), ("[]", (), []),
    ],
)  # fmt: skip
def test_known_answers_of_all_forms(output: str, labels: tuple[str, ...], found: list) -> None:
    kind = "labels" if output == "none" else "auto"
    items = gold.read(output, "take aspirin and aspirin", kind, labels)
    assert [(item.type, item.start, item.end) for item in items] == found


@pytest.mark.parametrize(
    ("output", "kind", "why"),
    [
        ("free words", "auto", "free text"), ("fine", "labels", "none of the labels"), ("{", "json", "no JSON"),
        ('{"drug": ["ibuprofen"]}', "auto", "does not stand"), ("[3]", "json", "no object"),
    ],
)  # fmt: skip
def test_known_answers_that_cannot_be_read(output: str, kind: str, why: str) -> None:
    with pytest.raises(gold.GoldError, match=why):
        gold.read(output, "take aspirin", kind, ("good", "bad"))


def test_what_a_rewrite_must_keep() -> None:
    original = 'Ask Anna for 3.5 kg of "brown rice" in `main()`.\nA) red\nB) blue'
    assert gold.lost(original, original) == []
    assert gold.lost(original, 'ask anna: 3.5 kg "Brown Rice", `main()`, red or blue') == []
    assert gold.lost(original, 'Ask Anna for 3.57 kg of "brown rice" in `main()`. red') == ["3.5", "blue"]
