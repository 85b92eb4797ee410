"""From a row of a version back to where it came from, and from an example or a pool row on to the versions with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from curation import gathering, parts
from curation.datasets.rows import Row
from curation.models import (
    Annotation,
    Candidate,
    Collection,
    DatasetVersion,
    Example,
    Generation,
    RequestUse,
    Task,
    Team,
)
from curation.origins import LINKS, Link

SHOWN = 20


def back(team: Team, row: Row) -> list[Link]:
    """The way back, nearest first: example, people's decisions, candidate, requests, run, pool, file."""
    lineage = row.lineage
    links = [*_example(team, lineage), *_people(team, lineage), *_candidate(team, lineage), *_requests(team, lineage)]
    links += _collection(team, lineage)
    for name, told in LINKS.items():
        if lineage.get(name) is not None:
            links += told(team.pk, lineage)
    if passage := lineage.get("passage"):
        links.append(
            Link("Passage", ", ".join(map(str, passage))[:400] if isinstance(passage, list) else str(passage)[:400])
        )
    if lineage.get("file"):
        line = lineage.get("line")
        links.append(Link("File", str(lineage["file"]), note=f"line {line:,}" if type(line) is int else ""))
    return links


def _example(team: Team, lineage: Any) -> list[Link]:
    pk = lineage.get("example")
    if type(pk) is not int:
        return []
    found = Example.objects.select_related("task").filter(pk=pk, task__team=team, task__deleted_at=None).first()
    if found is None:
        return [Link("Example", f"number {pk}", note="gone")]
    return [Link("Example", f"{found.key} of {found.task}", found.get_absolute_url(), f"revision {found.revision} now")]


def _people(team: Team, lineage: Any) -> list[Link]:
    given = [pk for pk in lineage.get("annotations") or [] if type(pk) is int]
    if not given:
        return []
    there = set(Annotation.objects.filter(pk__in=given, task__team=team).values_list("pk", flat=True))
    taken = lineage.get("annotation")
    count = lineage.get("annotators") or 0
    who = f"{count} annotator{'' if count == 1 else 's'}"
    links = []
    for pk in given[:SHOWN]:
        url = reverse("annotation", args=[pk]) if pk in there else ""
        links.append(Link("Answer", f"number {pk}", url, "taken as it stands" if pk == taken else ""))
    return [Link("Decided by", who, note="" if taken else "accepted by a person who reviewed it"), *links]


def _candidate(team: Team, lineage: Any) -> list[Link]:
    pk, run = lineage.get("candidate"), lineage.get("generation")
    if type(run) is not int:
        return []
    note = f"{lineage.get('generator', '')}, {lineage.get('model', '')}, seed {lineage.get('seed', 0)}"
    there = Generation.objects.filter(pk=run, task__team=team).exists()
    url = reverse("generation", args=[run]) if there else ""
    links = [Link("Generation", f"number {run}", url, note if there else f"{note}; gone")]
    if type(pk) is int:
        url = _page_of_candidate(team, lineage)
        links.insert(0, Link("Candidate", f"number {pk}", url, "" if url else "gone"))
    return links


def _page_of_candidate(team: Team, lineage: Any) -> str:
    """Empty for what is gone. The page shows the prompts and replies of its requests too."""
    pk, run = lineage.get("candidate"), lineage.get("generation")
    if type(pk) is not int or type(run) is not int:
        return ""
    there = Candidate.objects.filter(pk=pk, generation=run, generation__task__team=team).exists()
    return reverse("candidate", args=[pk]) if there else ""


def _requests(team: Team, lineage: Any) -> list[Link]:
    keys = [str(one) for one in lineage.get("requests") or []]
    if not keys:
        return []
    url = _page_of_candidate(team, lineage)
    uses = RequestUse.objects.filter(
        generation=lineage.get("generation"), generation__task__team=team, name__in=keys[:SHOWN]
    )
    models = dict(uses.values_list("name", "request__body__model"))
    return [Link("Model request", key[:80], url, str(models.get(key) or "")) for key in keys[:SHOWN]]


def _collection(team: Team, lineage: Any) -> list[Link]:
    pk = lineage.get("collection")
    if type(pk) is not int:
        return []
    found = Collection.objects.alive().filter(pk=pk, team=team).first()
    if found is None:
        return [Link("Collection", f"number {pk}", note="gone")]
    return [Link("Collection", found.name, found.get_absolute_url())]


# --- forward ---


@dataclass(frozen=True, slots=True)
class Holding:
    """One version that holds a row, and how."""

    version: DatasetVersion
    row: Row

    @property
    def url(self) -> str:
        from urllib.parse import urlencode

        place = reverse("dataset_row", args=[self.version.dataset_id, self.version.number])
        return f"{place}?{urlencode({'key': self.row.key})}"


def forward(team: Team, keys: Iterable[str]) -> list[Holding]:
    """The frozen versions of a team that hold any of these row keys, newest first."""
    wanted = list(dict.fromkeys(keys))
    versions = DatasetVersion.objects.filter(dataset__team=team, dataset__deleted_at=None, deleted_at=None).exclude(
        sha256=""
    )
    made = []
    for version in versions.select_related("dataset").order_by("-pk"):
        made += [Holding(version, row) for key in wanted if (row := parts.one(version.parts, key)) is not None]
    return made


def keys_of_example(example: Example) -> list[str]:
    """Its own, and those of the preference pairs that repairs of its answers made."""
    own = f"{gathering.origin_of(example.task)}/{example.key}"
    pairs = example.preference_pairs.order_by("-pk").values_list("pk", flat=True)[:SHOWN]
    return [own, *(gathering.pair_key(own, pk) for pk in pairs)]


def keys_of_pool_row(team: Team, pool: int, key: str) -> list[str]:
    """The row itself as picks bring it, and the examples of the team's tasks that were made of it, by a model too."""
    mine = Example.objects.filter(task__in=Task.objects.filter(team=team), lineage__pool=pool).select_related("task")
    written = mine.filter(origin=Example.Origin.GENERATION, deleted_at=None, lineage__key=key)
    found = [*mine.filter(key=key), *written]
    return [f"p{pool}/{key}", *(k for one in found for k in keys_of_example(one))]
