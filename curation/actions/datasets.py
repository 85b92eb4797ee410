"""Datasets: made, changed, frozen, restored, tagged, exported and deleted."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from config import storage
from config.faults import Fault
from curation import manifests
from curation.audit import audit
from curation.datasets import recipe as recipes
from curation.datasets import splits as splitting
from curation.datasets.recipe import RecipeError
from curation.formats.training import TRAINING
from curation.hub.facts import texts_sha256
from curation.models import Dataset, DatasetExport, DatasetVersion, Team, User
from jobs import actions as jobs
from jobs.models import Job

FREEZE, EXPORT = "dataset.freeze", "dataset.export"
MOST_TAGS = 20
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
Json = Mapping[str, Any]


def checked_recipe(raw: Json) -> dict[str, Any]:
    """The recipe in full. Raises `Fault` dataset.recipe with the place."""
    try:
        return recipes.parse(raw).to_dict()
    except RecipeError as error:
        raise Fault("dataset.recipe", place=error.place, why=error.why, mend=error.mend) from None


def checked_splits(raw: Json) -> dict[str, Any]:
    try:
        return splitting.parse(raw).to_dict()
    except RecipeError as error:
        raise Fault("dataset.recipe", place=error.place, why=error.why, mend=error.mend) from None


@transaction.atomic
def create(
    *,
    team: Team,
    by: User | None,
    name: str,
    description: str = "",
    recipe: Json | None = None,
    splits: Json | None = None,
) -> Dataset:
    """Raises `Fault` dataset.name_taken, dataset.recipe, dataset.source_gone."""
    made = Dataset(
        team=team, name=name.strip(), description=description, recipe=checked_recipe(recipe or {}),
        splits=checked_splits(splits or {}), created_by=by,
    )  # fmt: skip
    manifests.sources_of(made)
    _stored(made)
    audit("dataset.created", actor=by, team=team, target=made, name=made.name)
    return made


def _stored(made: Dataset) -> None:
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError:
        raise Fault("dataset.name_taken", kind="dataset", name=made.name) from None


@transaction.atomic
def change(*, dataset: Dataset, by: User | None, revision: int, **fields: Any) -> Dataset:
    """name, description, recipe, splits. Raises `Fault` dataset.stale for an older revision, dataset.splits_fixed."""
    found = Dataset.objects.select_for_update().get(pk=dataset.pk)
    if found.revision != revision:
        raise Fault("dataset.stale")
    if "recipe" in fields:
        fields["recipe"] = checked_recipe(fields["recipe"])
    if "splits" in fields:
        fields["splits"] = checked_splits(fields["splits"])
        if fields["splits"] != found.splits and found.versions.exclude(sha256="").exists():
            raise Fault("dataset.splits_fixed")
    changed = [name for name, value in fields.items() if getattr(found, name) != value]
    for name in changed:
        setattr(found, name, fields[name])
    if "recipe" in changed:
        manifests.sources_of(found)
    found.revision += 1
    try:
        with transaction.atomic():
            found.save(update_fields=[*changed, "revision"])
    except IntegrityError:
        raise Fault("dataset.name_taken", kind="dataset", name=found.name) from None
    audit("dataset.changed", actor=by, team=found.team, target=found, name=found.name, fields=changed)
    return found


# --- versions ---


@transaction.atomic
def freeze(*, dataset: Dataset, by: User | None, changelog: str = "") -> DatasetVersion:
    """Start the job that freezes the next version. Raises `Fault` dataset.no_sources, dataset.freezing, source_gone."""
    found = Dataset.objects.select_for_update().select_related("team").get(pk=dataset.pk)
    if not found.recipe.get("sources"):
        raise Fault("dataset.no_sources")
    running = found.versions.filter(sha256="", job__state__in=[Job.State.QUEUED, Job.State.RUNNING]).first()
    if running is not None:
        raise Fault("dataset.freezing", number=running.number)
    made = DatasetVersion.objects.create(
        dataset=found, number=next_number(found), recipe=found.recipe, splits=found.splits, changelog=changelog.strip(),
        sources=manifests.sources_of(found), created_by=by,
    )  # fmt: skip
    made.job = jobs.start(kind=FREEZE, params={"version": made.pk}, lane=found.team.lane)
    made.save(update_fields=["job"])
    audit("dataset.freeze_started", actor=by, team=found.team, target=found, name=found.name, version=made.number)
    return made


def next_number(dataset: Dataset) -> int:
    """Numbers of deleted versions are not given again."""
    return int((dataset.versions.aggregate(n=Max("number"))["n"] or 0) + 1)


@transaction.atomic
def restore(*, version: DatasetVersion, by: User | None, changelog: str = "") -> DatasetVersion:
    """A new version equal to an old one, at once: the same files, the same sha256."""
    need_frozen(version)
    dataset = Dataset.objects.select_for_update().select_related("team").get(pk=version.dataset_id)
    number = next_number(dataset)
    made = DatasetVersion.objects.create(
        dataset=dataset, number=number, recipe=version.recipe, splits=version.splits, sources=version.sources,
        changelog=changelog.strip() or f"Version {version.number} again.", restored_from=version, sha256=version.sha256,
        rows=version.rows, bytes=version.bytes, counts=version.counts, leakage=version.leakage, parts=version.parts,
        manifest=version.manifest | {"version": number, "restored_from": version.number}, created_by=by,
        frozen_at=timezone.now(),
    )  # fmt: skip
    audit("dataset.restored", actor=by, team=dataset.team, target=dataset, version=number, of=version.number)
    return made


def need_frozen(version: DatasetVersion) -> None:
    """Raises `Fault` dataset.not_frozen, dataset.freeze_failed."""
    if version.is_frozen:
        return
    failed = version.job is not None and version.job.state == Job.State.FAILED
    raise Fault("dataset.freeze_failed" if failed else "dataset.not_frozen", name=str(version))


@transaction.atomic
def describe(
    *, version: DatasetVersion, by: User | None, changelog: str | None = None, tags: Sequence[str] | None = None
) -> None:
    """The changelog and the tags, which say something of a version and are no part of it.

    A tag names one version of a dataset: giving it to another takes it away from the first. Raises `Fault` dataset.tag.
    """
    fields: dict[str, Any] = {} if changelog is None else {"changelog": changelog.strip()}
    if tags is not None:
        fields["tags"] = list(dict.fromkeys(_tag(one) for one in tags if one.strip()))
        if len(fields["tags"]) > MOST_TAGS:
            raise Fault("dataset.tag", tag="These", why=f"are more than {MOST_TAGS}.", mend="Use fewer.")
        Dataset.objects.select_for_update().get(pk=version.dataset_id)
        others = DatasetVersion.objects.filter(dataset=version.dataset_id, tags__overlap=fields["tags"]).exclude(
            pk=version.pk
        )
        for other in others:
            other.tags = [tag for tag in other.tags if tag not in fields["tags"]]
            other.save(update_fields=["tags"])
    DatasetVersion.objects.filter(pk=version.pk).update(**fields)
    dataset = version.dataset
    audit(
        "dataset.described", actor=by, team=dataset.team, target=dataset, version=version.number, fields=sorted(fields)
    )


def _tag(text: str) -> str:
    tag = text.strip()
    if not _TAG.fullmatch(tag):
        raise Fault(
            "dataset.tag", tag=tag[:60], why="is no tag.", mend="Use letters, digits, dots, dashes; 40 at most."
        )
    if tag.isdecimal() or tag == "latest":
        raise Fault(
            "dataset.tag", tag=tag, why="would look like a number or the newest version.", mend="Put a v in front."
        )
    return tag


@transaction.atomic
def delete_version(*, version: DatasetVersion, by: User | None) -> None:
    """Take a version away. Raises `Fault` dataset.version_tagged, dataset.version_used, dataset.freezing."""
    if version.tags:
        raise Fault("dataset.version_tagged", tags=", ".join(version.tags))
    if (user := user_of(version.dataset.team, "version", version.pk)) is not None:
        raise Fault("dataset.version_used", used=user.name)
    if version.job is not None and not version.job.is_final:
        raise Fault("dataset.freezing", number=version.number)
    DatasetVersion.objects.filter(pk=version.pk).update(deleted_at=timezone.now())
    dataset = version.dataset
    audit("dataset.version_deleted", actor=by, team=dataset.team, target=dataset, version=version.number)


def user_of(team: Team, kind: str, pk: int, but: Dataset | None = None) -> Dataset | None:
    """A dataset (another one than `but`) whose recipe has this source."""
    users = Dataset.objects.of(team).filter(recipe__sources__contains=[{"kind": kind, "id": pk}])
    if but is not None:
        users = users.exclude(pk=but.pk)
    return users.order_by("pk").first()


@transaction.atomic
def delete(*, dataset: Dataset, by: User | None) -> None:
    """Take a dataset away with its versions. Refused while another recipe uses one of them."""
    for version in dataset.versions.filter(deleted_at=None):
        if (user := user_of(dataset.team, "version", version.pk, but=dataset)) is not None:
            raise Fault("dataset.version_used", used=user.name)
        if version.job is not None and not version.job.is_final:
            raise Fault("dataset.freezing", number=version.number)
    Dataset.objects.filter(pk=dataset.pk).update(deleted_at=timezone.now())
    audit("dataset.deleted", actor=by, team=dataset.team, target=dataset, name=dataset.name)


# --- export ---


@transaction.atomic
def export(*, version: DatasetVersion, format: str, by: User | None) -> DatasetExport:  # noqa: A002  (the word people use)
    """The packed folder of one format: the one that is there, or a job that makes it. A failed one is tried again, and
    one whose name, description, changelog or card was changed since is made anew.
    """
    need_frozen(version)
    if format not in TRAINING:
        raise Fault("dataset.format", format=format, known=", ".join(TRAINING))
    team = version.dataset.team
    made, new = DatasetExport.objects.select_for_update().get_or_create(
        version=version, format=format, defaults={"created_by": by}
    )
    if not new and ((made.path and is_current(made)) or (made.job is not None and not made.job.is_final)):
        return made
    if made.path:
        _forget(made)
    made.job = jobs.start(kind=EXPORT, params={"export": made.pk}, lane=team.lane)
    made.save(update_fields=["job", "path"])
    audit("dataset.export_started", actor=by, team=team, target=version.dataset, version=version.number, format=format)
    return made


def is_current(made: DatasetExport) -> bool:
    """Whether the file holds the texts of people as they are now."""
    found = DatasetVersion.objects.select_related("dataset").get(pk=made.version_id)
    return made.texts_sha256 == texts_sha256(found)


def _forget(made: DatasetExport) -> None:
    old, made.path = made.path, ""
    if not DatasetExport.objects.filter(path=old).exclude(pk=made.pk).exists():
        transaction.on_commit(lambda: storage.delete(old), robust=True)
