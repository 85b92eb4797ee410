"""Who a token is."""

from typing import Any

from django.http import HttpRequest
from ninja import Router

from curation import access
from curation.api import schemas

router = Router(tags=["Token"])


@router.get("/me", response=schemas.Me, summary="Who the token is")
def who_am_i(request: HttpRequest) -> dict[str, Any]:
    """The person, team, role and scopes of the token: a good first call."""
    token = request.token  # type: ignore[attr-defined]
    mine = access.membership(token.user, token.team_id, access.VIEW)
    return {
        "user": str(token.user), "email": token.user.email, "team": mine.team.name, "team_slug": mine.team.slug,
        "role": mine.role, "scopes": token.scopes, "expires_at": token.expires_at,
    }  # fmt: skip
