"""The job that sends many picks to a task: one step, one transaction."""

from typing import Any

from config.faults import Fault
from curation.models import Example, Task, User
from jobs.heartbeat import Beat
from jobs.models import Job, Step
from jobs.registry import Kind, PassPlan, StepPlan, register
from selection.actions.send import KIND, bring_in, then_order
from selection.models import Run


@register
class SendKind(Kind):
    name = KIND

    def open_pass(self, job: Job, index: int) -> PassPlan | None:
        if index:
            return None
        return PassPlan("send", "Add the picks to the task", [StepPlan(job.params, "cpu", job.params["top"])], "picks")

    def run(self, step: Step, beat: Beat) -> dict[str, Any]:
        given = step.payload
        run = Run.objects.select_related("pool", "team", "job").filter(pk=given["run"]).first()
        task = Task.objects.alive().select_related("team").filter(pk=given["task"]).first()
        if run is None or task is None:
            raise Fault("run.send_gone", what="run" if run is None else "task")
        if step.attempt > 1 and (sent := _sent_before(step)):
            return sent
        added = bring_in(
            run=run, task=task, by=User.objects.filter(pk=given["by"]).first(), top=given["top"],
            outputs_as=given["outputs_as"], job=step.job_id, progress=beat.progress,
            beyond=given.get("beyond"),
        )  # fmt: skip
        return {"good": added.good, "known": added.known}

    def succeeded(self, job: Job) -> None:
        task = Task.objects.alive().filter(pk=job.params["task"]).first()
        if task is not None:
            then_order(task, User.objects.filter(pk=job.params["by"]).first(), job.params.get("order", ""))


def _sent_before(step: Step) -> dict[str, Any] | None:
    """What an attempt brought in that died before it could say so."""
    good = Example.objects.filter(task=step.payload["task"], origin="run", lineage__job=step.job_id).count()
    return {"good": good, "known": step.payload["top"] - good} if good else None
