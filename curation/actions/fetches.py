"""Imports from the hub: asked for, stopped, gone on with, discarded; and what becomes of their files."""

import re
from collections.abc import Mapping as Given
from typing import Any

from django.db import transaction
from django.utils import timezone

from config import storage
from config.faults import Fault
from curation.actions.pushes import checked_repo
from curation.audit import audit
from curation.content import ContentError, Mapping
from curation.fetching import TAKERS, taker_of
from curation.hub.client import endpoint
from curation.hub.escaping import flat
from curation.models import HubFetch, Team, User
from jobs import actions as jobs

FETCH = "hub.fetch"
_DATASET = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_REVISION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?")


def checked_dataset(dataset: str) -> str:
    """owner/name, or the name alone of one without an owner; also out of an address. Raises `Fault` hub.repo."""
    text = re.sub(r"^https?://[^/]+/", "", dataset.strip()).removeprefix("datasets/").strip("/")
    text = "/".join(text.split("/")[:2])
    if "/" not in text and _DATASET.fullmatch(text) and "--" not in text and ".." not in text and len(text) <= 96:
        return text
    return checked_repo(text)


def checked_revision(revision: str) -> str:
    """A branch, tag or commit; "" for the newest state. Raises `Fault` hub.branch."""
    text = revision.strip()
    if text and (".." in text or "//" in text or len(text) > 200 or not _REVISION.fullmatch(text)):
        raise Fault("hub.branch", branch=flat(text, 100), why="cannot name a revision")
    return text


def checked_mapping(mapping: Given[str, Any]) -> dict[str, str]:
    """{} for a guess. Raises `Fault` import.mapping."""
    if not mapping:
        return {}
    try:
        found = Mapping.from_dict(dict(mapping))
        found.check()
    except ContentError as error:
        raise Fault("import.mapping", why=f"The mapping {error.why}.") from None
    except (TypeError, ValueError) as error:
        raise Fault("import.mapping", why=flat(error, 200)) from None
    return found.to_dict()


@transaction.atomic
def fetch(
    *, team: Team, by: User | None, into: str, target: int, dataset: str, config: str = "", split: str = "",
    revision: str = "", mapping: Given[str, Any] | None = None, options: dict[str, Any] | None = None, start: bool = False,
) -> HubFetch:  # fmt: skip
    """Start the job that brings a split into a pool or task; with `start` its import begins when the files are there.

    Raises `Fault` hub.repo, hub.branch, import.mapping, hub.fetch_gone.
    """
    TAKERS[into].checked(team, target)
    made = HubFetch.objects.create(
        team=team, into=into, target=target, endpoint=endpoint(), dataset=checked_dataset(dataset), created_by=by,
        config=flat(config, 200).strip(), split=flat(split, 200).strip(), revision=checked_revision(revision),
        mapping=checked_mapping(mapping or {}), options=options or {}, start=start,
    )  # fmt: skip
    made.job = jobs.start(kind=FETCH, params={"fetch": made.pk}, lane=team.lane)
    made.save(update_fields=["job"])
    audit(
        "hub.fetch_started", actor=by, team=team, target=made, dataset=made.dataset, revision=made.revision, into=into
    )
    return made


def cancel(*, fetch: HubFetch, by: User | None) -> None:
    with transaction.atomic():
        if fetch.job is not None and not fetch.job.is_final:
            jobs.cancel(job=fetch.job)
            audit("hub.fetch_cancelled", actor=by, team=fetch.team, target=fetch, dataset=fetch.dataset)


def resume(*, fetch: HubFetch, by: User | None) -> None:
    """Raises `Fault` jobs.finished."""
    with transaction.atomic():
        if fetch.job is not None:
            jobs.resume(job=fetch.job)
            audit("hub.fetch_started", actor=by, team=fetch.team, target=fetch, dataset=fetch.dataset,
                  revision=fetch.revision, into=fetch.into)  # fmt: skip


@transaction.atomic
def discard(*, fetch: HubFetch, by: User | None) -> None:
    """Forget what has not become an import. Raises `Fault` hub.fetch_done."""
    fresh = HubFetch.objects.select_for_update(of=("self",)).select_related("job", "team").get(pk=fetch.pk)
    if fresh.taken_at is not None or (fresh.job is not None and not fresh.job.is_final):
        raise Fault("hub.fetch_done")
    job, folder = fresh.job, fresh.folder
    audit("hub.fetch_discarded", actor=by, team=fresh.team, target=fresh, dataset=fresh.dataset)
    taker = taker_of(fresh)
    HubFetch.objects.filter(pk=fresh.pk).delete()
    taker.drop(fresh)
    if job is not None:
        jobs.discard(job=job)
    transaction.on_commit(lambda: storage.delete_prefix(folder))


@transaction.atomic
def take(fetch: HubFetch) -> None:
    """The files have come: they become an import, once. One that cannot start by itself waits as a draft."""
    fresh = HubFetch.objects.select_for_update(of=("self",)).select_related("team", "created_by").get(pk=fetch.pk)
    if fresh.taken_at is not None:
        return
    HubFetch.objects.filter(pk=fresh.pk).update(taken_at=timezone.now())
    taker_of(fresh).take(fresh)
