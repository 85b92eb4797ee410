"""The job that copies picks of a run into a collection."""

from typing import Any

from config.faults import Fault
from curation import collecting
from curation.audit import audit
from curation.models import Collection
from jobs.heartbeat import Beat
from jobs.models import Job, Step
from jobs.registry import Kind, PassPlan, StepPlan, register
from selection.actions.collect import KIND, rows
from selection.models import Run


@register
class CollectKind(Kind):
    name = KIND

    def open_pass(self, job: Job, index: int) -> PassPlan | None:
        if index:
            return None
        return PassPlan("copy", "Copy the picks", [StepPlan(job.params, "cpu", job.params["top"])], "picks")

    def run(self, step: Step, beat: Beat) -> dict[str, Any]:
        given = step.payload
        run = Run.objects.select_related("pool", "team").filter(pk=given["run"]).first()
        made = Collection.objects.alive().filter(pk=given["collection"]).first()
        if run is None or made is None:
            raise Fault("run.send_gone", what="run" if run is None else "collection")
        return collecting.write(made, rows(run, made, given["top"]), beat.progress)

    def store(self, step: Step, result: dict[str, Any]) -> None:
        collecting.finish(step.payload["collection"], result)

    def succeeded(self, job: Job) -> None:
        made = Collection.objects.select_related("team", "created_by").get(pk=job.params["collection"])
        audit("collection.filled", actor=made.created_by, team=made.team, target=made, name=made.name, rows=made.rows)
