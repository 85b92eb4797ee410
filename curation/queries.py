"""Page-shaped reads."""

from typing import Any

from curation.deeds import told
from curation.models import ApiToken, AuditEvent, Invitation, Role, Team
from curation.queries_people import lately


def members_page(team: Team) -> dict[str, Any]:
    order = {role.value: -role.rank for role in Role}
    found = sorted(team.memberships.select_related("user"), key=lambda m: (order[m.role], str(m.user).lower()))
    did = lately(team, found)
    events = list(AuditEvent.objects.filter(team_id=team.pk).order_by("-at", "-pk")[:20])
    words = told(events)
    return {
        "members": [(member, did[member.user_id]) for member in found],
        "invitations": Invitation.objects.open().filter(team=team).select_related("made_by").order_by("-created_at"),
        "events": [
            {"says": words[event.pk][0], "name": words[event.pk][1], "by": event.actor_name, "at": event.at}
            for event in events
        ],
        "roles": list(Role),
    }


def tokens_page(team: Team, user: Any) -> dict[str, Any]:
    """Tokens that are not revoked, newest first: one's own, and for owners those of the others."""
    found = ApiToken.objects.filter(team=team, revoked_at=None).select_related("user").order_by("-created_at", "-pk")
    owns = team.mine.may(Role.OWNER)  # type: ignore[attr-defined]
    tokens = list(found if owns else found.filter(user=user))
    return {
        "mine": [token for token in tokens if token.user_id == user.pk],
        "others": [token for token in tokens if token.user_id != user.pk],
        "role": team.mine.get_role_display().lower(),  # type: ignore[attr-defined]
    }
