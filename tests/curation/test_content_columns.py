"""Whole tables: the fast path says of every row what row-wise reading says."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.content import (
    ContentError,
    Mapping,
    check,
    columns,
    contents,
    key_of,
    read,
    read_id,
    read_source,
    render,
    row_dicts,
)
from curation.formats import from_rows

MAPPING = Mapping(instruction="instruction", input="input", output="output", source="source", id="id")
cells = st.none() | st.text(st.characters(blacklist_categories=["Cs"]), max_size=8) | st.just("x" * 30)
rows = st.lists(
    st.fixed_dictionaries(dict.fromkeys(("instruction", "input", "output", "source", "id", "system"), cells)),
    max_size=8,
)
mappings = st.sampled_from(
    [
        MAPPING,
        Mapping(instruction="instruction", output="output"),
        Mapping(instruction="instruction", input="input", system="system", output="output"),
        Mapping(input="input", output="output", source="source"),
        Mapping(text="input", id="id"),
        Mapping(instruction="instruction", output="nowhere"),
    ]
)


def by_hand(found: list[dict], mapping: Mapping, max_chars: int):
    good, bad = [], []
    for place, row in enumerate(found):
        try:
            content = read(row, mapping, max_chars)
            key, source = read_id(row, mapping) or key_of(content), read_source(row, mapping)
            good.append((place, key, len(render(content, "text")), source))
        except ContentError as error:
            bad.append((place, error.field, error.why))
    return good, bad


@settings(deadline=None)
@given(rows, mappings, st.sampled_from([pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]))
def test_check_agrees_with_reading_row_by_row(found, mapping, kind):
    names = ("instruction", "input", "output", "source", "id", "system")
    table = pa.table({name: pa.array([row[name] for row in found], pa.string()).cast(kind) for name in names})
    checked = check(table, mapping, max_chars=20)
    good, bad = by_hand(found, mapping, 20)
    assert [tuple(item) for item in checked.bad] == bad
    seen = zip(checked.rows, checked.keys, checked.chars.to_pylist(), checked.sources.to_pylist(), strict=True)
    assert list(seen) == good
    assert row_dicts(checked.table) == [found[place] for place in checked.rows]
    assert contents(checked.table, mapping) == [read(found[place], mapping) for place in checked.rows]
    for view in ("text", "prompt", "response", "messages"):
        expected = [render(read(found[place], mapping), view) for place in checked.rows]
        assert columns(checked.table, mapping, view) == expected


def test_blank_means_the_same_on_both_paths():
    blanks = [chr(code) for code in range(0x11_0000) if chr(code).isspace()]
    texts = [*blanks, "".join(blanks), "\u200b", "\ufeff", "x"]
    table = pa.table({"instruction": texts, "output": ["y"] * len(texts)})
    mapping = Mapping(instruction="instruction", output="output")
    assert [tuple(item) for item in check(table, mapping).bad] == by_hand(table.to_pylist(), mapping, 100)[1]
    assert len(check(table, mapping).keys) == 3


def test_columns_of_mixed_types_go_row_by_row():
    found = [
        {"instruction": "a", "output": ["x", "y"], "id": 7, "source": ["one", "two"]},
        {"instruction": 5, "output": "x", "id": 8, "source": None},
        {"instruction": "c", "output": 4, "id": "nine", "source": 3},
    ]
    table = from_rows(found)
    checked = check(table, MAPPING)
    assert checked.keys == ["7", "nine"]
    assert checked.sources.to_pylist() == ["one, two", "3"]
    assert [tuple(item) for item in checked.bad] == [(1, "instruction", "is a number, not text")]
    assert columns(checked.table, MAPPING, "response") == ["x\ny", "4"]


def test_chats_in_parquet_structs():
    chat = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]
    table = pa.table({"messages": [chat, []], "n": [1, 2]})
    checked = check(table, Mapping(messages="messages", id="n"))
    assert checked.keys == ["1"]
    assert checked.chars.to_pylist() == [len("user: Hi\nassistant: Ho")]
    assert checked.bad[0].why == "has no messages"


def test_an_integer_id_column_stays_on_the_fast_path():
    table = pa.table({"instruction": ["a", "b"], "output": ["x", "y"], "id": [3, None]})
    checked = check(table, MAPPING)
    assert checked.keys == ["3"]
    assert [tuple(item) for item in checked.bad] == [(1, "id", "is missing")]


def test_an_empty_table_and_an_unusable_mapping():
    table = pa.table({"instruction": pa.array([], pa.string()), "output": pa.array([], pa.string())})
    assert check(table, MAPPING.from_dict({"instruction": "instruction"})).keys == []
    with pytest.raises(ContentError):
        check(table, Mapping(id="id"))
    with pytest.raises(ValueError, match="no view"):
        columns(table, MAPPING, "html")


def test_real_rows(shared):
    import pyarrow.parquet as pq

    table = pq.read_table(shared / "pool_20k.parquet").slice(0, 2_000)
    checked = check(table, MAPPING)
    assert checked.bad == []
    assert checked.keys == table["id"].to_pylist()
    content_keys = check(table, Mapping(instruction="instruction", input="input", output="output")).keys
    assert content_keys == by_hand_keys(table)


def by_hand_keys(table: pa.Table) -> list[str]:
    mapping = Mapping(instruction="instruction", input="input", output="output")
    return [key_of(read(row, mapping)) for row in table.to_pylist()]
