"""A domain as a tree of topics, and questions with answers for each leaf (after AnyTaskTune and OccuQuest).

Without a tree the run proposes one and ends: a person edits it as text (`trees.parse`), and a second run with that tree
covers every leaf alike.
"""

from collections import Counter
from collections.abc import Generator as Coroutine
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from rapidfuzz import fuzz, process, utils

from curation.generators import cards, trees, truth
from curation.generators.base import Batch, Job, Need, Plan, Read, Replies, Stopped, ask, slices
from curation.generators.model import Candidate, Reply, Request, Sampling, Verdict
from curation.generators.parsing import Unreadable
from curation.generators.prompts import Template
from curation.generators.reading import list_of, schema, text_of, thing, things_of, unread, verdict
from curation.params import ParamsError, param

ALIKE = 90  # rapidfuzz token_sort_ratio at which two siblings count as one
MOST_NODES = 5_000  # of a proposed tree
Path = tuple[trees.Node, ...]


class Asked(NamedTuple):
    """A question that was taken, with its number within its leaf, from 1."""

    leaf: str
    number: int
    question: str
    requests: tuple[str, ...]


@dataclass(frozen=True)
class Params:
    levels: str = param(
        "sub-task: 8, topic: 4", label="Levels of a proposed tree", help="Each with how many at most below one above it.",
    )  # fmt: skip
    balance: str = param(
        "branches", label="Coverage", choices={"branches": "Every branch alike", "leaves": "Every leaf alike"}
    )
    questions: int = param(3, label="Questions in one answer", ge=1, le=20, advanced=True)
    rounds: int = param(4, label="Tries for a leaf", help="Then it stays short, and the run says so.", ge=1, le=20)
    styles: str = param(
        "a short question, a detailed request with its context, a task with material to work on, a follow-up of an expert",
        label="Styles, drawn by chance", help="With commas between.",
    )  # fmt: skip
    alike: float = param(0.85, label="Questions of a leaf too alike from", ge=0.3, le=1, advanced=True)
    cards: bool = param(
        False, label="Every leaf must have a card", help="Definition, source, schema, pairs and metric."
    )
    check: bool = param(False, label="Have answers checked", help="A second look, yes or no, by its probability.")
    truth: float = param(0.5, label="Probability of yes, at least", ge=0, le=1, advanced=True)
    max_tokens: int = param(1024, label="Tokens of an answer, at most", ge=16, le=8192, advanced=True)


_BRANCH = Template(
    system=(
        "You divide a field of work into parts, so that data for all of it can be written.\n"
        "- Parts of one level do not overlap and together cover what people really do there.\n"
        "- Name each part in 2 to 8 words; a note of one sentence says what belongs to it.\n"
        "{% if task.instruction %}- The field: {{ task.instruction }}\n{% endif %}"
        'Answer with a JSON object: {"parts": [{"name": text, "note": text}]}.'
    ),
    control="level: {{ level }}\nat most: {{ most }}",
    data="Path: {{ path }}\n{% if note %}Note: {{ note }}\n{% endif %}"
    "{% if beside %}Beside it, not to be repeated:\n{% for one in beside %}- {{ one }}\n{% endfor %}{% endif %}",
    action="Name the parts of the last entry of the path. One JSON object only.",
)
_QUESTION = Template(
    system=(
        "You write what people in a field of work would ask an assistant.\n"
        "- Each one is realistic, stands for itself, and can be answered without looking anything up.\n"
        "- It belongs to the topic at the end of the path, and asks for one thing.\n"
        "{% if task.instruction %}- The field: {{ task.instruction }}\n{% endif %}"
        "{% if task.language %}- Language: {{ task.language }}\n{% endif %}"
        'Answer with a JSON object: {"questions": [text]}.'
    ),
    control="style: {{ style }}\nhow many: {{ count }}",
    data="Path: {{ path }}\n{% if note %}Note: {{ note }}\n{% endif %}"
    "{% if card %}Definition: {{ card.definition }}\nInputs come from: {{ card.input_source }}\n"
    "{% for pair in card.pairs %}Checked example: {{ pair[0] }}\n{% endfor %}{% endif %}"
    "{% if known %}Asked already:\n{% for one in known %}- {{ one }}\n{% endfor %}{% endif %}",
    action="Write exactly as many new questions of this style as wanted. One JSON object only.",
)
_ANSWER = Template(
    system=(
        "You answer questions of people in a field of work.\n"
        "- Be right, concrete and complete; say what you do not know instead of making it up.\n"
        "{% if task.guidelines %}- Guidelines: {{ task.guidelines }}\n{% endif %}"
        'Answer with a JSON object: {"answer": text}.'
    ),
    data="Topic: {{ path }}\n{% if card %}Definition: {{ card.definition }}\nForm of the answer (JSON schema): "
    "{{ card.schema | tojson }}\n{% for pair in card.pairs %}Checked example: {{ pair[0] }}\nIts answer: {{ pair[1] }}\n"
    "{% endfor %}{% endif %}\nQuestion:\n{{ question }}",
    action="Answer the question above. One JSON object only.",
)


class Taxonomy:
    """Phase one asks for the parts of each node, level by level. Phase two asks for questions per leaf, then answers."""

    name: ClassVar[str] = "taxonomy"
    title: ClassVar[str] = "Tree of topics"
    summary: ClassVar[str] = "A domain is divided into topics, people edit the tree, and every leaf gets its share."
    needs: ClassVar[tuple[Need, ...]] = (Need("instruction"),)
    stages: ClassVar[tuple[str, ...]] = ("branch", "question", "answer", "check")
    templates: ClassVar[dict[str, Template]] = {
        "branch": _BRANCH, "question": _QUESTION, "answer": _ANSWER, "check": truth.TEMPLATE,
    }  # fmt: skip
    Params: ClassVar[type] = Params

    def estimate(self, job: Job) -> int:
        if not job.sources.taxonomy:
            nodes, total = 1, 0
            for _, most in levels(job.params.levels):
                total += nodes
                nodes *= most
            return min(total, MOST_NODES)
        return job.wanted * (2 + job.params.check) * 5 // 4

    def run(self, job: Job) -> Plan:
        if not job.sources.taxonomy:
            yield from _propose(job)
        else:
            yield from _Cover(job, trees.from_nodes(job.sources.taxonomy)).run()


def levels(text: str) -> list[tuple[str, int]]:
    """ "sub-task: 8, topic: 4" as pairs. Raises `ParamsError`."""
    found = []
    for piece in filter(None, (one.strip() for one in text.split(","))):
        name, _, most = piece.rpartition(":")
        if not name.strip() or not most.strip().isdecimal() or not 1 <= int(most) <= 100:
            raise ParamsError("levels", f"must be like `topic: 4` with 1 to 100, not {piece!r}")
        found.append((name.strip(), int(most)))
    if not 1 <= len(found) <= trees.DEPTH:
        raise ParamsError("levels", f"must name 1 to {trees.DEPTH} levels")
    return found


def told(path: Path) -> str:
    return " / ".join(node.name for node in path)


def _propose(job: Job) -> Plan:
    tree: trees.Tree = ()
    open_paths: list[Path] = [()]
    for level, most in levels(job.params.levels):
        requests = [_branch(job, path, level, most, tree) for path in open_paths]
        found = yield from ask(requests, _parts, job)
        grown: list[tuple[str, Read[list[tuple[str, str]]]]] = [
            (path[-1].id if path else "", read) for path, read in zip(open_paths, found, strict=True)
        ]
        for ident, read in grown:
            tree = trees.grown(tree, ident, unlike(read.value or [])[:most])
        if not tree:
            raise Stopped(f"no part of the field could be read: {found[0].why}")
        job.report["tree"] = trees.to_json(tree)
        job.report["without_parts"] = [told(p) for p, r in zip(open_paths, found, strict=True) if not r.value]
        depth = len(open_paths[0]) + 1
        open_paths = [path for root in tree for path in root.walk() if len(path) == depth][:MOST_NODES]
    job.report["text"] = trees.render(tree)


def _branch(job: Job, path: Path, level: str, most: int, tree: trees.Tree) -> Request:
    beside = [node.name for node in (tree if len(path) == 1 else path[-2].children if path else ()) if node != path[-1]]
    data = {"path": told(path) or "(the whole field)", "note": path[-1].note if path else "", "beside": beside}
    part = schema(name="string", note="string")
    return job.request(
        "branch", path[-1].id if path else "root", data=data | {"level": level, "most": most},
        schema=schema(parts=list_of(part)), sampling=Sampling(temperature=0.8, top_p=0.95, max_tokens=job.params.max_tokens),
    )  # fmt: skip


def _parts(request: Request, reply: Reply) -> list[tuple[str, str]]:
    entries = things_of(thing(reply), "parts")
    if not entries or not all(isinstance(one, dict) for one in entries):
        raise Unreadable("the answer names no parts")
    return [(text_of(one, "name", trees.MOST_CHARS), str(one.get("note") or "")[:500]) for one in entries]


def unlike(parts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those whose name is not nearly that of one before."""
    kept: list[tuple[str, str]] = []
    for name, note in parts:
        if all(fuzz.token_sort_ratio(name, one, processor=utils.default_process) < ALIKE for one, _ in kept):
            kept.append((name, note))
    return kept


class _Cover:
    """Phase two: which leaf wants how many, what it has, and what was asked there."""

    def __init__(self, job: Job, tree: trees.Tree) -> None:
        self.job, self.params = job, job.params
        self.paths = {path[-1].id: path for path in trees.leaves(tree)}
        self.cards: dict[str, cards.Card] = {}
        if job.params.cards:
            self.cards = {ident: cards.read(told(path), path[-1].card) for ident, path in self.paths.items()}
        self.quota = trees.quotas(tree, job.wanted, balance=job.params.balance)
        self.kept: Counter[str] = Counter()
        self.asked: dict[str, list[str]] = {ident: [] for ident in self.paths}

    def run(self) -> Plan:
        for turn in range(self.params.rounds):
            calls = {ident: -(-self.short(ident) // self.params.questions) for ident in self.paths}
            # Leaves take turns, so that a run that ends early has covered them alike.
            wants = [
                (ident, turn, part)
                for part in range(max(calls.values()))
                for ident in self.paths
                if part < calls[ident]
            ]
            for few in slices(wants, self.job.batch):
                if self.job.done:
                    break
                found = yield from ask([self.question(*want) for want in few], _questions, self.job)
                fresh = [one for want, read in zip(few, found, strict=True) for one in self.new(want, read)]
                yield from self.answer(fresh)
        self.job.report["coverage"] = [
            {"id": ident, "path": told(path), "wanted": self.quota[ident], "kept": self.kept[ident]}
            for ident, path in self.paths.items()
        ]

    def short(self, ident: str) -> int:
        return max(0, self.quota[ident] - self.kept[ident])

    def question(self, ident: str, turn: int, part: int) -> Request:
        path, key = self.paths[ident], (ident, turn, part)
        styles = [one.strip() for one in self.params.styles.split(",") if one.strip()] or ["a question"]
        data = {
            "path": told(path), "note": path[-1].note, "style": self.job.chance.pick(styles, "style", *key),
            "count": max(1, min(self.params.questions, self.short(ident) - part * self.params.questions)),
            "known": self.asked[ident][-20:], "card": _shown(self.cards.get(ident)),
        }  # fmt: skip
        return self.job.request(
            "question", *key, data=data, schema=schema(questions=list_of("string")),
            sampling=Sampling(temperature=1.0, top_p=0.95, max_tokens=self.params.max_tokens),
        )  # fmt: skip

    def new(self, want: tuple[str, int, int], read: Read[list[str]]) -> list[Asked]:
        """The questions of one answer that their leaf still wants and does not have yet; others are handed in as dropped."""
        ident, fresh = want[0], []
        if read.value is None:
            unread(self.job, read, meta=_meta(self.paths[ident]), parents=(ident,))
            return []
        room = self.short(ident) - want[2] * self.params.questions
        for number, question in enumerate(read.value[: max(1, min(self.params.questions, room))]):
            near = _nearest(question, self.asked[ident])
            if near < self.params.alike:
                self.asked[ident].append(question)
                fresh.append(Asked(ident, len(self.asked[ident]), question, read.requests))
                continue
            why = verdict(
                "siblings", False, "Nearly the same as another question of its topic.", near, self.params.alike
            )
            key = f"{read.requests[-1]}#{number}"
            meta = _meta(self.paths[ident])
            self.job.emit(
                Candidate(key, question, meta=meta, parents=(ident,), requests=read.requests, verdicts=(why,))
            )
        return fresh

    def answer(self, fresh: list[Asked]) -> Plan:
        """Answers to new questions, checked where wanted, handed in leaf by leaf."""
        requests = [
            self.job.request(
                "answer", one.leaf, one.number, schema=schema(answer="string"),
                data={
                    "path": told(self.paths[one.leaf]), "question": one.question, "card": _shown(self.cards.get(one.leaf)),
                },
                sampling=Sampling(temperature=0.3, max_tokens=self.params.max_tokens),
            )
            for one in fresh
        ]  # fmt: skip
        answers = yield from ask(requests, _answer, self.job)
        checks = yield from _checks(self.job, fresh, answers)
        for one, read, check in zip(fresh, answers, checks, strict=True):
            meta = _meta(self.paths[one.leaf]) | truth.told(check)
            if read.value is None:
                unread(self.job, read, instruction=one.question, meta=meta, parents=(one.leaf,))
                continue
            made = Candidate(
                key=read.requests[-1], instruction=one.question, outputs=(read.value,), meta=meta, parents=(one.leaf,),
                requests=(*one.requests, *read.requests, *(check.requests if check else ())),
                verdicts=_verdicts(self.job, read.value, self.cards.get(one.leaf), check),
            )  # fmt: skip
            self.kept[one.leaf] += self.job.emit(made).kept


def _shown(card: cards.Card | None) -> dict[str, Any] | None:
    if card is None:
        return None
    return {
        "definition": card.definition, "input_source": card.input_source, "schema": dict(card.schema),
        "pairs": [list(pair) for pair in card.pairs],
    }  # fmt: skip


def _questions(request: Request, reply: Reply) -> list[str]:
    entries = things_of(thing(reply), "questions")
    found = [one.strip() for one in entries if isinstance(one, str) and one.strip()]
    if not found:
        raise Unreadable("the answer holds no question")
    return found


def _answer(request: Request, reply: Reply) -> str:
    return text_of(thing(reply), "answer")


def _checks(
    job: Job, fresh: list[Asked], answers: list[Read[str]]
) -> Coroutine[Batch, Replies, list[Read[float] | None]]:
    """One `Read` of a probability for each answer; None where none is wanted, or there is no answer."""
    checks: list[Read[float] | None] = [None] * len(fresh)
    if not job.params.check:
        return checks
    able = [at for at, read in enumerate(answers) if read.value is not None]
    requests = [
        job.request(
            "check", answers[at].requests[-1], sampling=truth.SAMPLING,
            data={"question": fresh[at].question, "answer": answers[at].value},
        )
        for at in able
    ]  # fmt: skip
    for at, found in zip(able, (yield from ask(requests, truth.read, job)), strict=True):
        checks[at] = found
    return checks


def _verdicts(job: Job, answer: str, card: cards.Card | None, check: Read[float] | None) -> tuple[Verdict, ...]:
    found = []
    if card is not None:
        why = cards.misfit(answer, card.schema)
        found.append(verdict("card", not why, f"The answer does not fit the card's schema: {why}."))
    if check is not None:
        found.append(
            truth.judged(check.value, job.params.truth) if check.value is not None
            else verdict("truth", False, f"The second look could not be read: {check.why}.")
        )  # fmt: skip
    return tuple(found)


def _nearest(question: str, others: list[str]) -> float:
    """Likeness to the most alike of the others, 0 to 1, by their words in any order."""
    best = process.extractOne(question, others, scorer=fuzz.token_sort_ratio, processor=utils.default_process)
    return round(best[1] / 100, 3) if best else 0.0


def _meta(path: Path) -> dict[str, Any]:
    return {"path": [node.name for node in path], "ids": [node.id for node in path], "leaf": path[-1].id}
