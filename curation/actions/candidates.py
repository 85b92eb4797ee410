"""Candidates of a generation: dropped and rescued by people, and taken into the task's queue."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from config.faults import Fault
from curation.actions.adding import Added, NewExample, add_examples
from curation.audit import audit
from curation.content import Content, load
from curation.generators import Sources
from curation.incoming import maker
from curation.models import Candidate, Example, Generation, User
from curation.synthesis import inputs

State = Candidate.State

LINK = """
UPDATE curation_candidate c SET example_id = e.id, accepted_at = now() FROM curation_example e
WHERE c.generation_id = %(generation)s AND c.id = ANY(%(ids)s) AND e.task_id = %(task)s
  AND e.key = 'generation-' || c.generation_id || '-' || c.id
"""
DECIDE = """
UPDATE curation_candidate SET state = %(state)s, decided_by_id = %(by)s, decided_at = now(), why = %(why)s,
  verdicts = verdicts || jsonb_build_array(jsonb_build_object('filter', 'person', 'version', 1,
    'passed', %(passed)s::boolean, 'reason', %(why)s::text, 'value', NULL, 'threshold', NULL, 'flag', false,
    'was', state, 'why_was', why))
WHERE generation_id = %(generation)s AND id = ANY(%(ids)s) AND accepted_at IS NULL AND state = ANY(%(from)s)
"""
# What one person decided in one go bears one time. Verdicts are only added: the last one says that it was taken back.
UNDO = """
UPDATE curation_candidate SET state = verdicts->-1->>'was', why = verdicts->-1->>'why_was', decided_at = now(),
  verdicts = verdicts || jsonb_build_array(jsonb_build_object('filter', 'person', 'version', 1,
    'passed', verdicts->-1->>'was' <> 'dropped', 'reason', 'Taken back.', 'value', NULL, 'threshold', NULL,
    'flag', false))
WHERE generation_id = %(generation)s AND decided_by_id = %(by)s AND decided_at = %(at)s AND accepted_at IS NULL
  AND verdicts->-1->>'filter' = 'person' AND verdicts->-1 ? 'was'
"""


@transaction.atomic
def drop(*, generation: Generation, ids: Sequence[int], by: User, why: str = "") -> int:
    """A person says no. Returns how many changed; those that are examples already stay."""
    return _decide(generation, ids, by, State.DROPPED, why.strip() or "Dropped by hand.")


@transaction.atomic
def rescue(*, generation: Generation, ids: Sequence[int], by: User) -> int:
    """A person keeps what a filter dropped; all verdicts stay in view."""
    return _decide(generation, ids, by, State.RESCUED, "")


def last_decision(*, generation: Generation, by: User) -> datetime | None:
    """When this person decided last in this run: what `undo` takes."""
    rows = Candidate.objects.filter(generation=generation, decided_by=by)
    return rows.order_by("-decided_at").values_list("decided_at", flat=True).first()


@transaction.atomic
def undo(*, generation: Generation, at: datetime, by: User) -> int:
    """Take back what this person decided in one go at that time. Returns how many are as they were.

    What became an example meanwhile, or was decided again, stays.
    """
    with connection.cursor() as cursor:
        cursor.execute(UNDO, {"generation": generation.pk, "by": by.pk, "at": at})
        changed = cursor.rowcount
    if changed:
        _recount(generation)
        audit("candidates.undone", actor=by, team=generation.task.team, target=generation, count=changed)
    return changed


def _decide(generation: Generation, ids: Sequence[int], by: User, state: str, why: str) -> int:
    before = [State.DROPPED] if state == State.RESCUED else [State.KEPT, State.RESCUED]
    facts: dict[str, Any] = {
        "generation": generation.pk, "ids": list(ids), "by": by.pk, "state": state, "why": why,
        "passed": state == State.RESCUED, "from": [str(one) for one in before],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(DECIDE, facts)
        changed = cursor.rowcount
    if not changed and len(ids) == 1 and Candidate.objects.filter(pk=ids[0], accepted_at__isnull=False).exists():
        raise Fault("candidate.taken")
    if changed:
        _recount(generation)
        action = "candidates.rescued" if state == State.RESCUED else "candidates.dropped"
        audit(action, actor=by, team=generation.task.team, target=generation, count=changed)
    return changed


@transaction.atomic
def accept(
    *, generation: Generation, by: User, ids: Sequence[int] | None = None, outputs_as: str = "suggestion"
) -> Added:
    """Take candidates that are kept or rescued into the task's queue, each once; None: all of them.

    `outputs_as` as in `curation.incoming`: what becomes of the model's answer. Each example says where it came from.
    """
    task = generation.task
    rows = Candidate.objects.filter(generation=generation, accepted_at=None, state__in=[State.KEPT, State.RESCUED])
    if ids is not None:
        rows = rows.filter(pk__in=list(ids))
    taken = list(rows.select_for_update(no_key=True, of=("self",)).order_by("pk").values_list("pk", flat=True))
    if not taken:
        return Added()
    locked = Candidate.objects.filter(pk__in=taken).order_by("pk")
    added = add_examples(
        task=task, rows=_examples(generation, locked, outputs_as), by=by, origin=Example.Origin.GENERATION
    )
    with connection.cursor() as cursor:
        cursor.execute(LINK, {"generation": generation.pk, "ids": taken, "task": task.pk})
    audit("candidates.accepted", actor=by, team=task.team, target=generation, count=added.good, outputs_as=outputs_as)
    return added


def _examples(generation: Generation, rows: QuerySet[Candidate], outputs_as: str) -> Iterator[NewExample]:
    endpoint = generation.endpoint
    make = maker(generation.task, outputs_as, endpoint.model)
    shas = {name: one["sha"] for name, one in generation.templates.items()}
    origins = _Origins(generation)
    for row in rows.iterator(chunk_size=2_000):
        made = make(content_of(row))
        made.key = f"generation-{generation.pk}-{row.pk}"
        made.source = generation.generator
        made.lineage = {
            "generation": generation.pk, "candidate": row.pk, "generator": generation.generator,
            "endpoint": endpoint.name, "model": endpoint.model, "seed": generation.seed, "params": generation.params,
            "templates": shas, "requests": row.uses, "parents": row.parents,
            "verdicts": [verdict_words(one) for one in row.verdicts],
        } | origins(row.parents)  # fmt: skip
        yield made


class _Origins:
    """What the sources of a run say of where its candidates come from."""

    def __init__(self, generation: Generation) -> None:
        try:
            sources = inputs.read(generation)[1]
        except Fault as fault:
            if fault.code != "generation.gone":
                raise
            sources = Sources()
        self.passages = {one.key for one in sources.passages}
        keys = [one.key for one in sources.inputs]
        self.picked = {
            key: {name: lineage[name] for name in ("pool", "pool_name") if name in lineage}
            | {"key": lineage.get("key") or key}
            for key, lineage in Example.objects.filter(
                task=generation.task_id, key__in=keys, lineage__pool__isnull=False
            ).values_list("key", "lineage")
        }  # fmt: skip

    def __call__(self, parents: Sequence[str]) -> dict[str, Any]:
        """The passage (a list where there are several), and the row of a pool that the one input was picked from."""
        passages = [key for key in parents if key in self.passages]
        made: dict[str, Any] = {"passage": passages[0] if len(passages) == 1 else passages} if passages else {}
        picked = [key for key in parents if key in self.picked]
        return made | (self.picked[picked[0]] if len(picked) == 1 else {})


def content_of(row: Candidate) -> Content:
    """What the candidate says; of a pair both answers, the chosen one first."""
    content = load(row.content)
    if row.pair and content.kind == "single" and row.pair.get("rejected"):
        return Content("single", content.instruction, content.input, (row.pair["chosen"], row.pair["rejected"]))
    return content


def verdict_words(one: dict[str, Any]) -> str:
    """`near_duplicate passed`; `length failed: …`."""
    said = "passed" if one.get("passed") else "flagged" if one.get("flag") else "failed"
    return f"{one.get('filter')} {said}" + (f": {one['reason']}" if one.get("reason") else "")


def _recount(generation: Generation) -> None:
    rows = Candidate.objects.filter(generation=generation)
    dropped = rows.filter(state=State.DROPPED).count()
    Generation.objects.filter(pk=generation.pk).update(kept=rows.count() - dropped, dropped=dropped)


__all__ = ["accept", "content_of", "drop", "last_decision", "rescue", "undo", "verdict_words"]
