"""run.json: what made a version. Sources as they were, settings, models, prompts' hashes, runs, counts in and out."""

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version as version_of
from typing import Any

from curation import gathering, origins
from curation.datasets import recipe as recipes
from curation.freezing import source_of
from curation.hub.facts import people_of
from curation.models import Collection, Dataset, DatasetVersion, Generation, Task
from curation.models.team import Team

Json = dict[str, Any]


def sources_of(dataset: Dataset) -> list[Json]:
    """The recipe's sources as they are now. Raises `Fault` dataset.source_gone."""
    made = []
    for number, source in enumerate(recipes.parse(dataset.recipe).sources):
        found = source_of(dataset.team_id, source.kind, source.id, f"sources[{number}]")
        made.append({"kind": source.kind, "id": source.id, "state": source.state} | _facts(found))
    return made


def _facts(found: Task | Collection | DatasetVersion) -> Json:
    if isinstance(found, Task):
        latest = found.guidelines.order_by("-number").values_list("number", flat=True).first()
        return {
            "name": found.name, "origin": gathering.origin_of(found), "task_version": found.version,
            "definition": found.definition, "definition_sha256": _sha(found.definition), "guidelines": latest or 0,
            "licence": found.licence, "category": found.categories[0] if found.categories else "",
            "form": found.form, "head": gathering.head_of(found),
        }  # fmt: skip
    if isinstance(found, Collection):
        return {
            "name": found.name, "origin": found.space, "licence": found.licence, "rows": found.rows, "from": found.lineage,
        }  # fmt: skip
    return {"name": str(found), "version_sha256": found.sha256, "rows": found.rows, "sources": _short(found.sources)}


def _short(sources: Sequence[Mapping[str, Any]]) -> list[Json]:
    return [{name: one[name] for name in ("kind", "id", "name", "origin") if name in one} for one in sources]


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def manifest(version: DatasetVersion, *, sha256: str, rows: int, counts: Json, chosen: Json, leakage: Json) -> Json:
    """Plain JSON that is kept with the version and never changes."""
    team = version.dataset.team_id
    inside = [
        {name: value for name, value in source.items() if name != "head"} | {"counts": one}
        for source, one in zip(version.sources, chosen["sources"], strict=True)
    ]
    runs = sorted(int(one) for one in counts.get("run", {}))
    generations = [int(one) for one in counts.get("generation", {})]
    return {
        "dataset": version.dataset.name, "version": version.number, "sha256": sha256, "rows": rows,
        "recipe": version.recipe, "splits": version.splits, "sources": inside, "steps": chosen["steps"],
        "short": chosen["short"], "people": people_of(version), "counts": counts,
        "leakage": {k: v for k, v in leakage.items() if k != "pairs"},
        "runs": origins.FACTS["run"](team, runs) if "run" in origins.FACTS else [{"run": one} for one in runs],
        "generations": generation_facts(version.dataset.team, generations),
        "software": {name: version_of(name) for name in ("pyarrow", "numpy")},
    }  # fmt: skip


def generation_facts(team: Team, numbers: Sequence[int]) -> list[Json]:
    """Model, prompts' hashes, settings and seed of each."""
    found = Generation.objects.filter(pk__in=numbers, task__team=team).select_related("endpoint").order_by("pk")
    return [
        {
            "generation": one.pk, "generator": one.generator, "model": one.endpoint.model, "seed": one.seed,
            "params": one.params, "filters": one.filters, "kept": one.kept, "dropped": one.dropped,
            "templates": {name: value.get("sha") for name, value in one.templates.items()},
        }
        for one in found
    ]  # fmt: skip
