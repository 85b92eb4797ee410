"""What is done to one example beside its queue and its review."""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from curation.models import Example, ExampleEvent, User


@transaction.atomic
def set_tags(*, example: Example, by: User, tags: Sequence[str]) -> None:
    """Put these tags in place of those it has. Nothing happens where they are the same."""
    locked = Example.objects.select_for_update(no_key=True).get(pk=example.pk)
    if list(tags) == locked.tags:
        return
    Example.objects.filter(pk=locked.pk).update(tags=list(tags), changed_at=timezone.now())
    ExampleEvent.objects.create(
        example_id=locked.pk, task_id=locked.task_id, actor_id=by.pk, kind="tagged",
        facts={
            "added": [tag for tag in tags if tag not in locked.tags],
            "removed": [tag for tag in locked.tags if tag not in tags],
        },
    )  # fmt: skip
