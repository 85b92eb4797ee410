"""Demonstrations, queue settings and people of a task."""

import dataclasses
import hashlib
import json
from typing import Any

from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone

from config.faults import Fault
from curation.actions.slots import rearrange
from curation.actions.tasking import change_task
from curation.audit import audit
from curation.content import load, render
from curation.models import Demonstration, Example, Membership, Role, Task, TaskMember, User
from jobs import actions as jobs
from jobs.models import Job

ARRANGING = ("wanted", "shared_wanted", "shared_share", "order")  # settings that examples already there follow
INLINE = 20_000  # open examples that are brought in line at once; more are left to a job


# --- demonstrations ---

KEPT = ("kind", "position", "input", "output", "explanation", "extra", "example_id")


@transaction.atomic
def save_demonstration(
    *, task: Task, by: User, demonstration: Demonstration | None, seen: str | None = None, **fields: Any
) -> Demonstration:
    """A new one at the end, or the words of one that is there. `seen` is the `stamp` of what the person read.

    Raises `Fault` stale if somebody else changed or removed it meanwhile.
    """
    Task.objects.select_for_update(no_key=True).get(pk=task.pk)
    if demonstration is None:
        last = task.demonstrations.aggregate(top=Max("position"))["top"]
        place = {"position": 0 if last is None else last + 1}
        demonstration, verb = Demonstration.objects.create(task=task, **(place | fields)), "added"
    else:
        now = task.demonstrations.filter(pk=demonstration.pk).first()
        if now is None or (seen is not None and seen != stamp(now)):
            raise Fault("stale", thing="demonstration")
        Demonstration.objects.filter(pk=demonstration.pk).update(**fields)
        verb = "changed"
    _touched(task)
    audit(f"demonstration.{verb}", actor=by, team=task.team, target=demonstration)
    return demonstration


def stamp(demonstration: Demonstration) -> str:
    """Changes with every word of it: a form carries it to tell whether somebody else was faster."""
    words = [demonstration.kind, demonstration.input, demonstration.output, demonstration.explanation]
    return hashlib.blake2b(json.dumps(words).encode(), digest_size=8).hexdigest()


@transaction.atomic
def remove_demonstration(*, task: Task, by: User, demonstration: Demonstration) -> dict[str, Any]:
    """Returns what it takes to bring it back with `save_demonstration`, its place included."""
    kept = {name: getattr(demonstration, name) for name in KEPT}
    audit("demonstration.removed", actor=by, team=task.team, target=demonstration, name=task.name)
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
    if demonstration.pk not in ids:
        return  # somebody removed it meanwhile
    at = ids.index(demonstration.pk)
    to = min(max(0, at + by_places), len(ids) - 1)
    ids.insert(to, ids.pop(at))
    for position, pk in enumerate(ids):
        Demonstration.objects.filter(pk=pk).update(position=position)
    _touched(task)
    audit("demonstration.moved", actor=by, team=task.team, target=demonstration)


@transaction.atomic
def from_example(*, task: Task, by: User, example: Example, kind: str, explanation: str) -> Demonstration:
    """An accepted answer shows how it is done (or a bad one how not); the same one again is the one that is there.

    The input is what the example asks; an instruction that only repeats the definition is left out.
    Raises `Fault` demonstration.not_accepted.
    """
    Task.objects.select_for_update(no_key=True).get(pk=task.pk)
    made = task.demonstrations.filter(example=example, kind=kind)
    if known := (made.filter(explanation=explanation) if explanation else made).first():
        return known
    if example.state != Example.State.ACCEPTED:
        raise Fault("demonstration.not_accepted", state=example.get_state_display().lower())
    content = load(example.content)
    if content.input and content.instruction.strip() == task.definition.strip():
        content = dataclasses.replace(content, instruction="")
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
    before = [getattr(task, name) for name in ARRANGING]
    with transaction.atomic():  # the settings and the job that follows them, or neither
        change_task(task=task, by=by, version=version, **settings)
        if before == [getattr(task, name) for name in ARRANGING]:
            return None
        if Example.objects.filter(task=task, state__in=["open", "submitted"]).count() > INLINE:
            params = {"task": task.pk, "by": by.pk, "at": timezone.now().isoformat()}
            return jobs.start(kind="task.rearrange", params=params, lane=task.team.lane)
    rearrange(task=task, by=by)
    return None


# --- people ---

Place = tuple[bool, int]  # assigned, answers a day


@transaction.atomic
def set_people(*, task: Task, by: User, wanted: dict[int, Place], was: dict[int, Place]) -> int:
    """Assignment and daily goal by the user's id; only members of the team count. Returns how many changed.

    `was` is what the curator saw: people she left alone keep what somebody else set meanwhile. Raises `Fault` stale if
    both changed the same person, and nothing is changed then.
    """
    Task.objects.select_for_update(no_key=True).get(pk=task.pk)
    members = set(Membership.objects.filter(team=task.team).exclude(role=Role.VIEWER).values_list("user_id", flat=True))
    have = {one.user_id: one for one in TaskMember.objects.select_for_update(no_key=True).filter(task=task)}
    changed = 0
    for user_id in sorted(members & wanted.keys()):
        one, new = have.get(user_id), wanted[user_id]
        now = (one.assigned, one.daily_goal) if one else (False, 0)
        if new in (now, was.get(user_id, now)):
            continue
        if now != was.get(user_id, now):
            raise Fault("stale", thing="list of people")
        TaskMember.objects.update_or_create(
            task=task, user_id=user_id, defaults={"assigned": new[0], "daily_goal": new[1]}
        )
        changed += 1
    if changed:
        audit("task.people", actor=by, team=task.team, target=task, changed=changed)
    return changed
