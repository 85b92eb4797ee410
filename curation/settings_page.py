"""What the pages of guidelines, queue and people show."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, OuterRef, Q, Subquery
from django.utils import timezone

from curation.actions.task_pages import ARRANGING, INLINE
from curation.models import Annotation, Example, Guideline, Membership, Role, Task, TaskMember, User
from curation.queueing import wanted_for
from jobs.models import Job
from jobs.queries import progress


def guidelines_page(task: Task, user: User, before: str, after: str) -> dict[str, Any]:
    """The newest text, all versions without their text, and the difference between two of them.

    Without a choice: from what this person read last to what stands now.
    """
    newest = Guideline.objects.filter(task=task).select_related("by").first()
    number = newest.number if newest else 0
    place = TaskMember.objects.filter(task=task, user=user).first()
    seen = place.guidelines_seen if place else 0
    chosen = [int(one) if one.isdecimal() and len(one) < 9 else 0 for one in (before, after)]
    old, new = chosen if any(chosen) else (seen, number)
    texts = dict(Guideline.objects.filter(task=task, number__in=[old, new]).values_list("number", "text"))
    return {
        "newest": newest, "number": number, "seen": seen, "changed": 0 < seen < number, "unread": seen < number,
        "versions": Guideline.objects.filter(task=task).select_related("by").defer("text")[:200],
        "old": old, "new": new, "before": texts.get(old, ""), "after": texts.get(new, ""),
        "differs": old != new and new in texts and (old in texts or any(chosen)),
    }  # fmt: skip


def queue_page(task: Task) -> dict[str, Any]:
    counts = dict(Example.objects.alive().filter(task=task).order_by().values_list("state").annotate(n=Count("pk")))
    day = timezone.now() - timedelta(days=1)
    jobs = Job.objects.filter(kind="task.rearrange", lane=task.team.lane, params__task=task.pk)
    job = jobs.filter(Q(ended_at=None) | Q(ended_at__gt=day)).order_by("-pk").first()
    return {
        "open": counts.get("open", 0), "submitted": counts.get("submitted", 0),
        "gold": Example.objects.alive().filter(task=task, gold__isnull=False).count(),
        "job": job, "passes": progress(job) if job is not None else [],
        "assigned": TaskMember.objects.filter(task=task, assigned=True).count(),
    }  # fmt: skip


@dataclass(slots=True)
class Settings:
    """The part of the queue's settings that says how many answers an example wants."""

    pk: int
    wanted: int
    shared_wanted: int
    shared_share: float


def effects(task: Task, given: dict[str, Any]) -> list[str]:
    """What these settings do to the examples that are there, a sentence each. Of many, a part is counted: "About …"."""
    if not any(getattr(task, name) != given[name] for name in ARRANGING):
        return []
    new = Settings(task.pk, given["wanted"], given["shared_wanted"], given["shared_share"])
    alive = Example.objects.alive().filter(task=task, state__in=["open", "submitted"], gold_only=False)
    rows = list(alive.order_by("pk").values_list("key", "wanted", "done", "state")[:INLINE])
    total = alive.count() if len(rows) == INLINE else len(rows)
    about = "About " if total > len(rows) else ""
    moved: Counter[tuple[int, int]] = Counter()
    back = full = 0
    for key, now, done, state in rows:
        then = wanted_for(new, key)
        if then != now:
            moved[now, then] += 1
            back += state == "submitted" and done < then
            full += state == "open" and done >= then

    def counted(count: int) -> str:
        many = round(count * total / len(rows))
        return f"{about}{many:,} example{'' if many == 1 else 's'}"

    said = []
    for (now, then), count in sorted(moved.items()):
        if then > now:
            said.append(f"{counted(count)} {'gets' if count == 1 else 'get'} {then} slots instead of {now}.")
        else:
            answers = f"{then} answer{'' if then == 1 else 's'}"
            said.append(
                f"{counted(count)} {'wants' if count == 1 else 'want'} {answers} instead of {now}; what is begun stays."
            )
    if back:
        said.append(f"{counted(back)} that waited for review {'goes' if back == 1 else 'go'} back into the queue.")
    if full:
        said.append(f"{counted(full)} {'has' if full == 1 else 'have'} enough answers then and go to review.")
    if task.order != given["order"] and total:
        said.append(f"The free slots of {total:,} example{'' if total == 1 else 's'} are put in the new order.")
    return said or ["No example that is there changes; new ones follow these settings."]


@dataclass
class Person:
    """One line of the people's page. `typed`: the goal as it was sent, where it could not be saved."""

    member: Any
    place: TaskMember
    today: int
    assigned: bool = False
    typed: str = ""
    problem: str = ""

    def __post_init__(self) -> None:
        self.assigned, self.typed = self.place.assigned, str(self.place.daily_goal)


def people_page(task: Task) -> dict[str, Any]:
    """Everybody who may annotate, with what they did."""
    places = {one.user_id: one for one in TaskMember.objects.filter(task=task)}
    today = timezone.now().astimezone(ZoneInfo(task.team.time_zone)).date()
    answers = Annotation.objects.filter(task=task, annotator=OuterRef("user"), submitted_at__isnull=False)
    last = Subquery(answers.order_by("-submitted_at").values("submitted_at")[:1])
    members = Membership.objects.filter(team=task.team).exclude(role=Role.VIEWER).select_related("user")
    rows = []
    for member in sorted(members.annotate(last=last), key=lambda one: str(one.user).lower()):
        place = places.get(member.user_id) or TaskMember(task=task, user=member.user)
        rows.append(Person(member, place, place.today if place.day == today else 0))
    return {"people": rows}
