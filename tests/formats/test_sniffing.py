"""What a file is: by its content, whatever its name says."""

import io
import json
import zipfile

import pyarrow as pa
import pytest

from curation.formats import FormatError, Limits, open_rows, preview, sniff
from curation.formats.base import TEXTS
from tests.formats.helpers import PACK, parquet

LINES = b'{"a": "x"}\n{"a": "y"}\n'
LIST = b'[{"a": "x"}]'
TABLE = b"a,b\n1,2\n3,4\n"
PARQUET = parquet(pa.table({"a": ["x"]}))
KINDS = [("jsonl", LINES), ("json", LIST), ("csv", TABLE), ("tsv", TABLE.replace(b",", b"\t")), ("parquet", PARQUET)]


@pytest.mark.parametrize(("kind", "data"), KINDS, ids=[kind for kind, _ in KINDS])
@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize("name", ["right", "wrong.csv.gz", "wrong.parquet", "no suffix at all"])
def test_content_wins(kind, data, suffix, name):
    name = f"rows.{kind}{suffix}" if name == "right" else name
    source = sniff(PACK[suffix](data), name)
    assert (source.format, source.compression) == (kind, {"": "", ".gz": "gzip", ".zst": "zstd"}[suffix])
    if name.startswith("rows"):
        assert source.note == ""
    elif name.startswith("wrong") and kind not in name:
        assert "the content is" in source.note
    with open_rows(io.BytesIO(PACK[suffix](data)), source) as reader:
        assert sum(batch.table.num_rows for batch in reader) >= 1


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("rows.jsonl", LINES)
    return out.getvalue()


REFUSED = [
    ("format.empty", b"", ""),
    ("format.empty", b" \n\n", ""),
    ("format.empty", PACK[".gz"](b""), ""),
    ("format.unknown", b"\x89PNG\r\n\x1a\n" + bytes(50), "a PNG picture"),
    ("format.unknown", archive(), "a ZIP archive"),
    ("format.unknown", b"%PDF-1.7", "a PDF"),
    ("format.unknown", b"BZh91AY", "bzip2"),
    ("format.unknown", bytes(range(32)) * 40, "binary"),
    ("format.unknown", b"Just a story.\nWithout any columns.\n", "plain text"),
    ("format.unknown", b"<!DOCTYPE html><html>", "a web page"),
    ("format.unknown", PACK[".gz"](PACK[".gz"](LINES)), "packed twice"),
    ("format.unknown", b"\x80\x04\x95" + bytes(20), "pickle"),
    ("format.encoding", "a,b\n1,2\n".encode("utf-16"), "UTF-16"),
    ("format.encrypted", b"PARE" + bytes(30), ""),
]


@pytest.mark.parametrize(("code", "data", "looks"), REFUSED, ids=[f"{c}-{look}" for c, _, look in REFUSED])
def test_what_cannot_be_read_is_named(code, data, looks):
    with pytest.raises(FormatError) as caught:
        sniff(data, "train.gz")
    assert caught.value.code == code
    assert looks in str(caught.value)
    assert "train.gz" in str(caught.value)


def test_paths_and_open_files(tmp_path):
    path = tmp_path / "rows.json"
    path.write_bytes(LIST)
    assert sniff(path) == sniff(str(path)) == sniff(LIST, "rows.json")
    with path.open("rb") as opened:
        opened.read(3)
        assert sniff(opened, "rows.json").format == "json"
        assert opened.tell() == 0
        with open_rows(opened) as reader:
            assert len(list(reader)) == 1
        assert not opened.closed


def test_every_text_is_complete():
    facts = dict.fromkeys(
        ("name", "format", "looks_like", "encoding", "size", "limit", "unit", "position", "detail"), "x"
    )
    for code, parts in TEXTS.items():
        assert len(parts) == 3, code
        assert str(FormatError(code, **facts)).endswith("."), code


def test_a_long_first_line_is_still_known():
    long = json.dumps({"text": "y" * 200_000}).encode()
    assert sniff(long + b"\n" + long).format == "jsonl"
    wrapped = json.dumps({"data": [{"text": "y" * 200_000}]}).encode()
    assert sniff(wrapped[: 2**16]).format == "json"


def test_preview(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [json.dumps({"prompt": f"q{n}", "completion": f"a{n}", "tags": [n]}) for n in range(100)]
    path.write_text("\n".join([rows[0], "broken", *rows[1:]]))
    found = preview(path, 10)
    assert found.columns == ["prompt", "completion", "tags"]
    assert found.kinds == {"prompt": "text", "completion": "text", "tags": "JSON"}
    assert [row["tags"] for row in found.rows] == [[n] for n in range(10)]
    assert found.lines == [1, *range(3, 12)]
    assert [item.line for item in found.bad] == [2]
    assert found.guess.name == "prompt_completion"
    assert found.facts == {"format": "JSON Lines", "compression": "", "bytes": path.stat().st_size}


def test_preview_reads_only_the_beginning(tmp_path):
    path = tmp_path / "rows.jsonl"
    line = b'{"text": "' + b"x" * 1000 + b'"}\n'
    with path.open("wb") as out:
        out.writelines([line * 1000] * 40)

    class Watched(io.FileIO):
        taken = 0

        def read(self, size=-1):
            data = super().read(size)
            self.taken += len(data)
            return data

    with Watched(path) as opened:
        assert len(preview(opened, 10).rows) == 10
        assert opened.taken < 4 * 2**20


def test_preview_of_a_file_of_bad_lines_and_of_parquet(tmp_path):
    found = preview(io.BytesIO(b"nothing\ngood\n"), name="rows.jsonl")
    assert (found.rows, len(found.bad), found.guess.name) == ([], 2, "unknown")
    table = pa.table({"text": ["a", "b"], "n": [1, 2]})
    found = preview(io.BytesIO(parquet(table)), 1)
    assert found.kinds == {"text": "text", "n": "int64"}
    assert (len(found.rows), found.facts["rows"]) == (1, 2)


def test_limits_are_seen_before_reading():
    with pytest.raises(FormatError) as caught:
        open_rows(io.BytesIO(LINES), limits=Limits(max_bytes=10))
    assert caught.value.code == "format.too_large"
