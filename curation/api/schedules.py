"""Schedules: listed, paused, started at once; and what became of their firings."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status

from curation import access, scheduling
from curation.actions import schedules as actions
from curation.api import schemas
from curation.api.paging import keyset
from curation.api.shared import SCHEDULES, team_of, user_of
from jobs import schedules as engine
from jobs.models import Firing, Schedule

router = Router(tags=["Schedules"])
ONE = "/schedules/{int:schedule_id}"


class ScheduleOut(Schema):
    id: int
    name: str
    kind: str
    settings: dict[str, Any]
    trigger: str
    cron: str
    time_zone: str
    watched: int | None
    every: int | None
    grown: int | None
    overlap: str
    paused: bool
    next_at: datetime | None
    created_at: datetime


class MadeOut(Schema):
    title: str
    url: str


class FiringOut(Schema):
    id: int
    due_at: datetime
    state: str
    asked: bool
    missed: int
    job: int | None
    made: list[MadeOut]
    error_code: str
    error: str
    fired_at: datetime
    ended_at: datetime | None


def schedule_row(row: Schedule) -> dict[str, Any]:
    count = None if row.by_time else engine.count_of(row)
    return {
        "id": row.pk, "name": row.name, "kind": row.kind, "settings": row.settings, "trigger": row.trigger,
        "cron": row.cron, "time_zone": row.zone, "watched": row.watched, "every": row.every,
        "grown": None if count is None else max(0, count - row.counted), "overlap": row.overlap,
        "paused": row.is_paused, "next_at": row.next_at, "created_at": row.created_at,
    }  # fmt: skip


def firing_row(row: Firing) -> dict[str, Any]:
    kind = scheduling.kind_of(row.schedule)
    words = " ".join(part for part in (row.error_title, row.error_what, row.error_advice) if part)
    return {
        "id": row.pk, "due_at": row.due_at, "state": row.state, "asked": row.asked, "missed": row.missed,
        "job": row.job_id, "made": [{"title": one.title, "url": one.url} for one in kind.made(row)] if kind else [],
        "error_code": row.error_code, "error": words, "fired_at": row.fired_at, "ended_at": row.ended_at,
    }  # fmt: skip


@router.get("/schedules", response=schemas.Page[ScheduleOut], summary="List schedules")
def list_schedules(request: HttpRequest, filters: Query[schemas.Paged]) -> dict[str, Any]:
    """Oldest first. `grown`: how many have come since it last ran, of a schedule that waits for rows or examples."""
    rows = Schedule.objects.alive().filter(lane=team_of(request).lane)
    return keyset(rows, by="pk", limit=filters.limit, after=filters.after, show=schedule_row)


@router.get(ONE, response=ScheduleOut, summary="Get a schedule")
def get_schedule(request: HttpRequest, schedule_id: int) -> dict[str, Any]:
    return schedule_row(access.schedule(user_of(request), schedule_id))


@router.get(f"{ONE}/firings", response=schemas.Page[FiringOut], summary="List what a schedule started")
def list_firings(request: HttpRequest, schedule_id: int, filters: Query[schemas.Paged]) -> dict[str, Any]:
    """Newest first. `made`: the runs, versions and generations; `missed`: later due times that it stands for too."""
    found = access.schedule(user_of(request), schedule_id)
    rows = Firing.objects.filter(schedule=found).select_related("schedule")
    return keyset(rows, by="pk", limit=filters.limit, after=filters.after, show=firing_row, down=True)


@router.post(f"{ONE}/pause", response=ScheduleOut, auth=SCHEDULES, summary="Pause a schedule")
def pause_schedule(request: HttpRequest, schedule_id: int) -> dict[str, Any]:
    """Nothing starts until it goes on; what runs is not touched. A paused one stays as it is."""
    found = access.schedule(user_of(request), schedule_id, access.CURATE)
    actions.pause(schedule=found, team=found.team, by=user_of(request))  # type: ignore[attr-defined]
    return schedule_row(found)


@router.post(f"{ONE}/resume", response=ScheduleOut, auth=SCHEDULES, summary="Let a schedule go on")
def resume_schedule(request: HttpRequest, schedule_id: int) -> dict[str, Any]:
    """From now on: what was due during the pause is not made up."""
    found = access.schedule(user_of(request), schedule_id, access.CURATE)
    actions.resume(schedule=found, team=found.team, by=user_of(request))  # type: ignore[attr-defined]
    return schedule_row(found)


@router.post(f"{ONE}/run", response={201: FiringOut}, auth=SCHEDULES, summary="Run a schedule now")
def run_schedule(request: HttpRequest, schedule_id: int) -> Status[dict[str, Any]]:
    """Whether paused or not. Refused with 409 while one runs, unless the schedule lets the next one wait."""
    found = access.schedule(user_of(request), schedule_id, access.CURATE)
    firing = actions.run_now(schedule=found, team=found.team, by=user_of(request))  # type: ignore[attr-defined]
    return Status(201, firing_row(firing))
