"""Model endpoints and generations: what there is, how far it is, what it took. Keys are shown to nobody."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from curation import access, queries_generations
from curation.actions import generations as actions
from curation.api import schemas
from curation.api.paging import keyset
from curation.api.shared import EXAMPLES, team_of, user_of
from curation.models import Endpoint, Generation

router = Router(tags=["Synthesis"])


class EndpointOut(Schema):
    id: int
    name: str
    kind: str = Field(description="openai: a server; local: a model on the workers.")
    dialect: str
    base_url: str
    model: str
    price_in: str = Field(description="Of a million tokens of prompts, as a decimal number; also the next two.")
    price_cached: str
    price_out: str
    currency: str
    concurrency: int
    schema_mode: str = Field(description="What became of a JSON schema at the last test.")
    tested_at: datetime | None
    archived_at: datetime | None


class GenerationOut(Schema):
    id: int
    task: int
    endpoint: int
    model: str
    generator: str
    state: str
    why: str = Field(description="Why it paused or stopped.")
    seed: int
    wanted: int
    ceiling: int
    params: dict[str, Any]
    filters: dict[str, Any]
    templates: dict[str, str] = Field(description="The version of each prompt template, by its name.")
    requests: int
    answered: int
    failed: int
    cached: int = Field(description="Of the answered: those that cost nothing here.")
    cancelled: int
    kept: int
    dropped: int
    prompt_tokens: int
    completion_tokens: int
    spent: str = Field(description="A decimal number, in the currency.")
    currency: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class GenerationFull(GenerationOut):
    report: dict[str, Any] = Field(description="What the generator has to say of the whole run.")
    errors: dict[str, int] = Field(description="How many requests failed, by reason.")


class GenerationFilters(schemas.Paged):
    task: int | None = Field(None, description="Only those of this task.")


def endpoint_row(one: Endpoint) -> dict[str, Any]:
    shown = (
        "name",
        "kind",
        "dialect",
        "base_url",
        "model",
        "currency",
        "concurrency",
        "schema_mode",
        "tested_at",
        "archived_at",
    )
    prices = {name: f"{getattr(one, name):f}" for name in ("price_in", "price_cached", "price_out")}
    return {"id": one.pk} | {name: getattr(one, name) for name in shown} | prices


def generation_row(one: Generation) -> dict[str, Any]:
    """Needs `endpoint` at hand."""
    same = (
        "generator", "state", "why", "seed", "wanted", "ceiling", "params", "filters", "requests", "answered", "failed",
        "cached", "cancelled", "kept", "dropped", "prompt_tokens", "completion_tokens", "created_at", "started_at", "ended_at",
    )  # fmt: skip
    return {name: getattr(one, name) for name in same} | {
        "id": one.pk, "task": one.task_id, "endpoint": one.endpoint_id, "model": one.endpoint.model,
        "templates": {name: used["sha"] for name, used in one.templates.items()}, "spent": f"{one.spent:f}",
        "currency": one.endpoint.currency,
    }  # fmt: skip


@router.get("/endpoints", response=schemas.Page[EndpointOut], summary="List model endpoints")
def list_endpoints(request: HttpRequest, filters: Query[schemas.Paged]) -> dict[str, Any]:
    """Those of the team, oldest first, archived ones too."""
    rows = Endpoint.objects.filter(team=team_of(request))
    return keyset(rows, by="pk", limit=filters.limit, after=filters.after, show=endpoint_row)


@router.get("/generations", response=schemas.Page[GenerationOut], summary="List generations")
def list_generations(request: HttpRequest, filters: Query[GenerationFilters]) -> dict[str, Any]:
    """Those of the team, newest first, without previews."""
    rows = queries_generations.runs_of(team_of(request))
    if filters.task is not None:
        rows = rows.filter(task=access.task(user_of(request), filters.task))
    return keyset(rows, by="pk", limit=filters.limit, after=filters.after, show=generation_row, down=True)


@router.get("/generations/{int:generation_id}", response=GenerationFull, summary="Get a generation")
def get_generation(request: HttpRequest, generation_id: int) -> dict[str, Any]:
    return _full(access.generation(user_of(request), generation_id))


@router.post(
    "/generations/{int:generation_id}/cancel", response=GenerationFull, auth=EXAMPLES, summary="Cancel a generation"
)
def cancel_generation(request: HttpRequest, generation_id: int) -> dict[str, Any]:
    """It stops within seconds; what was answered is kept. One that has ended stays as it is."""
    user = user_of(request)
    actions.cancel(generation=access.generation(user, generation_id, access.CURATE), by=user)
    return _full(access.generation(user, generation_id))


def _full(one: Generation) -> dict[str, Any]:
    return generation_row(one) | {"report": one.report, "errors": queries_generations.error_counts(one)}
