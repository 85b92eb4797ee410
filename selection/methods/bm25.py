"""BM25: rows that say the words of the target, rare words first. Streaming: two or three readings of the pool.

Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework"; the form is Lucene's, without the constant
factor k1 + 1 (Kamphuis and others 2020, "Which BM25 do you mean?").
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from selection.kernels.terms import Counts, Vocabulary, count
from selection.methods import turns
from selection.methods.base import Ctx, Part, Pass, Reason, Shard, Value, as_bytes, scored
from selection.methods.params import param

SHOWN = 6  # words in a reason


@dataclass(frozen=True)
class Bm25Params:
    aggregation: Literal["sum", "max", "round_robin"] = param(
        "sum", label="Over the targets",
        choices={"sum": "Sum", "max": "Best target", "round_robin": "Each target in turn"},
        help="Sum favours rows like the target as a whole; in turn, each target names the next row of its own list.",
    )  # fmt: skip
    view: Literal["text", "prompt"] = param(
        "text", label="Compare", choices={"text": "Whole rows", "prompt": "Prompts only"},
    )  # fmt: skip
    k1: float = param(1.5, label="k1", ge=0, le=10, advanced=True, help="How soon a repeated word stops counting.")
    b: float = param(0.75, label="b", ge=0, le=1, advanced=True, help="0 ignores the length of rows, 1 divides by it.")


class Bm25:
    """score(row, target) = sum over the target's words w of q_w idf_w f / (f + k1 (1 - b + b L / mean L))

    with idf_w = ln(1 + (N - n_w + 0.5) / (n_w + 0.5)), f = how often the row says w, q_w = how often the target
    does, L = words in the row, N = rows, n_w = rows with w.

    Only the target's words are counted; n_w, L and N add over shards as integers, so any cut gives the same bits.
    """

    name: ClassVar[str] = "bm25"
    title: ClassVar[str] = "BM25"
    summary: ClassVar[str] = "Rows that share the target's telling words. Fast, and a strong first choice."
    version: ClassVar[str] = "1"
    exact: ClassVar[bool] = True
    memory: ClassVar[Literal["stream", "pool"]] = "stream"
    needs_target: ClassVar[bool] = True
    Params: ClassVar[type] = Bm25Params

    def passes(self, params: Bm25Params) -> Sequence[Pass]:
        reads = (params.view,)
        stats = Pass("stats", _count, _add, title="Count words", reads=reads, rows_per_item=_rows_per_item)
        score = Pass("score", _score, title="Score rows", reads=reads, rows_per_item=_rows_per_item)
        if params.aggregation != "round_robin":
            return [stats, score]
        lists = Pass(
            "lists", _list, _merge, title="Best rows of each target", reads=reads, rows_per_item=_rows_per_item
        )
        return [stats, lists, score._replace(map=_place)]

    def reasons(self, rows: Shard, ctx: Ctx) -> list[list[Reason]]:
        model = _Model.of(ctx)
        found: list[list[Reason]] = []
        for counts, weights in model.weigh(rows[ctx.params.view]):
            per_target = model.per_target(counts, weights)
            edges = np.searchsorted(counts.row, np.arange(len(counts.length) + 1))
            for row in range(len(counts.length)):
                cells = slice(edges[row], edges[row + 1])
                found.append(model.explain(counts.word[cells], weights[cells], per_target[:, row], ctx))
            ctx.tick(len(found))
        return found

    def seconds(self, rows: int, targets: int, params: Bm25Params) -> float:
        readings = {"sum": 2.0, "max": 2.0, "round_robin": 3.0}[params.aggregation]
        scoring = 0 if params.aggregation == "sum" else 0.6e-6 * targets
        return rows * (45e-6 * readings + scoring)


def _rows_per_item(ctx: Ctx) -> int:
    costly = len(ctx.target) if ctx.params.aggregation != "sum" else 0
    return max(5_000, int(5 / (60e-6 + 0.6e-6 * costly)))


@dataclass(frozen=True)
class _Model:
    """What is fitted: the weight of each word. `queries` is targets × words: how often × idf."""

    vocabulary: Vocabulary
    queries: NDArray[np.float64]
    mean_length: float
    k1: float
    b: float

    @classmethod
    def of(cls, ctx: Ctx) -> "_Model":
        stats, vocabulary = ctx["stats"], Vocabulary.of(ctx.target[ctx.params.view])
        rows, total, having = int(stats["rows"][0]), int(stats["words"][0]), stats["having"]
        idf = np.log(1 + (rows - having + 0.5) / (having + 0.5))
        # A pool without a single word has no mean length; any will do, since no row has a score then.
        return cls(vocabulary, vocabulary.counts * idf, total / rows if total else 1.0, ctx.params.k1, ctx.params.b)

    def weigh(self, texts: Sequence[str]) -> Iterator[tuple[Counts, NDArray[np.float64]]]:
        """Stretches of rows with f / (f + k1 ...) of each (row, word)."""
        for counts in count(texts, self.vocabulary):
            often = counts.often.astype(np.float64)
            norm = self.k1 * ((1 - self.b) + self.b * counts.length[counts.row] / self.mean_length)
            yield counts, often / (norm + often)

    def per_target(self, counts: Counts, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores, targets × rows. Summed row by row in the order of words: the same bits whatever the cut."""
        rows = len(counts.length)
        out = np.zeros((len(self.queries), rows))
        for at, query in enumerate(self.queries):
            out[at] = np.bincount(counts.row, query[counts.word] * weights, minlength=rows)
        return out

    def summed(self, counts: Counts, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        query = self.queries.sum(axis=0)
        out = np.zeros(len(counts.length))
        out += np.bincount(counts.row, query[counts.word] * weights, minlength=len(out))
        return out

    def explain(
        self, words: NDArray[np.int64], weights: NDArray[np.float64], scores: NDArray[np.float64], ctx: Ctx
    ) -> list[Reason]:
        if not len(words):
            return [Reason("terms", "Shares no word with the target.")]
        best = int(scores.argmax())
        query = self.queries.sum(axis=0) if ctx.params.aggregation == "sum" else self.queries[best]
        value = query[words] * weights
        order = [at for at in np.lexsort((words, -value))[:SHOWN] if value[at] > 0]
        terms = [[self.vocabulary.words[words[at]], round(float(value[at]), 3)] for at in order]
        named = ", ".join(str(term) for term, _ in terms)
        near = {"target": best, "key": ctx.target.keys[best], "score": round(float(scores[best]), 4)}
        return [
            Reason("terms", f"Shares {named}.", {"terms": terms}),
            Reason("near", f"Nearest to target {best + 1}.", near),
        ]


# --- first pass: how many rows have each word ---


def _count(shard: Shard, ctx: Ctx) -> Part:
    vocabulary = Vocabulary.of(ctx.target[ctx.params.view])
    having = np.zeros(len(vocabulary.words), np.int64)
    total = 0
    for counts in count(shard[ctx.params.view], vocabulary):
        having += np.bincount(counts.word, minlength=len(having))
        total += int(counts.length.sum())
        ctx.tick(counts.start + len(counts.length))
    return {"having": having, "words": np.array([total]), "rows": np.array([len(shard)])}


def _add(parts: Iterator[Part], ctx: Ctx) -> Value:
    size = len(Vocabulary.of(ctx.target[ctx.params.view]).words)
    value = {"having": np.zeros(size, np.int64), "words": np.zeros(1, np.int64), "rows": np.zeros(1, np.int64)}
    for part in parts:
        for name in value:
            value[name] += part[name]
    return value


# --- last pass: sum and max ---


def _score(shard: Shard, ctx: Ctx) -> Part:
    model = _Model.of(ctx)
    scores = np.zeros(len(shard))
    for counts, weights in model.weigh(shard[ctx.params.view]):
        rows = slice(counts.start, counts.start + len(counts.length))
        if ctx.params.aggregation == "sum":
            scores[rows] = model.summed(counts, weights)
        elif len(model.queries):
            scores[rows] = model.per_target(counts, weights).max(axis=0)
        ctx.tick(rows.stop)
    return scored(shard, scores)


# --- round robin: the best rows of each target, then one from each list in turn ---


def _list(shard: Shard, ctx: Ctx) -> Part:
    model, targets = _Model.of(ctx), len(ctx.target)
    best = turns.Lists(targets, turns.depth(ctx, targets))
    best.floor[:] = np.finfo(np.float32).tiny  # a row without a shared word is on no list
    for counts, weights in model.weigh(shard[ctx.params.view]):
        keys = as_bytes(shard.keys[counts.start : counts.start + len(counts.length)])
        best.offer(model.per_target(counts, weights).astype(np.float32), keys)
        ctx.tick(counts.start + len(counts.length))
    return best.part()


def _merge(parts: Iterator[Part], ctx: Ctx) -> Value:
    """Each row's place: 0 is the first target's best row, 1 the second target's, and so on."""
    targets = len(ctx.target)
    return turns.places(turns.merge(parts, targets, turns.depth(ctx, targets)), targets)


def _place(shard: Shard, ctx: Ctx) -> Part:
    """1 / (1 + place) for rows on a list; below them all others, by their sum."""
    model, lists = _Model.of(ctx), ctx["lists"]
    scores = np.zeros(len(shard))
    for counts, weights in model.weigh(shard[ctx.params.view]):
        rows = slice(counts.start, counts.start + len(counts.length))
        scores[rows] = -1 / (1 + model.summed(counts, weights))
        ctx.tick(rows.stop)
    listed, place = turns.listed(lists, as_bytes(shard.keys))
    scores[listed] = 1 / (1 + place)
    return scored(shard, scores)
