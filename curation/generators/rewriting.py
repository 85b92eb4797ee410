"""Prompts of single examples made clearer, kept only where a solver does no worse with them (after PRoMPTd, Srivastava
and others 2023).

The model answers the prompt as it is; told that answer it rewrites the prompt; then it answers the new one.
"""

from collections.abc import Generator as Coroutine
from collections.abc import Sequence
from dataclasses import dataclass

from curation.generators import finals, gold
from curation.generators.base import Batch, Job, Plan, Read, Replies, ask, stretches
from curation.generators.model import Candidate, Demo, Reply, Request, Sampling, Verdict
from curation.generators.prompts import Template
from curation.generators.reading import schema, text_of, thing, unread, verdict
from curation.measures.likeness import token_f1

LIKE = 0.6  # token F1 from which a longer free answer counts as right
FREE = 8  # words from which a known answer counts as free text

SOLVE = Template(
    system='You do what a prompt asks.\nAnswer with a JSON object: {"reason": text, "answer": the final answer alone}.',
    data="{{ prompt }}",
    action="Do what the text above asks. One JSON object only.",
)
REWRITE = Template(
    system=(
        "You rewrite prompts so that they are specific, complete and cannot be misunderstood.\n"
        "- Keep what is asked, and every number, name, quotation, option and piece of code.\n"
        "- Never give the answer or part of it away, and add no facts.\n"
        'First what is unclear, then the prompt. Answer with a JSON object: {"unclear": text, "prompt": text}.'
    ),
    data="Prompt:\n{{ prompt }}\n\nAn answer that it got:\n{{ answer }}",
    action="Rewrite the prompt. One JSON object only.",
)


@dataclass
class Going:
    """An example on its way. `right`: how many of the answers to the prompt as it stands are right."""

    key: str
    demo: Demo
    original: str
    prompt: str = ""
    right: int = 0
    before: int = 0
    answer: str = ""
    requests: tuple[str, ...] = ()
    done: bool = False


def run(job: Job) -> Plan:
    every = [
        Going(
            demo.key or f"example {at}",
            demo,
            "\n\n".join(part for part in (demo.instruction, demo.input) if part.strip()),
        )
        for at, demo in enumerate(job.sources.examples)
    ]
    able = [one for one in every if one.original.strip() and one.demo.output.strip()]
    for few in stretches(able, job, each=job.params.samples):
        solved = yield from _solve(job, few, [one.original for one in few], "as it is")
        for one, (right, answer, keys) in zip(few, solved, strict=True):
            one.prompt, one.right, one.before, one.answer, one.requests = one.original, right, right, answer, keys
        for turn in range(job.params.rounds):
            going = [one for one in few if not one.done]
            if not going:
                break
            yield from _round(job, going, turn)


def _round(job: Job, going: Sequence[Going], turn: int) -> Plan:
    """One rewrite of each prompt. What passes is handed in; the last failure of an example is handed in as dropped."""
    requests = [
        job.request(
            "rewrite", one.key, turn, data={"prompt": one.original, "answer": one.answer},
            schema=schema(unclear="string", prompt="string"),
            sampling=Sampling(temperature=0.5 + 0.2 * turn, max_tokens=job.params.max_tokens),
        )
        for one in going
    ]  # fmt: skip
    reads = yield from ask(requests, lambda _, reply: text_of(thing(reply), "prompt"), job)
    for one, read in zip(going, reads, strict=True):
        one.requests += read.requests
    found = [
        verdicts(one, read.value, job.params.ratio) if read.value else ()
        for one, read in zip(going, reads, strict=True)
    ]
    able = [at for at, read in enumerate(reads) if read.value and not any(verdict.drops for verdict in found[at])]
    solved = yield from _solve(job, [going[at] for at in able], [reads[at].value or "" for at in able], str(turn))
    after = dict(zip(able, solved, strict=True))
    for at, one in enumerate(going):
        last = turn == job.params.rounds - 1
        if at in after:
            right, one.answer, keys = after[at]
            one.requests += keys
            worse = verdict("no_worse", right >= one.before, "Fewer answers are right than before.", right, one.before)
            found[at] = (*found[at], worse)
            one.right = right
        if reads[at].value is None:
            if last:
                unread(job, reads[at], instruction=one.original, parents=(one.key,))
        elif last or all(verdict.passed for verdict in found[at]):
            one.done = True
            _emit(job, one, reads[at], found[at])


def _emit(job: Job, one: Going, read: Read[str], found: tuple[Verdict, ...]) -> None:
    job.emit(
        Candidate(
            key=read.requests[-1], instruction=read.value or "", outputs=(one.demo.output,), parents=(one.key,),
            requests=one.requests, verdicts=found,
            meta={"original": one.original, "right_before": one.before, "right_after": one.right},
        )
    )  # fmt: skip


def verdicts(one: Going, rewrite: str, ratio: float) -> tuple[Verdict, ...]:
    """Other than before, nothing lost, the answer not given away, not much longer."""
    gone = gold.lost(one.original, rewrite)
    leaks = [
        answer for answer in (one.demo.output, one.answer)
        if answer and finals.mentions(rewrite, answer) and not finals.mentions(one.original, answer)
    ]  # fmt: skip
    longer = len(rewrite) / max(1, len(one.original))
    return (
        verdict("changed", rewrite.split() != one.original.split(), "The prompt was not changed."),
        verdict("kept_facts", not gone, f"The rewrite has lost: {', '.join(gone[:5])}.", len(gone), 0),
        verdict("no_answer", not leaks, "The rewrite gives the answer away.", leaks[0][:80] if leaks else None),
        verdict("longer", longer <= ratio, "The rewrite is much longer.", round(longer, 2), ratio),
    )


Solved = tuple[int, str, tuple[str, ...]]  # how many right, the first answer, request keys


def _solve(
    job: Job, few: Sequence[Going], prompts: Sequence[str], which: str
) -> Coroutine[Batch, Replies, list[Solved]]:
    """Answers to each prompt, several each. One that cannot be read is not right."""
    size = job.params.samples
    requests = [
        job.request(
            "solve", one.key, which, sample, data={"prompt": prompt}, schema=schema(reason="string", answer="string"),
            sampling=Sampling(temperature=0.7, max_tokens=job.params.max_tokens),
        )
        for one, prompt in zip(few, prompts, strict=True) for sample in range(size)
    ]  # fmt: skip
    reads = yield from ask(requests, _answer, job, retries=1)
    found = []
    for at, one in enumerate(few):
        mine = reads[at * size : (at + 1) * size]
        right = sum(read.value is not None and is_right(read.value, one.demo.output) for read in mine)
        first = next((read.value for read in mine if read.value), "")
        found.append((right, first, tuple(key for read in mine for key in read.requests)))
    return found


def _answer(request: Request, reply: Reply) -> str:
    found = finals.final_answer(thing(reply))
    if found is None:
        raise ValueError("the answer has no final answer in 'answer'")
    return found


def is_right(answer: str, known: str) -> bool:
    """Equal as final answers; of a known answer in free text, enough words in common."""
    return finals.agrees(answer, known) or (len(known.split()) >= FREE and token_f1(answer, known) >= LIKE)
