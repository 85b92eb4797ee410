"""What the pages of the hub show."""

from typing import Any

from django.db.models import QuerySet
from django.utils.text import slugify

from curation.hub.card import body
from curation.hub.client import endpoint
from curation.hub.facts import of_version
from curation.hub.features import Layout, Split
from curation.models import Dataset, DatasetVersion, HubToken, Push, Team


def token_of(team: Team) -> HubToken | None:
    return HubToken.objects.filter(team=team).select_related("created_by").first()


def pushes_of(version: DatasetVersion) -> QuerySet[Push]:
    """The newest first."""
    return Push.objects.filter(version=version).select_related("job", "created_by")


def initial_push(version: DatasetVersion) -> dict[str, Any]:
    """As the dataset was pushed last; else a name made of the token's owner and the dataset."""
    last = Push.objects.filter(version__dataset=version.dataset_id, endpoint=endpoint()).exclude(commit="").first()
    message = f"{version.dataset.name}, version {version.number}"
    if last is not None:
        return {
            "repo": last.repo, "format": last.format, "visible": "private" if last.private else "public",
            "way": "pull" if last.pull_request else "branch", "branch": last.branch, "message": message,
            "existing": last.existing,
        }  # fmt: skip
    token = token_of(version.dataset.team)
    name = slugify(version.dataset.name)[:60] or "dataset"
    return {"repo": f"{token.who}/{name}" if token is not None and token.who else "", "message": message}


def newest(dataset: Dataset) -> DatasetVersion | None:
    found = dataset.versions.filter(deleted_at=None).exclude(sha256="").order_by("-number").first()
    if found is not None:
        found.dataset = dataset
    return found


def card_text(version: DatasetVersion) -> str:
    """The card without its YAML, as a page shows it; which files there will be depends on the format."""
    counts = version.counts.get("split") or {}
    splits = tuple(
        Split(name, (f"{name}.jsonl",), counts[name], 0)
        for name, _ in version.splits.get("shares", []) if counts.get(name)
    )  # fmt: skip
    return body(of_version(version), Layout("messages", "jsonl", splits, None))
