"""Sparse autoencoders: listed, trained, looked at."""

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from curation.api import schemas
from curation.api.errors import Invalid
from curation.api.paging import keyset
from curation.api.shared import RUNS, team_of, user_of
from selection import access
from selection.actions import saes as actions
from selection.api.runs import named
from selection.models import SparseAutoencoder

router = Router(tags=["Sparse autoencoders"])
State = Literal["queued", "running", "succeeded", "failed", "cancelled", "passed", "refused"]


class SaeOut(Schema):
    id: int
    name: str
    how: Literal["trained", "loaded"]
    state: State = Field(description="That of its job, until it is measured: then passed or refused.")
    why: str = Field(description="Why it was refused, or failed.")
    pool: int | None
    model: str
    layer: int | None
    features: int | None
    k: int | None
    fvu: float | None = Field(description="Variance unexplained, on rows that training did not see.")
    dead: float | None = Field(description="Share of features that never fire.")
    tokens: int
    identity: str = Field(description="What the parameter sae of the method mona takes.")
    archived: bool
    created_at: datetime


class SaeBody(schemas.Input):
    name: str = Field(min_length=1, max_length=120)
    pool: int
    model: str = Field("smollm2", max_length=200, description="smollm2, or the id of a causal model on the hub.")
    layer: int | None = Field(None, ge=1, le=1000, description="Two thirds of the model's depth where there is none.")
    tokens: int = Field(
        400_000, ge=1_000, le=100_000_000, description="To train on; a small pool is read several times."
    )
    length: int = Field(128, ge=8, le=8192, description="Tokens of a row that are looked at.")
    expansion: int = Field(8, ge=1, le=64, description="Features for each number of the model's width.")
    k: int = Field(32, ge=1, le=1024, description="Features that fire at a token.")
    seed: int = Field(0, ge=0, le=2**31 - 1)


def sae_row(sae: SparseAutoencoder) -> dict[str, Any]:
    job = sae.job
    failed = job is not None and job.state == "failed"
    return {
        "id": sae.pk, "name": sae.name, "how": sae.how, "state": sae.state, "pool": sae.pool_id, "model": sae.model,
        "why": f"{job.error_what} {job.error_advice}" if failed and job else sae.why, "layer": sae.layer,
        "features": sae.latents, "k": sae.k, "fvu": sae.fvu, "dead": sae.dead, "tokens": sae.tokens,
        "identity": sae.identity, "archived": sae.archived_at is not None, "created_at": sae.created_at,
    }  # fmt: skip


@router.get("/saes", response=schemas.Page[SaeOut], summary="List sparse autoencoders")
def list_saes(request: HttpRequest, filters: Query[schemas.Paged]) -> dict[str, Any]:
    """Newest first, archived ones too."""
    rows = SparseAutoencoder.objects.filter(team=team_of(request)).select_related("job")
    return keyset(rows, by="pk", limit=filters.limit, after=filters.after, show=sae_row, down=True)


@router.post("/saes", response={201: SaeOut}, auth=RUNS, summary="Train a sparse autoencoder")
def train_sae(request: HttpRequest, body: SaeBody) -> Status[dict[str, Any]]:
    """Starts in the background; get it to see its state. A run may use it once it has passed."""
    user, team = user_of(request), team_of(request, access.CURATE)
    pool = named("pool", lambda: access.pool(user, body.pool, access.CURATE))
    if body.model.startswith(("/", ".", "~")):
        raise Invalid("model", "A folder of the server cannot be named here.", "Name smollm2 or a model of the hub.")
    facts = body.model_dump(exclude={"pool"})
    return Status(201, sae_row(actions.train(team=team, by=user, pool=pool, **facts)))


@router.get("/saes/{int:sae_id}", response=SaeOut, summary="Get a sparse autoencoder")
def get_sae(request: HttpRequest, sae_id: int) -> dict[str, Any]:
    return sae_row(access.sae(user_of(request), sae_id))
