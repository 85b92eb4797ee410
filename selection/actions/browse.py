"""From the features of a run: look one up in the pool, or mute some and select again."""

from collections.abc import Sequence

from django.db import transaction

from config.faults import Fault
from curation.audit import audit
from curation.models import Endpoint, User
from jobs import actions as jobs
from jobs.models import Job
from selection.actions import runs
from selection.models import FeatureLook, FeatureName, Run
from selection.running.browsing import featured

KIND = "selection.feature"
NAMING = "selection.feature_name"


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
def ask_name(*, run: Run, feature: int, by: User, endpoint: Endpoint | None) -> None:
    """Ask a language model what the feature's strongest texts have in common; what it says becomes the name.

    While one is asked, nothing else is. Raises `Fault` sae.not_a_run_of_features, .no_texts, .named_by_person,
    assist.no_endpoint.
    """
    found = featured(run)
    if found is None or found.sae is None:
        raise Fault("sae.not_a_run_of_features", number=run.number)
    look = (
        FeatureLook.objects.select_for_update(of=("self",), no_key=True).select_related("naming")
        .filter(run=run, feature=feature).first()
    )  # fmt: skip
    if look is None or not look.facts.get("texts"):
        raise Fault("sae.no_texts", feature=feature)
    if FeatureName.objects.filter(sae=found.sae, feature=feature, by_model="").exists():
        raise Fault("sae.named_by_person", feature=feature)
    if endpoint is None or endpoint.archived_at is not None or endpoint.team_id != run.team_id:
        raise Fault("assist.no_endpoint")
    if look.naming is not None and not look.naming.is_final:
        return
    params = {"look": look.pk, "endpoint": endpoint.pk, "by": by.pk}
    before, look.naming = look.naming, jobs.start(kind=NAMING, params=params, lane=run.team.lane)
    FeatureLook.objects.filter(pk=look.pk).update(naming=look.naming)
    if before is not None:
        jobs.discard(job=before)
    audit(
        "run.feature_name_asked", actor=by, team=run.team, target=run, number=run.number, feature=feature,
        endpoint=endpoint.name, model=endpoint.model,
    )  # fmt: skip


@transaction.atomic
def leave_name(*, run: Run, feature: int) -> None:
    """Nobody waits for the model's name any more."""
    look = FeatureLook.objects.select_related("naming").filter(run=run, feature=feature).first()
    if look is not None and look.naming is not None and not look.naming.is_final:
        jobs.cancel(job=look.naming)


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
