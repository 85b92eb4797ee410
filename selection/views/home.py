"""The first page of a team."""

from django.http import HttpRequest, HttpResponse

from config.http import page, see_other
from config.policy import members, reads
from curation import queries_people
from selection import access
from selection.actions import sample
from selection.queries import home as queries
from selection.views.shared import frame


@reads
def team_home(request: HttpRequest, slug: str) -> HttpResponse:
    team = access.team(request.user, slug)  # type: ignore[arg-type]
    request.session["team"] = team.slug  # the start page leads back here
    now = queries_people.now(team, request.user)  # type: ignore[arg-type]
    return page(request, "curation/home.html", queries.home(team) | frame(team) | {"now": now}, part="work")


@members
def team_sample(request: HttpRequest, slug: str) -> HttpResponse:
    """Load the sample data."""
    team = access.team(request.user, slug, access.CURATE)  # type: ignore[arg-type]
    if request.method == "POST":
        return see_other(sample.load(team=team, by=request.user).get_absolute_url())  # type: ignore[arg-type]
    return see_other(team.get_absolute_url())
