"""JSON Lines: what is read, what is refused, and with which words."""

import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.content import is_json
from curation.formats import Limits, concat, open_rows, row_dicts
from tests.formats.helpers import PACK, present, read

ONE = '{"a": "x"}'


def test_rows_lines_and_empty_lines():
    rows, lines, bad = read('\ufeff{"a": "x"}\r\n\n  \n{"a": "y", "b": null}\n{"a": "z"}')
    assert rows == [{"a": "x", "b": None}, {"a": "y", "b": None}, {"a": "z", "b": None}]
    assert lines == [1, 4, 5]
    assert bad == []


def deep(levels: int) -> str:
    return '{"a": ' + "[" * levels + "]" * levels + "}"


BAD = [
    ('{"a": 1', "bad_json", "is not JSON: unexpected end of data at character 8"),
    ("{'a': 1}", "bad_json", "at character 2"),
    ('{"a": NaN}', "bad_json", "at character 7"),
    ('{"a": 1e400}', "bad_json", "number is infinity"),
    ('{"a": "\\ud800"}', "bad_json", "surrogate"),
    ("[1, 2]", "not_object", "is a list, not an object"),
    ('"text"', "not_object", "is a text, not an object"),
    ("null", "not_object", "is null, not an object"),
    ("7", "not_object", "is a number, not an object"),
    ("{}", "not_object", "without any field"),
    (b'{"a": "\xff\xfe"}', "utf8", "is not valid UTF-8 at byte 8"),
    (b'{"a": "x\0y"}', "nul", "contains a NUL byte at byte 9"),
    ('{"a": "x\\u0000y"}', "nul", "contains a NUL character"),
    ('{"a": ["x", {"b\\u0000": 1}]}', "nul", "contains a NUL character"),
    ('{"a": "' + "y" * 3000 + '"}', "too_long", "is longer than 2,000 bytes"),
    ('{"a": "' + "y" * 600 + '"}', "too_long", "has 600 characters in “a”; the limit is 500"),
    (deep(250), "too_deep", "nested more than 200 levels deep"),
    (deep(900), "too_deep", "nested more than 200 levels deep"),
]


@pytest.mark.parametrize(("line", "code", "reason"), BAD, ids=[f"{place}-{b[1]}" for place, b in enumerate(BAD)])
@pytest.mark.parametrize("suffix", PACK)
def test_a_bad_line_costs_that_line_only(line, code, reason, suffix):
    raw = line if isinstance(line, bytes) else line.encode()
    limits = Limits(max_line_bytes=2_000, max_field_chars=500)
    data = ONE.encode() + b"\n" + raw + b"\n" + ONE.encode() + b"\n"
    rows, lines, bad = read(PACK[suffix](data), f"rows.jsonl{suffix}", limits)
    assert rows == [{"a": "x"}] * 2
    assert lines == [1, 3]
    assert [(item.line, item.code) for item in bad] == [(2, code)]
    assert reason in bad[0].reason
    assert len(bad[0].excerpt) <= 200
    assert "\0" not in bad[0].excerpt


def test_an_escaped_backslash_before_u0000_is_no_nul():
    assert read('{"a": "x\\\\u0000y"}\n' + ONE)[0][0] == {"a": "x\\u0000y"}


def test_the_first_line_may_be_bad():
    assert [item.line for item in read("not json\n" + ONE + "\n" + ONE)[2]] == [1]
    assert [item.line for item in read('{"broken": \n' + ONE + "\n" + ONE)[2]] == [1]


def test_a_line_that_is_cut_off_at_the_end():
    rows, _, bad = read(f'{ONE}\n{ONE}\n{{"a": "x')
    assert len(rows) == 2
    assert bad[0].line == 3


def test_numbers_of_any_size_are_kept():
    line = '{"n": [18446744073709551616, -9223372036854775809, 1.5, 123456789012345678901234567890]}'
    assert read(line + "\n" + ONE)[0][0]["n"] == json.loads(line)["n"]


def test_too_many_columns():
    rows, _, bad = read('{"a": 1, "b": 2}\n{"c": 1, "d": 2}\n{"c": 3}\n', limits=Limits(max_columns=3))
    assert rows == [{"a": 1, "b": 2, "c": None}, {"a": None, "b": None, "c": 3}]
    assert bad[0].reason == "has 2 new fields; a file may have 3 in all"


def test_texts_stay_texts_and_the_rest_is_marked_json():
    data = "".join(json.dumps({"text": f"t{n}", "mixed": n if n > 5 else "s"}) + "\n" for n in range(10))
    with open_rows(__import__("io").BytesIO(data.encode()), batch_rows=4) as reader:
        tables = [batch.table for batch in reader]
    assert [is_json(table.schema.field("mixed")) for table in tables] == [False, True, True]
    assert not any(is_json(table.schema.field("text")) for table in tables)
    whole = concat(tables)
    assert [row["mixed"] for row in row_dicts(whole)] == ["s"] * 6 + [6, 7, 8, 9]
    assert whole.schema.field("mixed").type == pa.string()


texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=10)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
rows_of_json = st.lists(st.dictionaries(texts, values, min_size=1, max_size=4), min_size=1, max_size=8)


@settings(deadline=None)
@given(rows_of_json, st.integers(1, 9), st.booleans())
def test_any_json_row_comes_back_equal_however_batches_are_cut(rows, batch_rows, ascii_only):
    data = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows)
    # A single line with a list of objects under a known name is a wrapped list: another test's case.
    found, lines, bad = read(data + data, "x.jsonl", batch_rows=batch_rows)
    assert bad == []
    assert lines == list(range(1, 2 * len(rows) + 1))
    assert [present(row) for row in found] == [present(row) for row in rows + rows]


@given(st.lists(st.binary(max_size=30), max_size=6), st.integers(1, 40))
def test_no_bytes_make_it_fail(lines, max_line):
    data = ONE.encode() + b"\n" + b"\n".join(lines) + b"\n" + ONE.encode()
    rows, places, bad = read(data, "x.jsonl", Limits(max_line_bytes=max(11, max_line)))
    assert len(rows) >= 2
    assert sorted({*places, *(item.line for item in bad)}) == sorted([*places, *(item.line for item in bad)])
