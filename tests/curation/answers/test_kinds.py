"""Each kind: what is posted becomes a value, a good one passes, a bad one is named with place and mend."""

import pytest

from curation.answers import (
    PRESETS,
    FormError,
    apply,
    check,
    clean,
    dump_form,
    from_content,
    likeness,
    load_form,
    pair_texts,
    parse,
    same,
    summary,
    text_of,
    widgets,
)
from curation.content import Content
from tests.curation.answers.forms import CHAT, LABELS, SINGLE, form

GOOD = [
    ("text", {}, {"a-x": ["Two\r\nlines"]}, "Two\nlines"),
    ("labels", LABELS, {"a-x": ["no"]}, "no"),
    ("labels", LABELS | {"multiple": True}, {"a-x": ["no", "yes", "no"]}, ["yes", "no"]),
    ("rating", {}, {"a-x": [" 4 "]}, 4),
    ("rating", {"min": -100, "max": 100}, {"a-x": ["-7"]}, -7),
    ("ranking", {}, {"a-x.0": ["2"], "a-x.1": ["1"]}, [1, 0]),
    ("ranking", {"of": "items", "items": ["p", "q", "r"]}, {"a-x.0": ["2"], "a-x.1": ["3"], "a-x.2": ["1"]}, ["r", "p", "q"]),
    ("pair", {}, {"a-x": ["second"]}, {"chosen": 1, "rejected": 0}),
    ("pair", {}, {"a-x": ["tie"]}, {"tie": True}),
    ("pair", {"edit": True}, {"a-x": ["first"], "a-x.text": ["Better"]}, {"chosen": 0, "rejected": 1, "text": "Better"}),
    ("json", {}, {"a-x": ['{"a": 123456789012345678901}']}, {"a": 123456789012345678901}),
    (
        "spans", {"labels": ["PERSON", "PLACE"]}, {"a-x": ["[[Anna Hall|PERSON]] went to [[Rome|PLACE]] in May."]},
        [{"start": 0, "end": 9, "label": "PERSON", "text": "Anna Hall"},
         {"start": 18, "end": 22, "label": "PLACE", "text": "Rome"}],
    ),
    (
        "dialogue", {},
        {"a-x.0.role": ["assistant"], "a-x.0.text": ["Hello"], "a-x.0.place": ["2"],
         "a-x.1.role": ["user"], "a-x.1.text": ["Hi"], "a-x.1.place": ["1"],
         "a-x.2.role": ["user"], "a-x.2.text": ["gone"], "a-x.2.place": ["3"], "a-x.2.drop": ["1"],
         "a-x.3.role": ["user"], "a-x.3.text": [" "], "a-x.3.place": ["4"]},
        [{"role": "user", "text": "Hi"}, {"role": "assistant", "text": "Hello"}],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "options", "posted", "value"), GOOD)
def test_what_is_posted_becomes_a_value_that_passes(kind, options, posted, value):
    one = form(kind, options=options)
    answer = parse(one, posted)
    assert answer == {"x": value}
    assert check(one, answer, SINGLE) == []
    assert clean(one, answer) == answer
    assert same(one, answer, {"x": value, "unknown": "left out"})
    assert text_of(one.fields[0], value)
    assert summary(one, answer)


@pytest.mark.parametrize(("kind", "options", "posted", "value"), GOOD)
def test_nothing_posted_is_named_where_it_is_required_and_passes_where_not(kind, options, posted, value):
    assert parse(form(kind, options=options), {}) == {}
    found = check(form(kind, options=options), {}, SINGLE)
    assert [(one.field, one.why) for one in found] == [("x", "X is not answered.")]
    assert check(form(kind, options=options, required=False), {}, SINGLE) == []


HI = {"role": "user", "text": "Hi"}
BAD = [
    ("text", {"most": 3}, "four", "has 4 characters; at most 3", "Shorten"),
    ("text", {"least": 9}, "four", "at least 9", "Write more"),
    ("text", {}, "a\0b", "Character 2 of the text is a NUL", "Delete it"),
    ("text", {}, "a\ud800", "Character 2 of the text is half of a pair", "Delete it"),
    ("text", {}, ["a"], "must be text", "JSON string"),
    ("labels", LABELS, "maybe", "maybe is not a label", "Choose from yes, no"),
    ("labels", LABELS, {"a": 1}, "is not a label", "Choose from"),
    ("labels", LABELS | {"multiple": True, "least": 2}, ["yes"], "1 labels are chosen; 2 to 2", "Choose fewer or more"),
    ("rating", {}, 9, "9 is not on the scale", "from 1 to 5"),
    ("rating", {}, True, "True is not a whole number", "from 1 to 5"),
    ("rating", {}, 2.5, "2.5 is not a whole number", "from 1 to 5"),
    ("ranking", {}, [0], "names 1 candidates that are not the 2", "a place of its own"),
    ("ranking", {}, [0, 0], "is there twice", "a place of its own"),
    ("ranking", {}, [0, {"a": 1}], "not an order", "best first"),
    ("pair", {}, {"chosen": 0, "rejected": 0}, "not between outputs 1 and 2", "equally good"),
    ("pair", {"tie": False}, {"tie": True}, "A tie is not among", "Choose the better one."),
    ("pair", {}, {"chosen": 0, "rejected": 1, "text": "mine"}, "takes no edited text", "without editing"),
    ("pair", {}, "first", "not a choice", "Choose the better"),
    ("spans", LABELS, [{"start": 0, "end": 99, "label": "yes"}], "from 0 to 99 does not lie in the input", "Mark it again"),
    ("spans", LABELS, [{"start": 3, "end": 3, "label": "yes"}], "from 3 to 3 does not lie", "Mark it again"),
    ("spans", LABELS, [{"start": 0, "end": 4, "label": "maybe"}], "maybe is not a label", "Use one of no, yes"),
    ("spans", LABELS, [{"start": 0, "end": 4, "label": "yes", "text": "Otto"}], "are not 'Otto' any more", "Mark it again"),
    ("spans", LABELS, [{"start": 0, "end": 4, "label": "yes"}, {"start": 2, "end": 9, "label": "no"}], "cross", "hold the other"),
    ("spans", LABELS, [{"start": 0, "end": 9, "label": "yes"}, {"start": 2, "end": 4, "label": "no"}], "overlap", "Keep one"),
    ("spans", LABELS, "text", "not a list of spans", "start, end and label"),
    ("spans", LABELS, [{"start": True, "end": 4, "label": "yes"}], "not a list of spans", "start, end and label"),
    ("dialogue", {}, [{"role": "user", "text": "Hi"}], "There are 1 turns; 2 to 100", "Add or remove"),
    ("dialogue", {}, [{"role": "user", "text": "Hi"}] * 2, "The last turn is one of the user", "answer of the assistant"),
    ("dialogue", {}, [HI, {"role": "pope", "text": "Hi"}], "Turn 2 has the role 'pope'", "user, assistant"),
    ("dialogue", {}, [HI, {"role": "system", "text": "Hi"}, HI], "Turn 2 is a system", "to the top"),
    ("dialogue", {}, [{"role": "user", "text": " "}, {"role": "assistant", "text": "Hi"}], "Turn 1 is empty", "remove it"),
    ("dialogue", {}, [{"role": "user", "text": "a\0"}, {"role": "assistant", "text": "Hi"}], "Turn 1: Character 2", "Delete"),
    ("dialogue", {}, [{"role": "user"}], "not a list of turns", "role and text"),
    ("json", {}, ["a"], "The value is not of the type object", "Correct it"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "options", "value", "why", "do"), BAD)
def test_what_is_wrong_is_named_with_place_and_mend(kind, options, value, why, do):
    one = form(kind, options=options)
    [found] = check(one, {"x": value}, SINGLE)
    assert found.field == "x"
    assert why in found.why
    assert do in found.do
    assert widgets(one, {"x": value}, SINGLE, [found])[0].problems == (found,)  # and it can be drawn to be mended


UNREADABLE = [
    ("rating", {}, {"a-x": ["four"]}, "four is not a whole number"),
    ("ranking", {}, {"a-x.0": ["1"], "a-x.1": ["1"]}, "Place 1 is given twice"),
    ("ranking", {}, {"a-x.0": ["1"], "a-x.1": [""]}, "Some candidates have no place"),
    ("pair", {}, {"a-x": ["third"]}, "third is none of the choices"),
    ("json", {}, {"a-x": ['{"a": ']}, "The text is not JSON"),
    ("spans", LABELS, {"a-x": ["[[Anna Hall went to Rome in May."]}, "Line 1, column 1: [[ opens a mark that no"),
    ("spans", LABELS, {"a-x": ["Otto Hall"], "a-x.of": ["0"]}, "The text itself was changed at character 1, near"),
    ("dialogue", {}, {"a-x": ['[{"role": 1}]']}, "does not hold a list of turns"),
    ("dialogue", {}, {"a-x": ["[{]"]}, "does not hold JSON"),
]


@pytest.mark.parametrize(("kind", "options", "posted", "why"), UNREADABLE)
def test_what_cannot_be_read_comes_back_as_it_was_typed(kind, options, posted, why):
    one = form(kind, options=options)
    answer = parse(one, posted)
    [found] = check(one, answer, SINGLE)
    assert why in found.why
    [widget] = widgets(one, answer, SINGLE, [found])
    if "a-x" in posted and kind != "pair":
        assert posted["a-x"][0] in [value for value in widget.data.values() if isinstance(value, str)]


def test_a_million_characters_pass_and_one_more_does_not():
    one = form("text")
    assert check(one, parse(one, {"a-x": ["é" * 1_000_000]}), SINGLE) == []
    [found] = check(one, parse(one, {"a-x": ["é" * 1_000_001]}), SINGLE)
    assert "1,000,001 characters; 1,000,000 are the most" in found.why


def test_control_and_direction_characters_are_kept():
    text = "a\u202eb\u0007\u200f\ttab\x1b[0m"
    assert parse(form("text"), {"a-x": [text]}) == {"x": text}
    assert check(form("text"), {"x": text}, SINGLE) == []


def test_candidates_that_are_missing_need_no_answer():
    bare = Content("single", "Do it.")
    assert check(form("ranking"), {}, bare) == []
    assert check(form("pair"), {}, bare) == []
    assert check(form("spans", options=LABELS), {}, bare) == []
    assert "0 outputs" in check(form("pair"), {"x": {"chosen": 0, "rejected": 1}}, bare)[0].why


def test_the_texts_of_a_pair():
    assert pair_texts(SINGLE, {"chosen": 1, "rejected": 0}) == ("She left.", "Anna went to Rome.")
    assert pair_texts(SINGLE, {"chosen": 1, "rejected": 0, "text": "Mine"}) == ("Mine", "Anna went to Rome.")
    assert pair_texts(SINGLE, {"tie": True}) is None
    assert pair_texts(SINGLE, {"chosen": 9, "rejected": 0}) is None


@pytest.mark.parametrize("name", PRESETS)
def test_presets_load_and_come_back(name):
    one = load_form(PRESETS[name].form)
    assert load_form(dump_form(one)) == one
    for content in (SINGLE, CHAT, Content("single")):
        assert len(widgets(one, None, content)) == len(one.fields)


LABEL = "fields[0].options.labels[0]"
FORMS = [
    ({}, "form", "list of fields"),
    ([1], "fields[0]", "object"),
    ([{"name": "A", "kind": "text"}], "fields[0].name", "small letter"),
    ([{"name": "a", "kind": "film"}], "fields[0].kind", "one of text, labels"),
    ([{"name": "a", "kind": ["text"]}], "fields[0].kind", "one of text, labels"),
    ([{"name": "a", "kind": "pair", "role": "output"}], "fields[0].role", "preference, meta"),
    ([{"name": "a", "kind": "text", "colour": 1}], "fields[0].colour", "not a part"),
    ([{"name": "a", "kind": "text", "required": "yes"}], "fields[0].required", "true or false"),
    ([{"name": "a", "kind": "text"}] * 2, "fields[1].name", "twice"),
    ([{"name": f"a{n}", "kind": "text"} for n in range(41)], "form", "41 fields; 40 are the most"),
    ([{"name": "a", "kind": "text", "options": {"rows": True}}], "fields[0].options.rows", "whole number"),
    ([{"name": "a", "kind": "text", "options": {"least": 9, "most": 3}}], "fields[0].options.least", "more than"),
    ([{"name": "a", "kind": "text", "options": {"colour": 3}}], "fields[0].options.colour", "not an option"),
    ([{"name": "a", "kind": "labels"}], "fields[0].options.labels", "at least one label"),
    ([{"name": "a", "kind": "labels", "options": {"labels": ["a", "a"]}}], "fields[0].options.labels[1].value", "twice"),
    ([{"name": "a", "kind": "labels", "options": {"labels": ["a|b"]}}], "fields[0].options.labels[0].value", "bars"),
    ([{"name": "a", "kind": "labels", "options": {"labels": [{"value": "a", "hue": 9}]}}], LABEL + ".hue", "1 to 8"),
    ([{"name": "a", "kind": "labels", "options": {"labels": [{"value": "a", "key": "%"}]}}], LABEL + ".key", "letter or"),
    ([{"name": "a", "kind": "rating", "options": {"min": 5, "max": 5}}], "fields[0].options.max", "greater"),
    ([{"name": "a", "kind": "ranking", "options": {"of": "items", "items": ["a"]}}], "fields[0].options.items", "2 to 50"),
    ([{"name": "a", "kind": "pair", "options": {"first": 1}}], "fields[0].options.second", "another output"),
    ([{"name": "a", "kind": "spans", "options": {"of": "title", "labels": ["a"]}}], "fields[0].options.of", "one of input"),
    ([{"name": "a", "kind": "pair"}, {"name": "b", "kind": "text"}], "fields[1].role", "must not be output"),
    ([{"name": "a", "kind": "spans", "options": {"of": "output", "labels": ["a"]}}], "fields[0].options.of", "must not be output"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "place", "why"), FORMS)
def test_a_form_that_cannot_be_used_is_refused_with_its_place(raw, place, why):
    with pytest.raises(FormError) as caught:
        load_form(raw)
    assert caught.value.place == place
    assert why in caught.value.why


# --- from answers to content and back ---


def test_the_first_text_like_output_is_the_output_and_others_go_along():
    one = load_form([
        {"name": "label", "kind": "labels", "options": LABELS},
        {"name": "said", "kind": "text"},
        {"name": "more", "kind": "text"},
        {"name": "beside", "kind": "text", "role": "meta"},
    ])  # fmt: skip
    made = apply(one, SINGLE, {"label": "no", "said": "S", "more": "M", "beside": "B"})
    assert made.outputs == ("S",)
    assert (made.instruction, made.input) == (SINGLE.instruction, SINGLE.input)
    assert from_content(one, made) == {"said": "S"}


def test_labels_enter_through_their_text():
    one = form("labels", options=LABELS)
    made = apply(one, SINGLE, {"x": "no"})
    assert made.outputs == ("No, never",)
    assert from_content(one, made) == {"x": "no"}
    assert from_content(one, SINGLE) is None
    several = form("labels", options={"labels": ["a", "b", "c"], "multiple": True})
    assert from_content(several, apply(several, SINGLE, {"x": ["c", "a"]})) == {"x": ["a", "c"]}


@pytest.mark.parametrize(
    ("kind", "options", "value"),
    [
        ("text", {}, "Hello"),
        ("rating", {}, 4),
        ("json", {}, {"b": [1, 2.5, None], "a": "é"}),
        ("spans", LABELS, [{"start": 0, "end": 4, "label": "yes", "text": "Anna"}]),
    ],
)
def test_outputs_stand_for_the_answer_that_made_them(kind, options, value):
    one = form(kind, options=options)
    for content in (SINGLE, CHAT):
        made = apply(one, content, {"x": value})
        assert from_content(one, made) == {"x": value}
        assert made.kind == content.kind


def test_in_a_chat_the_last_assistant_turn_is_replaced_or_added():
    one = form("text")
    made = apply(one, CHAT, {"x": "Warm."})
    assert [turn.text for turn in made.messages][-1] == "Warm."
    assert made.messages[:-1] == CHAT.messages[:-1]
    asked = Content("chat", messages=CHAT.messages[:1])
    assert [turn.role for turn in apply(one, asked, {"x": "Warm."}).messages] == ["user", "assistant"]
    assert from_content(one, asked) is None


def test_preferences_and_meta_leave_the_content_as_it_is():
    for kind, role, value in (("pair", "preference", {"chosen": 1, "rejected": 0}), ("text", "meta", "note")):
        assert apply(form(kind, role=role), SINGLE, {"x": value}) is SINGLE


def test_a_dialogue_starts_from_the_turns_and_keeps_their_tool_calls():
    one = form("dialogue")
    start = from_content(one, CHAT)["x"]
    assert [turn["role"] for turn in start] == ["system", "user", "assistant", "tool", "assistant"]
    assert check(one, {"x": start}, CHAT) == []
    start[1] = start[1] | {"text": "Weather?"}
    made = apply(one, CHAT, {"x": start})
    assert made.messages[0].text == "Weather?"
    assert made.messages[1].extra == CHAT.messages[1].extra
    assert (made.system, made.kind) == ("Be kind.", "chat")


def test_a_dialogue_posted_as_it_was_drawn_is_the_same():
    one = form("dialogue")
    [widget] = widgets(one, None, CHAT)
    posted = {}
    for row in widget.data["rows"]:
        posted |= {f"{row['name']}.role": [row["role"]], f"{row['name']}.text": [row["text"].replace("\n", "\r\n")]}
        posted[f"{row['name']}.place"] = [str(row["number"])]
        posted[f"{row['name']}.from"] = ["" if row["came"] is None else str(row["came"])]
        if row["extra"]:
            posted[f"{row['name']}.keep"] = ["1"]
    assert apply(one, CHAT, parse(one, posted)) == CHAT


def test_same_looks_at_what_is_said_and_not_at_how():
    one = form("text")
    assert same(one, {"x": "a\r\nb"}, {"x": "a\nb", "old": 1})
    assert not same(one, {"x": "a"}, {"x": "a "})
    assert same(one, {"x": "  "}, None)
    assert not same(form("json"), {"x": {"a": 1}}, {"x": {"a": True}})
    assert same(form("json"), {"x": {"a": 1, "b": 2}}, {"x": {"b": 2, "a": 1}})


def test_a_summary_is_one_line():
    one = load_form([{"name": "a", "kind": "text"}, {"name": "b", "kind": "rating", "role": "meta"}])
    assert summary(one, {"a": "two\n lines", "b": 3}) == "A: two lines · B: 3"
    assert len(summary(one, {"a": "x" * 5000, "b": 3}, limit=50)) == 50


def test_an_answer_that_was_begun_is_not_begun_again():
    one = load_form(PRESETS["correct"].form)
    assert widgets(one, None, SINGLE)[0].data["text"] == "Anna went to Rome."
    assert widgets(one, {"clarity": 2}, SINGLE)[0].data["text"] == ""


def test_number_keys_belong_to_the_first_field_that_wants_them():
    one = load_form([{"name": "t", "kind": "text"}, {"name": "a", "kind": "rating"}, {"name": "b", "kind": "rating"}])
    assert [widget.keys for widget in widgets(one, None, SINGLE)] == [False, True, False]


@pytest.mark.parametrize(("kind", "options", "posted", "value"), GOOD)
def test_an_answer_is_as_like_itself_as_can_be(kind, options, posted, value):
    one = form(kind, options=options)
    assert likeness(one, {"x": value}, {"x": value}) == 1.0
    assert likeness(one, {"x": value}, {}) == 0.0
    assert likeness(one, {}, {}) == 1.0


def test_likeness_is_the_mean_over_what_is_required_or_output():
    one = load_form(
        [
            {"name": "label", "kind": "labels", "options": LABELS},
            {"name": "other", "kind": "labels", "options": LABELS, "role": "meta"},
            {"name": "note", "kind": "text", "role": "meta", "required": False},
        ]
    )
    a, b = {"label": "yes", "other": "no", "note": "x"}, {"label": "yes", "other": "yes", "note": "y"}
    assert likeness(one, a, b) == 0.5
