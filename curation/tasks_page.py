"""What the list of tasks and the page of one task show. A fixed number of queries, however many tasks there are."""

from typing import Any

from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Least

from curation.models import Annotation, Demonstration, Example, Guideline, Task, TaskMember, Team, User
from curation.sheets import Sheet

SHOWN = 3  # demonstrations on the overview


def tasks_page(team: Team, user: User) -> dict[str, Any]:
    """Tasks with what is needed most now first: returned work, then open examples; done and paused ones behind."""
    rows = list(Task.objects.of(team).order_by("name"))
    counts = _counts([task.pk for task in rows])
    returned = _by_task(Annotation.objects.filter(task__in=rows, annotator=user, state="returned"))
    mine = {one.task_id: one for one in TaskMember.objects.filter(task__in=rows, user=user)}
    for task in rows:
        found = counts.get(task.pk, {})
        place = mine.get(task.pk)
        task.facts = found | {  # type: ignore[attr-defined]
            "returned": returned.get(task.pk, 0), "mine": place.submitted if place else 0,
            "open_to_me": not task.paused and (not task.assigned_only or bool(place and place.assigned)),
        }  # fmt: skip
    rows.sort(key=lambda task: (-task.facts["returned"], task.paused, not task.facts.get("missing"), task.name.lower()))  # type: ignore[attr-defined]
    deleted = list(Task.objects.filter(team=team, deleted_at__isnull=False).order_by("-deleted_at")[:50])
    return {"tasks": rows, "deleted": deleted, "missing": sum(task.facts.get("missing", 0) for task in rows)}  # type: ignore[attr-defined]


def _counts(ids: list[int]) -> dict[int, dict[str, int]]:
    alive = Example.objects.alive().filter(task_id__in=ids, gold_only=False)
    rows: Any = alive.order_by().values("task_id").annotate(
        examples=Count("pk"), wanted_sum=Sum("wanted"), done_sum=Sum(Least("done", "wanted")),
        waiting=Count("pk", filter=Q(state="submitted")), accepted=Count("pk", filter=Q(state="accepted")),
        missing=Sum(F("wanted") - Least("done", "wanted"), filter=Q(state="open")),
    )  # fmt: skip
    return {row["task_id"]: {name.removesuffix("_sum"): int(value or 0) for name, value in row.items()} for row in rows}


def _by_task(rows: Any) -> dict[int, int]:
    return dict(rows.order_by().values("task_id").annotate(n=Count("pk")).values_list("task_id", "n"))


def task_page(task: Task, user: User) -> dict[str, Any]:
    """The overview: progress, definition, guidelines as they stand, demonstrations, the form, who works on it."""
    from curation import answers

    guideline = Guideline.objects.filter(task=task).select_related("by").first()
    place = TaskMember.objects.filter(task=task, user=user).first()
    demonstrations = list(task.demonstrations.all()[: SHOWN + 1])
    kinds = Demonstration.objects.filter(task=task).order_by().values_list("kind").annotate(n=Count("pk"))
    form = answers.load_form(task.form) if task.form else answers.Form()
    return {
        "facts": _counts([task.pk]).get(task.pk, {}), "guideline": guideline,
        "guidelines_changed": bool(guideline and place and 0 < place.guidelines_seen < guideline.number),
        "demonstrations": demonstrations[:SHOWN], "more_demonstrations": len(demonstrations) > SHOWN, "kinds": dict(kinds),
        "fields": [(one, answers.KINDS[one.kind].title) for one in form],
        "returned": Annotation.objects.filter(task=task, annotator=user, state="returned").count(),
        "assigned": TaskMember.objects.filter(task=task, assigned=True).count(),
        "open_to_me": not task.assigned_only or bool(place and place.assigned),
        "in_a_list": Sheet(task, 0).is_small,
    }  # fmt: skip
