"""What waits for a person on the first page of her team, and what the page of members says."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from curation.actions import accepting, queue
from curation.models import Annotation, Slot, TaskMember, Team
from tests.curation import made_tasks as made


@pytest.fixture
def home(cast):
    return cast.team.get_absolute_url()


def now(client, home):
    return client.get(home).context["now"]


def test_nothing_to_do_shows_nothing(cast, as_, home):
    made.task(cast.team)
    assert not now(as_("annotator"), home)
    assert "For you" not in as_("annotator").get(home).content.decode()


def test_tasks_with_free_places_are_offered_to_those_who_may_take_them(cast, as_, home):
    open_, closed, paused = (made.task(cast.team, name=name) for name in ("Open", "Closed", "Paused"))
    for task in (open_, closed, paused):
        made.examples(task, 1)
    type(open_).objects.filter(pk=closed.pk).update(assigned_only=True)
    type(open_).objects.filter(pk=paused.pk).update(paused=True)
    assert [one.name for one in now(as_("annotator"), home).tasks] == ["Open"]
    TaskMember.objects.create(task=closed, user=cast.annotator, assigned=True)
    assert [one.name for one in now(as_("annotator"), home).tasks] == ["Closed", "Open"]  # assigned ones first
    text = as_("annotator").get(home).content.decode()
    assert reverse("annotate", args=[open_.pk]) in text
    assert not now(as_("viewer"), home)


def test_returned_work_claims_that_end_and_drafts(cast, as_, home):
    task = made.task(cast.team)
    made.examples(task, 4)
    back = made.submitted(task, cast.annotator, {"output": "x"})
    accepting.return_(annotation=back, by=cast.curator, feedback="<b>Again</b>")
    draft = Annotation.objects.create(
        task=task, example=task.examples.order_by("pk")[1], annotator=cast.annotator, saved_at=timezone.now()
    )
    ending = Annotation.objects.create(task=task, example=task.examples.order_by("pk")[2], annotator=cast.annotator)
    Slot.objects.filter(example=ending.example).update(
        state="claimed", annotator=cast.annotator, expires_at=timezone.now() + timedelta(minutes=4)
    )
    found = now(as_("annotator"), home)
    assert ([*found.returned], [*found.soon], [*found.drafts]) == ([back], [ending], [draft])
    text = as_("annotator").get(home).content.decode()
    assert "&lt;b&gt;Again" in text
    assert not now(as_("curator"), home).returned


def test_curators_see_what_waits_for_review(cast, as_, home):
    task = made.task(cast.team)
    made.examples(task, 2)
    made.submitted(task, cast.annotator, {"output": "x"})
    assert [(one.name, one.waiting) for one in now(as_("curator"), home).reviews] == [("Ward letters", 1)]
    assert now(as_("annotator"), home).reviews == []
    assert reverse("review", args=[task.pk]) in as_("curator").get(home).content.decode()


def test_the_goal_counts_today_by_the_calendar_of_the_team(cast, as_, home):
    task = made.task(cast.team)
    made.examples(task, 3)
    made.submitted(task, cast.annotator, {"output": "x"})
    TaskMember.objects.filter(user=cast.annotator).update(daily_goal=5)
    (goal,) = now(as_("annotator"), home).goals
    assert (goal.today, goal.goal) == (1, 5)
    assert "1 of 5" in as_("annotator").get(home).content.decode()
    TaskMember.objects.filter(user=cast.annotator).update(day=timezone.now().date() - timedelta(days=3))
    assert now(as_("annotator"), home).goals[0].today == 0


def count(client, url):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


def test_as_many_queries_for_thirty_tasks_and_members_as_for_three(cast, as_, home):
    client, members = as_("curator"), reverse("team_members", args=[cast.team.slug])
    counts = []
    for number in (3, 27):
        for n in range(number):
            user = made.person(cast.team, f"P{number}x{n}")
            task = made.task(cast.team, name=f"Task {number} {n}")
            made.examples(task, 2)
            made.submitted(task, user, {"output": "x"})
            TaskMember.objects.create(task=task, user=cast.curator, assigned=True, daily_goal=3)
            queue.next_item(task=task, user=cast.curator)
        counts.append((count(client, home), count(client, members)))
    assert counts[0] == counts[1]


# --- members ---


def row(client, url, name):
    return next(did for member, did in client.get(url).context["members"] if str(member.user) == name)


def test_members_with_their_answers_of_the_day_and_the_week(cast, as_):
    zone = ZoneInfo("Pacific/Auckland")
    Team.objects.filter(pk=cast.team.pk).update(time_zone="Pacific/Auckland")
    task = made.task(cast.team)
    made.examples(task, 4)
    given = [made.submitted(task, cast.annotator, {"output": str(number)}) for number in range(4)]
    today = timezone.now().astimezone(zone)
    midnight = datetime(today.year, today.month, today.day, tzinfo=zone)
    monday = midnight - timedelta(days=today.weekday())
    times = [today, midnight, monday - timedelta(seconds=1), monday]
    for one, at in zip(given, times, strict=True):
        Annotation.objects.filter(pk=one.pk).update(submitted_at=at)
    TaskMember.objects.filter(user=cast.annotator).update(assigned=True)
    url = reverse("team_members", args=[cast.team.slug])
    did = row(as_("viewer"), url, "Annotator")
    assert did.today == (3 if today.weekday() == 0 else 2)
    assert did.week == 3
    assert did.active == today
    assert did.tasks == [task]
    nothing = row(as_("viewer"), url, "Viewer")
    assert (nothing.active, nothing.today, nothing.week, nothing.tasks) == (None, 0, 0, [])


def test_skips_are_no_answers(cast, as_):
    task = made.task(cast.team)
    made.examples(task, 1)
    queue.skip(annotation=queue.next_item(task=task, user=cast.annotator), by=cast.annotator)
    did = row(as_("viewer"), reverse("team_members", args=[cast.team.slug]), "Annotator")
    assert (did.today, did.week) == (0, 0)
