"""What all items of a task share on the annotation page, kept in each process until the task changes.

The key holds the task's version and the number of its guidelines, so a change is seen at the next item without a message
between processes.
"""

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any

from curation.fences import Block, blocks
from curation.models import Guideline, Task

MOST = 64  # tasks whose sheets a process keeps


@dataclass(frozen=True)
class Shown:
    """A demonstration, cut into prose and code."""

    kind: str
    input: list[Block]
    output: list[Block]
    explanation: str


class Sheet:
    """Form, definition, guidelines and demonstrations of a task, read when first asked for."""

    def __init__(self, task: Task, number: int) -> None:
        self.task, self.number = task, number

    @cached_property
    def form(self) -> Any:
        from curation import answers

        return answers.load_form(self.task.form)

    @cached_property
    def definition(self) -> list[Block]:
        return blocks(self.task.definition)

    @cached_property
    def avoid(self) -> str:
        return self.task.avoid.strip()

    @cached_property
    def demonstrations(self) -> list[Shown]:
        return [
            Shown(one.kind, blocks(one.input), blocks(one.output), one.explanation)
            for one in self.task.demonstrations.all()[:20]
        ]

    @cached_property
    def guideline(self) -> Guideline | None:
        return Guideline.objects.filter(task_id=self.task.pk, number=self.number).first() if self.number else None

    @cached_property
    def guidelines(self) -> Any:
        """The guidelines as rendered Markdown."""
        from config.markdown import render

        return render(self.guideline.text if self.guideline else "")

    @cached_property
    def is_small(self) -> bool:
        """Whether one answer can suit many examples: what must be answered is chosen, not written."""
        return all(field.kind in ("labels", "rating") for field in self.form if field.required)

    @cached_property
    def in_the_form(self) -> frozenset[str]:
        """Parts of an example that fields of the form show themselves, so that they are not read twice."""
        shown: set[str] = set()
        for field in self.form:
            if field.kind in ("pair", "ranking") or (field.kind == "text" and field.options["start"]):
                shown.add("output")
            elif field.kind == "spans":
                shown.add(field.options["of"])
            elif field.kind == "dialogue" and field.options["start"]:
                shown |= {"system", "instruction", "input", "turns", "output"}
        return frozenset(shown)


_kept: OrderedDict[tuple[int, int, int], Sheet] = OrderedDict()
_lock = Lock()


def sheet(task: Task, number: int) -> Sheet:
    """The sheet of a task with its guidelines of that number (0 = none)."""
    key = (task.pk, task.version, number)
    with _lock:
        found = _kept.get(key)
        if found is not None:
            _kept.move_to_end(key)
            return found
        found = _kept[key] = Sheet(task, number)
        while len(_kept) > MOST:
            _kept.popitem(last=False)
    return found


def forget() -> None:
    """Empty the store; for tests, whose tasks come and go with the same numbers."""
    with _lock:
        _kept.clear()
