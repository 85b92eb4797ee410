"""Pushes of versions to the hub."""

import re

from django.db import transaction

from config.faults import Fault
from curation.actions.datasets import need_frozen
from curation.audit import audit
from curation.formats.training import TRAINING
from curation.hub.client import endpoint
from curation.hub.escaping import flat
from curation.models import DatasetVersion, HubToken, Push, User
from jobs import actions as jobs

PUSH = "dataset.push"
_PART = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_BRANCH = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?")


def checked_repo(repo: str) -> str:
    """owner/name. Raises `Fault` hub.repo. The rules are the hub's."""
    text = repo.strip().strip("/")
    owner, slash, name = text.partition("/")
    why = ""
    if not slash or not owner or not name:
        why = "has no owner" if text else "is empty"
    elif not _PART.fullmatch(owner) or not _PART.fullmatch(name):
        why = "holds something else than letters, digits, dots, dashes and underscores, or begins or ends with a sign"
    elif "--" in text or ".." in text:
        why = "holds two dashes or dots in a row"
    elif len(text) > 96:
        why = "is longer than 96 characters"
    elif name.endswith(".git"):
        why = "ends with .git"
    if why:
        raise Fault("hub.repo", repo=flat(text, 100) or "An empty text", why=why)
    return text


def checked_branch(branch: str) -> str:
    """Raises `Fault` hub.branch."""
    text = branch.strip() or "main"
    bad = ".." in text or "//" in text or text.endswith(".lock") or len(text) > 100 or text.startswith("refs/")
    if bad or not _BRANCH.fullmatch(text):
        raise Fault("hub.branch", branch=flat(text, 100), why="cannot name a branch")
    return text


@transaction.atomic
def push(
    *, version: DatasetVersion, by: User | None, repo: str, format: str = "parquet", branch: str = "main",  # noqa: A002
    pull_request: bool = False, private: bool = True, existing: bool = False, message: str = "",
) -> Push:  # fmt: skip
    """Start the job; one that is on its way to the same place is given back instead.

    Raises `Fault` dataset.not_frozen, dataset.format, hub.repo, hub.branch, hub.no_token, hub.elsewhere.
    """
    need_frozen(version)
    if format not in TRAINING:
        raise Fault("dataset.format", format=format, known=", ".join(TRAINING))
    repo, branch = checked_repo(repo), checked_branch(branch)
    team = version.dataset.team
    token = HubToken.objects.select_for_update().filter(team=team).first()
    if token is None:
        raise Fault("hub.no_token")
    if token.endpoint != endpoint():
        raise Fault("hub.elsewhere", was=token.endpoint, now=endpoint())
    same = Push.objects.filter(
        version=version, repo__iexact=repo, branch=branch, format=format, pull_request=pull_request, endpoint=endpoint()
    )
    for one in same.select_related("job").exclude(job=None):
        if one.job is not None and not one.job.is_final:
            return one
    made = Push.objects.create(
        version=version, endpoint=endpoint(), repo=repo, branch=branch, pull_request=pull_request, private=private,
        existing=existing, format=format, created_by=by,
        message=flat(message, 200) or flat(f"{version.dataset.name}, version {version.number}", 200),
    )  # fmt: skip
    made.job = jobs.start(kind=PUSH, params={"push": made.pk}, lane=team.lane)
    made.save(update_fields=["job"])
    audit(
        "dataset.push_started", actor=by, team=team, target=version.dataset, version=version.number, repo=repo,
        private=private, format=format,
    )  # fmt: skip
    return made
