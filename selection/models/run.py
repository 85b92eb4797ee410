"""Runs and their picks."""

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from curation.models import Team
from jobs.models import Job
from selection.models.pool import Pool
from selection.models.target import Target


class RunQuerySet(models.QuerySet["Run"]):
    def of(self, team: Team) -> "RunQuerySet":
        return self.filter(team=team, pool__hidden=False).select_related("pool", "target", "job", "created_by")


class Run(models.Model):
    """One selection: pool + target + method + budget + seed. Everything that decides the picks is in this row."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="runs")
    number = models.PositiveIntegerField(help_text="Counts up within the team: run 7.")
    pool = models.ForeignKey(Pool, models.PROTECT, related_name="runs")
    target = models.ForeignKey(Target, models.PROTECT, null=True, related_name="runs")
    # Empty only inside the transaction that starts the run: the job's first pass reads this row.
    job = models.OneToOneField(Job, models.PROTECT, null=True, related_name="+")
    method = models.CharField(max_length=40)
    method_version = models.CharField(max_length=20)
    params = models.JSONField(default=dict)
    budget = models.CharField(max_length=24, help_text="1000, 5% or 200000tok.")
    options = models.JSONField(default=dict, help_text="Options of choose: source cap, duplicates, length.")
    seed = models.BigIntegerField(default=0)
    shards = models.JSONField(default=list, help_text="Ids and sha256 of the shards that this run saw.")
    rows = models.BigIntegerField(default=0, help_text="Rows in those shards.")
    target_sha = models.CharField(max_length=64, blank=True)
    picks_count = models.PositiveIntegerField(default=0)
    facts = models.JSONField(default=dict, help_text="Histograms, source mix and warnings of the result page.")
    manifest = models.JSONField(default=dict)
    files = models.JSONField(default=list, help_text="The picked rows as written by each shard: path, sha256, rows.")
    bytes = models.BigIntegerField(default=0, help_text="Size of those files.")
    after = models.ForeignKey("self", models.SET_NULL, null=True, related_name="followers", help_text="Made from it.")
    reuses = models.BooleanField(default=False, help_text="Keeps pass values, and takes those that still hold.")
    fit = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+", help_text="Its fit is used, frozen.")
    fits = models.JSONField(default=dict, help_text="Where its own fit lies: {pass: path}, for runs that freeze it.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = RunQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "number"], name="run_number_in_team")]
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"run {self.number}"

    def get_absolute_url(self) -> str:
        return reverse("run", args=[self.pk])


class Pick(models.Model):
    """One selected row: rank from 1, score, and why."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="picks")
    rank = models.PositiveIntegerField()
    key = models.CharField(max_length=255)
    shard_id = models.BigIntegerField()
    row = models.PositiveIntegerField(help_text="Position within the shard.")
    score = models.FloatField(null=True)
    source = models.CharField(max_length=255, blank=True)
    chars = models.PositiveIntegerField(default=0)
    excerpt = models.CharField(max_length=300, blank=True, help_text="How the row begins, for lists.")
    reason = models.JSONField(default=list)

    class Meta:
        ordering = ["rank"]
        constraints = [
            models.UniqueConstraint(fields=["run", "rank"], name="pick_rank_in_run"),
            models.UniqueConstraint(fields=["run", "key"], name="pick_key_in_run"),
        ]

    def __str__(self) -> str:
        return f"{self.key} at {self.rank}"
