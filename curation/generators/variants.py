"""Instructions in many guises over finished examples, whose answers are computed and never written by a model.

"answers" crosses guidelines, preference rules and formats of labelled data (after Hum, arXiv 2502.03843); "instruction" varies the
wording alone; "rewrite" makes the prompt of each example clearer (after PRoMPTd, arXiv 2310.02107), see `rewriting`.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from curation.generators import gold, rerender, rewriting
from curation.generators.base import Job, Need, Plan, ask
from curation.generators.model import Candidate, Demo, Reply, Request, Sampling, Verdict
from curation.generators.parsing import Unreadable
from curation.generators.prompts import Template
from curation.generators.reading import schema, text_of, thing, verdict
from curation.generators.rerender import LABELS, Item, Rules
from curation.params import param

STYLES = (
    "short and plain", "as detailed guidelines with a borderline rule and one example for each type",
    "as a letter to a new colleague", "in strict, numbered rules", "as questions and answers",
)  # fmt: skip
WORDINGS = ("as an order", "as a polite request", "as a question", "terse", "with a reason why it is needed")

# What a rule says in an instruction. The default of a rule is left unsaid.
SAID = {
    ("nested", "longest"): "Of stretches that overlap, mark the longest only.",
    ("nested", "shortest"): "Of stretches that overlap, mark the shortest only.",
    ("nested", "all"): "Mark stretches also where they overlap.",
    ("repeats", "once"): "List what occurs more than once only once.",
    ("repeats", "each"): "List every mention, also repeated ones.",
    ("many", "first"): "Give the first one only.",
    ("many", "all"): "Give all of them.",
    ("order", "type"): "Order the answer by type, and within a type as in the text.",
    ("order", "text"): "Keep the order of the text.",
    ("empty", "none"): "If there is nothing, answer: none",
    ("empty", "nothing found"): "If there is nothing, answer: nothing found",
    ("empty", "-"): "If there is nothing, answer: -",
}
FORMS = {
    "json": 'Answer with a JSON list of objects {"type": …, "text": …}; an empty list if there is nothing.',
    "lines": "Answer with one line each: - type: text",
    "table": "Answer with a Markdown table with the columns type and text.",
    "sentence": 'Answer with a sentence: "text" is of the type "type"; and so on.',
}


@dataclass(frozen=True)
class Params:
    mode: str = param(
        "answers", label="What varies",
        choices={
            "answers": "Guidelines, rules and formats, with computed answers", "instruction": "The wording of the instruction",
            "rewrite": "The prompt of each example, made clearer",
        },
    )  # fmt: skip
    rows: int = param(2, label="Variants of an example", ge=1, le=50)
    guidelines: int = param(3, label="Guidelines written", help="0: those of the task alone.", ge=0, le=10)
    wordings: int = param(4, label="Wordings of the instruction", help="0: the instruction alone.", ge=0, le=20)
    rules: int = param(2, label="Preference rules of a variant, at most", ge=0, le=5)
    formats: str = param(", ".join(rerender.FORMATS), label="Formats", help=f"Of {', '.join(rerender.FORMATS)}.")
    answers: str = param("auto", label="How the answers are kept", choices=gold.KINDS)
    rounds: int = param(2, label="Rewrites of a prompt, at most", ge=1, le=3, advanced=True)
    samples: int = param(3, label="Answers by which a rewrite is judged", ge=1, le=9, advanced=True)
    ratio: float = param(4.0, label="A rewrite is longer by, at most", ge=1, le=20, advanced=True)
    max_tokens: int = param(768, label="Tokens of an answer, at most", ge=16, le=8192, advanced=True)


_GUIDELINE = Template(
    system=(
        "You write guidelines for people who label texts.\n- Say for every type what belongs to it and what does not, with a "
        "rule for borderline cases and one made-up example.\n- Name every type exactly as it is written in the list.\n"
        "- Nothing about the form of the answer.\n"
        "The task: {{ task.instruction }}\n{% if task.guidelines %}Its guidelines: {{ task.guidelines }}\n{% endif %}"
        'Answer with a JSON object: {"guidelines": text}.'
    ),
    exemplars="{% for one in shown %}Text: {{ one.input }}\nAnswer: {{ one.output }}\n\n{% endfor %}",
    control="style: {{ style }}",
    data="Types:\n{% for one in types %}- {{ one }}\n{% endfor %}",
    action="Write the guidelines in this style. One JSON object only.",
)
_WORDING = Template(
    system=(
        "You reword instructions.\n- The meaning stays exactly the same: whoever follows the new one gives the same answers.\n"
        "- Keep every number, name, quotation, option and type. Nothing about the form of the answer is added.\n"
        'Answer with a JSON object: {"instruction": text}.'
    ),
    control="style: {{ style }}",
    data="{{ instruction }}",
    action="Reword the instruction above in this style. One JSON object only.",
)


class Row(NamedTuple):
    """One variant to be computed: of which example, and what was drawn for it."""

    number: int
    demo: Demo
    key: str
    turn: int


class Variants:
    """A few requests for a whole data set; every row is then computed."""

    name: ClassVar[str] = "variants"
    title: ClassVar[str] = "Variants of the instruction"
    summary: ClassVar[str] = "Guidelines, preference rules and formats vary; the answers follow by computation."
    needs: ClassVar[tuple[Need, ...]] = (Need("instruction"), Need("examples"))
    stages: ClassVar[tuple[str, ...]] = ("wording", "guideline", "solve", "rewrite")
    templates: ClassVar[dict[str, Template]] = {
        "wording": _WORDING, "guideline": _GUIDELINE, "solve": rewriting.SOLVE, "rewrite": rewriting.REWRITE,
    }  # fmt: skip
    Params: ClassVar[type] = Params
    novel: ClassVar[str] = "whole"

    def estimate(self, job: Job) -> int:
        params: Params = job.params
        if params.mode == "rewrite":
            return job.wanted * (params.samples + params.rounds * (1 + params.samples))
        return params.wordings + (params.guidelines if params.mode == "answers" else 0)

    def run(self, job: Job) -> Plan:
        if job.params.mode == "rewrite":
            yield from rewriting.run(job)
            return
        types = _types(job)
        wordings = yield from _texts(job, "wording", WORDINGS, job.params.wordings, types)
        wordings = [job.spec.instruction, *wordings]
        guidelines = [job.spec.guidelines] if job.spec.guidelines.strip() else []
        if job.params.mode == "answers":
            guidelines += yield from _texts(job, "guideline", STYLES, job.params.guidelines if types else 0, types)
        for row in _rows(job):
            if job.done:
                return
            if job.params.mode == "answers":
                job.emit(_computed(job, row, wordings, guidelines or [""]))
            else:
                job.emit(_worded(job, row, wordings))


def _rows(job: Job) -> list[Row]:
    """Every example once, in an order of chance, then every one again."""
    examples = [(demo, demo.key or f"example {at}") for at, demo in enumerate(job.sources.examples)]
    order = job.chance.shuffled(examples, "examples")
    laps = [(demo, key, turn) for turn in range(job.params.rows) for demo, key in order]
    return [Row(number, demo, key, turn) for number, (demo, key, turn) in enumerate(laps)]


def _types(job: Job) -> list[str]:
    """The labels of the task, else the types that its answers use."""
    if job.spec.labels or job.params.mode != "answers":
        return list(job.spec.labels)
    found: dict[str, None] = {}
    for demo in job.sources.examples:
        try:
            found |= dict.fromkeys(item.type for item in gold.read(demo.output, demo.input, job.params.answers, ()))
        except gold.GoldError:
            continue
    return [one for one in found if one != LABELS]


def _texts(job: Job, stage: str, styles: tuple[str, ...], count: int, types: list[str]) -> Any:
    """Wordings or guidelines that pass; those that do not are told in the report, with the reason."""
    shown = [{"input": demo.input, "output": demo.output} for demo in job.sources.examples[:3]]
    requests = [
        job.request(
            stage, at, schema=schema(**{_FIELD[stage]: "string"}),
            data={"style": styles[at % len(styles)], "types": types, "instruction": job.spec.instruction, "shown": shown},
            sampling=Sampling(temperature=0.9, top_p=0.95, max_tokens=job.params.max_tokens),
        )
        for at in range(count)
    ]  # fmt: skip
    found = yield from ask(requests, _reader(job, stage, types), job)
    kept = list(dict.fromkeys(read.value for read in found if read.value))
    job.report[f"{stage}s"] = kept
    job.report[f"{stage}s_dropped"] = [{"text": read.reply.text, "why": read.why} for read in found if not read.value]
    return kept


_FIELD = {"wording": "instruction", "guideline": "guidelines"}


def _reader(job: Job, stage: str, types: list[str]) -> Any:
    def read(request: Request, reply: Reply) -> str:
        text = text_of(thing(reply), _FIELD[stage])
        said = text.casefold()
        absent = [one for one in types if one.casefold() not in said] if stage == "guideline" else []
        if absent:
            raise Unreadable(f"it does not name {', '.join(absent[:5])}")
        if stage == "wording":
            gone = gold.lost(job.spec.instruction, text)
            if gone:
                raise Unreadable(f"it has lost {', '.join(gone[:5])}")
            if len(text) > job.params.ratio * max(40, len(job.spec.instruction)):
                raise Unreadable("it is much longer than the instruction")
        return text

    return read


def formats(text: str) -> list[str]:
    """Raises `ParamsError`."""
    from curation.params import ParamsError

    found = [one.strip() for one in text.split(",") if one.strip()]
    if not found or not all(one in rerender.FORMATS for one in found):
        raise ParamsError("formats", f"must be of {', '.join(rerender.FORMATS)}, not {text[:60]!r}")
    return found


def rules_of(job: Job, row: Row, items: tuple[Item, ...]) -> tuple[Rules, list[str]]:
    """Rules drawn for a row, and the names of those that are said. Of classes only number, and the word for none, can vary."""
    placed = any(item.start is not None for item in items)
    able = [name for name in rerender.CHOICES if placed or name in ("many", "empty")]
    named = job.chance.sample(able, job.chance.between(0, job.params.rules, "rules", row.number), "which", row.number)
    drawn = {name: job.chance.pick(rerender.CHOICES[name], "choice", row.number, name) for name in named}
    return Rules(**drawn), named


def _computed(job: Job, row: Row, wordings: list[str], guidelines: list[str]) -> Candidate:
    """A row whose answer is the known one under the rules that were drawn, in the format that was drawn."""
    form = job.chance.pick(formats(job.params.formats), "form", row.number)
    wording = job.chance.pick(wordings, "wording", row.number)
    guideline = job.chance.pick(guidelines, "guideline", row.number)
    try:
        items = gold.read(row.demo.output, row.demo.input, job.params.answers, job.spec.labels)
    except gold.GoldError as error:
        why = verdict("known_answer", False, str(error))
        return _candidate(row, wording, (row.demo.output,), {"form": form}, why)
    rules, named = rules_of(job, row, items)
    answer = rerender.apply(items, rules)
    text = rerender.render(answer, form, rules.empty)
    same = rerender.parse(text, form, rules.empty) == rerender.pairs(answer)
    lines = [SAID[name, getattr(rules, name)] for name in named if not (name == "empty" and form == "json")]
    if form != "json" and "empty" not in named:
        lines.append(SAID["empty", rules.empty])
    instruction = "\n".join(part for part in (wording, guideline, *lines, FORMS[form]) if part)
    meta = {
        "form": form,
        "rules": {name: getattr(rules, name) for name in named},
        "gold": [list(item) for item in items],
    }
    why = verdict("round_trip", same, "The answer cannot be read back from its format.")
    return _candidate(row, instruction, (text,), meta, why)


def _worded(job: Job, row: Row, wordings: list[str]) -> Candidate:
    """The example as it is under another wording; the turns of one example all differ while there are wordings."""
    order = job.chance.shuffled(wordings[1:] or wordings, "wordings", row.key)
    meta = {"wording": wordings.index(order[row.turn % len(order)])}
    repeated = row.turn >= len(order)
    why = verdict("new_wording", not repeated, "There are fewer wordings than variants are wanted.", len(order))
    return _candidate(row, order[row.turn % len(order)], (row.demo.output,), meta, why)


def _candidate(row: Row, instruction: str, outputs: tuple[str, ...], meta: dict[str, Any], why: Verdict) -> Candidate:
    return Candidate(
        key=f"variant/{row.key}/{row.turn}", instruction=instruction, input=row.demo.input, outputs=outputs, meta=meta,
        parents=(row.key,), verdicts=(why,),
    )  # fmt: skip
