"""Tasks, examples and answers for tests, made without the pages."""

from typing import Any

from curation.actions import queue
from curation.actions.adding import NewExample, add_examples
from curation.content import Content
from curation.models import Annotation, Example, Membership, Role, Task, Team, User

OUTPUT = {"name": "output", "kind": "text", "title": "Output", "role": "output", "required": True, "options": {}}
LABEL = {
    "name": "label", "kind": "labels", "title": "Label", "role": "output", "required": True,
    "options": {"labels": ["yes", "no", "maybe"]},
}  # fmt: skip
RATING = {
    "name": "clarity", "kind": "rating", "title": "Clarity", "role": "meta", "required": False,
    "options": {},
}  # fmt: skip


def task(team: Team, *, name: str = "Ward letters", form: list[dict[str, Any]] | None = None, **fields: Any) -> Task:
    definition = fields.pop("definition", "Summarise the letter for the patient.")
    return Task.objects.create(team=team, name=name, definition=definition, form=form or [OUTPUT], **fields)


def examples(task: Task, count: int, *, by: User | None = None, **fields: Any) -> list[Example]:
    """`count` examples in the queue; `fields` go to every NewExample (suggestion, gold, answer, tags …)."""
    start = task.examples.count()
    rows = [
        NewExample(
            Content("single", instruction="Summarise the letter.", input=f"Dear Dr Hall, letter number {number}."),
            key=f"letter-{number}", source="letters", **fields,
        )
        for number in range(start, start + count)
    ]  # fmt: skip
    add_examples(task=task, rows=rows, by=by, origin=Example.Origin.HAND)
    return list(task.examples.order_by("pk"))[-count:]


def person(team: Team, name: str, role: Role = Role.ANNOTATOR) -> User:
    made = User.objects.create(email=f"{name.lower()}@example.org", name=name)
    Membership.objects.create(team=team, user=made, role=role)
    return made


def submitted(task: Task, user: User, answer: dict[str, Any], **kwargs: Any) -> Annotation:
    """The person takes the next example and answers it."""
    found = queue.next_item(task=task, user=user)
    assert found is not None, f"nothing left for {user}"
    return queue.submit(annotation=found, by=user, version=found.version, answer=answer, **kwargs).annotation
