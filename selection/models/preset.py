"""Settings of a selection that a team keeps under a name."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower

from curation.models import Team


class Preset(models.Model):
    """Method, its parameters and what is held back; pool, target and amount are asked for each time."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="presets")
    name = models.CharField(max_length=60)
    note = models.CharField(max_length=200, blank=True)
    method = models.CharField(max_length=64)
    params = models.JSONField(default=dict)
    options = models.JSONField(default=dict)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("team", Lower("name"), name="preset_name_once", violation_error_message="Taken."),
        ]
        ordering = ["created_at", "pk"]

    def __str__(self) -> str:
        return self.name
