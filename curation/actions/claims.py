"""Claims: who holds which example, from the moment it is handed out until it is answered, given back or run out.

Part of the queue (`curation.actions.queue`), which says what is promised and in which order rows are locked. What runs at
every submit is SQL by hand: building those queries cost more time than running them.
"""

import hashlib
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from config.faults import Fault
from curation.actions.accepting import RETURN_DAYS
from curation.actions.slots import look_again
from curation.models import Annotation, Example, Guideline, Slot, Task, TaskMember, User
from curation.rows import columns, made, width

AHEAD_MINUTES = 5  # how long an example that is only fetched in advance stays reserved
FROM_THE_START = (float("-inf"), 0)

CLAIM = f"""
WITH picked AS (
  SELECT s.id FROM curation_slot s
  WHERE s.task_id = %(task)s AND s.state = 'free' AND (s."order", s.id) > (%(order)s, %(slot)s)
    AND NOT EXISTS (
      SELECT 1 FROM curation_annotation a WHERE a.example_id = s.example_id AND a.annotator_id = %(user)s)
  ORDER BY s."order", s.id LIMIT 1 FOR UPDATE OF s SKIP LOCKED
), claimed AS (
  UPDATE curation_slot s SET state = 'claimed', annotator_id = %(user)s, expires_at = now() + %(lasts)s
  FROM picked WHERE s.id = picked.id RETURNING s.id, s.example_id, s."order", s.expires_at
), moved AS (
  UPDATE curation_taskmember m SET cursor_order = claimed."order", cursor_slot = claimed.id
  FROM claimed WHERE m.id = %(place)s
), a AS (
  INSERT INTO curation_annotation
    (task_id, example_id, annotator_id, state, version, answer, revision, guidelines, suggested, unchanged, note, reason,
     feedback, seconds, submit_key, started_at)
  SELECT %(task)s, e.id, %(user)s, 'draft', 1, '{{}}', e.revision, %(guidelines)s, e.suggestion, false, '', '', '', 0, '', now()
  FROM claimed JOIN curation_example e ON e.id = claimed.example_id
  RETURNING *
)
SELECT {columns(Annotation, "a")}, {columns(Example, "e")}, claimed.expires_at, claimed."order", claimed.id
FROM a JOIN curation_example e ON e.id = a.example_id, claimed
"""  # noqa: S608

# Returned work first, then what was begun, oldest first. Drafts of examples that others finished are left out: a saved
# draft whose claim ran out counts while its example still has a free slot.
OPEN = f"""
SELECT {columns(Annotation, "a")}, {columns(Example, "e")}
FROM curation_annotation a JOIN curation_example e ON e.id = a.example_id AND e.deleted_at IS NULL
WHERE a.task_id = %(task)s AND a.annotator_id = %(user)s AND a.state IN ('draft', 'returned') AND (
  a.state = 'returned'
  OR EXISTS (SELECT 1 FROM curation_slot s WHERE s.example_id = a.example_id AND s.annotator_id = %(user)s)
  OR (a.saved_at IS NOT NULL
      AND EXISTS (SELECT 1 FROM curation_slot s WHERE s.example_id = a.example_id AND s.state = 'free')))
ORDER BY a.state DESC, a.started_at, a.id LIMIT %(most)s
"""  # noqa: S608
PLACE = f"""
SELECT {columns(TaskMember, "m")} FROM curation_taskmember m WHERE m.task_id = %s AND m.user_id = %s FOR NO KEY UPDATE
"""  # noqa: S608


def place_of(task: Task, user: User) -> TaskMember:
    """The person's row on this task, locked: two windows of one person take turns here."""
    place = _place(task, user)
    if place is None:
        TaskMember.objects.bulk_create([TaskMember(task=task, user=user)], ignore_conflicts=True)
        place = _place(task, user)
    if place is None:
        raise LookupError(f"task {task.pk} or user {user.pk} was deleted")
    return place


def _place(task: Task, user: User) -> TaskMember | None:
    with connection.cursor() as cursor:
        cursor.execute(PLACE, [task.pk, user.pk])
        row = cursor.fetchone()
    return made(TaskMember, row) if row else None


def admit(task: Task, place: TaskMember) -> None:
    """Raises `Fault` queue.paused or queue.not_assigned."""
    if task.paused:
        raise Fault("queue.paused", task=task.name)
    if task.assigned_only and not place.assigned:
        raise Fault("queue.not_assigned", task=task.name)


def open_of(task: Task, user: User, most: int = 3) -> list[Annotation]:
    """What the person has open, what was returned to her first."""
    with connection.cursor() as cursor:
        cursor.execute(OPEN, {"task": task.pk, "user": user.pk, "most": most})
        return [_annotation(task, row) for row in cursor.fetchall()]


def _annotation(task: Task, row: Any) -> Annotation:
    cut = width(Annotation)
    found = made(Annotation, row[:cut])
    found.task = task
    found.example = made(Example, row[cut : cut + width(Example)])
    found.example.task = task
    return found


def with_claim(task: Task, user: User, annotation: Annotation, minutes: int | None = None) -> Annotation:
    """Make sure that the person holds the slot of what she has open; a claim that she holds is prolonged.

    Sets `annotation.held_until`; None: all places are taken.
    """
    lasts = timedelta(minutes=minutes or task.claim_minutes)
    if annotation.state == Annotation.State.RETURNED:
        lasts = timedelta(days=RETURN_DAYS)
    until = prolong(annotation, user, lasts)
    if until is None and take_free_slot(annotation, "claimed", lasts):
        until = timezone.now() + lasts
    annotation.held_until = until  # type: ignore[attr-defined]
    return annotation


def prolong(annotation: Annotation, user: User, lasts: timedelta) -> Any:
    """The new end of the claim; None: the person holds none."""
    values: list[Any] = [lasts, annotation.example_id, user.pk]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE curation_slot SET expires_at = greatest(expires_at, now() + %s) "
            "WHERE example_id = %s AND annotator_id = %s AND state = 'claimed' RETURNING expires_at",
            values,
        )
        row = cursor.fetchone()
    return row[0] if row else None


def claim(task: Task, user: User, place: TaskMember, lasts: timedelta) -> Annotation | None:
    """The first free slot of an example that the person never had.

    The place where her last claim was found spares her the slots before it, all of examples that she had. It is only a
    short cut: before the queue counts as empty for her, it is searched from the start, expired claims included.
    """
    start = (place.cursor_order, place.cursor_slot)
    if start[0] is not None and (found := _claim_after(task, user, place, lasts, start)):
        return found
    found = _claim_after(task, user, place, lasts, FROM_THE_START)
    if found is None and free_expired(task_id=task.pk):
        found = _claim_after(task, user, place, lasts, FROM_THE_START)
    return found


def _claim_after(
    task: Task, user: User, place: TaskMember, lasts: timedelta, start: tuple[float | None, int | None]
) -> Annotation | None:
    values: dict[str, Any] = {
        "task": task.pk, "user": user.pk, "place": place.pk, "order": start[0], "slot": start[1], "lasts": lasts,
        "guidelines": latest_guidelines(task),
    }  # fmt: skip
    while True:
        with connection.cursor() as cursor:
            cursor.execute(CLAIM, values)
            row = cursor.fetchone()
        if row is None:
            return None
        found = _annotation(task, row)
        found.held_until, place.cursor_order, place.cursor_slot = row[-3:]  # type: ignore[attr-defined]
        if found.example.deleted_at is None and found.example.state in ("open", "submitted"):
            return found
        # A place that was given back after its example was decided or deleted: nobody is asked again.
        Slot.objects.filter(pk=row[-1]).delete()
        Annotation.objects.filter(pk=found.pk).delete()


def latest_guidelines(task: Task) -> int:
    if not hasattr(task, "latest_guidelines"):
        task.latest_guidelines = Guideline.objects.filter(task=task).aggregate(n=Max("number"))["n"] or 0  # type: ignore[attr-defined]
    return task.latest_guidelines  # type: ignore[attr-defined]


# --- gold ---


def gold_due(task: Task, place: TaskMember) -> bool:
    """About one in `gold_every`, at places that a person cannot guess."""
    if not task.gold_every or not place.submitted:
        return False
    seed = f"{task.pk}:{place.user_id}:{place.submitted - place.since_gold}".encode()
    jitter = int.from_bytes(hashlib.blake2b(seed, digest_size=4).digest()) % task.gold_every
    return place.since_gold >= (task.gold_every + 1) // 2 + jitter


def claim_gold(task: Task, user: User, place: TaskMember) -> Annotation | None:
    """A gold example that this person has not had, in an order of her own."""
    unseen = Example.objects.alive().filter(task=task, gold__isnull=False).exclude(annotations__annotator=user)
    ids = list(unseen.values_list("pk", flat=True)[:2_000])
    TaskMember.objects.filter(pk=place.pk).update(since_gold=0)
    if not ids:
        return None
    chosen = min(ids, key=lambda pk: hashlib.blake2b(f"{user.pk}:{pk}".encode(), digest_size=8).digest())
    example = Example.objects.get(pk=chosen)
    slot = Slot.objects.create(
        example=example, task=task, number=-user.pk, state=Slot.State.CLAIMED, gold=True, annotator=user,
        expires_at=timezone.now() + timedelta(minutes=task.claim_minutes),
    )  # fmt: skip
    found = Annotation.objects.create(
        task=task, example=example, annotator=user, revision=example.revision, guidelines=latest_guidelines(task),
        suggested=example.suggestion,
    )  # fmt: skip
    found.held_until = slot.expires_at  # type: ignore[attr-defined]
    return found


# --- giving back ---


def take_free_slot(annotation: Annotation, state: str, lasts: timedelta | None) -> bool:
    """Take a slot of this example that is free, if one is. False: all are taken, or the example is decided."""
    values: list[Any] = [state, annotation.annotator_id, lasts, annotation.example_id]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE curation_slot SET state = %s, annotator_id = %s, expires_at = now() + %s WHERE id = (
              SELECT s.id FROM curation_slot s JOIN curation_example e ON e.id = s.example_id
              WHERE s.example_id = %s AND s.state = 'free' AND e.deleted_at IS NULL AND e.state IN ('open', 'submitted')
              ORDER BY s.number LIMIT 1 FOR UPDATE OF s SKIP LOCKED)
            """,
            values,
        )
        return bool(cursor.rowcount)


def give_back(annotation: Annotation) -> None:
    """The person's slot of this example is free for others; a gold one, made for her, goes."""
    slots = Slot.objects.filter(example_id=annotation.example_id, annotator_id=annotation.annotator_id)
    slots.filter(gold=True).delete()
    orders = list(slots.values_list("order", flat=True))
    slots.update(state="free", annotator=None, expires_at=None)
    if orders:
        look_again([annotation.task_id], min(orders))


@transaction.atomic
def free_expired(*, task_id: int | None = None) -> int:
    """Free the slots whose claims ran out; returns how many. Drafts with work in them are kept for their authors."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH gone AS (
              SELECT id, example_id, annotator_id, task_id, "order", gold FROM curation_slot
              WHERE state = 'claimed' AND expires_at < now() AND (%(task)s::bigint IS NULL OR task_id = %(task)s)
              FOR UPDATE SKIP LOCKED
            ), gold AS (
              DELETE FROM curation_slot s USING gone WHERE s.id = gone.id AND gone.gold
            ), freed AS (
              UPDATE curation_slot s SET state = 'free', annotator_id = NULL, expires_at = NULL
              FROM gone WHERE s.id = gone.id AND NOT gone.gold
            ), empty AS (
              DELETE FROM curation_annotation a USING gone WHERE a.example_id = gone.example_id
                AND a.annotator_id = gone.annotator_id AND a.state = 'draft' AND a.saved_at IS NULL
            )
            SELECT task_id, min("order"), count(*) FROM gone GROUP BY task_id
            """,
            {"task": task_id},
        )
        rows = cursor.fetchall()
    for task, order, _ in rows:
        look_again([task], order)
    return sum(count for _, _, count in rows)
