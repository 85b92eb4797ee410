"""ZIP-FIT against hand-checked numbers, a slow reference, gzip itself and the published package."""

import gzip
import json
import random
import sys
import types

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selection.kernels import gzipsize
from selection.kernels.common import shared_stretches
from selection.methods import Ctx, ParamsError, Shard, ZipFit, parse_params
from selection.methods.zipfit import ZipFitParams
from selection.methods.zipfit_pairs import Pairs
from tests.methods import reference
from tests.methods.tables import run, tables, target_of

S = "def add(a, b):\n    return a + b\n"
T = "def sub(a, b):\n    return a - b\n"
U = "The cat sat on the mat near the door."


def alignments(text, targets, **params):
    ctx = Ctx(parse_params(ZipFitParams, params), target_of(targets))
    return Pairs(ctx).alignments(text.encode())


def test_hand_checked_sizes():
    assert [gzipsize.size(text.encode(), 9) for text in (S, T, U, "")] == [50, 50, 49, 20]
    assert list(gzipsize.Ends([T.encode(), U.encode()], 9).after(S.encode())[1]) == [61, 80]


def test_hand_checked_alignments():
    assert alignments(S, [T, U], variant="paper") == pytest.approx([0.78, 0.38], abs=1e-12)
    assert alignments(S, [T, U]) == pytest.approx([0.65625, 0.03125], abs=1e-12)


def test_the_header_correction_is_raw_deflate():
    import zlib

    def raw(text):
        return len(zlib.compress(text.encode(), 9, -15))

    expected = (raw(S) + raw(U) - raw(S + U)) / max(raw(S), raw(U))
    assert alignments(S, [U]) == pytest.approx([expected], abs=1e-12)


@pytest.mark.parametrize("level", ["0", "10", "-1"])
def test_levels_that_measure_nothing_are_refused(level):
    with pytest.raises(ParamsError, match="between 1 and 9"):
        parse_params(ZipFitParams, {"level": level})


@pytest.mark.parametrize(
    ("params", "field", "why"),
    [
        ({"compressor": "zstd", "level": "0"}, "level", "must be between 1 and 19 for zstd, not 0"),
        ({"compressor": "lz4", "level": 0}, "level", "must be between 1 and 12 for lz4, not 0"),
        ({"compressor": "lz4", "level": 13}, "level", "must be between 1 and 12 for lz4, not 13"),
        ({"compressor": "zstd", "level": 20}, "level", "must be at most 19, not 20"),
        ({"compressor": "brotli"}, "compressor", "must be one of gzip, zstd, lz4, not 'brotli'"),
        (
            {"mode": "anchored", "aggregation": "max"}, "mode",
            "must be exact for the best target: only a mean can be foretold from few targets",
        ),
        ({"mode": "quick"}, "mode", "must be one of exact, anchored, not 'quick'"),
        ({"anchors": 0}, "anchors", "must be between 1 and 100, not 0"),
        ({"sample": 9}, "sample", "must be between 10 and 100000, not 9"),
        ({"margin": "-1"}, "margin", "must be between 0 and 10, not -1.0"),
        ({"audit": -1}, "audit", "must be between 0 and 1000000, not -1"),
        ({"keep": -5}, "keep", "must be at least 0, not -5"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_used_say_why(params, field, why):
    with pytest.raises(ParamsError) as caught:
        parse_params(ZipFitParams, params)
    assert (caught.value.field, caught.value.why) == (field, why)


@pytest.mark.parametrize("level", [1, 3, 9, 19])
def test_zstd_is_held_against_zstandard_itself(level):
    import zstandard

    def size(text):
        return len(zstandard.ZstdCompressor(level=level, write_content_size=False).compress(text.encode()))

    assert size("") == 9
    expected = (size(S) + size(T) - size(S + T) - 9) / (max(size(S), size(T)) - 9)
    assert alignments(S, [T], compressor="zstd", level=level) == pytest.approx([expected], abs=1e-12)
    assert alignments(S, [T], compressor="zstd", level=level) > alignments(S, [U], compressor="zstd", level=level)


@pytest.mark.parametrize("level", [1, 9, 12])
def test_lz4_is_held_against_lz4_itself(level):
    frame = pytest.importorskip("lz4.frame")

    def size(text):
        return len(frame.compress(text.encode(), compression_level=level, store_size=False))

    assert size("") == 11
    expected = (size(S) + size(T) - size(S + T) - 11) / (max(size(S), size(T)) - 11)
    assert alignments(S, [T], compressor="lz4", level=level) == pytest.approx([expected], abs=1e-12)


@pytest.mark.parametrize("compressor", ["zstd", "lz4"])
def test_a_frame_around_nothing_is_worth_nothing(compressor):
    """Two empty texts share no byte; as published they share the whole frame."""
    found = alignments("", [""], compressor=compressor, level=3)
    assert found == pytest.approx([0.0], abs=1e-12)
    assert alignments("", [""], compressor=compressor, level=3, variant="paper") == pytest.approx([1.0])


def test_a_compressor_that_is_not_installed_says_so(monkeypatch):
    from selection.methods import zipfit

    monkeypatch.setattr(zipfit, "available", lambda compressor: compressor == "gzip")
    with pytest.raises(ParamsError, match="the package for lz4 is not installed"):
        ZipFit().passes(ZipFitParams(compressor="lz4"))


@pytest.mark.parametrize("params", [{}, {"variant": "paper"}, {"aggregation": "max"}, {"level": 1}], ids=str)
@settings(max_examples=25, deadline=None)
@given(
    rows=tables(max_rows=6),
    targets=st.lists(st.text(st.characters(codec="utf-8"), max_size=80), min_size=1, max_size=4),
)
def test_equal_to_the_slow_reference(params, rows, targets):
    columns, _ = run("zipfit", [rows], target=targets, **params)
    if not rows:
        assert columns == []
        return
    got = dict(zip(columns[0]["row"].tolist(), columns[0]["score"].tolist(), strict=True))
    texts = [text for _, text, _ in rows]
    expected = reference.zipfit(texts, [t.rstrip("\0") for t in targets], **params)
    assert [got[row] for row in range(len(rows))] == pytest.approx(expected, abs=1e-6)


def english(draw, length):
    words = ["".join(draw.choices("abcdefghij", k=draw.randint(1, 9))) for _ in range(300)]
    return " ".join(draw.choices(words, k=length // 4 + 1)).encode()[:length]


@pytest.mark.parametrize("level", range(1, 10))
def test_a_begun_stream_gives_the_same_sizes_as_a_whole_one(level):
    """At all lengths around the places where something changes: the switch, the window, blocks of 64 KiB."""
    draw = random.Random(level)
    assert gzipsize.prefix_is_exact(level)
    ends = [b"", b"y", english(draw, 300), english(draw, 5_000)]
    for length in (2047, 2048, 2049, 8_000, 32_767, 32_769, 66_000):
        text = english(draw, length)
        expected = [len(gzip.compress(text + end, level)) for end in ends]
        assert list(gzipsize.Ends(ends, level).after(text)[1]) == expected
    noise = draw.randbytes(70_000)
    assert list(gzipsize.Ends(ends, level).after(noise)[1]) == [len(gzip.compress(noise + end, level)) for end in ends]


def test_without_an_exact_prefix_the_plain_way_is_taken(monkeypatch):
    text, ends = english(random.Random(1), 5_000), [b"", b"some end"]
    expected = gzipsize.Ends(ends, 9).after(text)[1]
    monkeypatch.setattr(gzipsize, "prefix_is_exact", lambda level: False)
    monkeypatch.setattr(gzipsize, "_with_prefix", None)
    assert list(gzipsize.Ends(ends, 9).after(text)[1]) == list(expected)


@pytest.fixture
def package(monkeypatch):
    """The published zip-fit. It imports `datasets` for a loader that this does not use."""
    if "datasets" not in sys.modules:
        stub = types.ModuleType("datasets")
        stub.load_dataset = None
        monkeypatch.setitem(sys.modules, "datasets", stub)
    return pytest.importorskip("zip_fit", reason="needs the package zip-fit, in the development requirements").ZIPFIT


def text_of(row):
    return "\n".join(part for part in (row["instruction"], row["input"], row["output"]) if part)


def test_same_scores_as_the_published_package_on_real_rows(shared, package):
    """2,000 rows × 20 targets, every pair computed by the package's own two functions."""
    table = pq.read_table(shared / "pool_20k.parquet", columns=["instruction", "input", "output"])
    rows = [text_of(row) for row in table.slice(0, 20_000).to_pylist()[::10]]
    with (shared / "targets" / "gsm8k.jsonl").open() as file:
        targets = [text_of(json.loads(line)) for line in list(file)[:20]]
    theirs = package("-", "-", k=1, compress_level=9)
    sizes = [theirs.compress(target) for target in targets]
    ours = Pairs(Ctx(ZipFitParams(variant="paper"), target_of(targets)))
    worst = 0.0
    for row in rows:
        size = theirs.compress(row)
        pairs = [theirs.similarity((row, t, size, c, 0))[1] for t, c in zip(targets, sizes, strict=True)]
        worst = max(worst, abs(np.mean(pairs) - ours.alignments(row.encode()).mean()))
    assert len(rows) == 2000
    assert worst <= 1e-12


def test_reasons_name_the_nearest_target_and_what_is_shared():
    targets = [U, T]
    ctx = Ctx(ZipFitParams(), target_of(targets))
    (reasons,) = ZipFit().reasons(Shard.of({"keys": ["k"], "text": [S]}), ctx)
    near, shared = reasons
    assert (near.kind, near.data["target"], near.data["key"]) == ("near", 1, "t1")
    assert shared.kind == "shared"
    assert all(part in S and part in T for part in shared.data["parts"])
    assert "(a, b):\n    return a" in shared.data["parts"]


@settings(max_examples=60, deadline=None)
@given(st.text("ab c", max_size=60), st.text("ab c", max_size=60))
def test_shared_stretches_are_shared(one, other):
    found = shared_stretches(one, other)
    for stretch in found:
        assert stretch in one
        assert stretch in other
        assert len(stretch) >= 8
    assert found == sorted(found, key=lambda s: (-len(s), s))


def test_a_long_stretch_is_found_whole_wherever_it_stands():
    stretch = "how many apples are left over at the end of the day"
    assert shared_stretches(f"xx {stretch} yy", f"a completely different {stretch}!") == [stretch]
    assert shared_stretches("short", "short") == []


def test_work_on_long_rows_is_told_as_often_as_on_short_ones():
    """About every 0.3 s: 30 long rows are as much work as thousands of short ones."""
    draw = random.Random(3)
    told = {}
    for length, rows in ((100, 60), (40_000, 60)):
        text, told[length] = english(draw, length).decode(), []
        shard = Shard.of({"keys": [f"k{n}" for n in range(rows)], "text": [text] * rows})
        ctx = Ctx(ZipFitParams(level=1), target_of([T] * 15), tick=told[length].append)
        ZipFit().passes(ctx.params)[0].map(shard, ctx)
    assert told[100] == []
    assert len(told[40_000]) == 2
