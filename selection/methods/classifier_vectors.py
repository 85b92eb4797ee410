"""Rows as sentence vectors, for the classifier: it learns the direction in which the target lies."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selection.kernels import search
from selection.methods import features
from selection.methods.base import VECTORS, Ctx, Part, Pass, Reason, Shard, Value

ROUNDS = 300  # of L-BFGS


class Vectors:
    """x = the row's unit vector."""

    def passes(self, params: Any) -> Sequence[Pass]:
        return [features.target_pass(params), features.encode_pass(params)]

    def reads(self, params: Any) -> tuple[str, ...]:
        return (VECTORS,)

    def rows(self, shard: Shard, ctx: Ctx) -> Part:
        held = np.asarray(features.vectors(shard, ctx.params), np.float16)
        return {"length": np.full(len(held), held.shape[1]), "value": held.ravel()}

    def learn(self, negatives: Part, ctx: Ctx) -> Value:
        """ "weight" float32[1, d] of unit length, "scale" and "bias" float64[1], "stopped" bool[1]."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        aims = features.target_vectors(ctx)
        others = negatives["value"].astype(np.float64).reshape(-1, aims.shape[1])
        x = np.concatenate([aims.astype(np.float64), others])
        model = LogisticRegression(C=ctx.params.strength, class_weight="balanced", max_iter=ROUNDS)
        # One thread: sums over more of them depend on how many there are.
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(x, (np.arange(len(x)) < len(aims)).astype(np.int8))
        scale = float(np.linalg.norm(model.coef_))
        return {
            "weight": (model.coef_ / (scale or 1.0)).astype(np.float32), "scale": np.array([scale]),
            "bias": model.intercept_.astype(np.float64), "stopped": np.array([bool(model.n_iter_[0] >= ROUNDS)]),
        }  # fmt: skip

    def scores(self, shard: Shard, ctx: Ctx) -> NDArray[np.float64]:
        model, out = ctx["learn"], np.zeros(len(shard))
        for rows, found in search.products(features.vectors(shard, ctx.params), model["weight"]):
            out[rows] = found[0].astype(np.float64) * float(model["scale"][0]) + float(model["bias"][0])
            ctx.tick(rows.stop)
        return out

    def explain(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        """The target that lies nearest: a direction says nothing to a person."""
        return features.nearest(rows, ctx)
