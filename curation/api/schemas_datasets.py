"""Datasets, versions, rows, exports and collections as JSON."""

from datetime import datetime
from typing import Any, Literal

from ninja import Field, Schema

from curation.api.schemas import Input, Paged, Text
from curation.hub.facts import texts_sha256
from curation.models import Collection, Dataset, DatasetExport, DatasetVersion
from curation.previewing_datasets import Preview
from jobs.models import Job

RECIPE = (
    "Sources, filters, caps, balance, mixing, budgets and seed; the page on datasets in the documentation lists them."
)
SPLITS = "Shares by name, what stays together (group), seed. Fixed with the first version."


class DatasetOut(Schema):
    id: int
    name: str
    description: str
    recipe: dict[str, Any]
    splits: dict[str, Any]
    card_texts: dict[str, str] = Field(description="What people wrote for the card.")
    revision: int = Field(description="Counts up at each change; send it with the next one.")
    created_at: datetime


class DatasetBody(Input):
    name: str = Field(min_length=1, max_length=120)
    description: Text = ""
    recipe: dict[str, Any] = Field(default_factory=dict, description=RECIPE)
    splits: dict[str, Any] = Field(default_factory=dict, description=SPLITS)


class CardTexts(Input):
    intended_use: Text = ""
    known_gaps: Text = ""
    notes: Text = ""


class DatasetPatch(Input):
    revision: int
    name: str | None = Field(None, min_length=1, max_length=120)
    description: Text | None = None
    recipe: dict[str, Any] | None = Field(None, description=RECIPE)
    splits: dict[str, Any] | None = Field(None, description=SPLITS)
    card_texts: CardTexts | None = Field(None, description="All of the card's texts; one that is left out is empty.")


class PreviewBody(Input):
    recipe: dict[str, Any] = Field(description=RECIPE)
    splits: dict[str, Any] = Field(default_factory=dict, description=SPLITS)


class LineOut(Schema):
    name: str
    has: int
    passed: int
    kept: int


class PreviewOut(Schema):
    rows: int
    tokens: int
    every: int = Field(description="One row in so many was looked at.")
    sources: list[LineOut]
    balance: list[LineOut]
    licences: dict[str, int]
    conflicts: list[str]
    splits: dict[str, int]
    short: list[dict[str, Any]] = Field(description="What was asked for and is not there.")
    dropped: dict[str, int] = Field(description="Rows that each filter refused.")


class FreezeBody(Input):
    changelog: Text = ""


class DescribeBody(Input):
    changelog: Text | None = None
    tags: list[str] | None = Field(None, max_length=20)


class VersionOut(Schema):
    number: int
    state: str = Field(description="frozen, or the state of the job that freezes it.")
    error: str | None = Field(description="Why it failed, and what to do.")
    rows: int
    bytes: int
    sha256: str = Field(description="Of keys, revisions, contents and splits, in the order of the keys.")
    changelog: str
    tags: list[str]
    restored_from: int | None
    created_at: datetime
    frozen_at: datetime | None


class VersionFull(VersionOut):
    counts: dict[str, Any]
    leakage: dict[str, Any]
    manifest: dict[str, Any]


class RowFilters(Paged):
    split: str | None = Field(None, max_length=30)
    source: str | None = Field(None, max_length=255)


class KeyFilter(Input):
    key: str | None = Field(None, max_length=600, description="Of the row; without one, the first row.")


class DiffFilters(Paged):
    kind: Literal["added", "removed", "changed"] | None = None


class LineageFilters(Input):
    example: int | None = None
    pool: int | None = None
    key: str | None = Field(None, max_length=600)


class RowOut(Schema):
    key: str
    revision: int
    split: str
    origin: str
    source: str
    licence: str
    language: str
    tags: list[str]
    day: str
    agreement: float | None
    content: dict[str, Any]
    chosen: str | None
    rejected: str | None
    desirable: bool | None
    tools: list[dict[str, Any]]
    answer: dict[str, Any] | None
    lineage: dict[str, Any]


class StepOut(Schema):
    what: str
    text: str
    url: str | None
    note: str


class LineageOut(Schema):
    row: RowOut
    steps: list[StepOut]


class ChangeOut(Schema):
    kind: str
    key: str


class HoldingOut(Schema):
    dataset: int
    name: str
    version: int
    key: str
    revision: int
    split: str


class ExportBody(Input):
    format: str = Field(max_length=24, description="messages, alpaca, sharegpt, prompt_completion, …")


class ExportOut(Schema):
    format: str
    state: str
    error: str | None
    sha256: str
    bytes: int
    current: bool = Field(description="Whether the file holds name, description, changelog and card as they are now.")
    rows: dict[str, int]
    unfit: dict[str, Any] = Field(description="How many rows the format cannot hold, and why of the first ones.")


class CollectionOut(Schema):
    id: int
    name: str
    origin: str
    state: str
    error: str | None
    rows: int
    licence: str
    lineage: dict[str, Any]
    created_at: datetime


def state_of(job: Job | None, done: bool, word: str) -> dict[str, Any]:
    """Of what a job makes: how it stands, and what went wrong."""
    failed = job is not None and job.state == Job.State.FAILED and not done
    return {
        "state": word if done else job.state if job is not None else "draft",
        "error": f"{job.error_what} {job.error_advice}" if failed and job is not None else None,
    }  # fmt: skip


def dataset_row(one: Dataset) -> dict[str, Any]:
    splits = dict(one.splits)
    splits["shares"] = dict(splits.get("shares", []))
    return {
        "id": one.pk, "name": one.name, "description": one.description, "recipe": one.recipe, "splits": splits,
        "card_texts": one.card_texts,
        "revision": one.revision, "created_at": one.created_at,
    }  # fmt: skip


def version_row(one: DatasetVersion) -> dict[str, Any]:
    return {
        "number": one.number, "rows": one.rows, "bytes": one.bytes, "sha256": one.sha256, "changelog": one.changelog,
        "tags": one.tags, "restored_from": one.restored_from.number if one.restored_from else None,
        "created_at": one.created_at, "frozen_at": one.frozen_at, **state_of(one.job, one.is_frozen, "frozen"),
    }  # fmt: skip


def version_full(one: DatasetVersion) -> dict[str, Any]:
    return version_row(one) | {"counts": one.counts, "leakage": one.leakage, "manifest": one.manifest}


def export_row(one: DatasetExport) -> dict[str, Any]:
    return {
        "format": one.format, "sha256": one.sha256, "bytes": one.bytes, "rows": one.rows, "unfit": one.unfit,
        "current": bool(one.path) and one.texts_sha256 == texts_sha256(one.version), **state_of(one.job, bool(one.path), "ready"),
    }  # fmt: skip


def collection_row(one: Collection) -> dict[str, Any]:
    return {
        "id": one.pk, "name": one.name, "origin": one.origin, "rows": one.rows, "licence": one.licence,
        "lineage": one.lineage, "created_at": one.created_at, **state_of(one.job, one.ready_at is not None, "ready"),
    }  # fmt: skip


def preview_row(one: Preview) -> dict[str, Any]:
    return {
        "rows": one.rows, "tokens": one.tokens, "every": one.every, "sources": one.sources, "balance": one.balance,
        "licences": dict(one.licences), "conflicts": [found.text for found in one.conflicts], "splits": dict(one.splits),
        "short": one.short, "dropped": dict(one.dropped),
    }  # fmt: skip
