"""Who hears of a schedule that failed, and what became of each message."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from jobs.models import Firing, Schedule


class Alert(models.Model):
    """Members by mail, and one webhook whose messages are signed with a secret (kept sealed, never shown again)."""

    schedule = models.OneToOneField(Schedule, models.CASCADE, related_name="alert")
    people = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+", blank=True)
    webhook_url = models.CharField(max_length=500, blank=True)
    secret_sealed = models.TextField(blank=True, editable=False)

    def __str__(self) -> str:
        return f"alert of {self.schedule_id}"


class AlertDelivery(models.Model):
    """One message about one failed firing, to one address; its job tries it again until it is through."""

    class Way(models.TextChoices):
        MAIL = "mail", "E-mail"
        WEBHOOK = "webhook", "Webhook"

    class State(models.TextChoices):
        WAITING = "waiting", "On its way"
        SENT = "sent", "Sent"
        FAILED = "failed", "Not delivered"

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="deliveries")
    firing = models.ForeignKey(Firing, models.CASCADE, related_name="deliveries")
    way = models.CharField(max_length=8, choices=Way.choices)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    trouble = models.CharField(max_length=300, blank=True, help_text="Of the last try.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.way} about firing {self.firing_id} ({self.state})"
