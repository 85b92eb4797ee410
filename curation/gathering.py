"""Rows of a recipe's sources: accepted examples of tasks, collections, other versions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
from django.conf.locale import LANG_INFO
from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform

from curation import answers, natural, parts
from curation.content import Content, load, render
from curation.datasets.rows import FACTS, SCHEMA, Row, pack, tokens_of
from curation.models import Collection, DatasetVersion, Example, PreferencePair, Task

FIELDS = (
    "pk", "key", "content", "answer", "tags", "source", "lineage", "revision", "agreement", "accepted_at", "changed_at",
    "origin",
)  # fmt: skip
BATCH = 2_000
STEP = 12_500  # examples of a step
CODES = {str(info["name"]).lower(): code for code, info in LANG_INFO.items() if "name" in info and "-" not in code}
REPAIRED = "repaired"  # beside the states of examples: what people had a model mend, before and after
WRITTEN_BY = ("model", "generation", "candidate", "generator", "seed", "requests")
CUTS = "SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM {}) AS r WHERE n %% %s = 1 ORDER BY id"
DROPPED = ("params", "verdicts", "natural")  # of the lineage: long, and kept where they came from

# What people did: who answered (a count), which answer was taken.
DECISIONS = """
SELECT e.id, coalesce(a.ids, '{}'), coalesce(a.people, 0), r.annotation_id
FROM unnest(%s::bigint[]) AS e(id)
LEFT JOIN LATERAL (
  SELECT array_agg(id ORDER BY id) AS ids, count(DISTINCT annotator_id) AS people
  FROM curation_annotation WHERE example_id = e.id AND state IN ('submitted', 'accepted', 'declined')) a ON true
LEFT JOIN LATERAL (
  SELECT annotation_id FROM curation_revision WHERE example_id = e.id AND why = 'accepted'
  ORDER BY number DESC LIMIT 1) r ON true
"""


def origin_of(task: Task) -> str:
    return f"t{task.pk}"


def code_of(languages: Sequence[str]) -> str:
    """The code of the first language that a task names, else the name as it stands."""
    name = languages[0].strip() if languages else ""
    return CODES.get(name.lower(), name.lower())


def head_of(task: Task) -> dict[str, Any]:
    """The task's file of Natural Instructions, without its instances: what an export puts in front of them."""
    extra = {
        name: value for name, value in task.extra.get("natural", {}).items() if name in ("keys", "rest", "licence")
    }
    whole = natural.NaturalTask(
        task.name, task.definition,
        tuple(
            natural.NaturalDemonstration(one.kind, one.input, one.output, one.explanation, one.extra)
            for one in task.demonstrations.all()
        ),
        (), {ours: getattr(task, ours) for ours in natural.LISTS.values()}, task.licence, extra,
    )  # fmt: skip
    return natural.head(whole)


# --- tasks ---


def cuts(task: Task, state: str) -> list[tuple[int, int]]:
    """Ranges of ids, each with some 12,500 examples of the state, or as many pairs."""
    with connection.cursor() as cursor:
        if state == REPAIRED:
            cursor.execute(CUTS.format("curation_preferencepair WHERE task_id = %s"), [task.pk, STEP])
        else:
            of = "curation_example WHERE task_id = %s AND state = %s AND deleted_at IS NULL"
            cursor.execute(CUTS.format(of), [task.pk, state, STEP])
        starts = [pk for (pk,) in cursor.fetchall()]
    return list(zip(starts, [*starts[1:], 1 << 62], strict=True))


def of_task(task: Task, state: str, start: int, stop: int) -> Iterator[Row]:
    """The examples (or pairs) of one range, a batch at a time, with what people and programs did to them."""
    if state == REPAIRED:
        yield from _repairs(task, start, stop)
        return
    rows = Example.objects.alive().filter(task=task, state=state, pk__lt=stop)
    make, last = _Maker(task, state), start - 1
    while found := list(rows.filter(pk__gt=last).order_by("pk").values_list(*FIELDS)[:BATCH]):
        decided = _decisions([one[0] for one in found])
        for one in found:
            yield make(dict(zip(FIELDS, one, strict=True)), decided[one[0]])
        last = found[-1][0]


def pairs_of(task: Task) -> QuerySet[PreferencePair]:
    """Answers before and after a repair, of examples that were accepted since; of fields that are the answer."""
    outputs = [one.name for one in answers.load_form(task.form) if one.role == "output"]
    accepted = {"example__state": Example.State.ACCEPTED, "example__deleted_at": None}
    return PreferencePair.objects.filter(task=task, field__in=outputs, **accepted)


def _repairs(task: Task, start: int, stop: int) -> Iterator[Row]:
    make, last = _Maker(task, Example.State.ACCEPTED), start - 1
    rows = pairs_of(task).select_related("example", "assist").filter(pk__lt=stop).order_by("pk")
    while found := list(rows.filter(pk__gt=last)[:BATCH]):
        decided = _decisions([one.example_id for one in found])
        for one in found:
            row = make({name: getattr(one.example, name) for name in FIELDS}, decided[one.example_id])
            content = row.content
            if content.kind == "single":
                content = replace(content, outputs=(one.new,))
            yield replace(
                row, key=pair_key(row.key, one.pk), content=content, chosen=one.new, rejected=one.old, desirable=None,
                answer=None, day=one.at.date().isoformat(),
                lineage=_mended(row.lineage, one),
            )  # fmt: skip
        last = found[-1].pk


def pair_key(key: str, pk: int) -> str:
    return f"{key}#repair-{pk}"


def _mended(lineage: Mapping[str, Any], pair: PreferencePair) -> dict[str, Any]:
    """The chosen text is the model's that mended it; what wrote the text before stays beside."""
    before = {name: lineage[name] for name in WRITTEN_BY if name in lineage}
    made = {name: value for name, value in lineage.items() if name not in WRITTEN_BY} | {"model": pair.model}
    if pair.assist is not None and pair.assist.generation_id:
        made["generation"] = pair.assist.generation_id
    return made | {"repair": {"pair": pair.pk, "why": pair.why} | ({"before": before} if before else {})}


def _decisions(ids: list[int]) -> dict[int, dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(DECISIONS, [ids])
        return {
            pk: {"annotations": list(given), "annotators": people} | ({"annotation": taken} if taken else {})
            for pk, given, people, taken in cursor.fetchall()
        }


class _Maker:
    """Examples of one task as rows."""

    def __init__(self, task: Task, state: str) -> None:
        self.task, self.accepted = task, state == Example.State.ACCEPTED
        self.pairs = [one for one in answers.load_form(task.form) if one.role == "preference" and one.kind == "pair"]
        self.language = code_of(task.output_languages)
        self.added = len(task.definition) + 1 if task.definition else 0  # a line of its own

    def __call__(self, one: dict[str, Any], decided: dict[str, Any]) -> Row:
        content, answer = load(one["content"]), one["answer"] or None
        content, chosen, rejected = self.taught(content, answer or {})
        lineage = {name: value for name, value in one["lineage"].items() if name not in DROPPED}
        lineage |= {"task": self.task.pk, "example": one["pk"], "origin": one["origin"]} | decided
        at = one["accepted_at"] or one["changed_at"]
        return Row(
            key=f"{origin_of(self.task)}/{one['key']}", content=content, revision=one["revision"],
            origin=origin_of(self.task), source=one["source"], licence=str(lineage.get("licence") or self.task.licence),
            language=self.language, tags=tuple(one["tags"]), day=at.date().isoformat(), agreement=one["agreement"],
            chosen=chosen, rejected=rejected, desirable=self.accepted, answer=answer, lineage=lineage,
        )  # fmt: skip

    def taught(self, content: Content, answer: Mapping[str, Any]) -> tuple[Content, str | None, str | None]:
        """With the task's definition where it has no instruction, and the chosen answer alone; then chosen, rejected."""
        chosen, rejected = self._preference(content, answer)
        if chosen is not None and content.kind == "single":
            content = Content("single", content.instruction, content.input, (chosen,), (), content.system)
        if content.kind == "single" and not content.instruction:
            content = Content("single", self.task.definition, content.input, content.outputs, (), content.system)
        return content, chosen, rejected

    def size(self, chars: int, bare: bool, content: Any, answer: Any) -> int:
        """Characters of the row, of which the example has `chars`; only a preference needs its texts for that."""
        if self.pairs:
            return len(render(self.taught(load(content), answer or {})[0], "text"))
        return chars + (self.added if bare else 0)

    def _preference(self, content: Content, answer: Mapping[str, Any]) -> tuple[str | None, str | None]:
        for field in self.pairs:
            value = answer.get(field.name)
            if not isinstance(value, dict) or value.get("tie"):
                continue
            numbers = value.get("chosen"), value.get("rejected")
            if all(type(n) is int and 0 <= n < len(content.outputs) for n in numbers):
                return value.get("text") or content.outputs[numbers[0]], content.outputs[numbers[1]]  # type: ignore[index]
        return None, None


# --- facts for a preview ---


def task_facts(task: Task, state: str, every: int = 1) -> Iterator[pa.Table]:
    """FACTS of the examples, as freezing will find them, but for preferences without reading their contents; one in
    `every` where there are many.

    `sha` is null: nobody knows it before the contents are read.
    """
    if state == REPAIRED:
        yield from _repair_facts(task, every)
        return
    rows: QuerySet[Example] = Example.objects.alive().filter(task=task, state=state)
    if every > 1:
        rows = rows.extra(where=["hashtext(key) %% %s = 0"], params=[every])
    language, origin, last, make = code_of(task.output_languages), origin_of(task), 0, _Maker(task, state)
    bare = Q(content__kind="single") & ~Q(content__has_key="instruction")
    rows = rows.annotate(named=KeyTextTransform("licence", "lineage"), bare=ExpressionWrapper(bare, BooleanField()))
    fields = ["pk", "key", "source", "tags", "agreement", "accepted_at", "changed_at", "named", "chars", "bare"]
    fields += ["content", "answer"] if make.pairs else []
    size = BATCH if make.pairs else 10 * BATCH
    while found := list(rows.filter(pk__gt=last).order_by("pk").values_list(*fields)[:size]):
        keys, sources, tags, agreement, accepted, changed, named = (
            list(one) for one in list(zip(*(row[1:8] for row in found), strict=True))
        )
        count = len(found)
        chars = [make.size(*(row[8:] if make.pairs else (*row[8:], None, None))) for row in found]
        yield pa.table(
            {
                "key": [f"{origin}/{key}" for key in keys], "sha": pa.nulls(count, pa.binary(32)), "origin": [origin] * count,
                "source": sources, "licence": [one or task.licence for one in named], "language": [language] * count,
                "tags": tags, "chars": chars, "tokens": [tokens_of(one) for one in chars],
                "day": [(a or c).date().isoformat() for a, c in zip(accepted, changed, strict=True)], "agreement": agreement,
            },
            schema=pa.schema([SCHEMA.field(name) for name in FACTS]),
        )  # fmt: skip
        last = found[-1][0]


def _repair_facts(task: Task, every: int) -> Iterator[pa.Table]:
    """The same of pairs; what they count, their contents say, so these are read."""
    for start, stop in cuts(task, REPAIRED):
        held: list[Row] = []
        for number, row in enumerate(_repairs(task, start, stop)):
            if number % every == 0:
                held.append(row)
            if len(held) == BATCH:
                yield pack(held).select(FACTS)
                held = []
        if held:
            yield pack(held).select(FACTS)


def part_facts(found: Collection | DatasetVersion, every: int = 1) -> Iterator[pa.Table]:
    """FACTS of the rows of a collection or version; whole batches are left out where there are many."""
    for number, batch in enumerate(parts.batches(found.parts, FACTS, size=10 * BATCH if every == 1 else BATCH // 4)):
        if number % every == 0:
            yield pa.Table.from_batches([batch]).select(FACTS)


def size_of(kind: str, found: Task | Collection | DatasetVersion, state: str) -> int:
    if isinstance(found, Task) and state == REPAIRED:
        return pairs_of(found).count()
    if isinstance(found, Task):
        return Example.objects.alive().filter(task=found, state=state).count()
    return found.rows
