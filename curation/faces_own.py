"""The faces of this app's kinds of jobs."""

from collections.abc import Sequence
from dataclasses import replace

from django.db import models
from django.urls import reverse

from curation.actions import fetches, generations, imports
from curation.faces import Face, Thing, by_param, deed, register
from curation.generators import GENERATORS
from curation.models import (
    AlertDelivery,
    Collection,
    DatasetExport,
    DatasetVersion,
    Endpoint,
    ExampleImport,
    Generation,
    HubFetch,
    Push,
    Task,
)
from jobs.models import Job, Step


def _generation(row: Generation) -> Thing:
    title = GENERATORS[row.generator].title if row.generator in GENERATORS else row.generator
    what = f"Preview of {title}" if row.preview else title
    return Thing(
        f"{what} for {row.task}", row.get_absolute_url(), row.prompt_tokens + row.completion_tokens, row.spent,
        row.endpoint.currency, row.failed, reverse("generation_errors", args=[row.pk]),
    )  # fmt: skip


def _task(row: Task) -> Thing:
    return Thing(str(row), row.get_absolute_url())


def _generations() -> "models.QuerySet[Generation]":
    return Generation.objects.select_related("task__team", "job")


def _imports() -> "models.QuerySet[ExampleImport]":
    return ExampleImport.objects.select_related("task__team", "job")


def _fetches() -> "models.QuerySet[HubFetch]":
    return HubFetch.objects.select_related("team", "job")


_tested = by_param(Endpoint.objects.all, "endpoint", lambda row: Thing(row.name, reverse("endpoint", args=[row.pk])))


def _tests(rows: Sequence[Job]) -> dict[int, Thing]:
    """A test that ran to its end may have found that the endpoint cannot be used."""
    results = Step.objects.filter(job__in=rows, state=Step.State.DONE).values_list("job_id", "result")
    failed = {job for job, result in results if (result or {}).get("ok") is False}
    return {pk: replace(thing, bad="Test not passed") if pk in failed else thing for pk, thing in _tested(rows).items()}


tasks = by_param(Task.objects.all, "task", _task)
of_generation = by_param(lambda: Generation.objects.select_related("task", "endpoint"), "generation", _generation)

register(
    "generation.run",
    Face(
        "Generation",
        of_generation,
        deed(_generations, "generation", generations.cancel),
        deed(_generations, "generation", generations.resume),
        deed(_generations, "generation", generations.retry_failed),
    ),
)
register(
    "candidates.arrange",
    Face("Groups of candidates", by_param(
        lambda: Generation.objects.select_related("task"), "generation",
        lambda row: Thing(f"Candidates of generation {row.pk} for {row.task}", row.get_absolute_url()),
    )),
)  # fmt: skip
register(
    "examples.import",
    Face("Import", by_param(
        lambda: ExampleImport.objects.select_related("task"), "import",
        lambda row: Thing(f"{row.name} into {row.task}", reverse("example_import", args=[row.pk])),
    ), deed(_imports, "import", imports.cancel_import, "import_"), deed(_imports, "import", imports.resume_import, "import_")),
)  # fmt: skip
register(
    "endpoint.test",
    Face("Test of an endpoint", _tests),
)
register("task.rearrange", Face("Order of a queue", tasks))
register("examples.search", Face("Search of examples", tasks))
register(
    "collection.import",
    Face("Import", by_param(
        Collection.objects.all, "collection", lambda row: Thing(str(row), row.get_absolute_url())
    )),
)  # fmt: skip
register(
    "dataset.freeze",
    Face("Version of a dataset", by_param(
        lambda: DatasetVersion.objects.select_related("dataset"), "version",
        lambda row: Thing(f"Version {row.number} of {row.dataset}", row.get_absolute_url()),
    )),
)  # fmt: skip
register(
    "dataset.export",
    Face("Export of a dataset", by_param(
        lambda: DatasetExport.objects.select_related("version__dataset"), "export",
        lambda row: Thing(f"{row.format} of {row.version.dataset}", row.version.get_absolute_url()),
    )),
)  # fmt: skip
register(
    "dataset.push",
    Face("Push to the hub", by_param(
        lambda: Push.objects.select_related("version__dataset"), "push",
        lambda row: Thing(f"{row.version} to {row.repo}", f"{row.version.get_absolute_url()}#hub"),
    )),
)  # fmt: skip


register(
    fetches.FETCH,
    Face("Rows from the hub", by_param(
        HubFetch.objects.all, "fetch", lambda row: Thing(f"{row} into a {row.into}", row.get_absolute_url())
    ), deed(_fetches, "fetch", fetches.cancel), deed(_fetches, "fetch", fetches.resume)),
)  # fmt: skip
register(
    "schedule.alert",
    Face("Alert", by_param(
        lambda: AlertDelivery.objects.select_related("firing__schedule"), "delivery",
        lambda row: Thing(f"about {row.firing.schedule}", reverse("schedule", args=[row.firing.schedule_id])),
    )),
)  # fmt: skip
