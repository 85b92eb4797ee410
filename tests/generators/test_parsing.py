"""Reading what models write."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.generators import parsing
from curation.generators.parsing import Unreadable


@pytest.mark.parametrize(
    "text",
    [
        '{"a": [1, 2]}',
        '```json\n{"a": [1, 2]}\n```',
        'Sure! Here it is:\n```\n{"a": [1, 2,],}\n```\nI hope that helps {you}.',
        '<think>a {"a": 0} maybe</think>\n{"a": [1, 2]}',
        'thinking it over… </think> {"a": [1, 2]}',
        '{"a": [1, 2]}' + " \n" * 500,
        'The set {x} is {"a": // the list\n [1, 2]}',
    ],
)
def test_json_with_blemishes(text: str) -> None:
    assert parsing.obj(text) == {"a": [1, 2]}


def test_an_apostrophe_stays_one_and_a_line_break_in_a_string_is_forgiven() -> None:
    assert parsing.obj('{"a": "it\'s\nso", "b": "C:\\dir \\u00e9\\ud83d\\ude00"}') == {
        "a": "it's\nso",
        "b": "C:\\dir é😀",
    }


@pytest.mark.parametrize(
    "text",
    [
        '{"items": [{"a": 1}, {"a": 2',
        '{"items": [{"a": 1}, {"a": "tw',
        '{"a": tru',
        '{"a": 12',
        '{"a"',
        '```json\n{"items": [{"a": 1},',
    ],
)
def test_what_is_cut_off_is_never_read_in_part(text: str) -> None:
    with pytest.raises(Unreadable, match="cut off"):
        parsing.value(text)


@pytest.mark.parametrize("text", ["", "   ", "<think>never ends {}", "no json", "{'a': 1}", '{"a" 1}', "[" * 100 + "x"])
def test_what_is_no_json(text: str) -> None:
    with pytest.raises(Unreadable):
        parsing.value(text)


_TEXT = st.text().map(lambda text: text.replace("\0", ""))


@given(st.recursive(st.none() | st.booleans() | st.integers() | _TEXT, st.lists, max_leaves=20))
def test_every_json_value_is_read_back(inner: object) -> None:
    assert parsing.value(json.dumps({"a": inner})) == {"a": inner}


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(Unreadable):
        parsing.value(text)


def test_the_schema_decides() -> None:
    schema = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}
    assert parsing.obj('[{"a": "x"}]', schema) == {"a": "x"}
    with pytest.raises(Unreadable, match="a: 1 is not of type 'string'"):
        parsing.obj('{"a": 1}', schema)
    with pytest.raises(Unreadable, match="required"):
        parsing.obj("{}", schema)


def test_lists() -> None:
    assert parsing.texts("1. One\n2) Two\nand more\n\n3. Three") == ["One", "Two\nand more", "Three"]
    assert parsing.texts("- a\n- b\n- c", cut=True) == ["a", "b"]
    assert parsing.texts('{"items": ["a", "b"]}') == ["a", "b"]
    with pytest.raises(Unreadable):
        parsing.texts("Just a sentence.")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The answer is not_entailment.", "not_entailment"),
        ("Entailment", "entailment"),
        ("**entailment**", "entailment"),
        ("I think: ENTAILMENT, yes", "entailment"),
    ],
)
def test_labels_are_whole_words_and_the_longest_wins(text: str, found: str) -> None:
    assert parsing.label(text, ["entailment", "not_entailment"]) == found


@pytest.mark.parametrize("text", ["entailments", "entailment or not_entailment", "neither"])
def test_no_label_or_two_are_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        parsing.label(text, ["entailment", "not_entailment"])


def test_labels_with_signs_and_without_spaces() -> None:
    assert parsing.label("It is non-toxic.", ["toxic", "non-toxic"]) == "non-toxic"
    assert parsing.label("答えは肯定です", ["肯定", "否定"]) == "肯定"
    assert parsing.label("C++ it is", ["C", "C++"]) == "C++"


def test_yes_and_no() -> None:
    assert parsing.yes_no("Yes, since …") is True
    assert parsing.yes_no(" **No**") is False
    with pytest.raises(Unreadable):
        parsing.yes_no("The answer is yes")


def test_plain_text_loses_thoughts_and_a_fence_around_all_of_it() -> None:
    assert parsing.plain("<think>hm</think>\n```text\nhello\n```") == "hello"
    assert parsing.plain("see ```x``` there") == "see ```x``` there"
