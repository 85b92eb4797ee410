"""What the frame of every page shows: the person's teams, the navigation, the work in progress."""

from functools import cache
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from curation.models import Team
from jobs.models import Job

NAV = [
    ("Home", "team_home", "home"),
    ("Tasks", "tasks", "task"),
    ("Pools", "pools", "pool"),
    ("Targets", "targets", "target"),
    ("Runs", "runs", "run"),
    ("Synthesis", "generations", "synthesis"),
    ("Datasets", "datasets", "dataset"),
    ("Schedules", "schedules", "clock"),
    ("Team", "team_members", "team"),
]

# What else lies below an entry of the navigation, by the word that begins its path.
ALSO = {
    "pools": ("/imports/",),
    "runs": ("/saes/",),
    "generations": ("/endpoints/", "/candidates/"),
    "datasets": ("/collections/", "/pushes/"),
    "tasks": ("/examples/", "/annotations/", "/example-imports/"),
}


def frame(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"team": None, "teams": [], "nav": [], "running_jobs": 0}
    team: Team | None = getattr(request, "team", None)

    # Asked for by the frame alone: a part of a page that htmx swaps pays for none of it.
    @cache
    def teams() -> list[Team]:
        return list(Team.objects.for_user(user).order_by("name"))

    @cache
    def running() -> int:
        return Job.objects.filter(lane=team.lane, state__in=["queued", "running"]).count() if team else 0

    @cache
    def nav() -> list[dict[str, Any]]:
        return _nav(request, team) if team else []

    return {"team": team, "teams": teams, "nav": nav, "running_jobs": running}


def _nav(request: HttpRequest, team: Team) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    for label, name, icon in NAV:
        try:
            url = reverse(name, args=[team.slug])
        except NoReverseMatch:
            continue
        entries.append({"label": label, "url": url, "icon": icon, "name": name})
    # An object's page lives under /pools/7/; the section is current when its word begins the path.
    path = request.path
    for entry in entries:
        word = f"/{entry['name'].removeprefix('team_')}/"
        words = (word, *ALSO.get(entry["name"], ()))
        entry["current"] = path == entry["url"] or (entry["name"] != "team_home" and any(one in path for one in words))
    return entries
