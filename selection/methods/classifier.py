"""Classifier: the target against a sample of the pool. Cheap, and strong for its cost.

Logistic regression with the targets as positives and random rows as negatives, as quality filters of web corpora do it
(Brown and others 2020, GPT-3; Li and others 2024, DCLM), turned to one task. Some negatives belong to the task: that is
noise, and the reason why the sample is small beside the pool.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from selection.kernels.chance import chance
from selection.methods import features
from selection.methods.base import Ctx, Note, Part, Pass, Reason, Scores, Shard, Value, scored
from selection.methods.classifier_ngrams import Ngrams
from selection.methods.classifier_vectors import Vectors
from selection.methods.params import param

SPARE = 1.25  # so much more than the wanted number of negatives is drawn, for chance may give a few less
FEW = 5  # targets under which there is little to learn from


@dataclass(frozen=True)
class ClassifierParams:
    features: Literal["char", "word", "static", "minilm"] = param(
        "char", label="Features",
        choices={
            "char": "Stretches of 3 to 5 characters", "word": "Words and pairs of words",
            "static": "Static word vectors", "minilm": "MiniLM sentence vectors",
        },
        help="Characters see endings, code and numbers; words are easier to read as reasons; vectors see meaning.",
    )  # fmt: skip
    view: Literal["text", "prompt"] = param(
        "text", label="Compare", choices={"text": "Whole rows", "prompt": "Prompts only"},
    )  # fmt: skip
    negatives: int = param(
        4_000, label="Rows that stand for the pool", ge=50, le=20_000, advanced=True,
        help="Drawn by chance. More cost time and memory and gain little.",
    )  # fmt: skip
    strength: float = param(
        10.0, label="C", ge=1e-4, le=1e4, advanced=True, help="Inverse of the regularisation: higher fits closer."
    )


class Features(Protocol):
    """What rows are to the classifier. Everything that differs between kinds of features is here."""

    def passes(self, params: Any) -> Sequence[Pass]:
        """What must be made of the pool and the target before learning."""

    def reads(self, params: Any) -> tuple[str, ...]:
        """The columns of a shard that `rows` and `scores` look at."""

    def rows(self, shard: Shard, ctx: Ctx) -> Part:
        """Some rows as arrays. "length" says how many entries of the other arrays each row has."""

    def learn(self, negatives: Part, ctx: Ctx) -> Value:
        """The model, of the targets in `ctx` against rows in the form of `rows`; it has "stopped", bool[1]: the fit did not end.

        Called with at least one of each.
        """

    def scores(self, shard: Shard, ctx: Ctx) -> NDArray[np.float64]:
        """The decision value of each row, by `ctx["learn"]`; tells `ctx.tick` how far it is."""

    def explain(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        """What spoke for each row."""


KINDS: Mapping[str, Features] = {
    "char": Ngrams("char"), "word": Ngrams("word"), "static": Vectors(), "minilm": Vectors(),
}  # fmt: skip


class Classifier:
    """score(row) = w · x + b, with x the row's features.

    w and b minimise  C Σ_i c_i ln(1 + exp(-y_i (w · x_i + b))) + |w|² / 2,  with c_i such that the targets (y = 1) and
    the sample of the pool (y = -1) weigh the same, half of all rows each.
    """

    name: ClassVar[str] = "classifier"
    title: ClassVar[str] = "Classifier"
    summary: ClassVar[str] = "Learns what tells the target from the pool by characters, words or meaning."
    version: ClassVar[str] = "1"
    exact: ClassVar[bool] = True
    memory: ClassVar[Literal["stream", "pool"]] = "stream"
    needs_target: ClassVar[bool] = True
    Params: ClassVar[type] = ClassifierParams

    def passes(self, params: ClassifierParams) -> Sequence[Pass]:
        kind = KINDS[params.features]
        reads = tuple(dict.fromkeys((params.view, *kind.reads(params))))
        learn = Pass("learn", _sample, _learn, title="Learn from a sample", reads=reads, rows_per_item=_rows_per_item)
        score = Pass("score", _score, title="Score rows", reads=kind.reads(params), rows_per_item=_rows_per_item)
        return [*kind.passes(params), learn, score]

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        if not learned(ctx):
            return [[Reason("terms", "Nothing was learned, so every row scores the same.")] for _ in range(len(rows))]
        return KINDS[ctx.params.features].explain(rows, ctx)

    def notes(self, ctx: Ctx, scores: Scores) -> list[Note]:
        """From how much was learned, and whether that was enough and came to its end."""
        targets, negatives = len(ctx.target), int(ctx["learn"]["negatives"][0])
        if not learned(ctx):
            lack = "target" if not targets else "row of the pool that is not a target"
            return [Note("warning", f"There was no {lack} to learn from, so every row scores the same.")]
        found = [Note("fact", f"Learned from {targets:,} targets and {negatives:,} rows of the pool.")]
        if targets < FEW:
            text = f"Few targets: {targets}. What they share by accident weighs as much as the task; add some."
            found.append(Note("warning", text))
        if ctx["learn"]["stopped"][0]:
            found.append(Note("warning", "The fit did not come to its end. A lower C does."))
        return found

    def seconds(self, rows: int, targets: int, params: ClassifierParams) -> float:
        made = features.seconds(params, rows) if features.encodes(params) else 0.0
        return 4.0 + made + rows * {"char": 25e-6, "word": 12e-6}.get(params.features, 5e-6)


def learned(ctx: Ctx) -> bool:
    return bool(len(ctx.target) and ctx["learn"]["negatives"][0])


def _rows_per_item(ctx: Ctx) -> int:
    return 100_000


def _sample(shard: Shard, ctx: Ctx) -> Part:
    """The rows of this item that stand for the pool: a keyed hash decides, so the sample is the same on any cut.

    A row that is a target too would say of the same features yes and no, so it stands for nothing.
    """
    drawn = chance(ctx.seed, shard.keys, "negatives")
    chosen = np.flatnonzero(drawn < SPARE * ctx.params.negatives / max(1, ctx.rows))
    texts, aims = shard[ctx.params.view], set(ctx.target[ctx.params.view])
    chosen = np.array([at for at in chosen.tolist() if texts[at] not in aims], np.int64)
    made = KINDS[ctx.params.features].rows(shard.only(chosen), ctx)
    ctx.tick(len(shard))
    return {"drawn": drawn[chosen], **made}


def _learn(parts: Iterator[Part], ctx: Ctx) -> Value:
    held = list(parts)
    negatives = _first(held, ctx.params.negatives) if held else {"drawn": np.empty(0)}
    count = np.array([len(negatives["drawn"])])
    if not len(ctx.target) or not count[0]:
        return {"negatives": count, "stopped": np.zeros(1, np.bool_)}
    return {"negatives": count, **KINDS[ctx.params.features].learn(negatives, ctx)}


def _first(parts: list[Part], wanted: int) -> Part:
    """The `wanted` rows with the lowest draws, in that order: neither the cut nor the order of shards shows."""
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    rows = np.argsort(joined["drawn"], kind="stable")[:wanted]
    lengths = joined["length"]
    edges = np.concatenate([[0], np.cumsum(lengths)])
    # Entry by entry: where the row starts, plus the entry's place within it.
    into = np.arange(lengths[rows].sum()) - np.repeat(np.cumsum(lengths[rows]) - lengths[rows], lengths[rows])
    entries = np.repeat(edges[rows], lengths[rows]) + into
    by_row = ("drawn", "length")
    return {name: values[rows if name in by_row else entries] for name, values in joined.items()}


def _score(shard: Shard, ctx: Ctx) -> Part:
    scores = KINDS[ctx.params.features].scores(shard, ctx) if learned(ctx) else np.zeros(len(shard))
    return scored(shard, scores)
