"""The job that brings the examples of a large task in line with its queue settings."""

from typing import Any

from curation.actions.slots import rearrange
from curation.models import Task, User
from jobs.heartbeat import Beat
from jobs.models import Job, Step
from jobs.registry import Kind, PassPlan, StepPlan, register


@register
class RearrangeKind(Kind):
    """One step; it works in pieces, each in a transaction of its own, and a second time changes nothing more."""

    name = "task.rearrange"

    def open_pass(self, job: Job, index: int) -> PassPlan | None:
        task = Task.objects.filter(pk=job.params["task"]).first()
        if index or task is None:
            return None
        total = task.examples.filter(state__in=["open", "submitted"]).count()
        return PassPlan("arrange", "Put the queue in order", [StepPlan(dict(job.params), "cpu", total)], "examples")

    def run(self, step: Step, beat: Beat) -> dict[str, Any]:
        task = Task.objects.select_related("team").get(pk=step.payload["task"])
        by = User.objects.filter(pk=step.payload["by"]).first()

        def told(done: int) -> None:
            beat.progress(done)
            beat.check()

        return {"examples": rearrange(task=task, by=by, told=told)}
