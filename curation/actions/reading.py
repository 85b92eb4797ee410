"""What a person tells the queue about herself."""

from django.db import transaction

from curation.models import Task, TaskMember, User


@transaction.atomic
def read_guidelines(*, task: Task, by: User, number: int) -> None:
    """Remember that she read the guidelines of that number; an older number changes nothing."""
    TaskMember.objects.get_or_create(task=task, user=by)
    TaskMember.objects.filter(task=task, user=by, guidelines_seen__lt=number).update(guidelines_seen=number)
