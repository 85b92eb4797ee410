"""The job that pushes a version to the hub: write, prepare, upload, commit, check."""

from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from config import storage
from curation.actions.pushes import PUSH
from curation.audit import audit
from curation.hub import push as work
from curation.models import Push
from jobs.heartbeat import Beat
from jobs.models import Job, Step
from jobs.queries import results
from jobs.registry import Kind, PassPlan, StepPlan, register

TITLES = {
    "write": "Write the files", "prepare": "Find or make the repository", "upload": "Upload", "commit": "Commit",
    "check": "Read the commit back",
}  # fmt: skip
PASSES = tuple(TITLES)


@register
class PushKind(Kind):
    name = PUSH

    def open_pass(self, job: Job, index: int) -> PassPlan | None:
        push = _push(job.params["push"])
        if push is None or index >= len(PASSES):
            return None
        name = PASSES[index]
        payload = {"push": push.pk, "do": name}
        if name == "write":
            return PassPlan(name, TITLES[name], [StepPlan(payload, "cpu", push.version.rows)])
        files = results(job, "write")[0]["files"]
        if name == "upload":
            steps = [
                StepPlan(payload | {"files": places}, "io", sum(files[place]["bytes"] for place in places))
                for places in work.batches(files)
            ]
            return PassPlan(name, TITLES[name], steps, unit="bytes")
        return PassPlan(name, TITLES[name], [StepPlan(payload, "io", 1)], unit="steps")

    def run(self, step: Step, beat: Beat) -> dict[str, Any]:
        push = _push(step.payload["push"])
        if push is None:
            return {}

        def told(done: int) -> None:
            beat.progress(done) if done else beat.check()

        do = step.payload["do"]
        if do == "write":
            return work.write(push, told)
        if do == "prepare":
            return work.prepare(push)
        files = results(step.job, "write")[0]["files"]
        if do == "upload":
            return work.upload(push, [files[place] for place in step.payload["files"]], told)
        if do == "commit":
            return work.commit(push, files, told)
        return work.check(push, files, results(step.job, "commit")[0])

    def store(self, step: Step, result: dict[str, Any]) -> None:
        mine = Push.objects.filter(pk=step.payload["push"])
        if step.payload["do"] == "write" and result:
            mine.update(files={one["name"]: one["sha256"] for one in result["files"]}, rows=result["rows"])
        elif step.payload["do"] == "commit" and result:
            mine.update(commit=result["commit"], pull_number=result["pull"])
        elif step.payload["do"] == "check" and result:
            mine.update(tag=result["tag"], verified_at=timezone.now())

    def succeeded(self, job: Job) -> None:
        push = _push(job.params["push"])
        if push is None:
            return
        dataset = push.version.dataset
        audit(
            "dataset.pushed", actor=push.created_by, team=dataset.team, target=dataset, name=dataset.name,
            version=push.version.number, repo=push.repo, commit=push.commit, private=push.private,
        )  # fmt: skip
        for place in work.clean(push):
            transaction.on_commit(partial(storage.delete_prefix, place), robust=True)


def _push(pk: int) -> Push | None:
    return Push.objects.select_related("version__dataset__team", "created_by").filter(pk=pk).first()
