"""Help of a language model while a person annotates; and the pairs of texts that repairs leave behind."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from curation.models.example import Example
from curation.models.generation import Generation
from curation.models.queue import Annotation
from curation.models.task import Task


class Assist(models.Model):
    """One question about one answer. It is asked by a generation of its own, which holds prompt, model and reply.

    `before` is what stood in the field when it was asked. Nothing is changed until the person takes it.
    """

    class What(models.TextChoices):
        REPAIR = "repair", "Repair"
        SUGGEST = "suggest", "Suggest"
        CRITIQUE = "critique", "Check against the guidelines"
        SHORTER = "shorter", "Make shorter"
        CLEARER = "clearer", "Make clearer"

    annotation = models.ForeignKey(Annotation, models.CASCADE, related_name="assists", db_index=False)
    generation = models.OneToOneField(Generation, models.SET_NULL, null=True, related_name="assist")
    what = models.CharField(max_length=8, choices=What.choices)
    field = models.CharField(max_length=120, help_text="Name of the field of the form that it is about.")
    words = models.TextField(blank=True, help_text="What is wrong, in the person's words.")
    before = models.TextField(blank=True)
    after = models.TextField(blank=True, help_text="The model's text, once it was taken.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    taken_at = models.DateTimeField(null=True)
    left_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["annotation", "-id"], name="assist_of_annotation")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(taken_at=None) | models.Q(left_at=None), name="assist_taken_or_left"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.what} for annotation {self.annotation_id}"

    @property
    def is_open(self) -> bool:
        return self.taken_at is None and self.left_at is None


class PreferencePair(models.Model):
    """An answer, what was wrong with it in a person's words, and the repaired text that the person took instead."""

    task = models.ForeignKey(Task, models.CASCADE, related_name="preference_pairs", db_index=False)
    example = models.ForeignKey(Example, models.CASCADE, related_name="preference_pairs")
    assist = models.OneToOneField(Assist, models.SET_NULL, null=True, related_name="pair")
    revision = models.PositiveIntegerField(help_text="Revision of the example that both answer.")
    field = models.CharField(max_length=120)
    old = models.TextField(help_text="Rejected.")
    new = models.TextField(help_text="Chosen.")
    why = models.TextField(help_text="What was wrong with the old text.")
    model = models.CharField(max_length=200, help_text="The language model that wrote the new text.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes = [models.Index(fields=["task", "id"], name="preference_pair_of_task")]

    def __str__(self) -> str:
        return f"pair for example {self.example_id}"
