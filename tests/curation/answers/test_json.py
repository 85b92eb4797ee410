"""JSON by a schema: inputs made from it give the value back; what is invalid is named with its place."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.answers import FormError, apply, check, from_content, parse, text_of, widgets
from curation.content import jsontext
from tests.curation.answers.forms import PEOPLE, SINGLE, form

ONE = form("json", options={"schema": PEOPLE})
WHOLE = {
    "title": "T",
    "age": 3,
    "weight": 2.5,
    "alive": False,
    "size": 3,
    "tags": ["a", "c"],
    "names": ["x", "two\nlines"],
    "home": {"a/b~c": "y"},
    "rows": [{"k": "one", "v": 1}, {"k": "two"}],
    "any": {"free": 1},
}


def posted(node) -> dict[str, list[str]]:
    """What a browser sends of the inputs."""
    found: dict[str, list[str]] = {"a-x.form": ["1"]}
    for name, text in node.posts():
        found.setdefault(name, []).append(text.replace("\n", "\r\n"))
    return found


def test_inputs_give_the_value_back():
    value = WHOLE | {"any": 7}
    assert check(ONE, {"x": value}, SINGLE) == []
    [widget] = widgets(ONE, {"x": value}, SINGLE)
    assert [child.shape for child in widget.data["node"].children] == [
        "text", "number", "number", "boolean", "choice", "choices", "list", "object", "list", "json",
    ]  # fmt: skip
    assert parse(ONE, posted(widget.data["node"])) == {"x": value}


@settings(deadline=None, max_examples=60)
@given(
    st.fixed_dictionaries(
        {"title": st.text()},
        optional={
            "age": st.integers(),
            "weight": st.floats(allow_nan=False, allow_infinity=False),
            "alive": st.booleans(),
            "tags": st.lists(st.sampled_from("abc"), unique=True),
            "names": st.lists(st.text()),
            "any": st.recursive(st.none() | st.integers() | st.text(), lambda one: st.lists(one, max_size=3)),
        },
    )
)
def test_inputs_give_every_value_back_or_make_room_for_a_box(value):
    """What inputs would change (an empty text, a carriage return, another order) is shown as JSON instead."""
    [widget] = widgets(ONE, {"x": value}, SINGLE)
    node = widget.data["node"]
    again = parse(ONE, {"a-x": [widget.data["text"]]} if node is None else posted(node))
    assert jsontext.canonical(again["x"]) == jsontext.canonical(value)


WRONG = [
    ({}, "title is missing", "Fill it in"),
    (WHOLE | {"age": -1}, "age is less than 0", "greater"),
    (WHOLE | {"age": "old"}, "age is not of the type integer", "Correct"),
    (WHOLE | {"size": "xl"}, "size is none of the choices", 'Choose one of "s", "m", 3'),
    (WHOLE | {"rows": [{"v": 1}, {"v": "two"}]}, "rows › item 2 › v is not of the type integer", "Correct"),
    (WHOLE | {"other": 1}, "a field that the schema does not know", "other"),
    (WHOLE | {"tags": ["a", "a"]}, "tags has an item twice", "Take one out"),
]


@pytest.mark.parametrize(("value", "why", "do"), WRONG)
def test_what_the_schema_does_not_allow_is_named_with_its_place(value, why, do):
    found = check(ONE, {"x": value | {"any": "text"}}, SINGLE)
    assert [(why in one.why, do in one.do) for one in found] == [(True, True)]


def test_what_is_typed_wrong_stays_in_its_input():
    answer = parse(ONE, {"a-x.form": ["1"], "a-x:/title": ["T"], "a-x:/age": ["3 years"], "a-x:/any": ["[1,"]})
    assert answer == {"x": {"title": "T", "age": "3 years", "any": {"$raw": "[1,"}}}
    [found] = check(ONE, answer, SINGLE)
    assert found.why == "any is not JSON that can be read."
    node = widgets(ONE, answer, SINGLE)[0].data["node"]
    assert {child.name: child.text for child in node.children}["a-x:/age"] == "3 years"
    assert {child.name: child.text for child in node.children}["a-x:/any"] == "[1,"


def test_an_untouched_form_is_no_answer_only_where_none_is_needed():
    schema = {
        "type": "object",
        "properties": {"names": {"type": "array", "items": {"type": "string"}}},
        "required": ["names"],
    }
    asked = {"a-x.form": ["1"], "a-x:/names/0": [""]}
    assert parse(form("json", options={"schema": schema}), asked) == {"x": {"names": []}}
    assert parse(form("json", options={"schema": schema}, required=False), asked) == {}


def test_numbers_that_json_does_not_know_stay_text():
    for text in ("nan", "inf", "1e999", "0x10", "1_000"):
        assert parse(ONE, {"a-x.form": ["1"], "a-x:/weight": [text]})["x"]["weight"] == text


def test_null_is_kept_where_the_schema_asks_for_it():
    schema = {"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "required": ["a"]}
    one = form("json", options={"schema": schema})
    assert parse(one, {"a-x.form": ["1"], "a-x:/a": [""]}) == {"x": {"a": None}}
    assert widgets(one, {"x": {"a": None}}, SINGLE)[0].data["node"] is not None


# Twenty lines that stand for a million.
LAUGHS = {
    "$defs": {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(20)} | {"a20": {"type": "string"}},
    "$ref": "#/$defs/a0",
}
REFUSED = [
    ({"$ref": "https://example.org/schema.json"}, "schema/$ref", "may refer only to itself"),
    ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "schema/properties/a/$ref", "may refer only to itself"),
    ({"properties": {"a": {"$dynamicRef": "other.json#a"}}}, "schema/properties/a/$dynamicRef", "only to itself"),
    ({"$ref": "#/$defs/none"}, "schema/$ref", "not in the schema"),
    ({"$ref": "#"}, "schema", "in a circle"),
    ({"type": "objekt"}, "schema/type", "not valid JSON Schema"),
    ({"properties": {"a": {"minimum": "3"}}}, "schema/properties/a/minimum", "not valid JSON Schema"),
    ([], "schema", "must be a JSON Schema"),
    (LAUGHS, "schema", "stands for more than 50,000 places"),
    ({"description": "x" * 100_001}, "schema", "100,000 are the most"),
]


@pytest.mark.parametrize(("schema", "place", "why"), REFUSED)
def test_a_schema_that_is_invalid_or_leads_outside_is_refused(schema, place, why):
    with pytest.raises(FormError) as caught:
        form("json", options={"schema": schema})
    assert caught.value.place == f"fields[0].options.{place}"
    assert why in caught.value.why


def test_references_that_circle_through_data_are_shown_as_a_box_and_checked():
    schema = {"type": "object", "properties": {"value": {"type": "integer"}, "next": {"$ref": "#"}}}
    one = form("json", options={"schema": schema})
    value = {"value": 1, "next": {"value": 2, "next": {"value": "three"}}}
    assert widgets(one, {"x": value}, SINGLE)[0].data["text"]
    [found] = check(one, {"x": value}, SINGLE)
    assert found.why.startswith("next › next › value is not of the type integer")


def test_a_schema_with_too_many_places_for_inputs_is_shown_as_a_box():
    row = {"type": "object", "properties": {f"p{n}": {"$ref": "#/$defs/cell"} for n in range(30)}}
    cell = {"type": "object", "properties": {f"c{n}": {"type": "string"} for n in range(30)}}
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/row"}}, "$defs": {"row": row, "cell": cell}}
    one = form("json", options={"schema": schema})
    assert widgets(one, None, SINGLE)[0].data["node"] is None
    forged = {"a-x.form": ["1"], "a-x:/a/p3/c7": ["seven"]}
    assert parse(one, forged) == {"x": {"a": {"p3": {"c7": "seven"}}}}


def test_deep_and_huge_values_are_refused_and_not_followed():
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    free = form("json", options={"schema": {}})
    assert "nested too deeply" in check(free, {"x": deep}, SINGLE)[0].why
    assert "1,000,000 are the most" in check(free, {"x": "a" * 1_000_001}, SINGLE)[0].why
    assert "NUL" in check(free, {"x": {"a": ["b\0"]}}, SINGLE)[0].why
    assert parse(free, {"a-x": ["[" * 100_000]})["x"] == {"$raw": "[" * 100_000}


def test_the_output_has_the_order_of_the_schema():
    made = apply(ONE, SINGLE, {"x": {"age": 3, "title": "é"}})
    assert made.outputs == ('{"title": "é", "age": 3}',)
    assert from_content(ONE, made) == {"x": {"title": "é", "age": 3}}
    assert text_of(ONE.fields[0], {"age": 3, "title": "é"}).startswith('{\n  "title"')
