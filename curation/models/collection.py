"""Collections: rows with their provenance, made of picks or of a file. Their rows are files, not rows of the database."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone

from curation.models.team import Team
from jobs.models import Job


class CollectionQuerySet(models.QuerySet["Collection"]):
    def alive(self) -> "CollectionQuerySet":
        return self.filter(deleted_at=None)

    def of(self, team: Team) -> "CollectionQuerySet":
        return self.alive().filter(team=team)


class Collection(models.Model):
    """Rows that do not change. `parts` name the Parquet files (`curation.datasets.rows`) that hold them."""

    class Origin(models.TextChoices):
        RUN = "run", "Picks of a run"
        FILE = "file", "A file"

    team = models.ForeignKey(Team, models.CASCADE, related_name="collections")
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    origin = models.CharField(max_length=8, choices=Origin.choices)
    space = models.CharField(max_length=80, help_text="In front of its row keys: the same rows keep the same keys.")
    licence = models.CharField(max_length=200, blank=True, help_text="Of rows that name none themselves.")
    lineage = models.JSONField(default=dict, help_text="{pool, run, method, …} or {file, sha256}.")
    # A file on its way in; a draft (no job) waits for its column mapping.
    path = models.CharField(max_length=500, blank=True)
    mapping = models.JSONField(default=dict)
    rows_bad = models.BigIntegerField(default=0)
    bad_path = models.CharField(max_length=500, blank=True)
    job = models.OneToOneField(Job, models.SET_NULL, null=True, related_name="+")
    ready_at = models.DateTimeField(null=True, help_text="Set in the transaction that brought its rows in.")
    rows = models.BigIntegerField(default=0)
    chars = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    parts = models.JSONField(default=list, help_text="[{path, sha256, rows, bytes, first, last}]")
    facts = models.JSONField(default=dict, help_text="{sources, licences}: how many rows of each.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = CollectionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "team", Lower("name"), condition=models.Q(deleted_at=None), name="collection_name_in_team"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("collection", args=[self.pk])
