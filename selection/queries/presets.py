"""Settings that a team keeps under names."""

from django.db.models import QuerySet

from curation.models import Team
from selection.methods import METHODS
from selection.models import Preset


def of_team(team: Team) -> QuerySet[Preset]:
    """Oldest first; those of a method that is not installed any more are left out."""
    return Preset.objects.filter(team=team, method__in=list(METHODS)).select_related("created_by")


def named(team: Team, number: str) -> Preset | None:
    """The preset of that number, as a page's address names it; None for one of another team."""
    return of_team(team).filter(pk=int(number)).first() if number.isdecimal() and len(number) < 19 else None
