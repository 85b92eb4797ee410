"""The queue: who gets which example, and what becomes of the answer.

The promise: an example is never handed out more often than asked, and no finished work is lost. It is kept by rows and
not by care. Each wanted answer is a `Slot`; a claim takes one free slot with SKIP LOCKED in the statement that also
makes the annotation; one person has at most one annotation of an example (unique in the database).

Locks are taken in this order: TaskMember, Example, Annotation, Slot.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Exists, F, Max, OuterRef, Q
from django.utils import timezone

from config.faults import Fault
from curation.actions.accepting import RETURN_DAYS, settle
from curation.actions.slots import free_slots_gone, make_slots, rearrange
from curation.models import Annotation, Example, ExampleEvent, Guideline, Slot, Task, TaskMember, User

__all__ = [
    "Submitted", "ahead", "free_expired", "free_slots_gone", "make_slots", "next_item", "rearrange", "release",
    "resume", "save_draft", "skip", "submit", "unskip",
]  # fmt: skip

AHEAD_MINUTES = 5  # how long an example that is only fetched in advance stays reserved

CLAIM = """
WITH picked AS (
  SELECT s.id FROM curation_slot s
  WHERE s.task_id = %(task)s AND s.state = 'free' AND (s."order", s.id) > (%(order)s, %(slot)s)
    AND NOT EXISTS (
      SELECT 1 FROM curation_annotation a WHERE a.example_id = s.example_id AND a.annotator_id = %(user)s)
  ORDER BY s."order", s.id LIMIT 1 FOR UPDATE OF s SKIP LOCKED
), claimed AS (
  UPDATE curation_slot s SET state = 'claimed', annotator_id = %(user)s, expires_at = now() + %(lasts)s
  FROM picked WHERE s.id = picked.id RETURNING s.id, s.example_id, s."order"
), made AS (
  INSERT INTO curation_annotation
    (task_id, example_id, annotator_id, state, version, answer, revision, guidelines, suggested, unchanged, note, reason,
     feedback, seconds, submit_key, started_at)
  SELECT %(task)s, e.id, %(user)s, 'draft', 1, '{}', e.revision, %(guidelines)s, e.suggestion, false, '', '', '', 0, '', now()
  FROM claimed JOIN curation_example e ON e.id = claimed.example_id
  RETURNING id
)
SELECT made.id, claimed.id, claimed."order" FROM made, claimed
"""
FROM_THE_START = (float("-inf"), 0)


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of an answer. `late`: its place was taken meanwhile; it is kept, a reviewer may still take it."""

    annotation: Annotation
    late: bool = False
    repeated: bool = False


# --- handing out ---


@transaction.atomic
def next_item(*, task: Task, user: User) -> Annotation | None:
    """What this person works on next, claimed for her: returned work, then what she has open, then something new.

    None: nothing is left for her now. Raises `Fault` queue.paused or queue.not_assigned.
    """
    place = _place(task, user)
    mine = _open_of(task, user)
    if mine:
        return _with_claim(task, user, mine[0])
    _admit(task, place)
    found = _gold(task, user, place) if _gold_due(task, place) else None
    return found or _claim(task, user, place, timedelta(minutes=task.claim_minutes))


@transaction.atomic
def ahead(*, task: Task, user: User, besides: Annotation) -> Annotation | None:
    """What will most likely come next, reserved for a few minutes so that it can be shown at once."""
    place = _place(task, user)
    others = [one for one in _open_of(task, user) if one.pk != besides.pk]
    if others:
        return _with_claim(task, user, others[0], AHEAD_MINUTES)
    if task.paused or _gold_due(task, place) or (task.assigned_only and not place.assigned):
        return None
    return _claim(task, user, place, timedelta(minutes=min(AHEAD_MINUTES, task.claim_minutes)))


def _place(task: Task, user: User) -> TaskMember:
    """The person's row on this task, locked: two windows of one person take turns here."""
    rows = TaskMember.objects.select_for_update(no_key=True).filter(task=task, user=user)
    place = rows.first()
    if place is None:
        TaskMember.objects.bulk_create([TaskMember(task=task, user=user)], ignore_conflicts=True)
        place = rows.get()
    return place


def _admit(task: Task, place: TaskMember) -> None:
    if task.paused:
        raise Fault("queue.paused", task=task.name)
    if task.assigned_only and not place.assigned:
        raise Fault("queue.not_assigned", task=task.name)


def _open_of(task: Task, user: User) -> list[Annotation]:
    """Her returned work first, then what she began, oldest first; without drafts of examples that others finished."""
    slots = Slot.objects.filter(example=OuterRef("example"))
    return list(
        Annotation.objects.filter(
            # A saved draft whose claim ran out counts while its example still has a free slot.
            Q(state="returned")
            | Exists(slots.filter(annotator=user))
            | Q(Exists(slots.filter(state="free")), saved_at__isnull=False),
            task=task, annotator=user, state__in=["returned", "draft"], example__deleted_at=None,
        )
        .select_related("example")
        .order_by("-state", "started_at", "pk")[:3]  # "returned" before "draft"
    )  # fmt: skip


def _with_claim(task: Task, user: User, annotation: Annotation, minutes: int | None = None) -> Annotation:
    """Make sure that the person holds the slot of what she has open; a claim that she holds is prolonged."""
    lasts = timedelta(minutes=minutes or task.claim_minutes)
    if annotation.state == Annotation.State.RETURNED:
        lasts = timedelta(days=RETURN_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE curation_slot SET expires_at = greatest(expires_at, now() + %s) "
            "WHERE example_id = %s AND annotator_id = %s AND state = 'claimed'",
            [lasts, annotation.example_id, user.pk],
        )
        if not cursor.rowcount:
            _take_free_slot(annotation, "claimed", lasts)
    return annotation


def _claim(task: Task, user: User, place: TaskMember, lasts: timedelta) -> Annotation | None:
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
    values = {
        "task": task.pk, "user": user.pk, "order": start[0], "slot": start[1], "lasts": lasts,
        "guidelines": latest_guidelines(task),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, values)
        row = cursor.fetchone()
        if row is None:
            return None
        cursor.execute(
            "UPDATE curation_taskmember SET cursor_order = %s, cursor_slot = %s WHERE id = %s",
            [row[2], row[1], place.pk],
        )
    return Annotation.objects.select_related("example").get(pk=row[0])


def latest_guidelines(task: Task) -> int:
    if not hasattr(task, "latest_guidelines"):
        task.latest_guidelines = Guideline.objects.filter(task=task).aggregate(n=Max("number"))["n"] or 0  # type: ignore[attr-defined]
    return task.latest_guidelines  # type: ignore[attr-defined]


# --- gold ---


def _gold_due(task: Task, place: TaskMember) -> bool:
    """About one in `gold_every`, at places that a person cannot guess."""
    if not task.gold_every or not place.submitted:
        return False
    seed = f"{task.pk}:{place.user_id}:{place.submitted - place.since_gold}".encode()
    jitter = int.from_bytes(hashlib.blake2b(seed, digest_size=4).digest()) % task.gold_every
    return place.since_gold >= (task.gold_every + 1) // 2 + jitter


def _gold(task: Task, user: User, place: TaskMember) -> Annotation | None:
    """A gold example that this person has not had, in an order of her own."""
    unseen = Example.objects.alive().filter(task=task, gold__isnull=False).exclude(annotations__annotator=user)
    ids = list(unseen.values_list("pk", flat=True)[:2_000])
    TaskMember.objects.filter(pk=place.pk).update(since_gold=0)
    if not ids:
        return None
    chosen = min(ids, key=lambda pk: hashlib.blake2b(f"{user.pk}:{pk}".encode(), digest_size=8).digest())
    example = Example.objects.get(pk=chosen)
    Slot.objects.create(
        example=example, task=task, number=-user.pk, state=Slot.State.CLAIMED, gold=True, annotator=user,
        expires_at=timezone.now() + timedelta(minutes=task.claim_minutes),
    )  # fmt: skip
    return Annotation.objects.create(
        task=task, example=example, annotator=user, revision=example.revision, guidelines=latest_guidelines(task),
        suggested=example.suggestion,
    )  # fmt: skip


# --- answers ---


@transaction.atomic
def save_draft(
    *, annotation: Annotation, by: User, version: int, answer: dict[str, Any], note: str = "", seconds: float = 0.0
) -> Annotation:
    """Keep unfinished work and prolong the claim. Raises `Fault` annotation.stale or annotation.closed."""
    changed = Annotation.objects.filter(pk=annotation.pk, version=version, state__in=["draft", "returned"]).update(
        answer=answer, note=note, seconds=F("seconds") + seconds, version=F("version") + 1, saved_at=timezone.now()
    )
    if not changed:
        _refuse(annotation)
    _prolong(annotation, by)
    annotation.refresh_from_db(fields=["answer", "note", "version", "saved_at", "seconds"])
    return annotation


def _prolong(annotation: Annotation, by: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE curation_slot SET expires_at = greatest(expires_at, now() + %s) "
            "WHERE example_id = %s AND annotator_id = %s AND state = 'claimed'",
            [timedelta(minutes=annotation.task.claim_minutes), annotation.example_id, by.pk],
        )


@transaction.atomic
def submit(
    *, annotation: Annotation, by: User, version: int, answer: dict[str, Any], note: str = "", seconds: float = 0.0,
    submit_key: str = "",
) -> Submitted:  # fmt: skip
    """Take an answer that has been checked (`curation.answers.check`).

    A second submit with the same `submit_key` changes nothing and gets the same result: a client whose connection broke
    may send it again. Raises `Fault` annotation.stale or annotation.closed; then nothing has changed.
    """
    place = _place(annotation.task, by)
    example = Example.objects.select_for_update(no_key=True).get(pk=annotation.example_id)
    now = timezone.now()
    unchanged = bool(annotation.suggested) and _same(annotation.task, annotation.suggested, answer)
    changed = Annotation.objects.filter(
        pk=annotation.pk, annotator=by, version=version, state__in=["draft", "returned"]
    ).update(
        state=Annotation.State.SUBMITTED, answer=answer, note=note, seconds=F("seconds") + seconds, submit_key=submit_key,
        version=F("version") + 1, submitted_at=now, saved_at=now, unchanged=unchanged,
    )  # fmt: skip
    if not changed:
        fresh = Annotation.objects.get(pk=annotation.pk)
        if submit_key and fresh.submit_key == submit_key and fresh.state not in ("draft", "returned"):
            return Submitted(fresh, fresh.state == Annotation.State.LATE, repeated=True)
        _refuse(annotation)
    kept = Slot.objects.filter(example=example, annotator=by, state="claimed").update(state="done", expires_at=None)
    if example.state in ("accepted", "rejected") or example.deleted_at is not None:
        kept = kept and Slot.objects.filter(example=example, annotator=by, gold=True).count()
    late = not kept and not _take_free_slot(annotation, "done", None)
    _count(place, annotation.task, now)
    if late:
        Slot.objects.filter(example=example, annotator=by).delete()
        Annotation.objects.filter(pk=annotation.pk).update(state=Annotation.State.LATE)
    _event("late" if late else "submitted", annotation, by, answer=answer, version=version + 1)
    annotation = Annotation.objects.select_related("task", "example").get(pk=annotation.pk)
    if not late:
        _counted(annotation, example)
    return Submitted(annotation, late)


def _counted(annotation: Annotation, example: Example) -> None:
    """An answer that counts: it measures its author (gold), or brings the example nearer to its wanted number."""
    if Slot.objects.filter(example=example, annotator_id=annotation.annotator_id, gold=True).exists():
        from curation import answers

        score = answers.likeness(answers.load_form(annotation.task.form), example.gold or {}, annotation.answer)
        Annotation.objects.filter(pk=annotation.pk).update(gold_score=score)
        TaskMember.objects.filter(task_id=annotation.task_id, user_id=annotation.annotator_id).update(since_gold=0)
        return
    done = Slot.objects.filter(example=example, state="done", gold=False).count()
    full = done >= example.wanted
    Example.objects.filter(pk=example.pk).update(
        done=done, changed_at=timezone.now(), state=Example.State.SUBMITTED if full else Example.State.OPEN
    )
    if full:
        example.refresh_from_db()
        example.task = annotation.task
        settle(example)


def _take_free_slot(annotation: Annotation, state: str, lasts: timedelta | None) -> bool:
    """Take a slot of this example that is free, if one is. False: all are taken, or the example is decided."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE curation_slot SET state = %s, annotator_id = %s, expires_at = now() + %s WHERE id = (
              SELECT s.id FROM curation_slot s JOIN curation_example e ON e.id = s.example_id
              WHERE s.example_id = %s AND s.state = 'free' AND e.deleted_at IS NULL AND e.state IN ('open', 'submitted')
              ORDER BY s.number LIMIT 1 FOR UPDATE OF s SKIP LOCKED)
            """,
            [state, annotation.annotator_id, lasts, annotation.example_id],
        )
        return bool(cursor.rowcount)


def _same(task: Task, suggested: dict[str, Any] | None, answer: dict[str, Any]) -> bool:
    from curation import answers

    return answers.same(answers.load_form(task.form), (suggested or {}).get("answer") or {}, answer)


def _count(place: TaskMember, task: Task, now: Any) -> None:
    """Her answers of the day, by the calendar of the team's time zone."""
    today = now.astimezone(ZoneInfo(task.team.time_zone)).date()
    count = F("today") + 1 if place.day == today else 1
    TaskMember.objects.filter(pk=place.pk).update(
        day=today, today=count, submitted=F("submitted") + 1, since_gold=F("since_gold") + 1
    )


def _refuse(annotation: Annotation) -> None:
    fresh = Annotation.objects.get(pk=annotation.pk)
    if fresh.state in ("draft", "returned"):
        raise Fault("annotation.stale")
    raise Fault("annotation.closed", state=fresh.get_state_display().lower())


def _event(kind: str, annotation: Annotation, by: User | None, **facts: Any) -> None:
    ExampleEvent.objects.create(
        example_id=annotation.example_id, task_id=annotation.task_id, actor_id=by.pk if by else None, kind=kind,
        annotation_id=annotation.pk, facts=facts,
    )  # fmt: skip


@transaction.atomic
def skip(*, annotation: Annotation, by: User, reason: str = "", version: int | None = None) -> None:
    """Give an example to others; this person never gets it again. Raises `Fault` annotation.closed."""
    _place(annotation.task, by)
    Example.objects.select_for_update(no_key=True).get(pk=annotation.example_id)
    changed = Annotation.objects.filter(pk=annotation.pk, annotator=by, state__in=["draft", "returned"]).update(
        state=Annotation.State.SKIPPED, reason=reason, version=F("version") + 1, submitted_at=timezone.now()
    )
    if not changed:
        _refuse(annotation)
    _give_back(annotation)
    _event("skipped", annotation, by, reason=reason)


@transaction.atomic
def unskip(*, annotation: Annotation, by: User) -> Annotation:
    """Take a skip back, if a slot is still free. Raises `Fault` annotation.closed."""
    _place(annotation.task, by)
    Example.objects.select_for_update(no_key=True).get(pk=annotation.example_id)
    lasts = timedelta(minutes=annotation.task.claim_minutes)
    mine = Annotation.objects.filter(pk=annotation.pk, annotator=by, state="skipped")
    if not mine.exists() or not _take_free_slot(annotation, "claimed", lasts):
        raise Fault("annotation.closed", state="finished by others")
    mine.update(state=Annotation.State.DRAFT, version=F("version") + 1, submitted_at=None, saved_at=timezone.now())
    _event("unskipped", annotation, by)
    annotation.refresh_from_db()
    return annotation


@transaction.atomic
def resume(*, annotation: Annotation, by: User) -> None:
    """She opens her unfinished work again: her place is kept for her, or a free one taken if there is one."""
    _place(annotation.task, by)
    _with_claim(annotation.task, by, annotation)


@transaction.atomic
def release(*, annotation: Annotation, by: User) -> None:
    """Give an unfinished example back without a word. What was written stays as a draft; nothing written, no trace."""
    _place(annotation.task, by)
    _give_back(annotation)
    Annotation.objects.filter(pk=annotation.pk, annotator=by, state="draft", saved_at=None).delete()


def _give_back(annotation: Annotation) -> None:
    slots = Slot.objects.filter(example_id=annotation.example_id, annotator_id=annotation.annotator_id)
    slots.filter(gold=True).delete()
    orders = list(slots.values_list("order", flat=True))
    slots.update(state="free", annotator=None, expires_at=None)
    if orders:
        _search_again(annotation.task_id, min(orders))


# --- claims that ran out ---


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
        _search_again(task, order)
    return sum(count for _, _, count in rows)


def _search_again(task_id: int, order: float) -> None:
    """A slot at `order` is free again: who is past it must look there once more."""
    TaskMember.objects.filter(task_id=task_id, cursor_order__gte=order).update(cursor_order=None, cursor_slot=None)
