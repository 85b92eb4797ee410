"""Memory and time stay bounded whatever a file does: bombs, endless lines, long files."""

import gzip
import io
import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import zstandard

from curation.formats import FormatError, Limits
from tests.formats.helpers import PACK, read

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def endless() -> dict[str, bytes]:
    """120 MB of one letter inside an otherwise honest JSON Lines file."""
    plain = b'{"a": "x"}\n' * 10 + b'{"a": "'
    packer, out = zstandard.ZstdCompressor().compressobj(), io.BytesIO()
    zipped = io.BytesIO()
    with gzip.GzipFile(fileobj=zipped, mode="wb", compresslevel=9) as gz:
        for block in [plain, *[b"y" * 2**20] * 120]:
            gz.write(block)
            out.write(packer.compress(block))
    out.write(packer.flush())
    return {"gz": zipped.getvalue(), "zst": out.getvalue()}


def peak_growth(script: str, data: bytes, tmp_path: Path) -> tuple[int, str]:
    """MiB by which the peak of a fresh process grew while it read `data`, and what it printed."""
    path = tmp_path / "data"
    path.write_bytes(data)
    code = f"""
        import resource, sys
        from curation.formats import *
        def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        import io
        with open_rows(io.BytesIO(b'{{"a": "x"}}\\n{{"a": 1}}')) as reader: list(reader)
        before = peak()
        path = sys.argv[1]
{textwrap.indent(textwrap.dedent(script), " " * 8)}
        print((peak() - before) // 1024)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(path)], capture_output=True, text=True, cwd=ROOT, check=True
    )
    *printed, grown = done.stdout.split()
    return int(grown), " ".join(printed)


READ_ALL = """
    rows = bad = 0
    try:
        with open_rows(path) as reader:
            for batch in reader:
                rows += batch.table.num_rows
                bad += len(batch.bad)
        print(rows, bad)
    except FormatError as error:
        print(error.code)
"""


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_a_bomb_is_stopped_early_and_in_little_memory(endless, kind, tmp_path):
    assert len(endless[kind]) < 2 * 2**20
    grown, printed = peak_growth(READ_ALL, endless[kind], tmp_path)
    assert printed == "format.bomb"
    assert grown < 100


def test_a_bomb_by_size_alone():
    data = gzip.compress(b'{"a": "x"}\n' * 100_000)
    with pytest.raises(FormatError) as caught:
        read(data, limits=Limits(max_decompressed=500_000))
    assert caught.value.code == "format.bomb"
    assert "500,000 bytes" in str(caught.value)


@pytest.mark.parametrize("form", ["lines", "list", "table"])
def test_a_line_of_40_megabytes_is_never_held(form, tmp_path):
    long = b'"' + b"y" * 40_000_000 + b'"'
    data = {
        "lines": b'{"a": "x"}\n{"a": ' + long + b'}\n{"a": "z"}\n',
        "list": b'[{"a": "x"},\n{"a": ' + long + b'},\n{"a": "z"}]',
        "table": b"a,b\nx,1\n" + long + b",2\nz,3\n",
    }[form]
    grown, printed = peak_growth(READ_ALL, data, tmp_path)
    assert printed == "2 1"
    assert grown < 60


def test_memory_does_not_grow_with_the_file(tmp_path):
    line = json.dumps({"instruction": "Tell me " + "more " * 60, "output": "no " * 40, "n": 3}).encode() + b"\n"
    short, one = peak_growth(READ_ALL, line * 10_000, tmp_path)
    long, ten = peak_growth(READ_ALL, line * 80_000, tmp_path)
    assert (one, ten) == ("10000 0", "80000 0")
    assert long < short + 40


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_packed_file_that_is_cut_off(suffix):
    rows = "".join(json.dumps({"a": f"{n * 7919 % 1000003}"}) + "\n" for n in range(20_000)).encode()
    with pytest.raises(FormatError) as caught:
        read(PACK[suffix](rows)[:-2000], f"rows.jsonl{suffix}")
    assert caught.value.code == "format.cut_off"
    assert "stops in the middle" in str(caught.value)


def test_a_packed_file_that_is_damaged():
    rows = "".join(json.dumps({"a": f"{n * 7919 % 1000003}"}) + "\n" for n in range(50_000)).encode()
    data = bytearray(PACK[".gz"](rows))
    data[-6] ^= 0xFF  # in the checksum at the end
    with pytest.raises(FormatError) as caught:
        read(bytes(data))
    assert caught.value.code == "format.corrupt"


def test_several_packed_parts_in_one_file():
    for suffix in (".gz", ".zst"):
        data = PACK[suffix](b'{"a": "x"}\n') + PACK[suffix](b'{"a": "y"}\n')
        assert len(read(data)[0]) == 2


def test_too_many_rows_stop_the_reading():
    with pytest.raises(FormatError) as caught:
        read('{"a": "x"}\nbad\n' * 50, "x.jsonl", Limits(max_rows=99))
    assert caught.value.code == "format.too_many_rows"


def test_quotes_that_never_close_take_no_quadratic_time():
    line = b'1,"open\n'
    data = b"a,b\n" + b"".join(line + b"2,plain\n" * 400 for _ in range(100))
    start = time.perf_counter()
    rows, _, bad = read(data, "x.csv", Limits(max_line_bytes=2_000))
    assert time.perf_counter() - start < 3
    assert len(rows) + len(bad) >= 40_000
    assert {item.code for item in bad} == {"unclosed"}
