"""Schedules and their firings: work that starts by itself, and what became of it."""

from __future__ import annotations

from django.conf import settings as conf
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class ScheduleQuerySet(models.QuerySet["Schedule"]):
    def alive(self) -> ScheduleQuerySet:
        return self.filter(deleted_at=None)

    def active(self) -> ScheduleQuerySet:
        return self.filter(deleted_at=None, paused_at=None)


class Schedule(models.Model):
    """What is to be started again and again: a kind with its settings, and when.

    It fires by time (`cron` in `zone`), or when what `trigger` counts of `watched` has grown by `every` since the last
    firing. `next_at` is the due time that the tick looks at: empty for the paused, and for those that count.
    """

    class Overlap(models.TextChoices):
        SKIP = "skip", "Leave it out"
        QUEUE = "queue", "Wait, then run"

    TIME = "time"

    lane = models.CharField(max_length=60, help_text="As of its jobs: the key of a team.")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=60)
    settings = models.JSONField(default=dict)
    trigger = models.CharField(max_length=40, default=TIME, help_text="time, or the name of a counter.")
    cron = models.CharField(max_length=120, blank=True)
    zone = models.CharField(max_length=60, default="UTC")
    watched = models.BigIntegerField(null=True, help_text="The key of what is counted.")
    every = models.PositiveIntegerField(null=True, help_text="So many more make it fire.")
    counted = models.BigIntegerField(default=0, help_text="How many there were when it last fired.")
    overlap = models.CharField(max_length=8, choices=Overlap, default=Overlap.SKIP)
    next_at = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    revision = models.PositiveIntegerField(default=1)
    created_by = models.ForeignKey(conf.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True)

    objects = ScheduleQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        indexes = [models.Index(fields=["next_at"], name="jobs_schedule_due", condition=Q(next_at__isnull=False))]
        constraints = [
            models.UniqueConstraint(
                fields=["lane", "name"], name="jobs_schedule_name_once", condition=Q(deleted_at__isnull=True)
            ),
            models.CheckConstraint(
                name="jobs_schedule_says_when",
                condition=(Q(trigger="time") & ~Q(cron=""))
                | (~Q(trigger="time") & Q(watched__isnull=False, every__gte=1)),
            ),
            models.CheckConstraint(
                name="jobs_schedule_only_active_is_due",
                condition=Q(next_at__isnull=True) | Q(trigger="time", paused_at__isnull=True, deleted_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_paused(self) -> bool:
        return self.paused_at is not None

    @property
    def by_time(self) -> bool:
        return self.trigger == self.TIME


class Firing(models.Model):
    """One time at which a schedule was due: unique, so that no process can fire it twice.

    ::

        waiting ──► running ──► succeeded
           │           ├──────► failed, cancelled ──job resumed──► running
           └► skipped ◄┘ (in the transaction that makes it)

    A firing may start several jobs, one after the other; `job` is the one that runs, or ran last.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waits for the one before"
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Finished"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"
        SKIPPED = "skipped", "Left out"

    OPEN_STATES = (State.WAITING, State.RUNNING)

    schedule = models.ForeignKey(Schedule, models.CASCADE, related_name="firings", db_index=False)
    due_at = models.DateTimeField()
    by = models.ForeignKey(
        conf.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", help_text="Who asked for it, if anybody."
    )
    asked = models.BooleanField(default=False, help_text="Somebody asked for it: it was not due.")
    missed = models.PositiveIntegerField(default=0, help_text="Later due times that had passed too when it fired.")
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    job = models.ForeignKey("jobs.Job", models.SET_NULL, null=True, related_name="firings")
    facts = models.JSONField(default=dict, help_text="What its kind keeps of it: the jobs, what they made.")
    error_code = models.CharField(max_length=60, default="")
    error_id = models.CharField(max_length=16, default="")
    error_title = models.TextField(default="")
    error_what = models.TextField(default="")
    error_advice = models.TextField(default="")
    fired_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-due_at", "-pk"]
        indexes = [
            models.Index(fields=["schedule"], name="jobs_firing_open", condition=Q(state__in=["waiting", "running"]))
        ]
        constraints = [
            models.UniqueConstraint(fields=["schedule", "due_at"], name="jobs_firing_once"),
            models.CheckConstraint(
                name="jobs_firing_open_or_ended",
                condition=Q(state__in=["waiting", "running"], ended_at__isnull=True)
                | Q(state__in=["succeeded", "failed", "cancelled", "skipped"], ended_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.schedule_id} at {self.due_at:%Y-%m-%d %H:%M} ({self.state})"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN_STATES
