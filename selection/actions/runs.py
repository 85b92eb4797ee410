"""Runs: started, cancelled, resumed, deleted."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Max

from config.faults import Fault
from curation.audit import audit
from curation.models import Team, User
from jobs import actions as jobs
from selection import store, test_sets
from selection.actions import saes, targets
from selection.encoders.sae.files import NAMED
from selection.methods import METHODS, ParamsError
from selection.models import Pool, Run, Shard, Target
from selection.running import earlier, reuse

KIND = "selection.run"


@transaction.atomic
def start(
    *, team: Team, by: User | None, pool: Pool, target: Target | None, method: str, method_version: str,
    params: dict[str, Any], budget: str, options: dict[str, Any], seed: int, interactive: bool = True,
    reuses: bool = False, after: Run | None = None, fits_of: Sequence[int] = (),
) -> Run:  # fmt: skip
    """Store a run with everything that decides its picks, freeze its target, and start its job.

    `params` and `options` were read by the method and by choose. The test sets that the options name are frozen too.
    `reuses`: keep pass values, and take those that still hold. `after`: the run that it follows. `fits_of`: keys of runs
    of which the first with the same settings lends its fit, frozen.
    Raises `Fault` run.empty_pool, run.too_many_rows, run.no_test_set, sae.not_usable, or run.params where the method
    takes runs that cannot be used.
    """
    # The team's row is the lock under which runs are numbered; the pool's keeps it from being deleted meanwhile.
    Team.objects.select_for_update(no_key=True).get(pk=team.pk)
    shards = list(Shard.objects.filter(pool=pool).order_by("index").values("id", "sha256", "mapping_sha", "rows"))
    if not any(shard["rows"] for shard in shards):
        raise Fault("run.empty_pool", pool=pool.name)
    rows, most = sum(shard["rows"] for shard in shards), getattr(METHODS.get(method), "max_rows", None)
    if most is not None and rows > most:
        raise Fault("run.too_many_rows", method=METHODS[method].title, rows=f"{rows:,}", most=f"{most:,}", name=method)
    try:
        earlier.check(method, params, pool)
    except ParamsError as error:
        raise Fault("run.params", field=error.field, why=error.why) from None
    if NAMED.fullmatch(str(params.get("sae", ""))):
        saes.usable(team, params["sae"])
    test_sets.freeze(team, options.get(test_sets.OPTION))
    number = (Run.objects.filter(team=team, pool__hidden=False).aggregate(top=Max("number"))["top"] or 0) + 1
    run = Run.objects.create(
        team=team, number=number, pool=pool, target=target, method=method, method_version=method_version,
        params=params, budget=budget, options=options, seed=seed, shards=shards,
        rows=rows,
        target_sha=targets.freeze(target=target) if target else "", created_by=by, reuses=reuses, after=after,
    )  # fmt: skip
    if fits_of and (fit := reuse.fit_for(run, fits_of)) is not None:
        Run.objects.filter(pk=run.pk).update(fit=fit)
    run.job = jobs.start(kind=KIND, params={"run": run.pk}, lane=team.lane, interactive=interactive)
    Run.objects.filter(pk=run.pk).update(job=run.job)
    audit("run.started", actor=by, team=team, target=run, number=number, method=method, budget=budget)
    return run


@transaction.atomic
def cancel(*, run: Run, by: User) -> None:
    """What runs stops within seconds; what is finished is kept for a resume."""
    if run.job is None or run.job.is_final:
        return
    jobs.cancel(job=run.job)
    audit("run.cancelled", actor=by, team=run.team, target=run, number=run.number)


@transaction.atomic
def resume(*, run: Run, by: User) -> None:
    """Raises `Fault` jobs.finished for a run that has succeeded."""
    if run.job is None:
        return
    jobs.resume(job=run.job)
    audit("run.resumed", actor=by, team=run.team, target=run, number=run.number)


@transaction.atomic
def delete(*, run: Run, by: User) -> None:
    """Picks and files go with it. Raises `Fault` run.still_running."""
    if run.job is not None and not run.job.is_final:
        raise Fault("run.still_running", run=f"Run {run.number}")
    audit("run.deleted", actor=by, team=run.team, target=run, number=run.number, pool=run.pool.name)
    prefix, job = f"runs/{run.pk}", run.job
    Run.objects.filter(pk=run.pk).delete()
    if job is not None:
        jobs.discard(job=job)
    transaction.on_commit(lambda: store.delete_prefix(prefix), robust=True)
