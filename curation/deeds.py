"""The record in words: what each action of the audit is called, after the name of who did it, and what it was done to.

Other apps register their own actions and things from `ready()`.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from django.apps import apps

if TYPE_CHECKING:
    from curation.models import AuditEvent

SAYS: dict[str, str] = {
    "team.created": "made the team",
    "team.renamed": "renamed the team to",
    "member.joined": "joined the team",
    "member.role": "changed the role of",
    "member.removed": "ended the membership of",
    "invitation.created": "invited somebody",
    "invitation.revoked": "withdrew an invitation",
    "token.made": "made an API token",
    "token.revoked": "withdrew an API token",
    "task.created": "made a task",
    "task.changed": "changed the settings of",
    "task.form": "changed the answer form of",
    "task.rearranged": "put the queue in order of",
    "task.deleted": "deleted a task",
    "task.restored": "restored a task",
    "task.people": "changed who works on",
    "guidelines.written": "wrote guidelines for",
    "demonstration.added": "added a demonstration to",
    "demonstration.changed": "changed a demonstration of",
    "demonstration.removed": "removed a demonstration of",
    "demonstration.moved": "moved a demonstration of",
    "task.imported": "imported the task",
    "examples.bulk": "changed examples of",
    "examples.bulk_undone": "took back a change of examples of",
    "collection.created": "began the collection",
    "collection.filled": "filled the collection",
    "collection.deleted": "deleted the collection",
    "schedule.created": "made the schedule",
    "schedule.changed": "changed the schedule",
    "schedule.paused": "paused the schedule",
    "schedule.resumed": "let go on the schedule",
    "schedule.run_now": "ran now the schedule",
    "schedule.deleted": "deleted the schedule",
    "dataset.created": "made the dataset",
    "dataset.changed": "changed the dataset",
    "dataset.freeze_started": "began to freeze a version of",
    "dataset.frozen": "froze a version of",
    "dataset.restored": "restored a version of",
    "dataset.described": "described a version of",
    "dataset.version_deleted": "deleted a version of",
    "dataset.deleted": "deleted the dataset",
    "dataset.export_started": "began an export of",
    "dataset.exported": "exported",
    "dataset.push_started": "began a push of",
    "hub.fetch_started": "began an import from the hub,",
    "hub.fetch_cancelled": "stopped the import from the hub",
    "hub.fetch_discarded": "discarded the import from the hub",
    "dataset.pushed": "pushed to the hub:",
    "hub.token_kept": "entered a token of the hub",
    "hub.token_tested": "tested the token of the hub",
    "hub.token_forgotten": "took the token of the hub away",
    "import.started": "started an import",
    "import.finished": "brought in",
    "import.cancelled": "cancelled an import",
    "examples.imported": "brought in examples from",
    "endpoint.created": "added the model endpoint",
    "endpoint.changed": "changed the model endpoint",
    "endpoint.tested": "tested the model endpoint",
    "endpoint.archived": "archived the model endpoint",
    "spending.limited": "set the spending limit",
    "generation.started": "started the generation",
    "generation.cancelled": "cancelled the generation",
    "generation.resumed": "resumed the generation",
    "generation.retried": "asked again what failed in the generation",
    "prompt.written": "wrote the prompt",
    "job.cancelled": "stopped work in the background:",
    "job.resumed": "resumed work in the background:",
    "candidates.dropped": "dropped candidates of",
    "candidates.rescued": "rescued candidates of",
    "candidates.undone": "took back a decision on candidates of",
    "candidates.accepted": "took into the queue candidates of",
}


def register(words: dict[str, str]) -> None:
    SAYS.update(words)


def says(action: str) -> str:
    """`run.started` → started; an action without words is its own name."""
    return SAYS.get(action, action.replace(".", " ").replace("_", " "))


# --- what a deed was done to ---

Names = Callable[[set[int]], dict[int, str]]  # by the keys of the things, in one query
LOOSE_END = re.compile(r"(?:[,:]|,? (?:of|to|for|by|from|named))$")


def column(model: str, path: str) -> Names:
    """The names stand in a column of the things, or of what they belong to."""

    def names(keys: set[int]) -> dict[int, str]:
        rows = apps.get_model(model)._base_manager.filter(pk__in=keys).values_list("pk", path)
        return {pk: str(name) for pk, name in rows}

    return names


def _people(keys: set[int]) -> dict[int, str]:
    rows = apps.get_model("curation.membership")._base_manager.filter(pk__in=keys)
    return {pk: name or email for pk, name, email in rows.values_list("pk", "user__name", "user__email")}


def _generations(keys: set[int]) -> dict[int, str]:
    from curation.generators import GENERATORS

    rows = apps.get_model("curation.generation")._base_manager.filter(pk__in=keys)
    return {
        pk: f"{'preview of ' if preview else ''}{GENERATORS[kind].title if kind in GENERATORS else kind} for {task}"
        for pk, kind, preview, task in rows.values_list("pk", "generator", "preview", "task__name")
    }


THINGS: dict[str, Names] = {
    "curation.task": column("curation.task", "name"),
    "curation.demonstration": column("curation.demonstration", "task__name"),
    "curation.dataset": column("curation.dataset", "name"),
    "curation.membership": _people,
    "curation.generation": _generations,
}


def register_things(names: dict[str, Names]) -> None:
    THINGS.update(names)


def told(events: Iterable["AuditEvent"]) -> dict[int, tuple[str, str]]:
    """(what was done, to what) by the key of the event: one query for each kind of thing that no fact names.

    Where nothing can be named any more the words do not wait for a name: "began an export".
    """
    rows = list(events)
    wanted: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        kind, number = _target(row)
        if number and kind in THINGS and not _named(row):
            wanted[kind].add(number)
    found = {kind: THINGS[kind](keys) for kind, keys in wanted.items()}
    made = {}
    for row in rows:
        kind, number = _target(row)
        to = _named(row) or found.get(kind, {}).get(number, "")
        to += _details(row) if to else ""
        made[row.pk] = (says(row.action) if to else LOOSE_END.sub("", says(row.action)), to)
    return made


def _target(row: "AuditEvent") -> tuple[str, int]:
    kind, _, number = row.target.partition(":")
    return kind, int(number) if number.isdecimal() else 0


def _named(row: "AuditEvent") -> str:
    """What the facts of the line call its object."""
    facts: dict[str, Any] = row.facts
    if row.action.startswith("run.") and facts.get("number"):
        return f"run {facts['number']}"
    if row.action.startswith("hub.fetch_"):
        return str(facts.get("dataset") or "")
    if row.action == "member.joined":  # the object is who did it
        return ""
    renamed = row.action.endswith((".renamed", ".described"))
    return str(facts.get("name") or (facts.get("after") if renamed else "") or "")


def _details(row: "AuditEvent") -> str:
    """Which version, in what format, to where."""
    facts: dict[str, Any] = row.facts
    if row.action == "member.role":
        return f": {facts.get('before')} → {facts.get('after')}"
    if row.action == "run.sent" and facts.get("task"):
        return f" to {facts['task']}"
    if not row.action.startswith("dataset.") or not facts.get("version"):
        return ""
    said = f", version {facts['version']}"
    said += f" from version {facts['of']}" if facts.get("of") else ""
    said += f", as {facts['format']}" if facts.get("format") else ""
    return said + (f", to {facts['repo']}" if facts.get("repo") else "")
