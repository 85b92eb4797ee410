"""Prompts of a task: written as new versions, never changed."""

from collections.abc import Mapping
from dataclasses import asdict

from django.db import transaction

from config.faults import Fault
from curation.actions.generations import generator_named
from curation.audit import audit
from curation.generators import PromptError, Template
from curation.models import PromptVersion, Task, User


def own(generator: str, name: str) -> Template:
    """The generator's own template. Raises `Fault` generation.unknown or generation.template."""
    found = generator_named(generator)
    if name not in found.templates:
        raise Fault("generation.template", name=name, why="is not one of this generator")
    return found.templates[name]


@transaction.atomic
def write(
    *, task: Task, by: User, generator: str, name: str, number: int, sections: Mapping[str, str]
) -> PromptVersion | None:
    """A new version after version `number`, which its writer saw; None where nothing differs from it.

    Raises `Fault` generation.template, and prompt.stale where somebody else wrote one meanwhile.
    """
    default = own(generator, name)
    try:
        made = Template.from_dict(sections)
    except PromptError as error:
        place = f" in line {error.line}" if error.line else ""
        raise Fault("generation.template", name=name, why=f"{error.section}{place} {error.why}") from None
    Task.objects.select_for_update(no_key=True).get(pk=task.pk)
    before = newest(task, generator, name)
    if (before.number if before else 0) != number:
        raise Fault("prompt.stale", number=number, newest=before.number if before else 0)
    if made.sha == (before.sha if before else default.sha):
        return None
    row = PromptVersion.objects.create(
        task=task, generator=generator, name=name, number=number + 1, sections=asdict(made), sha=made.sha, by=by
    )
    audit("prompt.written", actor=by, team=task.team, target=row, name=name, generator=generator, number=row.number)
    return row


def newest(task: Task, generator: str, name: str) -> PromptVersion | None:
    return PromptVersion.objects.filter(task=task, generator=generator, name=name).order_by("-number").first()


def edited(task: Task, generator: str) -> dict[str, dict[str, str]]:
    """The newest versions of a task's templates that differ from the generator's own: {name: sections}."""
    templates = generator_named(generator).templates
    rows = PromptVersion.objects.filter(task=task, generator=generator).order_by("name", "-number").distinct("name")
    return {
        row.name: row.sections for row in rows if row.name in templates and row.sha != templates[row.name].sha
    }  # fmt: skip
