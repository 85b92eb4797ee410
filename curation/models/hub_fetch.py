"""Rows that are fetched from the hub: what was asked for, what was found, which files came."""

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from curation.models.team import Team
from jobs.models import Job


class HubFetch(models.Model):
    """One split of a dataset on its way from the hub into a pool or a task.

    `into` names who takes it over (`curation.fetching`), `target` is the key of that object. When its files have come,
    it is taken over as an import that waits for its mapping, or starts at once where `start` says so.
    """

    team = models.ForeignKey(Team, models.CASCADE, related_name="hub_fetches")
    job = models.OneToOneField(Job, models.SET_NULL, null=True, related_name="+")
    into = models.CharField(max_length=12)
    target = models.BigIntegerField()
    endpoint = models.CharField(max_length=500)
    dataset = models.CharField(max_length=200)
    config = models.CharField(max_length=200, blank=True, help_text="As asked; empty for the default.")
    split = models.CharField(max_length=200, blank=True, help_text="As asked; empty for train, or the only one.")
    revision = models.CharField(max_length=200, blank=True, help_text="As asked; empty for the newest state.")
    mapping = models.JSONField(default=dict, help_text="Which column is which part; empty: guessed.")
    options = models.JSONField(default=dict, help_text="Further settings of the import that follows.")
    start = models.BooleanField(default=False, help_text="The import starts as soon as the files are there.")
    found = models.JSONField(default=dict, help_text="{config, split, commit, licence, files: [{name, bytes, …}]}.")
    files = models.JSONField(default=list, help_text="[{name, path, bytes, sha256}] in the storage, in reading order.")
    seen = models.JSONField(default=dict, help_text="{format, compression, mapping} of the first file.")
    taken_at = models.DateTimeField(null=True, help_text="When it became an import.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        parts = [self.dataset, self.found.get("config") or self.config, self.found.get("split") or self.split]
        return " · ".join(part for part in parts if part)

    def get_absolute_url(self) -> str:
        return reverse("hub_fetch", args=[self.pk])

    @property
    def folder(self) -> str:
        """Where its files lie in the storage."""
        return f"hub/{self.pk}"

    @property
    def facts(self) -> dict[str, str]:
        """Where rows of it are from, as their provenance says it."""
        return {
            "hub": self.dataset, "hub_endpoint": self.endpoint, "hub_config": self.found.get("config", ""),
            "hub_split": self.found.get("split", ""), "hub_commit": self.found.get("commit", ""),
            "licence": self.found.get("licence", ""),
        }  # fmt: skip
