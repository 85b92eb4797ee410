"""Nearest rows and turns: against plain sorting, and by hand."""

import numpy as np
import pytest

from selection.kernels import search
from selection.kernels.lattice import lattice
from selection.methods import turns
from selection.methods.base import as_bytes


def unit(rng, rows, dims=24):
    found = rng.standard_normal((rows, dims)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def sorted_neighbours(rows, targets, k):
    """By the products of the rounded vectors, which are whole numbers."""
    products = lattice(targets).astype(np.int64) @ lattice(rows).astype(np.int64).T
    return np.stack([np.lexsort((np.arange(len(rows)), -line))[:k] for line in products])


@pytest.mark.parametrize("block", [7, 64, 10_000])
def test_exact_search_in_blocks_is_plain_sorting(monkeypatch, block):
    monkeypatch.setattr(search, "BLOCK", block)
    rng = np.random.default_rng(0)
    rows, targets = unit(rng, 300), unit(rng, 5)
    score, place = search.nearest(rows, targets, 20)
    assert (place == sorted_neighbours(rows, targets, 20)).all()
    np.testing.assert_allclose(score, np.take_along_axis(targets @ rows.T, place, 1), atol=4e-4)


def test_equal_rows_come_in_the_order_of_the_pool_and_k_is_cut_to_the_rows():
    rows = np.tile(np.array([[1, 0]], np.float32), (4, 1))
    score, place = search.nearest(rows, np.array([[1, 0]], np.float32), 9)
    assert place.tolist() == [[0, 1, 2, 3]]
    assert score.tolist() == [[1, 1, 1, 1]]


@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_an_index_finds_nearly_what_the_exact_search_finds(kind):
    rng = np.random.default_rng(1)
    centres = unit(rng, 30)
    rows = centres[rng.integers(0, 30, 6000)] + 0.3 * unit(rng, 6000)
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
    targets = unit(rng, 8)
    _, exact = search.nearest(rows, targets, 50)
    _, found = search.Index(rows, kind).nearest(targets, 50)
    assert search.recall(exact, found) > 0.9


@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_an_index_of_one_row_says_what_it_did_not_find(kind):
    one = np.array([[1, 0]], np.float16)
    score, place = search.Index(one, kind).nearest(np.array([[1, 0]], np.float32), 3)
    assert place.tolist() == [[0, -1, -1]]
    assert np.isneginf(score[0, 1:]).all()


def test_recall_counts_what_is_found():
    assert search.recall(np.array([[1, 2, 3, 4]]), np.array([[4, 9, 1, 8]])) == 0.5


def lists_of(scores):
    scores = np.array(scores, np.float32)
    held = turns.Lists(len(scores), 10)
    held.offer(scores, as_bytes([str(row) for row in range(scores.shape[1])]))
    return held.part()


@pytest.mark.parametrize(("duplicates", "order"), [("consume", [0, 1, 2]), ("skip", [0, 2, 1])])
def test_a_row_that_two_targets_want(duplicates, order):
    """The published numbers: with a turn lost rows 0 and 1 come first, with another row named 0 and 2."""
    lists = lists_of([[0.9, 0.8, 0.1, 0.2], [0.95, 0.3, 0.7, 0.1]])
    value = turns.places(lists, 2, duplicates)
    assert [int(key) for key in value["key"][np.argsort(value["place"])]][:3] == order


def plain_skipping(scores):
    orders = [list(np.lexsort((np.arange(len(line)), -np.array(line)))) for line in scores]
    taken = []
    while any(orders):
        for own in orders:
            while own and own[0] in taken:
                own.pop(0)
            if own:
                taken.append(own.pop(0))
    return taken


def test_skipping_is_the_plain_simulation():
    rng = np.random.default_rng(2)
    scores = rng.integers(0, 6, (4, 9))
    value = turns.places(lists_of(scores), 4, "skip")
    assert [int(key) for key in value["key"][np.argsort(value["place"])]] == plain_skipping(scores)
