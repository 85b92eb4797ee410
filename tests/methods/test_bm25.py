"""BM25 against a slow reference and the library bm25s."""

import json

import bm25s
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from selection.kernels import terms
from selection.methods import Bm25, Ctx, Shard
from selection.methods.bm25 import Bm25Params
from tests.methods import reference
from tests.methods.tables import picks, run, tables, target_of

TARGETS = ["add add the price of apples", "def sum return the sum", "of of of"]


def by_row(columns):
    scores = {}
    for column in columns:
        scores |= dict(zip(column["key"].tolist(), column["score"].tolist(), strict=True))
    return scores


@pytest.mark.parametrize("aggregation", ["sum", "max"])
@settings(max_examples=50, deadline=None)
@given(rows=tables())
def test_equal_to_the_slow_reference(aggregation, rows):
    columns, _ = run("bm25", [rows[:5], rows[5:]], target=TARGETS, aggregation=aggregation)
    matrix = reference.bm25_matrix([text for _, text, _ in rows], TARGETS) if rows else []
    expected = {
        key.encode(): (sum if aggregation == "sum" else max)(line) for (key, *_), line in zip(rows, matrix, strict=True)
    }
    assert by_row(columns) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(rows=tables())
def test_in_turn_each_target_gives_its_best_row_left(rows):
    from selection.methods import Options

    found = [
        key
        for key, _ in picks(
            "bm25", [rows], options=Options(exact_duplicates=False), target=TARGETS, aggregation="round_robin"
        )
    ]
    texts = [text for _, text, _ in rows]
    keys = [key for key, *_ in rows]
    # Compared at the precision of score columns, where equal scores are ordered by key.
    matrix = np.array(reference.bm25_matrix(texts, TARGETS), np.float32).round(5).tolist() if rows else []
    expected = reference.round_robin(matrix, keys) if rows else []
    assert found[: len(expected)] == expected
    assert set(found) == set(keys), "rows on no list follow"


@pytest.mark.parametrize(("k1", "b"), [(1.5, 0.75), (0.9, 0.4)])
def test_equal_to_bm25s_on_real_rows(shared, k1, b):
    table = pq.read_table(shared / "pool_20k.parquet", columns=["instruction", "input", "output"]).slice(0, 3000)
    rows = ["\n".join(part for part in row.values() if part) for row in table.to_pylist()]
    with (shared / "targets" / "mbpp.jsonl").open() as file:
        targets = [json.loads(line)["instruction"] for line in list(file)[:40]]
    library(rows, targets, k1, b)


def test_equal_to_bm25s_on_a_few_rows():
    rows = [
        "add the price of two apples",
        "the train leaves in an hour",
        "def add return sum",
        "price price price",
        "x",
    ]
    library(rows, ["price of apples", "def return sum sum", "nothing known"], 1.5, 0.75)


def library(rows, targets, k1, b):
    """Every pair within 1e-6 of bm25s, and the sums of whole rows."""
    index = bm25s.BM25(method="lucene", k1=k1, b=b, dtype="float64")
    said = [terms.words(row) for row in rows]
    index.index(said, show_progress=False)
    theirs = np.array([index.get_scores(terms.words(target)) for target in targets])
    columns, _ = run("bm25", [[(f"{n:06}", row, "") for n, row in enumerate(rows)]], target=targets, k1=k1, b=b)
    ours = np.array([score for _, score in sorted(by_row(columns).items())])
    assert ours == pytest.approx(theirs.sum(axis=0), rel=1e-6, abs=1e-6)
    from selection.methods.bm25 import _Model

    _, ctx = run("bm25", [[(f"{n:06}", row, "") for n, row in enumerate(rows)]], target=targets, k1=k1, b=b)
    model = _Model.of(ctx)
    pairs = np.concatenate([model.per_target(*stretch) for stretch in model.weigh(rows)], axis=1)
    assert np.abs(pairs - theirs).max() <= 1e-6


def test_a_word_that_no_row_has_and_a_pool_without_words():
    assert by_row(run("bm25", [[("a", "x", ""), ("b", "!", "")]], target=["unknown words"])[0]) == {
        b"a": 0.0,
        b"b": 0.0,
    }
    assert by_row(run("bm25", [[("a", "some row", "")]], target=["?"])[0]) == {b"a": 0.0}


def test_the_view_decides_what_is_compared():
    method, target = Bm25(), target_of(["apples"])
    shard = {"keys": ["a"], "text": ["pears apples"], "prompt": ["pears"]}
    for view, expected in (("text", True), ("prompt", False)):
        ctx = Ctx(Bm25Params(view=view), target, rows=1)
        stats, score = method.passes(ctx.params)
        assert stats.reads == score.reads == (view,)
        value = stats.reduce(iter([stats.map(Shard.of(shard), ctx)]), ctx)
        column = score.map(Shard.of(shard), Ctx(ctx.params, target, rows=1, values={"stats": value}))
        assert (column["score"][0] > 0) is np.bool_(expected)


def test_reasons_show_the_words_that_count_most():
    rows = [("a", "add the price of apples", ""), ("b", "the train", ""), ("c", "the hour", "")]
    _, ctx = run("bm25", [rows], target=["the apples", "train"])
    found = Bm25().reasons(Shard.of({"keys": ["a", "b", "d"], "text": ["the apples", "the train", "zzz"]}), ctx)
    shown = found[0][0].data["terms"]
    assert [term for term, _ in shown] == ["apples", "the"]
    assert shown[0][1] > shown[1][1] > 0
    assert found[1][1].data["target"] == 1
    assert [reason.kind for reason in found[2]] == ["terms"]


def test_many_short_lists_are_trimmed_as_they_grow():
    """More rows than are held at once: what is trimmed on the way must not be missed at the end."""
    from selection.methods.turns import Lists

    draw = np.random.Generator(np.random.PCG64(1))
    target, score = draw.integers(0, 3, 5000).astype(np.uint32), draw.random(5000).astype(np.float32)
    key = np.array([f"{n:04}".encode() for n in draw.permutation(5000)])
    whole, trimmed = Lists(3, 10), Lists(3, 10)
    trimmed.limit = 200
    whole.add(target, score, key)
    for start in range(0, 5000, 100):
        piece = slice(start, start + 100)
        trimmed.add(target[piece], score[piece], key[piece])
    one, other = whole.part(), trimmed.part()
    assert len(one["key"]) == 30
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])
