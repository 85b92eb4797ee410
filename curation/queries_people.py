"""What waits for one person now, and what each member of a team did lately. Fixed numbers of queries."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, F, Max, OuterRef, Q, Subquery
from django.utils import timezone

from curation.models import Annotation, AuditEvent, Example, Membership, Role, Slot, Task, TaskMember, Team, User

LISTED = 5  # lines of one kind; the rest is counted
SOON = timedelta(minutes=15)


@dataclass
class Now:
    """What needs this person. `open_work` counts by kind: returned, soon, drafts."""

    returned: list[Annotation] = field(default_factory=list)
    soon: list[Annotation] = field(default_factory=list)  # claims that end soon; `ends` is when
    drafts: list[Annotation] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)  # with places that are free for her; `goal`, `today`, `free`
    goals: list[Task] = field(default_factory=list)  # with a daily goal of hers
    reviews: list[Task] = field(default_factory=list)  # curators: `waiting` examples
    more: dict[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any((self.returned, self.soon, self.drafts, self.tasks, self.goals, self.reviews))


def today_of(team: Team) -> date:
    return timezone.now().astimezone(ZoneInfo(team.time_zone)).date()


def now(team: Team, user: User) -> Now:
    """Three queries; viewers, who have nothing to do, none."""
    found = Now()
    mine: Membership = team.mine  # type: ignore[attr-defined]
    if not mine.may(Role.ANNOTATOR):
        return found
    _open(found, team, user)
    _tasks(found, team, user)
    if mine.may(Role.CURATOR):
        found.reviews = _reviews(team)
    return found


def _open(found: Now, team: Team, user: User) -> None:
    """What she has open: returned first, then what ends soon, then drafts with work in them."""
    ends = Slot.objects.filter(example=OuterRef("example"), annotator=user, state="claimed").values("expires_at")[:1]
    rows = (
        Annotation.objects.filter(
            annotator=user, task__team=team, task__deleted_at=None, example__deleted_at=None,
            state__in=["draft", "returned"],
        )
        .select_related("task").annotate(ends=Subquery(ends)).order_by("started_at", "pk")[:200]
    )  # fmt: skip
    soon = timezone.now() + SOON
    for one in rows:
        if one.state == "returned":
            found.returned.append(one)
        elif one.ends is not None and one.ends < soon and one.ends > timezone.now():
            found.soon.append(one)
        elif one.saved_at is not None:
            found.drafts.append(one)
    for name in ("returned", "soon", "drafts"):
        lines = getattr(found, name)
        found.more[name] = max(0, len(lines) - LISTED)
        setattr(found, name, lines[:LISTED])


def _tasks(found: Now, team: Team, user: User) -> None:
    """Tasks with free places, and her goals."""
    place = TaskMember.objects.filter(task=OuterRef("pk"), user=user)
    free = Slot.objects.filter(task=OuterRef("pk"), state="free", gold=False)
    rows = Task.objects.of(team).annotate(
        assigned=Subquery(place.values("assigned")[:1]), goal=Subquery(place.values("daily_goal")[:1]),
        day=Subquery(place.values("day")[:1]), counted=Subquery(place.values("today")[:1]), free=Exists(free),
    )  # fmt: skip
    day = today_of(team)
    for task in rows.order_by("name"):
        task.today = task.counted if task.day == day else 0  # type: ignore[attr-defined]
        if task.free and not task.paused and (task.assigned or not task.assigned_only):
            found.tasks.append(task)
        if task.goal:
            found.goals.append(task)
    # Assigned ones first, then those where she is short of her goal.
    found.tasks.sort(key=lambda task: (not task.assigned, not (task.goal and task.today < task.goal)))  # type: ignore[attr-defined]
    found.more["tasks"] = max(0, len(found.tasks) - LISTED)
    found.tasks = found.tasks[:LISTED]


def _reviews(team: Team) -> list[Task]:
    waiting = (
        Example.objects.alive().filter(task=OuterRef("pk"), state="submitted")
        .order_by().values("task").annotate(n=Count("pk")).values("n")
    )  # fmt: skip
    return list(
        Task.objects.of(team).annotate(waiting=Subquery(waiting)).filter(waiting__gt=0).order_by("-waiting")[:LISTED]
    )


# --- members ---


@dataclass
class Lately:
    """What one member did. `active`: the last trace of her in the team."""

    active: datetime | None = None
    today: int = 0
    week: int = 0
    tasks: list[Task] = field(default_factory=list)


def lately(team: Team, members: list[Membership]) -> dict[int, Lately]:
    """By user. Today and this week (from Monday) are those of the team's calendar. Three queries."""
    zone = ZoneInfo(team.time_zone)
    day = today_of(team)
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    monday = midnight - timedelta(days=day.weekday())
    found = {one.user_id: Lately() for one in members}
    answers = (
        Annotation.objects.filter(task__team=team, submitted_at__isnull=False).exclude(state="skipped")
        .order_by().values("annotator")
        .annotate(
            today=Count("pk", filter=Q(submitted_at__gte=midnight)), week=Count("pk", filter=Q(submitted_at__gte=monday)),
            last=Max("submitted_at"),
        )
    )  # fmt: skip
    for row in answers:
        if one := found.get(row["annotator"]):
            one.today, one.week, one.active = row["today"], row["week"], row["last"]
    deeds = AuditEvent.objects.filter(team_id=team.pk, actor_id__in=found).order_by().values("actor_id")
    for actor, last in deeds.annotate(last=Max("at")).values_list("actor_id", "last"):
        if actor is not None:
            found[actor].active = max(filter(None, (found[actor].active, last)))
    places = TaskMember.objects.filter(task__team=team, task__deleted_at=None, assigned=True, user__in=found)
    for place in places.select_related("task").order_by(F("task__name")):
        found[place.user_id].tasks.append(place.task)
    return found
