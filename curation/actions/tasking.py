"""Tasks as programs make and change them: fields by name, guarded by the task's version."""

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Max
from django.utils import timezone

from config.faults import Fault
from curation.audit import audit
from curation.models import Guideline, Task, Team, User


@transaction.atomic
def create_task(*, team: Team, by: User, **fields: Any) -> Task:
    """Raises `Fault` task.name_taken. `form` is one that `curation.answers.dump_form` wrote."""
    try:
        with transaction.atomic():
            task = Task.objects.create(team=team, created_by=by, **fields)
    except IntegrityError:
        raise Fault("task.name_taken", name=fields["name"], place="name") from None
    audit("task.created", actor=by, team=team, target=task, name=task.name)
    return task


@transaction.atomic
def change_task(*, task: Task, by: User, version: int, **fields: Any) -> Task:
    """Change the named fields. Raises `Fault` stale if the task is no longer at `version`, or task.name_taken."""
    try:
        with transaction.atomic():
            changed = Task.objects.filter(pk=task.pk, version=version).update(version=F("version") + 1, **fields)
    except IntegrityError:
        raise Fault("task.name_taken", name=fields["name"], place="name") from None
    if not changed:
        raise Fault("stale", thing="task")
    audit("task.changed", actor=by, team=task.team, target=task, fields=sorted(fields))
    task.refresh_from_db(fields=[*fields, "version"])
    return task


@transaction.atomic
def write_guidelines(*, task: Task, by: User, text: str, note: str, number: int) -> Guideline:
    """Add the guidelines that follow on `number`. Raises `Fault` stale if somebody wrote newer ones meanwhile."""
    Task.objects.select_for_update(no_key=True).get(pk=task.pk)
    newest = Guideline.objects.filter(task=task).aggregate(top=Max("number"))["top"] or 0
    if newest != number:
        raise Fault("stale", thing="text of the guidelines")
    made = Guideline.objects.create(task=task, number=newest + 1, text=text, note=note, by=by)
    Task.objects.filter(pk=task.pk).update(version=F("version") + 1)
    audit("guidelines.written", actor=by, team=task.team, target=task, number=made.number)
    return made


@transaction.atomic
def delete_task(*, task: Task, by: User) -> None:
    """Out of all lists and queues; nothing of it is lost, and `restore_task` brings it back."""
    if Task.objects.alive().filter(pk=task.pk).update(deleted_at=timezone.now(), version=F("version") + 1):
        audit("task.deleted", actor=by, team=task.team, target=task, name=task.name)


@transaction.atomic
def restore_task(*, task: Task, by: User) -> None:
    """Raises `Fault` task.name_taken if another task has taken its name meanwhile."""
    try:
        with transaction.atomic():
            changed = Task.objects.filter(pk=task.pk, deleted_at__isnull=False).update(deleted_at=None)
    except IntegrityError:
        raise Fault("task.name_taken", name=task.name) from None
    if changed:
        audit("task.restored", actor=by, team=task.team, target=task, name=task.name)
