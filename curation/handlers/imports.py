"""The job that brings a file into a task: one streaming step that is one transaction, so its rows are in once or not."""

import contextlib
from collections.abc import Iterator
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from config import uploads
from curation.actions.adding import NewExample, add_examples
from curation.ahead import ahead
from curation.audit import audit
from curation.content import Mapping, contents
from curation.importing import KB, Reading, TooManyBad, forget
from curation.incoming import maker
from curation.models import Example, ExampleImport
from jobs.heartbeat import Beat
from jobs.models import Job, Step
from jobs.registry import Kind, PassPlan, StepPlan, register

AHEAD = 1_000  # rows made while others are stored

uploads.OWNERS.append(lambda path: ExampleImport.objects.filter(path=path).exists())


@register
class ExampleImportKind(Kind):
    name = "examples.import"

    def open_pass(self, job: Job, index: int) -> PassPlan | None:
        if index:
            return None
        found = ExampleImport.objects.get(pk=job.params["import"])
        plan = StepPlan({"import": found.pk}, "cpu", found.bytes // KB)
        return PassPlan("read", "Read, check and store the examples", [plan], "kB")

    def run(self, step: Step, beat: Beat) -> dict[str, Any]:
        found = ExampleImport.objects.select_related("task__team", "created_by", "fetch").get(pk=step.payload["import"])
        reading = Reading(
            path=found.path, name=found.name, mapping=Mapping.from_dict(found.mapping),
            max_bad_share=found.max_bad_share, beat=beat, more=found.more,
        )  # fmt: skip
        try:
            return _bring_in(found, reading, beat)
        except TooManyBad:
            # Nothing of this import stays but the list that tells where it went wrong.
            ExampleImport.objects.filter(pk=found.pk, loaded_at=None).update(
                rows_bad=reading.bad, bad_path=reading.save_bad(folder(found))
            )
            raise

    def succeeded(self, job: Job) -> None:
        self._clean(job, with_file=True)

    def failed(self, job: Job) -> None:
        self._clean(job, with_file=job.error_code.startswith("format."))

    def cancelled(self, job: Job) -> None:
        self._clean(job, with_file=False)

    def _clean(self, job: Job, *, with_file: bool) -> None:
        """The received file stays while another try could read it."""
        found = ExampleImport.objects.filter(pk=job.params["import"]).first()
        files = (found.path, found.more) if found is not None and (with_file or found.loaded_at) else ("", [])

        def clean() -> None:
            forget(*files)
            uploads.forget_old()

        transaction.on_commit(clean)


def folder(found: ExampleImport) -> str:
    """Where the list of bad rows of an import lies in the storage."""
    return f"example-imports/{found.pk}"


@transaction.atomic
def _bring_in(found: ExampleImport, reading: Reading, beat: Beat) -> dict[str, Any]:
    """All rows and the note that they are in, or nothing. A second attempt waits for the first and finds its note."""
    note = ExampleImport.objects.select_for_update().get(pk=found.pk)
    if note.loaded_at is None:
        with connection.cursor() as cursor:  # check references batch by batch, not all of them at the commit
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with contextlib.closing(ahead(_examples(found, reading), AHEAD)) as rows:
            added = add_examples(
                task=found.task, rows=rows, by=found.created_by, origin=Example.Origin.FILE, incoming=found
            )
        note.rows_good, note.rows_known, note.rows_bad = added.good, added.known, reading.bad
        note.bad_path, note.loaded_at = reading.save_bad(folder(found)), timezone.now()
        note.save(update_fields=["rows_good", "rows_known", "rows_bad", "bad_path", "loaded_at"])
        audit(
            "examples.imported", actor=found.created_by, team=found.task.team, target=found.task, name=found.name,
            rows=added.good, known=added.known, bad=reading.bad,
        )  # fmt: skip
        beat.check()
    return {"good": note.rows_good, "known": note.rows_known, "bad": note.rows_bad}


def _examples(found: ExampleImport, reading: Reading) -> Iterator[NewExample]:
    make = maker(found.task, found.outputs_as, found.name)
    known = {name: value for name, value in found.fetch.facts.items() if value} if found.fetch else {}
    for good in reading.batches():
        says = contents(good.checked.table, reading.mapping)
        for content, key, source, line in zip(
            says, good.checked.keys, good.checked.sources.to_pylist(), good.lines, strict=True
        ):
            made = make(content)
            made.key, made.source = key, source
            made.lineage = {"file": good.file or found.name, "line": line, "import": found.pk} | known
            yield made
