"""Versions of the prompts of a task."""

from curation.models import PromptVersion, Task


def latest(task: Task) -> dict[tuple[str, str], PromptVersion]:
    """The newest version of each template that has one, by generator and name."""
    rows = PromptVersion.objects.filter(task=task).order_by("generator", "name", "-number")
    return {(row.generator, row.name): row for row in rows.distinct("generator", "name").select_related("by")}


def versions(task: Task, generator: str, name: str) -> list[PromptVersion]:
    """Newest first."""
    rows = PromptVersion.objects.filter(task=task, generator=generator, name=name)
    return list(rows.select_related("by").order_by("-number"))
