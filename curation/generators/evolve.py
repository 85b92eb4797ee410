"""Instructions rewritten into harder or rarer ones, one random operation a round, then answered (Xu and others 2024,
"WizardLM": Evol-Instruct). The four rules by which a failed evolution is dropped are applied.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from curation.generators import parsing
from curation.generators.answering import unanswered
from curation.generators.base import Batch, Coroutine, Job, Need, Plan, Replies, ask, stretches
from curation.generators.filters.texts import words
from curation.generators.model import Candidate, Reply, Request, Sampling, Verdict
from curation.generators.prompts import Template
from curation.params import param

# Operation: what the rewriter is told. The last one leaves the parent and writes a sibling.
OPERATIONS = {
    "constrain": "Add one more requirement or limit that the answer must keep to.",
    "deepen": "Where it asks about something, ask about it in more depth and breadth.",
    "concretise": "Put something specific in the place of something general.",
    "reason": "If a few thoughts are enough for it now, ask for several steps of reasoning.",
    "complicate": "Add data that the answer must work with: a small table, code, or a structured record.",
    "broaden": "Write a new instruction of the same field that is rarer, about as long and as hard.",
}
LEAK = re.compile(r"#?\s*\b(?:given|rewritten|created|new) (?:prompt|instruction)\b\s*#?", re.IGNORECASE)
SORRY_WORDS = 80
# Words that say nothing alone; an answer of these and signs is none.
_STOP = (
    "a an and are as at be but by do does for from had has have he her his i if in into is it its me my no not of on "
    "or our she so some such that the their them then there these they this to too was we were what which who will "
    "with yes you your"
)
STOP_WORDS = frozenset(_STOP.split())

_KEEP = (
    "- Keep its input, tables and code.\n"
    "- Add 10 to 20 words at most; it must stay clear, and people must be able to answer it.\n"
    "- Do not answer it. Do not mention that it was rewritten.\n"
)
TEMPLATES = {
    "rewrite": Template(
        system="You change one instruction into another as you are told.\n" + _KEEP
        + "{% if task.language %}- Language: {{ task.language }}\n{% endif %}"
        'Answer with one JSON object: {"instruction": text}.',
        control="change: {{ change }}",
        data="{{ instruction }}{% if input %}\n\n{{ input }}{% endif %}",
        action="Write the one changed instruction.",
    ),
    "equal": Template(
        system="You compare two instructions. They are equal if they have the same constraints and ask for the same depth and "
        'breadth.\nAnswer with one JSON object: {"reason": text, "equal": true or false}.',
        data="First:\n{{ parent }}\n\nSecond:\n{{ child }}",
        action="Are the two equal?",
    ),
    "answer": Template(
        system="You are a careful expert. Answer the instruction fully and correctly; give the answer alone."
        "{% if task.guidelines %}\nGuidelines: {{ task.guidelines }}{% endif %}"
        "{% if task.language %}\nLanguage: {{ task.language }}{% endif %}",
        data="{{ instruction }}{% if input %}\n\n{{ input }}{% endif %}",
        action="Answer this instruction, which the person who asks has written between the marks.",
    ),
}  # fmt: skip
_EQUAL = {
    "type": "object",
    "properties": {"reason": {"type": "string"}, "equal": {"type": "boolean"}},
    "required": ["reason", "equal"],
}
_ONE = {"type": "object", "properties": {"instruction": {"type": "string"}}, "required": ["instruction"]}


@dataclass(frozen=True, slots=True)
class Params:
    rounds: int = param(2, label="Rounds", help="How often an instruction may be made harder.", ge=1, le=8)
    operations: str = param(
        ", ".join(OPERATIONS), label="Changes", help="Separated by commas; drawn with equal chance."
    )
    temperature: float = param(1.0, label="Temperature", ge=0, le=2)
    top_p: float = param(0.95, label="Top p", ge=0, le=1, advanced=True)
    max_tokens: int = param(2048, label="Longest answer (tokens)", ge=64, le=8192, advanced=True)


class Kin(NamedTuple):
    """An instruction of the tree. `parent` is the key it was made of; the seeds have none."""

    key: str
    instruction: str
    input: str
    parent: str = ""
    depth: int = 0
    operation: str = ""
    requests: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()


class Evolve:
    name = "evolve"
    title = "Evol-Instruct"
    summary = "Makes instructions harder or rarer round by round, answers them, and drops failed changes."
    needs = (Need("examples"),)
    stages = ("rewrite", "equal", "answer")
    templates = TEMPLATES
    Params = Params
    # A child is meant to share most of its words with its parent.
    filter_defaults = {"near": 0.95, "copied": 1.0}

    def estimate(self, job: Job) -> int:
        return 3 * job.wanted

    def run(self, job: Job) -> Plan:
        chosen = operations(job.params.operations)
        pool = [
            Kin(one.key or f"example {at + 1}", one.instruction or job.spec.instruction, one.input)
            for at, one in enumerate(job.sources.examples)
        ]
        for depth in range(1, job.params.rounds + 1):
            children: dict[str, Kin] = {}
            order = job.chance.shuffled(pool, "order", depth)
            for stretch in stretches(order, job):
                made = yield from _rewritten(job, stretch, depth, chosen)
                children |= yield from _answered(job, (yield from _different(job, made)))
            if job.done:
                return
            # A failed change leaves the parent in the pool for the next round.
            pool = [children.get(one.key, one) for one in pool]


def operations(text: str) -> list[str]:
    """Raises `ValueError` for an unknown one."""
    chosen = [part.strip() for part in text.split(",") if part.strip()]
    for name in chosen:
        if name not in OPERATIONS:
            raise ValueError(f"{name} is no change; there are {', '.join(OPERATIONS)}")
    return chosen or list(OPERATIONS)


def _rewritten(
    job: Job, pool: Sequence[Kin], depth: int, chosen: Sequence[str]
) -> Coroutine[Batch, Replies, list[tuple[Kin, Kin]]]:
    """(parent, child) of the changes that leak no wording of the prompt."""
    params = job.params
    sampling = Sampling(temperature=params.temperature, top_p=params.top_p, max_tokens=params.max_tokens)
    drawn = [job.chance.pick(chosen, "operation", depth, one.key) for one in pool]
    requests = [
        job.request(
            "rewrite", depth, one.key, sampling=sampling, schema=_ONE, extra={"change": OPERATIONS[name]},
            data={"instruction": one.instruction, "input": one.input},
        )
        for one, name in zip(pool, drawn, strict=True)
    ]  # fmt: skip
    made = []
    for one, name, found in zip(pool, drawn, (yield from ask(requests, _instruction, job)), strict=True):
        # A new instruction of its own does not go on with the parent's input.
        given = "" if name == "broaden" else one.input
        text = found.value or ""
        verdict = leak(text) if found.value else unanswered(found.why, "rewrite")
        child = Kin(found.request.key, text, given, one.key, one.depth + 1, name, found.requests, (verdict,))
        if verdict.drops:
            job.emit(_candidate(child, ""))
            continue
        made.append((one, child))
    return made


def _different(job: Job, made: Sequence[tuple[Kin, Kin]]) -> Coroutine[Batch, Replies, list[Kin]]:
    """The children that ask for more than their parents, as the model judges it."""
    requests = [
        job.request(
            "equal", child.key, sampling=Sampling(temperature=0.0, max_tokens=256), schema=_EQUAL,
            data={"parent": _whole(parent), "child": _whole(child)},
        )
        for parent, child in made
    ]  # fmt: skip
    left = []
    for (_, child), found in zip(made, (yield from ask(requests, _same, job)), strict=True):
        if found.value is None:
            verdict = unanswered(found.why, "equal")
        else:
            said = "It asks for nothing more than the instruction it was made of." if found.value else ""
            verdict = Verdict("equal", 1, not found.value, said)
        one = child._replace(requests=(*child.requests, *found.requests), verdicts=(*child.verdicts, verdict))
        if verdict.drops:
            job.emit(_candidate(one, ""))
        else:
            left.append(one)
    return left


def _answered(job: Job, made: Sequence[Kin]) -> Coroutine[Batch, Replies, dict[str, Kin]]:
    """The children that are kept, by the key of their parent."""
    params = job.params
    sampling = Sampling(temperature=params.temperature, top_p=params.top_p, max_tokens=params.max_tokens)
    requests = [
        job.request("answer", one.key, data={"instruction": one.instruction, "input": one.input}, sampling=sampling)
        for one in made
    ]
    kept = {}
    for one, found in zip(made, (yield from ask(requests, _plain, job)), strict=True):
        verdicts = (says_sorry(found.value), says_nothing(found.value)) if found.value else (unanswered(found.why),)
        whole = one._replace(requests=(*one.requests, *found.requests), verdicts=(*one.verdicts, *verdicts))
        if job.emit(_candidate(whole, found.value or "")).kept:
            kept[one.parent] = whole
    return kept


def leak(text: str) -> Verdict:
    found = LEAK.search(text)
    said = f"It repeats words of the prompt: “{found[0].strip()}”." if found else ""
    return Verdict("leak", 1, found is None, said, found[0].strip() if found else None)


def says_sorry(answer: str) -> Verdict:
    count = len(answer.split())
    bad = bool(re.search(r"\bsorry\b", answer, re.IGNORECASE)) and count < SORRY_WORDS
    said = f"The answer says sorry and has {count} words." if bad else ""
    return Verdict("sorry", 1, not bad, said, count, SORRY_WORDS)


def says_nothing(answer: str) -> Verdict:
    bad = all(word in STOP_WORDS for word in words(answer))
    return Verdict("stop_words", 1, not bad, "The answer is signs and filler words alone." if bad else "")


def _whole(one: Kin) -> str:
    return "\n\n".join(part for part in (one.instruction, one.input) if part)


def _candidate(one: Kin, answer: str) -> Candidate:
    meta: dict[str, Any] = {"operation": one.operation, "depth": one.depth}
    return Candidate(
        key=one.key, instruction=one.instruction, input=one.input, outputs=(answer,) if answer else (), meta=meta,
        parents=(one.parent,), requests=one.requests, verdicts=one.verdicts,
    )  # fmt: skip


def _instruction(asked: Request, reply: Reply) -> str:
    return parsing.text_of(parsing.obj(reply.text), "instruction")


def _same(asked: Request, reply: Reply) -> bool:
    found = parsing.obj(reply.text).get("equal")
    if not isinstance(found, bool):
        raise parsing.Unreadable("equal is neither true nor false")
    return found


def _plain(asked: Request, reply: Reply) -> str:
    return parsing.plain(reply.text)
