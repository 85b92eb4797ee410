"""vote-k and IDEAL against plain implementations, hand-checked numbers, and the faults of the published code."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selection.kernels import influence as reaching
from selection.kernels.graph import Graph, neighbours, supporters
from selection.kernels.lattice import lattice
from selection.kernels.vote_k import VoteK, vote_k, vote_k_confident
from tests.methods import reference_annotating as plain

some = settings(max_examples=40, deadline=None)


def points(rows, dims=6, topics=3, seed=0):
    draw = np.random.default_rng(seed)
    return lattice(
        draw.standard_normal((rows, dims)) + 2 * draw.standard_normal((topics, dims))[draw.integers(0, topics, rows)]
    )


def edges(*lists):
    """int32[N, k] of lists of neighbours of any length."""
    k = max(map(len, lists))
    return np.array([[*one, *[-1] * (k - len(one))] for one in lists], np.int32)


def names(rows):
    return np.random.default_rng(1).integers(0, 2**63, rows).astype(np.uint64)


# --- the graph ---


@pytest.mark.parametrize("k", [1, 3, 17, 79, 500])
def test_neighbours_are_those_of_a_whole_sort(k):
    held = points(80)
    found = neighbours(held, k)
    assert found.to.tolist() == plain.plain_neighbours(held, k)
    for row, (to, near) in enumerate(zip(found.to, found.near, strict=True)):
        assert near.tolist() == (held[to] @ held[row]).astype(int).tolist()


def test_neighbours_of_many_rows_through_a_full_buffer():
    held = points(1_500, dims=2)  # few directions, so many ties
    assert neighbours(held, 9).to.tolist() == plain.plain_neighbours(held, 9)


def test_an_equal_row_is_a_neighbour_and_the_row_itself_never():
    """The published code drops the last of a sort as the row itself, which need not be it among equal rows."""
    held = lattice(np.repeat(np.eye(2), 4, axis=0))
    found = neighbours(held, 3)
    for row, to in enumerate(found.to.tolist()):
        assert to == [other for other in range(row // 4 * 4, row // 4 * 4 + 4) if other != row]


def test_rows_without_a_direction_have_no_neighbours():
    held = lattice(np.array([[1.0, 0], [0, 0], [1, 0.1], [0, 0]]))
    found = neighbours(held, 3)
    assert found.to.tolist() == [[2, -1, -1], [-1] * 3, [0, -1, -1], [-1] * 3]
    assert neighbours(held[:1], 5).to.tolist() == [[-1]]
    assert len(neighbours(held[:0], 5)) == 0
    with pytest.raises(ValueError, match="at least one neighbour"):
        neighbours(held, 0)


def test_supporters_turn_the_edges_round():
    found = supporters(edges([1, 2], [2], [0]))
    assert found.start.tolist() == [0, 1, 2, 4]
    assert found.rows.tolist() == [2, 0, 0, 1]


# --- vote-k ---


def test_vote_k_by_hand():
    """0 -> 1, 1 -> 0, 2 -> 1, 3 -> 2: first 1 with two votes; then 2 with the whole vote of 3, while 0 and 2 count .1."""
    found = vote_k(edges([1], [0], [1], [2]), 4)
    assert found.order.tolist()[:2] == [1, 2]
    assert found.score.tolist()[:2] == [2.0, 1.0]
    assert found.stands_for.tolist() == [2, 1, 0, 0]
    assert sorted(found.order.tolist()) == [0, 1, 2, 3]


def test_a_vote_weighs_a_tenth_for_each_neighbour_that_is_taken():
    # 0 has two supporters, 1 three of which one supports 0 too: 1 goes first, and leaves 0 a vote and a tenth.
    found = vote_k(edges([], [], [0], [0, 1], [1], [1]), 2)
    assert found.order.tolist() == [1, 0]
    assert found.score.tolist() == pytest.approx([3.0, 1.1], abs=1e-12)
    assert found.represented.tolist() == [0, 1]


@some
@given(st.integers(2, 60), st.integers(1, 12), st.integers(0, 99))
def test_vote_k_picks_what_the_published_loop_picks(rows, k, seed):
    near = neighbours(points(rows, seed=seed), k).to
    most = min(rows, 12)
    assert vote_k(near, most).order.tolist() == plain.plain_vote_k([row[row >= 0].tolist() for row in near], most)


def test_vote_k_orders_every_row_however_light_its_votes_have_become():
    near = neighbours(points(160, topics=1), 60).to
    found = vote_k(near, 1_000)
    assert sorted(found.order.tolist()) == list(range(160))
    assert found.order.tolist()[:40] == plain.plain_vote_k(near.tolist(), 40)
    assert found.score[39] < 1e-3
    assert (np.diff(found.score) <= 1e-9).all()


def test_a_second_call_has_no_duplicates():
    """With cached votes the published code no longer knows what it took: 25 of 30 picks differ, or fewer."""
    near = neighbours(points(60), 10).to
    back = supporters(near)
    votes = {row: back.rows[back.start[row] : back.start[row + 1]].tolist() for row in range(60)}
    assert len(set(plain.published_cached_vote_k(votes, 30))) < 30  # the fault
    first = vote_k(near, 30).order
    assert len(set(first.tolist())) == 30
    assert vote_k(near, 30).order.tolist() == first.tolist()
    second = vote_k(near, 30, taken=first).order
    assert set(second.tolist()) == set(range(60)) - set(first.tolist())
    assert [*first, *second] == vote_k(near, 60).order.tolist()


def test_picking_one_by_one_is_picking_many():
    near = neighbours(points(50), 8).to
    state = VoteK(near)
    assert [int(state.take(1).order[0]) for _ in range(50)] == vote_k(near, 50).order.tolist()
    assert not len(state.take(5).order)


def test_vote_k_refuses_a_discount_that_is_none():
    for rho in (0.5, float("nan")):
        with pytest.raises(ValueError, match="at least 1"):
            vote_k(edges([1], [0]), 1, rho=rho)


def test_full_vote_k_takes_one_of_each_bin_of_confidence():
    near = neighbours(points(60), 10).to
    sure = np.random.default_rng(5).random(60)
    found = vote_k_confident(near, sure, 14, first=4)
    assert found.order[:4].tolist() == vote_k(near, 4).order.tolist()
    rest = [row for row in np.argsort(sure, kind="stable").tolist() if row not in found.order[:4]]
    kept = rest[: len(rest) - len(rest) // 10]
    bins = [set(part.tolist()) for part in np.array_split(kept, 10)]
    assert [next(n for n, one in enumerate(bins) if row in one) for row in found.order[4:].tolist()] == list(range(10))
    assert not set(rest[len(kept) :]) & set(found.order.tolist()), "the surest tenth is left out"
    # Within a bin the votes decide, and they count what was taken from earlier bins.
    state = VoteK(near)
    state.take(4)
    for row, one in zip(found.order[4:].tolist(), bins, strict=True):
        assert int(state.take_of(np.array(sorted(one))).order[0]) == row


def test_full_vote_k_at_the_edges():
    near = neighbours(points(12), 3).to
    sure = np.arange(12.0)
    assert len(vote_k_confident(near, sure, 3, first=5).order) == 3
    everything = vote_k_confident(near, sure, 99, first=2, leave=0).order.tolist()
    assert sorted(everything) == list(range(12))
    for wrong in (sure[:5], np.where(sure == 3, np.nan, sure)):
        with pytest.raises(ValueError, match="one finite number a row"):
            vote_k_confident(near, wrong, 3, first=1)


# --- IDEAL ---


def drawn(to, weight, **given_):
    weight = np.array(weight, float)
    return reaching.draw(to, weight, names=names(len(to)), **given_)


def test_what_one_row_is_expected_to_reach():
    """a -> b with .6, a -> c with .4: itself, .6 and .4."""
    live = drawn(edges([1, 2], [], []), [[0.6, 0.4], [0, 0], [0, 0]])
    assert reaching.spread(live, np.array([0])) == 2.0
    for seed in range(5):
        assert (
            reaching.spread(drawn(edges([1, 2], [], []), [[0.6, 0.4], [0, 0], [0, 0]], seed=seed), np.array([0])) == 2.0
        )


def test_a_row_that_two_parents_reach_counts_once():
    """a -> b, a -> c, b -> d, c -> d with certainty: four rows. The published code counts five; with three rows four."""
    to = edges([1, 2], [3], [3], [])
    sure = np.where(to >= 0, 1.0, 0.0)
    assert reaching.spread(drawn(to, sure), np.array([0])) == 4.0
    assert len(plain.published_cascade(to.tolist(), sure.tolist(), 0, random.Random(0))) == 5
    three, weight = edges([1, 1], [2, 2], []), np.array([[1.0, 1.0], [1.0, 0.0], [0, 0]])
    assert len(plain.published_cascade(three.tolist(), weight.tolist(), 0, random.Random(0))) >= 4  # the fault
    assert reaching.spread(drawn(three, weight), np.array([0])) == 3.0


def test_the_spread_is_that_of_all_graphs_of_kept_edges():
    given_ = [(0, 1, 0.5), (0, 2, 0.25), (1, 2, 0.75), (2, 3, 0.3), (3, 0, 0.7), (1, 3, 0.25)]
    to = edges([1, 2], [2, 3], [3], [0])
    weight = np.zeros(to.shape)
    for one, other, share in given_:
        weight[one, to[one].tolist().index(other)] = share
    live = drawn(to, weight, samples=20_000)
    for start in range(4):
        assert reaching.spread(live, np.array([start])) == pytest.approx(plain.exact_spread(given_, [start]), abs=0.03)
    both = plain.exact_spread(given_, [1, 3])
    assert reaching.spread(live, np.array([1, 3])) == pytest.approx(both, abs=0.03)


def test_each_edge_lives_in_its_share_of_the_samples():
    weight = [[0.305, 0.0], [1.0, 0.5]]
    live = drawn(edges([1, 0], [0, 1]), weight, samples=200)
    kept = [
        sum(row == other for graph in plain.samples_of(live) for row in graph[one])
        for one, other in ((0, 1), (1, 0), (1, 1))
    ]
    assert kept == [61, 200, 100]
    assert not any(0 in graph[0] for graph in plain.samples_of(live))
    with pytest.raises(ValueError, match="between 0 and 1"):
        drawn(edges([1], [0]), [[1.5], [0.0]])


def graph_of(rows, k=5, seed=0):
    graph = neighbours(points(rows, seed=seed), k)
    return graph, reaching.weights(graph)


def test_weights_add_up_to_one_and_nothing_is_negative():
    graph, weight = graph_of(40, 39)
    assert (graph.near < 0).any()
    assert (weight >= 0).all()
    assert weight.sum(axis=1) == pytest.approx(1.0)
    assert reaching.weights(Graph(edges([], [0]), np.zeros((2, 1), np.int32))).tolist() == [[0.0], [0.0]]


@some
@given(st.integers(2, 40), st.integers(1, 6), st.integers(0, 99))
def test_lazy_greedy_picks_what_plain_greedy_picks(rows, k, seed):
    graph, weight = graph_of(rows, k, seed)
    live = reaching.draw(graph.to, weight, names=names(rows), seed=seed, samples=20)
    assert reaching.influence(live, rows).order.tolist() == plain.plain_influence(plain.samples_of(live), rows)


def test_the_first_pick_reaches_most_and_is_no_matter_of_place():
    """All rows have as many edges, so the published start, the row with most of them, is always the first row."""
    graph, weight = graph_of(200)
    live = reaching.draw(graph.to, weight, names=names(200))
    found = reaching.influence(live, 30)
    alone = [reaching.spread(live, np.array([row])) for row in range(200)]
    assert found.order[0] == int(np.argmax(alone)) != 0
    assert found.reach[0] == found.gain[0] == max(alone)
    assert found.gain.sum() == pytest.approx(reaching.spread(live, found.order))
    assert (np.diff(found.gain) <= 1e-9).all()
    assert (found.gain <= found.reach).all()


def test_chance_belongs_to_the_names_and_the_seed():
    graph, weight = graph_of(80)
    called = names(80)
    order = reaching.influence(reaching.draw(graph.to, weight, names=called, seed=4), 20).order
    again = reaching.influence(reaching.draw(graph.to, weight, names=called, seed=4), 20).order
    assert order.tolist() == again.tolist()
    shuffle = np.random.default_rng(2).permutation(80)  # new place -> old place
    to = np.argsort(shuffle)[graph.to[shuffle]].astype(np.int32)
    moved = reaching.influence(reaching.draw(to, weight[shuffle], names=called[shuffle], seed=4), 20)
    assert shuffle[moved.order[:10]].tolist() == order[:10].tolist()
    orders = {
        tuple(reaching.influence(reaching.draw(graph.to, weight, names=called, seed=s), 5).order) for s in range(6)
    }
    assert len(orders) > 1


def test_picks_of_one_seed_reach_as_much_on_the_graphs_of_another():
    """Of ten simulations a gain, two seeds share 3 of 18 picks; of two hundred fixed graphs more, and all are as good."""
    graph, weight = graph_of(300, 10)
    lives = [reaching.draw(graph.to, weight, names=names(300), seed=seed) for seed in (1, 2)]
    one, other = (reaching.influence(live, 18) for live in lives)
    assert len(set(one.order.tolist()) & set(other.order.tolist())) >= 6
    assert reaching.spread(lives[1], one.order) > 0.95 * other.gain.sum()


def test_no_rows_and_one_row():
    nothing = reaching.draw(np.empty((0, 1), np.int32), np.empty((0, 1)), names=np.empty(0, np.uint64))
    assert not len(reaching.influence(nothing, 5).order)
    assert reaching.influence(drawn(np.array([[-1]], np.int32), [[0.0]]), 5).order.tolist() == [0]
