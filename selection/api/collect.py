"""Picks of a run kept as a collection, for recipes of datasets."""

from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Status

from curation.api import schemas, schemas_datasets
from curation.api.shared import DATASETS, user_of
from selection import access
from selection.actions.collect import collect

router = Router(tags=["Runs"])


class CollectBody(schemas.Input):
    name: str = Field(min_length=1, max_length=120)
    top: int | None = Field(None, ge=1, description="How many picks, from the top; all where it is left out.")
    licence: str = Field("", max_length=200, description="Of rows that name none in a column licence or license.")


@router.post(
    "/runs/{int:run_id}/collect",
    response={201: schemas_datasets.CollectionOut},
    auth=DATASETS,
    summary="Keep picks as a collection",
)
def collect_picks(request: HttpRequest, run_id: int, body: CollectBody) -> Status[dict[str, Any]]:
    """Copies the rows in the background. A recipe of a dataset can then name the collection."""
    run = access.run(user_of(request), run_id, access.CURATE)
    made = collect(run=run, by=user_of(request), **body.dict())
    return Status(201, schemas_datasets.collection_row(made))
