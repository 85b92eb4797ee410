"""Imports of examples: sent, started, stopped, discarded."""

from django.db import transaction

from config import storage
from config.faults import Fault
from curation import importing
from curation.audit import audit
from curation.content import Mapping
from curation.importing import look_at
from curation.models import ExampleImport, Task, User
from jobs import actions as jobs
from jobs.models import Job


@transaction.atomic
def draft_import(*, task: Task, by: User | None, name: str, path: str) -> ExampleImport:
    """A received file that waits for its mapping; the guess is filled in. Raises `Fault` for a bad file."""
    seen = look_at(path, name)
    return ExampleImport.objects.create(
        task=task, name=name[:255], path=path, bytes=seen.facts["bytes"], format=seen.source.format,
        compression=seen.source.compression, mapping=seen.guess.mapping.to_dict(), created_by=by,
    )  # fmt: skip


@transaction.atomic
def start_import(
    *, import_: ExampleImport, by: User | None, mapping: Mapping, outputs_as: str = "suggestion",
    max_bad_share: float = 0.1,
) -> Job:  # fmt: skip
    """Raises `Fault` import.started, import.gone or import.mapping."""
    importing.check_mapping(mapping)
    fresh = ExampleImport.objects.select_for_update(of=("self",)).select_related("job").get(pk=import_.pk)
    if fresh.loaded_at or (
        fresh.job is not None and (not fresh.job.is_final or fresh.job.state == Job.State.SUCCEEDED)
    ):
        raise Fault("import.started", name=fresh.name)
    if not storage.exists(fresh.path):
        raise Fault("import.gone", name=fresh.name)
    before = fresh.job
    ExampleImport.objects.filter(pk=fresh.pk).update(
        mapping=mapping.to_dict(), outputs_as=outputs_as, max_bad_share=max_bad_share, rows_good=0, rows_bad=0,
        rows_known=0, bad_path="",
    )  # fmt: skip
    team = import_.task.team
    job = jobs.start(kind="examples.import", params={"import": fresh.pk}, lane=team.lane)
    ExampleImport.objects.filter(pk=fresh.pk).update(job=job)
    if before is not None:
        jobs.discard(job=before)
        transaction.on_commit(lambda: storage.delete(fresh.bad_path))  # bad rows of the other mapping
    audit("import.started", actor=by, team=team, target=fresh, name=fresh.name)
    import_.refresh_from_db()
    return job


@transaction.atomic
def cancel_import(*, import_: ExampleImport, by: User | None) -> None:
    if import_.job is not None and not import_.job.is_final:
        jobs.cancel(job=import_.job)
        audit("import.cancelled", actor=by, team=import_.task.team, target=import_, name=import_.name)


@transaction.atomic
def resume_import(*, import_: ExampleImport, by: User | None) -> None:
    """Raises `Fault` import.gone or jobs.finished; then nothing has changed."""
    if not import_.loaded_at and not storage.exists(import_.path):
        raise Fault("import.gone", name=import_.name)
    if import_.job is not None:
        jobs.resume(job=import_.job)
        audit("import.started", actor=by, team=import_.task.team, target=import_, name=import_.name)


@transaction.atomic
def discard_import(*, import_: ExampleImport, by: User | None) -> None:
    """Forget an import that brought no rows. Raises `Fault` import.started for one that runs or is in."""
    fresh = ExampleImport.objects.select_for_update(of=("self",)).select_related("job").get(pk=import_.pk)
    if fresh.loaded_at or (fresh.job is not None and not fresh.job.is_final):
        raise Fault("import.started", name=fresh.name)
    files, bad_path, job = (fresh.path, fresh.more), fresh.bad_path, fresh.job
    ExampleImport.objects.filter(pk=fresh.pk).delete()
    if job is not None:
        jobs.discard(job=job)

    def forget() -> None:
        importing.forget(*files)
        storage.delete(bad_path)

    transaction.on_commit(forget)
