"""Reasons with answers (Hsieh and others 2023, "Distilling step-by-step"): a rationale is kept only where it leads to
the right answer.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from curation.generators import parsing
from curation.generators.answering import TASK, shown, unanswered
from curation.generators.base import Job, Need, Plan, ask, stretches
from curation.generators.filters import votes
from curation.generators.filters.texts import normal
from curation.generators.model import Candidate, Demo, Reply, Request, Sampling, Verdict
from curation.generators.prompts import Template
from curation.params import param

PHRASES = ("So the answer is", "The answer is", "Therefore, the answer is")
_PHRASE = re.compile("|".join(rf"\b{re.escape(phrase)}\b" for phrase in PHRASES), re.IGNORECASE)
_OPTION = re.compile(r"^\(?[a-zA-Z0-9][).]\s+")

TEMPLATES = {
    "rationale": Template(
        system="You do a task and say why.\n"
        "- First the reason: what in the input leads to the answer, in a few sentences.\n"
        "- The reason does not name the answer before its end.\n"
        "{% if task.labels %}- The answer is one of the labels, spelled as listed.\n{% endif %}"
        'Answer with one JSON object: {"rationale": text, "answer": text}.\n\n' + TASK,
        exemplars="{% for demo in demos %}Input: {{ demo.input }}\n"
        "{% if demo.explanation %}Rationale: {{ demo.explanation }}\n{% endif %}Answer: {{ demo.output }}\n\n{% endfor %}",
        data="{% if instruction %}{{ instruction }}\n\n{% endif %}Input: {{ input }}",
        action="Give the reason and the answer for this input only.",
    ),
}  # fmt: skip
SCHEMA = {
    "type": "object",
    "properties": {"rationale": {"type": "string"}, "answer": {"type": "string"}},
    "required": ["rationale", "answer"],
}


@dataclass(frozen=True, slots=True)
class Params:
    """`form`: "column" keeps the rationale beside the answer; "rows" makes a predict and an explain row."""

    form: str = param(
        "column", label="Form", choices={"column": "rationale beside the answer", "rows": "two rows, with prefixes"}
    )
    samples: int = param(
        1, label="Samples", help="The first that is right is kept; without known answers the vote decides.", ge=1, le=20
    )
    agreement: float = param(0.5, label="Least share that agrees, without known answers", ge=0, le=1, advanced=True)
    temperature: float = param(0.7, label="Temperature", ge=0, le=2)
    max_tokens: int = param(512, label="Longest answer (tokens)", ge=32, le=8192, advanced=True)


class Question(NamedTuple):
    key: str
    instruction: str
    input: str
    gold: str


class Rationale:
    name = "rationale"
    title = "Rationales"
    summary = "Asks for a reason with each answer; keeps those that lead to the known answer, or to that of the most."
    needs = (Need("instruction"),)
    stages = ("rationale",)
    templates = TEMPLATES
    Params = Params
    novel = "whole"  # reasons for examples that exist

    def estimate(self, job: Job) -> int:
        rows = 2 if job.params.form == "rows" else 1
        return min(-(-job.wanted // rows), len(_questions(job))) * job.params.samples

    def run(self, job: Job) -> Plan:
        questions = _questions(job)
        if not questions:
            raise ValueError("rationale needs finished examples, or inputs")
        sampling = Sampling(temperature=job.params.temperature, max_tokens=job.params.max_tokens)
        for stretch in stretches(questions, job, each=job.params.samples):
            requests = [self._request(job, one, sampling) for one in stretch]
            if job.params.samples == 1:
                for one, found in zip(stretch, (yield from ask(requests, _read, job)), strict=True):
                    _emit(job, one, [found.value] if found.value else [], [found.why], found.requests)
                continue
            for one, asked, replies in zip(stretch, requests, (yield requests), strict=True):
                held, whys = _held(asked, replies)
                _emit(job, one, held, whys, (asked.key,))

    def _request(self, job: Job, one: Question, sampling: Sampling) -> Request:
        own = one.instruction if one.instruction.strip() != job.spec.instruction.strip() else ""
        # The example itself is never shown with its answer.
        demos = shown([demo for demo in job.spec.demos if demo.input.strip() != one.input.strip()])
        data = {"input": one.input, "instruction": own, "demos": demos}
        return job.request(
            "rationale", one.key, data=data, sampling=sampling, schema=SCHEMA, samples=job.params.samples
        )


def _questions(job: Job) -> list[Question]:
    """Finished examples with their answers, then inputs without."""
    known = [_known(job, at, one) for at, one in enumerate(job.sources.examples) if one.output]
    return known + [Question(one.key, job.spec.instruction, one.text, "") for one in job.sources.inputs]


def _known(job: Job, at: int, one: Demo) -> Question:
    return Question(one.key or f"example {at + 1}", one.instruction or job.spec.instruction, one.input, one.output)


def split(text: str) -> tuple[str, str]:
    """(rationale, answer) of a chain of thought: cut at the next question, split at the phrase that gives the answer.

    The answer loses the letter of its option and its last full stop. Raises `Unreadable` where the phrase is missing,
    comes twice, or a side of it is empty.
    """
    text = re.split(r"\n\s*Q:", text, maxsplit=1)[0]
    found = list(_PHRASE.finditer(text))
    if len(found) != 1:
        raise parsing.Unreadable("the answer is not given by one phrase such as “So the answer is”")
    reason = text[: found[0].start()].strip()
    answer = text[found[0].end() :].strip().lstrip(":").strip()
    answer = _OPTION.sub("", answer).removesuffix(".").strip()
    if not reason or not answer:
        raise parsing.Unreadable("the rationale or the answer is empty")
    return reason, answer


def _read(asked: Request, reply: Reply) -> tuple[str, str]:
    try:
        found = parsing.obj(reply.text)
    except parsing.Unreadable as error:
        try:
            return split(parsing.plain(reply.text))
        except parsing.Unreadable:
            raise error from None
    return parsing.text_of(found, "rationale"), parsing.text_of(found, "answer")


def _held(asked: Request, replies: Sequence[Reply]) -> tuple[list[tuple[str, str]], list[str]]:
    held, whys = [], []
    for reply in replies:
        try:
            if reply.why:
                raise parsing.Unreadable(reply.why)
            held.append(_read(asked, reply))
        except ValueError as error:
            whys.append(str(error))
    return held, whys


def _label(job: Job, text: str) -> str:
    """The answer in the form in which it is compared."""
    if job.spec.labels:
        try:
            return parsing.label(text, job.spec.labels)
        except parsing.Unreadable:
            return text
    return text


def _emit(
    job: Job, one: Question, held: Sequence[tuple[str, str]], whys: Sequence[str], asked: tuple[str, ...]
) -> None:
    told: dict[str, Any] = {"instruction": one.instruction, "parents": (one.key,), "requests": asked}
    if not held:
        job.emit(Candidate(key=one.key, input=one.input, verdicts=(unanswered(whys[0]),), **told))
        return
    said = [(reason, _label(job, answer)) for reason, answer in held]
    if one.gold:
        right = [(reason, answer) for reason, answer in said if normal(answer) == normal(_label(job, one.gold))]
        reason, answer = (right or said)[0]
        wrong = "" if right else f"It leads to “{answer[:100]}”, not to “{one.gold[:100]}”."
        verdict = Verdict("agrees", 1, bool(right), wrong, answer[:200], one.gold[:200])
        answer = one.gold if right else answer
    else:
        vote = votes.vote([answer for _, answer in said], normal)
        verdict = votes.consistency(vote, job.params.agreement)
        answer = vote.text if vote else ""
        reason = next(reason for reason, mine in said if normal(mine) == normal(answer))
    meta = {"rationale": reason}
    if job.params.form == "column":
        job.emit(Candidate(key=one.key, input=one.input, outputs=(answer,), meta=meta, verdicts=(verdict,), **told))
        return
    for prefix, output in (("predict", answer), ("explain", reason)):
        row: dict[str, Any] = {"input": f"{prefix}: {one.input}", "outputs": (output,), "meta": meta | {"row": prefix}}
        job.emit(Candidate(key=f"{one.key}/{prefix}", verdicts=(verdict,), **row, **told))
