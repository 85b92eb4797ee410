"""Spherical k-means, SemDeDup and D4: hand-checked numbers, faults of the published code, blocks, odd inputs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from selection.kernels.chance import chance
from selection.kernels.clusters import automatic, d4, in_turn, k_means, keep_first, semdedup
from selection.kernels.lattice import lattice
from tests.methods.reference_diversity import plain_dedup, their_dedup

few = settings(max_examples=60, deadline=None)
small = nps.arrays(np.float32, st.tuples(st.integers(1, 16), st.just(3)), elements=st.sampled_from([-1, 0, 0.5, 1]))


def keyed(rows):
    return chance(0, [f"k{row}" for row in range(rows)])


def cosines(points):
    raw = points.astype(float)
    norms = np.linalg.norm(raw, axis=1)
    norms[norms == 0] = 1
    return raw @ raw.T / norms[:, None] / norms


def bunches(count=8, each=30, wide=12, noise=0.05):
    draw = np.random.default_rng(0)
    middles = draw.standard_normal((count, wide))
    return (np.repeat(middles, each, axis=0) + noise * draw.standard_normal((count * each, wide))).astype(np.float32)


# --- k-means ---


def test_k_means_finds_bunches():
    found = k_means(lattice(bunches(4)), 4, keyed(120))
    again = k_means(lattice(bunches(4)), 12, keyed(120))
    for labels in (again.member,):
        for cluster in set(labels.tolist()):
            assert len({row // 30 for row in np.flatnonzero(labels == cluster).tolist()}) == 1
    assert found.similarity.mean() > 0.8


def test_every_row_is_with_its_nearest_centre():
    points = lattice(bunches(noise=1.0))
    found = k_means(points, 9, keyed(len(points)))
    sims = cosines(np.concatenate([points, found.centres]))[: len(points), len(points) :]
    assert np.allclose(sims.max(axis=1), found.similarity)
    assert np.allclose(sims[np.arange(len(points)), found.member], found.similarity)


def test_k_means_learns_from_the_rows_drawn_and_moves_empty_centres():
    """More rows than 256 a cluster; and two beginnings in one bunch still serve the other bunch in the end."""
    points = lattice(bunches(2, 600))
    for seed in range(8):
        found = k_means(points, 2, chance(seed, [str(row) for row in range(1200)]))
        assert found.member[0] != found.member[-1]
        assert np.bincount(found.member).tolist() == [600, 600]


@few
@given(small, st.integers(1, 20))
def test_k_means_takes_any_rows(values, count):
    points = lattice(values)
    found = k_means(points, count, keyed(len(points)))
    assert len(found.centres) <= count
    assert found.member.max() < len(found.centres)
    assert np.isfinite(found.similarity).all()


def test_k_means_of_equal_zero_single_and_no_rows():
    assert len(k_means(lattice(np.ones((5, 3))), 4, keyed(5)).centres) == 1
    assert k_means(lattice(np.zeros((3, 3))), 4, keyed(3)).member.tolist() == [0, 0, 0]
    assert k_means(lattice(np.ones((1, 3))), 4, keyed(1)).similarity == pytest.approx([1])
    assert len(k_means(lattice(np.ones((0, 3))), 4, keyed(0)).member) == 0
    assert len(k_means(lattice(np.array([[1.0, 0], [-1, 0]])), 1, keyed(2)).centres) == 1, "members that cancel out"


# --- SemDeDup ---

# cos(1,2) = cos(2,3) = .97, cos(1,3) = .90
CHAIN = np.linalg.cholesky(np.array([[1, 0.97, 0.90], [0.97, 1, 0.97], [0.90, 0.97, 1]]))


def test_a_row_goes_only_for_one_that_stays():
    points, one, order = lattice(CHAIN), np.zeros(3, np.int64), np.arange(3)
    stands = keep_first(points, one, order, 0.95)
    assert stands.tolist() == [0, 0, 2], "the first and the third stay"
    assert their_dedup(cosines(points), [0, 1, 2], 0.95) == [0], "the published rule drops the third for nothing"


@pytest.mark.parametrize("block", [1, 2, 3, 7, 64, 1024])
def test_blocks_change_nothing(block):
    points = lattice(bunches(noise=0.3))
    order = np.random.default_rng(1).permutation(len(points))
    member = np.arange(len(points)) % 2
    found = keep_first(points, member, order, 0.9, block=block)
    stands = plain_dedup(cosines(points), member.tolist(), order.tolist(), 0.9)
    assert found.tolist() == [stands[row] for row in range(len(points))]
    assert 20 < len(set(found.tolist())) < 220


@few
@given(small, st.integers(1, 5), st.sampled_from([0.0, 0.4, 0.6, 0.95]), st.randoms())
def test_keep_first_is_the_plain_rule(values, block, threshold, draw):
    points = lattice(values)
    order = list(range(len(points)))
    draw.shuffle(order)
    member = np.array([draw.randrange(2) for _ in order])
    stands = plain_dedup(cosines(points), member.tolist(), order, threshold)
    found = keep_first(points, member, np.array(order), threshold, block=block)
    assert found.tolist() == [stands[row] for row in range(len(points))]


def test_of_what_stays_no_two_are_alike_and_what_goes_is_like_one_that_stays():
    points = lattice(bunches(noise=0.3))
    found = semdedup(points, keyed(len(points)), threshold=0.9, count=1)
    sims = cosines(points)
    kept = sims[np.ix_(found.kept, found.kept)]
    assert (kept[~np.eye(len(kept), dtype=bool)] <= 0.9).all()
    gone = np.setdiff1d(np.arange(len(points)), found.kept)
    assert len(gone)
    assert (sims[gone, found.stands[gone]] > 0.9).all()
    assert set(found.stands.tolist()) == set(found.kept.tolist())


def test_the_far_or_the_near_row_of_two_stays():
    """Rows 0 and 1 are alike; the bunch around row 1 pulls the centre to it."""
    points = lattice(np.array([[1, 0.2, 0], [1, 0, 0], [1, -0.5, 0.5], [1, -0.5, -0.5]]))
    assert semdedup(points, keyed(4), threshold=0.97, count=1).stands.tolist() == [0, 0, 2, 3]
    assert semdedup(points, keyed(4), threshold=0.97, count=1, far_first=False).stands.tolist() == [1, 1, 2, 3]


def test_equal_rows_leave_the_first_and_rows_without_words_stay():
    assert semdedup(lattice(np.ones((4, 3))), keyed(4), threshold=0.95).kept.tolist() == [0]
    assert semdedup(lattice(np.zeros((4, 3))), keyed(4), threshold=0.95).kept.tolist() == [0, 1, 2, 3]
    assert semdedup(lattice(np.ones((1, 3))), keyed(1), threshold=0.95).kept.tolist() == [0]
    assert semdedup(lattice(np.ones((0, 3))), keyed(0), threshold=0.95).kept.tolist() == []


def test_clusters_for_a_pool():
    assert [automatic(rows) for rows in (0, 1, 100, 192_825)] == [1, 1, 10, 439]


def test_semdedup_can_be_stopped():
    def stop(done):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        keep_first(lattice(bunches()), np.zeros(240, np.int64), np.arange(240), 0.9, tick=stop)


# --- D4 ---


def test_d4_drops_copies_and_then_what_is_nearest_to_the_middle():
    """Around (1, 0, 0): a copy goes first, then of the five that are left the two nearest to the middle."""
    rows = lattice(np.array([[1, 0, 0], [1, 0.1, 0], [1, 0.8, 0], [1, -0.4, 0.6], [1, -0.5, -0.6], [1, 0.8, 0]]))
    found = d4(rows, keyed(6), threshold=0.999, keep=0.6, count=1)
    assert found.first.kept.tolist() == [0, 1, 2, 3, 4]
    assert found.kept.tolist() == [2, 3, 4]
    assert len(found.similarity) == len(found.member) == 3


@pytest.mark.parametrize(("keep", "many"), [(0.0, 1), (0.25, 60), (1.0, 240)])
def test_d4_keeps_its_share(keep, many):
    points = lattice(bunches(noise=1.0))
    assert len(d4(points, keyed(240), threshold=1.0, keep=keep).kept) == many


def test_d4_of_equal_and_single_rows():
    assert d4(lattice(np.ones((4, 3))), keyed(4), threshold=0.95, keep=0.5).kept.tolist() == [0]
    assert d4(lattice(np.zeros((4, 3))), keyed(4), threshold=0.95, keep=0.5).kept.tolist() == [0, 1]


def test_clusters_give_in_turn():
    member, first = np.array([0, 0, 0, 1, 2, 2]), np.array([0.3, 0.1, 0.2, 0.9, 0.5, 0.5])
    assert in_turn(member, first).tolist() == [1, 4, 3, 2, 5, 0]
    assert in_turn(member[:0], first[:0]).tolist() == []
