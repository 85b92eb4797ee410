"""Worked solutions that start from general guidelines and are kept when their answer agrees (ReGenesis, Peng and others 2024).

Guidelines are chosen for a question, adapted to it, made a structure of steps, and only then carried out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from rapidfuzz import fuzz, utils

from curation.generators import finals
from curation.generators.base import Job, Need, Plan, Read, ask, stretches
from curation.generators.model import Candidate, Demo, Reply, Request, Sampling, Verdict
from curation.generators.parsing import Unreadable
from curation.generators.prompts import Template
from curation.generators.reading import flag_of, list_of, schema, text_of, texts_of, thing, things_of, unread, verdict
from curation.params import param

# General advice on how to think, free of any task: numbered in prompts from 1.
GUIDELINES = (
    "Say in your own words what is asked before doing anything.",
    "List what is given and what is missing.",
    "Split the problem into parts that can be solved one after the other.",
    "Begin with the part that everything else rests on.",
    "Work backwards from what the result must look like.",
    "Try a small or simple case first and look for the rule.",
    "Draw up a table of the quantities and how they depend on one another.",
    "Name unknown quantities and write down how they are related.",
    "Check every unit, and turn all into the same one.",
    "Estimate the size of the result before computing it.",
    "Look for what stays the same while other things change.",
    "List all cases and rule them out one by one.",
    "Look for a counterexample to your first idea.",
    "State each assumption, and ask whether it is needed.",
    "Recall a similar problem and how it was solved.",
    "Separate what is known from what is only likely.",
    "Ask for the cause of each thing, and what follows from it.",
    "Put events into the order of time.",
    "Compare the options by the same criteria.",
    "Look at the matter from the side of each person in it.",
    "Define the terms that could be understood in two ways.",
    "Find the evidence for and against each claim.",
    "Leave out what has no bearing on the question.",
    "Solve it in a second way and compare.",
    "Put the result back into the question and see whether it fits.",
)


@dataclass(frozen=True)
class Params:
    selections: int = param(
        5, label="Choices of guidelines", help="Each is tried before single guidelines are.", ge=0, le=20
    )
    tries: int = param(8, label="Paths tried for a question, at most", ge=1, le=45)
    paths: int = param(5, label="Paths kept for a question, at most", help="Then no more are tried.", ge=1, le=20)
    tokens: int = param(
        800, label="Length of a path, at most", help="In words and marks, about tokens.", ge=20, le=8000
    )
    steps: int = param(2, label="Steps of a path, at least", ge=1, le=20, advanced=True)
    alike: float = param(0.8, label="Paths of a question too alike from", ge=0.3, le=1)
    check: bool = param(False, label="Ask the model too whether answers agree", help="For answers that are free text.")
    hint: bool = param(
        False, label="Show the answer where no path was right", help="Such paths are marked, and read for traces of it.",
    )  # fmt: skip
    max_tokens: int = param(2048, label="Tokens of an answer, at most", ge=64, le=16_384, advanced=True)


_NOT_YET = "- Do not solve the problem yet.\n"
_SELECT = Template(
    system=(
        "You choose ways of thinking for a problem.\n- Choose 2 or 3 guidelines of the list that help with this problem.\n"
        + _NOT_YET
        + 'Guidelines:\n{% for one in guidelines %}{{ one }}\n{% endfor %}Answer with a JSON object: {"choice": [numbers]}.'
    ),
    data="{{ question }}",
    action="Choose guidelines for the problem above. One JSON object only.",
)
_ADAPT = Template(
    system=(
        "You fit a general guideline to a problem.\n- Say in one or two sentences what it means for this problem.\n"
        + _NOT_YET
        + 'Answer with a JSON object: {"adapted": text}.'
    ),
    data="Problem:\n{{ question }}\n\nGuideline:\n{{ guideline }}",
    action="Fit the guideline to the problem. One JSON object only.",
)
_STRUCTURE = Template(
    system=(
        "You plan how a problem is solved.\n- Write the steps in order, each saying what is to be found, 2 to 8 of them.\n"
        + _NOT_YET
        + 'Answer with a JSON object: {"steps": [text]}.'
    ),
    data="Problem:\n{{ question }}\n\nAdvice:\n{{ adapted }}",
    action="Write the plan. One JSON object only.",
)
_SOLVE_RULES = (
    "You solve a problem along a plan.\n- Carry out every step of the plan, and show the work in full sentences.\n"
    "- The answer alone, without words around it, goes into its own field.\n"
)
_SOLVE_FORM = 'Answer with a JSON object: {"steps": [text], "answer": text}.'
_SOLVE_DATA = "Problem:\n{{ question }}\n\nPlan:\n{% for one in structure %}- {{ one }}\n{% endfor %}"
_SOLVE = Template(
    system=_SOLVE_RULES + _SOLVE_FORM,
    data=_SOLVE_DATA,
    action="Solve the problem along the plan. One JSON object only.",
)
_HINTED = Template(
    system=_SOLVE_RULES
    + "- The known answer helps you to find the way. Write as if you had not seen it, in fewer than 8 steps.\n"
    + _SOLVE_FORM,
    data=_SOLVE_DATA + "\nKnown answer: {{ gold }}",
    action="Solve the problem along the plan. One JSON object only.",
)
_CHECK = Template(
    system=(
        "You compare two answers to a problem.\n- They agree when both say the same thing, whatever their wording.\n"
        'Answer with a JSON object: {"agree": true or false}.'
    ),
    data="Problem:\n{{ question }}\n\nFirst answer:\n{{ answer }}\n\nSecond answer:\n{{ gold }}",
    action="Do the two answers agree? One JSON object only.",
)


@dataclass
class Open:
    """A question on its way: what was chosen for it, what was tried, what was kept."""

    key: str
    demo: Demo
    advice: list[str] = field(default_factory=list)
    tried: int = 0
    kept: list[str] = field(default_factory=list)  # texts of the kept paths

    @property
    def question(self) -> str:
        return "\n\n".join(part for part in (self.demo.instruction, self.demo.input) if part.strip())


@dataclass(frozen=True)
class Path:
    steps: tuple[str, ...]
    answer: str

    @property
    def text(self) -> str:
        numbered = [f"{at}. {step}" for at, step in enumerate(self.steps, 1)]
        return "\n".join([*numbered, f"Answer: {self.answer}"])


class Tried(NamedTuple):
    """A path of a question. `before`: keys of the requests that led to it."""

    of: Open
    read: Read[Path]
    before: tuple[str, ...]
    advice: str
    hinted: bool


class ReasoningPaths:
    """Every question in a round tries one piece of advice: adapt, structure, solve. Rounds end at enough right paths."""

    name: ClassVar[str] = "reasoning_paths"
    title: ClassVar[str] = "Reasoning paths"
    summary: ClassVar[str] = (
        "General guidelines become a plan, then a worked solution; those with the right answer stay."
    )
    needs: ClassVar[tuple[Need, ...]] = (Need("examples"),)
    stages: ClassVar[tuple[str, ...]] = ("select", "adapt", "structure", "solve", "check", "hinted")
    templates: ClassVar[dict[str, Template]] = {
        "select": _SELECT, "adapt": _ADAPT, "structure": _STRUCTURE, "solve": _SOLVE, "check": _CHECK, "hinted": _HINTED,
    }  # fmt: skip
    Params: ClassVar[type] = Params
    novel: ClassVar[str] = "whole"

    def estimate(self, job: Job) -> int:
        questions = min(len(job.sources.examples), -(-job.wanted // job.params.paths))
        return questions * (job.params.selections + 3 * job.params.tries)

    def run(self, job: Job) -> Plan:
        params: Params = job.params
        asked = [Open(demo.key or str(at), demo) for at, demo in enumerate(job.sources.examples)]
        able = [one for one in asked if one.question.strip() and one.demo.output.strip()]
        unsolved = 0
        for few in stretches(able, job):
            yield from _select(job, few)
            for _ in range(params.tries):
                going = [one for one in few if len(one.kept) < params.paths and one.tried < len(one.advice)]
                if not going or job.done:
                    break
                yield from _try(job, going)
            failed = [one for one in few if not one.kept]
            if params.hint and failed and not job.done:
                yield from _try(job, failed, hinted=True)
            unsolved += sum(not one.kept for one in few)
        job.report |= {"questions": len(able), "without_a_path": unsolved, "without_an_answer": len(asked) - len(able)}


def _select(job: Job, few: Sequence[Open]) -> Plan:
    """Advice for each question: what was chosen for it, each choice once, then single guidelines in an order of chance."""
    numbered = [f"{number}. {one}" for number, one in enumerate(GUIDELINES, 1)]
    wants = [(one, turn) for one in few for turn in range(job.params.selections)]
    requests = [
        job.request(
            "select", one.key, turn, data={"question": one.question}, extra={"guidelines": numbered},
            schema=schema(choice=list_of("integer")),
            sampling=Sampling(temperature=1.2, top_p=0.9, max_tokens=min(256, job.params.max_tokens)),
        )
        for one, turn in wants
    ]  # fmt: skip
    for (one, _), read in zip(wants, (yield from ask(requests, _choice, job)), strict=True):
        advice = " ".join(GUIDELINES[at - 1] for at in read.value or ())
        if advice and advice not in one.advice:
            one.advice.append(advice)
    for one in few:
        one.advice += [
            alone for alone in job.chance.shuffled(GUIDELINES, "guidelines", one.key) if alone not in one.advice
        ]


def _choice(request: Request, reply: Reply) -> tuple[int, ...]:
    found = things_of(thing(reply), "choice")
    numbers = sorted({at for at in found if isinstance(at, int) and not isinstance(at, bool)})
    if not 1 <= len(numbers) <= 3 or not all(1 <= at <= len(GUIDELINES) for at in numbers):
        raise Unreadable(f"the choice {str(found)[:60]} is not of 1 to 3 guidelines")
    return tuple(numbers)


def _try(job: Job, going: Sequence[Open], *, hinted: bool = False) -> Plan:
    """One round: each question's next advice is adapted, made a structure, and carried out."""
    most = job.params.max_tokens
    stage = "hinted" if hinted else "solve"
    turns = [0 if hinted else one.tried for one in going]
    advice = [one.advice[turn] for one, turn in zip(going, turns, strict=True)]
    for one in going:
        one.tried += 1
    key = "hint" if hinted else "path"
    requests = [
        job.request(
            "adapt", one.key, key, turn, data={"question": one.question, "guideline": said},
            schema=schema(adapted="string"), sampling=Sampling(temperature=0.7, max_tokens=min(256, most)),
        )
        for one, turn, said in zip(going, turns, advice, strict=True)
    ]  # fmt: skip
    adapted = yield from ask(requests, lambda _, reply: text_of(thing(reply), "adapted"), job)
    able = [(one, turn, read) for one, turn, read in zip(going, turns, adapted, strict=True) if read.value]
    requests = [
        job.request(
            "structure", one.key, key, turn, data={"question": one.question, "adapted": read.value},
            schema=schema(steps=list_of("string")), sampling=Sampling(temperature=0.7, max_tokens=min(512, most)),
        )
        for one, turn, read in able
    ]  # fmt: skip
    plans = yield from ask(requests, _steps, job)
    ready = [(one, turn, read, plan) for (one, turn, read), plan in zip(able, plans, strict=True) if plan.value]
    requests = [
        job.request(
            stage, one.key, key, turn,
            data={
                "question": one.question, "structure": list(plan.value or ()), "gold": one.demo.output if hinted else "",
            },
            schema=schema(steps=list_of("string"), answer="string"),
            sampling=Sampling(temperature=0.85 if hinted else 0.7, max_tokens=most),
        )
        for one, turn, _, plan in ready
    ]  # fmt: skip
    solved = yield from ask(requests, _path, job)
    paths = [
        Tried(one, path, (*read.requests, *plan.requests), one.advice[turn], hinted)
        for (one, turn, read, plan), path in zip(ready, solved, strict=True)
    ]
    yield from _judge(job, paths)


def _steps(request: Request, reply: Reply) -> tuple[str, ...]:
    found = texts_of(thing(reply), "steps")
    if not found:
        raise Unreadable("the plan has no step")
    return tuple(found)


def _path(request: Request, reply: Reply) -> Path:
    raw = thing(reply)
    answer = finals.final_answer(raw)
    if answer is None:
        raise Unreadable("the answer has no final answer in 'answer'")
    return Path(tuple(texts_of(raw, "steps")), answer)


def _judge(job: Job, paths: Sequence[Tried]) -> Plan:
    """Verdicts on one path of each question; the model's own, where wanted, comes last."""
    found = [
        verdicts(one.read.value, one.of.demo.output, one.of.kept, job.params, hinted=one.hinted)
        if one.read.value
        else ()
        for one in paths
    ]
    able = [
        at for at, one in enumerate(paths)
        if job.params.check and one.read.value and finals.number(one.of.demo.output) is None
        and not any(verdict.drops for verdict in found[at])
    ]  # fmt: skip
    requests = [
        job.request(
            "check", paths[at].read.requests[-1], schema=schema(agree="boolean"),
            sampling=Sampling(temperature=0, max_tokens=64),
            data={
                "question": paths[at].of.question, "gold": paths[at].of.demo.output,
                "answer": path.answer if (path := paths[at].read.value) else "",
            },
        )
        for at in able
    ]  # fmt: skip
    checks = dict(zip(able, (yield from ask(requests, _agree, job)), strict=True))
    for at, one in enumerate(paths):
        _emit(job, one, found[at], checks.get(at))


def _agree(request: Request, reply: Reply) -> bool:
    return flag_of(thing(reply), "agree")


def _emit(job: Job, one: Tried, found: tuple[Verdict, ...], check: Read[bool] | None) -> None:
    path, demo = one.read.value, one.of.demo
    if path is None:
        unread(job, one.read, instruction=demo.instruction, input=demo.input, parents=(one.of.key,))
        return
    if check is not None:
        said = "The model does not hold the answers to agree." if check.value is False else f"No check: {check.why}."
        found = (*found, verdict("agreement_model", check.value is True, said))
    made = Candidate(
        key=one.read.requests[-1], instruction=demo.instruction, input=demo.input, outputs=(path.text,),
        meta={"answer": path.answer, "gold": demo.output, "guideline": one.advice, "hinted": one.hinted},
        parents=(one.of.key,), verdicts=found,
        requests=(*one.before, *one.read.requests, *(check.requests if check else ())),
    )  # fmt: skip
    if job.emit(made).kept:
        one.of.kept.append(path.text)


def verdicts(path: Path, gold: str, kept: Sequence[str], params: Params, *, hinted: bool) -> tuple[Verdict, ...]:
    """Right answer, steps, length, no surrender, no trace of a shown answer, unlike the other paths of the question."""
    said = "\n".join(path.steps)
    length = len(utils.default_process(said).split())
    gives_up, leak = finals.says(said, finals.GIVES_UP), finals.says(said, finals.LEAKS)
    near = max((fuzz.token_sort_ratio(path.text, one) / 100 for one in kept), default=0.0)
    found = [
        verdict(
            "answer", finals.agrees(path.answer, gold), "The final answer is not the known one.", path.answer, gold
        ),
        verdict("steps", len(path.steps) >= params.steps, "The path has too few steps.", len(path.steps), params.steps),
        verdict("length", length <= params.tokens, "The path is too long.", length, params.tokens),
        verdict("gives_up", gives_up is None, f"The path gives up: “{gives_up}”.", gives_up),
        verdict(
            "alike",
            near < params.alike,
            "Nearly the same as another path of this question.",
            round(near, 3),
            params.alike,
        ),
    ]
    if hinted:
        found.append(verdict("leak", leak is None, f"The path tells that it knew the answer: “{leak}”.", leak))
    return tuple(found)
