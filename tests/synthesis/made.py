"""Endpoints, generators and runs for tests."""

from dataclasses import dataclass
from typing import Any, ClassVar

from curation.actions import endpoints, generations
from curation.generators import (
    GENERATORS,
    Candidate,
    Job,
    Need,
    Sampling,
    Source,
    Sources,
    Spec,
    Template,
    Verdict,
    ask,
)
from curation.generators.base import Plan
from curation.generators.parsing import value
from curation.models import Endpoint, Generation
from curation.params import param
from jobs.runner import run_job
from tests.curation import made_tasks

SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}


# Echoes are alike: here only the generator's own verdicts count.
BARE = {"near": None, "similar": None, "language": False, "copied": 1.0}


class Echo:
    """For each input one answer; then, in a second stage, a word about each answer that was kept."""

    name: ClassVar[str] = "test_echo"
    title: ClassVar[str] = "Echo"
    summary: ClassVar[str] = "Asks for each input."
    needs: ClassVar[tuple[Need, ...]] = (Need("inputs"),)
    stages: ClassVar[tuple[str, ...]] = ("write", "look")
    templates: ClassVar[dict[str, Template]] = {
        "write": Template(system="", action="{{ text }}"),
        "look": Template(system="Look.", action="{{ text }}"),
    }

    @dataclass(frozen=True)
    class Params:
        samples: int = param(1, label="Samples", ge=1)
        schema: bool = param(False, label="Schema")
        look: bool = param(False, label="Second stage")
        max_tokens: int = param(64, label="Tokens", ge=1)

    def run(self, job: Job) -> Plan:
        params, given = job.params, (*job.sources.inputs, *job.sources.passages)
        sampling = Sampling(max_tokens=params.max_tokens)
        requests = [
            job.request(
                "write", source.key, extra={"text": source.text}, samples=params.samples, sampling=sampling,
                schema=SCHEMA if params.schema else None,
            )
            for source in given
        ]  # fmt: skip
        read = (lambda request, reply: value(reply.text)["answer"]) if params.schema else (lambda _, reply: reply.text)
        kept = []
        for source, found in zip(given, (yield from ask(requests, read, job)), strict=True):
            if found.reply.error:
                continue
            bad = found.value is None or "drop" in found.value
            verdict = Verdict("test", 1, not bad, "It says drop." if bad else "")
            made = Candidate(
                instruction="Answer.", input=source.text, outputs=(found.value or "",), parents=(source.key,),
                requests=found.requests, verdicts=(verdict,),
            )  # fmt: skip
            kept.append(job.emit(made))
        if params.look:
            more = [job.request("look", one.key, extra={"text": f"look {one.output}"}) for one in kept if one.kept]
            yield from ask(more, lambda _, reply: reply.text, job)

    def estimate(self, job: Job) -> int:
        return len((*job.sources.inputs, *job.sources.passages)) * job.params.samples


class Reader(Echo):
    """The same of passages."""

    name: ClassVar[str] = "test_reader"
    needs: ClassVar[tuple[Need, ...]] = (Need("passages"),)


GENERATORS._made |= {Echo.name: Echo(), Reader.name: Reader()}  # known by name, not listed


def endpoint(team, by, url: str, **fields: Any) -> Endpoint:
    key = fields.pop("key", "sk-test-0123456789abcd")
    given = {"name": "Test server", "base_url": url, "model": "test-model", "concurrency": 8, "timeout": 5}
    return endpoints.create(team=team, by=by, key=key, **(given | fields))


def sources(count: int, start: int = 0) -> Sources:
    return Sources(inputs=tuple(Source(f"s{n}", f"text {n}") for n in range(start, start + count)))


def start(cast, to: Endpoint, count: int, *, task=None, **more: Any) -> Generation:
    task = task or made_tasks.task(cast.team, name=f"Task {Generation.objects.count()}")
    given = {
        "wanted": count, "ceiling": 20 * count, "sources": sources(count), "filters": BARE, "generator": "test_echo",
        "spec": Spec(instruction="Answer."),
    }  # fmt: skip
    return generations.start(task=task, by=cast.curator, endpoint=to, **(given | more))


def run(generation: Generation) -> Generation:
    """To its end in this process."""
    generation.refresh_from_db()
    run_job(generation.job)
    return fresh(generation)


def fresh(row):
    row.refresh_from_db()
    return row
