"""What a row says: reading it in every form, its views, and its key."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.content import Content, ContentError, Mapping, Message, key_of, lookup, read, render

ALPACA = Mapping(instruction="instruction", input="input", output="output")
CHAT = Mapping(messages="messages")


def turn(role: str, content, **extra):
    return {"role": role, "content": content, **extra}


# --- reading -------------------------------------------------------------------------------------------------------


def test_alpaca():
    content = read({"instruction": "Add.", "input": "2 2", "output": "4", "topic": "sums"}, ALPACA)
    assert content == Content("single", "Add.", "2 2", ("4",))


def test_input_may_be_absent_or_null():
    for row in ({"instruction": "Hi", "output": "Ho"}, {"instruction": "Hi", "input": None, "output": "Ho"}):
        assert read(row, ALPACA).input == ""


def test_several_outputs_are_alternatives():
    assert read({"instruction": "Name a prime.", "output": ["2", "", "3"]}, ALPACA).outputs == ("2", "3")


@pytest.mark.parametrize(("value", "text"), [(3, "3"), (2.5, "2.5"), (True, "true"), ([1, "b"], "1\nb")])
def test_an_answer_may_be_a_number(value, text):
    assert render(read({"instruction": "?", "output": value}, ALPACA), "response") == text


def test_paths_lead_into_objects_and_lists():
    row = {"meta": {"turns": [{"text": "one"}, {"text": "two"}]}, "answer": {"final": "three"}}
    mapping = Mapping(instruction="meta.turns[-1].text", input="meta.turns[0].text", output="answer.final")
    assert read(row, mapping) == Content("single", "two", "one", ("three",))


def test_a_column_named_like_a_path_wins():
    row = {"a.b": "the column", "a": {"b": "the path"}}
    assert lookup(row, "a.b") == "the column"
    assert read(row, Mapping(instruction="a.b")).instruction == "the column"


def test_a_path_opens_json_in_a_cell():
    assert lookup({"turns": '[{"value": "hello"}]'}, "turns[0].value") == "hello"


def test_openai_messages_with_system_tools_and_parts():
    call = [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}]
    parts = [{"type": "text", "text": "What is"}, {"type": "image_url", "image_url": {"url": "x"}}]
    raw = [
        turn("system", "Be brief."),
        turn("user", parts),
        turn("assistant", None, tool_calls=call),
        turn("tool", "4 °C", tool_call_id="c1"),
        turn("assistant", [{"type": "text", "text": "Cold."}]),
    ]
    content = read({"messages": raw}, CHAT)
    assert content.system == "Be brief."
    assert [(message.role, message.text) for message in content.messages] == [
        ("user", "What is"), ("assistant", ""), ("tool", "4 °C"), ("assistant", "Cold."),
    ]  # fmt: skip
    assert content.messages[1].extra == {"tool_calls": call}
    assert content.messages[3].extra is None
    back = json.loads(render(content, "messages"))
    assert back[1] == turn("user", parts)  # what is no text is not lost
    assert back[2]["tool_calls"] == call
    assert back[3]["tool_call_id"] == "c1"


def test_sharegpt_roles():
    raw = [
        {"from": "human", "value": "Hi"},
        {"from": "gpt", "value": "Hello"},
        {"from": "function_call", "value": "{}"},
    ]
    messages = read({"conversations": raw}, Mapping(messages="conversations")).messages
    assert [message.role for message in messages] == ["user", "assistant", "assistant"]
    assert messages[2].extra == {"from": "function_call"}


def test_messages_as_json_text_as_in_a_csv_cell():
    assert read({"messages": json.dumps([turn("user", "Hi")])}, CHAT).messages == (Message("user", "Hi"),)


def test_prompt_and_completion_as_lists_of_messages():
    row = {"prompt": [turn("user", "Hi")], "completion": [turn("assistant", "Ho")]}
    content = read(row, Mapping(instruction="prompt", output="completion"))
    assert content.messages == (Message("user", "Hi"), Message("assistant", "Ho"))


def test_an_answer_column_beside_messages_is_the_last_turn():
    content = read({"messages": [turn("user", "Hi")], "chosen": "Ho"}, Mapping(messages="messages", output="chosen"))
    assert content.messages[-1] == Message("assistant", "Ho")


def test_free_text():
    content = read({"text": "Once upon a time."}, Mapping(text="text"))
    assert [render(content, view) for view in ("text", "prompt", "response")] == ["Once upon a time."] * 2 + [""]


def test_nulls_of_a_parquet_struct_are_no_extras():
    raw = [{"role": "user", "content": "Hi", "tool_calls": None, "name": None}]
    assert read({"messages": raw}, CHAT).messages == (Message("user", "Hi"),)


BAD = [
    (ALPACA, {"output": "x"}, "instruction", "is missing"),
    (ALPACA, {"instruction": None, "output": "x"}, "instruction", "is missing"),
    (ALPACA, {"instruction": " \n", "input": "", "output": "x"}, "instruction", "is empty"),
    (ALPACA, {"instruction": 5, "output": "x"}, "instruction", "is a number, not text"),
    (ALPACA, {"instruction": {"a": 1}, "output": "x"}, "instruction", "is an object, not text"),
    (ALPACA, {"instruction": "x", "input": ["y"], "output": "x"}, "input", "is a list, not text"),
    (ALPACA, {"instruction": "x"}, "output", "is missing"),
    (ALPACA, {"instruction": "x", "output": {"a": 1}}, "output", "is an object, not text"),
    (ALPACA, {"instruction": "x", "output": "a\0b"}, "output", "contains a NUL character"),
    (ALPACA, {"instruction": "x\ud800", "output": "y"}, "instruction", "half a surrogate pair"),
    (ALPACA, {"instruction": "x" * 1_000_001, "output": "y"}, "instruction", "has 1,000,001 characters"),
    (CHAT, {}, "messages", "is missing"),
    (CHAT, {"messages": []}, "messages", "has no messages"),
    (CHAT, {"messages": "hello"}, "messages", "not JSON"),
    (CHAT, {"messages": {"role": "user"}}, "messages", "is an object, not a list"),
    (CHAT, {"messages": ["hello"]}, "messages[0]", "is not an object"),
    (CHAT, {"messages": [{"content": "hello"}]}, "messages[0]", "has no role"),
    (CHAT, {"messages": [{"role": "user"}]}, "messages[0]", "has no content"),
    (CHAT, {"messages": [turn("user", "ok"), turn("assistant", 5)]}, "messages[1].content", "is a number"),
    (CHAT, {"messages": [turn("user", [7])]}, "messages[0].content[0]", "is neither text nor a part"),
    (CHAT, {"messages": [turn("user", "")]}, "messages", "is empty"),
    (CHAT, {"messages": [turn("user", "x", note="a\0b")]}, "messages[0]", "contains a NUL character"),
    (Mapping(text="text"), {"text": ""}, "text", "is empty"),
    (Mapping(), {"text": "x"}, "mapping", "names no column"),
    (Mapping(instruction="a.b[3]"), {"a": {"b": ["x"]}}, "instruction", "is missing"),
]


@pytest.mark.parametrize(("mapping", "row", "field", "why"), BAD, ids=[f"{b[2]}-{b[3]}" for b in BAD])
def test_a_bad_row_says_which_field_and_why(mapping, row, field, why):
    with pytest.raises(ContentError) as caught:
        read(row, mapping)
    assert caught.value.field == field
    assert why in caught.value.why


def test_an_extra_that_is_nested_too_deeply_is_refused():
    deep: list = []
    for _ in range(900):
        deep = [deep]
    with pytest.raises(ContentError, match="nested too deeply"):
        read({"messages": [turn("user", "x", note=deep)]}, CHAT)


# --- views ---------------------------------------------------------------------------------------------------------


def test_views_of_a_single_row():
    content = read({"instruction": "Add.", "input": "2 2", "output": "4"}, ALPACA)
    assert render(content, "text") == "Add.\n2 2\n4"
    assert render(content, "prompt") == "Add.\n2 2"
    assert render(content, "response") == "4"
    assert json.loads(render(content, "messages")) == [turn("user", "Add.\n\n2 2"), turn("assistant", "4")]


def test_views_of_a_chat():
    raw = [turn("system", "S"), turn("user", "A"), turn("assistant", "B"), turn("user", "C"), turn("assistant", "D")]
    content = read({"messages": [*raw, turn("user", "thanks")]}, CHAT)
    assert render(content, "text") == "system: S\nuser: A\nassistant: B\nuser: C\nassistant: D\nuser: thanks"
    assert render(content, "prompt") == "system: S\nuser: A\nassistant: B\nuser: C"
    assert render(content, "response") == "D"
    assert json.loads(render(content, "messages")) == [*raw, turn("user", "thanks")]


def test_a_chat_without_an_answer_is_all_prompt():
    content = read({"messages": [turn("user", "A")]}, CHAT)
    assert render(content, "prompt") == render(content, "text") == "user: A"
    assert render(content, "response") == ""


def test_an_unknown_view():
    with pytest.raises(ValueError, match="the views are"):
        render(Content("single", "x"), "html")


# --- keys and mappings ---------------------------------------------------------------------------------------------


def test_the_key_is_of_the_content_not_of_the_columns():
    one = read({"instruction": "A", "input": "", "output": "B"}, ALPACA)
    two = read({"prompt": "A", "completion": "B"}, Mapping(instruction="prompt", output="completion"))
    assert key_of(one) == key_of(two)
    # Fixed for good: keys of stored pools depend on it.
    assert key_of(one) == "8c37f1e90235a3813905972204882faa"
    assert (
        key_of(read({"messages": [turn("user", "A"), turn("assistant", "B")]}, CHAT))
        == "55c4de91b1f85d289c25c1ea251e7fa4"
    )


def test_text_is_not_normalised_for_the_key():
    composed, decomposed = Content("single", "é"), Content("single", "e\u0301")
    assert key_of(composed) != key_of(decomposed)
    assert key_of(Content("single", "a ")) != key_of(Content("single", "a"))


texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=6)
messages = st.builds(Message, st.sampled_from(["user", "assistant"]), texts, st.none() | st.just({"name": "x"}))
contents = st.builds(
    Content, st.just("single"), texts, texts, st.lists(texts, max_size=3).map(tuple), system=texts
) | st.builds(Content, st.just("chat"), messages=st.lists(messages, max_size=3).map(tuple), system=texts)


@given(contents, contents)
def test_different_contents_have_different_keys(one, two):
    assert (key_of(one) == key_of(two)) is (one == two)


@given(st.lists(st.builds(Message, st.sampled_from(["user", "assistant", "tool"]), texts), min_size=1, max_size=5))
def test_the_messages_view_reads_back(turns):
    try:
        content = read({"messages": [turn(m.role, m.text) for m in turns]}, CHAT)
    except ContentError:
        return
    assert read({"messages": render(content, "messages")}, CHAT) == content


def test_mapping_round_trip_and_sha():
    mapping = Mapping.from_dict({"instruction": "a", "output": None, "id": "id"})
    assert mapping.to_dict() == {"instruction": "a", "id": "id"}
    assert Mapping.from_dict(mapping.to_dict()) == mapping
    assert mapping.sha() == Mapping(id="id", instruction="a").sha() != Mapping(instruction="b", id="id").sha()
    assert len(mapping.sha()) == 32


@pytest.mark.parametrize("raw", [{"prompt": "x"}, {"instruction": 3}])
def test_a_mapping_that_is_none(raw):
    with pytest.raises(ContentError):
        Mapping.from_dict(raw)
