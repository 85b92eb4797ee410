"""Imports from the hub: into a task, and how one on its way stands. Pools have theirs beside their own operations."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from curation import access
from curation.actions import fetches
from curation.api.schemas import Input
from curation.api.schemas_datasets import state_of
from curation.api.shared import EXAMPLES, user_of
from curation.incoming import OUTPUTS_AS
from curation.models import HubFetch

router = Router(tags=["Imports from the hub"])


class HubImportBody(Input):
    dataset: str = Field(max_length=200, description="owner/name.")
    config: str = Field("", max_length=200, description="Empty: the default one.")
    split: str = Field("", max_length=200, description="Empty: train, or the only one.")
    revision: str = Field("", max_length=200, description="A branch, tag or commit; empty: the newest state.")
    mapping: dict[str, str] = Field(
        {},
        description="{part: column or path}, with parts as in formats: instruction, output, messages, …; empty: guessed.",
    )
    start: bool = Field(True, description="Read the rows as soon as the files are there; else a person looks first.")
    max_bad_share: float = Field(0.1, ge=0, le=1, description="Above this share of bad rows nothing comes in.")

    def asked(self) -> dict[str, Any]:
        """What `fetches.fetch` takes."""
        named = {name: getattr(self, name) for name in ("dataset", "config", "split", "revision", "mapping", "start")}
        return named | {"options": {"max_bad_share": self.max_bad_share}}


class TaskHubImportBody(HubImportBody):
    outputs_as: str = Field(
        "suggestion", max_length=12, pattern=f"^({'|'.join(OUTPUTS_AS)})$", description=", ".join(OUTPUTS_AS)
    )

    def asked(self) -> dict[str, Any]:
        found = super().asked()
        found["options"]["outputs_as"] = self.outputs_as
        return found


class HubFile(Schema):
    name: str
    bytes: int


class HubImportOut(Schema):
    id: int
    into: str = Field(description="pool or task.")
    target: int = Field(description="The number of that pool or task.")
    dataset: str
    config: str
    split: str
    revision: str = Field(description="As asked for.")
    commit: str = Field(description="What the revision meant; empty until it was looked up.")
    licence: str = Field(description="As the dataset's card names it.")
    files: list[HubFile]
    state: str = Field(description="queued, running, fetched, failed or cancelled.")
    error: str | None
    rows: int | None = Field(description="That came in; null before the import has ended.")
    created_at: datetime


def fetch_row(one: HubFetch) -> dict[str, Any]:
    found = one.found
    made = getattr(one, "pool_import", None) or getattr(one, "example_import", None)
    ended = made is not None and made.job is not None and made.job.state == "succeeded"
    return {
        "id": one.pk, "into": one.into, "target": one.target, "dataset": one.dataset, "revision": one.revision,
        "config": found.get("config", one.config), "split": found.get("split", one.split), "commit": found.get("commit", ""),
        "licence": found.get("licence", ""), "files": found.get("files", []), "created_at": one.created_at,
        "rows": made.rows_good if made is not None and ended else None,
        **state_of(one.job, one.taken_at is not None, "fetched"),
    }  # fmt: skip


@router.post(
    "/tasks/{int:task_id}/examples/from-hub", response={201: HubImportOut}, auth=EXAMPLES,
    summary="Import examples from the hub",
)  # fmt: skip
def fetch_examples(request: HttpRequest, task_id: int, body: TaskHubImportBody) -> Status[dict[str, Any]]:
    """In the background: the files of one split, under the team's token where it has one, then the import."""
    task = access.task(user_of(request), task_id, access.CURATE)
    made = fetches.fetch(team=task.team, by=user_of(request), into="task", target=task.pk, **body.asked())
    return Status(201, fetch_row(made))


@router.get("/hub-imports/{int:fetch_id}", response=HubImportOut, summary="Get an import from the hub")
def get_hub_import(request: HttpRequest, fetch_id: int) -> dict[str, Any]:
    return fetch_row(access.hub_fetch(user_of(request), fetch_id))
