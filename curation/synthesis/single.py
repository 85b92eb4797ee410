"""One request that belongs to no run: paid once, at the endpoint's pace and within the team's limit like any other."""

from dataclasses import replace
from uuid import UUID

from curation.generators import Job, Reply, Request
from curation.generators.base import Plan
from curation.models import Endpoint, ModelRequest
from curation.synthesis import senders
from curation.synthesis.engine import Engine
from curation.synthesis.store import Store
from jobs.heartbeat import Beat


def ask(endpoint: Endpoint, job: Job, request: Request, *, token: UUID, beat: Beat) -> Reply:
    """The answer, from the table where it was asked before. What failed before is asked again.

    `job` drew the fence of `request`; `token` is that of the step. A refusal comes as a `Reply` with `error`. Raises
    what `Engine.run` raises.
    """
    engine = Engine(endpoint=endpoint, store=Store(endpoint, None, token), job=job, beat=beat, warm=True)
    key = engine.ask(request, 0).key
    ModelRequest.objects.filter(team=endpoint.team_id, key=key, state=ModelRequest.State.FAILED).update(
        state=ModelRequest.State.READY, ended_at=None
    )
    found: list[Reply] = []
    engine.run(_once(request, found), lambda: senders.sender_of(endpoint))
    return replace(found[0], echo=job.tag in found[0].text.casefold())


def _once(request: Request, found: list[Reply]) -> Plan:
    [[reply]] = yield [request]
    found.append(reply)
