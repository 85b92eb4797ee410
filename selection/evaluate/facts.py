"""Histograms of a selection beside its pool and a random control, gathered shard by shard.

Counts are integers and sums are taken over whole columns, so the same rows give the same facts however they are
cut into shards, up to the rounding of the correlation.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Characters: ten bins a decade from 1 to 1,000,000; below and above are counted with the first and last.
LENGTH_EDGES = np.round(np.logspace(0, 6, 61), 3)
SCORE_BINS = 48
SOURCES_KEPT = 300
CONTROL, PICKS, POOL = "control", "picks", "pool"


def control_rows(rows: int, count: int, seed: int) -> NDArray[np.int64]:
    """Positions of `count` rows drawn from `rows` without replacement, ascending; the same for the same seed."""
    drawn = np.random.Generator(np.random.PCG64(seed)).choice(rows, size=min(count, rows), replace=False, shuffle=False)
    return np.sort(drawn.astype(np.int64))


@dataclass
class Facts:
    """Add every shard once with `add`, then read `to_dict`.

    `low` and `high` are the smallest and largest finite score of the whole pool (None when nothing is scored).
    """

    low: float | None = None
    high: float | None = None
    lengths: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    sources: dict[str, Counter[str]] = field(default_factory=dict)
    scores: NDArray[np.int64] = field(default_factory=lambda: np.zeros(SCORE_BINS, np.int64))
    _sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros(6))

    def add(
        self,
        chars: NDArray[np.int32],
        sources: tuple[NDArray[np.int32], list[str]],
        picked: NDArray[np.bool_],
        control: NDArray[np.int64],
        scores: NDArray[np.float32] | None = None,
    ) -> None:
        """One shard: characters a row, (codes, names) of the sources, which rows were picked (boolean mask), the
        positions drawn for the control, and the score of each row (NaN or -inf: not scored).
        """
        for name, which in ((POOL, slice(None)), (PICKS, picked), (CONTROL, control)):
            self._lengths(name, chars[which])
            self._sources(name, sources[0][which], sources[1])
        if scores is None or self.low is None or self.high is None:
            return
        seen = np.isfinite(scores)
        values, lengths = scores[seen].astype(np.float64), chars[seen].astype(np.float64)
        width = (self.high - self.low) or 1.0
        bins = np.clip(((values - self.low) / width * SCORE_BINS).astype(np.int64), 0, SCORE_BINS - 1)
        self.scores += np.bincount(bins, minlength=SCORE_BINS)
        shifted = values - self.low  # near zero, so that the squares keep their digits
        self._sums += [
            len(values), shifted.sum(), lengths.sum(), (shifted**2).sum(), (lengths**2).sum(), (shifted * lengths).sum(),
        ]  # fmt: skip

    def _lengths(self, name: str, chars: NDArray[np.int32]) -> None:
        clipped = np.clip(chars, LENGTH_EDGES[0], LENGTH_EDGES[-1])
        counts = np.histogram(clipped, LENGTH_EDGES)[0].astype(np.int64)
        self.lengths[name] = self.lengths.get(name, np.zeros_like(counts)) + counts

    def _sources(self, name: str, codes: NDArray[np.int32], names: list[str]) -> None:
        counts = np.bincount(codes, minlength=len(names))
        into = self.sources.setdefault(name, Counter())
        into.update({names[code]: int(counts[code]) for code in np.flatnonzero(counts)})

    @property
    def correlation(self) -> float | None:
        """Pearson's correlation of score and characters over the scored rows; None where it has no meaning."""
        n, x, y, xx, yy, xy = (float(value) for value in self._sums)
        spread = (n * xx - x * x) * (n * yy - y * y)
        if n < 10 or spread <= 0:
            return None
        return float(np.clip((n * xy - x * y) / spread**0.5, -1.0, 1.0))

    def to_dict(self, cut: float | None = None) -> dict[str, Any]:
        """JSON. Histograms are trimmed to the bins in use; sources are sorted by their rows in the pool."""
        pool = self.lengths.get(POOL, np.zeros(len(LENGTH_EDGES) - 1, np.int64))
        used = np.flatnonzero(pool)
        first, last = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 1)
        order = sorted(self.sources.get(POOL, Counter()).items(), key=lambda item: (-item[1], item[0]))
        facts: dict[str, Any] = {
            "lengths": {
                "edges": [float(edge) for edge in LENGTH_EDGES[first : last + 1]],
                **{name: [int(n) for n in counts[first:last]] for name, counts in self.lengths.items()},
            },
            "sources": [
                {"source": name, **{kind: self.sources[kind].get(name, 0) for kind in (POOL, PICKS, CONTROL)}}
                for name, _ in order[:SOURCES_KEPT]
            ],
            "source_count": len(order),
        }
        if self.low is not None and self.high is not None:
            facts["scores"] = {
                "low": self.low, "high": self.high, "cut": cut, "counts": [int(n) for n in self.scores],
            }  # fmt: skip
        correlation = self.correlation
        if correlation is not None:
            facts["length_correlation"] = round(correlation, 4)
        return facts


def warnings(facts: dict[str, Any], *, wanted: int | None, picked: int, short: str = "") -> list[str]:
    """What a person should know before trusting the picks, in whole sentences. `short`: why there are too few."""
    found = []
    if wanted is not None and picked < wanted:
        found.append(f"{picked:,} of the {wanted:,} rows asked for could be picked. {short}".strip())
    correlation = facts.get("length_correlation")
    if correlation is not None and abs(correlation) > 0.5:
        longer = "longer" if correlation > 0 else "shorter"
        found.append(
            f"Score and length go together (correlation {correlation:+.2f}): the method favours {longer} rows. "
            "Look at the lengths below, or set a length limit."
        )
    sources = [entry for entry in facts.get("sources", []) if entry[PICKS]]
    if picked >= 20 and facts.get("source_count", 0) > 1:
        top = max(sources, key=lambda entry: entry[PICKS], default=None)
        pool = sum(entry[POOL] for entry in facts["sources"])
        if top and top[PICKS] >= 0.95 * picked and top[POOL] < 0.5 * pool:
            share = top[PICKS] / picked
            found.append(f"{share:.0%} of the picks come from one source, {top['source'] or 'the rows without one'}.")
    return found
