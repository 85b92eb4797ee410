"""Teams, their members and the invitations by which people join."""

import hashlib
import hmac
import secrets
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

INVITATION_DAYS = 14


class Role(models.TextChoices):
    """What a member may do; each role includes those below it."""

    OWNER = "owner", "Owner"
    CURATOR = "curator", "Curator"
    ANNOTATOR = "annotator", "Annotator"
    VIEWER = "viewer", "Viewer"

    @property
    def rank(self) -> int:
        return [Role.VIEWER, Role.ANNOTATOR, Role.CURATOR, Role.OWNER].index(self)

    @property
    def says(self) -> str:
        return {
            Role.OWNER: "Everything, and who is on the team.",
            Role.CURATOR: "Pools, targets, runs, tasks and reviews.",
            Role.ANNOTATOR: "Reads everything and annotates.",
            Role.VIEWER: "Reads everything, changes nothing.",
        }[self]


class TeamQuerySet(models.QuerySet["Team"]):
    def for_user(self, user: object) -> "TeamQuerySet":
        return self.filter(memberships__user=user)


class Team(models.Model):
    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=60, unique=True)
    time_zone = models.CharField(max_length=60, default="UTC")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = TeamQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("team_home", args=[self.slug])

    @property
    def lane(self) -> str:
        """The key under which the job engine shares workers fairly."""
        return f"team:{self.pk}"


class Membership(models.Model):
    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role.choices, default=Role.ANNOTATOR)
    joined_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "user"], name="membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.team} as {self.role}"

    def may(self, need: Role) -> bool:
        return Role(self.role).rank >= need.rank


def invitation_digest(secret: str) -> str:
    """Only this is stored: who reads the database cannot make a link from it."""
    return hmac.new(settings.SECRET_KEY.encode(), f"invitation:{secret}".encode(), hashlib.sha256).hexdigest()


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> "InvitationQuerySet":
        return self.filter(accepted_at=None, revoked_at=None, expires_at__gt=timezone.now())

    def by_secret(self, secret: str) -> "Invitation | None":
        return self.open().filter(digest=invitation_digest(secret)).select_related("team").first()


def invitation_expiry() -> object:
    return timezone.now() + timedelta(days=INVITATION_DAYS)


class Invitation(models.Model):
    """A link that lets one person join one team. The secret part is shown once and never stored."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=12, choices=Role.choices, default=Role.ANNOTATOR)
    email = models.EmailField(blank=True, help_text="Whom it is meant for; empty for anybody with the link.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(default=invitation_expiry)
    accepted_at = models.DateTimeField(null=True, editable=False)
    accepted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(role__in=Role.values), name="invitation_role_known")]

    def __str__(self) -> str:
        return f"invitation to {self.team} as {self.role}"

    @staticmethod
    def new_secret() -> str:
        return f"wni_{secrets.token_urlsafe(24)}"
