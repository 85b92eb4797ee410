"""Datasets: made, frozen, compared, exported; rows with their lineage; collections."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.http import FileResponse, Http404, HttpRequest
from ninja import Query, Router, Status

from config import storage
from curation import access, lineage, packing, parts
from curation import queries_datasets as queries
from curation.actions import collections
from curation.actions import datasets as actions
from curation.api import schemas
from curation.api import schemas_datasets as shapes
from curation.api.errors import Invalid
from curation.api.paging import keyset, pack, unpack
from curation.api.shared import DATASETS, team_of, user_of
from curation.content import dump
from curation.datasets import recipe as recipes
from curation.datasets import splits as splitting
from curation.datasets.comparing import differences
from curation.datasets.rows import Row
from curation.freezing import entries
from curation.models import Collection, Dataset, DatasetExport, DatasetVersion
from curation.previewing_datasets import preview

router = Router(tags=["Datasets"])
ONE = "/datasets/{int:dataset_id}"
VERSION = f"{ONE}/versions/{{int:number}}"


# --- datasets ---


@router.get("/datasets", response=schemas.Page[shapes.DatasetOut], summary="List datasets")
def list_datasets(request: HttpRequest, filters: Query[schemas.Paged]) -> dict[str, Any]:
    """Oldest first."""
    rows = Dataset.objects.of(team_of(request))
    return keyset(rows, by="pk", limit=filters.limit, after=filters.after, show=shapes.dataset_row)


@router.post("/datasets", response={201: shapes.DatasetOut}, auth=DATASETS, summary="Make a dataset")
def create_dataset(request: HttpRequest, body: shapes.DatasetBody) -> Status[dict[str, Any]]:
    """A recipe and its splits. Nothing is frozen yet."""
    team = team_of(request, access.CURATE)
    made = actions.create(
        team=team,
        by=user_of(request),
        name=body.name,
        description=body.description,
        recipe=body.recipe,
        splits=body.splits,
    )
    return Status(201, shapes.dataset_row(made))


@router.post("/datasets/preview", response=shapes.PreviewOut, auth=DATASETS, summary="Preview a recipe")
def preview_recipe(request: HttpRequest, body: shapes.PreviewBody) -> dict[str, Any]:
    """Counts of what a recipe would give. Of large sources a share is looked at; `every` says how many rows stand for one."""
    team = team_of(request, access.CURATE)
    recipe, splits = actions.checked_recipe(body.recipe), actions.checked_splits(body.splits)
    return shapes.preview_row(preview(team, recipes.parse(recipe), splitting.parse(splits)))


@router.get(ONE, response=shapes.DatasetOut, summary="Get a dataset")
def get_dataset(request: HttpRequest, dataset_id: int) -> dict[str, Any]:
    return shapes.dataset_row(access.dataset(user_of(request), dataset_id))


@router.patch(ONE, response=shapes.DatasetOut, auth=DATASETS, summary="Change a dataset")
def change_dataset(request: HttpRequest, dataset_id: int, body: shapes.DatasetPatch) -> dict[str, Any]:
    """Send only what changes, and the revision that you changed: an older one is refused with 409."""
    found = access.dataset(user_of(request), dataset_id, access.CURATE)
    fields = body.dict(exclude_unset=True, exclude={"revision"})
    for name, value in fields.items():
        if value is None:
            raise Invalid(name, f"{name} is null.", "Leave it out to keep what is there.")
    if "card_texts" in fields:
        fields["card_texts"] = {name: text.strip() for name, text in body.card_texts.dict().items() if text.strip()}  # type: ignore[union-attr]
    return shapes.dataset_row(actions.change(dataset=found, by=user_of(request), revision=body.revision, **fields))


@router.delete(ONE, response={204: None}, auth=DATASETS, summary="Delete a dataset")
def delete_dataset(request: HttpRequest, dataset_id: int) -> Status[None]:
    """With its versions. Refused while another recipe uses one of them."""
    actions.delete(dataset=access.dataset(user_of(request), dataset_id, access.CURATE), by=user_of(request))
    return Status(204, None)


# --- versions ---


@router.get(f"{ONE}/versions", response=schemas.Page[shapes.VersionOut], summary="List versions")
def list_versions(request: HttpRequest, dataset_id: int, filters: Query[schemas.Paged]) -> dict[str, Any]:
    """Newest first."""
    found = access.dataset(user_of(request), dataset_id)
    rows = found.versions.filter(deleted_at=None).select_related("job")
    return keyset(rows, by="number", limit=filters.limit, after=filters.after, show=shapes.version_row, down=True)


@router.post(f"{ONE}/versions", response={201: shapes.VersionOut}, auth=DATASETS, summary="Freeze a version")
def freeze_version(request: HttpRequest, dataset_id: int, body: shapes.FreezeBody) -> Status[dict[str, Any]]:
    """Starts in the background; get the version to see when it is frozen."""
    found = access.dataset(user_of(request), dataset_id, access.CURATE)
    return Status(201, shapes.version_row(actions.freeze(dataset=found, by=user_of(request), changelog=body.changelog)))


@router.get(VERSION, response=shapes.VersionFull, summary="Get a version")
def get_version(request: HttpRequest, dataset_id: int, number: int) -> dict[str, Any]:
    """With counts, leakage between the splits, and the manifest of what made it."""
    return shapes.version_full(access.dataset_version(user_of(request), dataset_id, number))


@router.patch(VERSION, response=shapes.VersionOut, auth=DATASETS, summary="Describe a version")
def describe_version(request: HttpRequest, dataset_id: int, number: int, body: shapes.DescribeBody) -> dict[str, Any]:
    """Its changelog and tags; its rows never change. A tag names one version of a dataset."""
    found = access.dataset_version(user_of(request), dataset_id, number, access.CURATE)
    actions.describe(version=found, by=user_of(request), changelog=body.changelog, tags=body.tags)
    return shapes.version_row(access.dataset_version(user_of(request), dataset_id, number))


@router.post(f"{VERSION}/restore", response={201: shapes.VersionOut}, auth=DATASETS, summary="Restore a version")
def restore_version(request: HttpRequest, dataset_id: int, number: int) -> Status[dict[str, Any]]:
    """A new version with the same rows, at once."""
    found = access.dataset_version(user_of(request), dataset_id, number, access.CURATE)
    return Status(201, shapes.version_row(actions.restore(version=found, by=user_of(request))))


# --- rows ---


def _frozen(request: HttpRequest, dataset_id: int, number: int) -> DatasetVersion:
    found = access.dataset_version(user_of(request), dataset_id, number)
    actions.need_frozen(found)
    return found


def _paged(rows: Iterator[Any], limit: int, key: Any) -> tuple[list[Any], str | None]:
    found = list(islice(rows, limit + 1))
    return found[:limit], pack([key(found[limit - 1])]) if len(found) > limit else None


def _after(text: str | None) -> str:
    return str(unpack(text, (str,))[0]) if text else ""


def row_out(row: Row) -> dict[str, Any]:
    names = (
        "key", "revision", "split", "origin", "source", "licence", "language", "tags", "day", "agreement", "chosen", "rejected",
        "desirable", "tools", "answer", "lineage",
    )  # fmt: skip
    return {name: getattr(row, name) for name in names} | {"content": dump(row.content)}


@router.get(f"{VERSION}/rows", response=schemas.Page[shapes.RowOut], summary="List rows")
def list_version_rows(
    request: HttpRequest, dataset_id: int, number: int, filters: Query[shapes.RowFilters]
) -> dict[str, Any]:
    """In the order of their keys, each with its lineage."""
    found = _frozen(request, dataset_id, number)
    walk = queries.walk(found, _after(filters.after), filters.split or "", filters.source or "", most=filters.limit + 1)
    rows, following = _paged(walk, filters.limit, lambda row: row.key)
    return {"items": [row_out(row) for row in rows], "next": following}


@router.get(f"{VERSION}/row", response=shapes.LineageOut, summary="Get a row with its lineage")
def get_version_row(
    request: HttpRequest, dataset_id: int, number: int, filters: Query[shapes.KeyFilter]
) -> dict[str, Any]:
    """Back to the example, the answers, the requests to models, the run and the row of the pool that it came from."""
    found = _frozen(request, dataset_id, number)
    row = parts.one(found.parts, filters.key or (found.parts[0]["first"] if found.parts else ""))
    if row is None:
        raise Http404
    steps = [
        {"what": one.label, "text": one.text, "url": one.url or None, "note": one.note}
        for one in lineage.back(found.dataset.team, row)
    ]
    return {"row": row_out(row), "steps": steps}


@router.get(f"{VERSION}/diff/{{int:other}}", response=schemas.Page[shapes.ChangeOut], summary="Compare two versions")
def compare_versions(
    request: HttpRequest, dataset_id: int, number: int, other: int, filters: Query[shapes.DiffFilters]
) -> dict[str, Any]:
    """What changed from version `other` to this one: key by key; get the rows for their texts."""
    after, before = _frozen(request, dataset_id, number), _frozen(request, dataset_id, other)
    start = _after(filters.after)
    held = ([part for part in one.parts if part["last"] > start] for one in (before, after))
    walk = (
        one for one in differences(*(entries(one) for one in held))
        if one.key > start and filters.kind in (None, one.kind)
    )  # fmt: skip
    found, following = _paged(walk, filters.limit, lambda one: one.key)
    return {"items": [{"kind": one.kind, "key": one.key} for one in found], "next": following}


@router.get("/lineage", response=list[shapes.HoldingOut], summary="Find the versions with a row")
def find_versions(request: HttpRequest, filters: Query[shapes.LineageFilters]) -> list[dict[str, Any]]:
    """Forward from an example (`example`), a row of a pool (`pool` and `key`) or the key of a row (`key`)."""
    team = team_of(request)
    if filters.example is not None:
        example = access.example(user_of(request), filters.example)
        if example.task.team_id != team.pk:
            raise Http404
        keys = lineage.keys_of_example(example)
    elif filters.pool is not None:
        keys = lineage.keys_of_pool_row(team, filters.pool, filters.key or "")
    else:
        keys = [filters.key] if filters.key else []
    return [
        {
            "dataset": one.version.dataset_id, "name": one.version.dataset.name, "version": one.version.number,
            "key": one.row.key, "revision": one.row.revision, "split": one.row.split,
        }
        for one in lineage.forward(team, keys)
    ]  # fmt: skip


# --- exports ---


@router.post(f"{VERSION}/exports", response={201: shapes.ExportOut}, auth=DATASETS, summary="Export a version")
def export_version(
    request: HttpRequest, dataset_id: int, number: int, body: shapes.ExportBody
) -> Status[dict[str, Any]]:
    """A packed folder of one format, made in the background; asked again, it is the one that is there while that is current."""
    found = access.dataset_version(user_of(request), dataset_id, number, access.CURATE)
    return Status(201, shapes.export_row(actions.export(version=found, format=body.format, by=user_of(request))))


@router.get(f"{VERSION}/exports/{{training}}", response=shapes.ExportOut, summary="Get an export")
def get_export(request: HttpRequest, dataset_id: int, number: int, training: str) -> dict[str, Any]:
    return shapes.export_row(_export(request, dataset_id, number, training))


@router.get(f"{VERSION}/exports/{{training}}/file", summary="Download an export")
def download_export(request: HttpRequest, dataset_id: int, number: int, training: str) -> FileResponse:
    """The zip: a file for each split, companions, run.json, provenance.parquet and README.md."""
    made = _export(request, dataset_id, number, training)
    if not made.path:
        raise Http404
    name = f"{packing.name_of(made.version)}-{training}.zip"
    return FileResponse(storage.open_file(made.path), as_attachment=True, filename=name)


def _export(request: HttpRequest, dataset_id: int, number: int, training: str) -> DatasetExport:
    found = _frozen(request, dataset_id, number)
    made = found.exports.select_related("job").filter(format=training).first()
    if made is None:
        raise Http404
    made.version = found
    return made


@router.delete(VERSION, response={204: None}, auth=DATASETS, summary="Delete a version")
def delete_version(request: HttpRequest, dataset_id: int, number: int) -> Status[None]:
    """Refused while it has tags, is a source of a recipe, or is being frozen."""
    found = access.dataset_version(user_of(request), dataset_id, number, access.CURATE)
    actions.delete_version(version=found, by=user_of(request))
    return Status(204, None)


# --- collections ---


@router.get("/collections", response=schemas.Page[shapes.CollectionOut], summary="List collections")
def list_collections(request: HttpRequest, filters: Query[schemas.Paged]) -> dict[str, Any]:
    rows = Collection.objects.of(team_of(request)).select_related("job")
    return keyset(rows, by="pk", limit=filters.limit, after=filters.after, show=shapes.collection_row)


@router.get("/collections/{int:collection_id}", response=shapes.CollectionOut, summary="Get a collection")
def get_collection(request: HttpRequest, collection_id: int) -> dict[str, Any]:
    return shapes.collection_row(access.collection(user_of(request), collection_id))


@router.delete("/collections/{int:collection_id}", response={204: None}, auth=DATASETS, summary="Delete a collection")
def delete_collection(request: HttpRequest, collection_id: int) -> Status[None]:
    """Versions that hold its rows keep them. Refused while a recipe uses it."""
    found = access.collection(user_of(request), collection_id, access.CURATE)
    collections.delete(collection=found, by=user_of(request))
    return Status(204, None)
