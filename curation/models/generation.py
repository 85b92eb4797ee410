"""Generations: runs in which language models write candidates for a task."""

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from curation.models.endpoint import ZERO, Endpoint
from curation.models.task import Task
from jobs.models import Job


class Generation(models.Model):
    """One run. What it was started with never changes; limits may be raised before it is resumed.

    ::

        waiting ──► running ──► complete | complete_with_rejects
                      │ ├─────► paused      (a key, a quota, a limit: mend it, then resume)
                      │ └─────► stopped     (cancelled, the ceiling, too little kept, an error)
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for a worker"
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        COMPLETE = "complete", "Complete"
        COMPLETE_WITH_REJECTS = "complete_with_rejects", "Complete, with rejects"
        STOPPED = "stopped", "Stopped"

    ENDED = (State.COMPLETE, State.COMPLETE_WITH_REJECTS, State.STOPPED)

    task = models.ForeignKey(Task, models.CASCADE, related_name="generations")
    endpoint = models.ForeignKey(Endpoint, models.PROTECT, related_name="generations")
    job = models.OneToOneField(Job, models.SET_NULL, null=True, related_name="+")
    generator = models.CharField(max_length=60)
    preview = models.BooleanField(default=False, help_text="A few candidates, to look at prompts and costs.")
    params = models.JSONField(default=dict)
    templates = models.JSONField(default=dict, help_text="{name: {sections, sha}}: every prompt template as used.")
    filters = models.JSONField(default=dict)
    inputs = models.CharField(max_length=200, help_text="Where task and sources, as they were, lie in the storage.")
    inputs_sha = models.CharField(max_length=64)
    seed = models.PositiveIntegerField(default=0)
    wanted = models.PositiveIntegerField(help_text="Kept candidates at which it ends.")
    ceiling = models.PositiveIntegerField(help_text="Most requests, each sample counted.")
    batch = models.PositiveIntegerField(default=256, help_text="Requests of a stage that are planned at once.")
    money = models.DecimalField(max_digits=20, decimal_places=10, null=True, help_text="Most that it may cost.")
    state = models.CharField(max_length=22, choices=State.choices, default=State.WAITING)
    why = models.TextField(blank=True, help_text="Why it paused or stopped.")
    # Written about once a second while it runs, and for good at its end.
    requests = models.PositiveIntegerField(default=0, help_text="Requests asked for, each sample counted.")
    answered = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    cached = models.PositiveIntegerField(default=0, help_text="Of the answered: those that cost nothing here.")
    kept = models.PositiveIntegerField(default=0)
    dropped = models.PositiveIntegerField(default=0)
    lost = models.PositiveIntegerField(default=0, help_text="Failed requests that no candidate came of.")
    cancelled = models.PositiveIntegerField(default=0, help_text="Requests that were planned and never answered.")
    prompt_tokens = models.BigIntegerField(default=0)
    cached_tokens = models.BigIntegerField(default=0)
    completion_tokens = models.BigIntegerField(default=0)
    spent = models.DecimalField(max_digits=20, decimal_places=10, default=ZERO)
    report = models.JSONField(default=dict, help_text="What the generator has to say of the whole run.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["task", "-id"], name="generation_of_task")]

    def __str__(self) -> str:
        return f"generation {self.pk} ({self.generator})"

    def get_absolute_url(self) -> str:
        return reverse("generation", args=[self.pk])

    @property
    def asked_for(self) -> int:
        """Everything it took on: kept + dropped + lost + cancelled."""
        return self.kept + self.dropped + self.lost + self.cancelled

    @property
    def accept_rate(self) -> float | None:
        judged = self.kept + self.dropped
        return self.kept / judged if judged else None


class Candidate(models.Model):
    """What a run proposes. Verdicts are only ever added; a person may rescue a dropped one or drop a kept one."""

    class State(models.TextChoices):
        KEPT = "kept", "Kept"
        DROPPED = "dropped", "Dropped"
        RESCUED = "rescued", "Rescued"

    generation = models.ForeignKey(Generation, models.CASCADE, related_name="candidates", db_index=False)
    key = models.CharField(max_length=300, help_text="Unique in the run, the same at each replay.")
    content = models.JSONField(help_text="As curation.content writes it.")
    pair = models.JSONField(null=True, help_text="{chosen, rejected} of a preference pair.")
    meta = models.JSONField(default=dict)
    parents = models.JSONField(default=list)
    uses = models.JSONField(default=list, help_text="Keys of the requests it came from, in order.")
    verdicts = models.JSONField(default=list)
    state = models.CharField(max_length=8, choices=State.choices)
    why = models.TextField(blank=True)
    score = models.FloatField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    example = models.ForeignKey("Example", models.SET_NULL, null=True, related_name="+")
    accepted_at = models.DateTimeField(null=True, help_text="When it became an example.")
    # How pages show many of them: written by the job `candidates.arrange` when the run has ended.
    alike = models.BigIntegerField(null=True, help_text="The first candidate of its group of like ones.")
    place = models.PositiveIntegerField(null=True, help_text="Place in the order by groups, from 0.")
    chars = models.PositiveIntegerField(null=True, help_text="Characters of the answer.")
    label = models.CharField(
        max_length=80, blank=True, db_default="", help_text="The answer, where answers are labels."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["generation", "key"], name="candidate_once")]
        indexes = [
            models.Index(fields=["generation", "state", "id"], name="candidate_state"),
            models.Index(fields=["generation", "place", "id"], name="candidate_place"),
        ]

    def __str__(self) -> str:
        return f"candidate {self.key} of {self.generation_id}"

    @property
    def is_in(self) -> bool:
        """Whether it counts: kept by the filters or by a person."""
        return self.state in (self.State.KEPT, self.State.RESCUED)
