"""What the page of a task's order shows."""

from dataclasses import dataclass
from typing import Any

from curation.content import load, render
from curation.models import Example, Slot, Task
from jobs.queries import progress
from selection.methods import METHODS
from selection.models import Ordering
from selection.running.snapshot import open_examples

SHOWN = 12  # of the queue
EXCERPT = 160


@dataclass(frozen=True, slots=True)
class Choice:
    """One order that a person may choose. `held`: why not now, "" where it may be."""

    name: str
    title: str
    text: str
    held: str = ""


WORDS = {
    "first_come": ("As they came in", "No example goes before another. Right when all of them will be annotated anyway."),
    "random": ("Random", "One order by chance, the same for everybody. What is annotated is a fair sample at any time."),
    "vote_k": (
        "What stands for most others (vote-k)",
        ("Examples that many others resemble come first, and none that an earlier one already stands for. Good when "
        "only a part will be annotated and the answers are to serve for all."),
    ),
    "ideal": (
        "What reaches most others (IDEAL)",
        ("The same purpose, looking further than direct neighbours: from one to the next, the first examples reach most "
        "of the rest."),
    ),
    "uncertainty": (
        "What a model is least sure of (uncertainty)",
        ("A small language model answers each example several times; where its answers differ most comes first. About a second "
        "an example on one core."),
    ),
    "answers": (
        "Where answers differ",
        "Where the suggestion and the answers given so far are furthest apart comes first. Good for a second look.",
    ),
}  # fmt: skip


def choices(task: Task, rows: int) -> list[Choice]:
    """All orders, those that need more examples or fewer held back with the reason."""
    found = []
    for name, (title, text) in WORDS.items():
        held = ""
        most = getattr(METHODS[name], "max_rows", None) if name in METHODS else None
        if name not in ("first_come", "random") and rows < 2:
            held = "Needs at least two open examples."
        elif most is not None and rows > most:
            held = f"Sees at most {most:,} examples at once."
        found.append(Choice(name, title, text, held))
    return found


def order_page(task: Task) -> dict[str, Any]:
    """The last order with its job, the one that stands, what came since, and the head of the queue."""
    orders = Ordering.objects.filter(task=task).select_related("job", "by").defer("before")
    last = orders.first()
    stands = orders.filter(applied_at__isnull=False, undone_at=None).first()
    rows = open_examples(task).count()
    job = last.job if last is not None and last.job is not None else None
    shown = job if job is not None and job.state != job.State.SUCCEEDED else None
    return {
        "last": last, "stands": stands, "open": rows, "job": shown, "passes": progress(shown) if shown else [],
        "arrived": _arrived(task, stands), "choices": choices(task, rows), "head": head(task),
    }  # fmt: skip


def _arrived(task: Task, stands: Ordering | None) -> int:
    """Open examples that came after the order that stands was made."""
    return open_examples(task).filter(pk__gt=stands.newest).count() if stands is not None else 0


@dataclass(frozen=True, slots=True)
class Next:
    """One line of the head of the queue."""

    example: Example
    excerpt: str


def head(task: Task) -> list[Next]:
    """The examples that people get next, each once."""
    slots = Slot.objects.filter(task=task, state="free", gold=False).order_by("order", "id")
    ids = list(dict.fromkeys(slots.values_list("example_id", flat=True)[: SHOWN * 20]))[:SHOWN]
    found = Example.objects.in_bulk(ids)
    return [Next(found[pk], _begin(found[pk])) for pk in ids if pk in found]


def _begin(example: Example) -> str:
    content = load(example.content)
    text = " ".join(
        (content.input if content.kind == "single" and content.input else render(content, "prompt")).split()
    )
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT].rstrip()} …"
