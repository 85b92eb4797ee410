"""The job that packs a version as a folder of one format."""

from typing import Any

from curation import packing
from curation.actions.datasets import EXPORT
from curation.audit import audit
from curation.hub.facts import texts_sha256
from curation.models import DatasetExport
from jobs.heartbeat import Beat
from jobs.models import Job, Step
from jobs.registry import Kind, PassPlan, StepPlan, register


@register
class ExportKind(Kind):
    name = EXPORT

    def open_pass(self, job: Job, index: int) -> PassPlan | None:
        found = _export(job.params["export"])
        if index or found is None:
            return None
        plan = StepPlan({"export": found.pk}, "cpu", found.version.rows)
        return PassPlan("write", "Write and pack the files", [plan])

    def run(self, step: Step, beat: Beat) -> dict[str, Any]:
        found = _export(step.payload["export"])
        if found is None:
            return {}

        def told(done: int) -> None:
            beat.progress(done) if done else beat.check()

        file, made = packing.packed(found.version, found.format, told)
        return {"file": {**packing.facts_of(made, file), "texts_sha256": texts_sha256(found.version)}}

    def store(self, step: Step, result: dict[str, Any]) -> None:
        if result:
            DatasetExport.objects.filter(pk=step.payload["export"]).update(**result["file"])

    def succeeded(self, job: Job) -> None:
        found = _export(job.params["export"])
        if found is not None:
            dataset = found.version.dataset
            audit(
                "dataset.exported", actor=found.created_by, team=dataset.team, target=dataset, name=dataset.name,
                version=found.version.number, format=found.format, sha256=found.sha256,
            )  # fmt: skip


def _export(pk: int) -> DatasetExport | None:
    return DatasetExport.objects.select_related("version__dataset__team", "created_by").filter(pk=pk).first()
