"""Page-shaped reads of datasets, versions and collections."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

import orjson
import pyarrow.compute as pc
from django.db.models import Count, Exists, OuterRef, Q

from curation import freezing, gathering, parts
from curation.content import parts_of, render
from curation.content.jsontext import dumps
from curation.datasets.comparing import Difference, differences
from curation.datasets.licences import conflicts
from curation.datasets.recipe import nested, parse
from curation.datasets.rows import Row, unpack
from curation.formats.training import TRAINING
from curation.hub.facts import texts_sha256
from curation.models import Collection, Dataset, DatasetExport, DatasetVersion, PreferencePair, Task, Team
from jobs.models import Job
from jobs.queries import progress

PAGE = 25
PAIRS = 20
NAMES = 100  # of a count, on a page


def datasets_page(team: Team) -> dict[str, Any]:
    found = list(Dataset.objects.of(team).order_by("-pk"))
    newest: dict[int, DatasetVersion] = {}
    for one in DatasetVersion.objects.filter(dataset__in=found, deleted_at=None).exclude(sha256="").order_by("number"):
        newest[one.dataset_id] = one
    return {
        "datasets": [{"dataset": one, "newest": newest.get(one.pk)} for one in found],
        "collections": Collection.objects.of(team).select_related("job", "created_by").order_by("-pk"),
    }


def choices(team: Team) -> list[dict[str, Any]]:
    """Everything that a recipe may be made of: {kind, id, value, name, rows, rejected, licence}.

    The kind `repaired` stands for a task in that state.
    """
    states = Q(examples__deleted_at=None)
    tasks = Task.objects.of(team).annotate(
        accepted=Count("examples", filter=states & Q(examples__state="accepted")),
        rejected=Count("examples", filter=states & Q(examples__state="rejected")),
        mended=Exists(PreferencePair.objects.filter(task=OuterRef("pk"))),
    )
    made = []
    for one in tasks.order_by("name"):
        made.append(_choice("task", one.pk, one.name, one.accepted, one.licence, rejected=one.rejected))
        if one.mended and (pairs := gathering.pairs_of(one).count()):
            made.append(_choice("repaired", one.pk, f"{one.name}, before and after repairs", pairs, one.licence))
    ready = Collection.objects.of(team).exclude(ready_at=None).order_by("name")
    made += [_choice("collection", one.pk, one.name, one.rows, one.licence) for one in ready]
    versions = DatasetVersion.objects.filter(dataset__team=team, dataset__deleted_at=None, deleted_at=None).exclude(
        sha256=""
    )
    found = versions.select_related("dataset").order_by("dataset__name", "-number")
    return made + [_choice("version", one.pk, str(one), one.rows, "") for one in found[:200]]


def _choice(kind: str, pk: int, name: str, rows: int, licence: str, *, rejected: int = 0) -> dict[str, Any]:
    return {
        "kind": kind, "id": pk, "value": f"{kind}-{pk}", "name": name, "rows": rows, "licence": licence, "rejected": rejected,
    }  # fmt: skip


def dataset_page(dataset: Dataset) -> dict[str, Any]:
    versions = list(
        dataset.versions.filter(deleted_at=None)
        .select_related("job", "created_by", "restored_from")
        .order_by("-number")
    )
    frozen = [one for one in versions if one.is_frozen]
    # An older attempt that failed is only a line of the list.
    running = versions[0] if versions and not versions[0].is_frozen else None
    job = running.job if running is not None else None
    return {
        "versions": [
            {"version": one, "before": frozen[n + 1] if (n := _place(frozen, one)) is not None and n + 1 < len(frozen) else None}
            for one in versions
        ],
        "newest": frozen[0] if frozen else None, "sentence": sentence(dataset), "running": running, "job": job,
        "resume_url": resume_url(job, dataset.get_absolute_url()),
        "passes": progress(job) if job is not None else [],
    }  # fmt: skip


def resume_url(job: Job | None, url: str) -> str:
    """`url` where a freeze can go on; nothing where its own recipe stopped it, which a version keeps."""
    return "" if job is None or job.error_code.startswith("dataset.") else url


def _place(frozen: list[DatasetVersion], one: DatasetVersion) -> int | None:
    return frozen.index(one) if one in frozen else None


def sentence(dataset: Dataset) -> list[dict[str, Any]]:
    """The recipe as it is read aloud: [{name, note, url}] and what limits it, at the end."""
    recipe = parse(dataset.recipe)
    named: dict[tuple[str, int], tuple[str, str]] = {}
    for kind, model in (("task", Task), ("collection", Collection)):
        ids = [one.id for one in recipe.sources if one.kind == kind]
        found = model.objects.filter(pk__in=ids, team=dataset.team)  # type: ignore[attr-defined]
        named |= {(kind, one.pk): (str(one), one.get_absolute_url()) for one in found}
    ids = [one.id for one in recipe.sources if one.kind == "version"]
    for one in DatasetVersion.objects.filter(pk__in=ids, dataset__team=dataset.team).select_related("dataset"):
        named["version", one.pk] = (str(one), one.get_absolute_url())
    made = []
    for source in recipe.sources:
        name, url = named.get((source.kind, source.id), (f"{source.kind} {source.id}, which is gone", ""))
        notes = [source.state] if source.kind == "task" else []
        if recipe.mix == "share" and source.share is not None:
            notes.append(f"{100 * source.share:g} %")
        if source.cap:
            notes.append(f"at most {source.cap:,}")
        made.append({"name": name, "url": url, "note": ", ".join(notes)})
    return made


def limits(dataset: Dataset) -> list[str]:
    """What the recipe holds back, in words."""
    recipe = parse(dataset.recipe)
    filters = recipe.filters
    lists = (
        ("only licences", filters.licences), ("tagged", filters.tags_any), ("not tagged", filters.tags_none),
        ("from", filters.sources), ("not from", filters.sources_not), ("in", filters.languages),
    )  # fmt: skip
    said = [f"{word} {', '.join(one or 'none' for one in values)}" for word, values in lists if values]
    numbers = (
        ("at least {:,} characters", filters.min_chars), ("at most {:,} characters", filters.max_chars),
        ("agreement of {:g} or more", filters.min_agreement), ("at most {:,} rows", recipe.rows),
        ("at most {:,} tokens", recipe.tokens),
    )  # fmt: skip
    said += [text.format(value) for text, value in numbers if value is not None]
    said += [f"at most {count:,} of a {name}" for name, count in recipe.caps.items()]
    if filters.from_day or filters.to_day:
        said.append(
            " ".join(
                p
                for p in (filters.from_day and f"from {filters.from_day}", filters.to_day and f"to {filters.to_day}")
                if p
            )
        )
    if recipe.balance.by:
        said.append(f"balanced by {recipe.balance.by}")
    if recipe.mix == "temperature":
        said.append(f"mixed at temperature {recipe.temperature:g}")
    return [*said, "equal texts once"] if recipe.duplicates == "drop" else said


# --- a version ---


def version_page(version: DatasetVersion, *, after: str, split: str, source: str) -> dict[str, Any]:
    counts, total, texts = version.counts, version.rows or 1, texts_sha256(version)
    exports = {one.format: one for one in DatasetExport.objects.filter(version=version).select_related("job")}

    def shares(name: str) -> list[dict[str, Any]]:
        found = sorted((counts.get(name) or {}).items(), key=lambda pair: (-pair[1], pair[0]))
        return [{"name": key, "rows": n, "share": n / total} for key, n in found[:NAMES]]

    found, others = list(islice(walk(version, after, split, source), PAGE + 1)), others_of(version)
    return {
        "others": others, "before": next((one for one in others if one.number < version.number), None),
        "splits": [
            {"name": name, "rows": counts["split"].get(name, 0), "tokens": counts["tokens"].get(name, 0)}
            for name, _ in version.splits.get("shares", []) if name in counts.get("split", {})
        ],
        "origins": _named(version, shares("origin")), "sources": shares("source"), "licences": shares("licence"),
        "languages": shares("language"), "tags": shares("tag"), "conflicts": conflicts(counts.get("licence", {})),
        "tokens": sum((counts.get("tokens") or {}).values()), "leakage": version.leakage,
        "pairs": (version.leakage.get("pairs") or [])[:PAIRS],
        "exporting": any(one.job is not None and not one.job.is_final for one in exports.values()),
        "formats": [
            {"format": one, "export": (made := exports.get(name)), "old": made is not None and made.texts_sha256 != texts}
            for name, one in TRAINING.items()
        ],
        "rows": [shown(one) for one in found[:PAGE]], "next_after": found[PAGE - 1].key if len(found) > PAGE else "",
        "split": split, "source": source, "after": after,
        "newest": not version.dataset.versions.filter(number__gt=version.number, deleted_at=None).exists(),
    }  # fmt: skip


def _named(version: DatasetVersion, origins: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = {one["origin"]: one["name"] for one in nested(version.sources) if one.get("origin")}
    return [one | {"name": names.get(one["name"], one["name"])} for one in origins]


def walk(
    version: DatasetVersion, after: str = "", split: str = "", source: str = "", *, most: int = PAGE + 1
) -> Iterator[Row]:
    """Rows after a key, in order, for a reader who stops after `most`; only row groups that may hold them are opened."""
    for part in version.parts:
        if part["last"] <= after:
            continue
        for _, table in parts.between(part, after, ""):
            keep = pc.greater(table.column("key"), after)
            for name, value in (("split", split), ("source", source)):
                if value:
                    keep = pc.and_(keep, pc.equal(table.column(name).cast("string"), value))
            yield from unpack(table.filter(keep).slice(0, most))


def shown(row: Row) -> dict[str, Any]:
    """A row as a line of a table."""
    return {"row": row, "text": " ".join(render(row.content, "text")[:400].split()), "parts": parts_of(row.content)}


# --- differences ---


def others_of(version: DatasetVersion) -> list[DatasetVersion]:
    """The other frozen versions of its dataset, newest first, without what is long."""
    found = version.dataset.versions.filter(deleted_at=None).exclude(sha256="").exclude(pk=version.pk)
    return list(found.only("number", "rows", "tags").order_by("-number"))


@lru_cache(maxsize=32)
def _count(before: str, after: str) -> tuple[tuple[str, int], ...]:
    """By the parts of both, as JSON: versions are immutable, so the answer never changes."""
    return tuple(freezing.difference(orjson.loads(before), orjson.loads(after)).items())


def diff_page(before: DatasetVersion, after: DatasetVersion, *, start: str, kind: str) -> dict[str, Any]:
    """One page of what changed, with the rows of both sides."""
    if before.sha256 == after.sha256:
        return {"counts": {"added": 0, "removed": 0, "changed": 0}, "entries": [], "next_after": "", "kind": kind}
    counts = dict(_count(orjson.dumps(before.parts).decode(), orjson.dumps(after.parts).decode()))
    walked = (
        one for one in differences(_from(before, start), _from(after, start))
        if one.key > start and kind in ("", one.kind)
    )  # fmt: skip
    found = list(islice(walked, PAGE + 1))
    return {
        "counts": counts, "entries": [_entry(before, after, one) for one in found[:PAGE]], "kind": kind,
        "next_after": found[PAGE - 1].key if len(found) > PAGE else "",
    }  # fmt: skip


def _from(version: DatasetVersion, start: str) -> Iterator[tuple[str, bytes, str]]:
    return freezing.entries([part for part in version.parts if part["last"] > start])


def _entry(before: DatasetVersion, after: DatasetVersion, one: Difference) -> dict[str, Any]:
    old = parts.one(before.parts, one.key) if one.kind != "added" else None
    new = parts.one(after.parts, one.key) if one.kind != "removed" else None
    sides = [dict(_labelled(row)) if row is not None else {} for row in (old, new)]
    labels = list(dict.fromkeys([*sides[0], *sides[1]]))
    return {
        "kind": one.kind, "key": one.key, "old": old, "new": new,
        "parts": [(label, sides[0].get(label, ""), sides[1].get(label, "")) for label in labels],
    }  # fmt: skip


def _labelled(row: Row) -> Iterator[tuple[str, str]]:
    """Parts with labels that tell several outputs or turns apart."""
    seen: dict[str, int] = {}
    said = [*parts_of(row.content), ("Chosen", row.chosen or ""), ("Rejected", row.rejected or ""),
            ("Tools", dumps(row.tools) if row.tools else "")]  # fmt: skip
    for label, text in said:
        if text:
            seen[label] = seen.get(label, 0) + 1
            yield label if seen[label] == 1 else f"{label} {seen[label]}", text


def collection_page(found: Collection, after: str) -> dict[str, Any]:
    rows: list[Row] = []
    if found.ready_at:
        kept = (row for part in found.parts if part["last"] > after for row in _rows_after(part, after))
        rows = list(islice(kept, PAGE + 1)) if len(found.parts) == 1 else _smallest(found, after)
    return {
        "rows": [shown(one) for one in rows[:PAGE]], "next_after": rows[PAGE - 1].key if len(rows) > PAGE else "",
        "after": after, "conflicts": conflicts(found.facts.get("licence", {})),
    }  # fmt: skip


def _rows_after(part: dict[str, Any], after: str) -> Iterator[Row]:
    for _, table in parts.between(part, after, ""):
        yield from unpack(table.filter(pc.greater(table.column("key"), after)).slice(0, PAGE + 1))


def _smallest(found: Collection, after: str) -> list[Row]:
    """Parts of a collection overlap: the first rows of each, sorted."""
    rows = [row for part in found.parts if part["last"] > after for row in islice(_rows_after(part, after), PAGE + 1)]
    return sorted(rows, key=lambda row: row.key)[: PAGE + 1]
