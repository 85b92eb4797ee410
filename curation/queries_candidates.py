"""What the page of a run's candidates shows: a page of them in groups of like ones, what can be chosen, figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.db import connection
from django.db.models import Count, F, Q, QuerySet
from django.http import QueryDict

from config import plots
from curation.actions.candidates import content_of
from curation.models import Candidate, Generation

PAGE = 50
STATES = {"in": "Kept and rescued", "kept": "Kept", "rescued": "Rescued", "dropped": "Dropped", "taken": "In the queue"}
EDGES = (0, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
MOST = 40  # labels and filters that are offered
COMPARED = 6_000  # characters of two texts that are compared word by word; longer ones stand as they are
State = Candidate.State

FIGURES = """
SELECT width_bucket(chars, %(edges)s::int[]), count(*), count(*) FILTER (WHERE state <> 'dropped')
FROM curation_candidate WHERE generation_id = %(generation)s AND chars IS NOT NULL GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for; what cannot be read is left out."""

    state: str = ""
    reason: str = ""
    label: str = ""
    least: int | None = None
    most: int | None = None

    @property
    def query(self) -> str:
        return urlencode({name: value for name, value in self.as_dict.items() if value not in ("", None)})

    @property
    def as_dict(self) -> dict[str, Any]:
        return {
            "state": self.state, "reason": self.reason, "label": self.label, "least": self.least, "most": self.most,
        }  # fmt: skip

    @property
    def any(self) -> bool:
        return bool(self.query)


def read(given: QueryDict) -> Asked:
    def number(name: str) -> int | None:
        text = given.get(name, "").strip()
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else None

    state = given.get("state", "")
    words = {name: given.get(name, "").replace("\0", "").strip()[:80] for name in ("reason", "label")}
    return Asked(state if state in STATES else "", **words, least=number("least"), most=number("most"))


def chosen(generation: Generation, ask: Asked) -> "QuerySet[Candidate]":
    """In the order of the page."""
    rows = Candidate.objects.filter(generation=generation)
    if ask.state == "in":
        rows = rows.exclude(state=State.DROPPED)
    elif ask.state == "taken":
        rows = rows.exclude(accepted_at=None)
    elif ask.state:
        rows = rows.filter(state=ask.state)
    if ask.reason:
        rows = rows.filter(verdicts__contains=[{"filter": ask.reason, "passed": False}])
    if ask.label:
        rows = rows.filter(label=ask.label)
    if ask.least is not None:
        rows = rows.filter(chars__gte=ask.least)
    if ask.most is not None:
        rows = rows.filter(chars__lte=ask.most)
    return rows.order_by(F("place").asc(nulls_last=True), "pk")


@dataclass(frozen=True, slots=True)
class Part:
    """A labelled text; `before`: that of the group's first, where it differs and both are short enough to compare."""

    label: str
    text: str
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What a filter or a person said of a candidate."""

    filter: str
    state: str  # passed, failed, flagged
    reason: str
    value: str
    threshold: str

    @property
    def title(self) -> str:
        return self.filter.replace("_", " ")

    @property
    def measured(self) -> str:
        """`0.91, threshold 0.8`."""
        return f"{self.value}, threshold {self.threshold}" if self.value and self.threshold else self.value


@dataclass(slots=True)
class Row:
    candidate: Candidate
    parts: list[Part]
    is_first: bool
    said: list[Said] = field(default_factory=list)  # what did not pass

    @property
    def same(self) -> bool:
        """Word for word what the first of its group says."""
        return not self.is_first and not any(part.before is not None for part in self.parts)


@dataclass(slots=True)
class Group:
    """Like candidates that stand on this page. `size` and `kept` count the whole run."""

    first: int
    size: int
    kept: int
    rows: list[Row]
    begins: bool  # its first stands on this page, at its head

    @property
    def dropped(self) -> int:
        return self.size - self.kept


def candidates_page(generation: Generation, ask: Asked, number: int) -> dict[str, Any]:
    """Groups of one page, from 1, and the pages around it."""
    rows = chosen(generation, ask)
    count = rows.count()
    last = max(1, -(-count // PAGE))
    number = min(max(1, number), last)
    found = list(rows[(number - 1) * PAGE : number * PAGE])
    return {
        "groups": _groups(generation, found), "count": count, "number": number, "last": last, "ask": ask,
        "shared": _shared(found), "before": number - 1, "after": number + 1 if number < last else 0,
        "from_row": (number - 1) * PAGE + 1, "to_row": (number - 1) * PAGE + len(found),
    }  # fmt: skip


def of_group(generation: Generation, alike: int) -> list[int]:
    """The ids of all candidates of a group, those on other pages too."""
    return list(Candidate.objects.filter(generation=generation, alike=alike).values_list("pk", flat=True))


def _groups(generation: Generation, found: list[Candidate]) -> list[Group]:
    heads = {one.alike for one in found if one.alike is not None}
    own = {one.pk: one for one in found}
    firsts = own | {one.pk: one for one in Candidate.objects.filter(generation=generation, pk__in=heads - own.keys())}
    sizes = {
        row["alike"]: (row["size"], row["kept"])
        for row in Candidate.objects.filter(generation=generation, alike__in=heads)
        .values("alike")
        .annotate(size=Count("pk"), kept=Count("pk", filter=~Q(state=State.DROPPED)))
    }
    shared = _shared(found)
    groups: list[Group] = []
    for one in found:
        head = one.alike if one.alike is not None else one.pk
        if not groups or groups[-1].first != head:
            size, kept = sizes.get(one.alike, (1, int(one.is_in)))
            groups.append(Group(head, size, kept, [], one.pk == head))
        first = firsts.get(head, one)
        groups[-1].rows.append(Row(one, parts(one, first, shared), one.pk == head, failed(one)))
    return groups


def _shared(found: list[Candidate]) -> str:
    """The instruction that all of a page have: shown once."""
    said = {str(one.content.get("instruction") or "") for one in found}
    return said.pop() if len(said) == 1 and len(found) > 1 else ""


def parts(one: Candidate, first: Candidate | None = None, shared: str = "") -> list[Part]:
    """What a candidate says, part by part, each beside that of the first of its group."""
    mine, other = _texts(one), dict(_texts(first)) if first is not None and first.pk != one.pk else None
    found = []
    for label, text in mine:
        if label == "Instruction" and text == shared:
            continue
        before = other.get(label, "") if other is not None else None
        if before is not None and (before == text or len(before) + len(text) > COMPARED):
            before = None
        found.append(Part(label, text, before))
    return found


def _texts(one: Candidate) -> list[tuple[str, str]]:
    content = content_of(one)
    if content.kind == "chat":
        turns = [("System", content.system)] if content.system else []
        return turns + [(f"{at}. {turn.role.capitalize()}", turn.text) for at, turn in enumerate(content.messages, 1)]
    names: tuple[str, ...]
    if one.pair:
        names = ("Chosen", "Rejected")
    else:
        names = ("Output", *(f"Output {at}" for at in range(2, len(content.outputs) + 1)))
    found = [("Instruction", content.instruction), ("Input", content.input)]
    found += list(zip(names, content.outputs, strict=False))
    return [(label, text) for label, text in found if text]


def said_of(one: Candidate) -> list[Said]:
    return [_said(verdict) for verdict in one.verdicts]


def failed(one: Candidate) -> list[Said]:
    return [_said(verdict) for verdict in one.verdicts if not verdict.get("passed")]


def _said(verdict: Mapping[str, Any]) -> Said:
    state = "passed" if verdict.get("passed") else "flagged" if verdict.get("flag") else "failed"
    return Said(
        str(verdict.get("filter", "")), state, str(verdict.get("reason") or ""), _short(verdict.get("value")),
        _short(verdict.get("threshold")),
    )  # fmt: skip


def _short(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)[:120]


# --- figures and choices ---


def choices(generation: Generation) -> dict[str, Any]:
    """How many of each state, what dropped, the labels; and the plots. Read for whole pages alone."""
    from curation.queries_generations import drops_of

    rows = Candidate.objects.filter(generation=generation)
    counts: dict[str, int] = {row["state"]: row["n"] for row in rows.values("state").annotate(n=Count("pk"))}
    counts["in"] = counts.get("kept", 0) + counts.get("rescued", 0)
    counts["taken"] = rows.exclude(accepted_at=None).count()
    labels = list(
        rows.exclude(label="").values("label").order_by("label")
        .annotate(n=Count("pk"), kept=Count("pk", filter=~Q(state=State.DROPPED)))[:MOST]
    )  # fmt: skip
    return {
        "states": [(name, words, counts[name]) for name, words in STATES.items() if counts.get(name)],
        "waiting": rows.exclude(state=State.DROPPED).filter(accepted_at=None).count(),
        "drops": drops_of(generation)[:MOST], "labels": labels, "lengths": _lengths(generation),
        "label_plot": _label_plot(labels), "arranged": not rows.filter(place=None).exists(),
    }  # fmt: skip


def _lengths(generation: Generation) -> plots.Histogram | None:
    with connection.cursor() as cursor:
        cursor.execute(FIGURES, {"edges": list(EDGES[1:]), "generation": generation.pk})
        found = {min(bucket, len(EDGES) - 2): (every, kept) for bucket, every, kept in cursor.fetchall()}
    if not found:
        return None
    last = max(found) + 2
    every, kept = ([found.get(at, (0, 0))[side] for at in range(last - 1)] for side in (0, 1))
    words = {"pool": "all", "picks": "kept"}
    return plots.histogram(
        "Length of answers", EDGES[:last], pool=every, picks=kept, log=True, unit="characters", height=150, words=words
    )


def _label_plot(labels: Sequence[Mapping[str, Any]]) -> plots.Shares | None:
    if not labels:
        return None
    return plots.source_shares(
        "Labels of the kept", {one["label"]: one["kept"] for one in labels if one["kept"]}, most=8
    )
