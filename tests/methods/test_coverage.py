"""k-centre and facility location: hand-checked numbers, equal to the plain greedy, ties, odd inputs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from selection.kernels import coverage
from selection.kernels.coverage import facility_location, first_row, k_center
from selection.kernels.lattice import SCALE, lattice, middle, nearest, squares
from tests.methods.reference_diversity import plain_facility, plain_k_center

few = settings(max_examples=60, deadline=None)
# Few values, so that rows repeat themselves, tie and vanish.
small = nps.arrays(np.float32, st.tuples(st.integers(1, 14), st.just(3)), elements=st.sampled_from([-1, 0, 0.5, 1]))


def scattered(rows, wide=16, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, wide)).astype(np.float32)


def of_gram(gram):
    """Unit vectors with these cosines."""
    return np.linalg.cholesky(np.array(gram, float) + 1e-12 * np.eye(len(gram)))


# --- the lattice ---


def test_products_are_whole_and_do_not_depend_on_blocks():
    points = lattice(scattered(500, 384))
    whole = points @ points.T
    assert np.array_equal(whole, (points.astype(np.int64) @ points.astype(np.int64).T).astype(np.float64))
    for size in (1, 7, 64):
        parts = [points[start : start + size] @ points.T for start in range(0, 500, size)]
        assert np.array_equal(np.concatenate(parts), whole)
    assert squares(points).max() < 2**24


def test_cosines_move_by_little():
    raw = scattered(200, 256)
    unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    points = lattice(raw)
    _, best = nearest(points, points[:1])
    assert np.abs(best - unit @ unit[0]).max() < 6e-4
    assert np.array_equal(lattice(raw * 1000), points)
    assert np.array_equal(lattice(raw, np.array([3, 1])), points[[3, 1]])


def test_zero_tiny_and_huge_vectors():
    points = lattice(np.array([[0, 0], [1e-38, 0], [1e38, -1e38]], np.float32))
    assert points.tolist() == [[0, 0], [SCALE, 0], [2828, -2828]]
    assert middle(points[:1]).tolist() == [[0, 0]]
    assert middle(points[:0]).tolist() == [[0, 0]]


def test_what_is_no_vector_is_refused():
    with pytest.raises(ValueError, match="not finite"):
        lattice(np.array([[np.nan, 1]]))
    with pytest.raises(ValueError, match="at most 30000"):
        lattice(np.zeros(3))


# --- k-centre ---


def test_k_center_by_hand():
    """Four directions of a square; from (1, 0) the opposite one comes first, then the two others by place."""
    square = lattice(np.array([[1, 0], [0, 1], [-1, 0], [0, -1]], np.float32))
    found = k_center(square, 4, start=0)
    assert found.order.tolist() == [0, 2, 1, 3]
    assert found.distance == pytest.approx([-1, 2, 2**0.5, 2**0.5])


def test_k_center_starts_near_the_mean_or_the_target():
    rows = lattice(np.array([[0, 1], [1, 0.9], [1, 0]], np.float32))
    assert first_row(rows) == 1
    assert first_row(rows, lattice(np.array([[1.0, -1]]))) == 2
    assert first_row(rows, rows[:0]) == 1


@few
@given(small, st.integers(1, 14), st.integers(1, 14))
def test_k_center_is_the_plain_greedy(values, most, candidates):
    points = lattice(values)
    start = first_row(points)
    found = k_center(points, most, candidates=candidates)
    assert found.order.tolist() == plain_k_center(points, start, most)


@pytest.mark.parametrize("candidates", [1, 5, 64, 300])
def test_k_center_on_many_rows(candidates):
    points = lattice(scattered(300))
    found = k_center(points, 120, candidates=candidates)
    assert found.order.tolist() == plain_k_center(points, first_row(points), 120)
    assert (np.diff(found.distance[1:]) <= 0).all()


def test_k_center_covers_within_twice_the_best():
    """Ten tight bunches: ten centres take one of each."""
    bunches = np.repeat(scattered(10), 20, axis=0) + 0.01 * scattered(200, seed=1)
    assert {row // 20 for row in k_center(lattice(bunches), 10).order.tolist()} == set(range(10))


def test_k_center_of_equal_single_zero_and_no_rows():
    assert k_center(lattice(np.ones((5, 3))), 9).order.tolist() == [0, 1, 2, 3, 4]
    assert k_center(lattice(np.zeros((3, 3))), 9).order.tolist() == [0, 1, 2]
    assert k_center(lattice(np.ones((1, 3))), 9).order.tolist() == [0]
    assert k_center(lattice(np.ones((0, 3))), 9).order.tolist() == []
    found = k_center(lattice(np.array([[1, 0], [1, 0], [0, 1], [0, 0]])), 9)
    assert sorted(found.order.tolist()) == [0, 1, 2, 3]
    assert found.distance[-1] == 0


def test_k_center_can_be_stopped():
    def stop(done):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        k_center(lattice(scattered(50)), 40, tick=stop)


# --- facility location ---


def test_facility_location_by_hand():
    """b adds 2.0 to nothing, more than a (1.9) and c (1.3); then c adds .8, a only .2."""
    rows = lattice(of_gram([[1, 0.8, 0.1], [0.8, 1, 0.2], [0.1, 0.2, 1]]))
    found = facility_location(rows, rows, 3)
    assert found.order.tolist() == [1, 2, 0]
    assert found.gain == pytest.approx([2.0, 0.8, 0.2], abs=2e-3)
    assert found.served.tolist() == [1, 2, 0]
    assert found.similarity == pytest.approx([1, 1, 1], abs=2e-3)
    assert found.nearer.tolist() == [3, 1, 1]
    assert found.layer.tolist() == [0, 0, 0]


@few
@given(small, small, st.integers(1, 14), st.integers(1, 14))
def test_lazy_facility_location_is_the_plain_greedy(values, references, most, candidates):
    points, others = lattice(values), lattice(references)
    order, gains = plain_facility(points.astype(np.int64) @ others.astype(np.int64).T, most)
    found = facility_location(points, others, most, candidates=candidates)
    assert found.order.tolist() == order
    assert np.rint(found.gain * SCALE**2).astype(int).tolist() == gains


@pytest.mark.parametrize("held", [0, 10**9])
def test_facility_location_on_many_rows(held, monkeypatch):
    monkeypatch.setattr(coverage, "HELD", held)
    points = lattice(scattered(260))
    others = points[:40]
    order, _ = plain_facility(points.astype(np.int64) @ others.astype(np.int64).T, 200)
    found = facility_location(points, others, 200)
    assert found.order.tolist() == order
    assert found.layer[-1] > 1


def test_a_layer_covers_every_target_again():
    """Two targets, three good rows for each: what the first layer leaves serves both targets again."""
    rows = lattice(np.array([[1, 0.1], [1, 0.2], [1, 0.3], [0.1, 1], [0.2, 1], [0.3, 1]]))
    found = facility_location(rows, lattice(np.eye(2)), 6)
    assert found.layer.tolist() == [0, 0, 0, 1, 1, 1]
    assert [set(found.served[found.layer == layer].tolist()) for layer in (0, 1)] == [{0, 1}] * 2


def test_facility_location_of_odd_rows():
    ones = lattice(np.ones((4, 3)))
    assert facility_location(ones, ones[:1], 9).order.tolist() == [0, 1, 2, 3]
    zeros = lattice(np.zeros((3, 3)))
    found = facility_location(zeros, ones[:1], 9)
    assert (found.order.tolist(), found.served.tolist()) == ([0, 1, 2], [-1, -1, -1])
    assert facility_location(ones, ones[:0], 2).order.tolist() == [0, 1]
    assert facility_location(ones[:0], ones, 2).order.tolist() == []
    assert facility_location(ones, -ones, 2).order.tolist() == [0, 1], "like no reference: by place"
