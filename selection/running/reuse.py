"""Pass values that scheduled runs keep for each other: exactly what would be computed again is read instead.

A map sees its rows, and of the run only what `Ctx` holds. Rows, method, version, parameters, seed and target are in the
key. Of the rest, the values of all earlier passes count by their content, and the size of the pool and the wanted rows count
if the map looked at them: so a grown pool invalidates just what its growth can change. Passes whose rows, items or
vectors depend on more are never kept.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from jobs.models import Job
from selection import store
from selection.methods.base import Ctx, Item, Pass, items
from selection.models import PassValue, Run, Shard
from selection.running import earlier

if TYPE_CHECKING:
    from selection.running.inputs import Inputs

KEPT_DAYS = 14
LOOKED_AT = ("rows", "wanted")
# Passes that fit statistics to the pool which are no positions in it: a later run may keep them as they were.
FITS: dict[str, tuple[str, ...]] = {"bm25": ("stats",), "dsir": ("fit",), "classifier": ("learn",)}


def freezable(method: str) -> bool:
    """Whether a frozen fit means anything for this method."""
    return method in FITS


def keepable(inputs: "Inputs", one: Pass) -> bool:
    """Whether values of this pass may be kept: it maps ranges of shards, on rows that no earlier pass chose."""
    free = one.over is None and one.rows is None and one.keeps is None and not one.whole
    return inputs.run.reuses and free and one.queue == "cpu" and not earlier.needs_runs(inputs.run.method)


def key_of(inputs: "Inputs", one: Pass, item: Item) -> str:
    run, shard = inputs.run, inputs.shards[item.shard]
    told = [run.method, run.method_version, run.params, run.seed, run.target_sha, one.name, shard.sha256,
            shard.mapping_sha, inputs.offset(item.shard)]  # fmt: skip
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def context_of(paths: dict[str, str]) -> dict[str, str]:
    """The values of earlier passes by what they hold: files are named by their content."""
    return {name: PurePosixPath(path).stem for name, path in paths.items()}


def watched(ctx: Ctx, seen: set[str]) -> Ctx:
    """The same context, which notes in `seen` what of `LOOKED_AT` is read."""

    class Watched(Ctx):
        def __getattribute__(self, name: str) -> Any:
            if name in LOOKED_AT:
                seen.add(name)
            return super().__getattribute__(name)

    return Watched(ctx.params, ctx.target, ctx.seed, ctx.rows, ctx.values, ctx.tick, ctx.wanted)


def find(inputs: "Inputs", one: Pass, item: Item, ctx: Ctx, paths: dict[str, str]) -> PassValue | None:
    """What a run computed before for these rows, if all that it looked at is as it was."""
    shard = inputs.shards[item.shard]
    rows = PassValue.objects.filter(shard=shard, key=key_of(inputs, one, item), start=item.start, stop=item.stop)
    context = context_of(paths)
    for found in rows.order_by("-pk"):
        same = found.given["values"] == context and all(
            getattr(ctx, name) == value for name, value in found.given["looked"].items()
        )
        if same and store.exists(found.path):
            return found
    return None


def kept(
    inputs: "Inputs", one: Pass, item: Item, given: tuple[Ctx, set[str], dict[str, str]], data: bytes
) -> dict[str, Any]:  # fmt: skip
    """Store the part; what `note` needs, the path among it. `given`: the context, what was looked at, earlier values."""
    ctx, seen, paths = given
    shard = inputs.shards[item.shard]
    with store.ByContent(f"passes/{shard.pool_id}", "npz") as file:
        file.write(data)
    told = {"values": context_of(paths), "looked": {name: getattr(ctx, name) for name in sorted(seen)}}
    return {"key": key_of(inputs, one, item), "start": item.start, "stop": item.stop, "given": told, "path": file.path}


def note(run_id: int, shard_id: int, made: dict[str, Any]) -> None:
    """In the transaction that ends the step: from now on the value counts."""
    sha = hashlib.sha256(json.dumps(made["given"], sort_keys=True).encode()).hexdigest()
    row = PassValue(shard_id=shard_id, given_sha=sha, run_id=run_id, **made)
    PassValue.objects.bulk_create([row], ignore_conflicts=True)


def use(run_id: int, value_id: int) -> None:
    """In the transaction that ends the step: this run is the last that used the value."""
    PassValue.objects.filter(pk=value_id).update(run_id=run_id)


def cut(shards: Sequence[Shard], most: list[int]) -> list[Item]:
    """Items of each shard by its own measure, so that an old shard is cut as it was however the pool has grown."""
    found = [items([shard.rows], rows) for shard, rows in zip(shards, most, strict=True)]
    together = [item._replace(shard=place) for place, some in enumerate(found) for item in some]
    return [item._replace(index=at) for at, item in enumerate(together)]


def fit_for(run: Run, schedule_runs: Sequence[int]) -> Run | None:
    """The first finished run among these whose fit would be that of `run`: same method, settings, seed and target."""
    same = Run.objects.filter(
        pk__in=schedule_runs, method=run.method, method_version=run.method_version, params=run.params, seed=run.seed,
        target_sha=run.target_sha, pool=run.pool_id, job__state=Job.State.SUCCEEDED,
    )  # fmt: skip
    return same.exclude(fits={}).order_by("pk").first()


def forget_older(run: Run) -> None:
    """After a run has succeeded: values that the run before it used and this one did not are superseded.

    Those of a run that failed stay while it may still be resumed.
    """
    others = Run.objects.filter(pool=run.pool_id, reuses=True, job__state__in=Job.OPEN_STATES).exclude(pk=run.pk)
    if others.exists():
        return  # one of them may be about to read what would go; a later run clears up
    old = PassValue.objects.filter(shard__pool=run.pool_id, run=None)
    if run.after_id is not None:
        old = old | PassValue.objects.filter(shard__pool=run.pool_id, run=run.after_id)
    failed = [Job.State.FAILED, Job.State.CANCELLED]
    long_ago = timezone.now() - timedelta(days=KEPT_DAYS)
    old = old | PassValue.objects.filter(
        shard__pool=run.pool_id, run__job__state__in=failed, created_at__lt=long_ago
    ).exclude(run=run)  # fmt: skip
    paths = set(old.values_list("path", flat=True))
    PassValue.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()
    gone = paths - set(PassValue.objects.filter(path__in=paths).values_list("path", flat=True))
    transaction.on_commit(lambda: _delete(gone), robust=True)


def _delete(paths: set[str]) -> None:
    for path in paths:
        store.delete(path)
