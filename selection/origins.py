"""What selection knows of where a row of a dataset came from: its run, its pool, its place in it."""

from collections.abc import Mapping
from typing import Any

from curation.origins import FACTS, LINKS, Link
from selection.models import Pool, Run


def of_run(team: int, lineage: Mapping[str, Any]) -> list[Link]:
    run = Run.objects.filter(pk=lineage["run"], team=team).select_related("pool").first()
    rank, score = lineage.get("rank"), lineage.get("score")
    said = [lineage.get("method", "")]
    if type(rank) is int:
        said.append(f"pick {rank:,}")
    if isinstance(score, int | float):
        said.append(f"score {score:.4g}")
    note = ", ".join(str(one) for one in said if one)
    if run is None:
        return [Link("Run", f"number {lineage.get('run_number', lineage['run'])}", note=f"{note}; gone")]
    return [Link("Run", f"run {run.number}", run.get_absolute_url(), note)]


def of_pool(team: int, lineage: Mapping[str, Any]) -> list[Link]:
    pool = Pool.objects.filter(pk=lineage["pool"], team=team).first()
    key = str(lineage.get("key", ""))
    name = pool.name if pool is not None else str(lineage.get("pool_name", f"number {lineage['pool']}"))
    return [Link("Row of a pool", name, pool.get_absolute_url() if pool is not None else "", key)]


def facts_of_runs(team: int, numbers: list[int]) -> list[dict[str, Any]]:
    """Method, parameters, seed and counts of each run: what a manifest says of it."""
    found = {one.pk: one for one in Run.objects.filter(pk__in=numbers, team=team).select_related("pool")}
    made: list[dict[str, Any]] = []
    for pk in numbers:
        run = found.get(pk)
        if run is None:
            made.append({"run": pk, "gone": True})
            continue
        made.append(
            {
                "run": pk, "number": run.number, "pool": run.pool.name, "method": run.method,
                "method_version": run.method_version, "params": run.params, "options": run.options, "budget": run.budget,
                "seed": run.seed, "rows": run.rows, "picks": run.picks_count, "target_sha": run.target_sha,
            }
        )  # fmt: skip
    return made


LINKS["run"] = of_run
LINKS["pool"] = of_pool
FACTS["run"] = facts_of_runs
