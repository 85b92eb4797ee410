"""The job that freezes a version of a dataset: gather, choose, write, check."""

from itertools import pairwise
from typing import Any

from django.db import transaction
from django.utils import timezone

from config import storage
from curation import freezing, manifests
from curation.actions.datasets import FREEZE
from curation.audit import audit
from curation.models import DatasetVersion
from curation.thrift import thrifty
from jobs.heartbeat import Beat
from jobs.models import Job, Step
from jobs.queries import results
from jobs.registry import Kind, PassPlan, StepPlan, register

TITLES = {
    "gather": "Gather the candidates", "choose": "Choose among them", "write": "Write the rows", "check": "Check the splits",
}  # fmt: skip
PASSES = tuple(TITLES)


@register
class FreezeKind(Kind):
    name = FREEZE

    def open_pass(self, job: Job, index: int) -> PassPlan | None:
        if index >= len(PASSES):
            return None
        version = _version(job.params["version"])
        if version is None or version.is_frozen:
            return None
        name = PASSES[index]
        return PassPlan(name, TITLES[name], getattr(self, f"_{name}")(job, version))

    def _gather(self, job: Job, version: DatasetVersion) -> list[StepPlan]:
        return [StepPlan(payload, "cpu", rows) for payload, rows in freezing.plan(version)]

    def _choose(self, job: Job, version: DatasetVersion) -> list[StepPlan]:
        rows = sum(part["rows"] for one in results(job, "gather") for part in one["parts"])
        return [StepPlan({"version": version.pk, "do": "choose"}, "cpu", rows)]

    def _write(self, job: Job, version: DatasetVersion) -> list[StepPlan]:
        chosen = results(job, "choose")[0]
        edges = ["", *chosen["edges"], ""]
        each = chosen["rows"] // (len(edges) - 1)
        return [
            StepPlan({"version": version.pk, "do": "write", "low": low, "high": high}, "cpu", each)
            for low, high in pairwise(edges)
        ]

    def _check(self, job: Job, version: DatasetVersion) -> list[StepPlan]:
        rows = sum(one["part"]["rows"] for one in results(job, "write"))
        return [StepPlan({"version": version.pk, "do": "check"}, "cpu", 3 * rows)]

    def run(self, step: Step, beat: Beat) -> dict[str, Any]:
        with thrifty():
            return self._run(step, beat)

    def _run(self, step: Step, beat: Beat) -> dict[str, Any]:
        given, version = step.payload, _version(step.payload["version"])
        if version is None or version.is_frozen:
            return {}
        job = step.job
        if "source" in given:
            return freezing.gather(version, given, beat.progress)
        if given["do"] == "choose":
            return freezing.choose(version, results(job, "gather"), beat.progress)
        if given["do"] == "write":
            known = [part for one in results(job, "gather") for part in one["parts"]]
            made = freezing.write(version, given, known, results(job, "choose")[0])
            beat.check()
            return made
        return _checked(version, job, beat)

    def store(self, step: Step, result: dict[str, Any]) -> None:
        """The version comes to be in the transaction that ends the last step."""
        if step.payload.get("do") != "check" or not result:
            return
        DatasetVersion.objects.filter(pk=step.payload["version"], sha256="").update(
            frozen_at=timezone.now(), **result["version"]
        )

    def succeeded(self, job: Job) -> None:
        version = _version(job.params["version"])
        if version is None or not version.is_frozen:
            return
        dataset = version.dataset
        audit(
            "dataset.frozen", actor=version.created_by, team=dataset.team, target=dataset, name=dataset.name,
            version=version.number, rows=version.rows, sha256=version.sha256,
        )  # fmt: skip
        place = freezing.scratch(version)
        transaction.on_commit(lambda: storage.delete_prefix(place), robust=True)


def _version(pk: int) -> DatasetVersion | None:
    return DatasetVersion.objects.select_related("dataset__team", "created_by").filter(pk=pk, deleted_at=None).first()


def _before(version: DatasetVersion) -> DatasetVersion | None:
    """The last version frozen before it."""
    return version.dataset.versions.filter(number__lt=version.number).exclude(sha256="").order_by("-number").first()


def _checked(version: DatasetVersion, job: Job, beat: Beat) -> dict[str, Any]:
    written, chosen = results(job, "write"), dict(results(job, "choose")[0])
    made = [one["part"] for one in written if one["part"]["rows"]]
    counts = freezing.merged(one["counts"] for one in written)
    said = freezing.check(made, beat.progress)
    said["leakage"]["torn"] = chosen.get("torn", 0)
    before = _before(version)
    if before is not None:
        counts["since"] = {"version": before.number} | freezing.difference(before.parts, made)
    rows = sum(part["rows"] for part in made)
    whole = manifests.manifest(
        version, sha256=said["sha256"], rows=rows, counts=counts, chosen=chosen, leakage=said["leakage"]
    )
    return {
        "version": {
            "sha256": said["sha256"], "rows": rows, "bytes": sum(part["bytes"] for part in made), "counts": counts,
            "leakage": said["leakage"], "parts": made, "manifest": whole,
        }
    }  # fmt: skip
