"""One deed on many examples, and its undoing. One line in the record, one event an example, all in one transaction.

What was changed since by somebody else stays as it is when a deed is undone. Locks: examples in the order of their ids,
then their answers and slots.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from config.faults import Fault
from curation.actions import reviewing
from curation.actions.deeds import Deed
from curation.actions.deeds_queue import QUEUE_DEEDS
from curation.actions.deeds_state import STATE_DEEDS
from curation.actions.deeds_tags import TAG_DEEDS
from curation.audit import audit
from curation.models import BulkChange, Example, Task, User

MOST = 100_000  # examples of one deed
DEEDS: dict[str, Deed] = {deed.name: deed for deed in (*TAG_DEEDS, *QUEUE_DEEDS, *STATE_DEEDS)}

EVENTS = """
INSERT INTO curation_exampleevent (example_id, task_id, actor_id, at, kind, annotation_id, facts)
SELECT id, %s, %s, %s, %s, NULL, %s FROM unnest(%s::bigint[]) AS ids(id) ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class Done:
    """What one deed did. `change` is None where it changed nothing; `left`: examples it did not apply to."""

    change: BulkChange | None
    changed: int
    left: int


@transaction.atomic
def change_many(
    *, task: Task, by: User, examples: QuerySet[Example] | Iterable[int], deed: str, value: Any = None, query: str = "",
) -> Done:  # fmt: skip
    """Do `deed` to these examples of the task; those it does not apply to stay as they are.

    `value` as `Deed.read` gave it. `query`: the address that chose them, kept so that Undo leads back.
    Raises `Fault` bulk.too_many above `MOST` examples, KeyError for an unknown deed.
    """
    chosen = DEEDS[deed]
    ids = _ids(examples)
    if len(ids) > MOST:
        raise Fault("bulk.too_many", limit=f"{MOST:,}")
    ids = _lock(task, ids)
    now = timezone.now()
    before = chosen.do(task, by, ids, value, now)
    changed = chosen.ids(before)
    if not changed:
        return Done(None, 0, len(ids))
    made = BulkChange.objects.create(
        task=task, action=deed, examples=len(changed), before=before, by=by, at=now,
        facts={"value": value, "query": query[:2_000]},
    )  # fmt: skip
    _events(changed, chosen.event, task=task, by=by, at=now, facts=chosen.facts(value) | {"bulk": made.pk})
    audit(
        "examples.bulk", actor=by, team=task.team, target=task, deed=deed, examples=len(changed), bulk=made.pk,
        name=task.name,
    )  # fmt: skip
    chosen.follow(changed)
    return Done(made, len(changed), len(ids) - len(changed))


@transaction.atomic
def undo(*, change: BulkChange, by: User) -> int:
    """Take a deed back. Returns how many examples are as before; others were changed since and stay.

    Raises `Fault` bulk.undone if somebody was faster.
    """
    if change.action == "accept_equal":
        if change.undone_at is not None:
            raise Fault("bulk.undone")
        return reviewing.undo_accept_equal(change=change, by=by)
    deed, task = DEEDS[change.action], change.task
    now = timezone.now()
    if not BulkChange.objects.filter(pk=change.pk, undone_at=None).update(undone_at=now):
        raise Fault("bulk.undone")
    _lock(task, deed.ids(change.before))
    back = deed.undo(task, by, change.before, (change.facts or {}).get("value"), now)
    _events(back, "undone", task=task, by=by, at=now, facts={"bulk": change.pk, "deed": change.action})
    audit(
        "examples.bulk_undone", actor=by, team=task.team, target=task, deed=change.action, examples=len(back),
        bulk=change.pk, name=task.name,
    )  # fmt: skip
    deed.follow(back)
    return len(back)


def _ids(examples: QuerySet[Example] | Iterable[int]) -> list[int]:
    """Their ids; one more than `MOST` where there are more."""
    if isinstance(examples, QuerySet):
        return list(examples.order_by().values_list("pk", flat=True)[: MOST + 1])
    return list(examples)


def _lock(task: Task, ids: list[int]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM curation_example WHERE task_id = %s AND id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
            [task.pk, ids],
        )
        return [pk for (pk,) in cursor.fetchall()]


def _events(ids: list[int], kind: str, *, task: Task, by: User, at: datetime, facts: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(EVENTS, [task.pk, by.pk, at, kind, json.dumps(facts), ids])
