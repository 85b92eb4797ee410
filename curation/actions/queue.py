"""The queue: who gets which example, and what becomes of the answer.

The promise: an example is never handed out more often than asked, and no finished work is lost. It is kept by rows and
not by care. Each wanted answer is a `Slot`; a claim takes one free slot with SKIP LOCKED in the statement that also
makes the annotation; one person has at most one annotation of an example (unique in the database).

Locks are taken in this order: TaskMember, Example, Annotation, Slot.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from config.faults import Fault
from curation.actions import claims
from curation.actions.accepting import settle
from curation.actions.claims import AHEAD_MINUTES, free_expired, latest_guidelines
from curation.actions.slots import free_slots_gone, make_slots, rearrange
from curation.models import Annotation, Example, ExampleEvent, Slot, Task, TaskMember, User
from curation.rows import columns, made

__all__ = [
    "Submitted", "Turn", "ahead", "free_expired", "free_slots_gone", "latest_guidelines", "make_slots", "next_item",
    "rearrange", "release", "resume", "save_draft", "several", "skip", "skip_and_next", "submit", "submit_and_next", "unskip",
]  # fmt: skip

LOCK = f"""
SELECT {columns(Example, "e")} FROM curation_example e WHERE e.id = %s FOR NO KEY UPDATE
"""  # noqa: S608
WRITE = f"""
UPDATE curation_annotation a SET state = 'submitted', answer = %(answer)s, note = %(note)s, seconds = seconds + %(seconds)s,
  submit_key = %(key)s, version = version + 1, submitted_at = %(now)s, saved_at = %(now)s, unchanged = %(unchanged)s
WHERE id = %(id)s AND annotator_id = %(by)s AND version = %(version)s AND state IN ('draft', 'returned')
RETURNING {columns(Annotation, "a")}
"""  # noqa: S608
RECORD = """
WITH counted AS (
  UPDATE curation_taskmember SET today = CASE WHEN day = %(today)s THEN today + 1 ELSE 1 END, day = %(today)s,
    submitted = submitted + 1, since_gold = since_gold + 1 WHERE id = %(place)s
)
INSERT INTO curation_exampleevent (example_id, task_id, actor_id, at, kind, annotation_id, facts)
VALUES (%(example)s, %(task)s, %(by)s, %(now)s, %(kind)s, %(annotation)s, %(facts)s)
"""
COUNT_EXAMPLE = """
UPDATE curation_example e SET done = c.n, changed_at = %(now)s,
  state = CASE WHEN c.n >= e.wanted THEN 'submitted' ELSE 'open' END
FROM (SELECT count(*) AS n FROM curation_slot WHERE example_id = %(example)s AND state = 'done' AND NOT gold) c
WHERE e.id = %(example)s RETURNING e.done, e.state
"""


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of an answer. `late`: its place was taken meanwhile; it is kept, a reviewer may still take it."""

    annotation: Annotation
    late: bool = False
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """What became of the answer, and what comes next for its author. `closed`: the fault that shut the queue to her."""

    submitted: Submitted | None
    following: Annotation | None
    closed: Fault | None = None


# --- handing out ---


@transaction.atomic
def next_item(*, task: Task, user: User) -> Annotation | None:
    """What this person works on next, claimed for her: returned work, then what she has open, then something new.

    None: nothing is left for her now. Raises `Fault` queue.paused or queue.not_assigned.
    The annotation carries `held_until`, the end of her claim, and `place`, her row on the task.
    """
    return _next(task, user, claims.place_of(task, user))


def _next(task: Task, user: User, place: TaskMember) -> Annotation | None:
    mine = claims.open_of(task, user, 1)
    if mine:
        found: Annotation | None = claims.with_claim(task, user, mine[0])
    else:
        claims.admit(task, place)
        found = claims.claim_gold(task, user, place) if claims.gold_due(task, place) else None
        found = found or claims.claim(task, user, place, timedelta(minutes=task.claim_minutes))
    if found is not None:
        found.place = place  # type: ignore[attr-defined]
    return found


@transaction.atomic
def ahead(*, task: Task, user: User, besides: Annotation) -> Annotation | None:
    """What will most likely come next, reserved for a few minutes so that it can be shown at once."""
    place = claims.place_of(task, user)
    others = [one for one in claims.open_of(task, user) if one.pk != besides.pk]
    if others:
        found: Annotation | None = claims.with_claim(task, user, others[0], AHEAD_MINUTES)
    elif task.paused or claims.gold_due(task, place) or (task.assigned_only and not place.assigned):
        return None
    else:
        found = claims.claim(task, user, place, timedelta(minutes=min(AHEAD_MINUTES, task.claim_minutes)))
    if found is not None:
        found.place = place  # type: ignore[attr-defined]
    return found


@transaction.atomic
def several(*, task: Task, user: User, count: int) -> list[Annotation]:
    """Up to `count` items at once, claimed for her: what she has open, then new ones; gold comes in its turn.

    Raises `Fault` queue.paused or queue.not_assigned where she has nothing open.
    """
    place = claims.place_of(task, user)
    found = [claims.with_claim(task, user, one) for one in claims.open_of(task, user, count)]
    if not found:
        claims.admit(task, place)
    if task.paused or (task.assigned_only and not place.assigned):
        return found
    if len(found) < count and claims.gold_due(task, place) and (gold := claims.claim_gold(task, user, place)):
        found.append(gold)
    while len(found) < count and (one := claims.claim(task, user, place, timedelta(minutes=task.claim_minutes))):
        found.append(one)
    return found


# --- answers ---


@transaction.atomic
def save_draft(
    *, annotation: Annotation, by: User, version: int, answer: dict[str, Any], note: str = "", seconds: float = 0.0
) -> Annotation:
    """Keep unfinished work and prolong the claim. Raises `Fault` annotation.stale or annotation.closed."""
    changed = Annotation.objects.filter(
        pk=annotation.pk, annotator=by, version=version, state__in=["draft", "returned"]
    ).update(
        answer=answer, note=note, seconds=F("seconds") + seconds, version=F("version") + 1, saved_at=timezone.now()
    )  # fmt: skip
    if not changed:
        _refuse(annotation)
    lasts = timedelta(minutes=annotation.task.claim_minutes)
    annotation.held_until = claims.prolong(annotation, by, lasts)  # type: ignore[attr-defined]
    annotation.refresh_from_db(fields=["answer", "note", "version", "saved_at", "seconds"])
    return annotation


@transaction.atomic
def submit(
    *, annotation: Annotation, by: User, version: int, answer: dict[str, Any], note: str = "", seconds: float = 0.0,
    submit_key: str = "",
) -> Submitted:  # fmt: skip
    """Take an answer that has been checked (`curation.answers.check`).

    A second submit with the same `submit_key` changes nothing and gets the same result: a client whose connection broke
    may send it again. Raises `Fault` annotation.stale or annotation.closed; then nothing has changed.
    """
    place = claims.place_of(annotation.task, by)
    return _submit(
        place,
        annotation=annotation,
        by=by,
        version=version,
        answer=answer,
        note=note,
        seconds=seconds,
        submit_key=submit_key,
    )


@transaction.atomic
def submit_and_next(
    *, annotation: Annotation, by: User, version: int, answer: dict[str, Any], note: str = "", seconds: float = 0.0,
    submit_key: str = "",
) -> Turn:  # fmt: skip
    """`submit`, then `next_item`, in one commit. A queue that is shut to her keeps the answer. Raises as `submit` does."""
    place = claims.place_of(annotation.task, by)
    done = _submit(
        place,
        annotation=annotation,
        by=by,
        version=version,
        answer=answer,
        note=note,
        seconds=seconds,
        submit_key=submit_key,
    )
    return _following(done, annotation.task, by, place)


def _following(done: Submitted | None, task: Task, user: User, place: TaskMember) -> Turn:
    try:
        return Turn(done, _next(task, user, place))
    except Fault as fault:
        return Turn(done, None, fault)


def _submit(
    place: TaskMember, *, annotation: Annotation, by: User, version: int, answer: dict[str, Any], note: str, seconds: float,
    submit_key: str,
) -> Submitted:  # fmt: skip
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [annotation.example_id])
        example = made(Example, cursor.fetchone())
        values: dict[str, Any] = {
            "answer": json.dumps(answer), "note": note, "seconds": seconds, "key": submit_key, "now": now,
            "unchanged": bool(annotation.suggested) and _same(annotation.task, annotation.suggested, answer),
            "id": annotation.pk, "by": by.pk, "version": version,
        }  # fmt: skip
        cursor.execute(WRITE, values)
        row = cursor.fetchone()
        if row is None:
            return _repeated(annotation, submit_key)
        written = made(Annotation, row)
        written.task = example.task = annotation.task
        written.example = example
        cursor.execute(
            "UPDATE curation_slot SET state = 'done', expires_at = NULL "
            "WHERE example_id = %s AND annotator_id = %s AND state = 'claimed' RETURNING gold",
            [example.pk, by.pk],
        )
        slot = cursor.fetchone()
    gold = slot is not None and slot[0]
    decided = example.state in ("accepted", "rejected") or example.deleted_at is not None
    late = not gold and (slot is None or decided) and not claims.take_free_slot(written, "done", None)
    if late:
        Slot.objects.filter(example=example, annotator=by).delete()
        Annotation.objects.filter(pk=written.pk).update(state=Annotation.State.LATE)
        written.state = Annotation.State.LATE
    _record("late" if late else "submitted", place, written, now)
    if gold:
        _measure(place, written, example)
    elif not late:
        _counted(written, example, now)
    return Submitted(written, late)


def _repeated(annotation: Annotation, submit_key: str) -> Submitted:
    fresh = Annotation.objects.select_related("task", "example").get(pk=annotation.pk)
    if submit_key and fresh.submit_key == submit_key and fresh.state not in ("draft", "returned"):
        return Submitted(fresh, fresh.state == Annotation.State.LATE, repeated=True)
    return _refuse(annotation)


def _measure(place: TaskMember, annotation: Annotation, example: Example) -> None:
    """A gold example measures its author."""
    from curation import answers

    score = answers.likeness(answers.load_form(annotation.task.form), example.gold or {}, annotation.answer)
    Annotation.objects.filter(pk=annotation.pk).update(gold_score=score)
    annotation.gold_score = score
    TaskMember.objects.filter(pk=place.pk).update(since_gold=0)
    place.since_gold = 0


def _counted(annotation: Annotation, example: Example, now: datetime) -> None:
    """An answer that counts brings the example nearer to its wanted number; the last one settles it."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT_EXAMPLE, {"example": example.pk, "now": now})
        example.done, example.state = cursor.fetchone()
    example.changed_at = now
    if example.state == Example.State.SUBMITTED and settle(example):
        annotation.refresh_from_db(fields=["state"])


def _same(task: Task, suggested: dict[str, Any] | None, answer: dict[str, Any]) -> bool:
    from curation import answers

    return answers.same(answers.load_form(task.form), (suggested or {}).get("answer") or {}, answer)


def _record(kind: str, place: TaskMember, annotation: Annotation, now: datetime) -> None:
    """Her answers of the day, by the calendar of the team's time zone, and what happened to the example.

    `place` is locked, so the instance is kept in step with its row.
    """
    today = now.astimezone(ZoneInfo(annotation.task.team.time_zone)).date()
    values: dict[str, Any] = {
        "today": today, "place": place.pk, "example": annotation.example_id, "task": annotation.task_id,
        "by": annotation.annotator_id, "now": now, "kind": kind, "annotation": annotation.pk,
        "facts": json.dumps({"answer": annotation.answer, "version": annotation.version}),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(RECORD, values)
    place.today, place.day = (place.today + 1 if place.day == today else 1), today
    place.submitted += 1
    place.since_gold += 1


def _refuse(annotation: Annotation) -> Any:
    fresh = Annotation.objects.get(pk=annotation.pk)
    if fresh.state in ("draft", "returned"):
        raise Fault("annotation.stale")
    raise Fault("annotation.closed", state=fresh.get_state_display().lower())


def _event(kind: str, annotation: Annotation, by: User | None, **facts: Any) -> None:
    ExampleEvent.objects.create(
        example_id=annotation.example_id, task_id=annotation.task_id, actor_id=by.pk if by else None, kind=kind,
        annotation_id=annotation.pk, facts=facts,
    )  # fmt: skip


# --- leaving ---


@transaction.atomic
def skip(*, annotation: Annotation, by: User, reason: str = "", version: int | None = None) -> None:
    """Give an example to others; this person never gets it again. Raises `Fault` annotation.closed."""
    claims.place_of(annotation.task, by)
    _skip(annotation, by, reason)


@transaction.atomic
def skip_and_next(*, annotation: Annotation, by: User, reason: str = "") -> Turn:
    """`skip`, then `next_item`, in one commit. Raises as `skip` does."""
    place = claims.place_of(annotation.task, by)
    _skip(annotation, by, reason)
    place.refresh_from_db(fields=["cursor_order", "cursor_slot"])
    return _following(None, annotation.task, by, place)


def _skip(annotation: Annotation, by: User, reason: str) -> None:
    Example.objects.select_for_update(no_key=True).get(pk=annotation.example_id)
    changed = Annotation.objects.filter(pk=annotation.pk, annotator=by, state__in=["draft", "returned"]).update(
        state=Annotation.State.SKIPPED, reason=reason, version=F("version") + 1, submitted_at=timezone.now()
    )
    if not changed:
        _refuse(annotation)
    claims.give_back(annotation)
    _event("skipped", annotation, by, reason=reason)


@transaction.atomic
def unskip(*, annotation: Annotation, by: User) -> Annotation:
    """Take a skip back, if a slot is still free. Raises `Fault` annotation.closed."""
    claims.place_of(annotation.task, by)
    Example.objects.select_for_update(no_key=True).get(pk=annotation.example_id)
    lasts = timedelta(minutes=annotation.task.claim_minutes)
    mine = Annotation.objects.filter(pk=annotation.pk, annotator=by, state="skipped")
    if not mine.exists() or not claims.take_free_slot(annotation, "claimed", lasts):
        raise Fault("annotation.closed", state="finished by others")
    mine.update(state=Annotation.State.DRAFT, version=F("version") + 1, submitted_at=None, saved_at=timezone.now())
    _event("unskipped", annotation, by)
    annotation.refresh_from_db()
    return annotation


@transaction.atomic
def resume(*, annotation: Annotation, by: User) -> None:
    """She opens her unfinished work again: her place is kept for her, or a free one taken if there is one."""
    annotation.place = claims.place_of(annotation.task, by)  # type: ignore[attr-defined]
    claims.with_claim(annotation.task, by, annotation)


@transaction.atomic
def release(*, annotation: Annotation, by: User) -> None:
    """Give an unfinished example back without a word. What was written stays as a draft; nothing written, no trace."""
    claims.place_of(annotation.task, by)
    claims.give_back(annotation)
    Annotation.objects.filter(pk=annotation.pk, annotator=by, state="draft", saved_at=None).delete()
