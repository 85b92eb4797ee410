"""Pairs of a better and a worse answer, judged in both orders by a judge, a jury or a debate (after Arif and others 2024).

Before anything else pairs with a known winner are judged: if too few come out right, the run ends. Disagreement between
the orders is a tie, an unreadable verdict an abstention, and neither becomes a pair.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, ClassVar

from curation.generators import judging
from curation.generators.base import Job, Need, Plan, Stopped, stretches
from curation.generators.judges import TEMPLATES as JUDGES
from curation.generators.judges import Case, Outcome, judge
from curation.generators.model import Candidate, Verdict
from curation.generators.prompts import Template
from curation.generators.reading import verdict
from curation.generators.rivals import Answered, answers
from curation.params import param


@dataclass(frozen=True)
class Params:
    answers: str = param(
        "sampled", label="Where the two answers come from",
        choices={
            "sampled": "The model answers twice", "loop": "A draft, and the same after reviews",
            "given": "They come with the input",
        },
    )  # fmt: skip
    reviews: int = param(2, label="Reviews of a draft", ge=1, le=5)
    judge: str = param(
        "single",
        label="Who judges",
        choices={"single": "One judge", "jury": "A jury of three", "debate": "A debate of three"},
    )
    principle: str = param(
        "The better answer does what was asked, is right, and leaves out what is not needed. A longer answer is not better.",
        label="What makes an answer better",
    )  # fmt: skip
    length: int = param(
        500,
        label="Slight wins of longer answers are ties from",
        help="Characters longer; -1 turns it off.",
        ge=-1,
        le=100_000,
    )
    ratio: float = param(3.0, label="Lengths that differ more are pointed out", help="As a ratio.", ge=1, le=100)
    planted: float = param(0.05, label="Pairs with a known winner", help="As a share; 0 turns them off.", ge=0, le=0.5)
    planted_right: float = param(0.95, label="Of them judged rightly, at least", ge=0, le=1, advanced=True)
    temperature: float = param(0.9, label="Temperature of the answers", ge=0, le=2, advanced=True)
    max_tokens: int = param(768, label="Tokens of an answer, at most", ge=16, le=8192, advanced=True)


@dataclass
class _Tally:
    """What the report is made of."""

    judged: list[judging.Judged] = field(default_factory=list)
    ours: dict[str, judging.Vote | None] = field(default_factory=dict)
    people: dict[str, judging.Vote | None] = field(default_factory=dict)
    seats: list[dict[str, judging.Vote | None]] = field(default_factory=list)
    planted: int = 0
    right: int = 0


class PreferencePairs:
    """Planted pairs are judged first; then each input gets two answers, and they are judged in both orders."""

    name: ClassVar[str] = "preference_pairs"
    title: ClassVar[str] = "Preference pairs"
    summary: ClassVar[str] = "Two answers to one input, judged in both orders; what the orders agree on is a pair."
    needs: ClassVar[tuple[Need, ...]] = (Need("inputs", 2),)
    stages: ClassVar[tuple[str, ...]] = ("draft", "review", "revise", "compare", "debate")
    templates: ClassVar[dict[str, Template]] = JUDGES
    Params: ClassVar[type] = Params
    novel: ClassVar[str] = "whole"

    def estimate(self, job: Job) -> int:
        params: Params = job.params
        wrote = {"given": 0, "sampled": 2, "loop": 1 + 2 * params.reviews}[params.answers]
        judged = {"single": 2, "jury": 6, "debate": 12}[params.judge]
        return round(job.wanted * (wrote + judged) * (1 + params.planted))

    def run(self, job: Job) -> Plan:
        tally = _Tally()
        try:
            for number, few in enumerate(stretches(job.sources.inputs, job)):
                found = yield from answers(job, few)
                if number == 0:
                    yield from _planted(job, found, tally)
                able = [one for one in found if _usable(one)]
                for one in found:
                    if not _usable(one):
                        _no_pair(job, one)
                cases = [Case(one.source.key, one.question, one.a, one.b) for one in able]
                outcomes = yield from judge(job, cases)
                for one, outcome in zip(able, outcomes, strict=True):
                    _emit(job, one, outcome, tally)
        finally:
            job.report |= report(tally)


def _usable(one: Answered) -> bool:
    return bool(one.a.strip() and one.b.strip()) and _same(one.a) != _same(one.b)


def _same(text: str) -> str:
    return " ".join(text.casefold().split())


def _planted(job: Job, found: Sequence[Answered], tally: _Tally) -> Plan:
    """Judges answers against ones that we broke. Raises `Stopped` where too few come out right."""
    wanted = judging.plants(min(job.wanted, len(job.sources.inputs)), job.params.planted)
    good = [one for one in found if one.a.strip()]
    if not wanted or len(good) < 2:
        return
    cases, right = [], []
    for at in range(min(wanted, len(good))):
        one, other = good[at], good[(at + 1) % len(good)]
        broken = broken_answer(job, one, other)
        first = job.chance.unit("planted", at) < 0.5
        cases.append(Case(f"planted {at}", one.question, *((one.a, broken) if first else (broken, one.a))))
        right.append("a" if first else "b")
    outcomes = yield from judge(job, cases)
    tally.planted, tally.right = len(cases), sum(o.verdict == r for o, r in zip(outcomes, right, strict=True))
    if judging.planted_fails(tally.right, tally.planted, job.params.planted_right):
        raise Stopped(
            f"of {tally.planted} pairs with a known winner only {tally.right} were judged rightly: this judge cannot be relied on"
        )


def broken_answer(job: Job, one: Answered, other: Answered) -> str:
    """An answer that is worse for certain: that to another input, or the words of this one in an order of chance."""
    if _same(other.a) != _same(one.a) and job.chance.unit("broken", one.source.key) < 0.5:
        return other.a
    words = one.a.split()
    return (
        " ".join(job.chance.shuffled(words, "words", one.source.key))
        if len(words) > 5
        else "I like turtles. " + one.a[::-1]
    )


def _no_pair(job: Job, one: Answered) -> None:
    """Two answers that are missing or the same: handed in as dropped, unless nothing was written at all."""
    if not one.requests and not (one.a or one.b):
        return
    missing = not (one.a.strip() and one.b.strip())
    reason = f"An answer is missing: {one.why}." if missing else "Both answers are the same."
    why = verdict("two_answers", False, reason)
    job.emit(
        Candidate(
            key=f"pair/{one.source.key}", instruction=job.spec.instruction, input=one.source.text,
            chosen=one.a, rejected=one.b, parents=(one.source.key,), requests=one.requests, verdicts=(why,),
        )
    )  # fmt: skip


def _emit(job: Job, one: Answered, outcome: Outcome, tally: _Tally) -> None:
    final = judging.length_rule(outcome.verdict, outcome.slight, len(one.a), len(one.b), job.params.length)
    tally.judged.append(judging.Judged(outcome.straight, outcome.swapped, final, len(one.a), len(one.b)))
    tally.ours[one.source.key] = final
    people = judging.vote(one.source.meta.get("human"))
    if people is not None:
        tally.people[one.source.key] = people
    for seat, said in enumerate(outcome.seats):
        while len(tally.seats) <= seat:
            tally.seats.append({})
        tally.seats[seat][one.source.key] = said
    best, worst = (one.b, one.a) if final == "b" else (one.a, one.b)
    job.emit(
        Candidate(
            key=f"pair/{one.source.key}", instruction=job.spec.instruction, input=one.source.text, chosen=best,
            rejected=worst, parents=(one.source.key,), requests=(*one.requests, *outcome.requests),
            meta={
                "winner": final, "first": one.origin_a, "second": one.origin_b, "principle": job.params.principle,
                "judge": job.params.judge, "slight": outcome.slight, "notes": list(outcome.notes), "unreviewed": one.unreviewed,
            },
            verdicts=_verdicts(job, one, outcome, final),
        )
    )  # fmt: skip


def _verdicts(job: Job, one: Answered, outcome: Outcome, final: judging.Vote | None) -> tuple[Verdict, ...]:
    ratio = judging.ratio(one.a, one.b)
    bent = outcome.verdict in ("a", "b") and final == "tie"
    longer = abs(len(one.a) - len(one.b))
    return (
        verdict("judged", outcome.verdict is not None, f"No verdict: {outcome.why}."),
        verdict("both_orders", outcome.consistent is not False, "The verdict changed with the order of the answers."),
        verdict("length_rule", not bent, "It won only slightly and is much longer: a tie.", longer, job.params.length),
        verdict("not_a_tie", final != "tie" or bent or outcome.consistent is False, "Both answers are equally good."),
        verdict(
            "lengths",
            ratio <= job.params.ratio,
            "One answer is much longer.",
            round(ratio, 2),
            job.params.ratio,
            flag=True,
        ),
    )


def report(tally: _Tally) -> dict[str, Any]:
    """Consistency, ties, length and agreement, as `judging.report` and `judging.agreement` say; "n/a" is None."""
    found: dict[str, Any] = {
        "judging": judging.report(tally.judged),
        "planted": tally.planted,
        "planted_right": tally.right,
    }
    if tally.people:
        found["people"] = _told(judging.agreement(tally.ours, tally.people))
    if len(tally.seats) > 1:
        found["judges"] = [
            {"first": a, "second": b} | _told(judging.agreement(tally.seats[a], tally.seats[b]))
            for a, b in combinations(range(len(tally.seats)), 2)
        ]
    return found


def _told(one: judging.Agreement) -> dict[str, Any]:
    return {
        "pairs": one.pairs, "percent": one.percent, "kappa": one.kappa, "low": one.low, "high": one.high, "enough": one.enough,
    }  # fmt: skip
