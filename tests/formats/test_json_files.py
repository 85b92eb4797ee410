"""JSON files: lists, wrapped lists, objects one after another, and what is broken in them."""

import io
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curation.formats import FormatError, Limits, jsonarray, open_rows, sniff, streams
from tests.formats.helpers import PACK, present, read
from tests.formats.test_json_lines import rows_of_json

ROWS = [{"a": "x", "n": 1}, {"a": 'with "quotes", [brackets] and {braces}', "n": None}, {"a": "\\", "n": [1, {"b": 2}]}]


@pytest.mark.parametrize("indent", [None, 0, 2])
@pytest.mark.parametrize("suffix", PACK)
def test_a_list(indent, suffix):
    rows, _, bad = read(PACK[suffix](json.dumps(ROWS, indent=indent).encode()), f"rows.json{suffix}")
    assert (rows, bad) == (ROWS, [])


def test_lines_are_those_on_which_elements_begin():
    assert read('[\n\n  {"a": 1},\n  {"a":\n 2}, {"a": 3},\n{"a" 4}\n]')[1:] == ([3, 4, 5], [
        read('[\n\n\n\n\n{"a" 4}\n]')[2][0],
    ])  # fmt: skip


@pytest.mark.parametrize("name", ["data", "rows", "Examples", "train"])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_wrapped_list(name, indent):
    wrapped = {"version": "1.0", "info": {"rows": 3}, name: ROWS, "end": [1, 2]}
    assert read(json.dumps(wrapped, indent=indent))[0] == ROWS


def test_several_wrapped_lists():
    assert read(json.dumps({"train": ROWS[:1], "test": ROWS[1:]}))[0] == ROWS


def test_an_object_alone_is_a_row():
    row = {"messages": [{"role": "user", "content": "hi"}], "data": ["not", "rows"], "text": "x"}
    assert read(json.dumps(row, indent=1))[0] == [row]
    assert read(json.dumps(row))[0] == [row]


@pytest.mark.parametrize(
    "end", ['{"instruction": "a", "output"', '{"instruction": "a", "output": "b"', '{"a": {"b": 1}']
)
def test_an_object_that_the_file_ends_in_is_no_row(end):
    rows, _, bad = read(end)
    assert rows == []
    assert [item.code for item in bad] == ["bad_json"]
    assert "never closed" in bad[0].reason


def test_objects_one_after_another():
    rows = [row for row in ROWS if row["n"] is not None]
    assert read("\n".join(json.dumps(row, indent=2) for row in rows))[0] == rows


BAD = [
    ('[{"a": 1}, {"a" 2}, {"a": 3}]', [{"a": 1}, {"a": 3}], "bad_json"),
    ('[{"a": 1}, 7, {"a": 3}]', [{"a": 1}, {"a": 3}], "not_object"),
    ('[{"a": 1}, "x, ]", {"a": 3}]', [{"a": 1}, {"a": 3}], "not_object"),
    ('[{"a": 1} {"a": 2}, {"a": 3}]', [{"a": 3}], "bad_json"),
    ('[{"a": 1}, {"a": 3}', [{"a": 1}, {"a": 3}], "bad_json"),
    ('[{"a": 1}, {"a": 3}, {"b": "cut of', [{"a": 1}, {"a": 3}], "bad_json"),
    ('[{"a": 1}, {"b": "' + "y" * 3000 + '"}, {"a": 3}]', [{"a": 1}, {"a": 3}], "too_long"),
    ('[{"a": 1}, {"b": "' + '\\"' * 3000 + '", "c": [{}, "]"]}, {"a": 3}]', [{"a": 1}, {"a": 3}], "too_long"),
    ('[{"a": 1}, {"b": "x\\u0000"}, {"a": 3}]', [{"a": 1}, {"a": 3}], "nul"),
    ('[{"a": 1}, {"a": 3}] trailing words', [{"a": 1}, {"a": 3}], "bad_json"),
]


@pytest.mark.parametrize(("text", "good", "code"), BAD, ids=[f"{n}-{b[2]}" for n, b in enumerate(BAD)])
@pytest.mark.parametrize("block", [7, 64, 2**20])
def test_a_broken_element_costs_itself_only(text, good, code, block, monkeypatch):
    monkeypatch.setattr(streams, "BLOCK", block)
    monkeypatch.setattr(streams.Unpacked.read, "__defaults__", (block,))
    rows, _, bad = read(text, limits=Limits(max_line_bytes=2_000))
    assert [present(row) for row in rows] == good
    assert {item.code for item in bad} == {code}


def test_a_trailing_comma_is_forgiven():
    assert read('[{"a": 1}, {"a": 2},]')[0] == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("text", ["[]", "[ \n ]", '{"data": []}'])
def test_a_file_without_rows(text):
    with pytest.raises(FormatError) as caught:
        read(text)
    assert caught.value.code == "format.no_rows"


@settings(deadline=None)
@given(rows_of_json, st.integers(1, 50), st.sampled_from([None, 1]), st.integers(1, 4))
@example([{"a": "\\"}], 8, None, 1)
def test_any_list_comes_back_equal_wherever_blocks_end(rows, block, indent, batch_rows):
    read_block = streams.Unpacked.read.__defaults__
    streams.Unpacked.read.__defaults__ = (block,)
    try:
        found, _, bad = read(json.dumps(rows, indent=indent), batch_rows=batch_rows)
    finally:
        streams.Unpacked.read.__defaults__ = read_block
    assert bad == []
    assert [present(row) for row in found] == [present(row) for row in rows]


@given(st.text('[]{}",:\\ a1\n', max_size=40), st.integers(1, 9))
def test_no_text_makes_it_fail_or_hang(text, block):
    data = b'[{"a": 1},' + text.encode()
    source = sniff(data, "x.json")
    raw = streams.Unpacked(streams.Counting(io.BytesIO(data)), source, Limits())
    scanner = jsonarray.Scanner(raw, 50)
    assert scanner.peek() == b"["
    with open_rows(io.BytesIO(data), source) as reader:
        assert sum(batch.table.num_rows for batch in reader) >= 1


TASK = {
    "Contributors": ["A", "B"],
    "Source": ["made up"],
    "Definition": ["Say the colour.", "Use one word."],
    "Positive Examples": [{"input": "snow", "output": "white", "explanation": "Snow is white."}],
    "Negative Examples": [],
    "Instances": [{"id": "t-1", "input": "grass", "output": ["green", "dark green"]}, {"id": "t-2", "input": "sky"}],
    "Instance License": ["CC0"],
}


@pytest.mark.parametrize("indent", [None, 4])
def test_a_natural_instructions_task(indent):
    data = json.dumps(TASK, indent=indent)
    assert sniff(data.encode(), "task1_colours.json").form == "natural_instructions"
    rows, _, bad = read(data, "task1_colours.json")
    assert bad == []
    assert rows[0] == {
        "id": "t-1", "instruction": "Say the colour.\nUse one word.", "input": "grass",
        "output": ["green", "dark green"],
        "task": "task1_colours", "contributors": ["A", "B"], "source": ["made up"],
        "positive_examples": TASK["Positive Examples"], "negative_examples": [], "instance_license": ["CC0"],
    }  # fmt: skip
    assert rows[1]["output"] is None
