"""TSDS: the hand-checked numbers of the heap rule, exact neighbours and density, drawing without replacement."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selection.kernels.chance import chance
from selection.kernels.lattice import lattice
from selection.kernels.transport import density, neighbours, sample, smallest, spread, transport
from tests.methods.reference_diversity import plain_density, plain_transport

few = settings(max_examples=60, deadline=None)


def scattered(rows, wide=8, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, wide)).astype(np.float32)


def unit(points):
    raw = points.astype(float)
    return raw / 4000


# --- the heap rule ---


@pytest.mark.parametrize(
    ("distance", "rho", "s", "mass"),
    [
        ([1, 2, 4, 8], [1, 1, 1, 1], 2, [0.5, 0.5, 0, 0]),
        ([1, 1.1, 4, 8], [2, 2, 1, 1], 2, [0.25, 0.25, 0.5, 0]),
    ],
)
def test_heap_rule_by_hand(distance, rho, s, mass):
    plan = transport(np.array([distance], float), np.array([rho], float), 0.5, 5.0)
    assert plan.s == s
    assert plan.mass.tolist() == [mass]
    assert plan.enough


def test_remainder_goes_to_the_next_neighbour():
    """Two targets; s = 2 is found at the first. The second's first row takes 1/(2*2*.8) = .3125, the next the rest."""
    plan = transport(np.array([[1, 2, 9.0], [1, 2, 9.0]]), np.array([[1, 1, 1], [0.8, 1, 1.0]]), 0.5, 5.0)
    assert plan.mass.sum(axis=1) == pytest.approx([0.5, 0.5])
    cap = 1 / (2 * plan.s)
    assert plan.mass[1, 0] == pytest.approx(min(0.5, cap / 0.8))


def test_alpha_weighs_nearness_against_spread():
    """With alpha near 1 only the nearest row counts, with 0 every neighbour there is."""
    distance, rho = np.array([[0.1, 0.2, 0.3, 0.4]]), np.ones((1, 4))
    assert transport(distance, rho, 1.0, 5.0).mass.tolist() == [[1, 0, 0, 0]]
    even = transport(distance, rho, 0.0, 5.0)
    assert even.mass.tolist() == [[0.25] * 4]
    assert not even.enough


@few
@given(st.integers(1, 4), st.integers(1, 6), st.sampled_from([0.2, 0.5, 0.9]), st.integers(0, 10**6))
def test_heap_rule_is_the_plain_one(targets, most, alpha, seed):
    draw = np.random.default_rng(seed)
    distance = np.sort(draw.uniform(0, 2, (targets, most)), axis=1)
    rho = draw.uniform(1, 4, (targets, most))
    s, mass = plain_transport(distance, rho, alpha, 1.0)
    plan = transport(distance, rho, alpha, 1.0)
    assert plan.s == pytest.approx(s)
    assert plan.mass == pytest.approx(mass, abs=1e-12)
    assert plan.mass.sum() == pytest.approx(1)


# --- neighbours and density ---


def test_neighbours_are_exact():
    """Brute force says the same; the published code searches approximately and may name rows that are none."""
    points, targets = lattice(scattered(300)), lattice(scattered(5, seed=1))
    found = neighbours(points, targets, 40)
    square = ((points[None] - targets[:, None]).astype(np.int64) ** 2).sum(axis=2)
    for at in range(5):
        order = np.lexsort((np.arange(300), square[at]))[:40]
        assert found.place[at].tolist() == order.tolist()
        assert found.distance[at] == pytest.approx(np.sqrt(square[at][order]) / 4000)


def test_neighbours_of_few_rows():
    """min(K, N // 10) of the published code leaves none for fewer than ten rows, one for fewer than twenty."""
    points = lattice(scattered(7))
    assert neighbours(points, points[:2], 5000).place.shape == (2, 7)
    assert sorted(neighbours(points, points[:2], 5000).place[0].tolist()) == list(range(7))


@few
@given(st.lists(st.integers(0, 3), max_size=12), st.integers(0, 14))
def test_smallest_orders_ties_by_place(values, most):
    held = np.array(values, float)
    order = sorted(range(len(values)), key=lambda at: (values[at], at))
    assert smallest(held, most).tolist() == order[:most]


@pytest.mark.parametrize("sigma", [0.0, 0.4, 0.75, 1.2])
@pytest.mark.parametrize("most", [3, 1000])
def test_density_is_the_plain_sum(sigma, most):
    points = lattice(scattered(80, wide=4))
    square = ((points[None] - points[:, None]).astype(np.int64) ** 2).sum(axis=2) / 4000**2
    want = plain_density(square, most, sigma**2)
    assert density(points, np.arange(80), sigma=sigma, most=most) == pytest.approx(np.maximum(want, 1), rel=1e-6)
    some = np.array([5, 70])
    assert density(points, some, sigma=sigma, most=most) == pytest.approx(np.maximum(want, 1)[some], rel=1e-6)


def test_density_counts_copies():
    points = lattice(np.concatenate([np.ones((4, 3)), [[1.0, -1, 0]]]))
    assert density(points, np.arange(5), sigma=0.75).tolist() == [4, 4, 4, 4, 1]


# --- the whole ---


def test_copies_share_what_one_row_would_get():
    """Ten copies of one row and one other row, as near to the target: the other one gets what the ten get together."""
    copies = np.tile([1.0, 0.4, 0], (10, 1))
    points = lattice(np.concatenate([copies, [[1, -0.4, 0]], [[0, 0, 1]]]))
    found = spread(points, lattice(np.array([[1.0, 0, 0]])), alpha=0.5, scale=5.0, sigma=0.3)
    assert found.mass[:10].sum() == pytest.approx(found.mass[10])
    assert found.mass.sum() == pytest.approx(1)
    assert found.target.tolist()[:11] == [0] * 11


def test_reach_grows_as_if_all_neighbours_were_there():
    points, targets = lattice(scattered(900)), lattice(scattered(3, seed=1))
    found = spread(points, targets, alpha=0.02, scale=1.0, sigma=0.5)
    assert int(found.plan.taken.max()) > 256
    near = neighbours(points, targets, 900)
    rho = density(points, np.arange(900), sigma=0.5)
    whole = transport(near.distance, rho[near.place], 0.02, 1.0)
    assert (found.plan.s, found.plan.enough) == (whole.s, whole.enough)
    mass = np.zeros(900)
    np.add.at(mass, near.place, whole.mass)
    assert found.mass == pytest.approx(mass)


@pytest.mark.parametrize("rows", [np.ones((5, 3)), np.zeros((5, 3)), np.ones((1, 3))])
def test_equal_zero_and_single_rows(rows):
    found = spread(lattice(rows), lattice(np.array([[1.0, 1, 0], [0, 0, 0]])), alpha=0.5, scale=5.0, sigma=0.75)
    assert found.mass.sum() == pytest.approx(1)
    assert np.isfinite(found.mass).all()


def test_no_row_is_drawn_twice_and_none_without_mass():
    """np.random.multinomial of the published code draws with replacement."""
    mass = np.array([0.9, 0.05, 0, 0.05])
    for seed in range(20):
        drawn = sample(mass, chance(seed, list("abcd")), 10).tolist()
        assert sorted(drawn) == [0, 1, 3]
    assert sample(mass, chance(1, list("abcd")), 2).tolist() == sample(mass, chance(1, list("abcd")), 10).tolist()[:2]


def test_first_draws_follow_the_mass():
    mass = np.array([0.5, 0.3, 0.2])
    first = [int(sample(mass, chance(seed, list("abc")), 1)[0]) for seed in range(3000)]
    assert np.bincount(first, minlength=3) / 3000 == pytest.approx(mass, abs=0.03)


def test_spread_can_be_stopped():
    def stop(done):
        raise InterruptedError

    points = lattice(scattered(9))
    with pytest.raises(InterruptedError):
        spread(points, points[:1], alpha=0.5, scale=5.0, sigma=0.75, tick=stop)
