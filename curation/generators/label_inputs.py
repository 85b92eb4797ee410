"""Answers for inputs of the task, which are given or written first (after Piet and others 2024, "Jatmo").

With inputs: one request each. Without: seeds are written from the task alone, inputs from one seed each, all are brought
into one layout, then answered.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple

from curation.generators import parsing
from curation.generators.answering import ANSWER, TASK, reading, request, single, unanswered
from curation.generators.base import Batch, Coroutine, Job, Need, Plan, Read, Replies, ask, stretches
from curation.generators.filters import votes
from curation.generators.filters.texts import normal
from curation.generators.model import Candidate, Reply, Request, Sampling, Verdict
from curation.generators.prompts import Template
from curation.params import param

SAME = 128  # characters of a beginning, in lower case, by which two inputs count as one
ROUNDS = 50

_RULES = (
    "- Write one input, as a person would really have it: whole, specific, with details.\n"
    "- Write the input alone: no answer, no title, no remark.\n"
    "- Never repeat the text of the task.\n"
    "- Keep to the layout that such inputs have in practice.\n"
    "{% if task.labels %}- Over many inputs every label must be deserved about equally often.\n{% endif %}"
    "- Be different from the inputs that others write for this task.\n"
)
TEMPLATES = {
    "seed": Template(
        system="You write inputs for a task that somebody else will do.\n" + _RULES + "\n" + TASK,
        control="number: {{ number }}\nlot: {{ lot }}",
        data="{% if example %}An input of this task:\n{{ example }}{% endif %}",
        action="Write one new input only.",
    ),
    "input": Template(
        system="You write inputs for a task that somebody else will do.\n" + _RULES + "\n" + TASK,
        control="number: {{ number }}\nlot: {{ lot }}",
        data="An input of this task, for its kind and layout; yours has another subject:\n{{ example }}",
        action="Write one new input only.",
    ),
    "format": Template(
        system="You bring an input of a task into a fixed layout and change none of its facts.\n"
        "- Fields in the order of the layout, with a line ### between two fields.\n"
        "- A field that is not in the input is N/A.\n"
        "- Give the input alone, in the new layout.\n\n" + TASK,
        data="{% if layout %}Layout, shown by another input:\n{{ layout }}\n\n{% endif %}Input:\n{{ input }}",
        action="Write the input in its layout only.",
    ),
    "label": ANSWER,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Params:
    """`inputs`: "given" takes those of the sources, "written" writes them."""

    inputs: str = param("given", label="Inputs", choices={"given": "as given", "written": "let the model write them"})
    samples: int = param(
        1, label="Answers for each input", help="More than one: the most frequent is taken.", ge=1, le=20
    )
    agreement: float = param(0.3, label="Least share that agrees", ge=0, le=1, advanced=True)
    temperature: float = param(0.2, label="Temperature of answers", ge=0, le=2)
    max_tokens: int = param(512, label="Longest answer (tokens)", ge=1, le=8192)
    seeds: int = param(10, label="Seeds", help="Inputs written from the task alone.", ge=1, le=200, advanced=True)
    children: int = param(50, label="Most inputs from one seed", ge=1, le=10_000, advanced=True)
    layout: bool = param(True, label="Bring written inputs into one layout", advanced=True)


class Made(NamedTuple):
    """An input to be answered, where it comes from, and what was asked for it."""

    key: str
    text: str
    parents: tuple[str, ...]
    requests: tuple[str, ...] = ()


class LabelInputs:
    name = "label_inputs"
    title = "Answer inputs"
    summary = "Answers inputs of the task; without inputs it writes them from the task, or from one example."
    needs = (Need("instruction"),)
    stages = ("seed", "input", "format", "label")
    templates = TEMPLATES
    Params = Params

    def estimate(self, job: Job) -> int:
        each = job.params.samples
        if job.params.inputs == "given":
            return min(job.wanted, len(job.sources.inputs)) * each
        return job.params.seeds + job.wanted * (1 + int(job.params.layout) + each)

    def run(self, job: Job) -> Plan:
        if job.params.inputs == "given":
            if not job.sources.inputs:
                raise ValueError("label_inputs needs inputs, or the choice to let the model write them")
            made = [Made(one.key, one.text, (one.key,)) for one in job.sources.inputs]
            yield from self._label(job, made)
            return
        seeds = yield from self._seeds(job)
        if not seeds:
            job.stopped = "the model wrote no seed that can be used"
            return
        layout = yield from self._layout(job, seeds)
        taken: set[str] = {_beginning(seed.text) for seed in seeds}
        children: Counter[str] = Counter()
        number = 0
        for _ in range(ROUNDS):
            if job.done:
                return
            count = min(job.batch, max(1, job.wanted - job.kept))
            drawn = self._drawn(job, seeds, children, range(number, number + count))
            if not drawn:
                job.stopped = f"every seed has its {job.params.children} inputs"
                return
            number += count
            fresh = yield from self._inputs(job, drawn, layout, taken)
            yield from self._label(job, fresh)

    def _seeds(self, job: Job) -> Coroutine[Batch, Replies, list[Made]]:
        """Seeds of the model's own, each prompt told apart by a number and random letters; repeats are left out."""
        example = job.spec.demos[0].input if job.spec.demos else ""
        requests = [
            job.request(
                "seed", at, data={"number": at + 1, "lot": _lot(job, "seed", at), "example": example}, sampling=_FREE
            )
            for at in range(job.params.seeds)
        ]
        seeds: dict[str, Made] = {}
        for found in (yield from ask(requests, _text, job)):
            verdict = _leak(job, found.value or "")
            if found.value and verdict.passed:
                seeds.setdefault(_beginning(found.value), Made(found.requests[-1], found.value, (), found.requests))
        return list(seeds.values())

    def _layout(self, job: Job, seeds: Sequence[Made]) -> Coroutine[Batch, Replies, str]:
        """The input after which all are laid out: a demonstration, or one of the seeds as the model formats it."""
        if not job.params.layout:
            return ""
        if job.spec.demos:
            return job.spec.demos[0].input
        requests = [
            job.request("format", "layout", at, data={"layout": "", "input": seed.text}, sampling=_FREE)
            for at, seed in enumerate(seeds[:10])
        ]
        found = [one.value for one in (yield from ask(requests, _text, job)) if one.value]
        return job.chance.pick(found, "layout") if found else ""

    def _drawn(self, job: Job, seeds: Sequence[Made], children: Counter[str], numbers: range) -> list[tuple[int, Made]]:
        drawn = []
        for number in numbers:
            free = [seed for seed in seeds if children[seed.key] < job.params.children]
            if free:
                seed = job.chance.pick(free, "seed of", number)
                children[seed.key] += 1
                drawn.append((number, seed))
        return drawn

    def _inputs(
        self, job: Job, drawn: Sequence[tuple[int, Made]], layout: str, taken: set[str]
    ) -> Coroutine[Batch, Replies, list[Made]]:
        requests = [
            job.request(
                "input",
                at,
                data={"number": at + 1, "lot": _lot(job, "input", at), "example": seed.text},
                sampling=_FREE,
            )
            for at, seed in drawn
        ]
        written = yield from ask(requests, _text, job)
        made = []
        for (at, seed), found in zip(drawn, written, strict=True):
            text, parents = found.value or "", (seed.key,)
            verdicts = [_new(text, taken), _leak(job, text)] if text else [unanswered(found.why, "input")]
            bad = [verdict for verdict in verdicts if verdict.drops]
            if bad:
                job.emit(
                    single(job, text, key=f"input/{at}", parents=parents, requests=found.requests, verdicts=(bad[0],))
                )
                continue
            taken.add(_beginning(text))
            made.append(Made(f"input/{at}", text, parents, found.requests))
        if not layout:
            return made
        requests = [
            job.request(
                "format",
                one.key,
                data={"layout": layout, "input": one.text},
                sampling=Sampling(temperature=0.0, max_tokens=512),
            )
            for one in made
        ]
        formatted = yield from ask(requests, _text, job)
        # An input that could not be laid out is a good input still.
        return [
            one._replace(text=found.value or one.text, requests=(*one.requests, *found.requests))
            for one, found in zip(made, formatted, strict=True)
        ]

    def _label(self, job: Job, made: Sequence[Made]) -> Plan:
        sampling = Sampling(temperature=job.params.temperature, max_tokens=job.params.max_tokens)
        for stretch in stretches(made, job, each=job.params.samples):
            requests = [
                request(job, "label", one.key, one.text, sampling, samples=job.params.samples) for one in stretch
            ]
            if job.params.samples == 1:
                for one, found in zip(stretch, (yield from ask(requests, reading(job.spec), job)), strict=True):
                    job.emit(_answered(job, one, found))
                continue
            for one, asked, replies in zip(stretch, requests, (yield requests), strict=True):
                job.emit(_voted(job, one, asked, replies))


_FREE = Sampling(temperature=1.0, top_p=0.95, max_tokens=512)


def _answered(job: Job, one: Made, found: Read[str]) -> Candidate:
    told: dict[str, Any] = {"key": one.key, "parents": one.parents, "requests": (*one.requests, *found.requests)}
    if found.value is None:
        return single(job, one.text, **told, verdicts=(unanswered(found.why),))
    return single(job, one.text, (found.value,), **told, verdicts=(_leak(job, one.text),))


def _voted(job: Job, one: Made, asked: Request, replies: Sequence[Reply]) -> Candidate:
    read, held, whys = reading(job.spec), [], []
    for reply in replies:
        try:
            if reply.why:
                raise parsing.Unreadable(reply.why)
            held.append(read(asked, reply))
        except ValueError as error:
            whys.append(str(error))
    vote = votes.vote(held)
    verdict = votes.consistency(vote, job.params.agreement) if vote else unanswered(whys[0])
    told: dict[str, Any] = {"key": one.key, "parents": one.parents, "requests": (*one.requests, asked.key)}
    meta = {"agreement": round(vote.share, 4)} if vote else {}
    return single(
        job, one.text, (vote.text,) if vote else (), **told, meta=meta, verdicts=(verdict, _leak(job, one.text)),
        score=vote.share if vote else None,
    )  # fmt: skip


def _text(asked: Request, reply: Reply) -> str:
    return parsing.plain(reply.text)


def _beginning(text: str) -> str:
    return text.strip().casefold()[:SAME]


def _new(text: str, taken: set[str]) -> Verdict:
    passed = _beginning(text) not in taken
    said = "" if passed else f"Another input has the same first {SAME} characters."
    return Verdict("beginning", 1, passed, said, None, SAME)


def _leak(job: Job, text: str) -> Verdict:
    """Whether the task's text got into an input: the student is trained without it."""
    task = normal(job.spec.instruction)
    leaks = len(task) >= 20 and task in normal(text)
    return Verdict("instruction_leak", 1, not leaks, "The input repeats the text of the task." if leaks else "")


def _lot(job: Job, stage: str, at: int) -> str:
    """32 random letters: without them a model repeats itself."""
    numbers = [job.chance.number("lot", stage, at, part) for part in range(ceil(32 / 8))]
    return "".join(chr(97 + (number >> (5 * place)) % 26) for number in numbers for place in range(8))
