"""A judge, a jury of three, or a debate of three, over pairs of answers, each asked in both orders."""

from collections.abc import Generator as Coroutine
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from curation.generators import judging, rivals
from curation.generators.base import Batch, Job, Read, Replies, ask
from curation.generators.judging import Vote
from curation.generators.model import Reply, Request, Sampling
from curation.generators.parsing import Unreadable
from curation.generators.prompts import Template
from curation.generators.reading import number_of, schema, text_of, thing

# What each seat of a jury looks at, and who speaks in a debate.
JURY = (
    "whether the answer does what was asked, all of it and no more",
    "whether the answer is right: facts, numbers, reasons",
    "whether the person who asked could use the answer as it is",
)
DEBATERS = (
    "a person who will use the answer in daily life",
    "a specialist of the field who looks for mistakes",
    "a critic who distrusts fine words and length",
)
ROUNDS = 2
MARGIN = 0.5  # of 10: mean scores nearer than this are a tie
SLIGHT = 1.5  # of 10: a mean win up to this is a slight one

_FORM = '{"reason": text, "verdict": "A" or "B" or "tie", "strength": "slight" or "much"}'
_JUDGE = Template(
    system=(
        "You compare two answers to the same question.\n- {{ params.principle }}\n"
        "- The order of the answers says nothing about them. If they are equally good, say tie.\n"
        "{% if task.guidelines %}- Guidelines: {{ task.guidelines }}\n{% endif %}"
        f"Give the reason first. Answer with a JSON object: {_FORM}."
    ),
    control="{% if focus %}look at: {{ focus }}{% endif %}",
    data="Question:\n{{ question }}\n\nAnswer A:\n{{ first }}\n\nAnswer B:\n{{ second }}",
    action="Which answer is better? One JSON object only.",
)
_DEBATE = Template(
    system=(
        "You take part in a debate about two answers to the same question.\n- {{ params.principle }}\n"
        "- The order of the answers says nothing about them. Change your mind where others are right.\n"
        "{% if task.guidelines %}- Guidelines: {{ task.guidelines }}\n{% endif %}"
        'Give the argument first. Answer with a JSON object: {"argument": text, "A": 0 to 10, "B": 0 to 10}.'
    ),
    control="you are: {{ speaker }}\nround: {{ round }}",
    data="Question:\n{{ question }}\n\nAnswer A:\n{{ first }}\n\nAnswer B:\n{{ second }}"
    "{% if said %}\n\n\nSaid so far:\n{% for one in said %}- {{ one }}\n{% endfor %}{% endif %}",
    action="Argue, then score both answers. One JSON object only.",
)
TEMPLATES = {
    "draft": rivals.DRAFT, "review": rivals.REVIEW, "revise": rivals.REVISE, "compare": _JUDGE, "debate": _DEBATE,
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A pair to be judged. `key` is unique in the run."""

    key: str
    question: str
    a: str
    b: str


class Side(NamedTuple):
    """What one order said, in its own letters: the verdict, whether it is slight, each seat's verdict, and notes."""

    vote: Vote | None
    slight: bool
    seats: tuple[Vote | None, ...]
    notes: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Outcome:
    """Both orders of a case. `swapped` is as said there; `seats`: each judge's verdict of both orders together."""

    straight: Vote | None
    swapped: Vote | None
    verdict: Vote | None
    consistent: bool | None
    slight: bool
    seats: tuple[Vote | None, ...]
    notes: tuple[str, ...]
    requests: tuple[str, ...]
    why: str = ""


Sides = Coroutine[Batch, Replies, list[tuple[Side, tuple[str, ...]]]]


def judge(job: Job, cases: Sequence[Case]) -> Coroutine[Batch, Replies, list[Outcome]]:
    """An outcome for each case, in order."""
    orders = [(case, swapped) for case in cases for swapped in (False, True)]
    sides = yield from (_debated(job, orders) if job.params.judge == "debate" else _voted(job, orders))
    return [_outcome(sides[2 * at], sides[2 * at + 1]) for at in range(len(cases))]


def _outcome(straight: tuple[Side, tuple[str, ...]], swapped: tuple[Side, tuple[str, ...]]) -> Outcome:
    (one, keys), (other, more) = straight, swapped
    found = judging.both_orders(one.vote, other.vote)
    seats = tuple(judging.both_orders(a, b).winner for a, b in zip(one.seats, other.seats, strict=True))
    return Outcome(
        one.vote, other.vote, found.winner, found.consistent, one.slight or other.slight, seats,
        (*one.notes, *other.notes), (*keys, *more), one.why or other.why,
    )  # fmt: skip


def _data(case: Case, swapped: bool) -> dict[str, str]:
    first, second = (case.b, case.a) if swapped else (case.a, case.b)
    return {"question": case.question, "first": first, "second": second}


def _voted(job: Job, orders: Sequence[tuple[Case, bool]]) -> Sides:
    focuses = JURY if job.params.judge == "jury" else ("",)
    requests = [
        job.request(
            "compare", case.key, "swapped" if swapped else "straight", seat, data=_data(case, swapped) | {"focus": focus},
            schema=schema(
                reason="string", verdict={"type": "string", "enum": ["A", "B", "tie"]},
                strength={"type": "string", "enum": ["slight", "much"]},
            ),
            sampling=Sampling(temperature=0, max_tokens=512),
        )
        for case, swapped in orders for seat, focus in enumerate(focuses)
    ]  # fmt: skip
    reads = yield from ask(requests, _vote, job, retries=1)
    size, found = len(focuses), []
    for at in range(len(orders)):
        seats = reads[at * size : (at + 1) * size]
        found.append((_side(seats), tuple(key for read in seats for key in read.requests)))
    return found


def _vote(request: Request, reply: Reply) -> tuple[Vote, bool, str]:
    """(verdict, slight, reason). Raises `Unreadable`: a verdict that cannot be read is none."""
    raw = thing(reply)
    found = judging.vote(raw.get("verdict"))
    if found is None:
        raise Unreadable(f"the verdict {str(raw.get('verdict'))[:40]!r} is none of A, B, tie")
    return found, str(raw.get("strength", "")).strip().casefold() != "much", str(raw.get("reason") or "")[:2000]


def _side(reads: Sequence[Read[tuple[Vote, bool, str]]]) -> Side:
    votes = [read.value[0] if read.value else None for read in reads]
    winner = votes[0] if len(votes) == 1 else judging.jury(votes)
    # Slight unless more than half of those who chose the winner hold it to be much better.
    much = [not read.value[1] for read in reads if read.value and read.value[0] == winner]
    why = next((read.why for read in reads if read.why), "") if winner is None else ""
    notes = tuple(read.value[2] for read in reads if read.value)
    return Side(winner, 2 * sum(much) <= len(much), tuple(votes), notes, why)


def _debated(job: Job, orders: Sequence[tuple[Case, bool]]) -> Sides:
    """Rounds of three speakers, who hear what was said in the round before; the scores of the last one count."""
    said: list[list[str]] = [[] for _ in orders]
    keys: list[list[str]] = [[] for _ in orders]
    scores: list[list[tuple[float, float] | None]] = [[] for _ in orders]
    why = ["" for _ in orders]
    for turn in range(ROUNDS):
        requests = [
            job.request(
                "debate", case.key, "swapped" if swapped else "straight", turn, seat,
                data=_data(case, swapped) | {"speaker": speaker, "round": turn + 1, "said": said[at]},
                schema=schema(argument="string", A="number", B="number"), sampling=Sampling(temperature=0, max_tokens=512),
            )
            for at, (case, swapped) in enumerate(orders) for seat, speaker in enumerate(DEBATERS)
        ]  # fmt: skip
        reads = yield from ask(requests, _scores, job, retries=1)
        size = len(DEBATERS)
        for at in range(len(orders)):
            seats = reads[at * size : (at + 1) * size]
            keys[at] += [key for read in seats for key in read.requests]
            scores[at] = [read.value[:2] if read.value else None for read in seats]
            said[at] = [f"{DEBATERS[seat]}: {read.value[2]}" for seat, read in enumerate(seats) if read.value]
            why[at] = next((read.why for read in seats if read.why), "")
    return [(_scored(scores[at], said[at], why[at]), tuple(keys[at])) for at in range(len(orders))]


def _scores(request: Request, reply: Reply) -> tuple[float, float, str]:
    raw = thing(reply)
    return number_of(raw, "A", 0, 10), number_of(raw, "B", 0, 10), text_of(raw, "argument")


def _scored(scores: Sequence[tuple[float, float] | None], said: Sequence[str], why: str) -> Side:
    winner = judging.by_scores(scores, MARGIN)
    given = [one for one in scores if one]
    apart = abs(sum(a - b for a, b in given) / len(given)) if given else 0.0
    seats = tuple(judging.by_scores([one], MARGIN) if one else None for one in scores)
    return Side(winner, apart <= SLIGHT, seats, tuple(said), "" if winner else why)
