"""The only door to curation's objects. Strangers get 404, members without the right get 403."""

from collections.abc import Iterable
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import Http404

from curation.models import (
    Annotation,
    ApiToken,
    Assist,
    BulkChange,
    Candidate,
    Collection,
    Dataset,
    DatasetVersion,
    Demonstration,
    Endpoint,
    Example,
    ExampleImport,
    Generation,
    HubFetch,
    Invitation,
    Membership,
    Push,
    Role,
    Task,
    Team,
    User,
)
from curation.rows import columns, made, width
from curation.scheduling import team_id_of
from jobs.models import Schedule

Found = TypeVar("Found")

VIEW, ANNOTATE, CURATE, OWN = Role.VIEWER, Role.ANNOTATOR, Role.CURATOR, Role.OWNER


def membership(user: User, team_id: int, need: Role) -> Membership:
    """The user's membership in a team; the check that every other door goes through."""
    if user.only_team not in (None, team_id):
        raise Http404
    mine = Membership.objects.select_related("team").filter(user=user, team_id=team_id).first()
    if mine is None:
        raise Http404
    if not mine.may(need):
        raise PermissionDenied(f"This needs the role {need.label.lower()}; yours is {mine.get_role_display().lower()}.")
    return mine


def team(user: User, slug: str, need: Role = VIEW) -> Team:
    found = Team.objects.for_user(user).filter(slug=slug).first()
    if found is None:
        raise Http404
    found.mine = membership(user, found.pk, need)  # type: ignore[attr-defined]
    return found


def team_of(user: User, team_id: int, need: Role = VIEW) -> Team:
    """The team that an object belongs to, for the doors of other apps."""
    mine = membership(user, team_id, need)
    mine.team.mine = mine  # type: ignore[attr-defined]
    return mine.team


def of_team(user: User, found: Found | None, need: Role) -> Found:
    """What was looked up, with its team as the user's; the end of every door to something that a team has."""
    if found is None:
        raise Http404
    owned: Any = found
    owned.team = team_of(user, owned.team_id, need)
    return found


def of_task(user: User, found: Found | None, need: Role) -> Found:
    """The same for something that a task has, as long as the task is not deleted."""
    owned: Any = found
    if found is None or owned.task.deleted_at is not None:
        raise Http404
    owned.task.team = team_of(user, owned.task.team_id, need)
    return found


def member(user: User, slug: str, membership_id: int) -> Membership:
    """A membership of a team that the user owns."""
    own = team(user, slug, OWN)
    found = own.memberships.select_related("user", "team").filter(pk=membership_id).first()
    if found is None:
        raise Http404
    return found


def invitation(user: User, slug: str, invitation_id: int) -> Invitation:
    """An open invitation of a team that the user owns."""
    own = team(user, slug, OWN)
    found = Invitation.objects.open().filter(team=own, pk=invitation_id).first()
    if found is None:
        raise Http404
    return found


def token(user: User, slug: str, token_id: int) -> ApiToken:
    """An API token of the team that still works: her own, or anybody's where the user is an owner."""
    home = team(user, slug)
    found = ApiToken.objects.select_related("user").filter(team=home, pk=token_id, revoked_at=None).first()
    if found is None or (found.user_id != user.pk and not home.mine.may(OWN)):  # type: ignore[attr-defined]
        raise Http404
    found.team = home
    return found


def task(user: User, task_id: int, need: Role = VIEW, *, deleted: bool = False) -> Task:
    """A task of one of the user's teams. A deleted one only where the caller asks for it."""
    found = Task.objects.filter(pk=task_id).first()
    if found is None or (found.deleted_at is not None and not deleted):
        raise Http404
    found.team = team_of(user, found.team_id, need)
    return found


WORK = f"""
SELECT {columns(Task, "t")}, {columns(Team, "g")}, m.role,
  (SELECT max(number) FROM curation_guideline WHERE task_id = t.id),
  EXISTS (SELECT 1 FROM curation_endpoint WHERE team_id = g.id AND archived_at IS NULL)
FROM curation_task t JOIN curation_team g ON g.id = t.team_id
JOIN curation_membership m ON m.team_id = g.id AND m.user_id = %s WHERE t.id = %s AND t.deleted_at IS NULL
"""  # noqa: S608
OWN_ANNOTATION = f"""
SELECT {columns(Annotation, "a")}, {columns(Example, "e")} FROM curation_annotation a
JOIN curation_example e ON e.id = a.example_id WHERE a.id = %s AND a.task_id = %s AND a.annotator_id = %s
"""  # noqa: S608


def work(user: User, task_id: int) -> Task:
    """A task that the user may annotate, with its team and the number of its latest guidelines, in one query.

    The door of the annotation page, which is passed at each submit: SQL by hand, for speed.
    """
    with connection.cursor() as cursor:
        cursor.execute(WORK, [user.pk, task_id])
        row = cursor.fetchone()
    if row is None:
        raise Http404
    cut = width(Task)
    found, team = made(Task, row[:cut]), made(Team, row[cut:-3])
    if user.only_team not in (None, team.pk):
        raise Http404
    mine = Membership(team=team, user=user, role=row[-3])
    found.team, team.mine = team, mine  # type: ignore[attr-defined]
    found.latest_guidelines = row[-2] or 0  # type: ignore[attr-defined]
    found.has_endpoint = row[-1]  # type: ignore[attr-defined]
    if not mine.may(ANNOTATE):
        raise PermissionDenied(f"This needs the role annotator; yours is {mine.get_role_display().lower()}.")
    return found


def own_annotation(user: User, task: Task, annotation_id: int) -> Annotation:
    """The user's own annotation of a task that she came to through `work`."""
    if not 0 < annotation_id < 1 << 63:
        raise Http404
    with connection.cursor() as cursor:
        cursor.execute(OWN_ANNOTATION, [annotation_id, task.pk, user.pk])
        row = cursor.fetchone()
    if row is None:
        raise Http404
    cut = width(Annotation)
    found, found.example = made(Annotation, row[:cut]), made(Example, row[cut:])
    found.task = found.example.task = task
    return found


def assist(annotation: Annotation, assist_id: str) -> Assist:
    """What a model was asked about an annotation that the caller came to through `own_annotation`."""
    number = int(assist_id) if assist_id.isascii() and assist_id.isdecimal() and len(assist_id) < 16 else 0
    found = Assist.objects.select_related("generation__endpoint", "generation__job").filter(pk=number).first()
    if found is None or found.annotation_id != annotation.pk:
        raise Http404
    found.annotation = annotation
    return found


def demonstration(task: Task, demonstration_id: str) -> Demonstration:
    """A demonstration of a task that the caller came to through `task`."""
    number = int(demonstration_id) if demonstration_id.isdecimal() and len(demonstration_id) < 16 else 0
    found = task.demonstrations.filter(pk=number).first()
    if found is None:
        raise Http404
    return found


def example_of(task: Task, example_id: str) -> Example:
    """An example of a task that the caller came to through `task`."""
    number = int(example_id) if example_id.isdecimal() and len(example_id) < 16 else 0
    found = task.examples.alive().filter(pk=number).first()
    if found is None:
        raise Http404
    return found


def example(user: User, example_id: int, need: Role = VIEW) -> Example:
    """An example of a task that is not deleted; a deleted example is shown, for it can be restored."""
    return of_task(user, Example.objects.select_related("task").filter(pk=example_id).first(), need)


def annotation(user: User, annotation_id: int, need: Role = ANNOTATE) -> Annotation:
    """The user's own annotation; a curator reaches those of others. Answers are blind: nobody else does."""
    found = Annotation.objects.select_related("task", "example", "annotator").filter(pk=annotation_id).first()
    if found is None or found.task.deleted_at is not None:
        raise Http404
    found.task.team = team_of(user, found.task.team_id, need)
    if found.annotator_id != user.pk and not found.task.team.mine.may(CURATE):  # type: ignore[attr-defined]
        raise Http404
    found.example.task = found.task
    return found


def example_import(user: User, import_id: int, need: Role = VIEW) -> ExampleImport:
    return of_task(user, ExampleImport.objects.select_related("task", "job").filter(pk=import_id).first(), need)


def bulk_change(user: User, bulk_id: int, need: Role = VIEW) -> BulkChange:
    return of_task(user, BulkChange.objects.select_related("task").filter(pk=bulk_id).first(), need)


def last_change(task: Task, number: str, deeds: Iterable[str]) -> BulkChange | None:
    """The change of examples that an address names, if it is one of this task and can still be undone."""
    if not number.isdecimal() or len(number) > 18:
        return None
    return BulkChange.objects.filter(pk=int(number), task=task, undone_at=None, action__in=list(deeds)).first()


def endpoint(user: User, endpoint_id: int, need: Role = VIEW) -> Endpoint:
    """An endpoint of one of the user's teams, also an archived one: old runs name it."""
    return of_team(user, Endpoint.objects.filter(pk=endpoint_id).first(), need)


def generation(user: User, generation_id: int, need: Role = VIEW) -> Generation:
    """A run of a task that is not deleted."""
    return of_task(
        user, Generation.objects.select_related("task", "endpoint", "job").filter(pk=generation_id).first(), need
    )


def candidate(user: User, candidate_id: int, need: Role = VIEW) -> Candidate:
    found = Candidate.objects.filter(pk=candidate_id).first()
    if found is None:
        raise Http404
    found.generation = generation(user, found.generation_id, need)
    return found


def dataset(user: User, dataset_id: int, need: Role = VIEW) -> Dataset:
    """A dataset of one of the user's teams that is not deleted."""
    return of_team(user, Dataset.objects.alive().filter(pk=dataset_id).first(), need)


def dataset_version(user: User, dataset_id: int, number: int, need: Role = VIEW) -> DatasetVersion:
    """A version, by its number in its dataset."""
    home = dataset(user, dataset_id, need)
    found = home.versions.select_related("job", "restored_from").filter(number=number, deleted_at=None).first()
    if found is None:
        raise Http404
    found.dataset = home
    return found


def schedule(user: User, schedule_id: int, need: Role = VIEW) -> Schedule:
    """A schedule of one of the user's teams that is not deleted; its team is in `.team`."""
    found = Schedule.objects.alive().select_related("alert", "created_by").filter(pk=schedule_id).first()
    if found is not None:
        found.team_id = team_id_of(found)  # type: ignore[attr-defined]
    return of_team(user, found, need)


def push(user: User, push_id: int, need: Role = VIEW) -> Push:
    """A push of a version that is not deleted."""
    found = Push.objects.select_related("version", "job", "created_by").filter(pk=push_id).first()
    if found is None:
        raise Http404
    found.version = dataset_version(user, found.version.dataset_id, found.version.number, need)
    return found


def hub_fetch(user: User, fetch_id: int, need: Role = VIEW) -> HubFetch:
    """An import from the hub on its way."""
    return of_team(user, HubFetch.objects.select_related("job", "created_by").filter(pk=fetch_id).first(), need)


def collection(user: User, collection_id: int, need: Role = VIEW) -> Collection:
    return of_team(user, Collection.objects.alive().select_related("job").filter(pk=collection_id).first(), need)
