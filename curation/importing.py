"""Reading a received file: what imports into pools and into tasks have in common.

Good rows come batch by batch; bad ones are counted, kept with place and reason, and stop the import when they are too
many. Memory: a batch of rows and 10,000 bad ones.
"""

import gzip
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from django.conf import settings

from config import storage
from config.faults import Fault
from curation import formats
from curation.content import Checked, ContentError, Mapping, check, parts_of, read
from curation.content.model import root
from curation.formats.base import excerpt
from jobs.heartbeat import Beat

MAX_BAD_KEPT = 10_000
LOOK_AFTER = 1_000  # rows; before, a few bad ones at the top say little about the file
KB = 1000  # progress is told in kB of the file: its rows are known only at the end


def limits() -> formats.Limits:
    return formats.Limits(
        max_bytes=settings.UPLOAD_MAX_BYTES,
        max_field_chars=settings.FIELD_MAX_CHARS,
        max_rows=settings.UPLOAD_MAX_ROWS,
    )


# --- before: what the file looks like ---


def look_at(path: str, name: str, n: int = 10) -> formats.Preview:
    """The first rows of a received file. Raises `Fault` for one that cannot be read, or of which no row can."""
    try:
        with storage.open_file(path) as file:
            seen = formats.preview(file, n, name, limits())
    except formats.FormatError as error:
        raise Fault(error.code, **error.facts) from None
    if not seen.rows:
        first = min(seen.bad)
        reason = first.reason if first.reason.endswith(".") else f"{first.reason}."
        raise Fault("import.no_good_row", name=name, line=f"{first.line:,}", reason=reason)
    return seen


def wrong_columns(mapping: Mapping, columns: Sequence[str]) -> dict[str, str]:
    """Which parts of a mapping name a column that is not there: part → why."""
    wrong = {}
    for part, path in mapping.to_dict().items():
        name = root(path, columns)
        if name not in columns:
            more = " …" if len(columns) > 8 else ""
            wrong[part] = f"There is no column {name}. The columns are {', '.join(columns[:8])}{more}."
    return wrong


def preview_rows(seen: formats.Preview, mapping: Mapping, max_chars: int) -> list[dict[str, Any]]:
    """The first rows as this mapping reads them, or why it cannot."""
    made: list[dict[str, Any]] = []
    for line, row in zip(seen.lines, seen.rows, strict=True):
        try:
            mapping.check()
            made.append({"line": line, "parts": parts_of(read(row, mapping, max_chars)), "error": ""})
        except ContentError as error:
            made.append({"line": line, "parts": [], "error": f"{error.field} {error.why}"})
    return made


# --- during: the rows ---


class TooManyBad(Fault):
    """More bad rows than allowed: the mapping or the file is wrong, not some rows."""


@dataclass(frozen=True, slots=True)
class Good:
    """The good rows of one batch, and where each of them stands; `file`: in which, if it is not the first of them."""

    checked: Checked
    lines: Sequence[int]
    file: str = ""


class Reading:
    """One pass over a received file. `good`, `bad` and `save_bad` may be asked at any time."""

    def __init__(
        self, *, path: str, name: str, mapping: Mapping, max_bad_share: float, beat: Beat,
        more: Sequence[dict[str, str]] = (),
    ) -> None:  # fmt: skip
        self.name, self.mapping, self.max_bad_share, self.beat = name, mapping, max_bad_share, beat
        self.files = [{"name": name, "path": path}, *more]
        self.file = ""  # which of several is read
        self.good = self.bad = 0
        self.kept: list[dict[str, Any]] = []
        self.reasons: Counter[str] = Counter()

    def batches(self) -> Iterator[Good]:
        """The good rows, file by file, in their order. Raises `Fault` (format.…) and `TooManyBad`; tells the beat."""
        sizes = [storage.size(one["path"]) for one in self.files] if len(self.files) > 1 else [0]
        for number, one in enumerate(self.files):
            self.file = one["name"] if number else ""
            yield from self._batches(one, sum(sizes[:number]), sum(sizes[number + 1 :]))
        self._judge(final=True)

    def _batches(self, one: dict[str, str], before: int, after: int) -> Iterator[Good]:
        try:
            with storage.open_file(one["path"]) as file:
                source = formats.sniff(file, one["name"])
                with formats.open_rows(file, source, limits()) as reader:
                    for batch in reader:
                        yield self._sorted(batch)
                        done, total = before + reader.position(), before + reader.total + after
                        self.beat.progress(done // KB, total // KB, f"{self.good:,} rows")
        except formats.FormatError as error:
            if error.code == "format.no_rows" and len(self.files) > 1:
                return  # an empty piece of a whole that is not
            raise Fault(error.code, **error.facts) from None

    def _sorted(self, batch: formats.Batch) -> Good:
        for item in batch.bad:
            self.refuse(item.line, item.reason, item.excerpt)
        checked = check(batch.table, self.mapping, settings.FIELD_MAX_CHARS)
        for wrong in checked.bad:
            shown = "" if self.bad >= MAX_BAD_KEPT else _excerpt(batch.table, wrong.row)
            self.refuse(batch.lines[wrong.row], f"{wrong.field} {wrong.why}", shown)
        self.good += checked.table.num_rows
        self._judge(final=False)
        return Good(checked, [batch.lines[row] for row in checked.rows], self.file)

    def refuse(self, line: int, reason: str, shown: str) -> None:
        """Note a bad row: its place, why, and how it begins."""
        self.bad += 1
        reason = f"{self.file}: {reason}" if self.file else reason
        if len(self.reasons) < 1000 or reason in self.reasons:
            self.reasons[reason] += 1
        if len(self.kept) < MAX_BAD_KEPT:
            self.kept.append({"line": int(line), "reason": reason, "excerpt": shown})

    def _judge(self, *, final: bool) -> None:
        seen = self.good + self.bad
        if not seen or (not final and seen < LOOK_AFTER) or self.bad <= self.max_bad_share * seen:
            return
        if not final and self.bad < LOOK_AFTER:
            return
        reason = self.reasons.most_common(1)[0][0]
        raise TooManyBad(
            "import.too_many_bad", bad=f"{self.bad:,}", seen=f"{seen:,}", name=self.name,
            share=f"{100 * self.max_bad_share:g} %", reason=reason.rstrip("."),
        )  # fmt: skip

    def save_bad(self, folder: str) -> str:
        """The list of bad rows, packed, below a folder of the storage; empty when there are none."""
        if not self.kept:
            return ""
        packed = io.BytesIO()
        with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as file:
            for entry in sorted(self.kept, key=lambda item: item["line"]):
                file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
        path = f"{folder}/bad.jsonl.gz"
        with storage.writing(path) as out:
            out.write(packed.getvalue())
        return path


def _excerpt(table: pa.Table, row: int) -> str:
    return excerpt(json.dumps(table.slice(row, 1).to_pylist()[0], ensure_ascii=False, default=str))


def check_mapping(mapping: Mapping) -> None:
    """Raises `Fault` import.mapping."""
    try:
        mapping.check()
    except ContentError as error:
        raise Fault("import.mapping", why=f"The mapping {error.why}.") from None


# --- after: files that are not needed any more, the list of bad rows ---


def forget(path: str, more: Sequence[dict[str, str]]) -> None:
    """Remove the files of an import."""
    for one in [path, *(one["path"] for one in more)]:
        storage.delete(one)


def bad_rows(path: str) -> Iterator[dict[str, Any]]:
    """The kept bad rows: line, reason, excerpt."""
    if not path:
        return
    with storage.open_file(path) as raw, gzip.GzipFile(fileobj=raw) as file:
        for line in file:
            yield json.loads(line)


def bad_list(path: str, kind: str) -> Iterator[bytes]:
    """The kept bad rows as a file in pieces, `jsonl` or `csv`."""
    return formats.stream_rows(kind, bad_rows(path), ["line", "reason", "excerpt"])
