"""Checklists of yes-no questions for single tasks, and answers scored by them (after WildBench, Lin and others 2024)."""

from collections.abc import Generator as Coroutine
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, ClassVar

from rapidfuzz import fuzz, utils

from curation.generators import judging
from curation.generators.base import Batch, Job, Need, Plan, Read, Replies, ask, stretches
from curation.generators.model import Candidate, Reply, Request, Sampling
from curation.generators.parsing import Unreadable
from curation.generators.prompts import Template
from curation.generators.reading import list_of, number_of, schema, text_of, texts_of, thing, things_of, unread, verdict
from curation.params import param

ALIKE = 85  # rapidfuzz token_sort_ratio at which two questions count as one
# Each view writes its own list, and they are merged: one view alone leaves gaps.
VIEWS = (
    "what the person who asked needs to get out of the answer",
    "what a specialist would check: facts, steps, form, limits that were set",
)
REWARDS = {"A++": 1.0, "A+": 0.5, "A=B": 0.0, "B+": -0.5, "B++": -1.0}
TURNED = {"A++": "B++", "A+": "B+", "A=B": "A=B", "B+": "A+", "B++": "A++"}


@dataclass(frozen=True)
class Params:
    mode: str = param(
        "write",
        label="What is made",
        choices={"write": "A checklist for each task", "score": "Scores of its answers too"},
    )
    least: int = param(5, label="Questions of a list, at least", ge=1, le=30)
    most: int = param(10, label="Questions of a list, at most", ge=1, le=30)
    compare: bool = param(False, label="Compare answers in pairs", help="Where a task has several; in both orders.")
    length: int = param(
        500,
        label="Slight wins of longer answers are ties from",
        help="Characters longer; -1 turns it off.",
        ge=-1,
        le=100_000,
    )
    max_tokens: int = param(768, label="Tokens of an answer, at most", ge=16, le=8192, advanced=True)


_WRITE = Template(
    system=(
        "You write checklists by which answers to a task are judged.\n"
        "- 5 to 10 questions about the answer that can be told yes or no by reading it; yes is always good.\n"
        "- Each asks for one thing that this very task needs. None is about length or politeness alone.\n"
        "{% if task.guidelines %}- Guidelines of the task: {{ task.guidelines }}\n{% endif %}"
        'Answer with a JSON object: {"questions": [text]}.'
    ),
    control="look at: {{ view }}",
    data="{{ question }}{% if reference %}\n\n\nAn answer that is known to be good:\n{{ reference }}{% endif %}",
    action="Write the checklist for the task above. One JSON object only.",
)
_SCORE = Template(
    system=(
        "You score an answer to a task by a checklist.\n"
        "- First strengths and weaknesses, then yes or no for every question, in their order, then the score.\n"
        "- 1 to 2: useless or harmful; 3 to 4: poor; 5 to 6: does it partly; 7 to 8: good; 9 to 10: nothing to mend.\n"
        "- A longer answer is not a better one.\n"
        'Answer with a JSON object: {"strengths": text, "weaknesses": text, "checks": [true or false], "score": 1 to 10}.'
    ),
    data="Task:\n{{ question }}\n\nChecklist:\n{% for one in checklist %}- {{ one }}\n{% endfor %}\nAnswer:\n{{ answer }}",
    action="Score the answer. One JSON object only.",
)
_COMPARE = Template(
    system=(
        "You compare two answers to a task by a checklist.\n- The order of the answers says nothing. Longer is not better.\n"
        "- A++ or B++: much better. A+ or B+: slightly better. A=B: equally good.\n"
        'Give the reason first. Answer with a JSON object: {"reason": text, "choice": one of "A++", "A+", "A=B", "B+", "B++"}.'
    ),
    data="Task:\n{{ question }}\n\nChecklist:\n{% for one in checklist %}- {{ one }}\n{% endfor %}\n"
    "Answer A:\n{{ first }}\n\nAnswer B:\n{{ second }}",
    action="Which answer is better? One JSON object only.",
)


@dataclass
class Case:
    """A task, with its checklist once there is one, and answers by name."""

    key: str
    instruction: str
    input: str
    answers: dict[str, str] = field(default_factory=dict)
    checklist: list[str] = field(default_factory=list)
    requests: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        return "\n\n".join(part for part in (self.instruction, self.input) if part.strip())


@dataclass(frozen=True)
class Score:
    strengths: str
    weaknesses: str
    checks: tuple[bool, ...]
    score: float  # 1 to 10

    @property
    def scaled(self) -> float:
        """-8 to 10: twice the distance to a mediocre 5."""
        return (self.score - 5) * 2


class Checklist:
    """Two lists a task, merged; then a score for each answer, and where wanted a comparison of every two."""

    name: ClassVar[str] = "checklist"
    title: ClassVar[str] = "Checklists"
    summary: ClassVar[str] = "Yes-no questions that judge the answers to one task, and scores by them."
    needs: ClassVar[tuple[Need, ...]] = (Need("material"),)
    stages: ClassVar[tuple[str, ...]] = ("checklist", "score", "versus")
    templates: ClassVar[dict[str, Template]] = {"checklist": _WRITE, "score": _SCORE, "versus": _COMPARE}
    Params: ClassVar[type] = Params
    novel: ClassVar[str] = "whole"

    def estimate(self, job: Job) -> int:
        return job.wanted * (len(VIEWS) if job.params.mode == "write" else len(VIEWS) + 1)

    def run(self, job: Job) -> Plan:
        scores: dict[str, list[float]] = {}
        rewards: dict[str, list[float]] = {}
        missing = 0
        for few in stretches(cases(job), job):
            yield from _write(job, few)
            if job.params.mode == "write":
                continue
            able = [one for one in few if one.checklist]
            wants = [(one, name) for one in able for name, text in one.answers.items() if text.strip()]
            missing += sum(not text.strip() for one in able for text in one.answers.values())
            found = yield from ask([_score(job, one, name) for one, name in wants], _read_score, job, retries=1)
            for (one, name), read in zip(wants, found, strict=True):
                _emit_score(job, one, name, read)
                if read.value:
                    scores.setdefault(name, []).append(read.value.scaled)
                missing += read.value is None
            if job.params.compare:
                yield from _compare(job, able, rewards)
        job.report |= {
            "scores": {name: _mean(found) for name, found in sorted(scores.items())},
            "rewards": {name: _mean(found) for name, found in sorted(rewards.items())}, "missing": missing,
        }  # fmt: skip


def _mean(found: Sequence[float]) -> dict[str, float]:
    return {"mean": sum(found) / len(found), "answers": len(found)}


def cases(job: Job) -> list[Case]:
    """Inputs and passages with their "answers", and finished examples with theirs."""
    found = []
    for source in (*job.sources.inputs, *job.sources.passages):
        listed = source.meta.get("answers") or {}
        if isinstance(listed, list | tuple):
            listed = {f"answer {at}": text for at, text in enumerate(listed, 1)}
        answers = {str(name): text for name, text in listed.items() if isinstance(text, str)}
        known = source.meta.get("checklist")
        written = [one for one in known if isinstance(one, str)] if isinstance(known, list | tuple) else []
        found.append(Case(source.key, job.spec.instruction, source.text, answers, written))
    for at, demo in enumerate(job.sources.examples):
        found.append(
            Case(
                demo.key or f"example {at}",
                demo.instruction or job.spec.instruction,
                demo.input,
                {"example": demo.output},
            )
        )
    return [one for one in found if one.question.strip()]


def _write(job: Job, few: Sequence[Case]) -> Plan:
    """Checklists for those that bring none; in the mode "write" they are what is handed in."""
    wants = [(one, number) for one in few if not one.checklist for number in range(len(VIEWS))]
    requests = [
        job.request(
            "checklist", one.key, number, schema=schema(questions=list_of("string")),
            data={"question": one.question, "view": VIEWS[number], "reference": one.answers.get("example", "")},
            sampling=Sampling(temperature=0.3, max_tokens=job.params.max_tokens),
        )
        for one, number in wants
    ]  # fmt: skip
    reads = yield from ask(requests, _questions, job)
    by_case: dict[str, list[Read[list[str]]]] = {}
    for (one, _), read in zip(wants, reads, strict=True):
        by_case.setdefault(one.key, []).append(read)
    for one in few:
        lists = by_case.get(one.key, [])
        one.requests = tuple(key for read in lists for key in read.requests)
        merged = one.checklist or merge([read.value or [] for read in lists], job.params.most)
        if job.params.mode == "write" or len(merged) < job.params.least:
            _emit_list(job, one, merged, next((read.why for read in lists if read.why), ""))
        one.checklist = merged if len(merged) >= job.params.least else []


def _questions(request: Request, reply: Reply) -> list[str]:
    """Questions only: what does not end with a question mark cannot be told yes or no."""
    found = [one for one in texts_of(thing(reply), "questions") if one.endswith(("?", "？"))]
    if not found:
        raise Unreadable("the answer holds no question")
    return found


def merge(lists: Sequence[Sequence[str]], most: int) -> list[str]:
    """Of the lists in turn, their first questions first, without those that nearly repeat one before; `most` at most."""
    found: list[str] = []
    longest = max((len(one) for one in lists), default=0)
    for at in range(longest):
        for questions in lists:
            if at < len(questions) and all(
                fuzz.token_sort_ratio(questions[at], one, processor=utils.default_process) < ALIKE for one in found
            ):
                found.append(questions[at])
    return found[:most]


def _emit_list(job: Job, one: Case, merged: list[str], why: str) -> None:
    short = f"Fewer than {job.params.least} different questions{f': {why}' if why else ''}."
    enough = verdict("enough_questions", len(merged) >= job.params.least, short, len(merged), job.params.least)
    job.emit(
        Candidate(
            key=f"checklist/{one.key}", instruction=one.instruction, input=one.input, parents=(one.key,),
            outputs=("\n".join(f"{number}. {text}" for number, text in enumerate(merged, 1)),),
            meta={"checklist": merged}, requests=one.requests, verdicts=(enough,),
        )
    )  # fmt: skip


def _score(job: Job, one: Case, name: str) -> Request:
    return job.request(
        "score", one.key, name, sampling=Sampling(temperature=0, max_tokens=job.params.max_tokens),
        schema=schema(strengths="string", weaknesses="string", checks=list_of("boolean"), score="number"),
        data={"question": one.question, "checklist": one.checklist, "answer": one.answers[name]},
    )  # fmt: skip


def _read_score(request: Request, reply: Reply) -> Score:
    """A number that cannot be read is no score; it is never the lowest one."""
    raw = thing(reply)
    checks = things_of(raw, "checks")
    if not checks or not all(isinstance(one, bool) for one in checks):
        raise Unreadable("'checks' are not all true or false")
    return Score(text_of(raw, "strengths"), text_of(raw, "weaknesses"), tuple(checks), number_of(raw, "score", 1, 10))


def _emit_score(job: Job, one: Case, name: str, read: Read[Score]) -> None:
    content: dict[str, Any] = {"instruction": one.instruction, "input": one.input, "parents": (one.key,)}
    found = read.value
    if found is None:
        unread(job, read, **content | {"outputs": (one.answers[name],)})
        return
    share = sum(found.checks) / len(found.checks)
    # A high score with most checks failed, or a low one with most passed: one of both is a slip.
    fits = not ((found.score >= 8 and share < 0.5) or (found.score <= 3 and share > 0.75))
    job.emit(
        Candidate(
            key=read.requests[-1], outputs=(one.answers[name],), requests=(*one.requests, *read.requests), score=found.scaled,
            meta={
                "score": found.score, "scaled": found.scaled, "checklist": one.checklist, "checks": list(found.checks),
                "strengths": found.strengths, "weaknesses": found.weaknesses, "answer": name,
            },
            verdicts=(
                verdict(
                    "every_check", len(found.checks) == len(one.checklist), "Not every question was judged.",
                    len(found.checks), len(one.checklist),
                ),
                verdict("score_fits", fits, "The score does not fit the checks.", round(share, 3), found.score, flag=True),
            ),
            **content,
        )
    )  # fmt: skip


def _compare(job: Job, able: Sequence[Case], rewards: dict[str, list[float]]) -> Coroutine[Batch, Replies, None]:
    """Every two answers of a task in both orders; each gets the reward of the pair, as seen from its side."""
    wants = [
        (one, pair, swapped) for one in able
        for pair in combinations([name for name, text in one.answers.items() if text.strip()], 2)
        for swapped in (False, True)
    ]  # fmt: skip
    requests = []
    for one, (a, b), swapped in wants:
        first, second = (b, a) if swapped else (a, b)
        data = {
            "question": one.question, "checklist": one.checklist, "first": one.answers[first], "second": one.answers[second],
        }  # fmt: skip
        requests.append(
            job.request(
                "versus", one.key, a, b, "swapped" if swapped else "straight", data=data,
                schema=schema(reason="string", choice={"type": "string", "enum": list(REWARDS)}),
                sampling=Sampling(temperature=0, max_tokens=512),
            )
        )  # fmt: skip
    reads = yield from ask(requests, _choice, job, retries=1)
    unsure = judged = 0
    for at in range(0, len(wants), 2):
        one, (a, b), _ = wants[at]
        straight, swapped_choice = reads[at].value, reads[at + 1].value
        if straight is None or swapped_choice is None:
            continue
        won = reward(straight, swapped_choice, len(one.answers[a]), len(one.answers[b]), job.params.length)
        judged += 1
        unsure += REWARDS[straight] * REWARDS[TURNED[swapped_choice]] < 0
        rewards.setdefault(a, []).append(won)
        rewards.setdefault(b, []).append(-won)
    job.report["compared"] = job.report.get("compared", 0) + judged
    job.report["changed_with_order"] = job.report.get("changed_with_order", 0) + unsure


def _choice(request: Request, reply: Reply) -> str:
    found = text_of(thing(reply), "choice").replace(" ", "").upper()
    if found not in REWARDS:
        raise Unreadable(f"the choice {found[:20]!r} is none of {', '.join(REWARDS)}")
    return found


def reward(straight: str, swapped: str, length_a: int, length_b: int, most: int) -> float:
    """-1 to 1 for answer a: the mean of both orders, 0 where they contradict each other; slight wins by the length rule."""
    values = []
    for choice in (straight, TURNED[swapped]):
        winner: judging.Vote = "tie" if choice == "A=B" else "a" if choice[0] == "A" else "b"
        slight = choice in ("A+", "B+")
        kept = judging.length_rule(winner, slight, length_a, length_b, most)
        values.append(0.0 if kept == "tie" else REWARDS[choice])
    return 0.0 if values[0] * values[1] < 0 else sum(values) / 2
