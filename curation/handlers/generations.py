"""The job of a generation: one step that is the whole run, and can be played again from its beginning at any time."""

import uuid
from typing import Any

from django.db import connection
from django.db.models.functions import Now

from curation.generators import GENERATORS, Candidate, plan
from curation.models import Endpoint, Generation
from curation.synthesis import recording, running
from curation.synthesis.dialects import storable
from curation.synthesis.engine import Engine, Sender
from curation.synthesis.store import Store, answered_before
from jobs import actions as jobs
from jobs.heartbeat import Beat
from jobs.models import Job, Step
from jobs.registry import Kind, PassPlan, StepPlan, register

PAUSES = {"endpoint.key_refused", "endpoint.quota", "generation.team_limit", "generation.own_limit",
          "crypto.unreadable", "crypto.no_key", "endpoint.unreachable", "jobs.transient", "generation.refused"}  # fmt: skip


@register
class GenerationKind(Kind):
    name = "generation.run"

    def open_pass(self, job: Job, index: int) -> PassPlan | None:
        if index:
            return None
        found = Generation.objects.select_related("endpoint").get(pk=job.params["generation"])
        step = StepPlan({"generation": found.pk}, found.endpoint.queue, found.wanted)
        return PassPlan("write", "Ask, filter and store candidates", [step], "candidates")

    def run(self, step: Step, beat: Beat) -> dict[str, Any]:
        found = Generation.objects.select_related("endpoint__team", "task__team").get(pk=step.payload["generation"])
        Generation.objects.filter(pk=found.pk).update(
            state=Generation.State.RUNNING, why="", started_at=found.started_at or Now()
        )
        return _Run(found, step, beat).run()

    def succeeded(self, job: Job) -> None:
        found = Generation.objects.select_related("task__team").get(pk=job.params["generation"])
        result = Step.objects.get(job=job, index=0).result or {}
        recording.settle(found.pk, ended_at=Now())
        found.refresh_from_db()
        whole = not (found.dropped or found.failed)
        state = (
            Generation.State.STOPPED if result.get("stopped")
            else Generation.State.COMPLETE if whole else Generation.State.COMPLETE_WITH_REJECTS
        )  # fmt: skip
        Generation.objects.filter(pk=found.pk).update(state=state, why=result.get("stopped", ""))
        self._arrange(found)

    def failed(self, job: Job) -> None:
        state = Generation.State.PAUSED if job.error_code in PAUSES else Generation.State.STOPPED
        self._end(job, state, f"{job.error_title}. {job.error_what}")

    def cancelled(self, job: Job) -> None:
        self._end(job, Generation.State.STOPPED, "Somebody cancelled it.")

    def _end(self, job: Job, state: str, why: str) -> None:
        generation = job.params["generation"]
        with connection.cursor() as cursor:  # what a killed worker held
            cursor.execute(running.RELEASE, {"generation": generation})
        recording.settle(generation, state=state, why=why, ended_at=Now())
        self._arrange(Generation.objects.select_related("task__team").get(pk=generation))

    def _arrange(self, found: Generation) -> None:
        """Its candidates are put into groups, for the page that shows many of them."""
        if found.preview or found.kept + found.dropped < 2:
            return
        jobs.start(
            kind="candidates.arrange", params={"generation": found.pk}, lane=found.task.team.lane, interactive=False
        )


class _Run:
    """One attempt at a run, in one process."""

    def __init__(self, generation: Generation, step: Step, beat: Beat) -> None:
        self.generation, self.beat = generation, beat
        self.endpoint: Endpoint = generation.endpoint
        self.token = step.token or uuid.uuid4()
        self.job = running.job_of(generation)
        self.fresh: list[Candidate] = []
        self.job.on_emit = self.fresh.append

    def run(self) -> dict[str, Any]:
        store = Store(self.endpoint, self.generation, self.token)
        engine = Engine(
            endpoint=self.endpoint, store=store, job=self.job, beat=self.beat,
            warm=answered_before(self.generation), tell=self.tell,
        )  # fmt: skip
        engine.run(plan(GENERATORS[self.generation.generator], self.job), self.sender)
        # At the end the verdicts are in that need all candidates.
        for start in range(0, len(self.job.candidates), 500):
            recording.save_candidates(self.generation.pk, self.job.candidates[start : start + 500])
        recording.count(self.generation.pk, engine.planned)
        report = storable(recording._plain(self.job.report))
        Generation.objects.filter(pk=self.generation.pk).update(report=report)
        return {"stopped": self._stopped(), "asked": self.job.asked, "repairs": engine.repairs}

    def _stopped(self) -> str:
        """Why it ended before what was wanted; also where the ceiling cut its last batch."""
        job = self.job
        cut = job.asked >= job.ceiling and job.kept < job.wanted
        return job.stopped or ("the ceiling of requests is reached" if cut else "")

    def sender(self) -> Sender:
        from curation.synthesis import senders

        return senders.sender_of(self.endpoint)

    def tell(self, engine: Engine) -> None:
        """In the thread of the writer, about once a second."""
        count = len(self.fresh)  # the loop may add to it meanwhile
        fresh = self.fresh[:count]
        del self.fresh[:count]
        recording.save_candidates(self.generation.pk, fresh)
        recording.count(self.generation.pk, engine.planned)
        row = Generation.objects.get(pk=self.generation.pk)
        self.beat.done, self.beat.note = min(row.kept, self.generation.wanted), running.note(row, self.endpoint)
        self.beat.changed = True
