"""What the annotation page shows: one item with its reading and its writing side, and what there is when none is left."""

import secrets
from collections import abc
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.functional import cached_property

from curation.content import Content, jsontext, load
from curation.fences import Block, blocks
from curation.models import Annotation, Example, Slot, Task, TaskMember, User
from curation.sheets import Sheet, sheet

READ_LIMIT = 12_000  # characters of one part that stand there at first; the rest is behind a fold


@dataclass(frozen=True, slots=True)
class Part:
    """A labelled stretch of the example: instruction, input, a turn."""

    label: str
    blocks: list[Block]
    role: str = ""


@dataclass
class Writing:
    """What the person has written so far, as it came with a request or as it was saved."""

    answer: dict[str, Any]
    note: str = ""
    key: str = ""
    version: int = 0
    seconds: float = 0.0
    sure: bool = False


@dataclass
class Item:
    """One annotation as the page shows it. Problems, faults and conflicts come from the request that failed."""

    annotation: Annotation
    task: Task
    user: User
    writing: Writing
    problems: list[Any] = field(default_factory=list)
    unchanged: bool = False  # the suggestion was submitted as it is, without the tick
    other: Writing | None = None  # what is saved, where it is not what was posted
    changes: bool = False  # the differences from the suggestion are shown
    readonly: bool = False

    @cached_property
    def sheet(self) -> Sheet:
        return sheet(self.task, self.task.latest_guidelines)  # type: ignore[attr-defined]

    @cached_property
    def content(self) -> Content:
        return load(self.annotation.example.content)

    @cached_property
    def place(self) -> TaskMember | None:
        """The person's row on the task; the queue hands it along with an item."""
        handed: TaskMember | None = getattr(self.annotation, "place", None)
        return handed or TaskMember.objects.filter(task=self.task, user=self.user).first()

    # --- reading ---

    @cached_property
    def parts(self) -> list[Part]:
        without = self.sheet.in_the_form
        return reading(self.content, without | {"output"} if self.suggested else without)

    @property
    def lineage(self) -> list[str]:
        return provenance(self.annotation.example)

    @property
    def guidelines_changed(self) -> bool:
        seen = self.place.guidelines_seen if self.place else 0
        return self.sheet.number > seen

    @cached_property
    def guidelines_before(self) -> str | None:
        """The text that she read last, if she read an earlier one."""
        seen = self.place.guidelines_seen if self.place else 0
        if not 0 < seen < self.sheet.number:
            return None
        return self.task.guidelines.filter(number=seen).values_list("text", flat=True).first()

    # --- writing ---

    @cached_property
    def suggested(self) -> dict[str, Any] | None:
        """The suggested answer, if there is one that is not empty."""
        return (self.annotation.suggested or {}).get("answer") or None

    @property
    def suggestion_line(self) -> str:
        from curation import answers

        return answers.summary(self.sheet.form, self.suggested, 300)

    @property
    def suggested_by(self) -> str:
        return str((self.annotation.suggested or {}).get("by") or "")

    @property
    def suggested_score(self) -> float | None:
        score = (self.annotation.suggested or {}).get("score")
        return float(score) if isinstance(score, int | float) else None

    @property
    def is_suggestion(self) -> bool:
        """Whether what stands in the form is the suggestion, unchanged."""
        from curation import answers

        return self.suggested is not None and answers.same(self.sheet.form, self.suggested, self.writing.answer)

    @cached_property
    def widgets(self) -> list[Any]:
        from curation import answers

        return answers.widgets(self.sheet.form, self.writing.answer, self.content, tuple(self.problems))

    @cached_property
    def shown(self) -> list[Any]:
        from curation import answers

        return answers.shown_answer(self.sheet.form, self.writing.answer, self.content)

    def differences(self, before: abc.Mapping[str, Any], after: abc.Mapping[str, Any]) -> list[tuple[str, str, str]]:
        """(title, text before, text after) of every field that differs."""
        from curation import answers

        found = []
        for one in self.sheet.form:
            old, new = (answers.text_of(one, side.get(one.name)) for side in (before, after))
            if old != new:
                found.append((one.title or one.name, old, new))
        return found

    @property
    def from_suggestion(self) -> list[tuple[str, str, str]]:
        return self.differences(self.suggested or {}, self.writing.answer)

    @property
    def from_other(self) -> list[tuple[str, str, str]]:
        return self.differences(self.other.answer, self.writing.answer) if self.other else []

    # --- time ---

    @cached_property
    def ends(self) -> datetime | None:
        """When her claim of this example ends; None: she holds none."""
        if hasattr(self.annotation, "held_until"):
            return self.annotation.held_until
        held = Slot.objects.filter(example=self.annotation.example_id, annotator=self.user, state="claimed")
        return held.values_list("expires_at", flat=True).first()

    @property
    def left(self) -> int | None:
        """Whole seconds until the place goes back into the queue; None: it is not held."""
        return None if self.ends is None else max(0, round((self.ends - timezone.now()).total_seconds()))

    @property
    def today(self) -> int:
        return today(self.task, self.place)


def begin(annotation: Annotation, task: Task, user: User) -> Item:
    """The item as it is opened: what was saved, else the suggestion, else an empty form."""
    saved = annotation.saved_at is not None or annotation.state != Annotation.State.DRAFT
    answer = annotation.answer if saved else (annotation.suggested or {}).get("answer") or {}
    writing = Writing(answer or {}, annotation.note, new_key(), annotation.version)
    return Item(annotation, task, user, writing)


def form_of(task: Task) -> Any:
    """The answer form of a task that was reached through `access.work`."""
    return sheet(task, task.latest_guidelines).form  # type: ignore[attr-defined]


def bulk_widgets(task: Task, answer: dict[str, Any], problems: list[Any]) -> list[Any]:
    """The fields for one answer to several examples: nothing in them begins with the content of one of them."""
    from curation import answers

    return answers.widgets(form_of(task), answer, Content("single"), tuple(problems))


def new_key() -> str:
    """The key of one rendered form: a submit that comes twice is recognised by it."""
    return secrets.token_urlsafe(12)


def today(task: Task, place: TaskMember | None) -> int:
    """Answers of this person today, by the calendar of the team."""
    if place is None or place.day != timezone.now().astimezone(ZoneInfo(task.team.time_zone)).date():
        return 0
    return place.today


def reading(content: Content, without: abc.Set[str] = frozenset()) -> list[Part]:
    """The parts of an example in the order in which they are read; empty ones are left out, and those of `without`."""
    found = [
        (name.capitalize(), getattr(content, name), "")
        for name in ("system", "instruction", "input") if name not in without
    ]  # fmt: skip
    for turn in content.messages if "turns" not in without else ():
        found.append((turn.role.capitalize(), turn.text, turn.role))
        for name in ("tool_calls", "function_call"):
            if turn.extra and turn.extra.get(name):
                call = jsontext.dumps(turn.extra[name])
                found.append((f"{turn.role.capitalize()}: call", f"```json\n{call}\n```", turn.role))
    if "output" not in without:
        many = len(content.outputs) > 1
        found += [(f"Output {n}" if many else "Output so far", text, "") for n, text in enumerate(content.outputs, 1)]
    return [Part(label, blocks(text), role) for label, text, role in found if text]


def provenance(example: Example) -> list[str]:
    """Where an example came from, in few words: `from open-pool`, `zipfit, run 41`, `score .312`."""
    said, facts = [], example.lineage or {}
    if facts.get("pool_name"):
        said.append(f"from {facts['pool_name']}")
    elif facts.get("file"):
        said.append(
            f"from {facts['file']}" + (f", line {facts['line']:,}" if isinstance(facts.get("line"), int) else "")
        )
    elif example.source:
        said.append(f"from {example.source}")
    if facts.get("run_number") or facts.get("run"):
        number = facts.get("run_number") or facts.get("run")  # of the run, which is no rank
        said.append(f"{facts['method']}, run {number}" if facts.get("method") else f"run {number}")
    if isinstance(facts.get("score"), int | float):
        said.append(f"score {facts['score']:.3f}".replace(" 0.", " ."))
    if example.why_now:
        said.append(example.why_now)
    return said


@dataclass(frozen=True, slots=True)
class Rest:
    """Why there is nothing for this person now, and what is left of the task."""

    why: str  # paused, not_assigned, none, done, others or yours
    examples: int
    waiting: int  # examples that still want answers
    held: int  # places that others hold now
    free: int  # places that are free, all of examples that she had
    mine: int  # her answers in all
    today: int
    frees_at: datetime | None  # when the first place of the others is free at the latest


def rest(task: Task, user: User, why: Any = None) -> Rest:
    """Counted only on the page that says that nothing is left."""
    slots = Slot.objects.filter(task=task, gold=False)
    held = slots.filter(state="claimed").exclude(annotator=user)
    examples = Example.objects.alive().filter(task=task, gold_only=False)
    place = TaskMember.objects.filter(task=task, user=user).first()
    free = slots.filter(state="free", example__deleted_at=None)
    facts: dict[str, Any] = {
        "examples": examples.count(), "waiting": examples.filter(state="open").count(), "held": held.count(),
        "free": free.count(), "mine": place.submitted if place else 0, "today": today(task, place),
        "frees_at": held.order_by("expires_at").values_list("expires_at", flat=True).first(),
    }  # fmt: skip
    if why is not None:
        reason = why.code.removeprefix("queue.")
    elif not facts["examples"]:
        reason = "none"
    elif facts["held"]:
        reason = "others"
    else:
        reason = "yours" if facts["free"] else "done"
    return Rest(why=reason, **facts)


PAGE = 50


def my_work(task: Task, user: User, before: int | None = None) -> dict[str, Any]:
    """Her annotations of a task: returned, unfinished, late, skipped, and what she submitted, newest first.

    `before`: the number of the last annotation of the page before.
    """
    sides = Annotation.objects.filter(task=task, annotator=user, example__deleted_at=None).select_related("example")
    done = sides.filter(state__in=["submitted", "accepted", "declined"]).order_by("-pk")
    if before is not None:
        done = done.filter(pk__lt=before)
    page = list(done[: PAGE + 1])
    place = TaskMember.objects.filter(task=task, user=user).first()
    return {
        "returned": _told(task, sides.filter(state="returned").order_by("-submitted_at")[:PAGE]),
        "unfinished": _told(task, sides.filter(state="draft", saved_at__isnull=False).order_by("-started_at")[:PAGE]),
        "late": _told(task, sides.filter(state="late").order_by("-submitted_at")[:PAGE]),
        "skipped": _told(task, sides.filter(state="skipped").order_by("-submitted_at")[:PAGE]),
        "done": _told(task, page[:PAGE]),
        "following": page[PAGE - 1].pk if len(page) > PAGE else None,
        "later": before is not None,
        "count_today": today(task, place),
        "goal": place.daily_goal if place else 0,
    }


@dataclass(frozen=True, slots=True)
class Line:
    """One annotation in a list: what was asked, in one line, and what was answered."""

    annotation: Annotation
    asked: str
    answered: str


def _told(task: Task, annotations: abc.Iterable[Annotation]) -> list[Line]:
    from curation import answers

    form = answers.load_form(task.form)
    return [
        Line(one, asked(load(one.example.content)), answers.summary(form, one.answer, 160) if one.answer else "")
        for one in annotations
    ]


def asked(content: Content, limit: int = 160) -> str:
    """How an example begins: of a single one its input, else its instruction; of a chat the last turn of the user."""
    said = [turn.text for turn in content.messages if turn.role == "user"]
    text = content.input or content.instruction or (said[-1] if said else "")
    return " ".join(text[: 4 * limit].split())[:limit]
