"""The sample tasks for a team that wants to look around first."""

from django.db import transaction

from curation.actions.adding import NewExample, add_examples
from curation.audit import audit
from curation.content import Mapping, read
from curation.models import Demonstration, Example, Guideline, Task, Team, User
from curation.sample.tasks import SampleTask, tasks

MAPPING = Mapping(instruction="instruction", input="input")


def load_tasks(*, team: Team, by: User | None) -> list[Task]:
    """A task for each sample; one of that name stays as it is."""
    return [made for sample in tasks() if (made := _load(team, by, sample)) is not None]


@transaction.atomic
def _load(team: Team, by: User | None, sample: SampleTask) -> Task | None:
    if Task.objects.of(team).filter(name__iexact=sample.name).exists():
        return None
    task = Task.objects.create(
        team=team, created_by=by, name=sample.name, definition=sample.definition, avoid=sample.avoid,
        categories=list(sample.categories), input_languages=["English"], output_languages=["English"],
        licence="CC0-1.0", form=sample.form, **sample.settings,
    )  # fmt: skip
    Guideline.objects.create(task=task, number=1, text=sample.guidelines, by=by)
    Demonstration.objects.bulk_create(
        Demonstration(task=task, kind=kind, position=position, input=input_, output=output, explanation=why)
        for position, (kind, input_, output, why) in enumerate(sample.demonstrations)
    )
    add_examples(task=task, rows=_rows(sample), by=by, origin=Example.Origin.FILE)
    audit("task.created", actor=by, team=team, target=task, name=task.name)
    return task


def _rows(sample: SampleTask) -> list[NewExample]:
    made = []
    for row in sample.examples:
        suggested, gold = sample.suggest.get(row["id"]), sample.gold.get(row["id"])
        made.append(
            NewExample(
                read(row, MAPPING), key=row["id"], source=row["source"], lineage={"file": "Winnow's sample"},
                suggestion={"answer": suggested, "by": "the first sentence"} if suggested else None, gold=gold,
                gold_only=gold is not None,
            )
        )  # fmt: skip
    return made
