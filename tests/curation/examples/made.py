"""Tasks and examples for tests."""

from typing import Any

from curation.actions.adding import Added, NewExample, add_examples
from curation.content import Content
from curation.models import Example, Task, Team, User

TEXT_FORM = [{"name": "output", "kind": "text", "title": "Answer", "role": "output", "required": True, "options": {}}]


def task(team: Team, name: str = "Ward letters", **more: Any) -> Task:
    return Task.objects.create(team=team, name=name, **({"form": TEXT_FORM} | more))


def content(number: int | str, output: str = "") -> Content:
    return Content("single", f"Summarise letter {number}.", f"Body {number}", (output,) if output else ())


def add(to: Task, rows: list[NewExample], by: User | None = None, origin: str = "hand", **more: Any) -> Added:
    return add_examples(task=to, rows=rows, by=by, origin=origin, **more)


def some(to: Task, count: int, **more: Any) -> list[Example]:
    """Open examples with the keys k0, k1, …"""
    add(to, [NewExample(content(n), key=f"k{n}", **more) for n in range(count)])
    return list(Example.objects.filter(task=to).order_by("pk"))
