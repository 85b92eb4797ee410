"""The job that asks a language model for the name of a feature: one request, paid once."""

import uuid
from typing import Any

from config.faults import Fault
from curation.generators.parsing import Unreadable
from curation.models import Endpoint, User
from curation.synthesis import single
from jobs.heartbeat import Beat
from jobs.models import Job, Step
from jobs.registry import Kind, PassPlan, StepPlan, register
from selection.actions import saes
from selection.actions.browse import NAMING
from selection.models import FeatureLook
from selection.running import naming
from selection.running.browsing import featured


@register
class Naming(Kind):
    name = NAMING

    def open_pass(self, job: Job, index: int) -> PassPlan | None:
        if index:
            return None
        endpoint = Endpoint.objects.get(pk=job.params["endpoint"])
        return PassPlan("ask", f"Ask {endpoint}", [StepPlan(job.params, endpoint.queue, 1)], "requests")

    def run(self, step: Step, beat: Beat) -> dict[str, Any]:
        look = FeatureLook.objects.get(pk=step.payload["look"])
        endpoint = Endpoint.objects.select_related("team").get(pk=step.payload["endpoint"])
        job, request = naming.asked(look.feature, look.facts.get("texts", []))
        reply = single.ask(endpoint, job, request, token=step.token or uuid.uuid4(), beat=beat)
        try:
            return {"name": naming.read(reply), "model": endpoint.model}
        except Unreadable as error:
            raise Fault("sae.no_name", name=endpoint.name, why=str(error)) from None

    def store(self, step: Step, result: dict[str, Any]) -> None:
        look = FeatureLook.objects.select_related("run__pool", "run__target", "run__team").get(pk=step.payload["look"])
        found = featured(look.run)
        if found is not None and found.sae is not None:
            by = User.objects.filter(pk=step.payload["by"]).first()
            saes.name_feature(sae=found.sae, feature=look.feature, name=result["name"], by=by, by_model=result["model"])
