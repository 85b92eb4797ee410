"""What the pages of guidelines, queue and people show."""

from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count
from django.utils import timezone

from curation.models import Example, Guideline, Membership, Role, Task, TaskMember, User
from jobs.models import Job


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
    job = Job.objects.filter(kind="task.rearrange", lane=task.team.lane, params__task=task.pk).order_by("-pk").first()
    return {
        "open": counts.get("open", 0), "submitted": counts.get("submitted", 0),
        "gold": Example.objects.alive().filter(task=task, gold__isnull=False).count(),
        "job": job if job is not None and not job.is_final else None,
    }  # fmt: skip


def people_page(task: Task) -> dict[str, Any]:
    """Everybody who may annotate, with what they did."""
    places = {one.user_id: one for one in TaskMember.objects.filter(task=task)}
    today = timezone.now().astimezone(ZoneInfo(task.team.time_zone)).date()
    members = Membership.objects.filter(team=task.team).exclude(role=Role.VIEWER).select_related("user")
    rows = []
    for member in sorted(members, key=lambda one: str(one.user).lower()):
        place = places.get(member.user_id) or TaskMember(task=task, user=member.user)
        rows.append((member, place, place.today if place.day == today else 0))
    return {"people": rows}
