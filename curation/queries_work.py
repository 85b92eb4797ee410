"""The background jobs of a team: what is under way, and what has ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from config.faults import may_help
from curation.faces import Thing, described, face_of
from curation.models import Team
from jobs.models import Job
from jobs.queries import PassProgress, progress

SHOWN = 40
OPEN_SHOWN = 60
MEASURED = 20  # open jobs whose pass is looked at: a few queries each
SHOW = {"": "All", "failed": "Failed", "cancelled": "Stopped", "succeeded": "Finished"}


@dataclass(frozen=True, slots=True)
class Entry:
    job: Job
    word: str
    thing: Thing
    progress: PassProgress | None
    may_retry: bool

    @property
    def may_resume(self) -> bool:
        """Not where it failed in a way that stays: the page of its object says what to change."""
        job = self.job
        return job.state == Job.State.CANCELLED or (job.state == Job.State.FAILED and may_help(job.error_code))


def job_of(team: Team, number: str) -> Job | None:
    """The job of the team that a form names."""
    if not number.isdecimal() or len(number) > 15:
        return None
    return Job.objects.filter(lane=team.lane, pk=int(number)).first()


def under_way(team: Team) -> dict[str, Any]:
    """What is open, oldest first; `ids` tells whether one began or ended since."""
    rows = list(Job.objects.filter(lane=team.lane, state__in=Job.OPEN_STATES).order_by("pk")[:OPEN_SHOWN])
    return {"under_way": entries(rows), "ids": "-".join(str(job.pk) for job in rows)}


def ended(team: Team, show: str, before: str) -> dict[str, Any]:
    """What has ended, newest first. `show`: a final state, or empty for all."""
    found = Job.objects.filter(lane=team.lane, state__in=[show] if show in SHOW and show else Job.FINAL_STATES)
    if before.isdecimal() and len(before) < 16:
        found = found.filter(pk__lt=int(before))
    rows = list(found.order_by("-pk")[: SHOWN + 1])
    return {
        "ended": entries(rows[:SHOWN]), "next_before": rows[SHOWN - 1].pk if len(rows) > SHOWN else None,
        "show": show, "first_page": not before,
    }  # fmt: skip


def entries(rows: Sequence[Job]) -> list[Entry]:
    things = described(rows)
    measured = [job for job in rows if not job.is_final][:MEASURED]
    steps = {job.pk: _open_pass(job) for job in measured}
    return [
        Entry(
            job, face_of(job.kind).word, thing := things.get(job.pk, Thing("")), steps.get(job.pk),
            job.is_final and bool(thing.failed) and face_of(job.kind).retry is not None,
        )
        for job in rows
    ]  # fmt: skip


def _open_pass(job: Job) -> PassProgress | None:
    found = progress(job)
    return found[-1] if found else None
