"""Sparse rows: hand-checked likeness, sums against dense ones, bounds that always hold the truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selection.kernels import sparse, sparse_layer, truncated
from selection.kernels.sparse import Rows

WIDTH = 24
quick = settings(max_examples=60, deadline=None)
numbers = st.integers(0, 2**32)


def rows_of(dense):
    """Rows of a dense matrix."""
    dense = np.asarray(dense, np.float32)
    index = [np.flatnonzero(row) for row in dense]
    start = np.concatenate([[0], np.cumsum([len(at) for at in index])]).astype(np.int64)
    value = np.concatenate([row[at] for row, at in zip(dense, index, strict=True)] or [np.empty(0)])
    return Rows(start, np.concatenate([*index, np.empty(0, int)]).astype(np.uint32), value.astype(np.float32))


def drawn(seed, rows=6, share=0.4, spread=3.0):
    chance = np.random.default_rng(seed)
    values = np.exp(chance.normal(0, spread, (rows, WIDTH))).astype(np.float32)
    return np.where(chance.random((rows, WIDTH)) < share, values, 0).astype(np.float32)


def dense_jaccard(a, b):
    a, b = a[:, None].astype(np.float64), b[None].astype(np.float64)
    top = np.maximum(a, b).sum(axis=2)
    return np.divide(np.minimum(a, b).sum(axis=2), top, out=np.zeros_like(top), where=top > 0)


# --- by hand ---


def test_the_worked_example():
    """Tokens (3,0,1,0), (1,0,0,2); targets (2,1,0,0), (0,1,2,0): 0.30; 0.25 with the row's sum, 0.3571 with the targets'."""
    value = np.array([[3, 1], [2, 1]], np.float32)
    index = np.array([[0, 2], [3, 0]])
    z = sparse.pooled(value, index, np.array([2]), 4)
    assert z.index.tolist() == [0, 2, 3]
    assert z.value.tolist() == [2, 0.5, 1]
    assert z.mass().tolist() == [3.5]

    def like(row, prototype):
        return float(sparse.jaccard(row, np.array(prototype, np.float32)[:, None])[0, 0])

    assert like(z, [1, 1, 1, 0]) == pytest.approx(0.30)
    assert like(rows_of([[4, 0, 1, 2]]), [1, 1, 1, 0]) == pytest.approx(0.25)
    assert like(z, [2, 2, 2, 0]) == pytest.approx(0.3571, abs=5e-5)


def test_bounds_of_the_worked_example():
    """Only 2 and 1 are kept: m is 1 and the rest 0.5, so J lies between 1/5.5 and 1.5/5."""
    low, high = truncated.bounds(truncated.pack(rows_of([[2, 0, 0.5, 1]]), 2), np.array([[1], [1], [1], [0.0]]))
    assert low[0, 0] == pytest.approx(1 / 5.5, abs=1e-6)
    assert high[0, 0] == pytest.approx(0.3, abs=1e-6)


# --- the k largest ---


@quick
@given(numbers, st.integers(1, 30), st.booleans())
def test_top_k_is_a_stable_sort(seed, k, ties):
    chance = np.random.default_rng(seed)
    lines = chance.normal(size=(5, 30)).astype(np.float32)
    if ties:
        lines = np.round(lines)
    value, index = sparse.top_k(lines, k)
    order = np.argsort(-lines, axis=1, kind="stable")[:, :k]
    wanted = np.take_along_axis(lines, order, 1)
    np.testing.assert_array_equal(value, np.maximum(wanted, 0))
    np.testing.assert_array_equal(index, np.where(wanted > 0, order, 0))


def test_top_k_takes_nan_for_nothing_and_no_k_for_none():
    value, index = sparse.top_k(np.array([[np.nan, -1, 2, np.nan]], np.float32), 2)
    assert (value.tolist(), index.tolist()) == ([[2, 0]], [[2, 0]])
    assert sparse.top_k(np.ones((3, 4), np.float32), 0)[0].shape == (3, 0)
    assert sparse.top_k(np.ones((0, 4), np.float32), 2)[0].shape == (0, 2)


# --- means over tokens ---


@quick
@given(numbers, st.lists(st.integers(0, 5), max_size=6))
def test_pooling_is_the_dense_mean(seed, tokens):
    chance = np.random.default_rng(seed)
    total = sum(tokens)
    index = np.array([chance.permutation(WIDTH)[:4] for _ in range(total)], np.int64).reshape(total, 4)
    value = np.maximum(chance.normal(size=(total, 4)), 0).astype(np.float32)
    made = sparse.pooled(value, index, np.array(tokens, np.int64), WIDTH)
    dense = np.zeros((total, WIDTH))
    np.put_along_axis(dense, index, value, 1)
    for row, stop in enumerate(np.cumsum(tokens)):
        mine = dense[stop - tokens[row] : stop]
        wanted = mine.mean(axis=0) if len(mine) else np.zeros(WIDTH)
        found = np.zeros(WIDTH)
        found[made.index[made.start[row] : made.start[row + 1]]] = made.value[made.start[row] : made.start[row + 1]]
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-7)


def test_pooling_counts_its_tokens():
    with pytest.raises(ValueError, match="3 tokens for rows that have 2"):
        sparse.pooled(np.ones((3, 1), np.float32), np.zeros((3, 1), np.int64), np.array([2]), 4)


def test_a_row_does_not_depend_on_those_around_it():
    value, index = np.ones((4, 2), np.float32), np.array([[0, 1], [2, 3], [0, 1], [2, 3]])
    both = sparse.pooled(value, index, np.array([2, 2]), 4)
    alone = sparse.pooled(value[:2], index[:2], np.array([2]), 4)
    assert both.take(np.array([1])).value.tobytes() == alone.value.tobytes()


# --- likeness ---


@quick
@given(numbers)
def test_the_identity_is_generalised_jaccard(seed):
    a, b = drawn(seed), drawn(seed + 1, rows=3)
    found = sparse.jaccard(rows_of(a), sparse.table(rows_of(b), WIDTH))
    np.testing.assert_allclose(found, dense_jaccard(a, b), rtol=1e-5, atol=1e-7)
    norm = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)[None]
    wanted = np.divide(a @ b.T, norm, out=np.zeros_like(norm), where=norm > 0)
    np.testing.assert_allclose(sparse.cosine(rows_of(a), sparse.table(rows_of(b), WIDTH)), wanted, rtol=1e-4, atol=1e-6)


def test_empty_rows_are_like_nothing():
    nothing, something = rows_of(np.zeros((1, WIDTH))), sparse.table(rows_of(drawn(1, rows=2)), WIDTH)
    assert sparse.jaccard(nothing, something).tolist() == [[0, 0]]
    assert sparse.jaccard(nothing, np.zeros((WIDTH, 1), np.float32)).tolist() == [[0]]
    assert sparse.join([]).mass().tolist() == []
    assert len(sparse.join([nothing, rows_of(drawn(1))])) == 7


# --- cut rows ---


@quick
@given(numbers, st.integers(1, 12), st.integers(1, 3), st.sets(st.integers(0, WIDTH - 1), max_size=5))
def test_bounds_hold_the_truth(seed, half, targets, muted):
    """However short the rows are cut, for values that float16 cannot hold too, and with features left out."""
    a, b = drawn(seed, spread=4.0), drawn(seed + 1, rows=targets)
    quiet = np.zeros(WIDTH, bool)
    quiet[sorted(muted)] = True
    stored = truncated.pack(rows_of(a), 2 * half)
    assert stored.shape == (6, 12 * half + 8)
    low, high = truncated.bounds(stored, sparse.table(rows_of(b), WIDTH), quiet)
    truth = dense_jaccard(np.where(quiet, 0, a), np.where(quiet, 0, b))
    assert (low <= truth).all()
    assert (truth <= high).all()
    if half == 12 and not muted:
        assert (high - low).max() < 3e-3, "nothing was dropped: only float16 is between"


def test_one_target_is_bounded_by_a_quicker_way():
    """Its lower bound is the same; its upper one may be wider by what float16 rounds."""
    a, b = drawn(3, rows=40), drawn(4, rows=2)
    stored, table = truncated.pack(rows_of(a), 6), sparse.table(rows_of(b), WIDTH)
    low, high = truncated.bounds(stored, table)
    for at in range(2):
        alone_low, alone_high = truncated.bounds(stored, table[:, [at]])
        np.testing.assert_allclose(alone_low[:, 0], low[:, at], rtol=2e-6, atol=1e-7)
        assert (alone_high[:, 0] >= high[:, at] - 1e-6).all()
        assert (alone_high[:, 0] <= high[:, at] + 2e-3).all()


def test_what_is_stored_comes_back():
    dense = np.zeros((3, WIDTH))
    dense[0, [3, 7]] = 1.5, 2.0
    dense[1, 5] = 1e6
    stored = truncated.unpack(truncated.pack(rows_of(dense), 4))
    assert stored.index[0].tolist() == [7, 3, 0, 0]
    assert stored.value[0].tolist() == [2, 1.5, 0, 0]
    assert stored.mass.tolist() == [3.5, 1e6, 0]
    assert stored.rest.tolist() == [0, 1e6 - truncated.HALF_MAX, 0]
    assert truncated.dropped(stored) == pytest.approx((1 - truncated.HALF_MAX / 1e6) / 3)
    back = truncated.sparse(stored)
    assert (back.start.tolist(), back.index.tolist()) == ([0, 2, 3, 3], [3, 7, 5])
    assert back.without(np.array([7])).index.tolist() == [3, 5]


def test_what_is_no_stored_row_is_refused():
    for entries in (0, 3, -2):
        with pytest.raises(ValueError, match="even number"):
            truncated.row_bytes(entries)
    with pytest.raises(ValueError, match="cannot have 21 bytes"):
        truncated.unpack(np.zeros((2, 21), np.uint8))
    for targets in (1, 2):
        with pytest.raises(ValueError, match="names feature 23 of 5"):
            truncated.bounds(truncated.pack(rows_of(np.ones((1, WIDTH))), WIDTH), np.ones((5, targets), np.float32))


# --- a layer of which little is used ---


@pytest.mark.parametrize("threads", [1, 3])
def test_sparse_sums_are_the_dense_ones(threads):
    chance = np.random.default_rng(5)
    lines, rows = (chance.normal(size=(size, 8)).astype(np.float32) for size in (30, 12))
    index = np.array([chance.permutation(12)[:3] for _ in range(30)])
    value = chance.random((30, 3)).astype(np.float32)
    dense = np.zeros((30, 12), np.float32)
    np.put_along_axis(dense, index, value, 1)
    np.testing.assert_allclose(sparse_layer.weighted(value, index, rows, threads), dense @ rows, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        sparse_layer.gathered(value, index, lines, 12, threads), dense.T @ lines, rtol=1e-5, atol=1e-6
    )
    wanted = np.take_along_axis(lines @ rows.T, index, 1)
    np.testing.assert_allclose(sparse_layer.products(lines, index, rows, threads), wanted, rtol=1e-5, atol=1e-6)
    assert sparse_layer.gathered(value, index, lines, 12, threads).tobytes() == (
        sparse_layer.gathered(value, index, lines, 12, 1).tobytes()
    )
