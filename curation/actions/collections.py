"""Collections: made of a file or, by other apps, of rows that they bring; renamed and deleted."""

from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify

from config import storage
from config.faults import Fault
from curation.actions.datasets import user_of
from curation.audit import audit
from curation.content import Mapping
from curation.importing import look_at, wrong_columns
from curation.models import Collection, Team, User
from jobs import actions as jobs
from jobs.models import Job

IMPORT = "collection.import"


@transaction.atomic
def create(
    *, team: Team, by: User | None, name: str, origin: str, space: str = "", licence: str = "", description: str = "",
    lineage: dict[str, Any] | None = None, path: str = "", mapping: dict[str, str] | None = None,
) -> Collection:  # fmt: skip
    """An empty collection that a job is to fill. Raises `Fault` collection.name_taken.

    space: what its row keys begin with; without one, its name as it is now, so that a file that replaces another one
    under the same name keeps the keys of its rows.
    """
    found = Collection(
        team=team, name=name.strip(), origin=origin, space=space or f"c-{slugify(name)[:70] or 'rows'}", path=path,
        licence=licence.strip(), description=description, lineage=lineage or {}, mapping=mapping or {}, created_by=by,
    )  # fmt: skip
    try:
        with transaction.atomic():
            found.save(force_insert=True)
    except IntegrityError:
        raise Fault("dataset.name_taken", kind="collection", name=found.name) from None
    audit("collection.created", actor=by, team=team, target=found, name=found.name)
    return found


def of_file(*, team: Team, by: User | None, name: str, file: str, path: str, licence: str = "") -> Collection:
    """A draft of a received file, with the mapping that its columns suggest. Raises `Fault` format.…"""
    seen = look_at(path, file)
    return create(
        team=team, by=by, name=name, origin=Collection.Origin.FILE, licence=licence, lineage={"file": file}, path=path,
        mapping=seen.guess.mapping.to_dict(),
    )  # fmt: skip


@transaction.atomic
def start_import(*, collection: Collection, by: User | None, mapping: Mapping) -> Collection:
    """Read the file with this mapping. Raises `Fault` collection.mapping for a column that is not there."""
    seen = look_at(collection.path, collection.lineage["file"])
    for place, why in wrong_columns(mapping, seen.columns).items():
        raise Fault("collection.mapping", place=place, why=why)
    found = Collection.objects.select_for_update().select_related("team").get(pk=collection.pk)
    if found.job is not None and not found.job.is_final:
        return found
    found.mapping = mapping.to_dict()
    found.job = jobs.start(kind=IMPORT, params={"collection": found.pk}, lane=found.team.lane)
    found.save(update_fields=["mapping", "job"])
    return found


def cancel(*, collection: Collection) -> None:
    if collection.job is not None:
        jobs.cancel(job=collection.job)


@transaction.atomic
def delete(*, collection: Collection, by: User | None) -> None:
    """Take a collection away; versions that hold its rows keep them. Raises `Fault` collection.used."""
    if (user := user_of(collection.team, "collection", collection.pk)) is not None:
        raise Fault("collection.used", used=user.name)
    if collection.job is not None and collection.job.state in (Job.State.QUEUED, Job.State.RUNNING):
        raise Fault("collection.not_ready", name=collection.name)
    path = collection.path
    Collection.objects.filter(pk=collection.pk).update(deleted_at=timezone.now(), path="")
    audit("collection.deleted", actor=by, team=collection.team, target=collection, name=collection.name)
    transaction.on_commit(lambda: storage.delete(path), robust=True)
