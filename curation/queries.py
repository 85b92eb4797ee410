"""Page-shaped reads."""

from typing import Any

from curation.models import AuditEvent, Invitation, Role, Team


def members_page(team: Team) -> dict[str, Any]:
    order = {role.value: -role.rank for role in Role}
    found = sorted(team.memberships.select_related("user"), key=lambda m: (order[m.role], str(m.user).lower()))
    return {
        "members": found,
        "invitations": Invitation.objects.open().filter(team=team).select_related("made_by").order_by("-created_at"),
        "events": [
            {"says": event.action.replace(".", " ").capitalize(), "by": event.actor_name, "at": event.at}
            for event in AuditEvent.objects.filter(team_id=team.pk).order_by("-at", "-pk")[:20]
        ],
        "roles": list(Role),
    }
