"""Pushes of versions to the hub, and the card's texts."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from curation import access
from curation import queries_hub as queries
from curation.actions import pushes
from curation.api import schemas
from curation.api.paging import keyset
from curation.api.schemas import Input
from curation.api.schemas_datasets import state_of
from curation.api.shared import DATASETS, user_of
from curation.models import Push

router = Router(tags=["Datasets"])
VERSION = "/datasets/{int:dataset_id}/versions/{int:number}"


class PushBody(Input):
    repo: str = Field(max_length=120, description="owner/name; it is made if it is not there.")
    format: str = Field("parquet", max_length=24, description="parquet, messages, alpaca, csv, …")
    private: bool = True
    branch: str = Field("main", max_length=100)
    pull_request: bool = False
    existing: bool = Field(False, description="Write to the repository also if others made it.")
    message: str = Field("", max_length=200)


class PushOut(Schema):
    id: int
    repo: str
    format: str
    private: bool
    branch: str
    state: str = Field(description="queued, running, pushed, failed or cancelled.")
    error: str | None
    commit: str = Field(description="Empty until the one commit is made.")
    commit_url: str
    pull_request_url: str
    tag: str
    rows: dict[str, int]
    files: dict[str, str] = Field(description="Names with the sha256 of each.")
    verified_at: datetime | None = Field(description="When every file was read back with the hash that was sent.")
    created_at: datetime


def push_row(one: Push) -> dict[str, Any]:
    return {
        "id": one.pk, "repo": one.repo, "format": one.format, "private": one.private, "branch": one.branch,
        "commit": one.commit, "commit_url": one.commit_url, "pull_request_url": one.pull_url, "tag": one.tag,
        "rows": one.rows, "files": one.files, "verified_at": one.verified_at, "created_at": one.created_at,
        **state_of(one.job, one.verified_at is not None, "pushed"),
    }  # fmt: skip


@router.post(f"{VERSION}/push", response={201: PushOut}, auth=DATASETS, summary="Push a version to the hub")
def push_version(request: HttpRequest, dataset_id: int, number: int, body: PushBody) -> Status[dict[str, Any]]:
    """In the background, under the team's token: one commit, read back and tagged. Asked again while it runs, it is that one."""
    found = access.dataset_version(user_of(request), dataset_id, number, access.CURATE)
    return Status(201, push_row(pushes.push(version=found, by=user_of(request), **body.dict())))


@router.get(f"{VERSION}/pushes", response=schemas.Page[PushOut], summary="List pushes")
def list_pushes(request: HttpRequest, dataset_id: int, number: int, filters: Query[schemas.Paged]) -> dict[str, Any]:
    """Newest first."""
    found = access.dataset_version(user_of(request), dataset_id, number)
    rows = queries.pushes_of(found)
    return keyset(rows, by="pk", limit=filters.limit, after=filters.after, show=push_row, down=True)


@router.get("/pushes/{int:push_id}", response=PushOut, summary="Get a push")
def get_push(request: HttpRequest, push_id: int) -> dict[str, Any]:
    return push_row(access.push(user_of(request), push_id))
