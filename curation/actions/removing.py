"""Examples are deleted softly: they leave lists, the queue and exports, and can come back as they were."""

from django.db import transaction
from django.utils import timezone

from curation.actions.slots import free_slots_gone, make_slots
from curation.models import Example, ExampleEvent, User


@transaction.atomic
def delete(*, example: Example, by: User) -> Example:
    """Take it out of the queue and the data. What somebody has open can still be submitted, and is kept as late."""
    if Example.objects.filter(pk=example.pk, deleted_at=None).update(deleted_at=timezone.now()):
        free_slots_gone([example.pk])
        _event(example, by, "deleted")
    return _fresh(example)


@transaction.atomic
def restore(*, example: Example, by: User) -> Example:
    """Bring it back with all its answers; answers that it still wants are asked for again."""
    if Example.objects.filter(pk=example.pk).exclude(deleted_at=None).update(deleted_at=None):
        make_slots([example.pk])
        _event(example, by, "restored")
    return _fresh(example)


def _event(example: Example, by: User, kind: str) -> None:
    ExampleEvent.objects.create(example_id=example.pk, task_id=example.task_id, actor_id=by.pk, kind=kind)


def _fresh(example: Example) -> Example:
    return Example.objects.select_related("task__team").get(pk=example.pk)
