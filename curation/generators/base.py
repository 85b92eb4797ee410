"""The protocol of generators, and the plan that runs one within its limits.

A generator's `run(job)` is a Python generator: it yields batches of requests, is sent their replies, and calls
`job.emit(candidate)`. It keeps no state outside `job`, reads no clock and no global chance, so the same job fed with
the same replies asks the same and emits the same: a run that was cut is taken up by replaying the replies it has.

    job = Job(spec=spec, sources=sources, params=generator.Params(), seed=7, wanted=100)
    drive(plan(GENERATORS["label_inputs"], job), answer)      # answer: list[Request] -> list[list[Reply]]
    job.candidates                                            # kept and dropped, with verdicts
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Generator as Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from curation.generators.chance import Chance
from curation.generators.model import Candidate, Reply, Request, Sampling, Sources, Spec, Verdict
from curation.generators.prompts import Template, render
from curation.params import params_dict

T = TypeVar("T")
Batch = list[Request]
Replies = list[list[Reply]]  # for each request of a batch its samples
Plan = Coroutine[Batch, Replies, None]

WINDOW = 200  # candidates looked at for the yield
LEAST_YIELD = 0.02
RETRIES = 2  # more samples for an answer that cannot be read
MOST_TOKENS = 4096  # to which `max_tokens` may be doubled

# What a generator may want, and what a person reads where it is missing.
NEEDS = {
    "instruction": "an instruction",
    "guidelines": "guidelines",
    "demonstrations": "positive demonstrations",
    "labels": "a list of labels",
    "schema": "an answer schema",
    "passages": "passages",
    "inputs": "inputs",
    "examples": "finished examples",
    "taxonomy": "a taxonomy",
    "material": "inputs, passages or finished examples",
}


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that a generator cannot do without: a name of NEEDS, and how many at least."""

    what: str
    least: int = 1


class Stopped(Exception):
    """Thrown into `run` where it may not ask any more. Let it pass."""


class Filters(Protocol):
    """What is done with every candidate after the generator's own verdicts."""

    def one(self, candidate: Candidate) -> tuple[Verdict, ...]:
        """Verdicts on a candidate alone, up to the first that drops it."""
        ...

    def repeats(self, candidate: Candidate) -> bool:
        """Whether it says again what an earlier candidate of the run said; counted for the yield alone."""
        ...

    def settle(self, candidates: Sequence[Candidate]) -> Mapping[str, tuple[Verdict, ...]]:
        """Verdicts that need all kept candidates, by candidate key; whatever their order."""
        ...

    def after(self, job: "Job") -> Plan:
        """What asks a model about the candidates that are kept by then, and adds its verdicts."""
        ...


class NoFilters:
    def one(self, candidate: Candidate) -> tuple[Verdict, ...]:
        return ()

    def repeats(self, candidate: Candidate) -> bool:
        return False

    def settle(self, candidates: Sequence[Candidate]) -> Mapping[str, tuple[Verdict, ...]]:
        return {}

    def after(self, job: "Job") -> Plan:
        yield from ()


@dataclass
class Job:
    """One run of a generator. What is given stays as it is; `candidates`, `asked`, `report` and `stopped` are what
    becomes of it.

    wanted: kept candidates at which the run ends. ceiling: requests that may be asked at most, each sample counted.
    batch: requests in one batch of a stage whose requests do not depend on one another; it is part of the run, since
    what is asked may depend on it. templates: edited ones, by name, instead of the generator's own.
    """

    spec: Spec = field(default_factory=Spec)
    sources: Sources = field(default_factory=Sources)
    params: Any = None
    seed: int = 0
    wanted: int = 100
    ceiling: int = 10_000
    batch: int = 128
    templates: Mapping[str, Template] = field(default_factory=dict)
    filters: Filters = field(default_factory=NoFilters)
    on_emit: Callable[[Candidate], None] | None = None  # told of each candidate at once

    def __post_init__(self) -> None:
        self.chance = Chance(self.seed)
        self.tag = self.chance.tag()  # of the fences in its prompts
        self.candidates: list[Candidate] = []
        self.asked = 0
        self.report: dict[
            str, Any
        ] = {}  # figures and texts of the whole run, as JSON: what a generator has to say of it
        self.stopped = ""  # why it ended before `run` did; empty where it did not
        self.kept = 0
        self._keys: set[str] = set()
        self._candidate_keys: set[str] = set()
        self._last: list[bool] = []
        self._defaults: Mapping[str, Template] = {}

    @property
    def done(self) -> bool:
        """Whether enough is kept, or the last 200 candidates gave too little. Loops of `run` ask this."""
        return self.kept >= self.wanted or self._dry()

    def template(self, name: str) -> Template:
        """An edited one, the generator's own, or the judge's. Raises `KeyError` for another name."""
        if name in self.templates:
            return self.templates[name]
        if name in self._defaults:
            return self._defaults[name]
        from curation.generators.filters.judge import TEMPLATES

        return TEMPLATES[name]

    def request(
        self,
        stage: str,
        *parts: object,
        data: Mapping[str, Any] | None = None,
        sampling: Sampling | None = None,
        template: str = "",
        schema: Mapping[str, Any] | None = None,
        samples: int = 1,
        extra: Mapping[str, Any] | None = None,
    ) -> Request:
        """A request of a stage; `parts` tell it from the others of the stage (an index, the key of a source).

        `template` is the stage's name unless given. `data`: text from outside, for exemplars, control and data alone;
        `extra`: trusted values of our own, for every section. Raises `PromptError`.
        """
        name = template or stage
        used = self.template(name)
        messages = render(used, tag=self.tag, trusted=self._trusted() | dict(extra or {}), data=data)
        key = "/".join(str(part) for part in (stage, *parts))
        return Request(
            stage=stage,
            key=key,
            messages=messages,
            sampling=sampling or Sampling(),
            schema=schema,
            samples=samples,
            seed=self.seed_of(key),
            template=f"{name}@{used.sha}",
        )

    def seed_of(self, key: str) -> int:
        """31 bits, for servers that take no more."""
        return self.chance.number("request", key) >> 33

    def emit(self, candidate: Candidate) -> Candidate:
        """Hands in a candidate; returns it with all its verdicts. Without a key it gets that of its last request.

        Raises `ValueError` for a key that was there before.
        """
        key = candidate.key or (candidate.requests[-1] if candidate.requests else f"candidate/{len(self.candidates)}")
        if key in self._candidate_keys:
            raise ValueError(f"two candidates have the key {key!r}")
        self._candidate_keys.add(key)
        made = replace(candidate, key=key)
        if made.kept:
            made = made.judged(*self.filters.one(made))
        good = made.kept and not self.filters.repeats(made)
        self.kept += good
        self._last = [*self._last[1 - WINDOW :], good]
        self.candidates.append(made)
        if self.on_emit:
            self.on_emit(made)
        return made

    def _trusted(self) -> dict[str, Any]:
        spec = self.spec
        task = {
            "name": spec.name,
            "instruction": spec.instruction,
            "labels": list(spec.labels),
            "guidelines": spec.guidelines,
            "language": spec.language,
            "schema": dict(spec.schema) if spec.schema else None,
        }
        return {"task": task, "params": params_dict(self.params) if self.params is not None else {}}

    def _dry(self) -> bool:
        return len(self._last) >= WINDOW and sum(self._last) < LEAST_YIELD * WINDOW


class Generator(Protocol):
    """One method of synthesis. `name` is its name in GENERATORS and of its page in docs/reference/generators."""

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]  # one sentence
    needs: ClassVar[tuple[Need, ...]]
    stages: ClassVar[tuple[str, ...]]  # in the order in which the method has them
    templates: ClassVar[Mapping[str, Template]]
    Params: ClassVar[type]

    def run(self, job: Job) -> Plan: ...

    def estimate(self, job: Job) -> int:
        """Requests, each sample counted, that are likely needed for what is wanted: for the cost shown before."""
        ...


def missing(generator: Generator, spec: Spec, sources: Sources) -> list[str]:
    """What the generator wants and is not there, in words: "at least 3 positive demonstrations"."""
    have = {
        "instruction": int(bool(spec.instruction.strip())),
        "guidelines": int(bool(spec.guidelines.strip())),
        "demonstrations": len(spec.demos),
        "labels": len(spec.labels),
        "schema": int(spec.schema is not None),
        "passages": len(sources.passages),
        "inputs": len(sources.inputs),
        "examples": len(sources.examples),
        "taxonomy": len(sources.taxonomy),
        "material": len(sources.inputs) + len(sources.passages) + len(sources.examples),
    }
    short = [need for need in generator.needs if have[need.what] < need.least]
    return [NEEDS[need.what] if need.least == 1 else f"at least {need.least} {NEEDS[need.what]}" for need in short]


def plan(generator: Generator, job: Job) -> Plan:
    """`run` within the job's limits, then the verdicts that need all candidates.

    Requests past the ceiling are not asked: their replies say so, and at the next batch the run ends. Raises
    `ValueError` for two requests with one key, or where something needed is missing.
    """
    lacking = missing(generator, job.spec, job.sources)
    if lacking:
        raise ValueError(f"{generator.name} needs {', '.join(lacking)}")
    job._defaults = generator.templates
    yield from _limited(job, generator.run(job))
    if not job.stopped and job.kept < job.wanted and job._dry():
        job.stopped = f"of the last {WINDOW} candidates fewer than {LEAST_YIELD:.0%} were kept"
    found = job.filters.settle([one for one in job.candidates if one.kept])
    job.candidates = [one.judged(*found.get(one.key, ())) for one in job.candidates]
    yield from _limited(job, job.filters.after(job))
    job.kept = sum(one.kept for one in job.candidates)


def _limited(job: Job, inner: Plan) -> Plan:
    answers: Replies | None = None
    try:
        while True:
            batch = next(inner) if answers is None else inner.send(answers)
            if job.asked >= job.ceiling and batch:
                inner.throw(Stopped("the ceiling of requests is reached"))
                return
            answers = yield from _within(job, batch)
    except StopIteration:
        return
    except Stopped as stop:
        job.stopped = str(stop)


def _within(job: Job, batch: Batch) -> Coroutine[Batch, Replies, Replies]:
    """Asks what the ceiling allows of a batch; the rest is answered with an error."""
    for request in batch:
        if request.key in job._keys:
            raise ValueError(f"two requests have the key {request.key!r}")
        job._keys.add(request.key)
    sent = []
    for request in batch:
        if job.asked + request.samples > job.ceiling:
            job.asked = job.ceiling
            break
        job.asked += request.samples
        sent.append(request)
    answers = (yield sent) if sent else []
    if len(answers) != len(sent) or any(len(a) != r.samples for a, r in zip(answers, sent, strict=False)):
        raise ValueError("the replies do not match the requests")
    # What is fenced belongs to the prompt: an answer with the fence in it was copied.
    answers = [[replace(r, echo=True) if job.tag in r.text.casefold() else r for r in samples] for samples in answers]
    cut = Reply(error="the ceiling of requests is reached", finish_reason="error")
    return [*answers, *([cut] * request.samples for request in batch[len(sent) :])]


@dataclass(frozen=True, slots=True)
class Read(Generic[T]):
    """What became of a request: the value read and the reply, or why there is none. `requests`: all keys asked."""

    request: Request
    value: T | None
    why: str
    reply: Reply
    requests: tuple[str, ...]


def ask(
    requests: Sequence[Request], read: Callable[[Request, Reply], T], job: Job, *, retries: int = RETRIES
) -> Coroutine[Batch, Replies, list[Read[T]]]:
    """`found = yield from ask(requests, read, job)`: one `Read` each, in order, in batches of `job.batch`.

    `read` raises `ValueError` (`parsing.Unreadable`) with the reason where an answer cannot be read; then another
    sample is drawn, under a new key and seed. An answer that was cut off is asked for once more with twice the tokens.
    A request that failed for good, or was filtered, is not asked again.
    """
    done: dict[int, Read[T]] = {}
    waiting: list[tuple[int, Request, tuple[str, ...]]] = [
        (at, request, (request.key,)) for at, request in enumerate(requests)
    ]
    for attempt in range(retries + 1):
        again = []
        for start in range(0, len(waiting), max(1, job.batch)):
            stretch = waiting[start : start + max(1, job.batch)]
            answers = yield [request for _, request, _ in stretch]
            for (at, request, keys), (reply, *_) in zip(stretch, answers, strict=True):
                value, why = _read(request, reply, read)
                done[at] = Read(requests[at], value, why, reply, keys)
                next_one = _another(job, requests[at], request, reply, attempt) if why else None
                if next_one:
                    again.append((at, next_one, (*keys, next_one.key)))
        waiting = again
        if not waiting:
            break
    return [done[at] for at in range(len(requests))]


def _read(request: Request, reply: Reply, read: Callable[[Request, Reply], T]) -> tuple[T | None, str]:
    if reply.why:
        return None, reply.why
    try:
        return read(request, reply), ""
    except ValueError as error:
        return None, str(error)


def _another(job: Job, first: Request, last: Request, reply: Reply, attempt: int) -> Request | None:
    if reply.error or (reply.why and reply.finish_reason not in ("length", "stop", "")):
        return None
    key = f"{first.key}~{attempt + 1}"
    if reply.finish_reason == "length":
        doubled = min(MOST_TOKENS, 2 * first.sampling.max_tokens)
        if last.sampling.max_tokens >= doubled:
            return None
        return replace(last, key=key, seed=job.seed_of(key), sampling=replace(last.sampling, max_tokens=doubled))
    # At temperature 0 the same prompt gives the same answer: another sample needs some.
    sampling = replace(last.sampling, temperature=max(last.sampling.temperature, 0.3))
    return replace(last, key=key, seed=job.seed_of(key), sampling=sampling)


def slices(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(things), max(1, size)):
        yield things[start : start + max(1, size)]


def stretches(things: Sequence[T], job: Job, *, each: int = 1) -> Iterator[Sequence[T]]:
    """Stretches of independent things, no more at once than are wanted still, until the job is done. `each`: requests that
    one of them takes.
    """
    at = 0
    while at < len(things) and not job.done:
        # A few more than wanted at the end: one by one it would never come to one.
        want = max(min(8, job.wanted), job.wanted - job.kept)
        size = max(1, min(job.batch // each, want))
        yield things[at : at + size]
        at += size


def drive(running: Plan, answer: Callable[[Batch], Replies]) -> None:
    """Runs a plan to its end with replies of a function: for notebooks and tests."""
    try:
        batch = next(running)
        while True:
            batch = running.send(answer(batch))
    except StopIteration:
        return
