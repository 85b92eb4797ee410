"""Sparse autoencoders: trained, loaded, cancelled, resumed, archived, deleted; and the names of their features."""

from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from config.faults import Fault
from curation.audit import audit
from curation.models import Team, User
from jobs import actions as jobs
from jobs.models import Job
from selection import store
from selection.models import FeatureName, Pool, Run, Shard, SparseAutoencoder

KIND = "selection.sae"
Verdict = SparseAutoencoder.Verdict


@transaction.atomic
def train(
    *, team: Team, by: User | None, name: str, pool: Pool, model: str, layer: int | None, expansion: int, k: int,
    tokens: int, length: int, seed: int, view: str = "text",
) -> SparseAutoencoder:  # fmt: skip
    """Start to train one on a pool. `layer` None is two thirds of the model's depth, which the worker looks up.

    Raises `Fault` sae.name_taken or run.empty_pool.
    """
    options = {
        "layer": layer, "expansion": expansion, "k": k, "tokens": tokens, "length": length, "seed": seed, "view": view,
        "shards": _pinned(pool),
    }  # fmt: skip
    sae = _create(team=team, by=by, name=name, pool=pool, model=model, how="trained", options=options, layer=layer, k=k)
    audit("sae.trained", actor=by, team=team, target=sae, name=name, model=model, pool=pool.name, tokens=tokens)
    return sae


@transaction.atomic
def load(
    *, team: Team, by: User | None, name: str, pool: Pool, model: str, layer: int | None, source: dict[str, Any],
    length: int = 128, view: str = "text",
) -> SparseAutoencoder:  # fmt: skip
    """Start to load one and to measure it on rows of a pool.

    `source`: {"hub": "owner/repo:hookpoint"}, or {"weights": path, "config": path} of received files, which it takes
    over. `layer` None: as the files say. Raises `Fault` sae.name_taken or run.empty_pool.
    """
    options = {
        "layer": layer, "source": source, "length": length, "view": view, "seed": 0, "shards": _pinned(pool)
    }  # fmt: skip
    sae = _create(team=team, by=by, name=name, pool=pool, model=model, how="loaded", options=options, layer=layer)
    audit("sae.loaded", actor=by, team=team, target=sae, name=name, model=model, source=source.get("hub", "files"))
    return sae


def _pinned(pool: Pool) -> list[dict[str, Any]]:
    found = Shard.objects.filter(pool=pool, rows__gt=0).order_by("index")
    shards: list[dict[str, Any]] = [dict(shard) for shard in found.values("id", "sha256", "rows")]
    if not shards:
        raise Fault("run.empty_pool", pool=pool.name)
    return shards


def _create(*, team: Team, by: User | None, name: str, **facts: Any) -> SparseAutoencoder:
    try:
        with transaction.atomic():
            sae = SparseAutoencoder.objects.create(team=team, name=name, created_by=by, **facts)
    except IntegrityError:
        raise Fault("sae.name_taken", name=name) from None
    sae.job = jobs.start(kind=KIND, params={"sae": sae.pk}, lane=team.lane)
    SparseAutoencoder.objects.filter(pk=sae.pk).update(job=sae.job)
    return sae


@transaction.atomic
def cancel(*, sae: SparseAutoencoder, by: User) -> None:
    """What runs stops within seconds; it can go on from its last checkpoint."""
    if sae.job is None or sae.job.is_final:
        return
    jobs.cancel(job=sae.job)
    audit("sae.cancelled", actor=by, team=sae.team, target=sae, name=sae.name)


@transaction.atomic
def resume(*, sae: SparseAutoencoder, by: User) -> None:
    """Raises `Fault` jobs.finished for one that has been measured."""
    if sae.job is None:
        return
    jobs.resume(job=sae.job)
    audit("sae.resumed", actor=by, team=sae.team, target=sae, name=sae.name)


@transaction.atomic
def rename(*, sae: SparseAutoencoder, by: User, name: str) -> None:
    try:
        with transaction.atomic():
            SparseAutoencoder.objects.filter(pk=sae.pk).update(name=name)
    except IntegrityError:
        raise Fault("sae.name_taken", name=name) from None
    audit("sae.renamed", actor=by, team=sae.team, target=sae, before=sae.name, after=name)


@transaction.atomic
def archive(*, sae: SparseAutoencoder, by: User, back: bool = False) -> None:
    """It is no longer offered to new runs; `back` offers it again. Raises `Fault` sae.in_use while a run works with it."""
    locked = SparseAutoencoder.objects.select_for_update().get(pk=sae.pk)
    if not back:
        _unused(locked, working=True)
    SparseAutoencoder.objects.filter(pk=sae.pk).update(archived_at=None if back else timezone.now())
    audit("sae.restored" if back else "sae.archived", actor=by, team=sae.team, target=sae, name=sae.name)


@transaction.atomic
def delete(*, sae: SparseAutoencoder, by: User) -> None:
    """Its files go with it. Raises `Fault` sae.working while its job runs, sae.in_use while a run refers to it."""
    locked = SparseAutoencoder.objects.select_for_update(of=("self",)).select_related("job").get(pk=sae.pk)
    if locked.job is not None and not locked.job.is_final:
        raise Fault("sae.working", name=sae.name)
    _unused(locked, working=False)
    audit("sae.deleted", actor=by, team=sae.team, target=sae, name=sae.name)
    pk, job = locked.pk, locked.job
    received = [path for key, path in locked.options.get("source", {}).items() if key != "hub"]
    SparseAutoencoder.objects.filter(pk=pk).delete()
    if job is not None:
        jobs.discard(job=job)

    def forget() -> None:
        store.delete_prefix(f"saes/{pk}")
        for path in received:
            store.delete(path)

    transaction.on_commit(forget, robust=True)


def _unused(sae: SparseAutoencoder, *, working: bool) -> None:
    """`working`: only runs that are not over yet stand in the way. A twin with the same weights serves as well."""
    twins = SparseAutoencoder.objects.passed().filter(team=sae.team_id, identity=sae.identity).exclude(pk=sae.pk)
    if not sae.identity or twins.exists():
        return
    runs = sae.runs().filter(job__state__in=Job.OPEN_STATES) if working else sae.runs()
    found = list(runs.order_by("number").values_list("number", flat=True)[:4])
    if found:
        names = ", ".join(f"run {number}" for number in found[:3]) + (" and others" if len(found) > 3 else "")
        raise Fault("sae.in_use", name=sae.name, runs=names)


# --- features ---


@transaction.atomic
def name_feature(*, sae: SparseAutoencoder, feature: int, name: str, by: User | None, by_model: str = "") -> None:
    """What people read for it from now on; an empty name takes the old one away. A model never writes over a person.

    Raises `Fault` sae.no_feature.
    """
    if sae.latents is None or not 0 <= feature < sae.latents:
        raise Fault("sae.no_feature", feature=feature, latents=f"{sae.latents or 0:,}")
    there = FeatureName.objects.select_for_update().filter(sae=sae, feature=feature).first()
    if by_model and there is not None and not there.by_model:
        return
    if name:
        FeatureName.objects.update_or_create(
            sae=sae,
            feature=feature,
            defaults={"name": name, "by": by, "by_model": by_model, "named_at": timezone.now()},
        )
    elif there is not None:
        FeatureName.objects.filter(pk=there.pk).delete()
    audit("sae.feature_named", actor=by, team=sae.team, target=sae, feature=feature, name=name or sae.name)


def usable(team: Team, identity: str) -> SparseAutoencoder:
    """The team's one that a new run may name. Raises `Fault` sae.not_usable."""
    found = SparseAutoencoder.objects.filter(team=team, identity=identity).order_by("archived_at", "pk")
    for sae in found:
        if sae.may_be_used:
            return sae
    first = found.first()
    why = (
        "is not one of the team" if first is None else "is archived" if first.archived_at else "did not pass its check"
    )
    raise Fault("sae.not_usable", identity=identity, why=why)


__all__ = [
    "KIND", "Run", "archive", "cancel", "delete", "load", "name_feature", "rename", "resume", "train", "usable",
]  # fmt: skip
