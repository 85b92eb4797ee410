"""The hub: a team's token for it, and pushes of dataset versions."""

import secrets

from django.conf import settings
from django.db import models
from django.utils import timezone

from curation.models.dataset import DatasetVersion
from curation.models.team import Team
from jobs.models import Job


class HubToken(models.Model):
    """The token under which a team pushes. Kept sealed (`config.crypto`), never shown again, sent to `endpoint` alone."""

    team = models.OneToOneField(Team, models.CASCADE, primary_key=True, related_name="hub_token")
    sealed = models.TextField(editable=False)
    end = models.CharField(max_length=4, blank=True, editable=False, help_text="The last four characters.")
    endpoint = models.CharField(max_length=500, help_text="The hub that it was entered for.")
    who = models.CharField(max_length=100, blank=True, help_text="Whose it is, as the last test found.")
    orgs = models.JSONField(default=list, help_text="Organisations of that person.")
    role = models.CharField(max_length=40, blank=True, help_text="read, write or fineGrained.")
    tested_at = models.DateTimeField(null=True)
    why = models.TextField(blank=True, help_text="What the last test did not like.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"hub token of {self.team_id}"


def new_key() -> str:
    return secrets.token_hex(16)


class Push(models.Model):
    """One push of a version: one commit, or none. `key` stands in the commit, so that it is found again after a crash."""

    version = models.ForeignKey(DatasetVersion, models.CASCADE, related_name="pushes")
    job = models.OneToOneField(Job, models.SET_NULL, null=True, related_name="+")
    endpoint = models.CharField(max_length=500)
    repo = models.CharField(max_length=200)
    branch = models.CharField(max_length=120, default="main")
    pull_request = models.BooleanField(default=False)
    private = models.BooleanField(default=True)
    existing = models.BooleanField(default=False, help_text="A repository that others made may be written to.")
    format = models.CharField(max_length=24)
    message = models.CharField(max_length=200)
    key = models.CharField(max_length=32, unique=True, default=new_key, editable=False)
    commit = models.CharField(max_length=40, blank=True)
    pull_number = models.PositiveIntegerField(null=True)
    tag = models.CharField(max_length=60, blank=True)
    files = models.JSONField(default=dict, help_text="{name: sha256} of what the commit holds.")
    rows = models.JSONField(default=dict, help_text="{split: rows} of the files.")
    verified_at = models.DateTimeField(null=True, help_text="When the commit was read back and every hash was right.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.version} to {self.repo}"

    @property
    def home(self) -> str:
        """The repository on the hub."""
        return f"{self.endpoint}/datasets/{self.repo}"

    @property
    def commit_url(self) -> str:
        return f"{self.home}/commit/{self.commit}" if self.commit else ""

    @property
    def pull_url(self) -> str:
        return f"{self.home}/discussions/{self.pull_number}" if self.pull_number else ""

    @property
    def tree_url(self) -> str:
        return f"{self.home}/tree/{self.commit}" if self.commit else self.home
