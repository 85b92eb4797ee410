"""Training formats: every record that fits comes back as it went; golden rows; what does not fit says why."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.content import Content, Message
from curation.formats.training import (
    TRAINING,
    Record,
    Unfit,
    alternatives,
    companions,
    read_file,
    survey,
    together,
    write_file,
)  # fmt: skip

NAMES = sorted(TRAINING)
GOLDEN = Path(__file__).parent / "golden_training.json"
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

text = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=40) | st.sampled_from(
    [
        "=1+1",
        "'=1",
        "-5",
        "a\r\nb",
        "\r",
        "ünïcode 🐍",
        " ",
        "{{x}}",
        '"',
        "-x",
        "''",
        "x" * 5000,
        "null",
        "[]",
        '["a"]',
    ]
)
said = text.filter(bool)
calls = st.builds(
    lambda name, given: {"tool_calls": [{"type": "function", "function": {"name": name, "arguments": given}}]},
    said,
    text,
)


@st.composite
def chats(draw, tools=True):
    """User and assistant in turns, the last an answer; sometimes a tool is called in between, and answers are empty."""
    turns = []
    for _ in range(draw(st.integers(1, 3))):
        turns.append(Message("user", draw(text)))
        if tools and draw(st.booleans()):
            turns += [Message("assistant", "", draw(calls)), Message("tool", draw(text))]
        turns.append(Message("assistant", draw(text)))
    return Content("chat", messages=tuple(turns), system=draw(text))


@st.composite
def singles(draw, outputs=1):
    answers = draw(st.lists(text, min_size=1, max_size=outputs))
    return Content("single", draw(said), draw(text), tuple(answers), system=draw(text))


contents = singles() | chats()
tools = st.sampled_from([(), ({"type": "function"},)])
FITTING = {
    "alpaca": st.builds(Record, content=singles() | chats(tools=False)),
    "messages": st.builds(Record, content=contents, tools=tools),
    "sharegpt": st.builds(Record, content=contents, tools=tools),
    "prompt_completion": st.builds(Record, content=contents, tools=tools),
    "natural_instructions": st.builds(Record, key=said, content=singles(outputs=3)),
    "preference": st.builds(
        Record, content=contents, chosen=st.just("good"), rejected=text.filter(lambda t: t != "good"), tools=tools
    ),
    "kto": st.builds(Record, content=contents, desirable=st.booleans(), tools=tools),
    "csv": st.builds(Record, key=said, content=singles(outputs=3) | chats(), desirable=st.sampled_from([None, True, False])),
    "parquet": st.builds(
        Record, key=said, content=singles(outputs=3) | chats(), chosen=st.none() | text, rejected=st.none() | text,
        tools=st.sampled_from([(), ({"type": "function", "n": 2**70},)]),
    ),
}  # fmt: skip


def there_and_back(name, records, **options):
    out = io.BytesIO()
    count = write_file(out, TRAINING[name], records, **options)
    raw = out.getvalue()
    return count, raw, list(read_file(io.BytesIO(raw), TRAINING[name]))


def row_of(fmt, record):
    """In CSV an empty cell and none are the same."""
    return {name: value or None if fmt.name == "csv" else value for name, value in fmt.write(record).items()}


@pytest.mark.parametrize("name", NAMES)
@quick
@given(data=st.data())
def test_what_is_written_is_read_back_to_the_same_row(name, data):
    """`write(read(row)) == row`: nothing that a format holds gets lost on the way through a file."""
    records = data.draw(st.lists(FITTING[name], min_size=1, max_size=4))
    count, raw, found = there_and_back(name, records)
    assert count == len(records) == len(found)
    fmt = TRAINING[name]
    assert [row_of(fmt, one) for one in found] == [row_of(fmt, one) for one in records]
    if "tools" in fmt.columns:
        assert [one.tools for one in found] == [one.tools for one in records]
    assert there_and_back(name, records)[1] == raw, "the same records give the same bytes"


@quick
@given(
    st.builds(
        Record, key=said, content=singles(outputs=3) | chats(), chosen=st.none() | text, rejected=st.none() | text
    )
)
def test_parquet_holds_the_whole_record(record):
    [found] = there_and_back("parquet", [record])[2]
    if record.content.kind == "chat":
        # a system turn that is empty is none
        assert found.content == replace(record.content, system=record.content.system)
    assert (found.key, found.content, found.chosen, found.rejected) == (
        record.key, record.content, record.chosen, record.rejected,
    )  # fmt: skip


ONE = Record(
    "row-1", Content("single", "Translate to French.", "Good morning", ("Bonjour", "Bon matin"), system="Be brief."),
    chosen="Bonjour", rejected="Bon matin", desirable=True, beside={"source": "café", "tags": ["a"]},
)  # fmt: skip
PLAIN = replace(ONE, content=Content("single", "Translate to French.", "Good morning", ("Bonjour",)))
ASKED = Message("user", "a")
CALL = {"tool_calls": [{"type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}]}
TWO = Record(
    "row-2",
    Content(
        "chat", system="You add.",
        messages=(
            Message("user", "1 and 2?"), Message("assistant", "", CALL), Message("tool", "3"), Message("assistant", "3."),
        ),
    ),
    chosen="3.", rejected="4.", desirable=False, tools=({"type": "function", "function": {"name": "add"}},),
)  # fmt: skip


def golden():
    made = {}
    for name in NAMES:
        fmt, rows = TRAINING[name], []
        for record in (ONE, TWO):
            for one in (
                alternatives(record, "first") if name not in ("csv", "parquet", "natural_instructions") else [record]
            ):
                try:
                    rows.append(fmt.write(one))
                except Unfit as why:
                    rows.append(f"Unfit: {why}")
        made[name] = rows
    return made


def test_golden_rows():
    """What other programs read must not change by accident. After a change that is meant, write the file anew."""
    assert golden() == json.loads(GOLDEN.read_text("utf-8"))


def test_several_answers_are_rows_of_their_own_or_the_first():
    count, raw, _ = there_and_back("alpaca", [ONE], beside=["source"])
    rows = [json.loads(line) for line in raw.splitlines()]
    assert count == 2
    assert [(row["output"], row["source"]) for row in rows] == [("Bonjour", "café"), ("Bon matin", "café")]
    assert [one.key for one in alternatives(ONE, "each")] == ["row-1", "row-1#2"]
    assert there_and_back("alpaca", [ONE], outputs="first")[0] == 1
    assert there_and_back("natural_instructions", [ONE])[2][0].content.outputs == ("Bonjour", "Bon matin")


@pytest.mark.parametrize(
    ("name", "record", "field"),
    [
        ("alpaca", TWO, "messages[1]"),
        ("alpaca", Record(content=Content("single", "x")), "outputs"),
        ("natural_instructions", TWO, "messages"),
        ("preference", Record(content=Content("single", "x")), "chosen"),
        ("preference", replace(PLAIN, rejected="Bonjour"), "rejected"),
        ("kto", replace(PLAIN, desirable=None), "label"),
        ("messages", Record(content=Content("chat", messages=(Message("user", "hi"),))), "messages"),
        ("prompt_completion", Record(content=Content("chat", messages=(Message("user", "hi"),))), "messages"),
        ("sharegpt", Record(content=Content("chat", messages=(ASKED, Message("assistant", "b", CALL)))), "messages[1]"),
    ],
)  # fmt: skip
def test_a_record_that_does_not_fit_says_why_and_the_others_are_written(name, record, field):
    with pytest.raises(Unfit) as caught:
        write_file(io.BytesIO(), TRAINING[name], [record])
    assert caught.value.field == field
    told, good = [], replace(ONE, content=replace(ONE.content, outputs=("Bonjour",), system=""))
    count = write_file(
        io.BytesIO(), TRAINING[name], [record, good], on_unfit=lambda one, why: told.append((one.key, why.field))
    )
    assert (count, told) == (1, [(record.key, field)])


@pytest.mark.parametrize(
    ("name", "row", "place"),
    [
        ("messages", '{"messages": "x"}', "row 1: messages"),
        ("messages", '{"messages": [{"content": "x"}]}', "row 1: messages[0].role"),
        ("messages", "{}\n", "row 1: messages"),
        ("sharegpt", '{"conversations": [{"from": "me", "value": "x"}]}', "row 1: conversations[0].from"),
        ("sharegpt", '{"conversations": [{"from": "function_call", "value": "x"}]}', "row 1: conversations[0].value"),
        ("alpaca", '{"instruction": "x", "output": 3}', "row 1: output"),
        ("alpaca", '{"instruction": "x", "output": "y", "history": [["a"]]}', "row 1: history[0]"),
        (
            "preference",
            '{"chosen": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "rejected": []}',
            "row 1: rejected",
        ),
        ("kto", '{"prompt": "x", "completion": "y", "label": "yes"}', "row 1: label"),
        ("csv", "key,output\r\nx\r\n", "cells"),
        ("natural_instructions", '{"Instances": [{"id": "1", "input": "x", "output": [1]}]}', "row 1: output[0]"),
    ],
)
def test_a_row_that_is_none_names_the_place(name, row, place):
    with pytest.raises(Unfit) as caught:
        list(read_file(io.BytesIO(row.encode()), TRAINING[name]))
    assert caught.value.field == place


def test_the_implicit_form_of_preferences_is_read():
    """TRL's other form: `chosen` and `rejected` are whole chats that begin alike."""
    asked = {"role": "user", "content": "2+2?"}
    row = {
        "chosen": [asked, {"role": "assistant", "content": "4"}],
        "rejected": [asked, {"role": "assistant", "content": "5"}],
    }
    found = TRAINING["preference"].read(row)
    assert (found.content.messages[0].text, found.chosen, found.rejected) == ("2+2?", "4", "5")


@pytest.mark.parametrize(
    ("chosen", "rejected", "parts"),
    [
        ("The sky is blue.", "The sky is green.", ("The sky is", " blue.", " green.")),
        ("Q: 2+2?\nA: 4", "Q: 2+2?\nA: five", ("Q: 2+2?\nA:", " 4", " five")),
        ("Yes", "No", ("", "Yes", "No")),
        ("Yes", "Yes, but", ("Yes", "", ", but")),
    ],
)
def test_whole_texts_without_a_prompt_are_taken_apart_where_they_differ(chosen, rejected, parts):
    found = TRAINING["preference"].read({"chosen": chosen, "rejected": rejected, "id": 7})
    assert (found.content.instruction, found.chosen, found.rejected, found.beside["id"]) == (*parts, 7)
    assert TRAINING["preference"].write(found) == dict(zip(("prompt", "chosen", "rejected"), parts, strict=True))
    with pytest.raises(Unfit, match="rejected is missing"):
        TRAINING["preference"].read({"chosen": chosen})


def test_a_file_of_natural_instructions_has_its_head_first():
    head = {"Definition": ["Translate."], "Positive Examples": []}
    raw = there_and_back("natural_instructions", [ONE], head=head)[1]
    task = json.loads(raw)
    assert list(task) == ["Definition", "Positive Examples", "Instances"]
    assert task["Instances"] == [{"id": "row-1", "input": "Good morning", "output": ["Bonjour", "Bon matin"]}]
    assert json.loads(there_and_back("natural_instructions", [], head=head)[1])["Instances"] == []


def test_parquet_columns_are_text_whatever_the_first_rows_hold():
    out = io.BytesIO()
    write_file(out, TRAINING["parquet"], [ONE] * 3, beside=["tags"])
    schema = pq.ParquetFile(io.BytesIO(out.getvalue())).schema_arrow
    assert {str(kind) for kind in schema.types} == {"string"}
    assert "tags" in schema.names


def shape_of(name, *records):
    return survey(TRAINING[name], records)


def test_companions_name_the_files_and_their_columns():
    """A column that a file does not have is not named: LLaMA-Factory stops at it."""
    shapes = together({"train": shape_of("sharegpt", PLAIN, TWO), "test": shape_of("sharegpt", PLAIN)})
    made = companions("sharegpt", "ours", {"train": "train.jsonl", "test": "test.jsonl"}, shapes)
    info = json.loads(made["dataset_info.json"])
    assert info["ours"]["file_name"] == "train.jsonl"
    assert info["ours"]["columns"] == {"messages": "conversations", "system": "system", "tools": "tools"}
    assert info["ours_test"]["columns"] == {"messages": "conversations", "system": "system"}
    assert 'path: "train.jsonl"' in made["axolotl.yml"]
    assert companions("csv", "ours", {"train": "train.csv"}, {"train": shape_of("csv", PLAIN)}) == {}


@pytest.mark.parametrize(("splits", "learnt"), [(("fit", "held"), "fit"), (("test", "train"), "train")])
def test_the_first_split_is_the_one_to_train_on_where_none_is_called_so(splits, learnt):
    shapes = together({split: shape_of("alpaca", PLAIN) for split in splits})
    made = companions("alpaca", "ours", {split: f"{split}.jsonl" for split in splits}, shapes)
    info = {name: one["file_name"] for name, one in json.loads(made["dataset_info.json"]).items()}
    [other] = set(splits) - {learnt}
    assert info == {"ours": f"{learnt}.jsonl", f"ours_{other}": f"{other}.jsonl"}
    [found] = yaml.safe_load(made["axolotl.yml"])["datasets"]
    assert found == {"path": f"{learnt}.jsonl", "ds_type": "json", "type": "alpaca"}
    assert companions("alpaca", "ours", {}, {}) == {}


def test_a_file_without_rows_is_no_entry():
    empty = Record(content=Content("single", "Not answered yet."))
    shapes = together({"train": shape_of("alpaca", PLAIN, replace(PLAIN, content=replace(PLAIN.content, system="x"))),
                       "test": shape_of("alpaca", empty)})  # fmt: skip
    made = companions("alpaca", "ours", {"train": "train.jsonl", "test": "test.jsonl"}, shapes)
    assert list(json.loads(made["dataset_info.json"])) == ["ours"]


def test_llama_factory_is_told_of_pairs_only_where_they_are_texts():
    files = {"train": "train.jsonl"}
    assert (
        "ranking"
        in companions("preference", "ours", files, {"train": shape_of("preference", PLAIN)})["dataset_info.json"]
    )
    assert companions("preference", "ours", files, {"train": shape_of("preference", PLAIN, TWO)}) == {}
    called = companions("messages", "ours", files, {"train": shape_of("messages", PLAIN, TWO)})["dataset_info.json"]
    assert json.loads(called)["ours"]["formatting"] == "openai"


@pytest.mark.parametrize("name", ["prompt_completion", "preference", "kto"])
def test_prompts_of_a_file_are_all_texts_or_all_messages(name):
    kinds = {}
    for label, records in (("texts", [PLAIN] * 3), ("mixed", [PLAIN, PLAIN, TWO])):
        out = io.BytesIO()
        write_file(out, TRAINING[name], records, shape=survey(TRAINING[name], records))
        kinds[label] = {type(json.loads(line)["prompt"]) for line in out.getvalue().splitlines()}
    assert kinds == {"texts": {str}, "mixed": {list}}


@pytest.mark.parametrize("name", ["messages", "alpaca", "sharegpt", "csv"])
def test_rows_that_show_a_column_go_first_and_none_is_lost_or_doubled(name):
    """Readers learn the columns from the first block; the order of the others stays."""
    records = [replace(PLAIN, key=f"row-{n:02d}", content=replace(PLAIN.content, input=f"{n}")) for n in range(20)]
    last = (
        TWO
        if name != "alpaca"
        else replace(TWO, content=Content("chat", "", messages=(ASKED, Message("assistant", "b"))))
    )
    fmt, out = TRAINING[name], io.BytesIO()
    shape = survey(fmt, [*records, last])
    assert write_file(out, fmt, [*records, last], shape=shape) == 21
    rows = [fmt.write(one) for one in read_file(io.BytesIO(out.getvalue()), fmt)]
    expected = [fmt.write(one) for one in [records[0], last, *records[1:]]]
    assert [{k: v or None for k, v in row.items()} for row in rows] == [
        {k: v or None for k, v in row.items()} for row in expected
    ]


def test_columns_of_text_that_another_split_has_are_said_in_the_first_row():
    shapes = together({"train": shape_of("alpaca", PLAIN), "test": shape_of("alpaca", ONE)})
    out = io.BytesIO()
    write_file(out, TRAINING["alpaca"], [PLAIN, PLAIN], shape=shapes["train"])
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert first["system"] == ""
    assert "system" not in second


def test_a_column_of_numbers_shows_its_text_first():
    """pandas takes a block of numbers for numbers, and stops at the text that comes later."""
    rows = [
        replace(PLAIN, content=replace(PLAIN.content, outputs=(text,)))
        for text in ("1", "2.5", "NA", "true", "Bonjour")
    ]
    shape = survey(TRAINING["csv"], rows)
    assert [record.content.outputs for record in shape.first.values()] == [("1",), ("Bonjour",)]


def test_calls_of_tools_are_name_and_arguments_in_sharegpt():
    row = TRAINING["sharegpt"].write(TWO)
    [call] = [turn for turn in row["conversations"] if turn["from"] == "function_call"]
    assert json.loads(call["value"]) == [{"name": "add", "arguments": {"a": 1}}]
    back = TRAINING["sharegpt"].read(row).content.messages[1]
    assert back.extra["tool_calls"][0]["function"]["name"] == "add"
    assert json.loads(back.extra["tool_calls"][0]["function"]["arguments"]) == {"a": 1}
