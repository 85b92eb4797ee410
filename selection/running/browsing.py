"""What a run knows of features: which of its picks share which ones with the target, and where one fires in the pool."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.faults import Fault
from curation.content import Mapping as Columns
from curation.content import columns as view_of
from jobs.models import Job
from selection import models
from selection.methods import Method, ParamsError
from selection.running import features
from selection.running.inputs import Inputs, take

TEXTS = 10  # of a feature's strongest rows are shown
AROUND = 360  # characters shown on each side of the strongest token
CHUNK = 4_096  # rows looked through at once


@dataclass(frozen=True)
class Featured:
    """A run by features. `sae` is the team's object, None for one that the run named otherwise."""

    run: models.Run
    inputs: Inputs
    sae: models.SparseAutoencoder | None
    params: Any

    @property
    def method(self) -> Method:
        return self.inputs.method

    @property
    def muted(self) -> list[int]:
        return numbers(self.params.muted)

    @property
    def stored(self) -> str:
        """The name of the feature set that the run made or found. Raises `Fault` sae.not_kept."""
        for one in self.inputs.passes:
            if one.keeps is not None:
                return one.keeps(self.params)
        raise Fault("sae.not_kept", number=self.run.number)


def featured(run: models.Run) -> Featured | None:
    """None for a run of a method that does not look at features of a sparse autoencoder."""
    if run.method != "mona":
        return None
    inputs = Inputs(run)
    try:
        params = inputs.params
    except (Fault, ParamsError):
        return None
    if params.codes != "sae":
        return None
    objects = models.SparseAutoencoder.objects.filter(team=run.team_id, identity=run.params["sae"] or "-")
    return Featured(run, inputs, objects.order_by("archived_at", "pk").first(), params)


def numbers(text: str) -> list[int]:
    """The features named in "12, 77", ascending, each once."""
    return sorted({int(part) for part in text.replace(",", " ").split() if part.isdecimal()})


def done(run: models.Run) -> bool:
    return run.job is not None and run.job.state == Job.State.SUCCEEDED


# --- where a feature fires ---


def strongest(
    run: Featured, feature: int, tick: Callable[[int], None]
) -> tuple[int, list[tuple[float, models.Shard, int]]]:
    """(rows of the pool that have it, the strongest of them as value, shard, row), by what is stored of each row."""
    count, best, before = 0, list[tuple[float, int, int]](), 0
    for place, shard in enumerate(run.inputs.shards):
        for start in range(0, shard.rows, CHUNK):
            stop = min(start + CHUNK, shard.rows)
            values = _values(features.of_shard(shard, run.stored, start, stop), feature)
            count += int((values > 0).sum())
            top = np.argsort(-values, kind="stable")[:TEXTS]
            best += [(float(values[row]), place, start + int(row)) for row in top if values[row] > 0]
            best = sorted(best, key=lambda one: (-one[0], one[1:]))[:TEXTS]
            tick(before + stop)
        before += shard.rows
    return count, [(value, run.inputs.shards[place], row) for value, place, row in best]


def _values(matrix: NDArray[Any], feature: int) -> NDArray[np.float32]:
    """float32[rows]: what each stored row has of one feature; 0 where it does not fire or was cut off."""
    from selection.kernels import truncated  # compiled, and only asked for here

    held = truncated.unpack(matrix)
    found: NDArray[np.float32] = np.where(held.index == feature, held.value, np.float32(0)).max(axis=1, initial=0)
    return found


def texts_of(found: Sequence[tuple[float, models.Shard, int]], view: str) -> list[str]:
    texts = []
    for _, shard, row in found:
        table = take(shard, np.array([row], np.int64))
        texts += view_of(table, Columns.from_dict(shard.mapping), view)
    return texts


def clipped(text: str, spans: Sequence[tuple[int, int, float]]) -> dict[str, Any]:
    """The text around its strongest span, with the spans there: [start, end, share of the strongest]."""
    top = max((strength for _, _, strength in spans), default=0.0)
    centre = max(spans, key=lambda span: span[2])[0] if spans else 0
    start, stop = max(0, centre - AROUND), min(len(text), centre + AROUND)
    inside = [
        [begin - start, end - start, round(strength / top, 3)]
        for begin, end, strength in spans
        if begin >= start and end <= stop
    ]
    return {"text": text[start:stop], "before": start > 0, "after": stop < len(text), "spans": inside}
