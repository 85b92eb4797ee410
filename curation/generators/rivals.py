"""Two answers to an input: sampled twice, a draft and its revision after reviews, or given with the input."""

from collections.abc import Generator as Coroutine
from collections.abc import Sequence
from dataclasses import dataclass

from curation.generators.base import Batch, Job, Read, Replies, ask
from curation.generators.model import Reply, Request, Sampling, Source
from curation.generators.prompts import Template
from curation.generators.reading import schema, text_of, thing


@dataclass
class Answered:
    """Answers a and b to one input; empty where there is none, then `why` says so.

    `unreviewed`: reviews that could not be read, so that the text before them stands.
    """

    source: Source
    question: str
    a: str = ""
    b: str = ""
    origin_a: str = ""
    origin_b: str = ""
    requests: tuple[str, ...] = ()
    unreviewed: int = 0
    why: str = ""


Answers = Coroutine[Batch, Replies, list[Answered]]

_ROLE = (
    "You answer what people ask.\n- Do what is asked and nothing else. Be right; say what you do not know.\n"
    "{% if task.instruction %}- The task: {{ task.instruction }}\n{% endif %}"
    "{% if task.guidelines %}- Guidelines: {{ task.guidelines }}\n{% endif %}"
    'Answer with a JSON object: {"answer": text}.'
)
DRAFT = Template(system=_ROLE, data="{{ input }}", action="Answer the text above. One JSON object only.")
REVIEW = Template(
    system=(
        "You review answers of others.\n- Say what is wrong or missing, and what to do about it, in at most 5 sentences.\n"
        "- If nothing is to be mended, say so.\nWhat makes an answer good: {{ params.principle }}\n"
        'Answer with a JSON object: {"review": text, "advice": text}.'
    ),
    data="Asked:\n{{ input }}\n\nAnswer:\n{{ answer }}",
    action="Review the answer. One JSON object only.",
)
REVISE = Template(
    system=_ROLE,
    data="Asked:\n{{ input }}\n\nYour answer:\n{{ answer }}\n\nA review of it:\n{{ review }}\n{{ advice }}",
    action="Write the answer anew, better. One JSON object only.",
)


def answers(job: Job, few: Sequence[Source]) -> Answers:
    """Two answers for each source, in order."""
    found = [Answered(one, _question(job, one)) for one in few]
    if job.params.answers == "given":
        for one in found:
            _given(one)
        return found
    if job.params.answers == "sampled":
        yield from _sampled(job, found)
    else:
        yield from _loop(job, found)
    return found


def _question(job: Job, source: Source) -> str:
    return "\n\n".join(part for part in (job.spec.instruction, source.text) if part.strip())


def _given(one: Answered) -> None:
    """From "a" and "b" of the source, else the first two of its "answers"."""
    meta = one.source.meta
    listed = meta.get("answers")
    a, b = meta.get("a"), meta.get("b")
    if isinstance(listed, list | tuple) and len(listed) > 1 and a is None:
        a, b = listed[:2]
    one.a, one.b = (text if isinstance(text, str) else "" for text in (a, b))
    one.origin_a, one.origin_b = "given 1", "given 2"
    one.why = "" if one.a and one.b else "the input comes without two answers"


def _sampled(job: Job, found: list[Answered]) -> Coroutine[Batch, Replies, None]:
    requests = [_draft(job, one, number) for one in found for number in (0, 1)]
    reads = yield from ask(requests, _answer, job)
    for at, one in enumerate(found):
        first, second = reads[2 * at], reads[2 * at + 1]
        one.a, one.b = first.value or "", second.value or ""
        one.origin_a, one.origin_b = "sample 1", "sample 2"
        one.requests, one.why = (*first.requests, *second.requests), first.why or second.why


def _draft(job: Job, one: Answered, number: int) -> Request:
    return job.request(
        "draft", one.source.key, number, data={"input": one.source.text}, schema=schema(answer="string"),
        sampling=Sampling(temperature=job.params.temperature, max_tokens=job.params.max_tokens),
    )  # fmt: skip


def _answer(request: Request, reply: Reply) -> str:
    return text_of(thing(reply), "answer")


def _review(request: Request, reply: Reply) -> tuple[str, str]:
    raw = thing(reply)
    return text_of(raw, "review"), text_of(raw, "advice")


def _loop(job: Job, found: list[Answered]) -> Coroutine[Batch, Replies, None]:
    """a is the draft, b what became of it. A review or revision that cannot be read leaves the text as it was, marked."""
    drafts = yield from ask([_draft(job, one, 0) for one in found], _answer, job)
    for one, read in zip(found, drafts, strict=True):
        one.a = one.b = read.value or ""
        one.requests, one.why = read.requests, read.why
        one.origin_a, one.origin_b = "draft", "revised 0 times"
    revised = dict.fromkeys(range(len(found)), 0)
    for turn in range(job.params.reviews):
        going = [at for at, one in enumerate(found) if one.b]
        reviews = yield from ask([_asked(job, found[at], "review", turn) for at in going], _review, job)
        ready = []
        for at, review in zip(going, reviews, strict=True):
            found[at].requests += review.requests
            if review.value is None:
                found[at].unreviewed += 1
            else:
                ready.append((at, review.value))
        requests = [_asked(job, found[at], "revise", turn, said) for at, said in ready]
        for (at, _), read in zip(ready, (yield from ask(requests, _answer, job)), strict=True):
            revised[at] += _take(found[at], read)
    for at, one in enumerate(found):
        one.origin_b = f"revised {revised[at]} times"


def _asked(job: Job, one: Answered, stage: str, turn: int, said: tuple[str, str] = ("", "")) -> Request:
    shape = schema(review="string", advice="string") if stage == "review" else schema(answer="string")
    return job.request(
        stage, one.source.key, turn, schema=shape,
        data={"input": one.source.text, "answer": one.b, "review": said[0], "advice": said[1]},
        sampling=Sampling(temperature=0.2, max_tokens=job.params.max_tokens),
    )  # fmt: skip


def _take(one: Answered, read: Read[str]) -> bool:
    one.requests += read.requests
    if read.value is None:
        one.unreviewed += 1
        return False
    one.b = read.value
    return True
