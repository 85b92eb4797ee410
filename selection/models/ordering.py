"""Orders of a task's queue: each time that a method, or a plain rule, said what to annotate first."""

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from curation.models import Task
from jobs.models import Job
from selection.models.run import Run

HIDDEN_NUMBER = 1_000_000_000  # runs on hidden pools are numbered from here, so that the team's own have no gaps


class Ordering(models.Model):
    """One order of one task's queue. Orders by a method run on a snapshot of the open examples, a hidden pool.

    The pool and its run go when the order stands; `facts` keeps how it was made.
    """

    class Order(models.TextChoices):
        FIRST_COME = "first_come", "As they came in"
        RANDOM = "random", "Random"
        VOTE_K = "vote_k", "What stands for most others first"
        IDEAL = "ideal", "What reaches most others first"
        UNCERTAINTY = "uncertainty", "What a model is least sure of first"
        ANSWERS = "answers", "Where answers differ first"

    task = models.ForeignKey(Task, models.CASCADE, related_name="orderings")
    order = models.CharField(max_length=12, choices=Order.choices)
    params = models.JSONField(default=dict)
    job = models.OneToOneField(Job, models.SET_NULL, null=True, related_name="+")
    run = models.OneToOneField(Run, models.SET_NULL, null=True, related_name="+")
    examples = models.PositiveIntegerField(default=0, help_text="Open examples in the snapshot.")
    placed = models.PositiveIntegerField(default=0, help_text="Examples that were given a place.")
    newest = models.BigIntegerField(default=0, help_text="The largest id of an example in the snapshot.")
    # {order: the task's setting before, was: [[example id, its priority, why, its new priority], …]}
    before = models.JSONField(default=dict)
    facts = models.JSONField(default=dict)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    applied_at = models.DateTimeField(null=True, editable=False)
    undone_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["task", "-id"], name="ordering_of_task")]

    def __str__(self) -> str:
        return f"{self.order} of {self.task}"

    def get_absolute_url(self) -> str:
        return reverse("task_order", args=[self.task_id])
