"""Rows as hashed n-grams, tf-idf weighted, for the classifier."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selection.kernels import ngrams
from selection.kernels.characters import chunks
from selection.methods.base import Ctx, Part, Pass, Reason, Shard, Value

BITS = 18
SHOWN = 8
LOOKED_AT = 64  # of the n-grams that weigh most, from which those to be shown are taken
EXPLAINED = 20_000  # characters of a row
ROUNDS = 200  # of L-BFGS


class Ngrams:
    """x = (1 + ln tf) · idf of each bucket, scaled to length 1; idf_b = 1 + ln((1 + n) / (1 + n_b)).

    n = targets and sampled rows together, n_b = those with the bucket b, one of 2^18.
    """

    def __init__(self, grams: ngrams.Grams) -> None:
        self.grams = grams

    def passes(self, params: Any) -> Sequence[Pass]:
        return []

    def reads(self, params: Any) -> tuple[str, ...]:
        return (params.view,)

    def rows(self, shard: Shard, ctx: Ctx) -> Part:
        return self._counted(shard[ctx.params.view])

    def _counted(self, texts: Sequence[str]) -> Part:
        edges, buckets, often = ngrams.counts(texts, self.grams, BITS)
        return {"length": np.diff(edges), "bucket": buckets, "often": often}

    def learn(self, negatives: Part, ctx: Ctx) -> Value:
        """ "idf" and "weight" float32[2^18], "bias" float64[1], "stopped" bool[1]: the fit did not come to its end."""
        targets = self._counted(ctx.target[ctx.params.view])
        both = {name: np.concatenate([targets[name], negatives[name]]) for name in targets}
        return fit(both, positives=len(ctx.target), strength=ctx.params.strength)

    def scores(self, shard: Shard, ctx: Ctx) -> NDArray[np.float64]:
        model, texts, out = ctx["learn"], shard[ctx.params.view], np.zeros(len(shard))
        for rows in chunks(texts):
            out[rows] = ngrams.scores(
                texts[rows], self.grams, BITS, model["idf"], model["weight"], float(model["bias"][0])
            )
            ctx.tick(rows.stop)
        return out

    def explain(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        return [[self._reason(text[:EXPLAINED], ctx["learn"])] for text in rows[ctx.params.view]]

    def _reason(self, text: str, model: Value) -> Reason:
        """The n-grams that weighed most: their part of w · x."""
        places, first, tf = np.unique(ngrams.places(text, self.grams, BITS), return_index=True, return_counts=True)
        value = (1 + np.log(tf)) * model["idf"][places].astype(np.float64)
        weighed = value * model["weight"][places]
        weighed /= np.linalg.norm(value) if len(value) else 1
        said = ngrams.listed(text, self.grams)
        best: list[list[Any]] = []
        for at in np.lexsort((first, -weighed))[:LOOKED_AT].tolist():
            gram = said[first[at]].strip()
            # Stretches of one word say the same thing several times.
            if weighed[at] > 0 and gram and not any(gram in shown or shown in gram for shown, _ in best):
                best.append([gram, round(float(weighed[at]), 4)])
        if not best:
            return Reason("terms", "Nothing in it speaks for the target.")
        named = ", ".join(f"“{gram}”" for gram, _ in best[:4])
        return Reason("terms", f"Speaks for the target: {named}.", {"terms": best[:SHOWN]})


def fit(rows: Part, *, positives: int, strength: float) -> Value:
    """The model of rows in the form of `Ngrams.rows`, the first `positives` of them positive, both kinds present."""
    from scipy.sparse import csr_matrix
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    size, n, indices, lengths = 1 << BITS, len(rows["length"]), rows["bucket"], rows["length"]
    having = np.bincount(indices, minlength=size)
    idf = (1 + np.log((1 + n) / (1 + having))).astype(np.float32)
    values = (1 + np.log(rows["often"])) * idf[indices].astype(np.float64)
    row = np.repeat(np.arange(n), lengths)
    norm = np.sqrt(np.bincount(row, values * values, minlength=n))
    values /= norm[row]
    # Only buckets that occur have a weight; without the others the fit is many times faster.
    used = np.flatnonzero(having)
    numbered = np.zeros(size, np.int32)
    numbered[used] = np.arange(len(used), dtype=np.int32)
    edges = np.concatenate([[0], np.cumsum(lengths)])
    weight, bias, stopped = np.zeros(size, np.float32), np.zeros(1), False
    if len(used):
        x = csr_matrix((values, numbered[indices], edges), shape=(n, len(used)))
        model = LogisticRegression(C=strength, class_weight="balanced", max_iter=ROUNDS, tol=1e-5)
        # One thread: sums over more of them depend on how many there are.
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(x, (np.arange(n) < positives).astype(np.int8))
        weight[used], bias = model.coef_[0], model.intercept_.astype(np.float64)
        stopped = bool(model.n_iter_[0] >= ROUNDS)
    return {"idf": idf, "weight": weight, "bias": bias, "stopped": np.array([stopped])}
