"""From the features of a run: look one up in the pool, or mute some and select again."""

from collections.abc import Sequence

from django.db import transaction

from config.faults import Fault
from curation.audit import audit
from curation.models import User
from jobs import actions as jobs
from jobs.models import Job
from selection.actions import runs
from selection.models import FeatureLook, Run
from selection.running.browsing import featured

KIND = "selection.feature"


@transaction.atomic
def look(*, run: Run, feature: int, by: User) -> FeatureLook:
    """Find where a feature fires, by a job; what was found before stays found. A failed search is done again.

    Raises `Fault` sae.not_a_run_of_features or run.no_picks_yet.
    """
    locked = Run.objects.select_for_update(of=("self",), no_key=True).select_related("job", "team").get(pk=run.pk)
    if locked.job is None or locked.job.state != Job.State.SUCCEEDED:
        raise Fault("run.no_picks_yet", number=run.number)
    if featured(run) is None:
        raise Fault("sae.not_a_run_of_features", number=run.number)
    there = FeatureLook.objects.select_related("job").filter(run=run, feature=feature).first()
    if there is not None and there.job is not None and there.found is None and there.job.is_final:
        jobs.resume(job=there.job)
    if there is not None:
        return there
    made = FeatureLook.objects.create(run=run, feature=feature)
    made.job = jobs.start(kind=KIND, params={"look": made.pk, "rows": run.rows}, lane=locked.team.lane)
    FeatureLook.objects.filter(pk=made.pk).update(job=made.job)
    audit("run.feature_looked_up", actor=by, team=locked.team, target=run, number=run.number, feature=feature)
    return made


@transaction.atomic
def mute(*, run: Run, muted: Sequence[int], by: User) -> Run:
    """A run like this one that does not look at these features, made from what is stored of each row.

    Raises `Fault` sae.not_a_run_of_features, and what `runs.start` raises.
    """
    found = featured(run)
    if found is None or run.target is None:
        raise Fault("sae.not_a_run_of_features", number=run.number)
    quiet = sorted(set(muted))
    made = runs.start(
        team=run.team, by=by, pool=run.pool, target=run.target, method=run.method,
        method_version=found.method.version, params=run.params | {"muted": ",".join(map(str, quiet))},
        budget=run.budget, options=run.options, seed=run.seed,
    )  # fmt: skip
    Run.objects.filter(pk=made.pk).update(after=run)
    audit("run.features_muted", actor=by, team=run.team, target=made, number=made.number, after=run.number, muted=quiet)
    return made
