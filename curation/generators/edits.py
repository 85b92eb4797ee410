"""Pairs of a text and its edit, with the instruction that asks for it (families of CoEdIT, Raheja and others 2023).

Where it can, the clean text is the target and the source is made worse: by rule, or by a model. So the target is one that
people wrote. Only what has no such way back (paraphrase) is edited forwards.
"""

import re
from collections.abc import Generator as Coroutine
from dataclasses import dataclass
from random import Random
from typing import ClassVar, NamedTuple

from rapidfuzz.distance import Levenshtein

from curation.generators import corruption
from curation.generators.base import Batch, Job, Need, Plan, Read, Replies, ask, stretches
from curation.generators.model import Candidate, Reply, Request, Sampling, Source, Verdict
from curation.generators.prompts import Template
from curation.generators.reading import flag_of, schema, text_of, thing, unread, verdict
from curation.params import ParamsError, param

FAMILIES = ("grammar", "simplify", "coherence", "formality", "neutralise", "paraphrase")
WAYS = {
    "grammar": "rules", "formality": "rules", "coherence": "rules", "simplify": "inverse", "neutralise": "inverse",
    "paraphrase": "forward",
}  # fmt: skip

# How the edit is asked for; one is drawn for each row.
LINES = {
    "grammar": (
        "Correct the grammar and spelling", "Fix all mistakes in this text", "Remove the grammatical errors",
        "Make this text grammatical", "Repair the spelling and grammar",
    ),
    "simplify": (
        "Say this in simpler words", "Simplify this text", "Rewrite this so that it is easier to understand",
        "Make this easier to read",
    ),
    "coherence": (
        "Make the sentences follow one another", "Make this text more coherent", "Link the sentences of this text",
        "Improve the flow between the sentences",
    ),
    "formality": (
        "Make this more formal", "Rewrite this in a formal tone", "Write this as in an official letter",
        "Turn this into formal language",
    ),
    "neutralise": (
        "Make this neutral", "Take the point of view out of this text", "Write this without taking sides",
        "Remove the bias from this text",
    ),
    "paraphrase": (
        "Say this in other words", "Paraphrase this text", "Rewrite this with different wording",
        "Reword this and keep its meaning",
    ),
}  # fmt: skip
_THEN = {
    "grammar": "correct the grammar", "simplify": "use simpler words", "coherence": "link the sentences",
    "formality": "make it formal", "neutralise": "make it neutral", "paraphrase": "say it in other words",
}  # fmt: skip
_WORSE = {
    "grammar": "with the mistakes of spelling and grammar that a learner makes",
    "simplify": "in long, difficult sentences with rare words",
    "coherence": "with the words that link its sentences left out",
    "formality": "as a casual message to a friend",
    "neutralise": "with a strong bias for one side in its wording",
    "paraphrase": "in other words",
}


@dataclass(frozen=True)
class Params:
    families: str = param(
        ", ".join(FAMILIES), label="Families",
        help="With commas between, each as often as the others; several at once with +: grammar+simplify.",
    )  # fmt: skip
    way: str = param(
        "auto", label="How pairs are made",
        choices={
            "auto": "By what fits the family", "rules": "Clean text made worse by rule",
            "inverse": "Clean text made worse by the model", "forward": "Text edited by the model",
        },
    )  # fmt: skip
    unchanged: float = param(0.08, label="Texts with nothing to correct", help="Grammar alone.", ge=0, le=0.5)
    damage: float = param(0.1, label="Words damaged", help="As a share; by rule.", ge=0.01, le=0.5, advanced=True)
    least: float = param(0.02, label="Edit distance, at least", help="As a share of the longer text.", ge=0, le=1)
    most: float = param(0.6, label="Edit distance, at most", ge=0.01, le=1)
    chars: int = param(600, label="Characters of a text, at most", ge=40, le=20_000)
    check: bool = param(True, label="Have the meaning checked", help="Of what a model wrote.")
    max_tokens: int = param(512, label="Tokens of an answer, at most", ge=16, le=8192, advanced=True)


_RULES = (
    "- Keep every fact, name, number and quotation. Add none.\n"
    "- Write in the language of the text.\n"
    'Answer with a JSON object: {"text": the rewritten text}.'
)
_EDIT = Template(
    system="You edit texts.\n" + _RULES,
    control="edit: {{ edit }}",
    data="{{ text }}",
    action="Edit the text above as told. One JSON object only.",
)
_WORSEN = Template(
    system="You make practice material for editors: you rewrite good texts so that they need an edit.\n" + _RULES,
    control="write it: {{ worse }}",
    data="{{ text }}",
    action="Rewrite the text above as told. One JSON object only.",
)
_CHECK = Template(
    system=(
        "You compare two texts.\n- The same: both state the same facts about the same things; tone and wording may differ.\n"
        'Answer with a JSON object: {"same": true or false}.'
    ),
    data="First:\n{{ source }}\n\nSecond:\n{{ target }}",
    action="Do both texts mean the same? One JSON object only.",
)


class Work(NamedTuple):
    """One pair to be made: of which text, which families, which way. `change`: False for a text that stays as it is."""

    number: int
    source: Source
    text: str
    families: tuple[str, ...]
    way: str
    change: bool = True


class Pair(NamedTuple):
    source: str
    target: str
    requests: tuple[str, ...] = ()


class Edits:
    """Pairs by rule cost no request. Others take one to write, and one that checks the meaning."""

    name: ClassVar[str] = "edits"
    title: ClassVar[str] = "Edits"
    summary: ClassVar[str] = "Texts and their edits: grammar, simpler, coherent, formal, neutral, in other words."
    needs: ClassVar[tuple[Need, ...]] = (Need("material"),)
    stages: ClassVar[tuple[str, ...]] = ("edit", "check")
    templates: ClassVar[dict[str, Template]] = {"edit": _EDIT, "worsen": _WORSEN, "check": _CHECK}
    Params: ClassVar[type] = Params
    novel: ClassVar[str] = "whole"

    def estimate(self, job: Job) -> int:
        groups = families(job.params.families)
        asked = sum(way_of(group, job.params.way) != "rules" for group in groups) / len(groups)
        return round(job.wanted * asked * (1 + job.params.check) * 1.5)

    def run(self, job: Job) -> Plan:
        for few in stretches(works(job), job):
            by_rule = [work for work in few if work.way == "rules"]
            asked = [work for work in few if work.way != "rules"]
            for work in by_rule:
                _emit(job, work, _ruled(job, work), None)
            found = yield from ask([_request(job, work) for work in asked], _text, job)
            checks = yield from _checks(job, asked, found)
            for work, read, check in zip(asked, found, checks, strict=True):
                if read.value is None:
                    unread(job, read, instruction=line(job, work), input=work.text, parents=(work.source.key,))
                else:
                    _emit(job, work, _pair(work, read), check)


def families(text: str) -> list[tuple[str, ...]]:
    """Raises `ParamsError`."""
    groups = [tuple(one.strip() for one in group.split("+")) for group in text.split(",") if group.strip()]
    for group in groups:
        for one in group:
            if one not in FAMILIES:
                raise ParamsError("families", f"must be of {', '.join(FAMILIES)}, not {one!r}")
        if len(set(group)) < len(group):
            raise ParamsError("families", f"names a family twice in {'+'.join(group)}")
    if not groups:
        raise ParamsError("families", "names none")
    return groups


def way_of(group: tuple[str, ...], way: str) -> str:
    """How pairs of these families are made. Raises `ParamsError` for rules that are not there."""
    if way == "auto":
        ways = {WAYS[one] for one in group}
        return ways.pop() if len(ways) == 1 else "forward" if "forward" in ways else "inverse"
    if way == "rules" and not all(one in corruption.RULES for one in group):
        raise ParamsError("way", f"can be by rule for {', '.join(corruption.RULES)} only, not {'+'.join(group)}")
    return way


def works(job: Job) -> list[Work]:
    """Every text with families in turn, from a place of chance, so that all are used alike. At most three laps."""
    groups = families(job.params.families)
    ways = [way_of(group, job.params.way) for group in groups]
    texts = [(one, passage(one, job)) for one in material(job)]
    usable = job.chance.shuffled([(one, text) for one, text in texts if text], "texts")
    found: list[Work] = []
    for lap in range(min(3, len(groups))):
        for at, (source, text) in enumerate(usable):
            turn = (at + lap) % len(groups)
            group, number = groups[turn], len(found)
            stays = group == ("grammar",) and job.chance.unit("unchanged", lap, source.key) < job.params.unchanged
            found.append(Work(number, source, text, group, "rules" if stays else ways[turn], not stays))
    return found


def material(job: Job) -> list[Source]:
    """Passages, inputs, and the answers of finished examples: texts that people hold to be good."""
    examples = [Source(demo.key or f"example {at}", demo.output) for at, demo in enumerate(job.sources.examples)]
    return [one for one in (*job.sources.passages, *job.sources.inputs, *examples) if one.text.strip()]


def passage(source: Source, job: Job) -> str:
    """Whole sentences from the first paragraph that is long enough, as many as fit; empty where there is none."""
    for paragraph in re.split(r"\n\s*\n", source.text):
        text = " ".join(paragraph.split())
        if len(text) <= job.params.chars:
            if len(text) >= 20:
                return text
            continue
        taken = ""
        for sentence in corruption.sentences(text):
            if len(taken) + len(sentence) > job.params.chars:
                break
            taken += sentence
        if len(taken.strip()) >= 20:
            return taken.strip()
    return ""


def line(job: Job, work: Work) -> str:
    """The instruction of a row; of several families, in their order."""
    first = job.chance.pick(LINES[work.families[0]], "line", work.number)
    rest = [_THEN[one] for one in work.families[1:]]
    return first + "".join(f", then {one}" for one in rest) + "."


def _ruled(job: Job, work: Work) -> Pair:
    if not work.change:
        return Pair(work.text, work.text)
    share = job.params.damage
    for attempt in range(4):  # one slip in a long text may be too little: then more
        rng = Random(job.chance.number("damage", work.number, attempt))  # noqa: S311  (a seeded draw, no secret)
        damaged = work.text
        for family in reversed(work.families):  # the last edit is undone first
            way = corruption.RULES[family]
            damaged = corruption.grammar(damaged, rng, share) if family == "grammar" else way(damaged, rng)
        if distance(damaged, work.text) >= job.params.least:
            break
        share = min(0.5, 2 * share)
    return Pair(damaged, work.text)


def _request(job: Job, work: Work) -> Request:
    worse = ", and ".join(_WORSE[one] for one in work.families)
    data = {"text": work.text, "edit": line(job, work), "worse": worse}
    inverse = work.way == "inverse"
    return job.request(
        "edit", work.number, data=data, template="worsen" if inverse else "edit", schema=schema(text="string"),
        sampling=Sampling(temperature=0.9 if inverse else 0.5, top_p=0.95, max_tokens=job.params.max_tokens),
    )  # fmt: skip


def _text(request: Request, reply: Reply) -> str:
    return text_of(thing(reply), "text")


def _pair(work: Work, read: Read[str]) -> Pair:
    written = read.value or ""
    ends = (written, work.text) if work.way == "inverse" else (work.text, written)
    return Pair(*ends, requests=read.requests)


def _checks(job: Job, asked: list[Work], found: list[Read[str]]) -> Coroutine[Batch, Replies, list[Read[bool] | None]]:
    """Whether both texts mean the same, where that is wanted and the cheap checks pass."""
    checks: list[Read[bool] | None] = [None] * len(asked)
    pairs = [_pair(work, read) for work, read in zip(asked, found, strict=True)]
    able = [
        at for at, read in enumerate(found)
        if job.params.check and read.value is not None and not any(v.drops for v in plain_verdicts(pairs[at], job.params))
    ]  # fmt: skip
    requests = [
        job.request(
            "check", asked[at].number, data={"source": pairs[at].source, "target": pairs[at].target},
            schema=schema(same="boolean"), sampling=Sampling(temperature=0, max_tokens=64),
        )
        for at in able
    ]  # fmt: skip
    for at, read in zip(
        able, (yield from ask(requests, lambda _, reply: flag_of(thing(reply), "same"), job)), strict=True
    ):
        checks[at] = read
    return checks


def _emit(job: Job, work: Work, pair: Pair, check: Read[bool] | None) -> None:
    found = list(plain_verdicts(pair, job.params)) if work.change else []
    if check is not None:
        said = "means something else" if check.value is False else f"could not be checked: {check.why}"
        found.append(verdict("meaning", check.value is True, f"The edit {said}."))
    job.emit(
        Candidate(
            key=f"edit/{work.number}", instruction=line(job, work), input=pair.source, outputs=(pair.target,),
            meta={"families": list(work.families), "way": work.way, "unchanged": not work.change}, parents=(work.source.key,),
            requests=(*pair.requests, *(check.requests if check else ())), verdicts=tuple(found),
        )
    )  # fmt: skip


def plain_verdicts(pair: Pair, params: Params) -> tuple[Verdict, ...]:
    """Changed; by how much; and nothing in the target that the source does not say."""
    far = distance(pair.source, pair.target)
    changed = verdict("changed", pair.source.strip() != pair.target.strip(), "Nothing was changed.")
    if far < params.least:
        amount = verdict("distance", False, "Hardly anything was changed.", round(far, 4), params.least)
    else:
        amount = verdict(
            "distance", far <= params.most, "So much was changed that it is another text.", round(far, 4), params.most
        )
    added = new_facts(pair.source, pair.target)
    listed = ", ".join(sorted(added)[:5])
    return changed, amount, verdict("no_new_facts", not added, f"Not in the source: {listed}.", len(added), 0)


def distance(a: str, b: str) -> float:
    """Levenshtein distance in characters over the longer length, 0 to 1."""
    return float(Levenshtein.normalized_distance(a, b))


_NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")
_NAME = re.compile(r"(?<![.!?:;\"“”(\n])\s[“\"(]?([A-ZÀ-ÖØ-Þ]\w+)")


def new_facts(source: str, target: str) -> set[str]:
    """Numbers of the target that the source has not, and names (capitals inside a sentence) whose word it has nowhere.

    A name that only moved from the front of a sentence is none.
    """
    known = {word.casefold() for word in re.findall(r"\w+", source)}
    names = {name for name in _NAME.findall(target) if name.casefold() not in known}
    return names | (set(_NUMBER.findall(target)) - set(_NUMBER.findall(source)))
