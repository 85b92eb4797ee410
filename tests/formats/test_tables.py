"""CSV and TSV: dialects, quoted line breaks, and records that do not fit."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.formats import FormatError, Limits, open_rows, sniff
from curation.formats.base import Source
from tests.formats.helpers import PACK, read


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("suffix", PACK)
def test_dialects(delimiter, suffix):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    writer.writerows([["prompt", "completion"], ["a, b; c", 'say "hi"'], ["two\nlines", ""]])
    rows, lines, bad = read(PACK[suffix](out.getvalue().encode()), f"rows.csv{suffix}")
    assert bad == []
    assert [row["prompt"].replace("\r", "") for row in rows] == ["a, b; c", "two\nlines"]
    assert rows[0]["completion"] == 'say "hi"'
    assert lines == [2, 3]


def test_tsv_with_plain_quotes():
    rows, _, bad = read('text\tlabel\n"hello" he said\tgreeting\nbye "now"\tfarewell\n', "x.tsv")
    assert bad == []
    assert rows[0]["text"] == '"hello" he said'


def test_names_of_columns():
    rows, _, _ = read(" a ,,a\n1,2,3\n", "x.csv")
    assert rows == [{"a": "1", "column_2": "2", "a_2": "3"}]


def test_one_column_needs_the_name_csv():
    assert read("text\nhello\n", "x.csv")[0] == [{"text": "hello"}]
    with pytest.raises(FormatError) as caught:
        read("text\nhello\n", "x.txt")
    assert caught.value.code == "format.unknown"


BAD = [
    ("1,2,3", "ragged", "has 3 values where the header names 2 columns"),
    ("1", "ragged", "has 1 values"),
    ('"1"x,2', "quotes", "is quoted wrongly"),
    ('1,"never closed', "unclosed", "opens a quote that is not closed"),
    (b"1,\xff", "utf8", "is not valid UTF-8 at byte 3 of line 3"),
    ("1,a\0b", "nul", "contains a NUL character"),
    ("1," + "y" * 600, "too_long", "has a value of 600 characters; the limit is 500"),
    ("1," + "y" * 3000, "too_long", "is longer than 2,000 bytes"),
]


@pytest.mark.parametrize(("line", "code", "reason"), BAD, ids=[f"{n}-{b[1]}" for n, b in enumerate(BAD)])
def test_a_bad_record_costs_itself_only(line, code, reason):
    raw = line if isinstance(line, bytes) else line.encode()
    limits = Limits(max_line_bytes=2_000, max_field_chars=500)
    good = b"".join(b"%d,row\n" % n for n in range(400))
    rows, lines, bad = read(b"n,text\n0,first\n" + raw + b"\n" + good, "x.csv", limits)
    assert [(item.line, item.code) for item in bad] == [(3, code)]
    assert reason in bad[0].reason
    assert lines == [2, *range(4, 404)]
    assert rows[1] == {"n": "0", "text": "row"}


def test_a_quoted_record_with_bad_bytes_goes_as_a_whole():
    _, lines, bad = read(b'a,b\n1,"x\n\xff\ny"\n2,z\n', "x.csv")
    assert lines == [5]
    assert [(item.line, item.code) for item in bad] == [(2, "utf8")]


def test_a_header_that_cannot_be_read():
    with pytest.raises(FormatError) as caught:
        read(b"a,\xff\n1,2\n", "x.csv")
    assert caught.value.code == "format.corrupt"
    with pytest.raises(FormatError) as caught:
        read("a,b,c\n1,2,3\n", "x.csv", Limits(max_columns=2))
    assert caught.value.code == "format.columns"


def test_a_header_alone_has_no_rows():
    with pytest.raises(FormatError) as caught:
        read("a,b\n", "x.csv")
    assert caught.value.code == "format.no_rows"


plain = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=8)


@settings(deadline=None)
@given(st.lists(st.tuples(plain, plain), min_size=1, max_size=8), st.sampled_from([",", "\t"]), st.integers(1, 4))
def test_any_table_comes_back_equal(records, delimiter, batch_rows):
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([("one", "two"), *records])
    source = Source("csv", delimiter=delimiter)
    with open_rows(io.BytesIO(out.getvalue().encode()), source, batch_rows=batch_rows) as reader:
        batches = list(reader)
    assert not any(batch.bad for batch in batches)
    found = [tuple(row.values()) for batch in batches for row in batch.table.to_pylist()]
    assert found == records


@given(st.binary(max_size=60))
def test_no_bytes_make_it_fail(data):
    with open_rows(io.BytesIO(b"a,b\n1,2\n" + data), Source("csv", delimiter=",")) as reader:
        assert sum(batch.table.num_rows for batch in reader) >= 1


def test_prose_is_no_table():
    with pytest.raises(FormatError):
        sniff(b"Dear Anna, how are you?\nI am fine.\nYours, Ben\n", "letter.txt")
