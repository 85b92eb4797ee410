"""Requests to language models. Each is a row before it is sent, and is paid once, whoever asks again."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from curation.models.endpoint import ZERO, Endpoint
from curation.models.team import Team


class ModelRequest(models.Model):
    """One request of a team, by what is asked (`curation.synthesis.keys`).

    ::

        ready ──claim──► claimed ──► done
          ▲                │ ├─────► failed ──(a person asks for another try)──► ready
          └────────────────┘ lease over, refused for now

    Whoever finds it done takes the answer that is there. `reserved` is what it may cost at most, while it is claimed.
    """

    class State(models.TextChoices):
        READY = "ready", "Waiting"
        CLAIMED = "claimed", "Asked"
        DONE = "done", "Answered"
        FAILED = "failed", "Failed"

    team = models.ForeignKey(Team, models.CASCADE, related_name="+", db_index=False)
    endpoint = models.ForeignKey(Endpoint, models.SET_NULL, null=True, related_name="+", db_index=False)
    key = models.CharField(max_length=64, help_text="sha256 of all that is asked.")
    base = models.CharField(max_length=64, help_text="The same without the token limit.")
    body = models.JSONField(help_text="What is sent, without the key of the endpoint.")
    max_tokens = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.READY)
    token = models.UUIDField(null=True, help_text="Of the step that holds it.")
    leased_until = models.DateTimeField(null=True)
    generation = models.ForeignKey(
        "Generation", models.SET_NULL, null=True, related_name="+", help_text="The run that asked, and paid."
    )
    reserved = models.DecimalField(max_digits=20, decimal_places=10, default=ZERO)
    attempts = models.PositiveSmallIntegerField(default=0)
    reason = models.CharField(max_length=40, blank=True, help_text="Of the last failure: refused, server, timeout, …")
    error = models.TextField(blank=True)
    response = models.JSONField(null=True, help_text="As it came.")
    finish_reason = models.CharField(max_length=40, blank=True)
    prompt_tokens = models.PositiveIntegerField(default=0)
    cached_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(max_digits=20, decimal_places=10, default=ZERO)
    seconds = models.FloatField(null=True, help_text="From the request to the whole answer.")
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "key"], name="request_once"),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(response__isnull=False), name="request_done_has_response"
            ),
            models.CheckConstraint(condition=~Q(state="failed") | ~Q(reason=""), name="request_failed_has_reason"),
            models.CheckConstraint(
                condition=Q(state="claimed", token__isnull=False, leased_until__isnull=False)
                | (~Q(state="claimed") & Q(token__isnull=True, leased_until__isnull=True)),
                name="request_claimed_has_lease",
            ),
        ]
        indexes = [
            models.Index(fields=["team", "base"], name="request_base", condition=Q(state="done")),
            models.Index(fields=["team"], name="request_claimed_team", condition=Q(state="claimed")),
            models.Index(fields=["endpoint"], name="request_claimed_at", condition=Q(state="claimed")),
        ]

    def __str__(self) -> str:
        return f"request {self.key[:12]} ({self.state})"


class RequestUse(models.Model):
    """A run asked this. The same request may serve many runs; the first one paid."""

    generation = models.ForeignKey("Generation", models.CASCADE, related_name="uses", db_index=False)
    request = models.ForeignKey(ModelRequest, models.CASCADE, related_name="uses")
    name = models.CharField(max_length=300, help_text="The request's key in the run: stage and what tells it apart.")
    sample = models.PositiveSmallIntegerField(default=0)
    stage = models.CharField(max_length=60)
    template = models.CharField(max_length=120, blank=True, help_text="name@hash of the prompt template.")
    cached = models.BooleanField(default=False, help_text="The answer was there already.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["generation", "name", "sample"], name="request_use_once")]

    def __str__(self) -> str:
        return f"{self.name} of {self.generation_id}"
