"""Tokens of the REST API, and the answers that its writes got."""

import hashlib
import hmac
import secrets

from django.conf import settings
from django.db import models
from django.utils import timezone

PREFIX = "wnt_"
PREFIX_CHARS = 10  # of the token, kept readable


class Scope(models.TextChoices):
    """What a token may be used for; its owner's role says what she may do at all. Reading is always included."""

    READ = "read", "Read"
    ANNOTATE = "annotate", "Annotate"
    TASKS = "tasks:write", "Tasks"
    EXAMPLES = "examples:write", "Examples"
    REVIEW = "review", "Review"
    RUNS = "runs:write", "Runs"
    DATASETS = "datasets:write", "Datasets"
    SCHEDULES = "schedules:write", "Schedules"

    @property
    def says(self) -> str:
        return {
            Scope.READ: "Reads what its owner can read.",
            Scope.ANNOTATE: "Takes examples from the queue and answers them.",
            Scope.TASKS: "Makes and changes tasks and guidelines.",
            Scope.EXAMPLES: "Adds, changes, deletes and restores examples.",
            Scope.REVIEW: "Accepts, returns and rejects answers.",
            Scope.RUNS: "Starts and cancels runs, fills pools from the hub, sends picks to a task.",
            Scope.DATASETS: "Makes, freezes, exports and pushes datasets, keeps picks as collections.",
            Scope.SCHEDULES: "Pauses schedules and starts them, which starts what they do.",
        }[self]


def token_digest(secret: str) -> str:
    """Only this is stored: who reads the database cannot use a token from it."""
    return hmac.new(settings.SECRET_KEY.encode(), f"token:{secret}".encode(), hashlib.sha256).hexdigest()


def new_token() -> str:
    return PREFIX + secrets.token_urlsafe(32)


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def open(self) -> "ApiTokenQuerySet":
        """Neither revoked nor expired."""
        lasting = models.Q(expires_at=None) | models.Q(expires_at__gt=timezone.now())
        return self.filter(lasting, revoked_at=None)

    def by_secret(self, secret: str) -> "ApiToken | None":
        """The open token of a person who is a member of its team ever since it was made, and can sign in.

        Who was removed and comes back makes new tokens: the old ones stay dead.
        """
        return (
            self.open()
            .filter(digest=token_digest(secret), user__is_active=True)
            .filter(user__memberships__team=models.F("team"), user__memberships__joined_at__lte=models.F("created_at"))
            .select_related("user", "team")
            .first()
        )


class ApiToken(models.Model):
    """A bearer token of the REST API. Only its HMAC is kept; the readable prefix tells tokens apart."""

    team = models.ForeignKey("curation.Team", models.CASCADE, related_name="tokens")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16, help_text="How the token begins, to tell it from others.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = ApiTokenQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.prefix}… of {self.team}"

    def may(self, need: Scope) -> bool:
        return need == Scope.READ or need.value in self.scopes

    @property
    def expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def scope_labels(self) -> str:
        return ", ".join(scope.label for scope in Scope if self.may(scope))


class IdempotentWrite(models.Model):
    """The answer that a write got, by the key that its sender gave: sent again, it gets the same answer."""

    token = models.ForeignKey(ApiToken, models.CASCADE, related_name="writes")
    key = models.CharField(max_length=128)
    request_sha = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.JSONField(null=True)
    at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["token", "key"], name="idempotent_write_once")]

    def __str__(self) -> str:
        return f"{self.key}: {self.status}"
