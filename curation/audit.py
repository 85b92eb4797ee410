"""`audit(...)`: one call in each action, inside its transaction."""

from typing import Any

from django.db import connection, models

from curation.models import AuditEvent, Team, User


def audit(
    action: str, *, actor: User | None, team: Team | None, target: models.Model | None = None, **facts: Any
) -> None:
    """Write one line of the record. `facts` are JSON values: numbers, names, never the text of an example."""
    if not connection.in_atomic_block:
        raise RuntimeError("audit() belongs into the transaction of the action")
    AuditEvent.objects.create(
        action=action,
        actor_id=actor.pk if actor else None,
        actor_name=str(actor) if actor else "",
        team_id=team.pk if team else None,
        target=f"{target._meta.label_lower}:{target.pk}" if target is not None else "",
        facts=facts,
    )
