"""Job, pass, step and worker: the whole truth about background work."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

INTERACTIVE, BACKGROUND = 0, 1


class Job(models.Model):
    """Work in the background: a list of passes, each cut into steps.

    ::

        queued ──► running ──► succeeded
           │          ├──────► failed ─────┐
           └──────────┴──────► cancelled ──┤
                      ▲                    │ resume: finished steps are kept
                      └────────────────────┘

    `queued` means that no step was ever claimed. While a cancel waits for running steps the job stays
    `running` with `cancel_requested_at` set. Whoever changes a job or opens a pass holds its row lock;
    locks are taken in the order job, then step, then rows of the domain.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting for a worker"
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Finished"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    OPEN_STATES = (State.QUEUED, State.RUNNING)
    FINAL_STATES = (State.SUCCEEDED, State.FAILED, State.CANCELLED)

    kind = models.CharField(max_length=60)
    params = models.JSONField(default=dict)
    lane = models.CharField(max_length=60, help_text="Lanes share the workers fairly; a team's id as text.")
    priority = models.SmallIntegerField(default=INTERACTIVE, help_text="0: somebody waits for it; 1: background.")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    pass_index = models.SmallIntegerField(default=-1, help_text="The pass that is open now; -1 before the first.")
    version = models.PositiveIntegerField(default=1, help_text="Grows with each change that a page would show.")
    cancel_requested_at = models.DateTimeField(null=True)
    advance_errors = models.SmallIntegerField(default=0, help_text="Failed tries to open the next pass.")
    error_code = models.CharField(max_length=60, default="")
    error_id = models.CharField(max_length=16, default="", help_text="Also in the log; for errors nobody foresaw.")
    error_title = models.TextField(default="")
    error_what = models.TextField(default="")
    error_advice = models.TextField(default="")
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="jobs_job_open", condition=Q(state__in=["queued", "running"])),
        ]
        constraints = [
            models.CheckConstraint(
                name="jobs_job_final_implies_ended",
                condition=Q(state__in=["queued", "running"], ended_at__isnull=True)
                | Q(state__in=["succeeded", "failed", "cancelled"], ended_at__isnull=False),
            ),
            models.CheckConstraint(
                name="jobs_job_failed_implies_error", condition=~Q(state="failed") | ~Q(error_code="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk} ({self.state})"

    @property
    def is_final(self) -> bool:
        return self.state in self.FINAL_STATES

    @property
    def is_stopping(self) -> bool:
        """No step may go on: somebody cancelled, or the job has ended."""
        return self.cancel_requested_at is not None or self.is_final


class Pass(models.Model):
    """One pass of a job that was opened, with the words that a person reads about it."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="passes", db_index=False)
    index = models.SmallIntegerField()
    name = models.CharField(max_length=60)
    title = models.CharField(max_length=200)
    unit = models.CharField(max_length=40, default="rows")
    opened_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "index"], name="jobs_pass_once"),
            models.UniqueConstraint(fields=["job", "name"], name="jobs_pass_name_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.index}) of job {self.job_id}"


class Step(models.Model):
    """One piece of a pass, 5 to 60 seconds of work.

    ::

        ready ──claim──► leased ──finish──► done
          ▲ ▲              │ ├──fault, errors, attempts used up──► failed ──┐
          │ │ due          │ ├──cancel────────────────────► cancelled ──────┤
          │ waiting ◄─retry┤ │                                   ▲          │
          ├────────────────┴─┘ released, lease expired           │          │
          ├──────────────────── cancel of what is not leased ────┘          │
          └───────────────────────────── resume ────────────────────────────┘

    A lease is a token and a time on the database's clock. Whoever writes about a leased step carries the
    token in the `WHERE`; no row updated means that the lease is lost.
    """

    class State(models.TextChoices):
        READY = "ready"
        WAITING = "waiting"
        LEASED = "leased"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    OPEN_STATES = (State.READY, State.WAITING, State.LEASED)

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="steps", db_index=False)
    pass_index = models.SmallIntegerField()
    index = models.IntegerField()
    queue = models.CharField(max_length=16)
    priority = models.SmallIntegerField()
    lane = models.CharField(max_length=60)
    payload = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.READY)
    attempt = models.SmallIntegerField(default=0, help_text="Claims that were not given back.")
    transients = models.SmallIntegerField(default=0, help_text="Tries that the world outside refused.")
    errors = models.SmallIntegerField(default=0, help_text="Tries that ended in an error nobody foresaw.")
    not_before = models.DateTimeField(null=True)
    token = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=120, default="")
    total = models.BigIntegerField(default=0)
    done = models.BigIntegerField(default=0)
    note = models.CharField(max_length=200, default="")
    started_at = models.DateTimeField(null=True, help_text="Start of the last attempt.")
    beat_at = models.DateTimeField(null=True, help_text="When `done` was last written.")
    ended_at = models.DateTimeField(null=True)
    result = models.JSONField(null=True)
    error_code = models.CharField(max_length=60, default="")

    class Meta:
        indexes = [
            # The order of these columns is the order of a claim.
            models.Index(
                fields=["queue", "priority", "lane", "job", "id"], name="jobs_step_ready", condition=Q(state="ready")
            ),
            models.Index(fields=["queue", "not_before"], name="jobs_step_waiting", condition=Q(state="waiting")),
            models.Index(fields=["queue", "lane"], name="jobs_step_leased", condition=Q(state="leased")),
            models.Index(fields=["job"], name="jobs_step_open", condition=Q(state__in=["ready", "waiting", "leased"])),
        ]
        constraints = [
            models.UniqueConstraint(fields=["job", "pass_index", "index"], name="jobs_step_once"),
            models.CheckConstraint(
                name="jobs_step_leased_implies_token_and_time",
                condition=Q(state="leased", token__isnull=False, leased_until__isnull=False)
                | (~Q(state="leased") & Q(token__isnull=True, leased_until__isnull=True)),
            ),
            models.CheckConstraint(
                name="jobs_step_waiting_implies_not_before",
                condition=~Q(state="waiting") | Q(not_before__isnull=False),
            ),
            models.CheckConstraint(
                name="jobs_step_done_has_result", condition=~Q(state="done") | Q(result__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"step {self.pk} of job {self.job_id} ({self.state})"


class Worker(models.Model):
    """A worker process that said a moment ago that it is alive, and how many steps it can run at once."""

    name = models.CharField(max_length=160, primary_key=True)
    queues = models.JSONField(default=list)
    slots = models.IntegerField(default=1)
    gpu = models.BooleanField(default=False, help_text="Whether it serves GPU steps beside an NVIDIA device.")
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name


BUMP = F("version") + 1

from jobs.models_schedules import Firing, Schedule  # noqa: E402, F401  (Django looks for models here)
