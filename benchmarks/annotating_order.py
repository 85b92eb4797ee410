"""vote_k and ideal against plain implementations of the published algorithms, on the same rows, with the same picks.

OMP_NUM_THREADS=1 python -m benchmarks.annotating_order vote_k            20,000 rows, 100 picks
OMP_NUM_THREADS=1 python -m benchmarks.annotating_order ideal             5,000 rows, 100 picks

Seconds are those of one core, so that a busy machine does not count. The plain vote-k is the published code's way: one matrix
product and one whole sort a row, then all scores anew for every pick, with lists searched for membership. Its graph is measured
on `--sorted` rows and its picks up to `--picked`, and both are extrapolated: each row costs the same, and each pick at least
as much as the one before. All picks are compared with those of a recount of every vote in numpy. The plain IDEAL is greedy on
the same sampled graphs without bounds; beside it stands the published greedy, with ten simulations a gain, for its
first ten picks.
"""

import argparse
import json
import os
import time

import numpy as np

from benchmarks.common import Pool, peak_mib, save
from selection.kernels import influence as reaching
from selection.kernels.graph import neighbours
from selection.kernels.lattice import lattice
from selection.kernels.vote_k import vote_k
from tests.methods import reference_annotating as plain

PICKS = 100
PUBLISHED = 10  # picks of the published greedy that are measured


def points(rows):
    """Static word vectors of the prompts, on the lattice."""
    from selection.encoders import load
    from selection.methods import items

    pool = Pool(rows=rows)
    texts = [text for item in items(pool.sizes, rows) for text in pool.open(item)["prompt"]]
    return lattice(load("static").encode(texts))


def clocked(work, *args, **kwargs):
    begun = time.process_time()
    found = work(*args, **kwargs)
    return found, time.process_time() - begun


def warm():
    """Compile everything once."""
    few = lattice(np.random.default_rng(0).standard_normal((300, 16)))
    graph = neighbours(few, 10)
    vote_k(graph.to, 5)
    reaching.influence(
        reaching.draw(graph.to, reaching.weights(graph), names=np.arange(300, dtype=np.uint64), samples=5), 5
    )


def plain_graph(held, rows, k):
    """The published way for the first `rows` rows: cosine with every row, whole sort, the last ones."""
    vectors = np.asarray(held, np.float32)
    for row in range(rows):
        sims = vectors[row : row + 1] @ vectors.T
        np.argsort(sims[0])[-k - 1 : -1]


def recounted(to, most):
    """Every vote counted again for each pick, in whole numbers of 1e-11 votes."""
    rows, k = to.shape
    taken, ids = np.zeros(rows, bool), to.ravel()
    order = []
    for _ in range(most):
        weight = np.rint(1e11 * 10.0 ** -taken[to].sum(axis=1).astype(float)) * ~taken
        votes = np.bincount(ids, np.repeat(weight, k), rows)
        votes[taken] = -1
        order.append(int(votes.argmax()))
        taken[order[-1]] = True
    return order


def run_vote_k(rows, sorted_rows, picked):
    held = points(rows)
    warm()
    graph, graph_seconds = clocked(neighbours, held, 150)
    found, pick_seconds = clocked(vote_k, graph.to, PICKS)
    ours = graph_seconds + pick_seconds
    _, all_seconds = clocked(vote_k, graph.to, rows)
    near = graph.to.tolist()
    _, some = clocked(plain_graph, held, sorted_rows, 150)
    theirs_graph = some * rows / sorted_rows
    theirs, theirs_picks = clocked(plain.plain_vote_k, near, picked)
    assert theirs == found.order[:picked].tolist()
    assert recounted(graph.to, PICKS) == found.order.tolist()
    # Every pick searches a list that is one longer; taking each to cost what the mean of the first ones did is to their favour.
    theirs_seconds = theirs_graph + theirs_picks * PICKS / picked
    return {
        "method": "vote_k", "rows": rows, "k": 150, "picks": PICKS, "same_picks": True,
        "ours": {"seconds": round(ours, 2), "graph": round(graph_seconds, 2), "picks": round(pick_seconds, 4),
                 "picks_of_all_rows": round(all_seconds, 2)},
        "plain": {
            "seconds_extrapolated": round(theirs_seconds, 1), "graph_measured_rows": sorted_rows,
            "graph_measured_seconds": round(some, 2), "picks_measured": picked,
            "picks_measured_seconds": round(theirs_picks, 1),
        },
        "times_faster": round(theirs_seconds / ours, 1), "peak_mib": round(peak_mib()),
    }  # fmt: skip


def run_ideal(rows, picked):
    held = points(rows)
    warm()
    graph, graph_seconds = clocked(neighbours, held, 10)
    weight = reaching.weights(graph)
    names = np.arange(rows, dtype=np.uint64)
    live, draw_seconds = clocked(reaching.draw, graph.to, weight, names=names)
    found, pick_seconds = clocked(reaching.influence, live, PICKS)
    _, all_seconds = clocked(reaching.influence, live, rows)
    ours = draw_seconds + pick_seconds
    samples = plain.samples_of(live)
    same, plain_seconds = clocked(plain.plain_influence, samples, picked)
    assert same == found.order[:picked].tolist()
    # Each pick simulates a start that is one larger, so taking all to cost what the first ones do is to its favour.
    near = plain.published_ideal(graph.to.tolist(), weight.tolist(), PUBLISHED, 0)
    published = [clocked(next, near)[1] for _ in range(PUBLISHED)]
    published_seconds = sum(published) * PICKS / PUBLISHED
    return {
        "method": "ideal", "rows": rows, "k": 10, "samples": reaching.SAMPLES, "picks": PICKS, "same_picks_compared": picked,
        "ours": {"seconds_without_graph": round(ours, 2), "graph": round(graph_seconds, 2), "draw": round(draw_seconds, 2),
                 "picks": round(pick_seconds, 2), "picks_of_all_rows": round(all_seconds, 2)},
        "plain_on_the_same_graphs": {"picks_measured": picked, "seconds": round(plain_seconds, 1),
                                     "seconds_extrapolated": round(plain_seconds * PICKS / picked, 1),
                                     "times_faster": round(plain_seconds * PICKS / picked / ours, 1)},
        "published_ten_simulations": {"seconds_of_the_first_picks": [round(one, 2) for one in published],
                                      "seconds_extrapolated": round(published_seconds, 1),
                                      "times_faster": round(published_seconds / ours, 1)},
        "peak_mib": round(peak_mib()),
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("what", choices=["vote_k", "ideal"])
    parser.add_argument("--rows", type=int)
    parser.add_argument("--sorted", type=int, default=500)
    parser.add_argument("--picked", type=int)
    args = parser.parse_args()
    load = os.getloadavg()[0]
    if args.what == "vote_k":
        found = run_vote_k(args.rows or 20_000, args.sorted, args.picked or 2)
    else:
        found = run_ideal(args.rows or 5_000, args.picked or 3)
    print(json.dumps(found, indent=1))
    save(f"annotating_{args.what}", {"load_before": round(load, 2), "results": [found]})


if __name__ == "__main__":
    main()
