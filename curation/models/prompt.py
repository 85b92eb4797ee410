"""Prompts of a task: edited templates of a generator, in versions."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from curation.models.task import Task


class PromptVersion(models.Model):
    """One version of one template. The newest is used by new generations; none: the generator's own. Never changed."""

    task = models.ForeignKey(Task, models.CASCADE, related_name="prompts", db_index=False)
    generator = models.CharField(max_length=60)
    name = models.CharField(max_length=60, help_text="The template, as the generator calls it.")
    number = models.PositiveIntegerField(help_text="From 1; 0 is the generator's own.")
    sections = models.JSONField(help_text="{section: text}")
    sha = models.CharField(max_length=12, help_text="As `curation.generators.prompts.Template.sha`.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["task", "generator", "name", "number"], name="prompt_version_once"),
        ]

    def __str__(self) -> str:
        return f"{self.generator}/{self.name} version {self.number}"
