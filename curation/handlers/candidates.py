"""The job that puts the candidates of a run that has ended into groups of like ones."""

from typing import Any

from curation.models import Generation
from jobs.heartbeat import Beat
from jobs.models import Job, Step
from jobs.registry import Kind, PassPlan, StepPlan, register


@register
class ArrangeKind(Kind):
    """One step; a second time changes nothing more."""

    name = "candidates.arrange"

    def open_pass(self, job: Job, index: int) -> PassPlan | None:
        found = Generation.objects.filter(pk=job.params["generation"]).first()
        if index or found is None:
            return None
        total = found.candidates.count()
        return PassPlan(
            "group", "Put like candidates together", [StepPlan(dict(job.params), "cpu", total)], "candidates"
        )

    def run(self, step: Step, beat: Beat) -> dict[str, Any]:
        from curation.synthesis import arranging

        found = Generation.objects.select_related("task").get(pk=step.payload["generation"])

        def tick(done: int) -> None:
            beat.progress(done)
            beat.check()

        return {"groups": arranging.arrange(found, tick)}
