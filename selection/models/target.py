"""Targets: the rows that stand for the task in a selection."""

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from curation.models import Team


class Target(models.Model):
    """Editable until its first run, then frozen, so that a run can always be repeated."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="targets")
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    frozen_at = models.DateTimeField(null=True, editable=False)
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of the rows in order; set when frozen.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "name"], name="target_name_in_team")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("target", args=[self.pk])


class TargetRow(models.Model):
    target = models.ForeignKey(Target, models.CASCADE, related_name="rows")
    position = models.PositiveIntegerField()
    key = models.CharField(max_length=64, help_text="Content key of the row.")
    group = models.CharField(max_length=80, blank=True)
    content = models.JSONField(help_text="The row as curation.content writes it.")
    origin = models.JSONField(default=dict, help_text="Where it came from: a file's line, or a pool and row key.")

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["target", "position"], name="target_row_position", deferrable=models.Deferrable.DEFERRED
            )
        ]

    def __str__(self) -> str:
        return f"row {self.position} of {self.target}"
