"""Model endpoints of a team: where language models are asked, what it costs, how fast it may go; and what was spent."""

from decimal import Decimal
from urllib.parse import urlsplit

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils import timezone

from curation.models.team import Team

ZERO = Decimal(0)


def price() -> "models.DecimalField[Decimal | int | str, Decimal]":
    return models.DecimalField(
        max_digits=12,
        decimal_places=6,
        default=ZERO,
        validators=[MinValueValidator(ZERO)],
        help_text="Per million tokens.",
    )


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    def open(self) -> "EndpointQuerySet":
        return self.filter(archived_at=None)


class Endpoint(models.Model):
    """A language model that a team may ask. The key is kept sealed (`config.crypto`) and never shown again."""

    class Kind(models.TextChoices):
        OPENAI = "openai", "A server (OpenAI-compatible)"
        LOCAL = "local", "A model on our workers"

    class Dialect(models.TextChoices):
        """How the server wants a JSON schema."""

        OPENAI = "openai", "OpenAI"
        VLLM = "vllm", "vLLM"
        LLAMACPP = "llamacpp", "llama.cpp"
        OLLAMA = "ollama", "Ollama"
        TGI = "tgi", "TGI"
        LOCAL = "local", "On our workers"

    class Schema(models.TextChoices):
        """What became of a JSON schema at the last test."""

        UNKNOWN = "unknown", "Not tested"
        ENFORCED = "enforced", "Enforced"
        IGNORED = "ignored", "Ignored"
        ERROR = "error", "Refused"

    team = models.ForeignKey(Team, models.CASCADE, related_name="endpoints")
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.OPENAI)
    dialect = models.CharField(max_length=10, choices=Dialect.choices, default=Dialect.OPENAI)
    base_url = models.CharField(max_length=500, blank=True, help_text="Up to and with /v1.")
    model = models.CharField(max_length=200)
    key_sealed = models.TextField(blank=True, editable=False)
    key_end = models.CharField(max_length=4, blank=True, editable=False, help_text="The last four characters.")
    price_in = price()
    price_cached = price()
    price_out = price()
    currency = models.CharField(max_length=3, default="USD")
    requests_per_minute = models.PositiveIntegerField(default=0, help_text="0: no limit.")
    tokens_per_minute = models.PositiveIntegerField(default=0, help_text="0: no limit.")
    concurrency = models.PositiveSmallIntegerField(
        default=16, help_text="Requests in flight at once, over all workers."
    )
    timeout = models.PositiveIntegerField(default=120, help_text="Seconds that one answer may take.")
    schema_mode = models.CharField(max_length=8, choices=Schema.choices, default=Schema.UNKNOWN)
    tested_at = models.DateTimeField(null=True)
    test = models.JSONField(default=dict, help_text="What the last test found: {ok, said, latency, why}.")
    test_job = models.OneToOneField("jobs.Job", models.SET_NULL, null=True, related_name="+")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    archived_at = models.DateTimeField(null=True, editable=False)

    objects = EndpointQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "team", Lower("name"), condition=models.Q(archived_at=None), name="endpoint_name_in_team"
            ),
            models.CheckConstraint(
                condition=models.Q(concurrency__gte=1, timeout__gte=1), name="endpoint_at_least_one"
            ),
            models.CheckConstraint(
                condition=models.Q(price_in__gte=0, price_cached__gte=0, price_out__gte=0), name="endpoint_prices"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_local(self) -> bool:
        return self.kind == self.Kind.LOCAL

    @property
    def queue(self) -> str:
        """Where its requests are made."""
        return "gpu" if self.is_local else "io"

    @property
    def identity(self) -> str:
        """What a cached answer belongs to: the address without a password in it, in one spelling."""
        if self.is_local:
            return "local"
        parts = urlsplit(self.base_url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{(parts.hostname or '').lower()}{port}{parts.path.rstrip('/')}"

    @property
    def key_shown(self) -> str:
        return f"…{self.key_end}" if self.key_sealed else ""

    def cost(self, prompt: int, cached: int, completion: int) -> Decimal:
        """What these tokens cost; `cached` are among the `prompt` tokens."""
        fresh = max(0, prompt - cached)
        return (fresh * self.price_in + cached * self.price_cached + completion * self.price_out) / 1_000_000


class EndpointPace(models.Model):
    """What all workers together may still ask an endpoint for: token buckets, back-off, and the circuit breaker.

    One row an endpoint, locked for each handful of requests that is claimed. Times are the database's.
    """

    endpoint = models.OneToOneField(Endpoint, models.CASCADE, primary_key=True, related_name="pace")
    requests = models.FloatField(default=0.0, help_text="Requests that may be made at once.")
    tokens = models.FloatField(default=0.0)
    at = models.DateTimeField(db_default=Now())
    blocked_until = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0, help_text="Answers 5xx one after the other.")

    def __str__(self) -> str:
        return f"pace of {self.endpoint_id}"


class Spending(models.Model):
    """What a team has spent on language models in the current month, and how much it may."""

    team = models.OneToOneField(Team, models.CASCADE, primary_key=True, related_name="spending")
    limit = models.DecimalField(max_digits=20, decimal_places=10, null=True, help_text="A month; empty: no limit.")
    spent = models.DecimalField(max_digits=20, decimal_places=10, default=ZERO)
    month = models.DateField(help_text="The first day of the month, UTC, that `spent` counts.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(spent__gte=0), name="spending_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.spent} of {self.limit}"
