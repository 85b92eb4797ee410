"""Demonstrations, queue settings and people of a task."""

from typing import Any

from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone

from config.faults import Fault
from curation.actions.slots import rearrange
from curation.actions.tasking import change_task
from curation.audit import audit
from curation.content import load, render
from curation.models import Demonstration, Example, Membership, Task, TaskMember, User
from jobs import actions as jobs
from jobs.models import Job

INLINE = 20_000  # open examples that are brought in line at once; more are left to a job


# --- demonstrations ---


@transaction.atomic
def save_demonstration(*, task: Task, by: User, demonstration: Demonstration | None, **fields: Any) -> Demonstration:
    """A new one at the end, or the words of one that is there."""
    if demonstration is None:
        last = task.demonstrations.aggregate(top=Max("position"))["top"]
        demonstration = Demonstration.objects.create(task=task, position=0 if last is None else last + 1, **fields)
        verb = "added"
    else:
        Demonstration.objects.filter(pk=demonstration.pk).update(**fields)
        verb = "changed"
    _touched(task)
    audit(f"demonstration.{verb}", actor=by, team=task.team, target=demonstration)
    return demonstration


@transaction.atomic
def remove_demonstration(*, task: Task, by: User, demonstration: Demonstration) -> dict[str, Any]:
    """Returns what it takes to bring it back with `save_demonstration`."""
    kept = {
        name: getattr(demonstration, name) for name in ("kind", "input", "output", "explanation", "extra", "example_id")
    }
    audit("demonstration.removed", actor=by, team=task.team, target=demonstration)
    Demonstration.objects.filter(pk=demonstration.pk).delete()
    _touched(task)
    return kept


@transaction.atomic
def move_demonstration(*, task: Task, by: User, demonstration: Demonstration, by_places: int) -> None:
    """One place up (-1) or down (1) among those of its kind."""
    Task.objects.select_for_update(no_key=True).get(pk=task.pk)
    ids = list(
        task.demonstrations.filter(kind=demonstration.kind).order_by("position", "pk").values_list("pk", flat=True)
    )
    at = ids.index(demonstration.pk)
    to = min(max(0, at + by_places), len(ids) - 1)
    ids.insert(to, ids.pop(at))
    for position, pk in enumerate(ids):
        Demonstration.objects.filter(pk=pk).update(position=position)
    _touched(task)
    audit("demonstration.moved", actor=by, team=task.team, target=demonstration)


@transaction.atomic
def from_example(*, task: Task, by: User, example: Example, kind: str, explanation: str) -> Demonstration:
    """An accepted answer shows how it is done (or a bad one how not). Raises `Fault` demonstration.not_accepted."""
    if example.state != Example.State.ACCEPTED:
        raise Fault("demonstration.not_accepted", state=example.get_state_display().lower())
    content = load(example.content)
    asked = render(content, "prompt")
    return save_demonstration(
        task=task, by=by, demonstration=None, kind=kind, input=asked, output=render(content, "response"),
        explanation=explanation, example=example,
    )  # fmt: skip


def _touched(task: Task) -> None:
    Task.objects.filter(pk=task.pk).update(version=F("version") + 1)


# --- the queue ---


def set_queue(*, task: Task, by: User, version: int, **settings: Any) -> Job | None:
    """Change how the queue hands out. Examples that are there are brought in line: at once, or by the job returned.

    Raises `Fault` stale if the task is no longer at `version`.
    """
    before = (task.wanted, task.shared_wanted, task.shared_share, task.order)
    change_task(task=task, by=by, version=version, **settings)
    if before == (task.wanted, task.shared_wanted, task.shared_share, task.order):
        return None
    if Example.objects.filter(task=task, state__in=["open", "submitted"]).count() <= INLINE:
        rearrange(task=task, by=by)
        return None
    with transaction.atomic():
        params = {"task": task.pk, "by": by.pk, "at": timezone.now().isoformat()}
        return jobs.start(kind="task.rearrange", params=params, lane=task.team.lane)


# --- people ---


@transaction.atomic
def set_people(*, task: Task, by: User, assigned: dict[int, bool], goals: dict[int, int]) -> int:
    """Assignment and daily goal by the user's id; only members of the team count. Returns how many changed."""
    members = set(Membership.objects.filter(team=task.team).values_list("user_id", flat=True))
    have = {one.user_id: one for one in TaskMember.objects.select_for_update(no_key=True).filter(task=task)}
    changed = 0
    for user_id in sorted(members & (assigned.keys() | goals.keys())):
        wanted = (assigned.get(user_id, False), goals.get(user_id, 0))
        one = have.get(user_id)
        if one is None and wanted == (False, 0):
            continue
        if one is None:
            TaskMember.objects.create(task=task, user_id=user_id, assigned=wanted[0], daily_goal=wanted[1])
        elif (one.assigned, one.daily_goal) != wanted:
            TaskMember.objects.filter(pk=one.pk).update(assigned=wanted[0], daily_goal=wanted[1])
        else:
            continue
        changed += 1
    if changed:
        audit("task.people", actor=by, team=task.team, target=task, changed=changed)
    return changed
