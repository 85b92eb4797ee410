"""Selective annotation written down plainly: as published for vote-k, lists and whole sorts; greedy without bounds for IDEAL."""

import itertools
import random
from math import fsum

import numpy as np


def plain_neighbours(points, k):
    """The k largest products of each row by (-product, place), without the row itself: a whole sort for every row."""
    points = points.astype(np.int64)
    found = []
    for row in range(len(points)):
        sims = points @ points[row]
        order = np.lexsort((np.arange(len(points)), -sims)).tolist()
        order.remove(row)
        found.append(order[:k])
    return found


def plain_vote_k(neighbours, most, rho=10.0):
    """The published loop: who votes for whom as lists, every score anew for every pick, membership by search."""
    votes = {row: [] for row in range(len(neighbours))}
    for row, near in enumerate(neighbours):
        for other in near:
            votes[other].append(row)
    taken = []
    while len(taken) < most:
        best, score = None, -1.0
        for row in range(len(neighbours)):
            if row in taken:
                continue
            voters = [voter for voter in votes[row] if voter not in taken]
            total = fsum(rho ** -len([one for one in neighbours[voter] if one in taken]) for voter in voters)
            if total > score:
                best, score = row, total
        taken.append(best)
    return taken


def published_cached_vote_k(votes, most):
    """How the published code reads its cached votes: keys have become texts, so no row is ever found among those taken."""
    cached = {str(row): voters for row, voters in votes.items()}
    taken, counted = [], dict.fromkeys(votes, 0)
    while len(taken) < most:
        scores = {
            row: -1 if row in taken else sum(10.0 ** -counted[v] for v in voters if v not in taken)
            for row, voters in cached.items()
        }
        taken.append(int(max(scores, key=scores.get)))
    return taken


def plain_cascade(edges, weight, start, chance):
    """One independent cascade: rows that are active at its end, each once."""
    active, wave = {start}, [start]
    while wave:
        wave = [
            other
            for row in wave
            for other, share in zip(edges[row], weight[row], strict=True)
            if other >= 0 and chance.random() < share and other not in active and not active.add(other)
        ]
    return active


def published_cascade(edges, weight, start, chance):
    """The published simulation: a row that two parents of one wave reach is counted twice."""
    active, wave = [start], [start]
    while wave:
        nxt = []
        for row in wave:
            for other, share in zip(edges[row], weight[row], strict=True):
                if other >= 0 and chance.random() < share and other not in active:
                    nxt.append(other)
        active += nxt
        wave = nxt
    return active


def published_ideal(edges, weight, most, seed, runs=10):
    """Greedy on the mean of `runs` simulations, lists throughout; yields the picks one by one."""
    chance, taken = random.Random(seed), []

    def mean(rows):
        total = 0
        for _ in range(runs):
            active, wave = list(rows), list(rows)
            while wave:
                nxt = []
                for row in wave:
                    for other, share in zip(edges[row], weight[row], strict=True):
                        if other >= 0 and other not in active and chance.random() < share:
                            nxt.append(other)
                active += nxt
                wave = nxt
            total += len(active)
        return total / runs

    while len(taken) < most:
        left = [row for row in range(len(edges)) if row not in taken]
        taken.append(max(left, key=lambda row: mean([*taken, row])))
        yield taken[-1]


def samples_of(live):
    """The sampled graphs as lists of lists."""
    return [
        [
            live.to[live.first[sample] + row[at] : live.first[sample] + row[at + 1]].tolist()
            for at in range(len(row) - 1)
        ]
        for sample, row in enumerate(live.start)
    ]


def reached(graph, starts):
    seen, todo = set(starts), list(starts)
    while todo:
        for other in graph[todo.pop()]:
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return seen


def plain_influence(graphs, most):
    """Greedy on the rows reached, every gain anew for every pick; the first of equals, and layers."""
    rows, taken = len(graphs[0]), []
    covered = [set() for _ in graphs]
    while len(taken) < min(most, rows):
        left = [row for row in range(rows) if row not in taken]
        gains = {
            row: sum(len(reached(g, [row]) - held) for g, held in zip(graphs, covered, strict=True)) for row in left
        }
        best = max(left, key=lambda row: (gains[row], -row))
        if not gains[best]:
            covered = [set() for _ in graphs]
            continue
        taken.append(best)
        covered = [held | reached(g, [best]) for g, held in zip(graphs, covered, strict=True)]
    return taken


def exact_spread(edges, starts):
    """The expected number of rows reached: over every graph of kept and dropped edges (from, to, weight)."""
    total, rows = 0.0, 1 + max(itertools.chain.from_iterable(edge[:2] for edge in edges))
    for kept in itertools.product([True, False], repeat=len(edges)):
        share, graph = 1.0, [[] for _ in range(rows)]
        for (one, other, weight), there in zip(edges, kept, strict=True):
            share *= weight if there else 1 - weight
            if there:
                graph[one].append(other)
        total += share * len(reached(graph, starts))
    return total
