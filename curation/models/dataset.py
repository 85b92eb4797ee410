"""Datasets: a recipe and its frozen versions. Rows of a version are content-addressed files, not rows of the database."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone

from curation.models.team import Team
from jobs.models import Job


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def alive(self) -> "DatasetQuerySet":
        return self.filter(deleted_at=None)

    def of(self, team: Team) -> "DatasetQuerySet":
        return self.alive().filter(team=team)


class Dataset(models.Model):
    """What its next version will be made of (`recipe`), and how rows fall into splits, which its first version fixes."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="datasets")
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    recipe = models.JSONField(default=dict, help_text="As curation.datasets.recipe reads it.")
    splits = models.JSONField(default=dict, help_text="{shares, seed, group}, as curation.datasets.splits reads it.")
    card_texts = models.JSONField(default=dict, help_text="{section: text} that people wrote for the card.")
    revision = models.PositiveIntegerField(default=1, help_text="Counts up at each change; older saves are refused.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = DatasetQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "team", Lower("name"), condition=models.Q(deleted_at=None), name="dataset_name_in_team"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("dataset", args=[self.pk])


class DatasetVersion(models.Model):
    """One frozen state. What decides its rows never changes once `sha256` is set (a trigger sees to it)."""

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    job = models.OneToOneField(Job, models.SET_NULL, null=True, related_name="+")
    recipe = models.JSONField(default=dict)
    splits = models.JSONField(default=dict)
    sources = models.JSONField(default=list, help_text="What the recipe's sources were when it was frozen.")
    changelog = models.TextField(blank=True)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    restored_from = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+")
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of keys, revisions, contents and splits. Set once.")
    rows = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    counts = models.JSONField(
        default=dict, help_text="{splits, origins, sources, licences, languages, tags, tokens, …}"
    )
    leakage = models.JSONField(default=dict)
    parts = models.JSONField(default=list, help_text="[{path, sha256, rows, bytes, first, last}], sorted by key.")
    manifest = models.JSONField(default=dict, help_text="What made it: run.json.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    frozen_at = models.DateTimeField(null=True, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["dataset", "number"], name="version_number_in_dataset")]

    def __str__(self) -> str:
        return f"{self.dataset}@{self.number}"

    def get_absolute_url(self) -> str:
        return reverse("dataset_version", args=[self.dataset_id, self.number])

    @property
    def is_frozen(self) -> bool:
        return bool(self.sha256)


class DatasetExport(models.Model):
    """A version as a packed folder of one format, made by a job and kept."""

    version = models.ForeignKey(DatasetVersion, models.CASCADE, related_name="exports")
    format = models.CharField(max_length=24)
    job = models.OneToOneField(Job, models.SET_NULL, null=True, related_name="+")
    path = models.CharField(max_length=500, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    bytes = models.BigIntegerField(default=0)
    rows = models.JSONField(default=dict, help_text="{split: rows} of the files.")
    unfit = models.JSONField(default=dict, help_text="{count, first}: rows that the format cannot hold.")
    texts_sha256 = models.CharField(
        max_length=64, blank=True, help_text="Of what people wrote for the card, as it holds it."
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["version", "format"], name="export_of_version")]

    def __str__(self) -> str:
        return f"{self.version} as {self.format}"
