"""The test of an endpoint: a word, and a schema whose only value the prompt does not tell."""

import asyncio
import secrets
import time
from typing import Any

from django.utils import timezone

from config.faults import Fault
from curation.content import Message
from curation.generators import Reply, Request, Sampling
from curation.models import Endpoint
from curation.synthesis import dialects, senders
from curation.synthesis.engine import Sender
from curation.synthesis.outcomes import Outcome, Then
from jobs.heartbeat import Beat
from jobs.models import Job, Step
from jobs.registry import Kind, PassPlan, StepPlan, register


@register
class EndpointTest(Kind):
    name = "endpoint.test"

    def open_pass(self, job: Job, index: int) -> PassPlan | None:
        if index:
            return None
        endpoint = Endpoint.objects.get(pk=job.params["endpoint"])
        step = StepPlan({"endpoint": endpoint.pk}, endpoint.queue, 2)
        return PassPlan("test", "Ask the endpoint", [step], "requests")

    def run(self, step: Step, beat: Beat) -> dict[str, Any]:
        endpoint = Endpoint.objects.get(pk=step.payload["endpoint"])
        try:
            return asyncio.run(_test(endpoint, beat))
        except Fault as fault:
            return {
                "ok": False,
                "code": fault.code,
                "why": f"{fault.what} {fault.advice}",
                "schema": Endpoint.Schema.UNKNOWN,
            }

    def store(self, step: Step, result: dict[str, Any]) -> None:
        told = {name: value for name, value in result.items() if name != "schema"}
        Endpoint.objects.filter(pk=step.payload["endpoint"]).update(
            test=told, tested_at=timezone.now(), schema_mode=result["schema"]
        )


async def _test(endpoint: Endpoint, beat: Beat) -> dict[str, Any]:
    sender = senders.sender_of(endpoint)
    try:
        began = time.monotonic()
        reply, why = await _ask(endpoint, sender, plain())
        seconds = round(time.monotonic() - began, 3)
        beat.progress(1, 2)
        if reply is None:
            return {"ok": False, "why": why, "schema": Endpoint.Schema.UNKNOWN}
        nonce = secrets.token_hex(6)
        probed, refusal = await _ask(endpoint, sender, probe(nonce))
        beat.progress(2, 2)
        return {
            "ok": True, "said": dialects.storable(reply.text[:200]), "seconds": seconds, "model": reply.model[:200],
            "counts": bool(reply.usage.prompt_tokens), "why": refusal if probed is None else "",
            "schema": judge(probed, nonce),
        }  # fmt: skip
    finally:
        await sender.close()


def plain() -> Request:
    turn = Message("user", "Answer with the single word: ready")
    return Request("test", "plain", (turn,), Sampling(temperature=0.0, max_tokens=16))


def probe(nonce: str) -> Request:
    """Only a server that holds the model to the schema can answer with the nonce."""
    turn = Message("user", 'Return a JSON object with one field "code", a short text of your choice.')
    schema = {
        "type": "object", "properties": {"code": {"type": "string", "enum": [nonce]}}, "required": ["code"],
        "additionalProperties": False,
    }  # fmt: skip
    return Request("test", "schema", (turn,), Sampling(temperature=0.0, max_tokens=64), schema)


def judge(reply: Reply | None, nonce: str) -> str:
    """What the answer to the probe says about schemas at this server."""
    if reply is None:
        return Endpoint.Schema.ERROR
    return Endpoint.Schema.ENFORCED if nonce in reply.text else Endpoint.Schema.IGNORED


async def _ask(endpoint: Endpoint, sender: Sender, request: Request) -> tuple[Reply | None, str]:
    """The reply, or None and why. One try: a person waits for it."""
    body = dialects.body_of(request, 0, dialect=endpoint.dialect, model=endpoint.model)
    outcome: Outcome = await sender.send(dialects.CHAT, body)
    if outcome.then != Then.DONE:
        return None, outcome.error
    try:
        return dialects.read(outcome.response), ""
    except dialects.Malformed as error:
        return None, str(error)
