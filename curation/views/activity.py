"""What a team did: the feed for its members, the record for its owners."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.utils.dateparse import parse_datetime

from config.http import page
from config.policy import reads
from curation import access, queries_activity
from curation.formats import stream_rows
from curation.models import Team
from curation.queries_activity import RECORD_COLUMNS, Search, Wish
from curation.views.files import send
from curation.views.shared import team_frame


@reads
def team_activity(request: HttpRequest, slug: str) -> HttpResponse:
    """Work summed up by the hour, and deeds. No text of an example or an answer is in it: answers are blind."""
    team = access.team(request.user, slug)  # type: ignore[arg-type]
    query = request.GET
    wish = Wish(_number(query.get("person")), _number(query.get("task")), _time(query.get("before", "")))
    context = team_frame(team) | queries_activity.activity(team, wish)
    return page(request, "curation/activity.html", context, part="feed")


@reads
def team_audit(request: HttpRequest, slug: str) -> HttpResponseBase:
    """The record of management deeds; `?as=csv` sends it as a file."""
    team = access.team(request.user, slug, access.OWN)  # type: ignore[arg-type]
    search = _search(request.GET, team)
    if request.GET.get("as") == "csv":
        rows = queries_activity.record_rows(team, search)
        return send(request, stream_rows("csv", rows, RECORD_COLUMNS), f"{team.slug}-audit", "csv")
    context = team_frame(team) | queries_activity.record_page(team, search, _after(request.GET.get("after", "")))
    given: dict[str, Any] = {"since": request.GET.get("since", ""), "until": request.GET.get("until", "")}
    return page(request, "curation/audit.html", context | {"given": given, "zone": team.time_zone}, part="record")


def _search(query: QueryDict, team: Team) -> Search:
    """Days are those of the team's calendar; one that cannot be read is left out."""
    zone = ZoneInfo(team.time_zone)
    days: list[datetime | None] = []
    for name in ("since", "until"):
        try:
            day = date.fromisoformat(query.get(name, ""))
            days.append(datetime(day.year, day.month, day.day, tzinfo=zone))
        except ValueError:
            days.append(None)
    return Search(query.get("action", "").replace("\0", "")[:60], _number(query.get("person")), days[0], days[1])


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 19 else None


def _time(text: str) -> datetime | None:
    try:
        at = parse_datetime(text)
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None


def _after(text: str) -> tuple[datetime, int] | None:
    time, _, number = text.rpartition("_")
    at, pk = _time(time), _number(number)
    return (at, pk) if at and pk else None
