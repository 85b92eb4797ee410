"""Review: accepting writes a new revision; returning, rejecting, reopening, editing and reverting lose nothing.

Exports read accepted examples only. Locks: Example, then its annotations, then its slots.
"""

from datetime import timedelta
from itertools import combinations
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from config.faults import Fault
from curation.actions.slots import make_slots
from curation.content import Content, dump, load, render
from curation.models import Annotation, Example, ExampleEvent, Revision, Slot, Task, User

RETURN_DAYS = 7  # so long a returned example waits for its author before others may have it
OPEN_STATES = (Example.State.OPEN, Example.State.SUBMITTED)
COUNTING = (Annotation.State.SUBMITTED, Annotation.State.ACCEPTED, Annotation.State.DECLINED)


@transaction.atomic
def accept(
    *, example: Example, by: User | None, answer: dict[str, Any], annotation: Annotation | None = None,
    revision: int | None = None, facts: dict[str, Any] | None = None,
) -> Example:  # fmt: skip
    """Make `answer` the accepted one, as a new revision. `annotation`: whose answer was taken, as it is or edited.

    Raises `Fault` review.stale if the example was decided or changed (`revision`) meanwhile, or deleted.
    """
    from curation import answers

    example = _locked(example, OPEN_STATES, revision)
    form = answers.load_form(example.task.form)
    content = answers.apply(form, load(example.content), answer)
    now = timezone.now()
    edited = annotation is None or not answers.same(form, annotation.answer, answer)
    number = _revise(example, content, answer, Revision.Why.ACCEPTED, by=by, annotation=None if edited else annotation)
    Example.objects.filter(pk=example.pk).update(
        state=Example.State.ACCEPTED, answer=answer, accepted_at=now, accepted_by=by
    )
    waiting = example.annotations.filter(state__in=["submitted", "late"])
    taken = [
        one.pk for one in waiting
        if (annotation is not None and one.pk == annotation.pk) or answers.same(form, one.answer, answer)
    ]  # fmt: skip
    waiting.exclude(pk__in=taken).update(state=Annotation.State.DECLINED)
    Annotation.objects.filter(pk__in=taken).update(state=Annotation.State.ACCEPTED)
    Slot.objects.filter(example=example, state="free").delete()
    _event(
        example, by, "accepted", annotation, revision=number, edited=edited and annotation is not None, **(facts or {})
    )
    _look_up_again(example)
    return _fresh(example)


@transaction.atomic
def return_(*, annotation: Annotation, by: User, feedback: str) -> None:
    """Give an answer back to its author, with a comment; her slot waits for her. Raises `Fault` review.nothing."""
    example = _locked(annotation.example, OPEN_STATES, None)
    changed = Annotation.objects.filter(pk=annotation.pk, state__in=["submitted", "late"]).update(
        state=Annotation.State.RETURNED, feedback=feedback, version=F("version") + 1
    )
    if not changed:
        raise Fault("review.nothing", verb="return")
    until = timezone.now() + timedelta(days=RETURN_DAYS)
    Slot.objects.filter(example=example, annotator_id=annotation.annotator_id, state="done").update(
        state="claimed", expires_at=until
    )
    _recount(example)
    _event(example, by, "returned", annotation, feedback=feedback)


@transaction.atomic
def reject(*, example: Example, by: User, why: str = "") -> Example:
    """Leave an example out of the data. Raises `Fault` review.stale if it was decided meanwhile."""
    example = _locked(example, OPEN_STATES, None)
    Example.objects.filter(pk=example.pk).update(state=Example.State.REJECTED, changed_at=timezone.now())
    example.annotations.filter(state__in=["submitted", "late"]).update(state=Annotation.State.DECLINED)
    Slot.objects.filter(example=example, state="free").delete()
    _event(example, by, "rejected", None, why=why)
    return _fresh(example)


@transaction.atomic
def reopen(*, example: Example, by: User) -> Example:
    """Take a decision back: the answers wait for review again, and slots that are still wanted are in the queue.

    The content goes back to what it was before it was accepted, as a new revision. Raises `Fault` review.stale.
    """
    example = _locked(example, (Example.State.ACCEPTED, Example.State.REJECTED), None)
    if example.state == Example.State.ACCEPTED:
        taken = example.revisions.filter(why=Revision.Why.ACCEPTED).order_by("-number").first()
        before = example.revisions.filter(number__lt=taken.number).order_by("-number").first() if taken else None
        if before is not None:
            _revise(example, load(before.content), None, Revision.Why.REVERTED, by=by)
    Example.objects.filter(pk=example.pk).update(state="open", answer=None, accepted_at=None, accepted_by=None)
    example.annotations.filter(state__in=["accepted", "declined"]).update(state=Annotation.State.SUBMITTED)
    _recount(example)
    make_slots([example.pk])
    _event(example, by, "reopened", None)
    _look_up_again(example)
    return _fresh(example)


@transaction.atomic
def edit(*, example: Example, by: User | None, content: Content, revision: int) -> Example:
    """Change what an example says, as a new revision. Raises `Fault` stale if it is no longer at `revision`."""
    locked = Example.objects.select_for_update(no_key=True).select_related("task__team").get(pk=example.pk)
    if locked.revision != revision:
        raise Fault("stale", thing="example")
    if dump(content) == locked.content:
        return locked
    number = _revise(locked, content, locked.answer, Revision.Why.EDITED, by=by)
    _event(locked, by, "edited", None, revision=number)
    _look_up_again(locked)
    return _fresh(locked)


@transaction.atomic
def revert(*, example: Example, by: User, to: int, revision: int) -> Example:
    """Bring back revision `to`, as a new one. An accepted revision brings its acceptance back, another one takes it.

    Raises `Fault` stale if the example is no longer at `revision`; LookupError for an unknown number.
    """
    locked = Example.objects.select_for_update(no_key=True).select_related("task__team").get(pk=example.pk)
    if locked.revision != revision:
        raise Fault("stale", thing="example")
    old = locked.revisions.filter(number=to).first()
    if old is None:
        raise LookupError(f"example {locked.pk} has no revision {to}")
    number = _revise(locked, load(old.content), old.answer, Revision.Why.REVERTED, by=by)
    accepted = old.answer is not None
    if accepted:
        Example.objects.filter(pk=locked.pk).update(
            state="accepted", answer=old.answer, accepted_at=timezone.now(), accepted_by=by
        )
        Slot.objects.filter(example=locked, state="free").delete()
    elif locked.state == Example.State.ACCEPTED:
        Example.objects.filter(pk=locked.pk).update(state="open", answer=None, accepted_at=None, accepted_by=None)
        locked.annotations.filter(state__in=["accepted", "declined"]).update(state=Annotation.State.SUBMITTED)
        _recount(locked)
        make_slots([locked.pk])
    _event(locked, by, "reverted", None, revision=number, to=to)
    _look_up_again(locked)
    return _fresh(locked)


# --- acceptance by rule ---


def settle(example: Example) -> bool:
    """Note how far the answers agree and apply the task's rule, once all wanted answers are in. True: it is accepted.

    Belongs into the transaction that brought the last answer; the example is locked there.
    """
    task = example.task
    if task.accept == Task.Accept.NEVER and example.done < 2:
        return False
    waiting = list(example.annotations.filter(state="submitted").order_by("submitted_at", "pk"))
    if not waiting:
        return False
    agreed, best = agreement(task, waiting)
    if agreed != example.agreement:
        Example.objects.filter(pk=example.pk).update(agreement=agreed)
    if task.accept == Task.Accept.NEVER:
        return False
    if task.accept == Task.Accept.AGREEMENT and (agreed is None or agreed < task.accept_at - 1e-9):
        return False
    accept(
        example=example, by=None, answer=best.answer, annotation=best,
        facts={"rule": task.accept} | ({} if agreed is None else {"agreement": round(agreed, 4)}),
    )  # fmt: skip
    return True


def agreement(task: Task, annotations: list[Annotation]) -> tuple[float | None, Annotation]:
    """Mean likeness of all pairs (None for a single answer), and the answer most like the others; ties: the earliest."""
    from curation import answers

    if len(annotations) == 1:
        return None, annotations[0]
    form = answers.load_form(task.form)
    sums = dict.fromkeys(range(len(annotations)), 0.0)
    total, pairs = 0.0, 0
    for (a, one), (b, other) in combinations(enumerate(annotations), 2):
        likeness = answers.likeness(form, one.answer, other.answer)
        sums[a] += likeness
        sums[b] += likeness
        total, pairs = total + likeness, pairs + 1
    best = max(sums, key=lambda number: (round(sums[number], 9), -number))
    return total / pairs, annotations[best]


# --- parts ---


def _locked(example: Example, states: tuple[str, ...], revision: int | None) -> Example:
    locked = (
        Example.objects.select_for_update(of=("self",), no_key=True).select_related("task__team").get(pk=example.pk)
    )
    if locked.deleted_at is not None:
        raise Fault("review.stale", state="deleted")
    if locked.state not in states:
        raise Fault("review.stale", state=locked.get_state_display().lower())
    if revision is not None and locked.revision != revision:
        raise Fault("review.stale", state=f"at revision {locked.revision}")
    return locked


def _revise(
    example: Example, content: Content, answer: dict[str, Any] | None, why: str, *, by: User | None,
    annotation: Annotation | None = None,
) -> int:  # fmt: skip
    """Write the next revision; with the first change, also down what the example was before it."""
    number = example.revision + 1
    rows = [
        Revision(example=example, number=number, content=dump(content), answer=answer, why=why, annotation=annotation, by=by)
    ]  # fmt: skip
    if example.revision == 1 and not example.revisions.exists():
        rows.insert(
            0,
            Revision(
                example=example, number=1, content=example.content, answer=example.answer, why=Revision.Why.CAME,
                at=example.created_at,
            ),
        )  # fmt: skip
    Revision.objects.bulk_create(rows)
    Example.objects.filter(pk=example.pk).update(
        content=dump(content), revision=number, chars=len(render(content, "text")), changed_at=timezone.now()
    )
    example.revision = number
    return number


def _recount(example: Example) -> None:
    done = Slot.objects.filter(example=example, state="done", gold=False).count()
    Example.objects.filter(pk=example.pk).update(
        done=done, state="submitted" if done >= example.wanted else "open", changed_at=timezone.now()
    )


def _event(example: Example, by: User | None, kind: str, annotation: Annotation | None, **facts: Any) -> None:
    ExampleEvent.objects.create(
        example_id=example.pk, task_id=example.task_id, actor_id=by.pk if by else None, kind=kind,
        annotation_id=annotation.pk if annotation else None, facts=facts,
    )  # fmt: skip


def _look_up_again(example: Example) -> None:
    """What search and neighbours know of it."""
    from curation import searching

    searching.refresh([example.pk])


def _fresh(example: Example) -> Example:
    return Example.objects.select_related("task__team").get(pk=example.pk)
