"""Targets: the rows that stand for the task in a selection."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Count
from django.urls import reverse
from django.utils import timezone

from curation.content import Content, Mapping, read, render
from curation.models import Team

# How a row is kept, whatever its columns were called: always read back through this one mapping.
KEPT = {
    "single": Mapping(instruction="instruction", input="input", output="outputs", system="system"),
    "chat": Mapping(messages="messages", system="system"),
}


def pack(content: Content) -> dict[str, Any]:
    """The JSON form in which a target keeps a row; `unpack` gives equal content with the same key."""
    if content.kind == "single":
        return {
            "instruction": content.instruction, "input": content.input,
            "outputs": list(content.outputs), "system": content.system,
        }  # fmt: skip
    turns = [{"role": turn.role, "content": turn.text, **(turn.extra or {})} for turn in content.messages]
    return {"messages": turns, "system": content.system}


def unpack(row: dict[str, Any]) -> Content:
    """Raises `ContentError` for a row that nobody can have packed, for example an edited one with nothing in it."""
    return read(row, KEPT["chat" if "messages" in row else "single"])


class TargetQuerySet(models.QuerySet["Target"]):
    def with_counts(self) -> "TargetQuerySet":
        rows = TargetRow.objects.filter(target=models.OuterRef("pk")).order_by().values("target")
        return self.annotate(
            row_count=models.functions.Coalesce(models.Subquery(rows.values(n=Count("pk"))), 0),
            run_count=Count("runs", distinct=True),
        )

    def open(self) -> "TargetQuerySet":
        return self.filter(frozen_at=None)


class Target(models.Model):
    """Editable until its first run, then frozen, so that a run can always be repeated."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="targets")
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    frozen_at = models.DateTimeField(null=True, editable=False)
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of the rows in order; set when frozen.")
    bad_rows = models.JSONField(default=list, help_text="Lines that were not taken: line, reason, excerpt.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = TargetQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "name"], name="target_name_in_team")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("target", args=[self.pk])

    @property
    def is_frozen(self) -> bool:
        return self.frozen_at is not None


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
        return f"row {self.position} of {self.target_id}"

    def unpacked(self) -> Content:
        return unpack(self.content)

    def text(self) -> str:
        return render(self.unpacked(), "text")
