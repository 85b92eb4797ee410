"""One turn at the annotation page: what is open is submitted or skipped, and the next example claimed, in one commit."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from config.faults import Fault
from curation.actions import queue
from curation.actions.queue import Submitted
from curation.models import Annotation, Task, TaskMember, User


@dataclass(frozen=True, slots=True)
class Turn:
    """What became of the answer, and what comes next; `why_none` is the fault that closed the queue to her."""

    submitted: Submitted | None
    following: Annotation | None
    why_none: Fault | None = None


@transaction.atomic
def submit(
    *,
    annotation: Annotation,
    by: User,
    version: int,
    answer: dict[str, Any],
    note: str,
    seconds: float,
    submit_key: str,
) -> Turn:
    """Raises `Fault` annotation.stale or annotation.closed; then nothing has changed. A closed queue keeps the answer."""
    done = queue.submit(
        annotation=annotation, by=by, version=version, answer=answer, note=note, seconds=seconds, submit_key=submit_key
    )
    following, why = _following(annotation.task, by)
    return Turn(done, following, why)


@transaction.atomic
def skip(*, annotation: Annotation, by: User, reason: str) -> Turn:
    """Raises `Fault` annotation.closed."""
    queue.skip(annotation=annotation, by=by, reason=reason)
    following, why = _following(annotation.task, by)
    return Turn(None, following, why)


@transaction.atomic
def release(*, annotation: Annotation, by: User) -> None:
    queue.release(annotation=annotation, by=by)


def _following(task: Task, user: User) -> tuple[Annotation | None, Fault | None]:
    try:
        return queue.next_item(task=task, user=user), None
    except Fault as fault:
        return None, fault


@transaction.atomic
def read_guidelines(*, task: Task, by: User, number: int) -> None:
    """Remember that she read the guidelines of that number; an older number changes nothing."""
    TaskMember.objects.get_or_create(task=task, user=by)
    TaskMember.objects.filter(task=task, user=by, guidelines_seen__lt=number).update(guidelines_seen=number)
