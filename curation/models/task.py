"""Tasks: what annotators are asked to do. Guidelines and demonstrations, and who works on the task."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone

from curation.models.team import Team

CLAIM_MINUTES = 30


class TaskQuerySet(models.QuerySet["Task"]):
    def alive(self) -> "TaskQuerySet":
        return self.filter(deleted_at=None)

    def of(self, team: Team) -> "TaskQuerySet":
        return self.alive().filter(team=team)


class Task(models.Model):
    """An instruction task. The words follow Natural Instructions; what its files hold besides is kept in `extra`."""

    class Order(models.TextChoices):
        FIRST_COME = "first_come", "As they came in"
        RANDOM = "random", "Random"
        PRIORITY = "priority", "By priority, highest first"

    class Accept(models.TextChoices):
        NEVER = "never", "Never: a curator looks at each"
        AGREEMENT = "agreement", "When the answers agree"
        ALWAYS = "always", "Always: every answer counts"

    team = models.ForeignKey(Team, models.CASCADE, related_name="tasks")
    name = models.CharField(max_length=120)
    definition = models.TextField(blank=True, help_text="What to do with an example, in the words a model would get.")
    avoid = models.TextField(blank=True, help_text="Things to avoid.")
    categories = ArrayField(models.CharField(max_length=120), default=list, blank=True)
    domains = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    input_languages = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    output_languages = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    licence = models.CharField(max_length=200, blank=True)
    extra = models.JSONField(
        default=dict, blank=True, help_text="Fields of a Natural Instructions file without a place."
    )
    form = models.JSONField(default=list, help_text="The answer form: fields as curation.answers reads them.")
    # The queue
    wanted = models.PositiveSmallIntegerField(default=1, help_text="Answers wanted for each example.")
    shared_wanted = models.PositiveSmallIntegerField(default=2, help_text="Answers wanted for a shared example.")
    shared_share = models.FloatField(default=0.0, help_text="Share of the examples that get shared_wanted answers.")
    order = models.CharField(max_length=12, choices=Order.choices, default=Order.FIRST_COME)
    claim_minutes = models.PositiveSmallIntegerField(default=CLAIM_MINUTES)
    gold_every = models.PositiveSmallIntegerField(default=0, help_text="One gold example in so many; 0 = none.")
    accept = models.CharField(max_length=12, choices=Accept.choices, default=Accept.NEVER)
    accept_at = models.FloatField(default=1.0, help_text="Least agreement of the answers, 0 to 1.")
    assigned_only = models.BooleanField(default=False, help_text="Only assigned annotators get examples of it.")
    paused = models.BooleanField(default=False)
    # Counts up at each change of what annotators see; pages and caches compare it.
    version = models.PositiveIntegerField(default=1)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = TaskQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "team", Lower("name"), condition=models.Q(deleted_at=None), name="task_name_in_team"
            ),
            models.CheckConstraint(
                condition=models.Q(wanted__gte=1, shared_wanted__gte=1, claim_minutes__gte=1), name="task_at_least_one"
            ),
            models.CheckConstraint(
                condition=models.Q(shared_share__range=(0, 1), accept_at__range=(0, 1)), name="task_shares"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("task", args=[self.pk])


class Guideline(models.Model):
    """One version of a task's guidelines, Markdown. Versions are never changed: a new one follows."""

    task = models.ForeignKey(Task, models.CASCADE, related_name="guidelines")
    number = models.PositiveIntegerField()
    text = models.TextField(blank=True)
    note = models.CharField(max_length=300, blank=True, help_text="What changed and why, one line.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["task", "number"], name="guideline_number_in_task")]

    def __str__(self) -> str:
        return f"guidelines {self.number} of {self.task}"


class Demonstration(models.Model):
    """A positive or negative example that shows the task, with its explanation."""

    class Kind(models.TextChoices):
        POSITIVE = "positive", "Positive"
        NEGATIVE = "negative", "Negative"

    task = models.ForeignKey(Task, models.CASCADE, related_name="demonstrations")
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.POSITIVE)
    position = models.PositiveIntegerField(default=0)
    input = models.TextField(blank=True)
    output = models.TextField(blank=True)
    explanation = models.TextField(blank=True)
    extra = models.JSONField(default=dict, blank=True)
    example = models.ForeignKey("curation.Example", models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["-kind", "position", "pk"]  # positive before negative

    def __str__(self) -> str:
        return f"{self.kind} demonstration of {self.task}"


class TaskMember(models.Model):
    """One person on one task: whether assigned, the daily goal, and where she stands in the queue."""

    task = models.ForeignKey(Task, models.CASCADE, related_name="people")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="task_memberships")
    assigned = models.BooleanField(default=False)
    daily_goal = models.PositiveIntegerField(default=0, help_text="Answers a day; 0 = none.")
    guidelines_seen = models.PositiveIntegerField(default=0, help_text="Number of the guidelines she last read.")
    # Every free slot before this place is of an example she already had: claiming begins here.
    cursor_order = models.FloatField(null=True)
    cursor_slot = models.BigIntegerField(null=True)
    since_gold = models.PositiveIntegerField(default=0, help_text="Answers since her last gold example.")
    day = models.DateField(null=True, help_text="The day, in the team's time zone, that `today` counts.")
    today = models.PositiveIntegerField(default=0)
    submitted = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["task", "user"], name="task_member_once")]

    def __str__(self) -> str:
        return f"{self.user} on {self.task}"
