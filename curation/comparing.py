"""One example under review: its answers side by side, what differs between them, and how far they agree."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any

from django.db.models import Avg, Count

from curation import answers
from curation.actions import accepting, queue, reviewing
from curation.content import Content, load
from curation.models import Annotation, Example, ExampleEvent, Task, User
from curation.sheets import Sheet, sheet
from curation.working import Part, provenance, reading

BY_WORDS = ("text", "json", "dialogue")  # kinds that are compared word by word
BY_COUNT = ("labels", "rating")
CHOOSABLE = ("submitted", "late")
DECISIONS = ("accepted", "rejected", "reopened", "returned", "reverted")


@dataclass(frozen=True, slots=True)
class Cell:
    """One field of one answer, beside the same field of the answer it is compared with."""

    shown: answers.Shown
    before: str  # the text it is compared with
    differs: bool

    @property
    def by_words(self) -> bool:
        return self.differs and not self.shown.empty and self.shown.field.kind in BY_WORDS

    @property
    def title(self) -> str:
        return self.shown.field.title


@dataclass(frozen=True, slots=True)
class Column:
    """One answer. `key` chooses it; `gold` is what its author reached on examples with a known answer."""

    annotation: Annotation
    cells: list[Cell]
    picked: bool
    choosable: bool
    most: bool  # most like the others
    key: str
    gold: float | None
    golds: int
    behind: bool  # given to an earlier revision than the example has now

    @property
    def differs(self) -> bool:
        return any(cell.differs for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Agreed:
    """How far the answers agree on one field: who said what, or a likeness from 0 to 1."""

    title: str
    said: list[tuple[str, int]]
    likeness: float | None


@dataclass
class Comparison:
    """What the review page shows of one example."""

    example: Example
    task: Task
    pick: int | None = None  # the answer that the reviewer chose
    editing: bool = False
    posted: dict[str, Any] | None = None  # what stands in the form of an edit
    problems: list[Any] = field(default_factory=list)
    asking: str = ""  # "return" or "reject": its form stands open, without a script
    feedback: str = ""
    wrong: str = ""  # what is missing in that form

    @cached_property
    def sheet(self) -> Sheet:
        return sheet(self.task, queue.latest_guidelines(self.task))

    @property
    def form(self) -> answers.Form:
        form: answers.Form = self.sheet.form
        return form

    @cached_property
    def content(self) -> Content:
        return load(self.example.content)

    @cached_property
    def parts(self) -> list[Part]:
        # The input stays, though a form may show it too: the answers are read against it.
        without = self.sheet.in_the_form & {"output"}
        return reading(self.content, without | {"output"} if self.example.suggestion or self.decided else without)

    @property
    def lineage(self) -> list[str]:
        return provenance(self.example)

    # --- answers ---

    @cached_property
    def everything(self) -> list[Annotation]:
        found = self.example.annotations.select_related("annotator").order_by("submitted_at", "pk")
        return list(found)

    @property
    def seen(self) -> str:
        return reviewing.mark(self.everything)

    @cached_property
    def given(self) -> list[Annotation]:
        """The answers that are shown. A draft is its author's alone."""
        return [one for one in self.everything if one.state in ("submitted", "late", "accepted", "declined")]

    @property
    def choosable(self) -> list[Annotation]:
        open_ = self.example.state in accepting.OPEN_STATES
        return [one for one in self.given if one.state == "late" or (open_ and one.state == "submitted")]

    @cached_property
    def skips(self) -> list[Annotation]:
        return [one for one in self.everything if one.state == "skipped"]

    @cached_property
    def returned(self) -> list[Annotation]:
        return [one for one in self.everything if one.state == "returned"]

    @property
    def in_work(self) -> int:
        return sum(1 for one in self.everything if one.state == "draft")

    @cached_property
    def _agreement(self) -> tuple[float | None, Annotation | None]:
        counting = [one for one in self.given if one.state != "late"]
        if not counting:
            return None, None
        agreed, best = accepting.agreement(self.task, counting)
        return agreed, best

    @property
    def agreement(self) -> float | None:
        return self._agreement[0]

    @cached_property
    def picked(self) -> Annotation | None:
        """The chosen answer; else the one that is most like the others."""
        chosen = next((one for one in self.given if one.pk == self.pick), None)
        taken = next((one for one in self.given if one.state == "accepted"), None)
        return chosen or taken or self._agreement[1] or next(iter(self.given), None)

    @property
    def takes(self) -> bool:
        """Whether the picked answer can be accepted now."""
        return self.picked is not None and self.picked in self.choosable

    @cached_property
    def columns(self) -> list[Column]:
        golds = self._golds()
        base = self._texts(self.picked.answer) if self.picked else {}
        best = self._agreement[1] if self.agreement is not None else None
        columns = []
        for number, one in enumerate(self.given, 1):
            gold, golds_ = golds.get(one.annotator_id, (None, 0))
            columns.append(
                Column(
                    annotation=one, cells=self._cells(one, base), picked=one == self.picked, most=one == best,
                    choosable=one in self.choosable, key=str(number) if number < 10 else "", gold=gold, golds=golds_,
                    behind=one.revision < self.example.revision and one.state in CHOOSABLE,
                )
            )  # fmt: skip
        return columns

    def _golds(self) -> dict[int, tuple[float, int]]:
        people = {one.annotator_id for one in self.given}
        rows = (
            Annotation.objects.filter(task=self.task, annotator__in=people, gold_score__isnull=False)
            .values_list("annotator").annotate(Avg("gold_score"), Count("pk"))
        )  # fmt: skip
        return {who: (mean, count) for who, mean, count in rows}

    def _texts(self, answer: Mapping[str, Any]) -> dict[str, str]:
        return {one.name: answers.text_of(one, answer.get(one.name)) for one in self.form}

    def _cells(self, one: Annotation, base: dict[str, str]) -> list[Cell]:
        shown = answers.shown_answer(self.form, one.answer, self.content)
        return [Cell(cell, base.get(cell.field.name, ""), cell.text != base.get(cell.field.name, "")) for cell in shown]

    @cached_property
    def agreed(self) -> list[Agreed]:
        """Per field, where several people answered."""
        counting = [one for one in self.given if one.state != "late"]
        if len(counting) < 2:
            return []
        return [self._agreed(one, counting) for one in self.form]

    def _agreed(self, one: answers.Field, counting: list[Annotation]) -> Agreed:
        if one.kind in BY_COUNT:
            said: Counter[str] = Counter()
            for annotation in counting:
                text = answers.text_of(one, annotation.answer.get(one.name))
                said[text or "not answered"] += 1
            return Agreed(one.title, said.most_common(8), None)
        alone = answers.Form((one,))
        pairs = [answers.likeness(alone, a.answer, b.answer) for a, b in combinations(counting, 2)]
        return Agreed(one.title, [], sum(pairs) / len(pairs))

    # --- editing ---

    @cached_property
    def widgets(self) -> list[Any]:
        answer = self.posted
        if answer is None:
            answer = self.picked.answer if self.picked else (self.example.suggestion or {}).get("answer") or {}
        return answers.widgets(self.form, answer, self.content, tuple(self.problems))

    # --- what was decided ---

    @cached_property
    def decision(self) -> tuple[ExampleEvent, User | None] | None:
        """The last decision on it, and who took it (nobody: a rule)."""
        event = ExampleEvent.objects.filter(example_id=self.example.pk, kind__in=DECISIONS).order_by("-pk").first()
        if event is None:
            return None
        return event, User.objects.filter(pk=event.actor_id).first() if event.actor_id else None

    @property
    def decided(self) -> bool:
        return self.example.state not in accepting.OPEN_STATES
