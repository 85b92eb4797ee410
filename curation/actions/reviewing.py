"""What a reviewer does on the review page: decisions on what she saw, and on nothing else.

Two reviewers may look at the same example. Each page carries a mark of the answers it showed; a decision about other
answers than those there are now is refused, so that nobody accepts or returns what she never read.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone

from config.faults import Fault
from curation.actions import accepting
from curation.models import Annotation, BulkChange, Example, ExampleEvent, Task, User

SHOWN = ("submitted", "returned", "accepted", "declined", "late", "skipped")
EQUAL_LIMIT = 300  # examples that one click accepts: some seconds of work
LOOKED_AT = 200  # examples read at once
MEASURED_AT_ONCE = 500


def mark(annotations: Iterable[Annotation]) -> str:
    """The mark of these answers as they are: it changes with each of them."""
    said = sorted(f"{one.pk}:{one.version}:{one.state}" for one in annotations if one.state in SHOWN)
    return hashlib.blake2b("|".join(said).encode(), digest_size=8).hexdigest()


@transaction.atomic
def accept(
    *, example: Example, by: User, answer: dict[str, Any], annotation: Annotation | None, revision: int, seen: str
) -> Example:  # fmt: skip
    """Accept `answer`, taken from `annotation` or written by the reviewer. A late answer may be taken.

    An example that was decided before is opened again first, so that a late answer can replace the accepted one.
    Raises `Fault` review.stale or review.moved.
    """
    locked = _as_seen(example, seen)
    if (
        annotation is not None
        and annotation.state == Annotation.State.LATE
        and locked.state in ("accepted", "rejected")
    ):
        if locked.revision != revision:
            raise Fault("review.stale", state=f"at revision {locked.revision}")
        revision = accepting.reopen(example=locked, by=by).revision
    return accepting.accept(example=locked, by=by, answer=answer, annotation=annotation, revision=revision)


@transaction.atomic
def return_answers(*, example: Example, by: User, annotations: Iterable[Annotation], feedback: str, seen: str) -> None:
    """Give answers back to their authors with one comment. Raises `Fault` review.stale, .moved or .nothing."""
    _as_seen(example, seen)
    for one in annotations:
        accepting.return_(annotation=one, by=by, feedback=feedback)


@transaction.atomic
def reject(*, example: Example, by: User, why: str, seen: str) -> Example:
    """Leave the example out of the data. Raises `Fault` review.stale or review.moved."""
    return accepting.reject(example=_as_seen(example, seen), by=by, why=why)


def _as_seen(example: Example, seen: str) -> Example:
    """The example, locked, if its answers are those that the reviewer saw."""
    locked = (
        Example.objects.select_for_update(of=("self",), no_key=True).select_related("task__team").get(pk=example.pk)
    )
    if mark(Annotation.objects.filter(example=locked)) == seen:
        return locked
    if locked.state != example.state or locked.state in ("accepted", "rejected"):
        raise Fault("review.stale", state=locked.get_state_display().lower())
    raise Fault("review.moved")


# --- all at once ---


@transaction.atomic
def accept_equal(*, task: Task, by: User) -> BulkChange | None:
    """Accept every waiting example of which all answers are equal, at most EQUAL_LIMIT. None: there is none.

    An example that has fewer than two answers is left to a reviewer. What somebody else decides meanwhile is skipped.
    """
    from curation import answers

    form = answers.load_form(task.form)
    waiting = Example.objects.alive().filter(task=task, state="submitted", agreement__gte=1 - 1e-9).order_by("pk")
    taken: list[int] = []
    last = 0
    while len(taken) < EQUAL_LIMIT:
        some = waiting.filter(pk__gt=last).select_for_update(skip_locked=True, no_key=True)[:LOOKED_AT]
        examples = {one.pk: one for one in some}
        if not examples:
            break
        last = max(examples)
        for pk, given in _submitted(examples).items():
            alike = len(given) > 1 and all(answers.same(form, given[0].answer, other.answer) for other in given[1:])
            if alike and len(taken) < EQUAL_LIMIT:
                accepting.accept(
                    example=examples[pk],
                    by=by,
                    answer=given[0].answer,
                    annotation=given[0],
                    facts={"rule": "all equal"},
                )
                taken.append(pk)
    if not taken:
        return None
    return BulkChange.objects.create(
        task=task, action="accept_equal", examples=len(taken), before={"reopen": taken}, by=by
    )


def _submitted(ids: Iterable[int]) -> dict[int, list[Annotation]]:
    """The answers that wait, by example, earliest first."""
    found: dict[int, list[Annotation]] = {}
    for one in Annotation.objects.filter(example_id__in=list(ids), state="submitted").order_by("submitted_at", "pk"):
        found.setdefault(one.example_id, []).append(one)
    return found


@transaction.atomic
def undo_accept_equal(*, change: BulkChange, by: User) -> int:
    """Open what one click accepted. Examples that were changed since stay as they are; returns how many are open."""
    if not BulkChange.objects.filter(pk=change.pk, undone_at=None).update(undone_at=timezone.now()):
        return 0
    ids = change.before.get("reopen", [])
    opened = 0
    accepted = Example.objects.alive().filter(pk__in=ids, task=change.task, state="accepted")
    for one in accepted.order_by("pk").select_for_update(no_key=True):
        # Decided again since: its last event is another acceptance than this one.
        last = (
            ExampleEvent.objects.filter(example_id=one.pk, kind__in=["accepted", "reverted", "edited"])
            .order_by("-pk")
            .first()
        )
        if last is None or last.facts.get("rule") != "all equal":
            continue
        accepting.reopen(example=one, by=by)
        opened += 1
    return opened


def measure_waiting(limit: int = MEASURED_AT_ONCE) -> int:
    """Fill in the agreement of examples that wait with several answers and have none. Returns how many."""
    missing = list(
        Example.objects.alive()
        .filter(state="submitted", agreement=None, done__gte=2)
        .select_related("task")
        .order_by("-pk")[:limit]
    )
    by_example = _submitted([one.pk for one in missing])
    measured = 0
    for example in missing:
        mine = by_example.get(example.pk, [])
        if len(mine) < 2:
            continue
        agreed, _ = accepting.agreement(example.task, mine)
        measured += Example.objects.filter(pk=example.pk, state="submitted", agreement=None).update(agreement=agreed)
    return measured
