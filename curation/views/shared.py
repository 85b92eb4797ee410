"""What every page of a task hands to its template."""

from typing import Any

from curation import access
from curation.models import Task, Team


def frame(task: Task) -> dict[str, Any]:
    """The team, the task, and what this person may do: templates show only buttons that work."""
    return team_frame(task.team) | {"task": task}


def team_frame(team: Team) -> dict[str, Any]:
    mine = team.mine  # type: ignore[attr-defined]
    return {"team": team, "may_curate": mine.may(access.CURATE), "may_annotate": mine.may(access.ANNOTATE)}
