"""What people see of background work: for each kind of job its word, its object, and who stops it.

Each app registers its own kinds from `ready()`; a kind that nobody registered is shown by its name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import models, transaction

from curation.audit import audit
from curation.models import Team, User
from jobs import actions as jobs
from jobs.models import Job


@dataclass(frozen=True, slots=True)
class Thing:
    """The object of a job: its name, its page; of work with language models also what it took and what failed in it."""

    title: str
    url: str = ""
    tokens: int | None = None
    money: Decimal | None = None
    currency: str = ""
    failed: int = 0
    failed_url: str = ""
    # Where the work ran to its end and what it found is bad: that, in a word or two.
    bad: str = ""


Things = Callable[[Sequence[Job]], dict[int, Thing]]
Deed = Callable[[Job, User], None]


@dataclass(frozen=True, slots=True)
class Face:
    """`things`: by the job's pk, in few queries. `cancel`, `resume`: the actions of the object; None: those of the job.
    `retry`: ask again only what failed in a job that has ended.
    """

    word: str
    things: Things
    cancel: Deed | None = None
    resume: Deed | None = None
    retry: Deed | None = None


FACES: dict[str, Face] = {}


def register(kind: str, face: Face) -> None:
    FACES[kind] = face


def face_of(kind: str) -> Face:
    return FACES.get(kind) or Face(kind.replace(".", " ").replace("_", " ").capitalize(), lambda _: {})


def by_param(rows_of: Callable[[], "models.QuerySet[Any]"], param: str, thing: Callable[[Any], Thing]) -> Things:
    """Things that the jobs name by their key in `params[param]`."""

    def things(rows: Sequence[Job]) -> dict[int, Thing]:
        keys = {job.pk: job.params.get(param) for job in rows}
        found = rows_of().in_bulk([key for key in set(keys.values()) if isinstance(key, int)])
        return {pk: thing(found[key]) for pk, key in keys.items() if key in found}

    return things


def deed(
    rows_of: Callable[[], "models.QuerySet[Any]"], param: str, act: Callable[..., Any], name: str = ""
) -> Deed:  # fmt: skip
    """An action on the object that the job names by its key in `params[param]`; the action calls it `name`."""

    def do(job: Job, by: User) -> None:
        found = rows_of().filter(pk=job.params.get(param)).first()
        if found is not None:
            act(**{name or param: found, "by": by})

    return do


def described(rows: Sequence[Job]) -> dict[int, Thing]:
    """The things of jobs of many kinds."""
    by_kind: dict[str, list[Job]] = {}
    for job in rows:
        by_kind.setdefault(job.kind, []).append(job)
    return {pk: thing for kind, some in by_kind.items() for pk, thing in face_of(kind).things(some).items()}


@transaction.atomic
def cancel(*, job: Job, team: Team, by: User) -> None:
    deed = face_of(job.kind).cancel
    if deed is not None:
        deed(job, by)
    elif not job.is_final:
        jobs.cancel(job=job)
        audit("job.cancelled", actor=by, team=team, target=job, name=face_of(job.kind).word.lower())


@transaction.atomic
def resume(*, job: Job, team: Team, by: User) -> None:
    """Raises `Fault` jobs.finished, and what the object's own action raises."""
    deed = face_of(job.kind).resume
    if deed is not None:
        deed(job, by)
    else:
        jobs.resume(job=job)
        audit("job.resumed", actor=by, team=team, target=job, name=face_of(job.kind).word.lower())
