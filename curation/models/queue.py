"""Slots, annotations and skips: who is asked what, and what they answered."""

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from curation.models.example import Example
from curation.models.task import Task


class Slot(models.Model):
    """One wanted annotation of one example. An example that wants k answers has k of them.

    free → claimed → done. A claim that ran out is free for others; a gold slot is made for the person who gets it.
    `order` is the place in the queue, lowest first: first-come = the example's id, random = a hash of its key,
    by priority = minus the priority.
    """

    class State(models.TextChoices):
        FREE = "free", "Free"
        CLAIMED = "claimed", "Claimed"
        DONE = "done", "Done"

    example = models.ForeignKey(Example, models.CASCADE, related_name="slots", db_index=False)
    task = models.ForeignKey(Task, models.CASCADE, related_name="slots", db_index=False)
    number = models.IntegerField(default=1, help_text="From 1; a gold slot has minus its annotator's id.")
    state = models.CharField(max_length=8, choices=State.choices, default=State.FREE)
    order = models.FloatField(default=0.0)
    gold = models.BooleanField(default=False)
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="slots", db_index=False
    )
    expires_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["example", "number"], name="slot_number_in_example"),
            models.UniqueConstraint(
                fields=["example", "annotator"], condition=models.Q(annotator__isnull=False), name="slot_once_a_person"
            ),
            models.CheckConstraint(
                condition=models.Q(state="free", annotator=None, expires_at=None)
                | models.Q(state="claimed", annotator__isnull=False, expires_at__isnull=False)
                | models.Q(state="done", annotator__isnull=False, expires_at=None),
                name="slot_state_and_claim",
            ),
        ]
        indexes = [
            models.Index(fields=["task", "order", "id"], name="slot_queue", condition=models.Q(state="free")),
            models.Index(fields=["task", "expires_at"], name="slot_expiry", condition=models.Q(state="claimed")),
            models.Index(fields=["annotator", "task"], name="slot_mine", condition=models.Q(state="claimed")),
        ]

    def __str__(self) -> str:
        return f"slot {self.number} of {self.example_id}"


class Annotation(models.Model):
    """One person's answer to one example, from the first keystroke on. Made with the claim.

    draft → submitted → accepted | not taken; returned → submitted; skipped; late (came after the place was taken).
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        SUBMITTED = "submitted", "Submitted"
        RETURNED = "returned", "Returned"
        ACCEPTED = "accepted", "Accepted"
        DECLINED = "declined", "Not taken"
        LATE = "late", "Late"
        SKIPPED = "skipped", "Skipped"

    task = models.ForeignKey(Task, models.CASCADE, related_name="annotations", db_index=False)
    example = models.ForeignKey(Example, models.CASCADE, related_name="annotations", db_index=False)
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="annotations", db_index=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    version = models.PositiveIntegerField(
        default=1, help_text="Counts up with each save; a save of an older one is stale."
    )
    answer = models.JSONField(default=dict, help_text="Field name → value, as curation.answers validates it.")
    revision = models.PositiveIntegerField(default=1, help_text="Revision of the example that was shown.")
    guidelines = models.PositiveIntegerField(default=0, help_text="Number of the guidelines that held.")
    suggested = models.JSONField(null=True, help_text="The answer that was suggested, if one was shown.")
    unchanged = models.BooleanField(default=False, help_text="Submitted exactly as suggested.")
    note = models.TextField(blank=True, help_text="To the reviewer.")
    reason = models.TextField(blank=True, help_text="Why it was skipped.")
    feedback = models.TextField(blank=True, help_text="The reviewer's comment when returned.")
    gold_score = models.FloatField(
        null=True, help_text="Agreement with the known answer, 0 to 1, if it is a gold example."
    )
    seconds = models.FloatField(default=0.0, help_text="Time that the page was in front of the person.")
    submit_key = models.CharField(
        max_length=64, blank=True, help_text="Of the last submit: a repeated one is recognised."
    )
    started_at = models.DateTimeField(default=timezone.now, editable=False)
    saved_at = models.DateTimeField(null=True)
    submitted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["example", "annotator"], name="annotation_once_a_person"),
        ]
        indexes = [
            models.Index(fields=["task", "annotator", "-submitted_at"], name="annotation_by_person"),
            models.Index(
                fields=["task", "-submitted_at"], name="annotation_by_time", condition=~models.Q(submitted_at=None)
            ),
            models.Index(
                fields=["annotator", "task"],
                name="annotation_open",
                condition=models.Q(state__in=["draft", "returned"]),
            ),
            models.Index(
                fields=["task", "state", "example"],
                name="annotation_aside",
                condition=models.Q(state__in=["late", "skipped"]),
            ),
            models.Index(fields=["task", "example"], name="annotation_unchanged", condition=models.Q(unchanged=True)),
        ]

    def __str__(self) -> str:
        return f"annotation of {self.example_id} by {self.annotator_id}"

    def get_absolute_url(self) -> str:
        return reverse("annotation", args=[self.pk])
