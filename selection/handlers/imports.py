"""The job that brings a file into a pool: one streaming step, memory of a few batches."""

import gzip
import io
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from config import uploads
from config.faults import Fault
from curation import formats
from curation.audit import audit
from curation.content import Mapping, check
from curation.keys import KeyLedger
from jobs.heartbeat import Beat
from jobs.models import Job, Step
from jobs.registry import Kind, PassPlan, StepPlan, register
from selection import store
from selection.actions.pools import MAX_BAD_KEPT, limits
from selection.evaluate.facts import LENGTH_EDGES
from selection.models import Import, Pool, Shard

SOURCES_KEPT = 300
KB = 1000  # progress is told in kB of the file: its rows are known only at the end
SHARD_BYTES = 96 << 20  # in memory; long rows make shards of fewer rows
LOOK_AFTER = 1_000  # rows; before, a few bad ones at the top say little about the file


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
            return Reading(found, ledger, beat).read()

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
        path, pool_id = found.path if with_file else "", found.pool_id
        lists = "" if found.bad_path else f"imports/{found.pk}"

        def clean() -> None:
            sweep(pool_id)
            store.delete(path)
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


class Reading:
    """One pass over the file. Holds at most a shard of rows."""

    def __init__(self, found: Import, ledger: KeyLedger, beat: Beat) -> None:
        self.found, self.ledger, self.beat = found, ledger, beat
        self.mapping = Mapping.from_dict(found.mapping)
        self.good = self.bad = 0
        self.kept_bad: list[dict[str, Any]] = []
        self.reasons: Counter[str] = Counter()
        self.held: list[pa.Table] = []
        self.held_rows = 0
        self.shards: list[dict[str, Any]] = []

    def read(self) -> dict[str, Any]:
        try:
            with store.open_file(self.found.path) as file:
                source = formats.sniff(file, self.found.name)
                with formats.open_rows(file, source, limits()) as reader:
                    for batch in reader:
                        self.take(batch)
                        self.beat.progress(reader.position() // KB, reader.total // KB, f"{self.good:,} rows")
        except formats.FormatError as error:
            raise Fault(error.code, **error.facts) from None
        self.judge(final=True)
        self.flush(self.held_rows)
        return {"shards": self.shards, "good": self.good, "bad": self.bad, "bad_path": self.save_bad()}

    def take(self, batch: formats.Batch) -> None:
        for item in batch.bad:
            self.refuse(item.line, item.reason, item.excerpt)
        checked = check(batch.table, self.mapping, settings.FIELD_MAX_CHARS)
        for wrong in checked.bad:
            excerpt = "" if self.bad >= MAX_BAD_KEPT else _excerpt(batch.table, wrong.row)
            self.refuse(batch.lines[wrong.row], f"{wrong.field} {wrong.why}", excerpt)
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
            self.good += table.num_rows
        self.judge(final=False)
        while self.held_rows >= settings.SHARD_ROWS:
            self.flush(settings.SHARD_ROWS)
        if sum(part.nbytes for part in self.held) > SHARD_BYTES:
            self.flush(self.held_rows)

    def refuse(self, line: int, reason: str, excerpt: str) -> None:
        self.bad += 1
        if len(self.reasons) < 1000 or reason in self.reasons:
            self.reasons[reason] += 1
        if len(self.kept_bad) < MAX_BAD_KEPT:
            self.kept_bad.append({"line": int(line), "reason": reason, "excerpt": excerpt})

    def judge(self, *, final: bool) -> None:
        """Stop when too many rows are bad: then the mapping or the file is wrong, not some rows."""
        seen = self.good + self.bad
        if not seen or (not final and seen < LOOK_AFTER) or self.bad <= self.found.max_bad_share * seen:
            return
        if not final and self.bad < LOOK_AFTER:
            return
        reason = self.reasons.most_common(1)[0][0]
        # Nothing of this import stays but the list that tells where it went wrong.
        self.beat.check()
        Import.objects.filter(pk=self.found.pk).update(rows_bad=self.bad, bad_path=self.save_bad())
        raise Fault(
            "import.too_many_bad", bad=f"{self.bad:,}", seen=f"{seen:,}", name=self.found.name,
            share=f"{100 * self.found.max_bad_share:g} %", reason=reason.rstrip("."),
        )  # fmt: skip

    def flush(self, count: int) -> None:
        """Write the first `count` held rows as a shard."""
        if not count:
            return
        whole = formats.concat(self.held)
        table, rest = whole.slice(0, count), whole.slice(count)
        written = store.write_shard(self.found.pool_id, table)
        self.shards.append(
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

    def save_bad(self) -> str:
        """The list of bad rows, packed; empty path when there are none."""
        if not self.kept_bad:
            return ""
        packed = io.BytesIO()
        with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as file:
            for entry in sorted(self.kept_bad, key=lambda item: item["line"]):
                file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
        path = f"imports/{self.found.pk}/bad.jsonl.gz"
        with store.writing(path) as out:
            out.write(packed.getvalue())
        return path


def _excerpt(table: pa.Table, row: int) -> str:
    from curation.formats.base import excerpt

    return excerpt(json.dumps(table.slice(row, 1).to_pylist()[0], ensure_ascii=False, default=str))


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


def bad_rows(found: Import) -> Iterator[dict[str, Any]]:
    """The kept bad rows: line, reason, excerpt."""
    if not found.bad_path:
        return
    with store.open_file(found.bad_path) as raw, gzip.GzipFile(fileobj=raw) as file:
        for line in file:
            yield json.loads(line)
