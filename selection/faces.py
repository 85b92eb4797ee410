"""The faces of this app's kinds of jobs."""

from django.db import models
from django.urls import reverse

from curation.faces import Face, Thing, by_param, deed, register
from curation.models import Task
from selection.actions import ordering, pools, runs, saes
from selection.actions.browse import KIND as LOOK
from selection.actions.browse import NAMING
from selection.actions.collect import KIND as COLLECT
from selection.actions.send import KIND as SEND
from selection.models import FeatureLook, Import, Ordering, Run, SparseAutoencoder


def _run(row: Run) -> Thing:
    return Thing(f"Run {row.number} on {row.pool}", row.get_absolute_url())


def _runs() -> "models.QuerySet[Run]":
    return Run.objects.select_related("job", "team")


def _imports() -> "models.QuerySet[Import]":
    return Import.objects.select_related("job", "pool__team")


def _saes() -> "models.QuerySet[SparseAutoencoder]":
    return SparseAutoencoder.objects.select_related("job", "team")


of_run = by_param(lambda: Run.objects.select_related("pool"), "run", _run)
of_order = by_param(
    lambda: Ordering.objects.select_related("task").defer("before"), "ordering",
    lambda row: Thing(f"Queue of {row.task}", row.get_absolute_url()),
)  # fmt: skip

register(runs.KIND, Face("Selection", of_run, deed(_runs, "run", runs.cancel), deed(_runs, "run", runs.resume)))
register(
    "pool.import",
    Face("Import", by_param(
        lambda: Import.objects.select_related("pool"), "import",
        lambda row: Thing(f"{row.name} into {row.pool}", row.get_absolute_url()),
    ), deed(_imports, "import", pools.cancel_import, "import_"), deed(_imports, "import", pools.resume_import, "import_")),
)  # fmt: skip
register(
    saes.KIND,
    Face("Sparse autoencoder", by_param(
        SparseAutoencoder.objects.all, "sae", lambda row: Thing(row.name, row.get_absolute_url())
    ), deed(_saes, "sae", saes.cancel), deed(_saes, "sae", saes.resume)),
)  # fmt: skip
register(ordering.KIND, Face("Order of a queue", of_order))
register(ordering.UNDO, Face("Undo of an order", of_order))
register(SEND, Face("Picks for a task", by_param(
    Task.objects.all, "task", lambda row: Thing(f"Picks into {row}", reverse("task", args=[row.pk]))
)))  # fmt: skip
register(COLLECT, Face("Picks for a collection", of_run))
register(LOOK, Face("Features of a run", lambda _: {}))
register(NAMING, Face("Name of a feature", by_param(
    lambda: FeatureLook.objects.select_related("run__pool"), "look", lambda row: _run(row.run)
)))  # fmt: skip
