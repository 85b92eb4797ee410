"""What a card says of a version, gathered: the manifest, the texts of people, how many people answered."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import orjson

from curation.datasets.licences import Conflict, conflicts
from curation.datasets.recipe import nested
from curation.models import Annotation, DatasetVersion

Json = dict[str, Any]
# What people write for the card: the key in `Dataset.card_texts`, the heading, what stands there until then.
TEXTS = (
    ("intended_use", "Intended use", "Nobody has written down yet what this dataset is meant for."),
    ("known_gaps", "Known gaps", "Nobody has written down yet what this dataset lacks."),
    ("notes", "Notes", ""),
)
ANSWERED = ("submitted", "returned", "accepted", "declined")


@dataclass(frozen=True, slots=True)
class Facts:
    """Plain values. people: how many answered in the tasks of the version until it was frozen; never who."""

    name: str
    description: str
    number: int
    sha256: str
    rows: int
    day: str
    changelog: str
    manifest: Json
    counts: Json
    texts: dict[str, str] = field(default_factory=dict)
    people: int = 0
    conflicts: tuple[Conflict, ...] = ()

    @property
    def licences(self) -> dict[str, int]:
        return dict(self.counts.get("licence") or {})

    @property
    def sources(self) -> list[Json]:
        """Tasks, collections and versions of the recipe, then those that its versions were made of."""
        return list(nested(self.manifest.get("sources") or []))


def of_version(version: DatasetVersion) -> Facts:
    """The facts of a frozen version."""
    dataset, people = version.dataset, version.manifest.get("people")  # older manifests do not say it
    return Facts(
        name=dataset.name, description=dataset.description, number=version.number, sha256=version.sha256,
        rows=version.rows, day=version.frozen_at.date().isoformat() if version.frozen_at else "",
        changelog=version.changelog, manifest=version.manifest, counts=version.counts,
        texts={name: str(text) for name, text in dataset.card_texts.items()},
        people=people if isinstance(people, int) else people_of(version),
        conflicts=tuple(conflicts(version.counts.get("licence") or {})),
    )  # fmt: skip


def texts_sha256(version: DatasetVersion) -> str:
    """Of what people wrote and may change after freezing: an export of other texts is not the newest one."""
    dataset = version.dataset
    said = [dataset.name, dataset.description, dataset.card_texts, version.changelog]
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()


def people_of(version: DatasetVersion) -> int:
    """How many people answered in its tasks until it was frozen, or until now. The manifest holds it for good: who
    leaves takes the answers along.
    """
    tasks = [
        one["id"] for one in nested(version.sources) if one.get("kind") == "task" and isinstance(one.get("id"), int)
    ]
    found = Annotation.objects.filter(task__team=version.dataset.team_id, task__in=tasks, state__in=ANSWERED)
    if version.frozen_at is not None:
        found = found.filter(submitted_at__lte=version.frozen_at)
    return found.values("annotator").distinct().count()
