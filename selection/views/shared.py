"""What every page of selection hands to its template."""

from typing import Any

from curation.models import Team
from selection import access


def frame(team: Team) -> dict[str, Any]:
    """The team, and whether this person may change things: templates show only buttons that work."""
    return {"team": team, "may_curate": team.mine.may(access.CURATE)}  # type: ignore[attr-defined]
