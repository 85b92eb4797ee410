"""Pools: large, append-only collections of rows. The rows lie in Parquet shards; here is what is known of them."""

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from curation.models import Team
from jobs.models import Job


class PoolQuerySet(models.QuerySet["Pool"]):
    def visible(self) -> "PoolQuerySet":
        return self.filter(hidden=False)


class Pool(models.Model):
    team = models.ForeignKey(Team, models.CASCADE, related_name="pools")
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    hidden = models.BooleanField(default=False, help_text="Made by Winnow itself, for example to order a queue.")
    rows = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0, help_text="Size of the shard files.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = PoolQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "name"], name="pool_name_in_team")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("pool", args=[self.pk])


class Import(models.Model):
    """One file on its way into a pool. A draft (no job) waits for its column mapping."""

    pool = models.ForeignKey(Pool, models.CASCADE, related_name="imports")
    job = models.OneToOneField(Job, models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=255, help_text="The file's name as its sender called it.")
    path = models.CharField(max_length=500, help_text="Where the received file lies, below the storage root.")
    more = models.JSONField(default=list, help_text="[{name, path}] of further files that are read after it.")
    fetch = models.OneToOneField("curation.HubFetch", models.SET_NULL, null=True, related_name="pool_import")
    bytes = models.BigIntegerField(default=0)
    format = models.CharField(max_length=24, blank=True)
    compression = models.CharField(max_length=8, blank=True)
    mapping = models.JSONField(default=dict)
    max_bad_share = models.FloatField(default=0.1, help_text="Above this share of bad rows the import stops.")
    rows_good = models.BigIntegerField(default=0)
    rows_bad = models.BigIntegerField(default=0)
    bad_path = models.CharField(max_length=500, blank=True, help_text="The list of bad rows, below the storage root.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)

    def __str__(self) -> str:
        return f"{self.name} into {self.pool}"

    def get_absolute_url(self) -> str:
        return reverse("import", args=[self.pk])


class Shard(models.Model):
    """One Parquet file of a pool. Never changed after it was written; read with its sha256 checked."""

    pool = models.ForeignKey(Pool, models.CASCADE, related_name="shards")
    index = models.PositiveIntegerField()
    made_by = models.ForeignKey(Import, models.SET_NULL, null=True, related_name="shards")
    path = models.CharField(max_length=500)
    sha256 = models.CharField(max_length=64)
    rows = models.PositiveIntegerField()
    first_row = models.BigIntegerField(help_text="Rows of the pool before this shard.")
    bytes = models.BigIntegerField()
    mapping = models.JSONField()
    mapping_sha = models.CharField(max_length=64)
    stats = models.JSONField(default=dict, help_text="Length histogram and rows by source, added up on the pool page.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["index"]
        constraints = [models.UniqueConstraint(fields=["pool", "index"], name="shard_index_in_pool")]

    def __str__(self) -> str:
        return f"{self.pool} shard {self.index}"
