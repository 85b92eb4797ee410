"""The job that brings a file into a collection: one streaming step; its rows are in once or not."""

from collections.abc import Iterator
from typing import Any

from django.db import transaction

from config import storage, uploads
from curation import collecting
from curation.actions.collections import IMPORT
from curation.audit import audit
from curation.content import Mapping, contents, row_dicts
from curation.datasets.rows import Row, tools_in
from curation.formats.training import Json
from curation.importing import KB, Reading
from curation.keys import KeyLedger
from curation.models import Collection
from jobs.heartbeat import Beat
from jobs.models import Job, Step
from jobs.registry import Kind, PassPlan, StepPlan, register

MAX_BAD = 0.1
TOOLS = "tools"
LICENCES, LANGUAGES = ("licence", "license"), ("language", "lang")

uploads.OWNERS.append(lambda path: Collection.objects.filter(path=path, deleted_at=None).exclude(path="").exists())


@register
class CollectionKind(Kind):
    name = IMPORT

    def open_pass(self, job: Job, index: int) -> PassPlan | None:
        found = _collection(job)
        if index or found is None:
            return None
        plan = StepPlan({"collection": found.pk}, "cpu", storage.size(found.path) // KB)
        return PassPlan("read", "Read, check and store the rows", [plan], "kB")

    def run(self, step: Step, beat: Beat) -> dict[str, Any]:
        found = Collection.objects.get(pk=step.payload["collection"])
        reading = Reading(
            path=found.path, name=found.lineage["file"], mapping=Mapping.from_dict(found.mapping), max_bad_share=MAX_BAD,
            beat=beat,
        )  # fmt: skip
        with KeyLedger() as ledger:
            made = collecting.write(found, _rows(found, reading, ledger))
        return made | {"rows_bad": reading.bad, "bad_path": reading.save_bad(collecting.folder(found))}

    def store(self, step: Step, result: dict[str, Any]) -> None:
        collecting.finish(step.payload["collection"], result)

    def succeeded(self, job: Job) -> None:
        found = _collection(job)
        if found is None:
            return
        audit(
            "collection.filled", actor=found.created_by, team=found.team, target=found, name=found.name, rows=found.rows
        )
        path = found.path
        transaction.on_commit(lambda: storage.delete(path), robust=True)


def _collection(job: Job) -> Collection | None:
    return Collection.objects.alive().select_related("team", "created_by").filter(pk=job.params["collection"]).first()


def _rows(found: Collection, reading: Reading, ledger: KeyLedger) -> Iterator[Row]:
    day = found.created_at.date().isoformat()
    for good in reading.batches():
        table, keys = good.checked.table, ledger.claim(good.checked.keys)
        licences, languages = (_column(table, names) for names in (LICENCES, LANGUAGES))
        said = contents(table, reading.mapping)
        sources = good.checked.sources.to_pylist()
        facts = zip(said, keys, sources, good.lines, licences, languages, _tools(table), strict=True)
        for content, key, source, line, licence, language, tools in facts:
            yield Row(
                key=f"{found.space}/{key}", content=content, origin=found.space, source=(source or "")[:255],
                licence=licence or found.licence, language=language, day=day, tools=tools,
                lineage={"collection": found.pk, "file": reading.name, "line": int(line), "key": key},
            )  # fmt: skip


def _tools(table: Any) -> list[tuple[Json, ...]]:
    """The schemas of tools beside chats; a column of that name that holds something else is none."""
    if TOOLS not in table.column_names:
        return [()] * table.num_rows
    return [tools_in(row[TOOLS]) for row in row_dicts(table, [TOOLS])]


def _column(table: Any, names: tuple[str, ...]) -> list[str]:
    """The texts of the first of these columns that there is."""
    name = next((one for one in names if one in table.column_names), None)
    if name is None:
        return [""] * table.num_rows
    return [one[:200] if isinstance(one, str) else "" for one in table.column(name).to_pylist()]
