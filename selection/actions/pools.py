"""Pools and imports: made, started, discarded, deleted."""

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction

from config.faults import Fault
from curation import formats, importing
from curation.actions import fetches
from curation.audit import audit
from curation.content import Mapping
from curation.content.model import root
from curation.importing import look_at
from curation.models import HubFetch, Team, User
from jobs import actions as jobs
from jobs.models import Job
from selection import store
from selection.models import Import, Pool, Run

OWN_AGAIN = {("id", store.KEY), ("source", store.SOURCE)}  # of a pool that was written out and comes back


def wrong_columns(mapping: Mapping, columns: Sequence[str]) -> dict[str, str]:
    """Which parts of a mapping name a column that is not there, or one that Winnow writes itself: part -> why."""
    wrong = importing.wrong_columns(mapping, columns)
    for part, path in mapping.to_dict().items():
        name = root(path, columns)
        if part not in wrong and name in store.OWN and (part, path) not in OWN_AGAIN:
            wrong[part] = f"The column {name} is written by Winnow itself and cannot be read as {part}."
    return wrong


@transaction.atomic
def create_pool(*, team: Team, name: str, by: User | None, description: str = "", hidden: bool = False) -> Pool:
    """Raises `Fault` pool.name_taken."""
    try:
        with transaction.atomic():
            pool = Pool.objects.create(team=team, name=name, description=description, hidden=hidden, created_by=by)
    except IntegrityError:
        raise Fault("pool.name_taken", name=name) from None
    audit("pool.created", actor=by, team=team, target=pool, name=name)
    return pool


@transaction.atomic
def draft_import(*, pool: Pool, by: User | None, name: str, path: str, seen: formats.Preview) -> Import:
    """A received file that waits for its mapping; the guess is filled in."""
    return Import.objects.create(
        pool=pool, name=name[:255], path=path, bytes=seen.facts["bytes"], format=seen.source.format,
        compression=seen.source.compression, mapping=seen.guess.mapping.to_dict(), created_by=by,
    )  # fmt: skip


@transaction.atomic
def add_file(*, pool: Pool, by: User | None, name: str, path: str) -> Import:
    """The draft of a further import. Raises `Fault` for a bad file."""
    return draft_import(pool=pool, by=by, name=name, path=path, seen=look_at(path, name))


@transaction.atomic
def new_pool_from_file(
    *, team: Team, by: User | None, pool_name: str, name: str, path: str, description: str = ""
) -> Import:
    """A pool and the draft of its first import. Raises `Fault` for a bad file or a taken name."""
    seen = look_at(path, name)
    pool = create_pool(team=team, name=pool_name, by=by, description=description)
    return draft_import(pool=pool, by=by, name=name, path=path, seen=seen)


@transaction.atomic
def new_pool_from_hub(
    *, team: Team, by: User | None, pool_name: str, dataset: str, description: str = "", **asked: Any
) -> HubFetch:  # fmt: skip
    """A pool, and the job that fetches its rows. `asked`: as of `fetches.fetch`. Raises `Fault` pool.name_taken, hub.…"""
    pool = create_pool(team=team, name=pool_name, by=by, description=description)
    return fetches.fetch(team=team, by=by, into="pool", target=pool.pk, dataset=dataset, **asked)


@transaction.atomic
def start_import(*, import_: Import, by: User | None, mapping: Mapping, max_bad_share: float = 0.1) -> Job:
    """Raises `Fault` import.started, import.gone, import.mapping or pool.busy."""
    importing.check_mapping(mapping)
    pool = Pool.objects.select_for_update().get(pk=import_.pool_id)  # two starts at once meet here
    fresh = Import.objects.select_for_update().get(pk=import_.pk)
    if fresh.job is not None and (not fresh.job.is_final or fresh.job.state == Job.State.SUCCEEDED):
        raise Fault("import.started", name=fresh.name)
    if not store.exists(fresh.path):
        raise Fault("import.gone", name=fresh.name)
    busy = pool.imports.filter(job__state__in=Job.OPEN_STATES).exclude(pk=fresh.pk).first()
    if busy is not None:
        raise Fault("pool.busy", name=busy.name)
    before, pk = fresh.job, fresh.pk
    Import.objects.filter(pk=pk).update(
        mapping=mapping.to_dict(), max_bad_share=max_bad_share, rows_good=0, rows_bad=0, bad_path=""
    )
    job = jobs.start(kind="pool.import", params={"import": pk}, lane=pool.team.lane)
    Import.objects.filter(pk=pk).update(job=job)
    if before is not None:
        jobs.discard(job=before)
        transaction.on_commit(lambda: store.delete_prefix(f"imports/{pk}"))  # bad rows of the other mapping
    audit("import.started", actor=by, team=pool.team, target=fresh, name=fresh.name)
    import_.refresh_from_db()
    return job


def cancel_import(*, import_: Import, by: User | None) -> None:
    with transaction.atomic():
        if import_.job is not None and not import_.job.is_final:
            jobs.cancel(job=import_.job)
            audit("import.cancelled", actor=by, team=import_.pool.team, target=import_, name=import_.name)


def resume_import(*, import_: Import, by: User) -> None:
    """Raises `Fault` pool.busy, import.gone or jobs.finished; then nothing has changed."""
    with transaction.atomic():
        if import_.job is not None:
            jobs.resume(job=import_.job)  # takes the lock of the job, which comes before that of the pool
        pool = Pool.objects.select_for_update().get(pk=import_.pool_id)
        busy = pool.imports.filter(job__state__in=Job.OPEN_STATES).exclude(pk=import_.pk).first()
        if busy is not None:
            raise Fault("pool.busy", name=busy.name)
        if not store.exists(import_.path):
            raise Fault("import.gone", name=import_.name)
        audit("import.started", actor=by, team=pool.team, target=import_, name=import_.name)


@transaction.atomic
def discard_import(*, import_: Import, by: User | None) -> Pool | None:
    """Forget an import that brought no rows, and its pool if nothing else was ever in it. Returns the pool that stays."""
    pool = Pool.objects.select_for_update().get(pk=import_.pool_id)
    if import_.job is not None and not import_.job.is_final:
        raise Fault("pool.busy", name=import_.name)
    if pool.shards.filter(made_by=import_).exists():
        raise Fault("import.started", name=import_.name)
    files, pk, job = (import_.path, import_.more), import_.pk, import_.job
    Import.objects.filter(pk=pk).delete()
    if job is not None:
        jobs.discard(job=job)
    alone = pool.rows == 0 and not pool.imports.exists() and not pool.runs.exists()
    if alone:
        Pool.objects.filter(pk=pool.pk).delete()
    transaction.on_commit(lambda: _forget({pk: files}))
    return None if alone else pool


def _forget(imports: dict[int, tuple[str, list[dict[str, str]]]]) -> None:
    """The files of imports: what was received (id -> path, further files) and the lists of bad rows."""
    for pk, files in imports.items():
        importing.forget(*files)
        store.delete_prefix(f"imports/{pk}")


@transaction.atomic
def rename_pool(*, pool: Pool, by: User, name: str, description: str) -> None:
    try:
        with transaction.atomic():
            Pool.objects.filter(pk=pool.pk).update(name=name, description=description)
    except IntegrityError:
        raise Fault("pool.name_taken", name=name) from None
    audit("pool.renamed", actor=by, team=pool.team, target=pool, before=pool.name, after=name)


@transaction.atomic
def delete_pool(*, pool: Pool, by: User, with_runs: bool = False) -> None:
    """Rows, files, imports; its runs too if asked. Raises `Fault` pool.in_use or pool.busy."""
    locked = Pool.objects.select_for_update().get(pk=pool.pk)
    busy = locked.imports.filter(job__state__in=Job.OPEN_STATES).first()
    if busy is not None:
        raise Fault("pool.busy", name=busy.name)
    runs = list(Run.objects.filter(pool=locked).select_related("job", "team"))
    if runs and not with_runs:
        names = f"{len(runs)} run{'s' if len(runs) != 1 else ''}"
        raise Fault("pool.in_use", runs=names, name=pool.name)
    if runs:
        from selection.actions import runs as run_actions

        for run in runs:
            run_actions.delete(run=run, by=by)
    files = {pk: (path, more) for pk, path, more in locked.imports.values_list("pk", "path", "more")}
    jobs_ = [import_.job for import_ in locked.imports.select_related("job") if import_.job is not None]
    pk = locked.pk
    audit("pool.deleted", actor=by, team=pool.team, target=pool, name=pool.name, rows=locked.rows)
    Pool.objects.filter(pk=pk).delete()
    for job in jobs_:
        jobs.discard(job=job)

    def forget() -> None:
        store.delete_prefix(f"pools/{pk}")
        store.delete_prefix(f"features/{pk}")
        store.delete_prefix(f"passes/{pk}")
        _forget(files)

    transaction.on_commit(forget)
