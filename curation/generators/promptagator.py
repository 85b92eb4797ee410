"""Questions for passages from up to eight examples, kept where the question finds its passage again
(Dai and others 2023, "Promptagator"); with an answer that a second reading confirms.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from curation.generators import parsing
from curation.generators.answering import unanswered
from curation.generators.base import Job, Need, Plan, Read, ask, stretches
from curation.generators.filters.texts import normal
from curation.generators.model import Candidate, Reply, Request, Sampling, Source, Verdict
from curation.generators.prompts import Template
from curation.generators.ranking import Passages
from curation.measures import token_f1
from curation.params import param

LEAST_PASSAGES = 200  # with few, every question finds its passage
MOST_EXAMPLES = 8
EXAMPLE_CHARS = 12_000

TEMPLATES = {
    "query": Template(
        system="You write questions to a passage, as the people of this task ask them.\n"
        "- The passage alone answers the question.\n"
        "- The question makes sense without the passage: it names what it is about, and never speaks of a text or passage.\n"
        "- The answer is short and true; the evidence is copied word for word from the passage.\n"
        "{% if task.instruction %}- What the questions are for: {{ task.instruction }}\n{% endif %}"
        "{% if task.language %}- Language: {{ task.language }}\n{% endif %}"
        'Answer with one JSON object: {"question": text, "evidence": text, "answer": text}.',
        exemplars="{% for one in examples %}Passage: {{ one.passage }}\nQuestion: {{ one.question }}\n\n{% endfor %}",
        control="number: {{ number }}",
        data="Passage: {{ passage }}",
        action="Write one question to this passage, with its answer.",
    ),
    "check": Template(
        system="You answer a question from a passage, in as few words as it takes.\n"
        "If the passage does not answer it, the answer is: unanswerable.\n"
        'Answer with one JSON object: {"answer": text}.',
        data="Passage: {{ passage }}\n\nQuestion: {{ question }}",
        action="Answer this question from the passage alone.",
    ),
}  # fmt: skip
QUERY = {
    "type": "object",
    "properties": {"question": {"type": "string"}, "evidence": {"type": "string"}, "answer": {"type": "string"}},
    "required": ["question", "evidence", "answer"],
}
ANSWER = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}


@dataclass(frozen=True, slots=True)
class Params:
    queries: int = param(1, label="Questions for each passage", ge=1, le=16)
    rank: int = param(1, label="Largest rank of its passage", help="1 for facts, 3 for broad questions.", ge=1, le=100)
    crowd: int = param(5, label="Passages near the best that make it vague", ge=2, le=1000, advanced=True)
    check: bool = param(True, label="Answer twice", help="A second request answers; both must agree.")
    agreement: float = param(0.6, label="Least token F1 of both answers", ge=0, le=1, advanced=True)
    passage: bool = param(True, label="Keep the passage as input")
    temperature: float = param(0.7, label="Temperature of questions", ge=0, le=2)
    max_tokens: int = param(512, label="Longest answer (tokens)", ge=32, le=8192, advanced=True)


class Query(NamedTuple):
    question: str
    answer: str
    evidence: str


@dataclass
class _Made:
    """A question on its way."""

    source: Source
    found: Read[Query]
    query: Query
    verdicts: list[Verdict] = field(default_factory=list)
    requests: tuple[str, ...] = ()


class Promptagator:
    name = "promptagator"
    title = "Promptagator"
    summary = "Asks questions to passages and keeps those that lead back to their passage and are answered alike twice."
    needs = (Need("passages", LEAST_PASSAGES),)
    stages = ("query", "check")
    templates = TEMPLATES
    Params = Params
    novel = "instruction"  # questions to one passage share its words

    def estimate(self, job: Job) -> int:
        most = len(job.sources.passages) * job.params.queries
        return min(2 * job.wanted, most) * (2 if job.params.check else 1)

    def run(self, job: Job) -> Plan:
        index = Passages([one.text for one in job.sources.passages])
        examples = _examples(job)
        sampling = Sampling(temperature=job.params.temperature, max_tokens=job.params.max_tokens)
        passages = job.chance.shuffled(job.sources.passages, "passages")
        jobs = [(number, one) for number in range(job.params.queries) for one in passages]
        for stretch in stretches(jobs, job):
            requests = [
                job.request(
                    "query", one.key, number, sampling=sampling, schema=QUERY,
                    data={"passage": one.text, "examples": examples, "number": number + 1},
                )
                for number, one in stretch
            ]  # fmt: skip
            made = []
            for (_, source), found in zip(stretch, (yield from ask(requests, _query, job)), strict=True):
                if found.value is None:
                    verdicts = (unanswered(found.why, "query"),)
                    told: dict[str, Any] = {"parents": (source.key,), "requests": found.requests, "verdicts": verdicts}
                    job.emit(Candidate(key=found.request.key, input=source.text, **told))
                    continue
                made.append(_trip(job, index, _Made(source, found, found.value, [], found.requests)))
            yield from self._check(job, made)

    def _check(self, job: Job, made: Sequence[_Made]) -> Plan:
        left = [one for one in made if job.params.check and not any(verdict.drops for verdict in one.verdicts)]
        requests = [
            job.request(
                "check", *one.found.request.key.split("/")[1:], sampling=Sampling(temperature=0.0, max_tokens=256),
                schema=ANSWER, data={"passage": one.source.text, "question": one.query.question},
            )
            for one in left
        ]  # fmt: skip
        for one, found in zip(left, (yield from ask(requests, _answer, job)), strict=True):
            one.requests = (*one.requests, *found.requests)
            one.verdicts.append(_agrees(job, one.query.answer, found))
        for one in made:
            job.emit(_candidate(job, one))


def _examples(job: Job) -> list[dict[str, str]]:
    """Up to eight pairs of passage and question, fewer where they get too long."""
    left, kept = EXAMPLE_CHARS, []
    pairs = [(demo.input, demo.instruction or demo.output) for demo in (*job.spec.demos, *job.sources.examples)]
    for passage, question in [pair for pair in pairs if all(pair)][:MOST_EXAMPLES]:
        left -= len(passage) + len(question)
        if left < 0:
            break
        kept.append({"passage": passage, "question": question})
    return kept


def _trip(job: Job, index: Passages, made: _Made) -> _Made:
    """Verdicts on the way back to the passage, and on the evidence."""
    trip = index.trip(made.query.question, made.source.text)
    near = 1 <= trip.rank <= job.params.rank
    where = f"at rank {trip.rank}" if trip.rank else "not at all"
    said = "" if near else f"The question finds its passage {where}; rank {job.params.rank} is wanted."
    made.verdicts.append(Verdict("round_trip", 1, near, said, trip.rank or None, job.params.rank))
    if near:
        vague = trip.close >= job.params.crowd
        said = f"The question finds {trip.close} passages about as well." if vague else ""
        made.verdicts.append(Verdict("specific", 1, not vague, said, trip.close, job.params.crowd))
    held = normal(made.query.evidence)
    there = bool(held) and held in normal(made.source.text)
    if not any(verdict.drops for verdict in made.verdicts):
        said = "" if there else "The evidence does not stand in the passage."
        made.verdicts.append(Verdict("evidence", 1, there, said))
    return made


def _agrees(job: Job, answer: str, found: Read[str]) -> Verdict:
    if found.value is None:
        return unanswered(found.why, "check")
    share = token_f1(answer, found.value)
    agrees = share >= job.params.agreement
    said = "" if agrees else f"Answered again, it is “{found.value[:100]}”, not “{answer[:100]}”."
    return Verdict("check", 1, agrees, said, round(share, 4), job.params.agreement)


def _candidate(job: Job, one: _Made) -> Candidate:
    return Candidate(
        key=one.found.request.key,
        instruction=one.query.question,
        input=one.source.text if job.params.passage else "",
        outputs=(one.query.answer,),
        meta={"evidence": one.query.evidence},
        parents=(one.source.key,),
        requests=one.requests,
        verdicts=tuple(one.verdicts),
    )


def _query(asked: Request, reply: Reply) -> Query:
    found = parsing.obj(reply.text)
    return Query(*(parsing.text_of(found, name) for name in ("question", "answer", "evidence")))


def _answer(asked: Request, reply: Reply) -> str:
    return parsing.text_of(parsing.obj(reply.text), "answer")
