"""New instructions out of a pool of seeds, then instances of each (Wang and others 2023, "Self-Instruct").

For classification the label is written before the input, so that labels are not skewed.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from curation.generators import parsing
from curation.generators.answering import unanswered
from curation.generators.base import Batch, Coroutine, Job, Need, Plan, Replies, ask
from curation.generators.filters.likeness import Pool
from curation.generators.filters.texts import squeezed
from curation.generators.model import Candidate, Reply, Request, Sampling, Verdict
from curation.generators.prompts import Template
from curation.params import param

LEAST_WORDS, MOST_WORDS = 4, 150
# What a language model alone cannot do.
BLOCKED = (
    "image", "images", "graph", "graphs", "picture", "pictures", "file", "files", "map", "maps", "draw", "plot", "go to",
)  # fmt: skip
BEGINNINGS = ("write a program",)
ROUNDS = 200
_BLOCKED = re.compile(rf"\b(?:{'|'.join(BLOCKED)})\b", re.IGNORECASE)

_INSTANCES = (
    "- An instruction that can be done without an input has the empty text as input.\n"
    "- Write out every text that an input speaks of; leave no blank to fill in.\n"
)
_JSON = '{"instances": [{"input": text, "output": text}, …]}'
TEMPLATES = {
    "instruction": Template(
        system="You write instructions for an assistant that reads and writes text.\n"
        "- Each is new: other verbs, other subjects, other forms than those shown; questions and orders both.\n"
        "- Each can be done with text alone, by somebody who sees nothing but it and its input.\n"
        "- One or two sentences each.\n"
        "{% if task.instruction %}- They belong to this field: {{ task.instruction }}\n{% endif %}"
        "{% if task.language %}- Language: {{ task.language }}\n{% endif %}"
        'Answer with one JSON object: {"instructions": [text, …]}.',
        control="number wanted: {{ count }}",
        data="{% for text in shown %}{{ loop.index }}. {{ text }}\n{% endfor %}",
        action="Write exactly the number of instructions that is wanted, and none of those shown.",
    ),
    "classify": Template(
        system="You say whether an instruction is a classification: whether its answer is one of a few fixed labels.\n"
        "Answer with one word: Yes or No.\n\n"
        "Say whether a review is positive or negative. -> Yes\n"
        "Is the sentence grammatical? -> Yes\n"
        "Sort the mail into billing, technical or other. -> Yes\n"
        "Which of the four options is right? -> Yes\n"
        "Write a short poem about rain. -> No\n"
        "Translate the sentence to French. -> No\n"
        "Explain how a fridge works. -> No\n"
        "Find the names of people in the text. -> No",
        data="{{ instruction }}",
        action="Is this instruction a classification? Answer Yes or No.",
    ),
    "input_first": Template(
        system="You write examples of an instruction: an input, then its right output.\n" + _INSTANCES
        + f"Answer with one JSON object: {_JSON}.",
        control="most examples: {{ count }}",
        data="{{ instruction }}",
        action="Write examples of this one instruction.",
    ),
    "output_first": Template(
        system="You write examples of a classification: a label, then an input that deserves it. Every label comes up.\n"
        + _INSTANCES + 'Answer with one JSON object: {"instances": [{"output": label, "input": text}, …]}.',
        control="most examples: {{ count }}",
        data="{{ instruction }}",
        action="Write examples of this one instruction, with different labels.",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Params:
    shown: int = param(8, label="Instructions shown", ge=1, le=40)
    machine: int = param(2, label="Of them written by the model", ge=0, le=40, advanced=True)
    asked: int = param(8, label="Instructions asked for at once", ge=1, le=20, advanced=True)
    calls: int = param(4, label="Requests in a round", help="They share one pool.", ge=1, le=64, advanced=True)
    instances: int = param(3, label="Most examples of an instruction", ge=1, le=10)
    similar: float = param(0.7, label="Largest ROUGE-L with the pool", ge=0, le=1)
    temperature: float = param(0.7, label="Temperature of instructions", ge=0, le=2, advanced=True)
    max_tokens: int = param(1024, label="Longest answer (tokens)", ge=64, le=8192, advanced=True)


class Fresh(NamedTuple):
    """A new instruction."""

    key: str
    text: str
    parents: tuple[str, ...]
    requests: tuple[str, ...]
    verdicts: tuple[Verdict, ...]


class SelfInstruct:
    name = "self_instruct"
    title = "Self-Instruct"
    summary = "Widens a pool of instructions: new ones unlike all before, then examples of each."
    needs = (Need("examples"),)
    stages = ("instruction", "classify", "instance")
    templates = TEMPLATES
    Params = Params
    # Examples of one instruction share its words; instructions are compared by ROUGE-L here.
    filter_defaults = {"near": None, "copied": 1.0}

    def estimate(self, job: Job) -> int:
        instructions = -(-job.wanted // job.params.instances)
        return 2 * -(-instructions // job.params.asked) + 2 * instructions

    def run(self, job: Job) -> Plan:
        seeds = _seeds(job)
        pool = Pool(job.params.similar)
        for key, text in seeds:
            pool.add(text, key)
        made: list[tuple[str, str]] = []
        for round_ in range(ROUNDS):
            if job.done:
                return
            fresh = yield from _instructions(job, round_, seeds, made, pool)
            made += [(one.key, one.text) for one in fresh]
            yield from _instances(job, fresh)
        job.stopped = f"all {ROUNDS} rounds are done"


def _seeds(job: Job) -> list[tuple[str, str]]:
    """(key, instruction) of the finished examples, each instruction once."""
    found: dict[str, str] = {}
    for at, one in enumerate(job.sources.examples):
        text = (one.instruction or job.spec.instruction).strip()
        if text:
            found.setdefault(text, one.key or f"example {at + 1}")
    if not found:
        raise ValueError("self_instruct needs finished examples that have an instruction")
    return [(key, text) for text, key in found.items()]


def _instructions(
    job: Job, round_: int, seeds: Sequence[tuple[str, str]], made: Sequence[tuple[str, str]], pool: Pool
) -> Coroutine[Batch, Replies, list[Fresh]]:
    params = job.params
    sampling = Sampling(temperature=params.temperature, top_p=0.5, max_tokens=params.max_tokens, presence_penalty=2.0)
    requests, shown = [], []
    for at in range(params.calls):
        machine = job.chance.sample(made, min(params.machine, params.shown), "machine", round_, at)
        human = job.chance.sample(seeds, params.shown - len(machine), "human", round_, at)
        both = job.chance.shuffled([*machine, *human], "order", round_, at)
        shown.append(tuple(key for key, _ in both))
        data = {"shown": [text for _, text in both], "count": params.asked}
        requests.append(job.request("instruction", round_, at, data=data, sampling=sampling))
    fresh = []
    for parents, found in zip(shown, (yield from ask(requests, _list, job)), strict=True):
        if found.value is None:
            told: dict[str, Any] = {"verdicts": (unanswered(found.why, "instruction"),), "parents": parents}
            job.emit(Candidate(key=found.request.key, requests=found.requests, **told))
        for at, text in enumerate((found.value or [])[: params.asked]):
            one = Fresh(f"{found.requests[-1]}/{at}", text, parents, found.requests, tuple(_verdicts(job, text, pool)))
            if any(verdict.drops for verdict in one.verdicts):
                job.emit(_candidate(one, "", (), one.key, one.requests, one.verdicts))
                continue
            pool.add(text, one.key)
            fresh.append(one)
    return fresh


def _verdicts(job: Job, text: str, pool: Pool) -> Iterator[Verdict]:
    """Up to the first that fails: words, what a model cannot do, its beginning, its likeness to the pool."""
    count = len(text.split())
    fits = LEAST_WORDS <= count <= MOST_WORDS
    said = "" if fits else f"It has {count} words; {LEAST_WORDS} to {MOST_WORDS} are wanted."
    yield Verdict("instruction_words", 1, fits, said, count, f"{LEAST_WORDS}-{MOST_WORDS}")
    if not fits:
        return
    word = _BLOCKED.search(text)
    said = f"It asks for what text alone cannot do: “{word[0]}”." if word else ""
    yield Verdict("blocked_words", 1, word is None, said, word[0] if word else None)
    if word:
        return
    said = _beginning(text, job.spec.language)
    yield Verdict("beginning", 1, not said, said)
    if said:
        return
    near = pool.closest(text)
    said = f"Its ROUGE-L with {near[1]} is {near[0]:.2f}." if near else ""
    yield Verdict("similarity", 1, near is None, said, round(near[0], 4) if near else None, pool.threshold)


def _beginning(text: str, language: str) -> str:
    if text.casefold().startswith(BEGINNINGS):
        return "It begins like a request for a program."
    if not text[:1].isalnum():
        return "It begins with a sign."
    if language in ("", "en") and not text[:1].isascii():
        return "It begins with a letter that is not ASCII."
    return ""


def _instances(job: Job, fresh: Sequence[Fresh]) -> Plan:
    requests = [
        job.request(
            "classify", one.key, data={"instruction": one.text}, sampling=Sampling(temperature=0.0, max_tokens=8)
        )
        for one in fresh
    ]
    kinds = yield from ask(requests, lambda _, reply: parsing.yes_no(reply.text), job)
    ready, requests = [], []
    for one, kind in zip(fresh, kinds, strict=True):
        if kind.value is None:
            verdicts = (*one.verdicts, unanswered(kind.why, "classify"))
            job.emit(_candidate(one, "", (), one.key, (*one.requests, *kind.requests), verdicts))
            continue
        sampling = Sampling(temperature=0.0, presence_penalty=1.5, max_tokens=300 if kind.value else 350)
        template = "output_first" if kind.value else "input_first"
        data = {"instruction": one.text, "count": job.params.instances}
        requests.append(job.request("instance", one.key, data=data, sampling=sampling, template=template))
        ready.append((one._replace(requests=(*one.requests, *kind.requests)), kind.value))
    for (one, labelled), found in zip(ready, (yield from ask(requests, _pairs, job)), strict=True):
        asked = (*one.requests, *found.requests)
        if found.value is None:
            job.emit(_candidate(one, "", (), one.key, asked, (*one.verdicts, unanswered(found.why, "instance"))))
            continue
        _emit(job, one, found.value[: job.params.instances], asked, labelled)


def _emit(job: Job, one: Fresh, pairs: Sequence[tuple[str, str]], asked: tuple[str, ...], kind: bool) -> None:
    """An input with two different outputs spoils the whole instruction: nobody knows which is right."""
    outputs: dict[str, set[str]] = {}
    for given, output in pairs:
        outputs.setdefault(squeezed(given), set()).add(squeezed(output))
    conflict = any(given and len(said) > 1 for given, said in outputs.items())
    seen: set[tuple[str, str]] = set()
    for at, (given, output) in enumerate(pairs):
        verdict = _of_instance(given, output, (squeezed(given), squeezed(output)) in seen, conflict)
        seen.add((squeezed(given), squeezed(output)))
        meta = {"classification": kind}
        job.emit(_candidate(one, given, (output,), f"{one.key}/{at}", asked, (*one.verdicts, verdict), meta))


def _of_instance(given: str, output: str, again: bool, conflict: bool) -> Verdict:
    said = ""
    if conflict:
        said = "Of the examples of this instruction, two have the same input and different outputs."
    elif not output.strip():
        said = "The output is empty."
    elif given.strip() == output.strip():
        said = "The output is the input."
    elif given.rstrip().endswith(":") or output.rstrip().endswith(":"):
        said = "It ends with a colon, as if something were missing."
    elif again:
        said = "This example was there before."
    return Verdict("instance", 1, not said, said)


def _candidate(  # noqa: PLR0917
    one: Fresh,
    given: str,
    outputs: tuple[str, ...],
    key: str,
    asked: tuple[str, ...],
    verdicts: tuple[Verdict, ...],
    meta: dict[str, Any] | None = None,
) -> Candidate:
    told: dict[str, Any] = {"parents": one.parents, "requests": asked, "verdicts": verdicts, "meta": meta or {}}
    return Candidate(key=key, instruction=one.text, input=given, outputs=outputs, **told)


def _list(asked: Request, reply: Reply) -> list[str]:
    return parsing.texts(reply.text)


def _pairs(asked: Request, reply: Reply) -> list[tuple[str, str]]:
    found = parsing.value(reply.text)
    rows = found.get("instances") if isinstance(found, dict) else found
    if not isinstance(rows, list) or not rows:
        raise parsing.Unreadable("instances is missing or empty")
    pairs = []
    for row in rows:
        if (
            not isinstance(row, dict)
            or not isinstance(row.get("output"), str)
            or not isinstance(row.get("input", ""), str)
        ):
            raise parsing.Unreadable("an instance has no input and output as text")
        pairs.append((row.get("input", "").strip(), row["output"].strip()))
    return pairs
