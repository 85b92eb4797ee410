"""A version as a folder of one training format: splits, companions, run.json, provenance.parquet, the card.

Rows are read and written as they come; the same version gives the same files on every machine.
"""

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from django.utils.text import slugify

from config import storage
from config.faults import Fault
from curation import parts
from curation.datasets.provenance import SCHEMA as PROVENANCE
from curation.datasets.provenance import Places, provenance
from curation.datasets.recipe import nested
from curation.datasets.rows import TAUGHT, Row, dull
from curation.datasets.rows import records as recorded
from curation.formats.training import (
    SURVEYED,
    TRAINING,
    Format,
    Record,
    Shape,
    Surveyor,
    Unfit,
    companions,
    together,
    write_file,
)  # fmt: skip
from curation.hub.card import readme
from curation.hub.croissant import croissant
from curation.hub.facts import of_version
from curation.hub.features import layout
from curation.models import DatasetVersion

Told = Callable[[int], None]
WITH_UNDESIRABLE = ("kto", "csv", "parquet")  # the others would teach what was rejected
TRACED = ("key", "revision", "sha", "split", "origin", "source", "licence", "desirable", "lineage")
KEPT = 20  # rows that do not fit, told by name
EPOCH = (1980, 1, 1, 0, 0, 0)
CHUNK = 1 << 20


@dataclass(slots=True)
class Made:
    """rows: of each file's split; unfit: how many rows could not be written, and why of the first ones."""

    rows: dict[str, int] = field(default_factory=dict)
    unfit: int = 0
    first: list[dict[str, str]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)  # name: sha256

    def refused(self, record: Record, why: Unfit) -> None:
        self.unfit += 1
        if len(self.first) < KEPT:
            self.first.append({"key": record.key, "why": str(why)})

    def unfit_facts(self) -> dict[str, Any]:
        return {"count": self.unfit, "first": self.first}


def name_of(version: DatasetVersion) -> str:
    """What a file of the version is called, without its suffix."""
    return f"{slugify(version.dataset.name)[:60] or 'dataset'}-v{version.number}"


def splits_of(version: DatasetVersion) -> list[str]:
    """The splits that have rows, the one to train on first."""
    found = version.counts.get("split", {})
    return [name for name, _ in version.splits.get("shares", []) if found.get(name)]


def origins_of(version: DatasetVersion) -> list[str]:
    """The origins of its rows, sorted. The counts of versions frozen earlier name the 100 most frequent alone."""
    found = set(version.counts.get("origin", {}))
    if version.counts.get("origin_more"):
        for batch in parts.batches(version.parts, ("origin",), size=10_000):
            found.update(pc.unique(batch.column("origin")).to_pylist())
    return sorted(found)


def write_folder(version: DatasetVersion, format: str, folder: Path, told: Told = lambda _: None) -> Made:  # noqa: A002
    """All files of an export into an empty folder. Raises `Fault` dataset.nothing_fits, dataset.format."""
    if format not in TRAINING:
        raise Fault("dataset.format", format=format, known=", ".join(TRAINING))
    chosen, made = TRAINING[format], Made()
    writer = _Writer(version, chosen, folder, made, told)
    files: dict[str, str] = {}
    shapes: dict[str, Shape] = {}
    if chosen.suffix == "json":
        writer.tasks()
    else:
        files, shapes = writer.splits()
    if version.rows and not sum(made.rows.values()):
        reason = made.first[0]["why"] if made.first else "nothing was left"
        raise Fault(
            "dataset.nothing_fits", name=str(version), rows=f"{version.rows:,}", format=chosen.title, reason=reason
        )
    for name, text in companions(format, slugify(version.dataset.name) or "dataset", files, shapes).items():
        writer.text(name, text)
    with writer.file("provenance.parquet") as out:
        writer.provenance(out)
    writer.cards()
    exported = {
        "format": format,
        "rows": made.rows,
        "unfit": made.unfit_facts(),
        "files": dict(sorted(made.files.items())),
    }
    writer.text(
        "run.json",
        json.dumps(version.manifest | {"export": exported}, indent=2, ensure_ascii=False, sort_keys=True) + "\n",
    )
    return made


class _Writer:
    def __init__(self, version: DatasetVersion, format: Format, folder: Path, made: Made, told: Told) -> None:  # noqa: A002
        self.version, self.format, self.folder, self.made, self.told = version, format, folder, made, told
        self.done, self.places = 0, Places()
        self.all = format.name in WITH_UNDESIRABLE

    def file(self, name: str) -> "_Hashed":
        return _Hashed(self.folder / name, lambda sha: self.made.files.__setitem__(name, sha))

    def text(self, name: str, text: str) -> None:
        with self.file(name) as out:
            out.write(text.encode())

    def cards(self) -> None:
        """README.md and croissant.json: what the files that are there hold."""
        facts = of_version(self.version)
        lies = layout(self.folder, self.format.name, self.format.suffix, self.made.rows, self.made.files)
        names = [name for split in lies.splits for name in split.files]
        sizes = {name: ((self.folder / name).stat().st_size, self.made.files[name]) for name in names}
        self.text("croissant.json", croissant(facts, lies, sizes))
        self.text("README.md", readme(facts, replace(lies, unfit=self.made.unfit)))

    def splits(self) -> tuple[dict[str, str], dict[str, Shape]]:
        """One file a split: {split: name} and {split: shape}."""
        files, names = {}, splits_of(self.version)
        beside = ("source", "licence", "tags") if self.format.suffix in ("csv", "parquet") else ()
        shapes = together(self.surveyed(names, beside))
        for split in names:
            name = f"{split}.{self.format.suffix}"
            with self.file(name) as out:
                self.made.rows[split] = write_file(
                    out, self.format, self.records(split), beside=beside, on_unfit=self.made.refused, shape=shapes[split],
                    on_row=self.places.begin(name, split),
                )  # fmt: skip
            files[split] = name
        return files, shapes

    def surveyed(self, names: Sequence[str], beside: Sequence[str]) -> dict[str, Shape]:
        """The shape of each split's file: one pass over all rows, that opens just those that may show something new."""
        found = {name: Surveyor(self.format, beside=beside) for name in names}
        held = self.version.parts if self.format.suffix in SURVEYED else ()
        for batch in parts.batches(held, TAUGHT):
            self.told(self.done)  # so that a job that is stopped notices it
            rows = batch
            if not self.all:
                rows = batch.filter(pc.fill_null(batch.column("desirable"), True))
            splits, missing = (
                rows.column("split").to_pylist(),
                set[str]().union(*(one.missing for one in found.values())),
            )
            opened = [number for number, nothing in enumerate(dull(rows, missing)) if not nothing]
            shown = dict(zip(opened, recorded(rows.take(pa.array(opened, pa.int32()))), strict=True))
            for number, split in enumerate(splits):
                found[split].add(shown.get(number))
        return {name: one.shape() for name, one in found.items()}

    def records(self, split: str, origin: str | None = None) -> Iterator[Record]:
        held = self.version.parts
        for record in parts.records(held, split) if origin is None else parts.of_origin(held, origin, split):
            self.done += 1
            if self.done % 1_000 == 0:
                self.told(self.done)
            if record.desirable is False and not self.all:
                self.made.refused(record, Unfit("desirable", "is no: the answer was rejected"))
                continue
            yield record

    def tasks(self) -> None:
        """Natural Instructions: one file a task and split, in a folder of the split."""
        heads = {one["origin"]: one for one in nested(self.version.sources) if one.get("origin")}
        origins = origins_of(self.version)
        for split in splits_of(self.version):
            self.made.rows[split] = 0
            for number, origin in enumerate(origins, 1):
                known = heads.get(origin, {})
                head = known.get("head") or {"Definition": ["Follow the instruction of each input."]}
                definition = known.get("definition", "")
                stem = f"task{number:03d}_{slugify(known.get('name') or origin).replace('-', '_')[:60] or 'rows'}"
                records = (_instance(one, definition) for one in self.records(split, origin))
                if (first := next(records, None)) is None:
                    continue
                name = f"{split}/{stem}.json"
                with self.file(name) as out:
                    self.made.rows[split] += write_file(
                        out, self.format, _chained(first, records), head={k: v for k, v in head.items() if k != "Instances"},
                        on_unfit=self.made.refused, on_row=self.places.begin(name, split, origin),
                    )  # fmt: skip

    def provenance(self, out: IO[bytes]) -> None:
        """Of each row where it came from, and where it lies in the files. After these are written."""
        with pq.ParquetWriter(out, PROVENANCE, compression="zstd", store_schema=False) as writer:
            for batch in parts.batches(self.version.parts, TRACED):
                writer.write_table(pa.Table.from_pylist([self._traced(one) for one in batch.to_pylist()], PROVENANCE))
                self.told(0)
            if not self.version.rows:
                writer.write_table(PROVENANCE.empty_table())

    def _traced(self, one: Mapping[str, Any]) -> dict[str, Any]:
        if one["desirable"] is False and not self.all:
            return provenance(one)
        return provenance(one, *self.places.next(one["split"], one["origin"]))


def _chained(first: Record, rest: Iterator[Record]) -> Iterator[Record]:
    yield first
    yield from rest


def _instance(record: Record, definition: str) -> Record:
    """With an instruction of its own in front of the input: the head of the file has room for the task's alone."""
    content = record.content
    if content.kind == "chat" or content.instruction in ("", definition):
        return record
    asked = "\n\n".join(part for part in (content.instruction, content.input) if part)
    return replace(record, content=replace(content, instruction="", input=asked))


class _Hashed:
    """A new file whose sha256 is told at its end. Seekable, as writers of Parquet want it."""

    def __init__(self, path: Path, told: Callable[[str], None]) -> None:
        self.path, self.told = path, told

    def __enter__(self) -> IO[bytes]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.out: Any = self.path.open("w+b", buffering=CHUNK)
        return self.out  # type: ignore[no-any-return]

    def __exit__(self, kind: Any, *_: Any) -> None:
        if kind is None:
            self.out.flush()
            self.out.seek(0)
            self.told(hashlib.file_digest(self.out, "sha256").hexdigest())
        self.out.close()


def packed(version: DatasetVersion, format: str, told: Told = lambda _: None) -> tuple[storage.ByContent, Made]:  # noqa: A002
    """The folder as a zip in the storage, named by its content. No times are in it."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        made = write_folder(version, format, folder, told)
        with storage.ByContent(f"datasets/{version.dataset_id}/exports", "zip") as file:  # noqa: SIM117
            with zipfile.ZipFile(_Unseekable(file), "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:  # type: ignore[call-overload]
                for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                    _add(archive, path, f"{name_of(version)}/{path.relative_to(folder).as_posix()}")
                    told(0)
    return file, made


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    info = zipfile.ZipInfo(name, EPOCH)
    # Parquet is packed already.
    info.compress_type = zipfile.ZIP_STORED if path.suffix == ".parquet" else zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    with path.open("rb") as source, archive.open(info, "w", force_zip64=True) as out:
        while chunk := source.read(CHUNK):
            out.write(chunk)


class _Unseekable:
    """The file in the storage as zipfile takes it: written from front to back."""

    def __init__(self, file: storage.ByContent) -> None:
        self.file = file

    def write(self, data: bytes) -> int:
        return self.file.write(bytes(data))

    def flush(self) -> None:
        pass


def rows_of(version: DatasetVersion, split: str | None = None) -> Iterator[Row]:
    """The rows of a version in the order of their keys, for programs that push or print them."""
    yield from parts.rows(version.parts, split)


def facts_of(made: Made, file: storage.ByContent) -> Mapping[str, Any]:
    return {
        "path": file.path, "sha256": file.sha256, "bytes": file.size, "rows": made.rows, "unfit": made.unfit_facts(),
    }  # fmt: skip
