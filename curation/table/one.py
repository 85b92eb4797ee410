"""What the page of one example shows: its text, answers that this person may see, where it came from, its history."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from django.urls import NoReverseMatch, reverse

from curation import answers
from curation.content import Content, ContentError, load
from curation.incoming import without_outputs
from curation.models import Annotation, Example, Slot, Task, User
from curation.table.history import Entry, history
from curation.table.pages import answered
from curation.working import Part, provenance, reading

SO_FAR = "Output so far"  # what the page of annotation calls it
SHOWN = ("submitted", "returned", "accepted", "declined", "late", "skipped")


@dataclass
class One:
    """One example for one person. Curators see all answers; others their own, and of gold only what they answered."""

    example: Example
    task: Task
    user: User
    curator: bool

    @cached_property
    def hidden(self) -> bool:
        """Whether its answer is kept from this person: a gold example that she may still be asked."""
        if self.curator or self.example.gold is None:
            return False
        return self.example.pk not in answered(self.user, [self.example.pk])

    @cached_property
    def content(self) -> Content:
        try:
            found = load(self.example.content)
        except ContentError:
            return Content("single")
        return without_outputs(found) if self.hidden else found

    @property
    def parts(self) -> list[Part]:
        return [replace(one, label="Output") if one.label == SO_FAR else one for one in reading(self.content)]

    @cached_property
    def form(self) -> answers.Form:
        return answers.load_form(self.task.form)

    def _shown(self, answer: dict[str, Any] | None) -> list[Any]:
        return answers.shown_answer(self.form, answer or {}, self.content)

    @property
    def accepted(self) -> list[Any]:
        return [] if self.example.answer is None or self.hidden else self._shown(self.example.answer)

    @property
    def gold(self) -> list[Any]:
        return self._shown(self.example.gold) if self.curator and self.example.gold is not None else []

    @property
    def suggestion(self) -> list[Any]:
        given = (self.example.suggestion or {}).get("answer")
        return self._shown(given) if given else []

    @cached_property
    def annotations(self) -> list[Annotation]:
        found = Annotation.objects.filter(example=self.example, state__in=SHOWN).select_related("annotator")
        if not self.curator:
            found = found.filter(annotator=self.user)
        return list(found.order_by("submitted_at", "pk"))

    @property
    def given(self) -> list[tuple[Annotation, list[Any]]]:
        return [(one, self._shown(one.answer) if one.state != "skipped" else []) for one in self.annotations]

    @cached_property
    def in_work(self) -> int:
        return Slot.objects.filter(example=self.example, state="claimed", gold=False).count()

    @property
    def state(self) -> str:
        return "deleted" if self.example.deleted_at else self.example.state

    # --- where it came from ---

    @property
    def lineage(self) -> list[str]:
        said = provenance(self.example)
        rank = (self.example.lineage or {}).get("rank")
        return [*said, f"rank {rank:,}"] if isinstance(rank, int) else said

    @property
    def run_url(self) -> str:
        return self._url("run", (self.example.lineage or {}).get("run"))

    @property
    def import_url(self) -> str:
        return self._url("example_import", self.example.incoming_id)

    def _url(self, name: str, number: Any) -> str:
        if not isinstance(number, int):
            return ""
        try:
            return reverse(name, args=[number])
        except NoReverseMatch:
            return ""

    @cached_property
    def history(self) -> list[Entry]:
        return history(self.example, self.user, curator=self.curator, hide=self.hidden)
