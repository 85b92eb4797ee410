"""Stretches of passages, and pairs of them, with offsets that are found by us (after Gu and others 2023, for drug events)."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from curation.generators import spans
from curation.generators.base import Job, Need, Plan, Read, ask, stretches
from curation.generators.model import Candidate, Reply, Request, Sampling, Source, Verdict
from curation.generators.parsing import Unreadable
from curation.generators.prompts import Template
from curation.generators.reading import list_of, schema, text_of, thing, things_of, unread, verdict
from curation.generators.rerender import FORMATS, Item, render
from curation.generators.spans import Span
from curation.params import ParamsError, param


@dataclass(frozen=True)
class Params:
    mode: str = param(
        "spans", label="What is found", choices={"spans": "Stretches of text", "pairs": "Pairs of stretches"}
    )
    types: str = param(
        "", label="Types", help="With commas between; the labels of the task where empty. Pairs have two."
    )
    whole_words: bool = param(True, label="Whole words", help="“rash” is not found inside “trash”.")
    several: str = param(
        "all", label="Stretch that occurs more than once",
        choices={"all": "Mark every place", "first": "Mark the first", "drop": "Leave it out"},
    )  # fmt: skip
    negatives: float = param(
        0.35, label="Passages without a find, at most", help="As a share of those kept.", ge=0, le=1
    )
    missing: float = param(
        0.5, label="Finds that are not in the passage, at most", help="As a share of an answer; above, it is dropped.",
        ge=0, le=1, advanced=True,
    )  # fmt: skip
    form: str = param("json", label="Form of the answer", choices=FORMATS)
    bio: bool = param(False, label="Keep a tag for every word", help="B-, I- and O, as sequence labellers read them.")
    max_tokens: int = param(512, label="Tokens of an answer, at most", ge=16, le=8192, advanced=True)


_SPANS = Template(
    system=(
        "You mark stretches of a text for a data set.\n"
        "- Copy each stretch exactly as it stands in the text: same spelling, same words, nothing added.\n"
        "- Take the shortest stretch that says it in full.\n"
        "- Mark only what the text says. Many texts hold nothing to mark: then the list is empty.\n"
        "- Types: {{ types | join(', ') }}.\n"
        "{% if task.instruction %}- The task: {{ task.instruction }}\n{% endif %}"
        "{% if task.guidelines %}- Guidelines: {{ task.guidelines }}\n{% endif %}"
        'Answer with a JSON object: {"items": [{"type": one of the types, "text": the stretch}]}.'
    ),
    data="{{ passage }}",
    action="Mark every stretch of these types in the text above. One JSON object only.",
)
_PAIRS = Template(
    system=(
        "You find pairs of stretches of a text for a data set.\n"
        "- Copy each stretch exactly as it stands in the text: same spelling, same words, nothing added.\n"
        "- A pair is a {{ types[0] }} and a {{ types[1] }} that the text says belong together.\n"
        "- Many texts hold no pair: then the list is empty.\n"
        "{% if task.instruction %}- The task: {{ task.instruction }}\n{% endif %}"
        "{% if task.guidelines %}- Guidelines: {{ task.guidelines }}\n{% endif %}"
        'Answer with a JSON object: {"pairs": [{"{{ types[0] }}": stretch, "{{ types[1] }}": stretch}]}.'
    ),
    data="{{ passage }}",
    action="Find every such pair in the text above. One JSON object only.",
)

Group = tuple[tuple[str, str], ...]  # (type, text): one of them a stretch, two a pair


class Aligned(NamedTuple):
    """What became of the stretches of one answer: groups of (type, span), those not found, and whether any was several."""

    groups: list[tuple[tuple[str, Span], ...]]
    lost: list[str]
    ambiguous: list[str]


class Extract:
    """One request a passage; every stretch is looked up in it, and one that is not there is left out."""

    name: ClassVar[str] = "extract"
    title: ClassVar[str] = "Extraction"
    summary: ClassVar[str] = "A model names stretches of a passage, or pairs of them; we find where they stand."
    needs: ClassVar[tuple[Need, ...]] = (Need("passages"),)
    stages: ClassVar[tuple[str, ...]] = ("extract",)
    templates: ClassVar[dict[str, Template]] = {"spans": _SPANS, "pairs": _PAIRS}
    Params: ClassVar[type] = Params

    def estimate(self, job: Job) -> int:
        return min(len(job.sources.passages), job.wanted * 2)

    def run(self, job: Job) -> Plan:
        params: Params = job.params
        types = kinds(job)
        kept = {True: 0, False: 0}
        for few in stretches(job.sources.passages, job):
            found = yield from ask([_request(job, one, types) for one in few], _reader(params.mode, types), job)
            without = []
            for source, read in zip(few, found, strict=True):
                if read.value is None:
                    unread(job, read, input=source.text, parents=(source.key,))
                elif read.value:
                    kept[True] += job.emit(candidate(job, source, read, types)).kept
                else:
                    without.append((source, read))
            # Those without a find come last, so that their share does not depend on the order of the passages.
            for source, read in without:
                full = kept[False] + 1 > params.negatives * (kept[True] + kept[False] + 1) + 1e-9
                kept[False] += job.emit(candidate(job, source, read, types, full=full)).kept
        job.report |= {"with_a_find": kept[True], "without": kept[False]}


def kinds(job: Job) -> list[str]:
    """The types asked for. Raises `ParamsError`."""
    found = [one.strip() for one in job.params.types.split(",") if one.strip()] or list(job.spec.labels)
    if not found:
        raise ParamsError("types", "names no type, and the task has no labels")
    if job.params.mode == "pairs" and len(found) != 2:
        raise ParamsError("types", f"must be two for pairs, not {len(found)}")
    if len(set(found)) < len(found):
        raise ParamsError("types", "names a type twice")
    return found


def _request(job: Job, source: Source, types: list[str]) -> Request:
    item = schema(type={"type": "string", "enum": types}, text="string")
    pair = schema(**dict.fromkeys(types, "string"))
    shape = schema(items=list_of(item)) if job.params.mode == "spans" else schema(pairs=list_of(pair))
    return job.request(
        "extract", source.key, data={"passage": source.text}, template=job.params.mode, schema=shape,
        sampling=Sampling(temperature=0, max_tokens=job.params.max_tokens), extra={"types": types},
    )  # fmt: skip


def _reader(mode: str, types: list[str]) -> Any:
    def read(request: Request, reply: Reply) -> list[Group]:
        """Groups of (type, text): one a stretch, or one a pair. Offsets of a model are not looked at."""
        raw = thing(reply)
        entries = things_of(raw, "items" if mode == "spans" else "pairs")
        if not all(isinstance(one, dict) for one in entries):
            raise Unreadable("an entry of the list is no object")
        if mode == "pairs":
            return [tuple((kind, text_of(one, kind)) for kind in types) for one in entries]
        known = {kind.casefold(): kind for kind in types}
        found: list[Group] = []
        for one in entries:
            kind = known.get(text_of(one, "type").casefold())
            if kind is None:
                raise Unreadable(f"{one['type']!r} is none of the types")
            found.append(((kind, text_of(one, "text")),))
        return found

    return read


def align(passage: str, groups: list[Group], params: Params) -> Aligned:
    """Looks every stretch up. A pair with one that is not there is lost as a whole; one of several places is the nearest."""
    made: dict[tuple[tuple[str, Span], ...], None] = {}
    lost, ambiguous = [], []
    for group in groups:
        where = [spans.places(passage, text, whole_words=params.whole_words) for _, text in group]
        absent = [text for (_, text), found in zip(group, where, strict=True) if not found]
        if absent:
            lost += absent
            continue
        several = [text for (_, text), found in zip(group, where, strict=True) if len(found) > 1]
        ambiguous += several
        if several and params.several == "drop":
            continue
        if len(group) == 1 and params.several == "all":
            made.update(dict.fromkeys(((group[0][0], span),) for span in where[0]))
        else:
            chosen = spans.nearest(where)
            made[tuple((kind, span) for (kind, _), span in zip(group, chosen, strict=True))] = None
    return Aligned(list(made), lost, list(dict.fromkeys(ambiguous)))


def candidate(job: Job, source: Source, read: Read[Any], types: list[str], *, full: bool = False) -> Candidate:
    """`full`: there are enough passages without a find already."""
    params: Params = job.params
    told: list[Group] = read.value or []
    found = align(source.text, told, params)
    flat = sorted({(span.start, span.end, kind) for group in found.groups for kind, span in group})
    meta: dict[str, Any] = {
        "spans": [{"start": s, "end": e, "label": k, "text": source.text[s:e]} for s, e, k in flat],
        "ambiguous": found.ambiguous, "not_in_text": found.lost,
    }  # fmt: skip
    if params.mode == "pairs":
        meta["relations"] = [_relation(source.text, group, found) for group in found.groups]
    if params.bio:
        meta["bio"] = _tags(source.text, found, types) if params.mode == "pairs" else spans.bio(source.text, flat)
    return Candidate(
        instruction=job.spec.instruction or _instruction(params.mode, types), input=source.text,
        outputs=(_answer(source.text, found, types, params),), meta=meta, parents=(source.key,), requests=read.requests,
        verdicts=_verdicts(found, len(told), full, params),
    )  # fmt: skip


def _verdicts(found: Aligned, asked: int, full: bool, params: Params) -> tuple[Verdict, ...]:
    """All finds made up, or too many of them: dropped. A passage whose finds were all lost is never one without a find."""
    made_up = bool(found.lost) and not found.groups
    share = len(found.lost) / max(1, len(found.lost) + sum(len(group) for group in found.groups))
    listed = ", ".join(repr(one[:40]) for one in found.lost[:3])
    there = verdict(
        "in_text",
        not made_up and share <= params.missing,
        f"Not in the passage: {listed}.",
        round(share, 3),
        params.missing,
    )
    several = ", ".join(repr(one[:40]) for one in found.ambiguous[:3])
    placed = verdict(
        "ambiguous", not found.ambiguous, f"Stands in more than one place: {several}.", len(found.ambiguous), 0,
        flag=bool(found.groups),
    )  # fmt: skip
    enough = verdict(
        "negatives", bool(asked) or not full, "There are enough passages without a find.", None, params.negatives
    )
    return there, placed, enough


def _relation(text: str, group: tuple[tuple[str, Span], ...], found: Aligned) -> dict[str, Any]:
    told: dict[str, Any] = {
        kind: {"start": span.start, "end": span.end, "text": text[span.start : span.end]} for kind, span in group
    }
    surfaces = {one.casefold() for one in found.ambiguous}
    return told | {"ambiguous": any(text[span.start : span.end].casefold() in surfaces for _, span in group)}


def _tags(text: str, found: Aligned, types: list[str]) -> list[dict[str, Any]]:
    """For each first stretch of a pair, the tags of its second ones: one row a drug, as sequence labellers are trained."""
    heads: dict[Span, list[tuple[int, int, str]]] = {}
    for (_, head), (kind, tail) in found.groups:
        heads.setdefault(head, []).append((tail.start, tail.end, kind))
    return [
        {types[0]: text[head.start : head.end], "start": head.start, "tags": spans.bio(text, tails)}
        for head, tails in heads.items()
    ]


def _answer(text: str, found: Aligned, types: list[str], params: Params) -> str:
    if params.mode == "pairs":
        import json

        rows = [{kind: text[span.start : span.end] for kind, span in group} for group in found.groups]
        if params.form == "json":
            return json.dumps(rows, ensure_ascii=False)
        items = [Item(row[types[0]], row[types[1]]) for row in rows]
        return render(items, params.form)
    counted = Counter((span.start, span.end, kind) for group in found.groups for kind, span in group)
    items = [Item(kind, text[start:end], start, end) for start, end, kind in sorted(counted)]
    return render(items, params.form)


def _instruction(mode: str, types: list[str]) -> str:
    if mode == "pairs":
        return f"Find every pair of {types[0]} and {types[1]} in the text that belong together."
    return f"Find every stretch of the text that is one of: {', '.join(types)}."
