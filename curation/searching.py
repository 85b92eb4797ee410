"""Finding examples by their words. The search table follows: it is filled inline for a few, by a job for many."""

from collections.abc import Sequence

from curation.models import Task


def refresh(example_ids: Sequence[int]) -> None:
    """Bring the search rows of these examples up to date, in the caller's transaction."""


def start(task: Task) -> None:
    """Start the job that fills the search table of a task, unless one is open or nothing is missing."""
