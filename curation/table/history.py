"""The history of one example: every event and every revision, newest first, with what changed from one to the next.

Answers are blind: who may not curate sees what happened to the example, and of answers only her own.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from curation.content import Content, ContentError, jsontext, load
from curation.models import Annotation, Example, ExampleEvent, Revision, User

EVENTS = 200  # the newest of each
REVISIONS = 40
COMPARED = 30_000  # characters of two texts together that are compared word by word

SAYS = {
    "submitted": "answered it",
    "late": "answered it after the place was taken",
    "skipped": "skipped it",
    "unskipped": "took the skip back",
    "returned": "returned an answer to its author",
    "accepted": "accepted an answer",
    "rejected": "rejected it",
    "reopened": "opened it again",
    "edited": "changed its text",
    "reverted": "went back to an earlier revision",
    "tagged": "changed its tags",
    "priority": "changed its priority",
    "wanted": "changed the answers wanted",
    "gold": "marked it as gold",
    "gold_removed": "took the gold mark off",
    "deleted": "deleted it",
    "restored": "restored it",
    "undone": "took a change back",
    "assisted": "asked a language model about the answer",
    "assist_taken": "took a language model's text",
}
ASKED = {
    "repair": "asked a language model to repair the answer", "suggest": "asked a language model for a suggestion",
    "critique": "asked a language model to check the answer", "shorter": "asked a language model for a shorter answer",
    "clearer": "asked a language model for a clearer answer",
}  # fmt: skip
OF_ANSWERS = ("submitted", "late", "skipped", "unskipped", "released", "assisted", "assist_taken")
OF_GOLD = ("gold", "gold_removed")
DEEDS = {
    "add_tag": "a tag", "remove_tag": "a tag", "priority": "the priority", "wanted": "the answers wanted", "gold": "the gold mark",
    "no_gold": "the gold mark",
    "delete": "its deletion", "restore": "its return", "reopen": "its opening", "reject": "its rejection",
}  # fmt: skip
FROM_REVISION = {
    Revision.Why.CAME: "came in",
    Revision.Why.EDITED: "changed its text",
    Revision.Why.ACCEPTED: "accepted an answer",
    Revision.Why.REVERTED: "went back to an earlier revision",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One part before and after; `by_words`: short enough to be compared."""

    label: str
    before: str
    after: str

    @property
    def by_words(self) -> bool:
        return len(self.before) + len(self.after) <= COMPARED


@dataclass
class Entry:
    """One line of the history. `number`: the revision that it wrote; `revert`: one may go back to it."""

    at: datetime
    who: str
    says: str
    kind: str
    note: str = ""
    facts: str = ""
    number: int | None = None
    revert: bool = False
    differences: list[Difference] = field(default_factory=list)


def history(example: Example, user: User, *, curator: bool, hide: bool) -> list[Entry]:
    """Newest first. `hide`: texts of revisions are left out, because they hold an answer this person must not see."""
    events = _events(example, user, curator=curator)
    revisions = list(example.revisions.select_related("by").order_by("-number")[: REVISIONS + 1])
    people = {
        one.pk: str(one) for one in User.objects.filter(pk__in={event.actor_id for event in events if event.actor_id})
    }
    told = {number: _differences(revisions, number) for number in _numbers(revisions)} if not hide else {}
    entries, seen = [], set()
    for event in events:
        number = event.facts.get("revision")
        entry = Entry(event.at, people.get(event.actor_id or 0, "A rule"), _says(event), event.kind)
        entry.note, entry.facts = _more(event)
        if isinstance(number, int) and number in _numbers(revisions):
            _attach(entry, example, number, told)
            seen.add(number)
        entries.append(entry)
    for one in revisions[:REVISIONS]:
        if one.number not in seen and (one.number > 1 or not hide):
            who = "The example" if one.why == Revision.Why.CAME else str(one.by or "A program")
            entry = Entry(one.at, who, FROM_REVISION[Revision.Why(one.why)], one.why)
            _attach(entry, example, one.number, told)
            entries.append(entry)
    if not any(entry.number == 1 for entry in entries):
        entries.append(Entry(example.created_at, "The example", "came in", "came"))
    return sorted(entries, key=lambda one: (one.at, one.number or 0), reverse=True)


def _numbers(revisions: list[Revision]) -> list[int]:
    return [one.number for one in revisions[:REVISIONS]]


def _attach(entry: Entry, example: Example, number: int, told: dict[int, list[Difference]]) -> None:
    entry.number = number
    entry.revert = number != example.revision
    entry.differences = told.get(number, [])


def _events(example: Example, user: User, *, curator: bool) -> list[ExampleEvent]:
    found = ExampleEvent.objects.filter(example_id=example.pk).order_by("-pk")
    if not curator:
        own = list(Annotation.objects.filter(example=example, annotator=user).values_list("pk", flat=True))
        found = found.exclude(kind__in=OF_GOLD).exclude(facts__deed__in=["gold", "no_gold"])
        found = found.exclude(kind__in=[*OF_ANSWERS, "returned"]) | ExampleEvent.objects.filter(
            example_id=example.pk, annotation_id__in=own, kind__in=[*OF_ANSWERS, "returned"]
        )
    return list(found.order_by("-pk")[:EVENTS])


def _says(event: ExampleEvent) -> str:
    if event.kind == "undone":
        return f"took back {DEEDS.get(str(event.facts.get('deed')), 'a change')}"
    if event.kind == "accepted" and event.facts.get("rule"):
        return f"accepted an answer (rule: {str(event.facts['rule']).replace('_', ' ')})"
    if event.kind == "accepted" and event.facts.get("edited"):
        return "accepted an answer, edited"
    if event.kind == "reverted" and event.facts.get("to"):
        return f"went back to revision {event.facts['to']}"
    if event.kind == "assisted":
        return ASKED.get(str(event.facts.get("what")), SAYS["assisted"])
    return SAYS.get(event.kind, event.kind.replace("_", " "))


def _more(event: ExampleEvent) -> tuple[str, str]:
    facts = event.facts
    note = next((str(facts[name]) for name in ("feedback", "reason", "why") if facts.get(name)), "")
    said = [f"{sign}{tag}" for name, sign in (("added", "+ "), ("removed", "− ")) for tag in facts.get(name) or []]
    said += [str(facts[name]) for name in ("priority", "wanted") if event.kind == name and name in facts]
    if event.kind in ("assisted", "assist_taken"):
        said.append(f"{facts.get('model')} at {facts.get('endpoint')}")
    if facts.get("bulk"):
        said.append("with others")
    return note, ", ".join(said)


# --- what changed ---


def _differences(revisions: list[Revision], number: int) -> list[Difference]:
    after = next(one for one in revisions if one.number == number)
    before = next((one for one in revisions if one.number < number), None)
    if before is None:
        return []
    return differences(_content(before.content), _content(after.content))


def _content(raw: Any) -> Content:
    try:
        return load(raw)
    except ContentError:
        return Content("single", instruction=jsontext.dumps(raw))


def labelled(content: Content) -> dict[str, str]:
    """Every part of a content under a name of its own."""
    parts = {"System": content.system, "Instruction": content.instruction, "Input": content.input}
    parts |= {f"Output {n}" if n > 1 else "Output": text for n, text in enumerate(content.outputs, 1)}
    for n, turn in enumerate(content.messages, 1):
        extra = f"\n{jsontext.dumps(dict(turn.extra))}" if turn.extra else ""
        parts[f"Turn {n}"] = f"{turn.role}: {turn.text}{extra}"
    return parts


def differences(before: Content, after: Content) -> list[Difference]:
    """The parts that are not the same in both, in the order in which they are read."""
    old, new = labelled(before), labelled(after)
    names = list(dict.fromkeys([*new, *old]))
    return [
        Difference(name, old.get(name, ""), new.get(name, ""))
        for name in names if old.get(name, "") != new.get(name, "")
    ]  # fmt: skip
