"""The last pass of a run: what one shard adds to the result."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curation.content import Mapping as Columns
from curation.content import columns as view_of
from jobs.models import Job
from selection import methods, picked, store
from selection.evaluate.facts import SCORE_BINS, Facts, control_rows
from selection.methods.base import Part
from selection.running import features
from selection.running.inputs import Inputs, ShardRows, part, parts, take

EXCERPT = 280


class Picks(NamedTuple):
    """Of one shard, in the order of ranks. `row` is the position in the shard."""

    rank: NDArray[np.int64]
    row: NDArray[np.int64]
    score: NDArray[np.float32]


def picks_of(path: str, shard: int) -> Picks:
    chosen = part(path)
    mine = np.flatnonzero(chosen["shard"] == shard)
    return Picks(mine + 1, chosen["row"][mine], chosen["score"][mine])


def score_facts(columns: Sequence[Part], picks: NDArray[np.float32]) -> dict[str, Any] | None:
    """Range and histogram of all finite scores; the picks' beside it. None when nothing has a score."""
    finite = [column["score"][np.isfinite(column["score"])] for column in columns]
    finite = [scores for scores in finite if len(scores)]
    if not finite:
        return None
    low = float(min(scores.min() for scores in finite))
    high = float(max(scores.max() for scores in finite))
    span = (low, high if high > low else low + 1.0)
    counts = sum(np.histogram(scores, SCORE_BINS, span)[0] for scores in finite)
    return {
        "low": span[0], "high": span[1], "cut": float(picks.min()) if len(picks) else None,
        "counts": np.asarray(counts).tolist(), "picks": np.histogram(picks, SCORE_BINS, span)[0].tolist(),
    }  # fmt: skip


def rows_with_reasons(
    inputs: Inputs, job: Job, place: int, picks: Picks, tick: Callable[[int], None]
) -> pa.Table | None:
    """The picked rows of a shard with rank, score, text and reasons beside their own columns."""
    if not len(picks.rank):
        return None
    shard = inputs.shards[place]
    rows = take(shard, picks.row)
    tick(0)
    mapping = Columns.from_dict(shard.mapping)

    def load(name: str) -> Any:
        if name.startswith(features.PREFIX):
            return features.of_shard(shard, name.removeprefix(features.PREFIX))[picks.row]
        own = {"keys": store.KEY, "sources": store.SOURCE}
        return rows.column(own[name]).to_pylist() if name in own else view_of(rows, mapping, name)

    places = inputs.offset(place) + picks.row.astype(np.int64)
    here = methods.Shard(rows.num_rows, load, picked=places)
    texts = here["text"]
    reasons = inputs.method.reasons(here, inputs.ctx(job, len(inputs.passes), tick=tick))
    said = [json.dumps([reason.to_dict() for reason in row], ensure_ascii=False) for row in reasons]
    ours = {
        picked.RANK: pa.array(picks.rank, pa.int32()), picked.SCORE: pa.array(picks.score, pa.float32()),
        picked.TEXT: pa.array(texts, pa.string()), picked.REASON: pa.array(said, pa.string()),
        picked.ROW: pa.array(picks.row, pa.int32()),
    }  # fmt: skip
    for name, column in ours.items():
        rows = rows.append_column(name, column)
    return rows


def leaked(inputs: Inputs, picks: pa.Table) -> int:
    """How many picks are rows of the target: the same text, whatever the space around it."""
    aims = {text.strip() for text in inputs.target["text"]}
    return sum(text.strip() in aims for text in picks.column(picked.TEXT).to_pylist())


def pick_lines(file: IO[bytes]) -> Iterator[tuple[Any, ...]]:
    """rank, key, score, source, chars, excerpt, reason (JSON text), row: as the table of picks takes them."""
    names = [picked.RANK, store.KEY, picked.SCORE, store.SOURCE, store.CHARS, picked.TEXT, picked.REASON]
    names.append(picked.ROW)
    for batch in pq.ParquetFile(file).iter_batches(columns=names, use_threads=False):
        for rank, key, score, source, chars, text, reason, row in zip(
            *(batch.column(name).to_pylist() for name in names), strict=True
        ):
            yield rank, key, score, source or "", chars, excerpt(text), reason, row


def excerpt(text: str) -> str:
    """How a text begins, on one line."""
    return " ".join(text[: EXCERPT * 2].split())[:EXCERPT]


def facts(inputs: Inputs, job: Job, place: int, picks: Picks, chosen: dict[str, Any]) -> dict[str, Any]:
    """Lengths and sources of pool, picks and control in this shard; sums for the correlation of score and length."""
    rows = ShardRows(inputs.shards[place])
    before = sum(shard["rows"] for shard in inputs.run.shards[:place])
    control = control_rows(inputs.run.rows, chosen["picks"], inputs.run.seed) - before
    mine = control[(control >= 0) & (control < len(rows))]
    mask = np.zeros(len(rows), bool)
    mask[picks.row] = True
    found = Facts()
    found.add(rows.chars(), rows.sources(), mask, mine, _scores(inputs, job, place, len(rows)))
    return found.partial()


def _scores(inputs: Inputs, job: Job, place: int, count: int) -> NDArray[np.float32]:
    """The score of each row of a shard, NaN where there is none."""
    scores = np.full(count, np.nan, np.float32)
    for column in parts([result["path"] for result in inputs.score_parts(job) if result["shard"] == place]):
        scores[column["row"]] = column["score"]
    return scores
