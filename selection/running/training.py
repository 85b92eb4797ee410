"""How a sparse autoencoder is trained on a pool: which rows are read, in which batches, and what a kill leaves.

Hidden states are read once and kept as files; training draws its batches from them in an order that follows from the
seed and the number of the batch alone. So a chunk of training depends on the state before it and on nothing else, and
a chunk that was killed is done again to the same end.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from config.faults import Fault
from curation.content import Mapping as Columns
from curation.content import columns as view_of
from jobs.heartbeat import Beat
from selection import models, store
from selection.running.inputs import take

SECONDS = 40.0  # of work between two checkpoints
FIRST = 20  # batches of the first chunk, which measures how fast it goes
HELD_OUT = 0.05  # share of the rows that training does not see; at least 20, at most 400 of them
PART_TOKENS = 16_384  # tokens whose hidden states one step reads
KEPT_BYTES = 8 << 30  # of hidden states kept while training; further tokens come from further epochs
SHOWN = 25  # measures kept a chunk: the plots need no more


@dataclass(frozen=True)
class Plan:
    """What `SparseAutoencoder.options` says. `tokens`: to train on; `length`: tokens of a row that are looked at."""

    shards: Sequence[dict[str, Any]]
    layer: int | None = None
    expansion: int = 8
    k: int = 32
    tokens: int = 0
    length: int = 128
    seed: int = 0
    view: str = "text"

    @classmethod
    def of(cls, sae: models.SparseAutoencoder) -> "Plan":
        names = cls.__dataclass_fields__
        return cls(**{name: value for name, value in sae.options.items() if name in names})

    @property
    def batch(self) -> int:
        """Tokens of a batch: 2,048, fewer where that would leave less than a few hundred steps."""
        size = 2048
        while size > 64 and self.tokens < size * 300:
            size //= 2
        return size

    @property
    def batches(self) -> int:
        return -(-self.tokens // self.batch)

    @property
    def rows(self) -> int:
        return sum(shard["rows"] for shard in self.shards)

    @cached_property
    def drawn(self) -> NDArray[np.int64]:
        """Every row of the pool, in an order drawn by chance; the first ones are held out."""
        return np.random.Generator(np.random.Philox(key=self.seed)).permutation(self.rows)

    @property
    def held_out(self) -> int:
        return min(max(20, min(int(HELD_OUT * self.rows), 400)), self.rows // 5)

    def wanted(self, dims: int) -> int:
        """Rows whose hidden states are read, at most: as many as there are tokens asked for, or room."""
        tokens = min(self.tokens, KEPT_BYTES // (2 * dims))
        return min(self.rows - self.held_out, max(1, 4 * tokens // self.length))

    def parts(self, dims: int) -> list[tuple[int, int]]:
        """Ranges of `drawn`, one a step; the first is what is held out."""
        step = max(1, PART_TOKENS // self.length)
        stop = self.held_out + self.wanted(dims)
        starts = range(self.held_out, stop, step)
        return [(0, self.held_out), *((start, min(start + step, stop)) for start in starts)]


def rows_of(plan: Plan, shards: Sequence[models.Shard], start: int, stop: int) -> list[str]:
    """The rows start..stop of the drawn order as texts, in the order of the pool."""
    places = np.sort(plan.drawn[start:stop])
    texts: list[str] = []
    before = 0
    for shard in shards:
        mine = places[(places >= before) & (places < before + shard.rows)] - before
        before += shard.rows
        if len(mine):
            table: pa.Table = take(shard, mine)
            texts += view_of(table, Columns.from_dict(shard.mapping), plan.view)
    return texts


def pinned(plan: Plan) -> list[models.Shard]:
    """The shards that were there at the start. Raises `Fault` sae.pool_gone."""
    found = models.Shard.objects.in_bulk([shard["id"] for shard in plan.shards])
    if any(one["id"] not in found or found[one["id"]].sha256 != one["sha256"] for one in plan.shards):
        raise Fault("sae.pool_gone")
    return [found[one["id"]] for one in plan.shards]


# --- hidden states as files ---


def save_states(sae_id: int, states: NDArray[np.float32]) -> dict[str, Any]:
    """Write float32[tokens, d] as float16, scaled by a power of two so that nothing overflows; what `States` needs.

    Raises `Fault` sae.not_finite.
    """
    if not np.isfinite(states).all():
        raise Fault("sae.not_finite")
    top = float(np.abs(states).max()) if states.size else 1.0
    scale = 2.0 ** np.ceil(np.log2(max(top, 1e-6) / 16_384))
    with store.ByContent(f"saes/{sae_id}/work", "npy") as file:
        np.lib.format.write_array(file, (states / scale).astype(np.float16), allow_pickle=False)  # type: ignore[arg-type]
    return {"path": file.path, "sha256": file.sha256, "tokens": len(states), "scale": float(scale)}


class States:
    """Files of `save_states` as one array of tokens, read where they lie."""

    def __init__(self, files: Sequence[dict[str, Any]]) -> None:
        held = [one for one in files if one["tokens"]]
        self._arrays = [
            np.load(store.local_path(one["path"], one["sha256"]), mmap_mode="r", allow_pickle=False) for one in held
        ]
        self._scales = [one["scale"] for one in held]
        self._starts = np.cumsum([0, *(one["tokens"] for one in held)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """float32[len(places), d], in the order of `places`."""
        order = np.argsort(places, kind="stable")
        ascending = places[order]
        cuts = np.searchsorted(ascending, self._starts)
        found = np.empty((len(places), self._arrays[0].shape[1]), np.float32)
        for number, (array, scale) in enumerate(zip(self._arrays, self._scales, strict=True)):
            mine = slice(cuts[number], cuts[number + 1])
            found[order[mine]] = array[ascending[mine] - self._starts[number]].astype(np.float32) * scale
        return found

    def first(self, count: int) -> NDArray[np.float32]:
        """float32[min(count, tokens), d], spread evenly over all."""
        count = min(count, len(self))
        return self[np.linspace(0, len(self) - 1, count).astype(np.int64)] if count else np.empty((0, 1), np.float32)


def batches(states: States, plan: Plan, start: int, stop: int) -> Iterator[NDArray[np.float32]]:
    """Batches start..stop: each epoch visits every token once, in an order of its own."""
    each = max(1, len(states) // plan.batch)  # whole batches of an epoch
    order, epoch = np.empty(0, np.int64), -1
    for number in range(start, stop):
        if number // each != epoch:
            epoch = number // each
            order = np.random.Generator(np.random.Philox(key=[plan.seed, epoch + 1])).permutation(len(states))
        at = (number % each) * plan.batch
        yield states[order[at : at + plan.batch]]


# --- chunks ---


def next_chunk(plan: Plan, before: dict[str, Any] | None) -> tuple[int, int] | None:
    """The batches of the chunk to come; None when all are done. How it is cut changes no number."""
    if before is None:
        return 0, min(FIRST, plan.batches)
    done: int = before["stop"]
    if done >= plan.batches:
        return None
    seconds = max(before["seconds"], 0.01) / max(before["stop"] - before["start"], 1)
    count = max(1, min(int(SECONDS / seconds), 100_000))
    return done, min(done + count, plan.batches)


def save_checkpoint(sae_id: int, state: dict[str, NDArray[Any]]) -> dict[str, str]:
    from safetensors.numpy import save

    plain = {name: np.ascontiguousarray(array) for name, array in state.items()}
    with store.ByContent(f"saes/{sae_id}/work", "safetensors") as file:
        file.write(save(plain))
    return {"path": file.path, "sha256": file.sha256}


def load_checkpoint(found: dict[str, str]) -> dict[str, NDArray[Any]]:
    from safetensors.numpy import load_file

    state: dict[str, NDArray[Any]] = load_file(store.local_path(found["path"], found["sha256"]))
    return state


class Measures:
    """What each step measured: [step, tokens, loss, FVU, dead share]."""

    def __init__(self) -> None:
        self.held: list[list[float]] = []

    def add(self, metrics: Any) -> None:
        self.held.append(
            [metrics.step, metrics.tokens, float(metrics.loss), float(metrics.fvu), float(metrics.dead_fraction)]
        )

    def points(self, most: int) -> list[list[float]]:
        """At most so many: the last step of each stretch with the means over it."""
        cuts = np.linspace(0, len(self.held), min(most, len(self.held)) + 1).astype(int)
        made = []
        for start, stop in pairwise(cuts.tolist()):
            loss, fvu, dead = np.mean([one[2:] for one in self.held[start:stop]], axis=0).tolist()
            step, tokens = self.held[stop - 1][:2]
            made.append([int(step), int(tokens), round(loss, 6), round(fvu, 6), round(dead, 6)])
        return made


def run_chunk(trainer: Any, given: Iterable[NDArray[np.float32]], beat: Beat) -> tuple[list[list[float]], float]:
    """Train on these batches; returns the points of the plots and the seconds it took. Progress counts tokens."""
    began, kept, tokens = time.monotonic(), Measures(), 0
    for batch in given:
        kept.add(trainer.step(batch))
        tokens += len(batch)
        beat.progress(tokens)
    return kept.points(SHOWN), round(time.monotonic() - began, 3)
