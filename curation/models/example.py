"""Examples: the instances of a task, their revisions, and what happened to them."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models.fields.json import KeyTextTransform
from django.urls import reverse
from django.utils import timezone
from pgvector.django import HalfVectorField, HnswIndex

from curation.models.task import Task
from jobs.models import Job

NEIGHBOUR_DIMENSIONS = 256


class ExampleQuerySet(models.QuerySet["Example"]):
    def alive(self) -> "ExampleQuerySet":
        return self.filter(deleted_at=None)


class Example(models.Model):
    """One instance of a task.

    `content` is the current revision, as `curation.content` writes it (`content.dump`). Revision 1 is what came in.
    Revisions are written down (`Revision`) from the first change on: an example that never changed has none.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        SUBMITTED = "submitted", "Submitted"
        ACCEPTED = "accepted", "Accepted"
        REJECTED = "rejected", "Rejected"

    class Origin(models.TextChoices):
        FILE = "file", "A file"
        HAND = "hand", "By hand"
        RUN = "run", "Picks of a run"
        API = "api", "The API"
        GENERATION = "generation", "A generation"

    # Indexes that others below cover are left out: they cost imports a third of their speed.
    task = models.ForeignKey(Task, models.CASCADE, related_name="examples", db_index=False)
    key = models.CharField(max_length=255, help_text="Row key: the id that came with it, else a hash of its content.")
    content = models.JSONField()
    revision = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    wanted = models.PositiveSmallIntegerField(default=1, help_text="Answers wanted.")
    done = models.PositiveSmallIntegerField(default=0, help_text="Answers submitted that count.")
    priority = models.FloatField(default=0.0, help_text="Higher comes first, where the task's order is by priority.")
    why_now = models.CharField(max_length=200, blank=True, help_text="Why a method put it there in the order.")
    gold = models.JSONField(null=True, help_text="The known answer, if it serves to measure annotators.")
    gold_only = models.BooleanField(default=False, help_text="Only measures; it is not itself annotated for the data.")
    suggestion = models.JSONField(null=True, help_text="{answer, by, score}: shown to the annotator to start from.")
    answer = models.JSONField(null=True, help_text="The accepted answer, all fields of the form.")
    tags = ArrayField(models.CharField(max_length=60), default=list)
    source = models.CharField(max_length=255, blank=True)
    origin = models.CharField(max_length=12, choices=Origin.choices, default=Origin.HAND)
    # {pool, pool_name, run, run_number, method, rank, score} or {file, line, import} or {token} …
    lineage = models.JSONField(default=dict)
    incoming = models.ForeignKey("ExampleImport", models.SET_NULL, null=True, related_name="examples", db_index=False)
    chars = models.PositiveIntegerField(default=0, help_text="Characters of the text view.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)
    accepted_at = models.DateTimeField(null=True, editable=False)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_index=False
    )
    agreement = models.FloatField(
        null=True, help_text="Mean likeness of its answers, 0 to 1, once all are in; unknown for fewer than two."
    )
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = ExampleQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["task", "key"], name="example_key_in_task"),
            models.CheckConstraint(
                condition=models.Q(state__in=["open", "submitted", "accepted", "rejected"]), name="example_state_known"
            ),
        ]
        indexes = [
            models.Index(fields=["task", "id"], name="example_page", condition=models.Q(deleted_at=None)),
            models.Index(fields=["task", "state", "id"], name="example_state", condition=models.Q(deleted_at=None)),
            models.Index(
                fields=["task", "agreement", "id"], name="example_review",
                condition=models.Q(state="submitted") & models.Q(deleted_at=None),
            ),
            models.Index(
                fields=["id"], name="example_unmeasured",
                condition=models.Q(state="submitted", agreement=None, deleted_at=None, done__gte=2),
            ),
            models.Index(fields=["task", "id"], name="example_gold", condition=models.Q(gold__isnull=False)),
            models.Index(fields=["incoming"], name="example_incoming", condition=models.Q(incoming__isnull=False)),
            # The orders and filters of the table of examples. Each holds only rows that differ from the most.
            models.Index(
                fields=["task", "-changed_at", "-id"], name="example_changed", condition=models.Q(deleted_at=None)
            ),
            models.Index(fields=["task", "-priority", "id"], name="example_priority", condition=models.Q(deleted_at=None)),
            models.Index(
                fields=["task", "source", "id"], name="example_source",
                condition=~models.Q(source="") & models.Q(deleted_at=None),
            ),
            models.Index(
                fields=["task", "origin", "id"], name="example_origin",
                condition=~models.Q(origin="file") & models.Q(deleted_at=None),
            ),
            models.Index(
                "task", KeyTextTransform("run_number", "lineage"), "id", name="example_run", condition=models.Q(origin="run")
            ),
            BrinIndex(fields=["created_at"], name="example_added", pages_per_range=32),
            GinIndex(fields=["tags"], name="example_tags", condition=~models.Q(tags=[])),
            GinIndex(
                fields=["answer"], name="example_answer", opclasses=["jsonb_path_ops"],
                condition=models.Q(answer__isnull=False),
            ),
            models.Index(fields=["task", "id"], name="example_deleted", condition=models.Q(deleted_at__isnull=False)),
            models.Index(
                fields=["task", "id"], name="example_suggested",
                condition=models.Q(suggestion__isnull=False, deleted_at=None),
            ),
            models.Index(
                fields=["task", "id"], name="example_differs", condition=models.Q(agreement__lt=1, deleted_at=None)
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"example {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("example", args=[self.pk])


class Revision(models.Model):
    """One state of an example's content. Number 1 is what came in; written with the first change."""

    class Why(models.TextChoices):
        CAME = "came", "Came in"
        EDITED = "edited", "Edited"
        ACCEPTED = "accepted", "Accepted"
        REVERTED = "reverted", "Reverted"

    example = models.ForeignKey(Example, models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    content = models.JSONField()
    answer = models.JSONField(null=True)
    why = models.CharField(max_length=10, choices=Why.choices)
    # The answer that was taken as it stands; empty when a person adjudicated or edited.
    annotation = models.ForeignKey("Annotation", models.SET_NULL, null=True, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["example", "number"], name="revision_number_in_example")]

    def __str__(self) -> str:
        return f"revision {self.number} of {self.example_id}"


class ExampleEvent(models.Model):
    """What happened to an example: who, when, what. Added in the transaction of the deed, never changed (a trigger)."""

    example_id = models.BigIntegerField()  # plain numbers: the record outlives what it tells of
    task_id = models.BigIntegerField()
    actor_id = models.BigIntegerField(null=True)
    at = models.DateTimeField(default=timezone.now, editable=False)
    kind = models.CharField(
        max_length=24
    )  # submitted, skipped, late, returned, accepted, rejected, edited, reverted, …
    annotation_id = models.BigIntegerField(null=True)
    facts = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["example_id", "id"], name="event_example"),
            models.Index(fields=["task_id", "-id"], name="event_task"),
            BrinIndex(fields=["at"], name="event_at", pages_per_range=32),  # rows come in the order of time
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.example_id}"


class ExampleImport(models.Model):
    """One file on its way into a task. A draft (no job) waits for its column mapping."""

    task = models.ForeignKey(Task, models.CASCADE, related_name="imports")
    job = models.OneToOneField(Job, models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=255)
    path = models.CharField(max_length=500, help_text="Where the received file lies, below the storage root.")
    more = models.JSONField(default=list, help_text="[{name, path}] of further files that are read after it.")
    fetch = models.OneToOneField("curation.HubFetch", models.SET_NULL, null=True, related_name="example_import")
    bytes = models.BigIntegerField(default=0)
    format = models.CharField(max_length=24, blank=True)
    compression = models.CharField(max_length=8, blank=True)
    mapping = models.JSONField(default=dict)
    outputs_as = models.CharField(
        max_length=12, default="suggestion",
        choices=[("suggestion", "A suggestion"), ("accepted", "The accepted answer"), ("gold", "Gold"), ("drop", "Left out")],
    )  # fmt: skip
    max_bad_share = models.FloatField(default=0.1)
    loaded_at = models.DateTimeField(null=True, help_text="Set in the transaction that brought the rows in.")
    rows_good = models.BigIntegerField(default=0)
    rows_bad = models.BigIntegerField(default=0)
    rows_known = models.BigIntegerField(default=0, help_text="Rows whose key the task already had; left as they were.")
    bad_path = models.CharField(max_length=500, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"{self.name} into {self.task}"

    def get_absolute_url(self) -> str:
        return reverse("example_import", args=[self.pk])


class ExampleText(models.Model):
    """The search table, filled by a job that follows imports and edits. Rows of old revisions are filled anew."""

    example = models.OneToOneField(Example, models.CASCADE, primary_key=True, related_name="search")
    task_id = models.BigIntegerField()
    revision = models.PositiveIntegerField()
    words = SearchVectorField()
    start = models.CharField(max_length=300, blank=True, help_text="How it begins; pg_trgm finds parts of words in it.")

    class Meta:
        indexes = [
            GinIndex(fields=["words"], name="example_words"),
            GinIndex(fields=["start"], name="example_start_trgm", opclasses=["gin_trgm_ops"]),
            models.Index(fields=["task_id", "example"], name="example_text_task"),
        ]

    def __str__(self) -> str:
        return f"search of {self.example_id}"


class ExampleVector(models.Model):
    """Where an accepted example lies among the others, for neighbours: hashed n-grams, unit length."""

    example = models.OneToOneField(Example, models.CASCADE, primary_key=True, related_name="vector")
    task_id = models.BigIntegerField(db_index=True)
    revision = models.PositiveIntegerField()
    vector = HalfVectorField(dimensions=NEIGHBOUR_DIMENSIONS)

    class Meta:
        indexes = [HnswIndex(fields=["vector"], name="example_vector_hnsw", opclasses=["halfvec_cosine_ops"])]

    def __str__(self) -> str:
        return f"vector of {self.example_id}"


class BulkChange(models.Model):
    """One action on many examples, with what it changed, so that it can be undone."""

    task = models.ForeignKey(Task, models.CASCADE, related_name="bulk_changes")
    action = models.CharField(max_length=24)
    facts = models.JSONField(default=dict)
    examples = models.PositiveIntegerField(default=0)
    # [[example id, what stood there before], …] per changed field
    before = models.JSONField(default=dict)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now, editable=False)
    undone_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.action} of {self.examples}"
