"""What the page shows of picks on their way to a task."""

from typing import Any

from curation.models import Task
from jobs.models import Job
from jobs.queries import progress
from selection.actions.send import KIND
from selection.models import Run


def last_job(run: Run) -> Job | None:
    """The last sending of this run that was left to a job."""
    return Job.objects.filter(kind=KIND, params__run=run.pk).order_by("-pk").first()


def on_its_way(job: Job | None) -> dict[str, Any]:
    """The job's progress, and when it is done how many came in and where."""
    if job is None:
        return {"job": None}
    step = job.steps.exclude(result=None).first()
    return {
        "job": job, "passes": progress(job), "sent": step.result if step else None,
        "to": Task.objects.alive().filter(pk=job.params["task"]).first(),
    }  # fmt: skip
