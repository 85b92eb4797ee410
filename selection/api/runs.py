"""Runs: listed, started, cancelled; and what they picked."""

from datetime import datetime
from typing import Any, Literal

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from ninja import Field, Query, Router, Schema, Status

from curation import access as doors
from curation.actions.adding import Added
from curation.api import schemas
from curation.api.errors import Invalid
from curation.api.paging import keyset
from curation.api.shared import RUNS, team_of, user_of
from curation.models import Team
from selection import access, test_sets
from selection.actions import runs as actions
from selection.actions import send as sending
from selection.methods import METHODS, Budget, Options, ParamsError, params_dict, parse_params
from selection.models import Pick, Run

router = Router(tags=["Runs"])
JobState = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class RunOut(Schema):
    id: int
    number: int = Field(description="Counts up within the team.")
    pool: int
    target: int | None
    method: str
    params: dict[str, Any]
    budget: str
    options: dict[str, Any]
    seed: int
    state: str
    error: str | None = Field(description="Why it failed, and what to do.")
    rows: int = Field(description="Rows that it looked through.")
    picks: int
    created_at: datetime


class RunBody(schemas.Input):
    pool: int
    target: int | None = Field(None, description="Needed by every method that looks for rows like a target.")
    method: str = Field(max_length=40, description="Such as zipfit, bm25, runs or random.")
    budget: str = Field("1000", max_length=24, description="Rows (1000), a share (5%) or tokens (200000tok).")
    params: dict[str, Any] = Field(
        default_factory=dict, description="Of the method; its page in the documentation lists them."
    )
    options: dict[str, Any] = Field(
        default_factory=dict,
        description="Source cap, duplicates, length, test sets (decontaminate: ids of targets), and so on; the page of "
        "methods lists them.",
    )
    seed: int = Field(0, ge=0, le=2**62)


class RunFilters(schemas.Paged):
    state: JobState | None = None
    pool: int | None = None


class SendBody(schemas.Input):
    task: int
    top: int = Field(ge=1, description="How many picks, from the top.")
    outputs_as: Literal["suggestion", "accepted", "drop"] = Field(
        "suggestion", description="What the outputs of the picks become for the task."
    )
    order: Literal["", "vote_k", "ideal", "uncertainty"] = Field(
        "", description="How the task's queue is put in order afterwards; empty leaves it as it is."
    )


class SentOut(Schema):
    added: int | None = Field(description="Examples that came in; null while a job sends them.")
    known: int | None = Field(description="Picks whose key the task had; they were left as they are.")
    job: int | None = Field(description="The job that sends them, where they are more than 5,000.")


class PickOut(Schema):
    rank: int
    key: str
    score: float | None
    source: str
    chars: int
    excerpt: str
    reason: list[Any] = Field(description="Why it was picked, as the method says.")


def run_row(run: Run) -> dict[str, Any]:
    job = run.job
    failed = job is not None and job.state == "failed"
    return {
        "id": run.pk, "number": run.number, "pool": run.pool_id, "target": run.target_id, "method": run.method,
        "params": run.params, "budget": run.budget, "options": run.options, "seed": run.seed,
        "state": job.state if job else "queued", "error": f"{job.error_what} {job.error_advice}" if failed else None,  # type: ignore[union-attr]
        "rows": run.rows, "picks": run.picks_count, "created_at": run.created_at,
    }  # fmt: skip


@router.get("/runs", response=schemas.Page[RunOut], summary="List runs")
def list_runs(request: HttpRequest, filters: Query[RunFilters]) -> dict[str, Any]:
    """Newest first."""
    rows: QuerySet[Run] = Run.objects.of(team_of(request))
    if filters.state is not None:
        rows = rows.filter(job__state=filters.state)
    if filters.pool is not None:
        rows = rows.filter(pool=filters.pool)
    return keyset(rows, by="pk", limit=filters.limit, after=filters.after, show=run_row, down=True)


@router.post("/runs", response={201: RunOut}, auth=RUNS, summary="Start a run")
def start_run(request: HttpRequest, body: RunBody) -> Status[dict[str, Any]]:
    """Starts in the background; get the run to see its state."""
    user, team = user_of(request), team_of(request, access.CURATE)
    pool = named("pool", lambda: access.pool(user, body.pool, access.CURATE))
    target = None
    if body.target is not None:
        number = body.target
        target = named("target", lambda: access.target(user, number, access.CURATE))
    method = METHODS.get(body.method)
    if method is None:
        raise Invalid("method", f"There is no method {body.method}.", f"The methods are {', '.join(METHODS)}.")
    if method.needs_target and target is None:
        raise Invalid("target", f"{method.title} looks for rows like a target.", "Send one, or take the method random.")
    run = actions.start(
        team=team, by=user, pool=pool, target=target, method=method.name, method_version=method.version,
        params=_parsed("params", method.Params, body.params), options=_options(team, body.options),
        budget=_budget(body.budget), seed=body.seed,
    )  # fmt: skip
    return Status(201, run_row(run))


def named(place: str, find: Any) -> Any:
    """An object that the body names: what is not there is a wrong value, not a wrong address."""
    try:
        return find()
    except Http404:
        raise Invalid(
            place, f"There is no {place} with this id in the team.", f"List the {place}s to see their ids."
        ) from None


def _parsed(place: str, kind: type, raw: dict[str, Any]) -> dict[str, Any]:
    try:
        return params_dict(parse_params(kind, raw))
    except ParamsError as error:
        raise Invalid(f"{place}.{error.field}"[:200], f"{place}.{error.field} {error.why}.") from None


def _options(team: Team, raw: dict[str, Any]) -> dict[str, Any]:
    """`decontaminate` may be a list of ids, too."""
    listed = raw.get(test_sets.OPTION)
    if isinstance(listed, list | int) and not isinstance(listed, bool):
        raw = raw | {test_sets.OPTION: ",".join(map(str, listed if isinstance(listed, list) else [listed]))}
    options = _parsed("options", Options, raw)
    try:
        return options | {test_sets.OPTION: test_sets.named(team, options[test_sets.OPTION])}
    except ParamsError as error:
        raise Invalid(f"options.{error.field}", f"options.{error.field} {error.why}.", "List the targets.") from None


def _budget(text: str) -> str:
    try:
        return str(Budget.parse(text))
    except ParamsError as error:
        raise Invalid("budget", f"budget {error.why}.", "Send 1000, 5% or 200000tok.") from None


@router.get("/runs/{int:run_id}", response=RunOut, summary="Get a run")
def get_run(request: HttpRequest, run_id: int) -> dict[str, Any]:
    return run_row(access.run(user_of(request), run_id))


@router.post("/runs/{int:run_id}/cancel", response=RunOut, auth=RUNS, summary="Cancel a run")
def cancel_run(request: HttpRequest, run_id: int) -> dict[str, Any]:
    """It stops within seconds. A run that has ended stays as it is."""
    user = user_of(request)
    actions.cancel(run=access.run(user, run_id, access.CURATE), by=user)
    return run_row(access.run(user, run_id))


@router.get("/runs/{int:run_id}/picks", response=schemas.Page[PickOut], summary="List the picks of a run")
def list_picks(request: HttpRequest, run_id: int, filters: Query[schemas.Paged]) -> dict[str, Any]:
    """By rank, the best first. Empty until the run has succeeded."""
    run = access.run(user_of(request), run_id)
    return keyset(
        Pick.objects.filter(run=run), by="rank", limit=filters.limit, after=filters.after, show=lambda one: one
    )


@router.post("/runs/{int:run_id}/send", response=SentOut, auth=RUNS, summary="Send picks to a task")
def send_picks(request: HttpRequest, run_id: int, body: SendBody) -> dict[str, Any]:
    """The first `top` picks become examples that know where they came from. Keys that the task has are left as they are."""
    user = user_of(request)
    run = access.run(user, run_id, access.CURATE)
    task = named("task", lambda: doors.task(user, body.task, access.CURATE))
    if body.top > run.picks_count:
        raise Invalid("top", f"top is {body.top:,}, and the run has {run.picks_count:,} picks.")
    done = sending.send(run=run, task=task, by=user, top=body.top, outputs_as=body.outputs_as, order=body.order)
    if isinstance(done, Added):
        return {"added": done.good, "known": done.known, "job": None}
    return {"added": None, "known": None, "job": done.pk}
