"""The job that fetches a split from the hub: find, fetch, look; then it becomes an import."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from config import storage
from config.faults import Fault
from curation.actions.fetches import FETCH, take
from curation.fetching import TAKERS, only_new, taker_of
from curation.hub import pull as work
from curation.models import HubFetch
from curation.taking import TaskTaker
from jobs.heartbeat import Beat
from jobs.models import Job, Step
from jobs.queries import results
from jobs.registry import Kind, PassPlan, StepPlan, register

TITLES = {"find": "Find the files", "fetch": "Fetch them", "look": "Look at the first rows"}
PASSES = tuple(TITLES)


TAKERS["task"] = TaskTaker()


@register
class FetchKind(Kind):
    name = FETCH

    def open_pass(self, job: Job, index: int) -> PassPlan | None:
        found = _fetch(job.params["fetch"])
        if found is None or index >= len(PASSES):
            return None
        name = PASSES[index]
        payload = {"fetch": found.pk, "do": name}
        if name == "fetch":
            files = found.found["files"]
            if not files:
                return None  # nothing that an earlier fetch has not brought
            steps = [StepPlan(payload | {"file": n}, "io", one["bytes"]) for n, one in enumerate(files)]
            return PassPlan(name, TITLES[name], steps, unit="bytes")
        if name == "look":
            HubFetch.objects.filter(pk=found.pk).update(files=[one for one in results(job, "fetch") if one])
        return PassPlan(name, TITLES[name], [StepPlan(payload, "io" if name == "find" else "cpu", 1)], unit="steps")

    def run(self, step: Step, beat: Beat) -> dict[str, Any]:
        found = _fetch(step.payload["fetch"])
        if found is None:
            return {}
        if not taker_of(found).title(found):
            raise Fault("hub.fetch_gone", what=taker_of(found).word)
        do = step.payload["do"]
        if do == "find":
            return only_new(found, work.find(found))
        if do == "fetch":
            number = step.payload["file"]
            return work.bring(found, found.found["files"][number], number, beat.progress)
        return work.look(found)

    def store(self, step: Step, result: dict[str, Any]) -> None:
        mine = HubFetch.objects.filter(pk=step.payload["fetch"])
        if step.payload["do"] == "find" and result:
            mine.update(found=result)
        elif step.payload["do"] == "look" and result:
            mine.update(seen=result)

    def succeeded(self, job: Job) -> None:
        found = _fetch(job.params["fetch"])
        if found is None:
            return
        if found.found.get("files"):
            take(found)
        else:
            HubFetch.objects.filter(pk=found.pk).update(taken_at=timezone.now())
        transaction.on_commit(lambda: work.clear(found), robust=True)

    def failed(self, job: Job) -> None:
        self._forget_gone(job)

    def cancelled(self, job: Job) -> None:
        self._forget_gone(job)

    def _forget_gone(self, job: Job) -> None:
        """What came of a fetch that was deleted with its team. Otherwise it stays: the job may be gone on with."""
        pk = job.params["fetch"]
        if _fetch(pk) is None:
            transaction.on_commit(lambda: storage.delete_prefix(f"hub/{pk}"), robust=True)


def _fetch(pk: int) -> HubFetch | None:
    return HubFetch.objects.select_related("team", "created_by", "job").filter(pk=pk).first()
