"""The job that brings a file into a pool: one streaming step, memory of a few batches."""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from config import uploads
from curation import formats
from curation.audit import audit
from curation.content import Checked, Mapping
from curation.importing import KB, Reading, TooManyBad, forget
from curation.keys import KeyLedger
from jobs.heartbeat import Beat
from jobs.models import Job, Step
from jobs.registry import Kind, PassPlan, StepPlan, register
from selection import store
from selection.evaluate.facts import LENGTH_EDGES
from selection.models import Import, Pool, Shard

SOURCES_KEPT = 300
SHARD_BYTES = 96 << 20  # in memory; long rows make shards of fewer rows


uploads.OWNERS.append(lambda path: Import.objects.filter(path=path).exists())


@register
class ImportKind(Kind):
    name = "pool.import"

    def open_pass(self, job: Job, index: int) -> PassPlan | None:
        if index:
            return None
        found = Import.objects.get(pk=job.params["import"])
        return PassPlan(
            "read", "Read, check and store the rows", [StepPlan({"import": found.pk}, "cpu", found.bytes // KB)], "kB"
        )

    def run(self, step: Step, beat: Beat) -> dict[str, Any]:
        # Shards of an attempt before this one are not swept: their names are their content, so they are the same.
        found = Import.objects.select_related("pool").get(pk=step.payload["import"])
        with KeyLedger() as ledger:
            for shard in found.pool.shards.order_by("index"):
                ledger.load(store.keys(shard))
                beat.check()
            return self._read(found, Shards(found.pool_id, ledger), beat)

    def _read(self, found: Import, shards: "Shards", beat: Beat) -> dict[str, Any]:
        mapping = Mapping.from_dict(found.mapping)
        reading = Reading(
            path=found.path,
            name=found.name,
            mapping=mapping,
            max_bad_share=found.max_bad_share,
            beat=beat,
            more=found.more,
        )
        folder = f"imports/{found.pk}"
        try:
            for good in reading.batches():
                shards.take(good.checked)
        except TooManyBad:
            # Nothing of this import stays but the list that tells where it went wrong.
            beat.check()
            Import.objects.filter(pk=found.pk).update(rows_bad=reading.bad, bad_path=reading.save_bad(folder))
            raise
        shards.flush(shards.held_rows)
        return {"shards": shards.made, "good": reading.good, "bad": reading.bad, "bad_path": reading.save_bad(folder)}

    def store(self, step: Step, result: dict[str, Any]) -> None:
        found = Import.objects.get(pk=step.payload["import"])
        pool = Pool.objects.select_for_update().get(pk=found.pool_id)
        index, first = pool.shards.count(), pool.rows
        mapping = Mapping.from_dict(found.mapping)
        made = []
        for entry in result["shards"]:
            made.append(
                Shard(
                    pool=pool, index=index, made_by=found, path=entry["path"], sha256=entry["sha256"], rows=entry["rows"],
                    first_row=first, bytes=entry["bytes"], mapping=mapping.to_dict(), mapping_sha=mapping.sha(),
                    stats=entry["stats"],
                )
            )  # fmt: skip
            index, first = index + 1, first + entry["rows"]
        Shard.objects.bulk_create(made)
        Pool.objects.filter(pk=pool.pk).update(
            rows=first, bytes=F("bytes") + sum(entry["bytes"] for entry in result["shards"])
        )
        if found.bad_path and not result["bad_path"]:  # a list of the attempt that found too many
            old = found.bad_path
            transaction.on_commit(lambda: store.delete(old))
        Import.objects.filter(pk=found.pk).update(
            rows_good=result["good"], rows_bad=result["bad"], bad_path=result["bad_path"], finished_at=timezone.now()
        )
        audit(
            "import.finished", actor=None, team=pool.team, target=found, name=found.name, rows=result["good"], bad=result["bad"]
        )  # fmt: skip

    def succeeded(self, job: Job) -> None:
        self._clean(job, with_file=True)

    def failed(self, job: Job) -> None:
        self._clean(job, with_file=job.error_code.startswith("format."))

    def cancelled(self, job: Job) -> None:
        self._clean(job, with_file=False)

    def _clean(self, job: Job, *, with_file: bool) -> None:
        """No shard of a failed import stays. The received file stays while another try could read it."""
        found = Import.objects.filter(pk=job.params["import"]).first()
        if found is None:
            return
        path, more, pool_id = found.path, found.more, found.pool_id
        lists = "" if found.bad_path else f"imports/{found.pk}"

        def clean() -> None:
            sweep(pool_id)
            if with_file:
                forget(path, more)
            if lists:
                store.delete_prefix(lists)
            uploads.forget_old()

        transaction.on_commit(clean)


def sweep(pool_id: int) -> None:
    """Remove shard files that no shard refers to, unless an import is writing some."""
    with transaction.atomic():
        pool = Pool.objects.select_for_update().filter(pk=pool_id).first()  # no import starts meanwhile
        if pool is None or pool.imports.filter(job__state__in=Job.OPEN_STATES).exists():
            return
        store.keep_only(f"pools/{pool_id}", set(pool.shards.values_list("path", flat=True)))


class Shards:
    """The good rows of one import, written as shards while they come. Holds at most a shard of rows."""

    def __init__(self, pool_id: int, ledger: KeyLedger) -> None:
        self.pool_id, self.ledger = pool_id, ledger
        self.held: list[pa.Table] = []
        self.held_rows = 0
        self.made: list[dict[str, Any]] = []

    def take(self, checked: Checked) -> None:
        table = checked.table
        if table.num_rows:
            own = {
                store.KEY: pa.array(self.ledger.claim(checked.keys)),
                store.SOURCE: checked.sources,
                store.CHARS: checked.chars,
            }
            table = table.drop_columns([name for name in own if name in table.column_names])
            for name, column in own.items():
                table = table.append_column(name, column)
            self.held.append(table)
            self.held_rows += table.num_rows
        while self.held_rows >= settings.SHARD_ROWS:
            self.flush(settings.SHARD_ROWS)
        if sum(part.nbytes for part in self.held) > SHARD_BYTES:
            self.flush(self.held_rows)

    def flush(self, count: int) -> None:
        """Write the first `count` held rows as a shard."""
        if not count:
            return
        whole = formats.concat(self.held)
        table, rest = whole.slice(0, count), whole.slice(count)
        written = store.write_shard(self.pool_id, table)
        self.made.append(
            {
                "path": written.path,
                "sha256": written.sha256,
                "rows": written.rows,
                "bytes": written.bytes,
                "stats": stats(table),
            }
        )
        # A copy, so that the shard's memory is not kept alive by the few rows behind it.
        self.held = [pa.Table.from_batches(rest.combine_chunks().to_batches())] if rest.num_rows else []
        self.held_rows = rest.num_rows


def stats(table: pa.Table) -> dict[str, Any]:
    """Length histogram over `LENGTH_EDGES`, characters in all, rows by source (the largest)."""
    lengths = table.column(store.CHARS).to_numpy()
    clipped = np.clip(lengths, LENGTH_EDGES[0], LENGTH_EDGES[-1])
    counted = table.column(store.SOURCE).value_counts()
    sources = Counter({item["values"]: item["counts"] for item in counted.to_pylist()})
    return {
        "lengths": np.histogram(clipped, LENGTH_EDGES)[0].tolist(),
        "chars": int(lengths.sum(dtype=np.int64)),
        "longest": int(lengths.max(initial=0)),
        "sources": dict(sources.most_common(SOURCES_KEPT)),
        "source_count": len(sources),
    }
