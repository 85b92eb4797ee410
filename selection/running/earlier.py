"""Finished runs that another run is made of: whether they can be, and their picks as arrays."""

from typing import Any

import numpy as np

from selection.methods import METHODS, ParamsError, Value
from selection.methods.runs import numbers
from selection.models import Pick, Pool, Run

FIELD = "runs"


def needs_runs(method: str) -> bool:
    return method in METHODS and bool(getattr(METHODS[method], "needs_runs", False))


def check(method: str, params: dict[str, Any], pool: Pool) -> None:
    """Before a run of `method` starts. Raises `ParamsError` naming the number that cannot be used."""
    if needs_runs(method):
        _named(params.get(FIELD, ""), pool, None)


def picks(run: Run) -> Value:
    """What a method that needs runs reads as `ctx["runs"]`: "run" int32, "rank" int32 from 1, "place" int64.

    `place` counts over the shards of `run`; picks in shards that it does not see are left out. Raises `ParamsError`
    for a run that was deleted since.
    """
    found = _named(run.params.get(FIELD, ""), run.pool, run.pk)
    number_of = {one.pk: one.number for one in found}
    begins, before = {}, 0
    for shard in run.shards:
        begins[shard["id"]] = before
        before += shard["rows"]
    rows = Pick.objects.filter(run__in=list(number_of), shard_id__in=list(begins)).order_by("run_id", "rank")
    lines = rows.values_list("run_id", "rank", "shard_id", "row").iterator(chunk_size=20_000)
    held = np.fromiter(
        ((number_of[made], rank, begins[shard] + row) for made, rank, shard, row in lines), np.dtype((np.int64, 3))
    )
    return {"run": held[:, 0].astype(np.int32), "rank": held[:, 1].astype(np.int32), "place": held[:, 2]}


def _named(text: str, pool: Pool, before: int | None) -> list[Run]:
    """The runs in the order in which they are named; `before`: only such as were there when run `before` began.

    A number is given again once the newest run was deleted; what is younger than the run is not what it named.
    """
    wanted = numbers(text)
    there = Run.objects.filter(team=pool.team_id, number__in=wanted).select_related("job", "pool")
    held = {run.number: run for run in (there if before is None else there.filter(pk__lt=before))}
    for number in wanted:
        run = held.get(number)
        if run is None:
            gone = "does not have" if before is None else "no longer has"
            raise ParamsError(FIELD, f"names run {number}, which the team {gone}")
        if run.job is None or run.job.state != run.job.State.SUCCEEDED:
            raise ParamsError(FIELD, f"names run {number}, which has not finished; only finished runs have picks")
        if run.pool_id != pool.pk:
            raise ParamsError(
                FIELD, f"names run {number}, which picked from {run.pool.name}; all must be over {pool.name}"
            )
    return [held[number] for number in wanted]
