"""Sparse autoencoders of a team, the names that people gave to their features, and texts at which a feature fires."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Cast
from django.urls import reverse
from django.utils import timezone

from curation.models import Team
from jobs.models import Job
from selection.models.pool import Pool
from selection.models.run import Run


class SaeQuerySet(models.QuerySet["SparseAutoencoder"]):
    def visible(self) -> "SaeQuerySet":
        return self.filter(archived_at=None)

    def passed(self) -> "SaeQuerySet":
        """Those that a selection may use."""
        return self.filter(archived_at=None, verdict=SparseAutoencoder.Verdict.PASSED)


class SparseAutoencoder(models.Model):
    """Weights that turn hidden states of one layer of one language model into sparse features.

    ::

        open (its job trains or checks it) ──► passed    may be used by runs
                                           └─► refused   `why` says what was wrong; its measures stay to be seen

    Files lie in the store under names made of their content, so what runs have used never changes.
    """

    class How(models.TextChoices):
        TRAINED = "trained", "Trained here"
        LOADED = "loaded", "Loaded"

    class Verdict(models.TextChoices):
        OPEN = "", "Not measured yet"
        PASSED = "passed", "Passed"
        REFUSED = "refused", "Refused"

    team = models.ForeignKey(Team, models.CASCADE, related_name="saes")
    name = models.CharField(max_length=120)
    how = models.CharField(max_length=8, choices=How)
    verdict = models.CharField(max_length=8, choices=Verdict, blank=True, default=Verdict.OPEN)
    why = models.TextField(blank=True, help_text="Why it was refused.")
    pool = models.ForeignKey(Pool, models.SET_NULL, null=True, related_name="saes")
    # Empty only inside the transaction that starts the job.
    job = models.OneToOneField(Job, models.PROTECT, null=True, related_name="+")
    options = models.JSONField(default=dict, help_text="What training or loading was asked to do.")
    model = models.CharField(max_length=200, help_text="The causal language model, as its loader names it.")
    model_identity = models.CharField(max_length=200, blank=True)
    layer = models.PositiveIntegerField(null=True, help_text="Hidden states after this many blocks.")
    d_in = models.PositiveIntegerField(null=True)
    latents = models.PositiveIntegerField(null=True)
    k = models.PositiveIntegerField(null=True)
    fvu = models.FloatField(null=True, help_text="Fraction of variance unexplained, on held-out tokens.")
    dead = models.FloatField(null=True, help_text="Share of latents that never fired.")
    tokens = models.BigIntegerField(default=0, help_text="Tokens that training has seen.")
    identity = models.CharField(max_length=16, blank=True, help_text="sae- and twelve digits of its content's sha256.")
    files = models.JSONField(default=list, help_text="name, path, sha256 and bytes of each file.")
    bytes = models.BigIntegerField(default=0)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    archived_at = models.DateTimeField(null=True, editable=False)

    objects = SaeQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["team", "name"], name="sae_name_in_team"),
            models.CheckConstraint(
                condition=~Q(verdict="passed") | ~Q(identity=""), name="sae_passed_implies_identity"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("sae", args=[self.pk])

    @property
    def may_be_used(self) -> bool:
        return self.verdict == self.Verdict.PASSED and self.archived_at is None

    @property
    def state(self) -> str:
        """passed or refused once it was measured, until then the state of its job."""
        return self.verdict or (self.job.state if self.job else Job.State.QUEUED)

    def runs(self) -> "models.QuerySet[Run]":
        """Runs of the team that name it, also within a fusion or a cascade."""
        if not self.identity:
            return Run.objects.none()
        said = Run.objects.filter(team=self.team_id).annotate(said=Cast("params", models.TextField()))
        return said.filter(said__contains=self.identity)


class FeatureName(models.Model):
    """What a person, or a model, called one feature."""

    sae = models.ForeignKey(SparseAutoencoder, models.CASCADE, related_name="names")
    feature = models.PositiveIntegerField()
    name = models.CharField(max_length=120)
    by_model = models.CharField(max_length=120, blank=True, help_text="The model that wrote it; empty for a person.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    named_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["feature"]
        constraints = [models.UniqueConstraint(fields=["sae", "feature"], name="feature_named_once")]

    def __str__(self) -> str:
        return f"{self.feature}: {self.name}"


class FeatureLook(models.Model):
    """Where one feature fires among the rows that a run saw: found once by a job, then read by everybody.

    `found`: rows (how many fire), seen (rows looked at), texts (the strongest ones: shard, row, value, tokens).
    """

    run = models.ForeignKey(Run, models.CASCADE, related_name="looks")
    feature = models.PositiveIntegerField()
    job = models.OneToOneField(Job, models.PROTECT, null=True, related_name="+")
    found = models.JSONField(null=True)
    naming = models.OneToOneField(
        Job, models.SET_NULL, null=True, related_name="+", help_text="Asks a model for a name."
    )
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "feature"], name="feature_looked_up_once")]

    def __str__(self) -> str:
        return f"feature {self.feature} in {self.run}"

    @property
    def facts(self) -> dict[str, Any]:
        return self.found or {}
