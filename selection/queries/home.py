"""The first page of a team: what needs somebody, what is running, what changed, how much disk it takes."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, Q, Sum
from django.urls import reverse
from django.utils import timezone

from curation.deeds import told
from curation.faces import Thing, described, face_of
from curation.models import AuditEvent, Generation, Team
from jobs.models import Firing, Job, Step
from selection.methods import METHODS
from selection.models import Import, Ordering, Pool, Run, SparseAutoencoder, Target

SHOWN = 60  # open work, as on the page of all work


def home(team: Team) -> dict[str, Any]:
    """Everything on the page in a fixed number of queries."""
    pools = Pool.objects.visible().filter(team=team)
    disk = pools.aggregate(n=Count("pk"), rows=Sum("rows"), bytes=Sum("bytes"))
    runs = Run.objects.filter(team=team, pool__hidden=False)
    runs_sum = runs.aggregate(n=Count("pk"), bytes=Sum("bytes"), done=Count("pk", filter=Q(job__state="succeeded")))
    has_target = Target.objects.filter(team=team).exists()
    steps = checklist(has_pool=bool(disk["rows"]), has_target=has_target, runs=runs_sum)
    return {
        "checklist": steps,
        "next_step": next((step for step, done in steps if not done), ""),
        "needs": needs(team),
        "running": running(team),
        "changes": changes(team),
        "recent": [
            {"run": run, "method": METHODS[run.method].title if run.method in METHODS else run.method}
            for run in runs.filter(job__state="succeeded")
            .select_related("pool", "target", "job")
            .order_by("-job__ended_at")[:5]
        ],
        "pool_count": disk["n"],
        "pool_rows": disk["rows"] or 0,
        "pool_bytes": disk["bytes"] or 0,
        "run_count": runs_sum["n"],
        "run_bytes": runs_sum["bytes"] or 0,
    }


def checklist(*, has_pool: bool, has_target: bool, runs: dict[str, int]) -> list[tuple[str, bool]]:
    """The four steps of a new team, each with whether it is done; empty once all are."""
    steps = [("pool", has_pool), ("target", has_target), ("run", runs["n"] > 0), ("picks", runs["done"] > 0)]
    return [] if all(done for _, done in steps) else steps


def needs(team: Team) -> list[dict[str, Any]]:
    """Failed work of the last two weeks, sparse autoencoders that did not pass, and files whose columns nobody has said."""
    since = timezone.now() - timedelta(days=14)
    failed = Q(job__state=Job.State.FAILED, job__ended_at__gte=since)
    found: list[dict[str, Any]] = [
        {
            "kind": "run", "object": run, "title": f"Run {run.number} on {run.pool} failed",
            "what": run.job.error_title, "at": run.job.ended_at,
        }
        for run in Run.objects.filter(failed, team=team).select_related("pool", "job")[:20]
        if run.job is not None
    ]  # fmt: skip
    orders = Ordering.objects.filter(failed, task__team=team, task__deleted_at=None).select_related("task", "job")
    found += [
        {
            "kind": "order", "object": order, "title": f"An order of {order.task} failed",
            "what": order.job.error_title, "at": order.job.ended_at,
        }
        for order in orders.defer("before")[:20]
        if order.job is not None
    ]  # fmt: skip
    found += _saes(team, failed, since)
    generations = Generation.objects.filter(failed, task__team=team, task__deleted_at=None).select_related(
        "task", "job"
    )
    found += [
        {
            "kind": "generation", "object": row, "title": f"A generation for {row.task} {row.get_state_display().lower()}",
            "what": row.job.error_title, "at": row.job.ended_at,
        }
        for row in generations.order_by("-pk")[:20]
        if row.job is not None
    ]  # fmt: skip
    found += _schedules(team, since)
    imports = Import.objects.filter(pool__team=team, pool__hidden=False).select_related("pool", "job")
    for entry in imports.filter(failed | Q(job=None, finished_at=None)).order_by("-created_at")[:20]:
        if entry.job:
            title, what, at = f"{entry.name} could not be imported", entry.job.error_title, entry.job.ended_at
        else:
            title, what, at = f"{entry.name} waits for you", "Say which column is what.", entry.created_at
        found.append({"kind": "import", "object": entry, "title": title, "what": what, "at": at})
    return sorted(found, key=lambda item: item["at"], reverse=True)


def _schedules(team: Team, since: datetime) -> list[dict[str, Any]]:
    """Schedules that failed when they last ran."""
    rows = Firing.objects.filter(schedule__lane=team.lane, schedule__deleted_at=None).exclude(
        state__in=[*Firing.OPEN_STATES, Firing.State.SKIPPED]
    )
    last = rows.order_by("schedule_id", "-pk").distinct("schedule_id").select_related("schedule")
    return [
        {
            "kind": "schedule", "object": one.schedule, "url": reverse("schedule", args=[one.schedule_id]),
            "title": f"The schedule {one.schedule} failed", "what": one.error_title, "at": one.ended_at,
        }
        for one in last
        if one.state == Firing.State.FAILED and one.ended_at is not None and one.ended_at >= since
    ][:20]  # fmt: skip


def _saes(team: Team, failed: Q, since: datetime) -> list[dict[str, Any]]:
    """Those whose job failed, and those that were measured and refused."""
    refused = Q(verdict=SparseAutoencoder.Verdict.REFUSED, job__ended_at__gte=since)
    rows = SparseAutoencoder.objects.visible().filter(failed | refused, team=team).select_related("job")
    return [
        {
            "kind": "sae", "object": sae, "at": sae.job.ended_at,
            "title": f"{sae} {'is not good enough to select by' if sae.verdict else _could_not(sae)}",
            "what": sae.why if sae.verdict else sae.job.error_title,
        }
        for sae in rows.order_by("-job__ended_at")[:20]
        if sae.job is not None
    ]  # fmt: skip


def _could_not(sae: SparseAutoencoder) -> str:
    return "could not be trained" if sae.how == SparseAutoencoder.How.TRAINED else "could not be loaded"


def running(team: Team) -> list[dict[str, Any]]:
    """All open work of the team, of whatever kind, oldest first, with the progress of its open pass."""
    jobs = list(Job.objects.filter(lane=team.lane, state__in=Job.OPEN_STATES).order_by("pk")[:SHOWN])
    things, sums = described(jobs), current([job.pk for job in jobs])
    return [
        {
            "word": face_of(job.kind).word, "thing": things.get(job.pk, Thing("")), "job": job,
            **sums.get(job.pk, {"done": 0, "total": 0, "percent": 0.0}),
        }
        for job in jobs
    ]  # fmt: skip


def current(job_ids: list[int]) -> dict[int, dict[str, Any]]:
    """Done and total of the open pass of each job, in one query."""
    steps = Step.objects.filter(job_id__in=job_ids, pass_index=F("job__pass_index"))
    sums = steps.values("job_id").annotate(done_sum=Sum("done"), total_sum=Sum("total"))
    return {
        row["job_id"]: {
            "done": row["done_sum"],
            "total": row["total_sum"],
            "percent": 100.0 * row["done_sum"] / row["total_sum"] if row["total_sum"] else 0.0,
        }
        for row in sums
    }


def changes(team: Team) -> list[dict[str, Any]]:
    """What people did since yesterday at this hour, newest first."""
    since = timezone.now() - timedelta(days=1)
    events = list(AuditEvent.objects.filter(team_id=team.pk, at__gte=since).order_by("-at", "-pk")[:12])
    words = told(events)
    return [
        {
            "who": event.actor_name or "Winnow",  # a command line, a worker
            "did": words[event.pk][0],
            "name": words[event.pk][1],
            "at": event.at,
        }
        for event in events
    ]
