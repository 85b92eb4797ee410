"""Pools and their rows."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from curation.actions.fetches import fetch
from curation.api import schemas
from curation.api.hub_imports import HubImportBody, HubImportOut, fetch_row
from curation.api.paging import keyset, pack, unpack
from curation.api.shared import RUNS, team_of, user_of
from selection import access
from selection.actions import pools as actions
from selection.models import Pool
from selection.queries import pools as queries

router = Router(tags=["Pools"])


class PoolOut(Schema):
    id: int
    name: str
    description: str
    rows: int
    bytes: int = Field(description="Size of the shard files.")
    created_at: datetime


class Part(Schema):
    name: str
    text: str


class RowOut(Schema):
    number: int = Field(description="Place in the pool, from 1.")
    key: str
    source: str
    chars: int
    parts: list[Part] = Field(description="Instruction, input, outputs or turns, each with its name.")


class RowPage(schemas.Input):
    # A row may hold a million characters, so a page of them is short.
    limit: int = Field(20, ge=1, le=100, description="How many at most.")
    after: str | None = Field(None, max_length=400, description="What the page before gave as `next`.")


@router.get("/pools", response=schemas.Page[PoolOut], summary="List pools")
def list_pools(request: HttpRequest, filters: Query[schemas.Paged]) -> dict[str, Any]:
    rows = Pool.objects.visible().filter(team=team_of(request))
    return keyset(rows, by="pk", limit=filters.limit, after=filters.after, show=lambda one: one)


@router.get("/pools/{int:pool_id}", response=PoolOut, summary="Get a pool")
def get_pool(request: HttpRequest, pool_id: int) -> Pool:
    return access.pool(user_of(request), pool_id)


class PoolFromHubBody(HubImportBody):
    name: str = Field("", max_length=120, description="Of the pool; empty: the name of the dataset.")
    description: str = Field("", max_length=2_000)


@router.post("/pools/from-hub", response={201: HubImportOut}, auth=RUNS, summary="Make a pool from the hub")
def make_pool_from_hub(request: HttpRequest, body: PoolFromHubBody) -> Status[dict[str, Any]]:
    """In the background: the files of one split, under the team's token where it has one, then the import."""
    name = body.name or body.dataset[:120]
    made = actions.new_pool_from_hub(
        team=team_of(request, access.CURATE), by=user_of(request), pool_name=name, description=body.description,
        **body.asked(),
    )  # fmt: skip
    return Status(201, fetch_row(made))


@router.post("/pools/{int:pool_id}/from-hub", response={201: HubImportOut}, auth=RUNS, summary="Add rows from the hub")
def add_rows_from_hub(request: HttpRequest, pool_id: int, body: HubImportBody) -> Status[dict[str, Any]]:
    """Like making a pool, with the rows behind those that are there."""
    pool = access.pool(user_of(request), pool_id, access.CURATE)
    made = fetch(team=pool.team, by=user_of(request), into="pool", target=pool.pk, **body.asked())
    return Status(201, fetch_row(made))


@router.get("/pools/{int:pool_id}/rows", response=schemas.Page[RowOut], summary="List the rows of a pool")
def list_pool_rows(request: HttpRequest, pool_id: int, filters: Query[RowPage]) -> dict[str, Any]:
    """Rows in the order in which they were imported."""
    pool = access.pool(user_of(request), pool_id)
    start = max(unpack(filters.after, (int,))[0], 0) if filters.after else 0
    stop = min(start + filters.limit, pool.rows)
    found = queries.rows_at(pool, start, stop) if start < stop else []
    items = [
        {"number": row.number, "key": row.key, "source": row.source, "chars": row.chars,
         "parts": [{"name": name, "text": text} for name, text in row.parts]}
        for row in found
    ]  # fmt: skip
    return {"items": items, "next": pack([stop]) if stop < pool.rows and start < stop else None}
