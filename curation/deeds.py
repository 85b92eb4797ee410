"""The record in words: what each action of the audit is called, after the name of who did it.

Other apps register their own actions from `ready()`.
"""

from typing import Any

SAYS: dict[str, str] = {
    "team.created": "made the team",
    "team.renamed": "renamed the team",
    "member.joined": "joined the team",
    "member.role": "changed a member's role",
    "member.removed": "ended a membership",
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
    "endpoint.created": "added the model endpoint",
    "endpoint.changed": "changed the model endpoint",
    "endpoint.tested": "tested the model endpoint",
    "endpoint.archived": "archived the model endpoint",
    "spending.limited": "set the spending limit",
    "generation.started": "started a generation",
    "generation.cancelled": "cancelled a generation",
    "generation.resumed": "resumed a generation",
    "generation.retried": "asked again what failed in a generation",
    "prompt.written": "wrote the prompt",
    "job.cancelled": "stopped work in the background:",
    "job.resumed": "resumed work in the background:",
    "candidates.dropped": "dropped candidates",
    "candidates.rescued": "rescued candidates",
    "candidates.undone": "took back a decision on candidates",
    "candidates.accepted": "took candidates into the queue",
}


def register(words: dict[str, str]) -> None:
    SAYS.update(words)


def says(action: str) -> str:
    """`run.started` → started; an action without words is its own name."""
    return SAYS.get(action, action.replace(".", " ").replace("_", " "))


def names(facts: dict[str, Any]) -> str:
    """What the deed was done to, if the record says its name."""
    name = facts.get("name")
    return str(name) if name else ""
