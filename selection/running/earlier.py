"""Finished runs that another run is made of: whether they can be, and their picks as arrays."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from selection.methods import METHODS, ParamsError, Value
from selection.methods.runs import numbers
from selection.models import Pool, Run

FIELD = "runs"
# Rows and ranks of a run's picks in one shard, packed: 800,000 picks as Python numbers would take seconds.
PACKED = """
SELECT run_id, shard_id, string_agg(int4send(row) || int4send(rank), ''::bytea)
FROM selection_pick WHERE run_id = ANY(%(runs)s) GROUP BY run_id, shard_id
"""


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
    number_of = {one.pk: one.number for one in _named(run.params.get(FIELD, ""), run.pool, run.pk)}
    begins, before = {}, 0
    for pinned in run.shards:
        begins[pinned["id"]] = before
        before += pinned["rows"]
    named, ranks, places = [np.empty(0, np.int32)], [np.empty(0, np.int32)], [np.empty(0, np.int64)]
    for made, shard, rows, rank in arrays(list(number_of)):
        if shard in begins:
            named.append(np.full(len(rank), number_of[made], np.int32))
            ranks.append(rank)
            places.append(begins[shard] + rows)
    return {"run": np.concatenate(named), "rank": np.concatenate(ranks), "place": np.concatenate(places)}


def arrays(runs: Sequence[int]) -> Iterator[tuple[int, int, NDArray[np.int64], NDArray[np.int32]]]:
    """Picks of the runs with these ids: (run, shard, rows within the shard, ranks), in any order."""
    with connection.cursor() as cursor:
        cursor.execute(PACKED, {"runs": list(runs)})
        for run, shard, packed in cursor:
            pairs = np.frombuffer(packed, ">i4").reshape(-1, 2)
            yield run, shard, pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int32)


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
