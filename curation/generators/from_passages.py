"""Tasks out of passages: an instruction that speaks of the passage, with its answer, of sixteen kinds (Nayak and others
2024, "Bonito"). Asked of the Bonito model in its own form, or of any chat model, which is then asked once more to answer
without knowing the answer.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from curation.content import Message
from curation.generators import grounding, parsing
from curation.generators.answering import unanswered
from curation.generators.base import Job, Need, Plan, Read, ask, stretches
from curation.generators.filters.texts import normal
from curation.generators.model import Candidate, Reply, Request, Sampling, Source, Verdict
from curation.generators.passage_types import Kind, kinds
from curation.generators.prompts import Template, inert
from curation.measures import token_f1
from curation.params import param

PHRASINGS = ("a question", "an order", "as in an exam", "terse, a few words", "a polite request")

TEMPLATES = {
    "write": Template(
        system="You turn a passage into one task of a given kind, with its answer.\n"
        "- The instruction speaks of the passage by the placeholder {{ placeholder }}, exactly once; never copy the passage.\n"
        "- Options to choose from, where the kind has them, stand in the instruction, and in the list of options; else that "
        "is null.\n"
        "- The answer rests on the passage alone. The evidence is copied word for word from it, or null.\n"
        "{% if task.guidelines %}- {{ task.guidelines }}\n{% endif %}"
        "{% if task.language %}- Language: {{ task.language }}\n{% endif %}"
        'Answer with one JSON object: {"instruction": text, "options": [text] or null, "output": text, "evidence": text or '
        "null}.\n\nKind: {{ kind }}. {{ rule }}"
        "{% if labels %}\nIts answers: {{ labels | join(', ') }}{% endif %}"
        "{% for one in shown %}\n\nExample passage: {{ one.passage }}\n"
        "Example answer: {{ one.answer | tojson }}{% endfor %}",
        control="kind: {{ kind }}\nphrasing: {{ phrasing }}{% if label %}\nanswer wanted: {{ label }}{% endif %}",
        data="{{ passage }}",
        action="Write one task of this kind to this passage.",
    ),
    "verify": Template(
        system="You do one task. Give the answer alone, as short as it can be.\n"
        'Answer with one JSON object: {"answer": text}.',
        data="{{ instruction }}",
        action="Do this task.",
    ),
}  # fmt: skip
WRITE = {
    "type": "object",
    "properties": {
        "instruction": {"type": "string"},
        "options": {"type": ["array", "null"], "items": {"type": "string"}},
        "output": {"type": "string"},
        "evidence": {"type": ["string", "null"]},
    },
    "required": ["instruction", "options", "output", "evidence"],
}
ANSWER = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
# Kinds with a free answer: another good one need not share its words.
OPEN = ("qg", "paraphrase", "sent_comp", "summarization", "text_gen")


@dataclass(frozen=True, slots=True)
class Params:
    model: str = param(
        "chat", label="Model", choices={"chat": "any chat model", "bonito": "the Bonito model, raw completions"}
    )
    kinds: str = param("", label="Kinds of task", help="Full or short names with commas between; empty: all sixteen.")
    each: int = param(1, label="Tasks of a kind to a passage", ge=1, le=10)
    verify: bool = param(
        True, label="Answer twice", help="A second request answers; both must agree. Chat models only."
    )
    agreement: float = param(0.6, label="Least token F1 of both answers", ge=0, le=1, advanced=True)
    temperature: float = param(0.5, label="Temperature", ge=0, le=2)
    top_p: float = param(0.95, label="Top p", ge=0, le=1, advanced=True)
    max_tokens: int = param(256, label="Longest answer (tokens)", ge=32, le=8192, advanced=True)


class Task(NamedTuple):
    """A task as it was written, the placeholder still in it."""

    instruction: str
    output: str
    options: tuple[str, ...] = ()
    evidence: str | None = None


class Cell(NamedTuple):
    """What one request asks for."""

    source: Source
    kind: Kind
    number: int

    @property
    def parts(self) -> tuple[str, ...]:
        return self.source.key, self.kind.short, str(self.number)


class FromPassages:
    name = "from_passages"
    title = "Tasks from passages"
    summary = "Turns passages into tasks of sixteen kinds, each with an answer that the passage bears out."
    needs = (Need("passages"),)
    stages = ("write", "verify")
    templates = TEMPLATES
    Params = Params
    # Tasks to one passage share its words; they are compared without it.
    filter_defaults = {"near": None, "copied": 1.0}

    def estimate(self, job: Job) -> int:
        params = job.params
        most = len(job.sources.passages) * len(kinds(params.kinds)) * params.each
        return min(2 * job.wanted, most) * (2 if params.model == "chat" and params.verify else 1)

    def run(self, job: Job) -> Plan:
        cells = [
            Cell(source, kind, number)
            for number in range(job.params.each)
            for source in job.sources.passages
            for kind in kinds(job.params.kinds)
        ]
        seen: set[tuple[str, str]] = set()
        held: Counter[tuple[str, str]] = Counter()
        for stretch in stretches(job.chance.shuffled(cells, "cells"), job):
            raw = job.params.model == "bonito"
            requests = [_raw(job, cell) if raw else _chat(job, cell) for cell in stretch]
            found = yield from ask(requests, _bonito if raw else _task, job)
            made = []
            for cell, one in zip(stretch, found, strict=True):
                if one.value is None:
                    job.emit(_candidate(cell, None, one.requests, [unanswered(one.why, "write")], raw))
                    continue
                made.append((cell, one, list(_verdicts(job, cell, one.value, seen, held))))
            yield from self._verify(job, made, raw)

    def _verify(self, job: Job, made: Sequence[tuple[Cell, Read[Task], list[Verdict]]], raw: bool) -> Plan:
        left = [
            (cell, one, verdicts)
            for cell, one, verdicts in made
            if not raw and job.params.verify and cell.kind.short not in OPEN and not verdicts[-1].drops
        ]
        requests = [
            job.request(
                "verify", *cell.parts, sampling=Sampling(temperature=0.0, max_tokens=job.params.max_tokens), schema=ANSWER,
                data={"instruction": grounding.filled(one.value.instruction, cell.source.text) if one.value else ""},
            )
            for cell, one, _ in left
        ]  # fmt: skip
        again = {}
        for (cell, one, verdicts), said in zip(left, (yield from ask(requests, _answer, job)), strict=True):
            verdicts.append(_agrees(job, cell, one, said))
            again[cell.parts] = said.requests
        for cell, one, verdicts in made:
            job.emit(_candidate(cell, one.value, (*one.requests, *again.get(cell.parts, ())), verdicts, raw))


def _raw(job: Job, cell: Cell) -> Request:
    key = "/".join(("write", *cell.parts))
    params = job.params
    return Request(
        stage="write",
        key=key,
        messages=(Message("user", grounding.prompt(cell.kind, cell.source.text)),),
        sampling=Sampling(temperature=params.temperature, top_p=params.top_p, max_tokens=params.max_tokens),
        seed=job.seed_of(key),
        raw=True,
        template="bonito",
    )


def _chat(job: Job, cell: Cell) -> Request:
    """Phrasing and answer are drawn before the request: left alone, models fall into one of each."""
    kind, params = cell.kind, job.params
    shown = [
        {
            "passage": one.passage,
            "answer": {
                "instruction": one.instruction,
                "options": list(one.options) or None,
                "output": one.output,
                "evidence": one.evidence or None,
            },
        }
        for one in kind.shown
    ]
    extra = {
        "kind": kind.name,
        "rule": kind.rule,
        "labels": list(kind.labels),
        "shown": shown,
        "placeholder": grounding.PLACEHOLDER,
        "phrasing": job.chance.pick(PHRASINGS, "phrasing", *cell.parts),
        "label": job.chance.pick(kind.labels, "label", *cell.parts) if kind.labels else "",
    }
    sampling = Sampling(temperature=params.temperature, top_p=params.top_p, max_tokens=params.max_tokens)
    data = {"passage": grounding.escaped(inert(cell.source.text, job.tag))}
    return job.request("write", *cell.parts, data=data, extra=extra, sampling=sampling, schema=WRITE)


def _verdicts(
    job: Job, cell: Cell, task: Task, seen: set[tuple[str, str]], held: Counter[tuple[str, str]]
) -> Iterator[Verdict]:
    passed = True
    told = (cell.kind, task.instruction, task.output, cell.source.text, task.options, task.evidence)
    for verdict in grounding.verdicts(*told):
        yield verdict
        passed = verdict.passed
    if not passed:
        return
    mark = (cell.source.key, normal(task.instruction))
    said = "This passage has a task with the same words." if mark in seen else ""
    yield Verdict("repeated_instruction", 1, not said, said)
    seen.add(mark)
    place = (cell.source.key, cell.kind.short)
    if not said:
        held[place] += 1
        full = held[place] > job.params.each
        said = f"This passage has {job.params.each} tasks of this kind." if full else ""
        yield Verdict("per_passage", 1, not full, said, held[place], job.params.each)


def _agrees(job: Job, cell: Cell, one: Read[Task], said: Read[str]) -> Verdict:
    if said.value is None or one.value is None:
        return unanswered(said.why, "verify")
    mine, other = grounding.filled(one.value.output, cell.source.text), said.value
    chosen = bool(cell.kind.labels or cell.kind.options)
    share = float(normal(mine) == normal(other)) if chosen else token_f1(mine, other)
    least = 1.0 if chosen else job.params.agreement
    reason = "" if share >= least else f"Answered again, it is “{other[:100]}”, not “{mine[:100]}”."
    return Verdict("verify", 1, share >= least, reason, round(share, 4), least)


def _candidate(
    cell: Cell, task: Task | None, asked: tuple[str, ...], verdicts: Sequence[Verdict], raw: bool
) -> Candidate:
    meta: dict[str, Any] = {"kind": cell.kind.name, "method": "bonito" if raw else "bonito-style"}
    instruction = output = ""
    if task:
        instruction = grounding.filled(task.instruction, cell.source.text)
        output = grounding.filled(task.output, cell.source.text)
        meta |= {"template": task.instruction} | ({"evidence": task.evidence} if task.evidence else {})
    return Candidate(
        key="/".join(cell.parts),
        instruction=instruction,
        outputs=(output,) if output else (),
        meta=meta,
        parents=(cell.source.key,),
        requests=asked,
        verdicts=tuple(verdicts),
    )


def _bonito(asked: Request, reply: Reply) -> Task:
    return Task(*grounding.split(reply.text))


def _task(asked: Request, reply: Reply) -> Task:
    found = parsing.obj(reply.text)
    options = found.get("options") or []
    if not isinstance(options, list) or not all(isinstance(one, str) for one in options):
        raise parsing.Unreadable("options is no list of texts")
    evidence = found.get("evidence")
    evidence = evidence.strip() if isinstance(evidence, str) and evidence.strip() else None
    return Task(parsing.text_of(found, "instruction"), parsing.text_of(found, "output"), tuple(options), evidence)


def _answer(asked: Request, reply: Reply) -> str:
    return parsing.text_of(parsing.obj(reply.text), "answer")
