"""Parquet: types are kept, damage is named, and metadata is judged before a page is read."""

import contextlib
import io
import random
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.formats import FormatError, Limits, from_rows, open_rows, row_dicts, sniff
from curation.formats.base import Source
from tests.formats.helpers import PACK, parquet, read

TABLE = pa.table(
    {
        "text": pa.array(["a", None, "ü"]),
        "large": pa.array(["x", "y", "z"], pa.large_string()),
        "kind": pa.array(["p", "q", "p"]).dictionary_encode(),
        "n": pa.array([1, 2, None], pa.int16()),
        "day": pa.array([date(2024, 1, 1)] * 3),
        "price": pa.array([Decimal("1.10")] * 3),
        "messages": [[{"role": "user", "content": "hi"}], [], None],
    }
)


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize("row_group_size", [1, 2, 100])
def test_types_are_kept(suffix, row_group_size):
    data = PACK[suffix](parquet(TABLE, row_group_size=row_group_size))
    with open_rows(io.BytesIO(data), sniff(data, f"x.parquet{suffix}")) as reader:
        batches = list(reader)
        assert reader.position() == reader.total == len(data)
    whole = pa.concat_tables([batch.table for batch in batches])
    assert whole.to_pylist() == TABLE.to_pylist()
    assert [field.type for field in whole.schema] == [field.type for field in TABLE.schema]
    assert [line for batch in batches for line in batch.lines] == [1, 2, 3]


def test_marked_json_survives_and_a_false_mark_does_no_harm():
    rows = [{"a": [1, {"b": 2}], "t": "x"}, {"a": "text", "t": "y"}]
    assert read(parquet(from_rows(rows)))[0] == rows
    lying = pa.field("a", pa.string(), metadata={b"winnow.json": b"1"})
    assert read(parquet(pa.table([pa.array(["{broken"])], schema=pa.schema([lying]))))[0] == [{"a": "{broken"}]


def test_bytes_that_are_no_text_cost_their_row():
    raw = pa.array([b"good", b"\xff\xfe", b"fine"], pa.binary())
    broken = pa.StringArray.from_buffers(3, *raw.buffers()[1:])
    nested = pa.ListArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), broken)
    for column in (broken, nested):
        rows, lines, bad = read(parquet(pa.table({"a": column, "n": [1, 2, 3]})))
        assert [row["n"] for row in rows] == [1, 3]
        assert lines == [1, 3]
        assert [(item.line, item.code, item.reason) for item in bad] == [(2, "utf8", "is not valid UTF-8 in “a”")]


def test_a_date_that_python_cannot_hold_reads_as_text():
    days = pa.array([0, 4_000_000], pa.int32()).cast(pa.date32())
    assert [row["day"] for row in read(parquet(pa.table({"day": days})))[0]] == [date(1970, 1, 1), "12921-08-18"]


def test_random_damage_is_always_a_format_error_or_rows():
    chance = random.Random(7)
    whole = parquet(pa.concat_tables([TABLE] * 20), row_group_size=10)
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(4, len(data))] = chance.randrange(256)
        with contextlib.suppress(FormatError), open_rows(io.BytesIO(bytes(data)), Source("parquet")) as reader:
            for batch in reader:
                row_dicts(batch.table)


def damaged() -> list[tuple[str, bytes]]:
    data = bytearray(parquet(pa.table({"a": [random.Random(n).randbytes(50).hex() for n in range(2000)]})))
    middle = bytes(data[:8000]) + bytes(200) + bytes(data[8200:])
    return [
        ("cut in half", bytes(data[: len(data) // 2])),
        ("magic alone", b"PAR1PAR1"),
        ("a page overwritten", middle),
        ("the footer overwritten", bytes(data[:-300]) + bytes(200) + bytes(data[-100:])),
    ]


@pytest.mark.parametrize(("what", "data"), damaged(), ids=[what for what, _ in damaged()])
def test_damage_is_named(what, data):
    with pytest.raises(FormatError) as caught:
        read(data, "x.parquet")
    assert caught.value.code == "format.corrupt"


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(max_rows=2), "format.too_many_rows"),
        (Limits(max_columns=3), "format.columns"),
        (Limits(max_decompressed=50), "format.bomb"),
    ],
)
def test_limits(limits, code):
    with pytest.raises(FormatError) as caught:
        read(parquet(TABLE), limits=limits)
    assert caught.value.code == code


def test_two_columns_of_one_name():
    twice = pa.Table.from_arrays([pa.array(["x"]), pa.array(["y"])], names=["a", "a"])
    with pytest.raises(FormatError, match="two columns named"):
        read(parquet(twice))


def test_no_rows():
    with pytest.raises(FormatError) as caught:
        read(parquet(TABLE.slice(0, 0)))
    assert caught.value.code == "format.no_rows"


def test_one_long_text_repeated_is_given_out_in_small_batches():
    """A few kilobytes on disk that would be 100 MB if they were spelled out at once."""
    text = "long " * 5_000
    data = parquet(pa.table({"a": pa.array([text] * 4_000), "n": range(4_000)}))
    assert len(data) < 200_000
    rows = 0
    with open_rows(io.BytesIO(data), batch_bytes=2**20) as reader:
        for batch in reader:
            assert batch.table.nbytes <= 2 * 2**20
            rows += batch.table.num_rows
            if rows > 500:
                break
    with (
        pytest.raises(FormatError) as caught,
        open_rows(io.BytesIO(data), limits=Limits(max_decompressed=2**24)) as reader,
    ):
        for _ in reader:
            pass
    assert caught.value.code == "format.bomb"


def test_a_column_that_unpacks_to_far_more_than_its_size_is_refused_by_its_metadata():
    table = pa.table({"a": pa.array(["y" * 70_000] * 1_000)})
    data = parquet(table, use_dictionary=False, compression="zstd")
    assert len(data) < 2**20
    with pytest.raises(FormatError) as caught:
        read(data)
    assert caught.value.code == "format.bomb"


texts = st.none() | st.text(st.characters(blacklist_categories=["Cs"]), max_size=6)


@settings(deadline=None)
@given(st.lists(st.tuples(texts, st.none() | st.integers(-99, 99)), min_size=1, max_size=12), st.integers(1, 5))
def test_any_table_comes_back_equal(rows, cut):
    table = pa.table({"t": pa.array([row[0] for row in rows], pa.string()), "n": pa.array([row[1] for row in rows])})
    with open_rows(io.BytesIO(parquet(table, row_group_size=cut)), batch_rows=cut, batch_bytes=8) as reader:
        assert [row for batch in reader for row in row_dicts(batch.table)] == table.to_pylist()


def test_an_encrypted_column_is_named():
    modular = pytest.importorskip("pyarrow.parquet.encryption")
    assert modular
    with pytest.raises(FormatError) as caught:
        read(b"PARE" + bytes(40) + b"PARE", "x.parquet")
    assert caught.value.code == "format.encrypted"
    assert pq
