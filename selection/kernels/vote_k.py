"""vote-k: rows that many others are near to, and that no row taken before already speaks for.

Su and others 2023, "Selective Annotation Makes Language Models Better Few-Shot Learners" (arXiv 2209.01975, §2.1).
Every row v that is not taken votes for each of its k nearest rows with the weight rho ** -c, where c of its neighbours
are taken. The row with the most votes is taken, its own votes fall away, and the votes of its supporters lose weight.
Only those supporters' neighbours change, so a pick costs about k * k steps.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from selection.kernels.graph import supporters
from selection.kernels.lattice import Tick, no_tick

UNIT = 1_000_000_000_000  # a whole vote; votes are counted in whole numbers, so equal sums are equal
BLOCK = 512  # rows whose best score is remembered
ROUND = 64  # picks between two ticks
MOST_ROWS = 4_000_000  # so that no sum of votes leaves 64 bits


class Votes(NamedTuple):
    """`order`: int64, rows as they were taken. For each: `score` float64, the votes it had, in whole votes;
    `stands_for` int64, open rows that had it among their neighbours; `represented` int64, those of them that had a
    neighbour taken already.
    """

    order: NDArray[np.int64]
    score: NDArray[np.float64]
    stands_for: NDArray[np.int64]
    represented: NDArray[np.int64]


class State(NamedTuple):
    """What a pick reads and writes."""

    to: NDArray[np.int32]
    start: NDArray[np.int64]
    back: NDArray[np.int32]
    weights: NDArray[np.int64]
    open: NDArray[np.bool_]
    near: NDArray[np.int64]
    base: NDArray[np.int64]
    votes: NDArray[np.int64]


class VoteK:
    """The state between picks. `to` int32[N, k]: neighbours of each row, -1 for none; `taken`: rows had before.

    Votes lighter than 1e-12 of the heaviest one that still counts are not counted. Raises `ValueError` for rho below 1
    or for more than 4 million rows.
    """

    def __init__(self, to: NDArray[np.int32], *, rho: float = 10.0, taken: NDArray[np.int64] | None = None) -> None:
        if not rho >= 1 or len(to) > MOST_ROWS:
            raise ValueError(f"rho is at least 1, and there are at most {MOST_ROWS:,} rows")
        rows, k = to.shape
        self.to, self.back, self.rho = to, supporters(to), float(rho)
        self.weights = np.rint(UNIT * self.rho ** -np.arange(k + 2, dtype=np.float64)).astype(np.int64)
        self.open = np.ones(rows, np.bool_)
        self.near = np.zeros(rows, np.int64)  # neighbours of a row that are taken
        self.votes = np.zeros(rows, np.int64)
        self.base = np.zeros(1, np.int64)  # taken neighbours at which a vote counts whole
        for row in [] if taken is None else np.unique(taken).tolist():
            self.open[row] = False
            self.near[self.back.rows[self.back.start[row] : self.back.start[row + 1]]] += 1
        self._count()

    def take(self, most: int, *, tick: Tick = no_tick) -> Votes:
        """Up to `most` rows more, in order; of equals the first. Rows that nobody votes for come last, by place."""
        found: list[Votes] = []
        left = most
        while left > 0:
            part = self._told(_take(self._state, self.best, self.exhausted, min(left, ROUND)))
            if not len(part.order):
                if self.exhausted:
                    break
                self._count()
                continue
            found.append(part)
            left -= len(part.order)
            tick(most - left)
        return joined(found)

    def take_of(self, rows: NDArray[np.int64]) -> Votes:
        """The one of these rows with the most votes, the first of equals; none where all of them are taken."""
        rows = rows[self.open[rows]]
        if not len(rows):
            return joined([])
        if not self.exhausted and int(self.votes[self.open].max()) < UNIT:
            self._count()
        row = int(rows[np.lexsort((rows, -self.votes[rows]))[0]])
        score = float(self.votes[row])
        stands, known = _pick(row, self._state)
        return self._told((np.array([row]), np.array([score]), np.array([stands]), np.array([known])))

    @property
    def _state(self) -> State:
        back = self.back
        return State(
            self.to, back.start, back.rows, self.weights, self.open, self.near, self.base, self.votes
        )  # fmt: skip

    def _told(self, part: tuple[Any, ...]) -> Votes:
        order, score, stands, known = part
        return Votes(order, score / UNIT * self.rho ** -float(self.base[0]), stands, known)

    def _count(self) -> None:
        """All votes anew, by the heaviest that are left. Best scores of blocks are bounds: votes only fall."""
        _count(self._state)
        here = np.where(self.open, self.votes, -1)
        edges = np.arange(0, len(here), BLOCK)
        self.best = np.maximum.reduceat(here, edges) if len(here) else np.array([-1])
        self.exhausted = bool(here.max(initial=-1) < UNIT)  # nobody votes for an open row any more


def joined(parts: Sequence[Votes]) -> Votes:
    if not parts:
        return Votes(np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64))
    return Votes(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def vote_k(
    to: NDArray[np.int32], most: int, *, rho: float = 10.0, taken: NDArray[np.int64] | None = None, tick: Tick = no_tick
) -> Votes:
    """Fast vote-k: the first `most` rows by votes alone. `taken` (places) are represented already and never come."""
    return VoteK(to, rho=rho, taken=taken).take(most, tick=tick)


def vote_k_confident(
    to: NDArray[np.int32], confidence: NDArray[np.floating[Any]], most: int, *, first: int, rho: float = 10.0,
    leave: float = 0.1, tick: Tick = no_tick,
) -> Votes:  # fmt: skip
    """Full vote-k: `first` rows by votes; then the others, least confident first, are cut into as many equal bins as rows
    are still wanted, and each bin gives the one with the most votes. The most confident share `leave` is left out.

    `confidence` float[N], larger is surer: of a model that was shown the first rows, or any other score. Raises
    `ValueError` where it is not finite or not one number a row.
    """
    if confidence.shape != (len(to),) or not np.isfinite(confidence).all():
        raise ValueError("confidence is one finite number a row")
    state = VoteK(to, rho=rho)
    found = [state.take(min(first, most), tick=tick)]
    rest = np.flatnonzero(state.open)
    rest = rest[np.lexsort((rest, confidence[rest]))]
    wanted = most - len(found[0].order)
    if wanted > 0 and len(rest):
        kept = rest[: len(rest) - int(len(rest) * leave)]
        for number, rows in enumerate(np.array_split(kept, min(wanted, len(kept)))):
            found.append(state.take_of(rows))
            if not number % ROUND:
                tick(len(found[0].order) + number)
    return joined(found)


@njit(cache=True, nogil=True)
def _count(state: Any) -> None:  # pragma: no cover - compiled
    """All votes anew. The base is the fewest taken neighbours of an open row that votes for an open row."""
    to, _, _, weights, open_, near, base, votes = state
    rows, k = to.shape
    least = np.int64(1 << 40)
    for row in range(rows):
        if open_[row] and near[row] < least:
            for at in range(k):
                if to[row, at] >= 0 and open_[to[row, at]]:
                    least = near[row]
                    break
    base[0] = 0 if least == (1 << 40) else least
    votes[:] = 0
    for row in range(rows):
        if open_[row]:
            depth = min(max(near[row] - base[0], 0), len(weights) - 1)
            for at in range(k):
                if to[row, at] >= 0:
                    votes[to[row, at]] += weights[depth]


@njit(cache=True, nogil=True)
def _pick(row: Any, state: Any) -> Any:  # pragma: no cover - compiled
    """Take a row; returns how many open rows had it as a neighbour, and how many of them had a taken one."""
    to, start, back, weights, open_, near, base, votes = state
    k, last = to.shape[1], len(weights) - 1
    open_[row] = False
    own = weights[min(max(near[row] - base[0], 0), last)]
    for at in range(k):
        if to[row, at] >= 0:
            votes[to[row, at]] -= own
    stands, known = 0, 0
    for place in range(start[row], start[row + 1]):
        voter = back[place]
        if open_[voter]:
            stands += 1
            known += near[voter] > 0
            depth = near[voter] - base[0]
            change = weights[min(max(depth + 1, 0), last)] - weights[min(max(depth, 0), last)]
            if change != 0:
                for at in range(k):
                    if to[voter, at] >= 0:
                        votes[to[voter, at]] += change
        near[voter] += 1
    return stands, known


@njit(cache=True, nogil=True)
def _take(state: Any, best: Any, exhausted: Any, most: Any) -> Any:  # pragma: no cover - compiled
    """Up to `most` rows; fewer where the heaviest votes are used up, which the caller then weighs anew."""
    open_, votes = state.open, state.votes
    rows = len(votes)
    order, score = np.empty(most, np.int64), np.empty(most, np.float64)
    stands, known = np.empty(most, np.int64), np.empty(most, np.int64)
    taken = 0
    while taken < most:
        block = int(np.argmax(best))
        first, value = -1, np.int64(-1)
        for row in range(block * BLOCK, min(rows, (block + 1) * BLOCK)):
            if open_[row] and votes[row] > value:
                first, value = row, votes[row]
        if value < best[block]:  # what was remembered was a bound: look again
            best[block] = value
            continue
        if first < 0 or (value < UNIT and not exhausted):
            break
        order[taken], score[taken] = first, value
        stands[taken], known[taken] = _pick(first, state)
        taken += 1
    return order[:taken], score[:taken], stands[:taken], known[:taken]
