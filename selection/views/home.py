"""The first page of a team."""

from django.http import HttpRequest, HttpResponse

from config.http import page
from config.policy import reads
from selection import access
from selection.queries import home as queries
from selection.views.shared import frame


@reads
def team_home(request: HttpRequest, slug: str) -> HttpResponse:
    team = access.team(request.user, slug)  # type: ignore[arg-type]
    request.session["team"] = team.slug  # the start page leads back here
    return page(request, "curation/home.html", queries.home(team) | frame(team), part="work")
