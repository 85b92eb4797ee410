"""Test items over a grid of attributes, kept apart from the training data.

After Zero-shot Benchmarking, Pombal and others 2025.
"""

from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, NamedTuple

from curation.generators import grids, truth
from curation.generators.base import Job, Need, Plan, Read, ask
from curation.generators.filters.held_out import HeldOut
from curation.generators.model import Candidate, Reply, Request, Sampling, Verdict
from curation.generators.prompts import Template
from curation.generators.reading import number_of, schema, text_of, thing, unread, verdict
from curation.params import ParamsError, param

GRID = (
    "topic: daily life (home, travel, health), work (office, crafts, trade), knowledge (nature, history, technology)\n"
    "difficulty: easy, medium, hard\n"
    "style: a plain question, a request with conditions, a task with material to work on\n"
    "length: one sentence, a paragraph"
)


@dataclass(frozen=True)
class Params:
    grid: str = param(GRID, label="Grid", help="One attribute a line: `topic: nature (rivers, birds), trade`.")
    laps: int = param(3, label="Times that a cell is used, at most", ge=1, le=100)
    reference: bool = param(True, label="With a reference answer")
    judge: bool = param(
        False, label="Have the model answer and be judged", help="1 to 6: shows what an item tells apart."
    )
    check: bool = param(False, label="Have references checked", help="A second look, yes or no, by its probability.")
    truth: float = param(0.5, label="Probability of yes, at least", ge=0, le=1, advanced=True)
    temperature: float = param(0.7, label="Temperature of the items", ge=0, le=2, advanced=True)
    max_tokens: int = param(1024, label="Tokens of an answer, at most", ge=16, le=8192, advanced=True)


_ITEM = Template(
    system=(
        "You write test items for a benchmark.\n- The item fits every attribute that is given, stands for itself, and has one "
        "best answer.\n- It is new: not from a book, an exam or a known data set.\n"
        "{% if task.instruction %}- The task: {{ task.instruction }}\n{% endif %}"
        "{% if task.guidelines %}- Guidelines: {{ task.guidelines }}\n{% endif %}"
        "{% if task.labels %}- The reference is one of: {{ task.labels | join(', ') }}\n{% endif %}"
        "{% if task.language %}- Language: {{ task.language }}\n{% endif %}"
        'Answer with a JSON object: {"prompt": text{% if params.reference %}, "reference": the best answer{% endif %}}.'
    ),
    exemplars="{% for demo in demos %}Prompt: {{ demo.input }}\n"
    "{% if params.reference %}Reference: {{ demo.output }}\n{% endif %}\n{% endfor %}",
    control="{% for one in cell %}{{ one }}\n{% endfor %}",
    action="Write one item. One JSON object only.",
)
_ANSWER = Template(
    system=(
        "You do a task.\n{% if task.instruction %}- The task: {{ task.instruction }}\n{% endif %}"
        'Answer with a JSON object: {"answer": text}.'
    ),
    data="{{ prompt }}",
    action="Do the task above. One JSON object only.",
)
_GRADE = Template(
    system=(
        "You grade an answer from 1 to 6.\n- 1: useless. 3: partly right. 5: right. 6: nothing could be better.\n"
        "- A long answer is not a better one.\n"
        'Give the reason first. Answer with a JSON object: {"feedback": text, "result": 1 to 6}.'
    ),
    data="Task:\n{{ prompt }}\n\n{% if reference %}Reference:\n{{ reference }}\n\n{% endif %}Answer:\n{{ answer }}",
    action="Grade the answer. One JSON object only.",
)


class Cell(NamedTuple):
    """The at-th draw: the number of the cell in the grid, and what it says."""

    at: int
    number: int
    values: dict[str, str]


class Item(NamedTuple):
    prompt: str
    reference: str


class TestItems:
    """A cell a request, none twice before all were drawn; a cell that cannot be read three times is passed over."""

    __test__ = False  # not a test of ours, whatever its name

    name: ClassVar[str] = "test_items"
    title: ClassVar[str] = "Test items"
    summary: ClassVar[str] = (
        "An evaluation set that covers a grid of attributes and shares nothing with the training data."
    )
    needs: ClassVar[tuple[Need, ...]] = (Need("instruction"),)
    stages: ClassVar[tuple[str, ...]] = ("item", "check", "answer", "grade")
    templates: ClassVar[dict[str, Template]] = {
        "item": _ITEM, "check": truth.TEMPLATE, "answer": _ANSWER, "grade": _GRADE,
    }  # fmt: skip
    Params: ClassVar[type] = Params

    def estimate(self, job: Job) -> int:
        params: Params = job.params
        return round(job.wanted * (1 + (params.check and params.reference) + 2 * params.judge) * 1.2)

    def run(self, job: Job) -> Plan:
        grid = grid_of(job.params)
        training = HeldOut(_training(job))
        most = grid.size * job.params.laps
        draws = (Cell(at, *drawn) for at, drawn in enumerate(islice(grid.draw(job.seed), most)))
        used: set[int] = set()
        skipped = 0
        while not job.done:
            few = list(islice(draws, max(1, min(job.batch, job.wanted - job.kept))))
            if not few:
                break
            reads = yield from ask([_item(job, cell) for cell in few], _reader(job), job)
            skipped += sum(read.value is None for read in reads)
            checks = yield from _checks(job, few, reads)
            grades = yield from _grades(job, few, reads)
            for at, (cell, read) in enumerate(zip(few, reads, strict=True)):
                if read.value is None:
                    unread(job, read, instruction=job.spec.instruction, meta={"cell": cell.values})
                    continue
                made = _candidate(job, cell, read, checks.get(at), grades.get(at))
                made = made.judged(clean(training, made, job))
                if job.emit(made).kept:
                    used.add(cell.number)
        job.report |= {"cells": grid.size, "covered": len(used), "skipped": skipped}


def grid_of(params: Params) -> grids.Grid:
    """Raises `ParamsError`."""
    try:
        return grids.parse(params.grid)
    except grids.GridError as error:
        raise ParamsError("grid", f"cannot be used: {error}") from None


def _training(job: Job) -> list[str]:
    """All that models are taught: what is there already, finished examples, demonstrations, and their answers."""
    told = [one.text for one in job.sources.existing]
    for demo in (*job.sources.examples, *job.spec.demonstrations):
        told += [text for text in (demo.instruction, demo.input, demo.output) if text and text != job.spec.instruction]
    return told


def clean(training: HeldOut, made: Candidate, job: Job) -> Verdict:
    """8 words in a row of the prompt, 13 of the reference, or all of a shorter prompt, that training data have too."""
    found = training.verdict(made, job.spec)
    said = found.reason.replace("with a test set", "with the training data")
    return Verdict("in_training", 1, found.passed, said, found.value, found.threshold)


def _item(job: Job, cell: Cell) -> Request:
    demos = [{"input": demo.input or demo.instruction, "output": demo.output} for demo in job.spec.demos[:3]]
    fields = {"prompt": "string"} | ({"reference": "string"} if job.params.reference else {})
    data = {"cell": [f"{name}: {value}" for name, value in cell.values.items()], "demos": demos}
    return job.request(
        "item", cell.at, cell.number, data=data, schema=schema(**fields),
        sampling=Sampling(temperature=job.params.temperature, max_tokens=job.params.max_tokens),
    )  # fmt: skip


def _reader(job: Job) -> Any:
    def read(request: Request, reply: Reply) -> Item:
        raw = thing(reply)
        return Item(text_of(raw, "prompt"), text_of(raw, "reference") if job.params.reference else "")

    return read


def _candidate(
    job: Job,
    cell: Cell,
    read: Read[Item],
    check: Read[float] | None,
    grade: tuple[dict[str, Any], tuple[str, ...]] | None,
) -> Candidate:
    item = read.value or Item("", "")
    found: list[Verdict] = []
    if check is not None:
        found.append(
            truth.judged(check.value, job.params.truth) if check.value is not None
            else verdict("truth", False, f"The second look could not be read: {check.why}.")
        )  # fmt: skip
    graded, keys = grade or ({}, ())
    return Candidate(
        key=read.requests[-1], instruction=job.spec.instruction, input=item.prompt,
        outputs=(item.reference,) if item.reference else (),
        meta={"cell": cell.values, "cell_number": cell.number} | truth.told(check) | graded,
        requests=(*read.requests, *(check.requests if check else ()), *keys), verdicts=tuple(found),
    )  # fmt: skip


def _checks(job: Job, few: list[Cell], reads: list[Read[Item]]) -> Any:
    """Place → `Read` of the probability that the reference is right."""
    if not (job.params.check and job.params.reference):
        return {}
    able = [at for at, read in enumerate(reads) if read.value]
    requests = [
        job.request(
            "check", few[at].at, sampling=truth.SAMPLING, data={"question": item.prompt, "answer": item.reference},
        )
        for at in able if (item := reads[at].value)
    ]  # fmt: skip
    return dict(zip(able, (yield from ask(requests, truth.read, job)), strict=True))


def _grades(job: Job, few: list[Cell], reads: list[Read[Item]]) -> Any:
    """Place → ({"answer", "grade", "feedback"}, request keys). A grade that cannot be read is missing, never the lowest."""
    if not job.params.judge:
        return {}
    able = [at for at, read in enumerate(reads) if read.value]
    sampling = Sampling(temperature=0, max_tokens=job.params.max_tokens)
    requests = [
        job.request("answer", few[at].at, sampling=sampling, schema=schema(answer="string"), data={"prompt": item.prompt})
        for at in able if (item := reads[at].value)
    ]  # fmt: skip
    answers = yield from ask(requests, lambda _, reply: text_of(thing(reply), "answer"), job)
    found: dict[int, tuple[dict[str, Any], tuple[str, ...]]] = {
        at: ({"answer": one.value, "grade": None}, one.requests) for at, one in zip(able, answers, strict=True)
    }
    said = [at for at in able if found[at][0]["answer"]]
    requests = [
        job.request(
            "grade", few[at].at, sampling=sampling, schema=schema(feedback="string", result="number"),
            data={"prompt": item.prompt, "reference": item.reference, "answer": found[at][0]["answer"]},
        )
        for at in said if (item := reads[at].value)
    ]  # fmt: skip
    grades = yield from ask(requests, lambda _, reply: number_of(thing(reply), "result", 1, 6), job)
    for at, grade in zip(said, grades, strict=True):
        meta, keys = found[at]
        found[at] = (meta | {"grade": grade.value}, (*keys, *grade.requests))
    return found
