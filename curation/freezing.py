"""The work of freezing a version: gather candidates, choose among them, write the parts, check and sum up.

Each function does one step and returns plain JSON. What it writes is named by its content, so doing a step twice is
waste and never damage; nothing of a version counts before its row says so.
"""

import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from config import storage
from config.faults import Fault
from curation import earlier, gathering, parts
from curation.content import Content, load, render
from curation.datasets import leakage
from curation.datasets import recipe as recipes
from curation.datasets import splits as splitting
from curation.datasets.comparing import Entry, differences
from curation.datasets.mixing import index_of, mix, passing
from curation.datasets.rows import FACTS, PART_CHARS, PART_ROWS, SCHEMA, pack
from curation.models import Collection, DatasetVersion, Task

Json = dict[str, Any]
Told = Callable[[int], None]
NOTHING = Content("single")
EVERY = 32  # chosen rows for one sample of their keys, from which the edges of parts are drawn
SHOWN = 100  # names in a count
COUNTED = ("origin", "source", "licence", "language")
WHOLE = ("origin", "run", "generation", "licence")  # of these files, facts and warnings are made: no name is left out


def folder(version: DatasetVersion) -> str:
    return f"datasets/{version.dataset_id}/rows"


def scratch(version: DatasetVersion) -> str:
    """Where candidates lie until the version is frozen."""
    return f"datasets/{version.dataset_id}/freeze-{version.pk}"


# --- 1: gather ---


def plan(version: DatasetVersion) -> list[tuple[Json, int]]:
    """(payload, rows) of each step: a range of examples, or one part. Raises `Fault` dataset.source_gone."""
    steps: list[tuple[Json, int]] = []
    for number, source in enumerate(recipes.parse(version.recipe).sources):
        found = source_of(version.dataset.team_id, source.kind, source.id, f"sources[{number}]")
        given: Json = {"version": version.pk, "source": number, "kind": source.kind, "id": source.id}
        if isinstance(found, Task):
            left = gathering.size_of(source.kind, found, source.state)
            for start, stop in gathering.cuts(found, source.state):
                rows = min(gathering.STEP, left)
                steps.append((given | {"start": start, "stop": stop, "state": source.state}, rows))
                left -= rows
        else:
            steps += [(given | {"part": n}, part["rows"]) for n, part in enumerate(found.parts)]
    return steps


def source_of(team_id: int, kind: str, pk: int, place: str) -> Task | Collection | DatasetVersion:
    """A source of the team. Raises `Fault` dataset.source_gone for what is missing, deleted or not ready."""
    found: Task | Collection | DatasetVersion | None
    if kind == "task":
        found = Task.objects.alive().select_related("team").filter(pk=pk, team_id=team_id).first()
    elif kind == "collection":
        found = Collection.objects.alive().filter(pk=pk, team_id=team_id, ready_at__isnull=False).first()
    else:
        versions = DatasetVersion.objects.select_related("dataset").filter(deleted_at=None).exclude(sha256="")
        found = versions.filter(pk=pk, dataset__team_id=team_id).first()
    if found is None:
        raise Fault("dataset.source_gone", place=place, kind=kind, number=pk)
    return found


def gather(version: DatasetVersion, payload: Json, told: Told) -> Json:
    """Candidates of one step as sorted parts: {parts, seen, dropped}."""
    recipe, splits = recipes.parse(version.recipe), splitting.parse(version.splits)
    found = source_of(version.dataset.team_id, payload["kind"], payload["id"], f"sources[{payload['source']}]")
    made: list[Json] = []
    dropped: dict[str, int] = {}
    seen = done = 0
    tables = _of_task(found, payload) if isinstance(found, Task) else _of_part(found.parts[payload["part"]])
    held: list[pa.Table] = []
    for table in tables:
        seen += table.num_rows
        said = _with_languages(table) if recipe.filters.languages else table
        kept = said.filter(pa.array(passing(said, recipe.filters, dropped)))
        if kept.num_rows:
            held.append(_grouped(kept, splits))
            done += pc.sum(kept.column("chars")).as_py()
        if done > PART_CHARS:
            made.append(_save(scratch(version), held))
            done = 0
        told(seen)
    if held:
        made.append(_save(scratch(version), held))
    return {"source": payload["source"], "parts": made, "seen": seen, "dropped": dropped}


def _of_task(task: Task, payload: Json) -> Iterator[pa.Table]:
    batch = []
    for row in gathering.of_task(task, payload["state"], payload["start"], payload["stop"]):
        batch.append(row)
        if len(batch) == gathering.BATCH:
            yield pack(batch)
            batch = []
    if batch:
        yield pack(batch)


def _of_part(part: Mapping[str, Any]) -> Iterator[pa.Table]:
    for batch in parts.batches([part], size=gathering.BATCH):
        yield pa.Table.from_batches([batch]).cast(SCHEMA)


def _with_languages(table: pa.Table) -> pa.Table:
    """With the language of rows that name none, as their text sounds."""
    from selection.kernels.language import language

    found = [
        known or language(render(load(orjson.loads(content)), "text"))
        for known, content in zip(
            table.column("language").to_pylist(), table.column("content").to_pylist(), strict=True
        )
    ]
    return table.set_column(table.schema.get_field_index("language"), "language", pa.array(found, pa.string()))


def _grouped(table: pa.Table, splits: splitting.Splits) -> pa.Table:
    columns = ("key", "content", "source", "tags", "lineage")
    groups = []
    for key, content, source, tags, lineage in zip(*(table.column(name).to_pylist() for name in columns), strict=True):
        said = load(orjson.loads(content)) if splits.group == "prompt" else NOTHING
        groups.append(
            splitting.group_of(
                splits, key=key, content=said, source=source, tags=tags,
                lineage=orjson.loads(lineage) if splits.group == "lineage" else {},
            )
        )  # fmt: skip
    return table.set_column(table.schema.get_field_index("group"), "group", pa.array(groups, pa.string()))


def _save(place: str, held: list[pa.Table]) -> Json:
    """The rows as one sorted part; the tables are let go."""
    table = pa.concat_tables(held)
    held.clear()
    made = parts.save(place, table.take(pc.sort_indices(table.column("key"))))
    del table
    pa.default_memory_pool().release_unused()
    return made


# --- 2: choose ---


def choose(version: DatasetVersion, gathered: Sequence[Json], told: Told) -> Json:
    """Which candidates stay: {path, sha256, rows, edges, steps, short, sources, torn}. Raises `Fault` dataset.empty."""
    recipe = recipes.parse(version.recipe)
    known = [(one["source"], part) for one in gathered for part in one["parts"]]
    index = index_of(_facts(known, told), recipe.seed, categories_of(version))
    mixed = mix(index, recipe)
    sources = _sums(gathered, index.numbers, mixed.places, len(recipe.sources))
    if not len(mixed.places):
        raise Fault("dataset.empty", seen=f"{sum(one['seen'] for one in sources):,}", reason=_reason(sources))
    flags = np.zeros(len(index), bool)
    flags[mixed.places] = True
    del index
    chosen, at = [], 0
    for _, part in known:
        chosen.append(flags[at : at + part["rows"]])
        at += part["rows"]
    files = [part for _, part in known]
    edges = _edges(files, chosen)
    told(len(flags))
    moved, torn = earlier.moved(
        splitting.parse(version.splits), earlier.versions(version),
        (
            (low, high, _within(files, chosen.__getitem__, low, high, ("key", "group")))
            for low, high in pairwise(["", *edges, ""])
        ), lambda: told(len(flags)),
    )  # fmt: skip
    out = io.BytesIO()
    bits = {str(n): np.packbits(one) for n, one in enumerate(chosen)}
    np.savez(out, **bits, moved=moved.at, moved_to=moved.split)  # type: ignore[arg-type]
    with storage.ByContent(scratch(version), "npz") as file:
        file.write(out.getvalue())
    return {
        "path": file.path, "sha256": file.sha256, "rows": len(mixed.places), "steps": mixed.steps, "short": mixed.short,
        "edges": edges, "sources": sources, "torn": torn,
    }  # fmt: skip


def _facts(known: Iterable[tuple[int, Json]], told: Told) -> Iterator[tuple[int, pa.Table]]:
    done = 0
    for number, part in known:
        for batch in parts.batches([part], FACTS, size=10_000):
            yield number, pa.Table.from_batches([batch])
            done += batch.num_rows
            told(done)


def categories_of(version: DatasetVersion) -> dict[str, str]:
    return {one["origin"]: one.get("category", "") for one in version.sources if one.get("origin")}


def _sums(gathered: Sequence[Json], numbers: Any, places: Any, count: int) -> list[Json]:
    kept = np.bincount(numbers[places], minlength=count) if len(places) else np.zeros(count, int)
    made: list[Json] = [{"seen": 0, "passed": 0, "kept": int(kept[n]), "dropped": {}} for n in range(count)]
    for one in gathered:
        mine = made[one["source"]]
        mine["seen"] += one["seen"]
        mine["passed"] += sum(part["rows"] for part in one["parts"])
        for name, lost in one["dropped"].items():
            mine["dropped"][name] = mine["dropped"].get(name, 0) + lost
    return made


def _reason(sources: Sequence[Json]) -> str:
    lost = Counter[str]()
    for one in sources:
        lost.update(one["dropped"])
    if not lost:
        return "The sources hold none."
    name, count = lost.most_common(1)[0]
    return f"The filter by {name} refused {count:,}."


def _edges(known: Sequence[Json], chosen: Sequence[NDArray[np.bool_]]) -> list[str]:
    """Keys at which the version is cut into parts: about as many rows and characters in each."""
    samples: list[tuple[str, int, int]] = []
    for part, flags in zip(known, chosen, strict=True):
        at = rows = chars = 0
        for batch in parts.batches([part], ("key", "chars"), size=10_000):
            mine = np.flatnonzero(flags[at : at + batch.num_rows])
            sizes = batch.column("chars").to_numpy()
            for start in range(0, len(mine), EVERY):
                some = mine[start : start + EVERY]
                samples.append((batch.column("key")[int(some[0])].as_py(), len(some), int(sizes[some].sum())))
            at += batch.num_rows
    edges: list[str] = []
    rows = chars = 0
    for key, count, size in sorted(samples):
        if rows and (rows + count > PART_ROWS or chars + size > PART_CHARS) and (not edges or key > edges[-1]):
            edges.append(key)
            rows = chars = 0
        rows, chars = rows + count, chars + size
    return edges


# --- 3: write ---


def write(version: DatasetVersion, payload: Json, known: Sequence[Json], chosen: Json) -> Json:
    """One part of the version, by a range of keys: {part, counts}."""
    splits, low, high = splitting.parse(version.splits), payload["low"], payload["high"]
    bits = np.load(io.BytesIO(storage.read(chosen["path"], chosen["sha256"])), allow_pickle=False)

    def flags(n: int) -> NDArray[np.bool_]:
        return np.unpackbits(bits[str(n)], count=known[n]["rows"]).astype(bool)

    table = _within(known, flags, low, high, SCHEMA.names)
    table = table.take(pc.sort_indices(table.column("key")))
    groups = [
        group or key
        for group, key in zip(table.column("group").to_pylist(), table.column("key").to_pylist(), strict=True)
    ]
    moved = splitting.Moved(bits["moved"], bits["moved_to"]) if "moved" in bits else None
    found = pa.array(splitting.assign(splits, groups, moved), pa.string())
    table = table.set_column(table.schema.get_field_index("split"), "split", found)
    before = earlier.between(earlier.versions(version), low, high)
    table = splitting.keep_earlier(table, before, list(splits.shares))
    return {"part": parts.save(folder(version), table), "counts": counts_of(table)}


def _within(
    known: Sequence[Json], flags: Callable[[int], NDArray[np.bool_]], low: str, high: str, columns: Sequence[str]
) -> pa.Table:
    """The chosen candidates of a range of keys, as they lie in the parts."""
    schema = pa.schema([SCHEMA.field(name) for name in columns])
    held = [schema.empty_table()]
    for n, part in enumerate(known):
        if part["last"] < low or (high and part["first"] >= high):
            continue
        mine = flags(n)
        for start, table in parts.between(part, low, high, columns):
            keys = table.column("key")
            keep = pc.greater_equal(keys, low)
            if high:
                keep = pc.and_(keep, pc.less(keys, high))
            found = table.filter(pc.and_(keep, pa.array(mine[start : start + table.num_rows])))
            if found.num_rows:
                held.append(found.select(columns).cast(schema))
    return pa.concat_tables(held)


def counts_of(table: pa.Table) -> Json:
    """How many rows of each; tokens and characters of each split; runs and generations that rows name."""
    made: Json = {name: _counted(table.column(name)) for name in COUNTED}
    made["tag"] = _counted(pc.list_flatten(table.column("tags")))
    made["split"], made["tokens"] = _counted(table.column("split")), {}
    sums = table.group_by("split").aggregate([("tokens", "sum"), ("chars", "sum")]).to_pylist()
    made["tokens"] = {one["split"]: one["tokens_sum"] for one in sums}
    made["chars"] = {one["split"]: one["chars_sum"] for one in sums}
    made["preference"] = table.num_rows - table.column("chosen").null_count
    made["several"] = 0
    for name in ("run", "generation"):
        made[name] = {}
    for text in table.column("lineage").to_pylist():
        lineage = orjson.loads(text)
        for name in ("run", "generation"):
            if type(lineage.get(name)) is int:
                made[name][str(lineage[name])] = made[name].get(str(lineage[name]), 0) + 1
        made["annotated"] = made.get("annotated", 0) + bool(lineage.get("annotators"))
    agreement = table.column("agreement")
    made["agreement"] = [float(pc.sum(agreement).as_py() or 0.0), agreement.length() - agreement.null_count]
    return made


def _counted(column: Any) -> dict[str, int]:
    return {str(one["values"] or ""): one["counts"] for one in pc.value_counts(column).to_pylist()}


def merged(counts: Iterable[Json]) -> Json:
    """The sum of the counts of parts; of what is only shown the 100 most frequent, and how many more there are."""
    sums: Json = {}
    for one in counts:
        for name, value in one.items():
            if isinstance(value, dict):
                sums.setdefault(name, Counter()).update(value)
            elif isinstance(value, list):
                sums[name] = [a + b for a, b in zip(sums.get(name, [0, 0]), value, strict=True)]
            else:
                sums[name] = sums.get(name, 0) + value
    made: Json = {}
    for name, value in sums.items():
        if isinstance(value, Counter):
            best = sorted(value.items(), key=lambda pair: (-pair[1], pair[0]))
            most = len(best) if name in WHOLE else SHOWN
            made[name] = dict(best[:most])
            if len(best) > most:
                made[f"{name}_more"] = len(best) - most
        else:
            made[name] = value
    total, rated = made.pop("agreement", [0.0, 0])
    return made | {"agreement": round(total / rated, 4) if rated else None, "rated": rated}


# --- 4: check ---


def check(written: Sequence[Json], told: Told) -> Json:
    """{sha256, leakage}: of the rows in the order of their keys, whatever files they lie in."""
    digest, done = hashlib.sha256(), 0
    sizes = Counter[str]()
    for batch in parts.batches(written, ("key", "revision", "sha", "split"), size=10_000):
        columns = [batch.column(name).to_pylist() for name in ("key", "revision", "sha", "split")]
        for key, revision, sha, split in zip(*columns, strict=True):
            digest.update(f"{len(key)}:{key} {revision} {split} ".encode() + sha)
        sizes.update(columns[3])
        done += batch.num_rows
        told(done)
    if len(sizes) < 2:
        return {"sha256": digest.hexdigest(), "leakage": leakage.Finding().to_dict()}
    largest = max(sizes, key=lambda name: (sizes[name], name))
    finding = leakage.look(_texts(written, largest, False, told, done), _texts(written, largest, True, told, done))
    return {"sha256": digest.hexdigest(), "leakage": finding.to_dict()}


def entries(written: Sequence[Json]) -> Iterator[Entry]:
    for batch in parts.batches(written, ("key", "sha", "split"), size=10_000):
        yield from zip(*(batch.column(name).to_pylist() for name in ("key", "sha", "split")), strict=True)


def difference(before: Sequence[Json], after: Sequence[Json]) -> dict[str, int]:
    """How many rows were added, removed and changed."""
    counts = Counter(one.kind for one in differences(entries(before), entries(after)))
    return {name: counts[name] for name in ("added", "removed", "changed")}


def _texts(written: Sequence[Json], largest: str, mine: bool, told: Told, done: int) -> Iterator[leakage.Text]:
    for batch in parts.batches(written, ("key", "split", "content")):
        same = pc.equal(batch.column("split"), largest)
        found = batch.filter(same if mine else pc.invert(same))
        for key, split, content in zip(
            *(found.column(name).to_pylist() for name in ("key", "split", "content")), strict=True
        ):
            said = load(orjson.loads(content))
            yield leakage.Text(key, split, render(said, "prompt"), render(said, "text"))
        told(done)
