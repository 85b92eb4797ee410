"""Schedules for tests of other areas."""

from curation.actions import schedules as actions
from curation.actions.schedules import When
from tests.datasets import made as datasets


def nightly(team, by):
    """A schedule that freezes a dataset each night."""
    dataset = datasets.dataset(team, datasets.source(datasets.task(team, 3, name="For schedules")), name="Each night")
    return actions.create(
        team=team, by=by, name="Nightly", kind="dataset", when=When("0 2 * * *"),
        settings={"dataset": dataset.pk, "formats": [], "only_changed": True},
    )  # fmt: skip
