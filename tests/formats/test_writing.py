"""Writing rows, and reading them again."""

import csv
import io
import json

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from curation.formats import WRITERS, open_rows, sniff, stream_rows, write_rows
from tests.formats.helpers import present, read
from tests.formats.test_json_lines import rows_of_json

ROWS = [
    {"key": "k1", "rank": 1, "score": 0.5, "row": {"instruction": "a", "tags": ["x"]}},
    {"key": "k2", "rank": 2, "score": None, "row": None, "later": "new"},
]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_json_lines_and_parquet_are_lossless(kind, tmp_path):
    path = tmp_path / f"picks.{kind}"
    assert write_rows(path, kind, iter(ROWS)) == 2
    assert sniff(path).format == kind
    assert [present(row) for row in read(path)[0]] == [present(row) for row in ROWS]


@settings(deadline=None)
@given(rows_of_json)
def test_any_rows_survive_parquet(rows):
    out = io.BytesIO()
    write_rows(out, "parquet", rows)
    assert [present(row) for row in read(out.getvalue())[0]] == [present(row) for row in rows]


def test_a_column_that_changes_its_type_late(tmp_path):
    rows = [{"a": "text"} for _ in range(6_000)] + [{"a": [1]}]
    write_rows(tmp_path / "x.parquet", "parquet", iter(rows))
    assert read(tmp_path / "x.parquet")[0] == rows


@pytest.mark.parametrize("kind", ["csv", "tsv"])
def test_tables(kind, tmp_path):
    path = tmp_path / f"x.{kind}"
    assert write_rows(path, kind, iter(ROWS)) == 2
    rows, _, bad = read(path, f"x.{kind}")
    assert bad == []
    assert [row["row"] for row in rows] == ['{"instruction":"a","tags":["x"]}', ""]
    assert [row["rank"] for row in rows] == ["1", "2"]
    assert [row["later"] for row in rows] == ["", "new"]


def test_formulas_are_quoted_unless_asked_otherwise():
    texts = ["=1+2", "+cmd", "-x", "@SUM", "\tx", "-5", "+3.5", "plain", ""]
    for quote in (True, False):
        out = io.BytesIO()
        write_rows(out, "csv", [{"a": text, "n": -3} for text in texts], columns=["a", "n"], quote_formulas=quote)
        found = [row["a"] for row in read(out.getvalue(), "x.csv")[0]]
        assert found == ([f"'{text}" for text in texts[:5]] if quote else texts[:5]) + texts[5:]


@pytest.mark.parametrize("kind", WRITERS)
def test_columns_are_chosen_and_ordered(kind):
    out = io.BytesIO()
    write_rows(out, kind, ROWS, columns=["rank", "key"])
    with open_rows(io.BytesIO(out.getvalue())) as reader:
        assert next(iter(reader)).table.column_names == ["rank", "key"]


@pytest.mark.parametrize("kind", WRITERS)
def test_no_rows_at_all(kind):
    out = io.BytesIO()
    assert write_rows(out, kind, [], columns=["a"]) == 0
    assert not out.closed
    if kind == "parquet":
        assert pq.read_table(out).num_rows == 0


def test_an_unknown_format():
    with pytest.raises(ValueError, match="the formats are jsonl, csv, tsv, parquet"):
        write_rows(io.BytesIO(), "xlsx", [])


def test_lines_are_plain_utf8():
    out = io.BytesIO()
    write_rows(out, "jsonl", [{"a": "ü\u2028"}])
    assert out.getvalue() == '{"a":"ü\u2028"}\n'.encode()
    assert json.loads(out.getvalue()) == {"a": "ü\u2028"}


@pytest.mark.parametrize("lead", "=+-@\t\r")
def test_every_lead_of_a_formula_is_quoted(lead):
    written = b"".join(stream_rows("csv", [{"a": f"{lead}x"}, {"a": "1"}, {"a": ""}], ["a"])).decode()
    assert list(csv.reader(io.StringIO(written, newline=""))) == [["a"], [f"'{lead}x"], ["1"], [""]]


@pytest.mark.parametrize("kind", ["jsonl", "csv", "tsv"])
def test_pieces_are_what_is_written_at_once(kind):
    rows = [{"a": f"x{n}", "b": [n]} for n in range(25)]
    whole = io.BytesIO()
    write_rows(whole, kind, rows, columns=["a", "b"])
    assert b"".join(stream_rows(kind, rows, ["a", "b"], batch=10)) == whole.getvalue()


@pytest.mark.parametrize(("kind", "columns"), [("parquet", ["a"]), ("csv", None)])
def test_what_cannot_be_sent_in_pieces_says_so(kind, columns):
    with pytest.raises(ValueError, match="piece by piece"):
        list(stream_rows(kind, [{"a": 1}], columns))
