"""Histograms of a selection beside its pool and a random control, gathered shard by shard.

Counts are integers, so the same rows give the same facts however they are cut into shards; only the correlation of
score and length may differ in its last digits.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Characters: ten bins a decade from 1 to 1,000,000; below and above are counted with the first and last.
LENGTH_EDGES = np.round(np.logspace(0, 6, 61), 3)
SCORE_BINS = 48
SOURCES_KEPT = 300
POOL, PICKS, CONTROL = "pool", "picks", "control"
KINDS = (POOL, PICKS, CONTROL)
FAVOURS = 1.25  # medians further apart than the width of a bin


def control_rows(rows: int, count: int, seed: int) -> NDArray[np.int64]:
    """Positions of `count` rows drawn from `rows` without replacement, ascending; the same for the same seed."""
    rng = np.random.Generator(np.random.PCG64(seed % 2**63))
    return np.sort(rng.choice(rows, size=min(count, rows), replace=False, shuffle=False).astype(np.int64))


def _counters() -> dict[str, Counter[str]]:
    return {kind: Counter() for kind in KINDS}


def _lengths() -> dict[str, NDArray[np.int64]]:
    return {kind: np.zeros(len(LENGTH_EDGES) - 1, np.int64) for kind in KINDS}


@dataclass
class Facts:
    """`add` one shard after the other (or `merge` what other workers added), then read `to_dict`."""

    lengths: dict[str, NDArray[np.int64]] = field(default_factory=_lengths)
    sources: dict[str, Counter[str]] = field(default_factory=_counters)
    # Rows with a score; sums of score, length, their squares and their product.
    sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros(6))

    def add(
        self, chars: NDArray[np.int32], sources: tuple[NDArray[np.int32], list[str]], picked: NDArray[np.bool_],
        control: NDArray[np.int64], scores: NDArray[np.float32],
    ) -> None:  # fmt: skip
        """One shard: characters a row, (codes, names) of its sources, which rows are picked (a mask), which were
        drawn for the control (positions), and the score of each row (NaN or infinite: none).
        """
        clipped = np.clip(chars, LENGTH_EDGES[0], LENGTH_EDGES[-1])
        codes, names = sources
        for kind, which in ((POOL, slice(None)), (PICKS, picked), (CONTROL, control)):
            self.lengths[kind] += np.histogram(clipped[which], LENGTH_EDGES)[0]
            counts = np.bincount(codes[which], minlength=len(names))
            self.sources[kind].update({names[code]: int(counts[code]) for code in np.flatnonzero(counts)})
        seen = np.isfinite(scores)
        x, y = scores[seen].astype(np.float64), chars[seen].astype(np.float64)
        self.sums += [len(x), x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum()]

    def partial(self) -> dict[str, Any]:
        """JSON from which `merge` takes everything up again."""
        return {
            "lengths": {kind: counts.tolist() for kind, counts in self.lengths.items()},
            "sources": {kind: dict(counts) for kind, counts in self.sources.items()},
            "sums": self.sums.tolist(),
        }

    @classmethod
    def merge(cls, parts: Iterable[dict[str, Any]]) -> "Facts":
        made = cls()
        for part in parts:
            for kind in KINDS:
                made.lengths[kind] += np.array(part["lengths"][kind], np.int64)
                made.sources[kind].update(part["sources"][kind])
            made.sums += np.array(part["sums"])
        return made

    @property
    def correlation(self) -> float | None:
        """Pearson's correlation of score and characters over the scored rows; None where it has no meaning."""
        n, x, y, xx, yy, xy = (float(value) for value in self.sums)
        spread = (n * xx - x * x) * (n * yy - y * y)
        if n < 10 or spread <= 1e-12 * (n * xx) * (n * yy):
            return None
        return float(np.clip((n * xy - x * y) / spread**0.5, -1.0, 1.0))

    def to_dict(self) -> dict[str, Any]:
        """JSON for the page. Lengths are trimmed to the bins in use; sources are sorted by their rows in the pool."""
        used = np.flatnonzero(self.lengths[POOL])
        first, last = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 1)
        order = sorted(self.sources[POOL], key=lambda name: (-self.sources[POOL][name], name))
        behind = [name for name in order[SOURCES_KEPT:] if self.sources[PICKS][name]]
        shown = order[:SOURCES_KEPT] + behind[:SOURCES_KEPT]
        facts: dict[str, Any] = {
            "lengths": {"edges": LENGTH_EDGES[first : last + 1].tolist()}
            | {kind: counts[first:last].tolist() for kind, counts in self.lengths.items()},
            "sources": [{"source": name} | {kind: self.sources[kind][name] for kind in KINDS} for name in shown],
            "source_count": len(order),
        }
        if self.correlation is not None:
            facts["length_correlation"] = round(self.correlation, 4)
        return facts


def median_length(facts: dict[str, Any], kind: str) -> float | None:
    """Characters that half of the rows of that kind do not reach, from the bins of `to_dict`; None without rows."""
    edges, counts = facts["lengths"]["edges"], np.array(facts["lengths"][kind], np.float64)
    if not counts.sum():
        return None
    below = np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum()
    at = int(np.searchsorted(below, 0.5, "left"))  # of the bin's upper edge
    share = (0.5 - below[at - 1]) / (below[at] - below[at - 1])
    return float(edges[at - 1] * (edges[at] / edges[at - 1]) ** share)  # bins are even by the logarithm


def _favours(facts: dict[str, Any]) -> str:
    """A warning where score and length go together and the picks are longer or shorter than the pool for it.

    The correlation is of all scored rows: by itself it says nothing of the few at the top.
    """
    correlation = facts.get("length_correlation")
    picks, pool = median_length(facts, PICKS), median_length(facts, POOL)
    if correlation is None or abs(correlation) <= 0.5 or not picks or not pool:
        return ""
    ratio = picks / pool if correlation > 0 else pool / picks
    if ratio < FAVOURS:
        return ""
    longer = "longer" if correlation > 0 else "shorter"
    return (
        f"Score and length go together (correlation {correlation:+.2f}), and the picks are {longer} than the pool: their "
        f"median is about {_round(picks)} characters, that of the pool {_round(pool)}. "
        "Look at the lengths below, or set a length limit."
    )


def _round(number: float) -> str:
    """Two figures: the bins know no more. 1234.5 → 1,200."""
    return f"{int(float(f'{number:.1e}')):,}"


def warnings(facts: dict[str, Any], *, picked: int, short: str = "") -> list[str]:
    """What a person should know before trusting the picks, in whole sentences. `short`: that there are too few."""
    found = [short] if short else []
    if by_length := _favours(facts):
        found.append(by_length)
    pool = sum(entry[POOL] for entry in facts["sources"])
    top = max(facts["sources"], key=lambda entry: entry[PICKS], default=None)
    if top and picked >= 20 and top[PICKS] >= 0.95 * picked and top[POOL] < 0.5 * pool:
        name = f"the source {top['source']}" if top["source"] else "rows without a source"
        found.append(f"{top[PICKS] / picked:.0%} of the picks come from {name}. A source cap would spread them.")
    return found
