"""A prompt filled in with real values, without asking anything: what an earlier run was given and answered is played
again up to where the prompt is made. Where there was none, the first stage is played with the task as it is, and with
made-up texts in place of what it lacks.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import QuerySet

from config.faults import Fault
from curation.content import Message
from curation.generators import GENERATORS, Demo, Job, PromptError, Reply, Request, Source, Sources, Spec, Template
from curation.generators.base import Generator, plan
from curation.generators.prompts import render
from curation.models import Generation, ModelRequest, RequestUse, Task
from curation.params import parse_params
from curation.synthesis import dialects, inputs

MOST_ROUNDS = 60  # batches
MOST_REPLIES = 400
KEPT = 16  # sets of values that are remembered

_REMEMBERED: "OrderedDict[tuple[Any, ...], dict[str, Values]]" = OrderedDict()


@dataclass(frozen=True, slots=True)
class Values:
    """With what a template was filled in; `origin` says where that is from."""

    tag: str
    trusted: dict[str, Any]
    data: dict[str, Any]
    origin: str


class Listening(Job):
    """A run that notes the values of each template at its first use."""

    def listen(self, origin: str) -> None:
        self.origin = origin
        self.heard: dict[str, Values] = {}

    def request(self, stage: str, *parts: object, **told: Any) -> Request:
        name = told.get("template") or stage
        trusted = self._trusted() | dict(told.get("extra") or {})
        self.heard.setdefault(name, Values(self.tag, trusted, dict(told.get("data") or {}), self.origin))
        return super().request(stage, *parts, **told)


def values_of(task: Task, generator: str) -> dict[str, Values]:
    """Values by the template's name; a template that was not reached is not there."""
    last = Generation.objects.filter(task=task, generator=generator, answered__gt=0).order_by("-pk").first()
    where = (task.pk, task.version, generator, last.pk if last else 0, last.answered if last else 0)
    found = _REMEMBERED.get(where)
    if found is None:
        found = _REMEMBERED[where] = _replayed(last) if last else _made_up(task, GENERATORS[generator])
        if len(_REMEMBERED) > KEPT:
            _REMEMBERED.popitem(last=False)
    return found


def filled(template: Template, values: Values | None) -> tuple[Message, ...]:
    """The turns as they would be sent. Raises `PromptError`."""
    if values is None:
        template.check()
        return ()
    return render(template, tag=values.tag, trusted=values.trusted, data=values.data)


def _replayed(row: Generation) -> dict[str, Values]:
    generator = GENERATORS[row.generator]
    try:
        spec, sources = inputs.read(row)
    except Fault:
        return _made_up(row.task, generator)
    answers = _answers(row)
    job = Listening(
        spec=spec, sources=sources, params=parse_params(generator.Params, row.params), seed=row.seed, wanted=row.wanted,
        ceiling=row.ceiling, batch=row.batch,
        templates={name: Template.from_dict(one["sections"]) for name, one in row.templates.items()},
    )  # fmt: skip
    job.listen(f"what generation {row.pk} was given and answered")
    return _played(generator, job, answers)


def _answers(row: Generation) -> dict[str, list[Reply]]:
    uses: QuerySet[RequestUse] = RequestUse.objects.filter(generation=row, request__state=ModelRequest.State.DONE)
    found: dict[str, list[Reply]] = {}
    for use in uses.select_related("request").order_by("pk")[:MOST_REPLIES]:
        response = use.request.response
        if response is not None:
            path = dialects.CHAT if "messages" in use.request.body else dialects.RAW
            found.setdefault(use.name, []).append(dialects.read(response, path=path))
    return found


def _made_up(task: Task, generator: Generator) -> dict[str, Values]:
    spec, sources = inputs.spec_of(task), inputs.sources_of(task, open_as_inputs=True, most=50)
    spec, sources = _with_demo(spec), _with_texts(sources)
    for one in (spec, replace(spec, labels=spec.labels or ("person", "place"))):  # some can do nothing without labels
        job = Listening(spec=one, sources=sources, params=generator.Params(), wanted=4, batch=4)
        job.listen("the task as it is; what it lacks is made up")
        if heard := _played(generator, job, {}):
            return heard
    return {}


def _with_demo(spec: Spec) -> Spec:
    demo = Demo(input="An input of the task.", output="Its output.", key="made-up")
    more: dict[str, Any] = {} if spec.demos else {"demonstrations": (*spec.demonstrations, demo)}
    return replace(spec, instruction=spec.instruction or "The definition of the task.", **more)


def _with_texts(given: Sources) -> Sources:
    texts = tuple(Source(f"made-up-{number}", f"A made-up text, number {number}.") for number in range(1, 201))
    demos = tuple(
        Demo(input=one.text, output="Its output.", instruction="An instruction.", key=one.key) for one in texts[:8]
    )
    return replace(
        given, passages=texts, inputs=given.inputs if len(given.inputs) > 1 else texts[:8],
        examples=given.examples or demos,
    )  # fmt: skip


def _played(generator: Generator, job: Listening, answers: dict[str, list[Reply]]) -> dict[str, Values]:
    """Up to where every template was used, nothing more can be asked, or it can go no further."""
    running = plan(generator, job)
    try:
        batch = next(running)
        for _ in range(MOST_ROUNDS):
            if set(generator.templates) <= set(job.heard):
                break
            batch = running.send([_replies(request, answers) for request in batch])
    except (StopIteration, ValueError):  # its end, or a reply that the generator cannot go on from
        pass
    finally:
        running.close()
    return job.heard


def _replies(request: Request, answers: dict[str, list[Reply]]) -> list[Reply]:
    known = answers.get(request.key, [])[: request.samples]
    return known + [Reply(error="never asked")] * (request.samples - len(known))


__all__ = ["PromptError", "Values", "filled", "values_of"]
