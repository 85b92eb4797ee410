"""Guidelines, demonstrations, queue and people of a task."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from curation.actions import accepting, queue, task_pages
from curation.models import Demonstration, Example, Slot, TaskMember
from jobs.runner import run_until_idle
from tests.curation import made_tasks as made

HOSTILE = "<script>alert(1)</script>\u202e"


@pytest.fixture
def task(cast):
    return made.task(cast.team)


def url(name, task):
    return reverse(name, args=[task.pk])


def settings_of(task, **changed):
    from curation.forms.task_settings import QueueForm

    given = QueueForm.of(task) | {"version": task.version} | changed
    return {name: value for name, value in given.items() if value is not False}


PAGES = ["task_guidelines", "task_demonstrations", "task_people"]


@pytest.mark.parametrize("name", PAGES)
def test_members_read_and_only_curators_change(as_, task, name):
    for role in ("viewer", "annotator"):
        assert as_(role).get(url(name, task)).status_code == 200
        assert as_(role).post(url(name, task), {"text": "x", "output": "x"}).status_code == 403
    assert as_("stranger").get(url(name, task)).status_code == 404


def test_the_queue_is_for_curators(as_, task):
    for role in ("viewer", "annotator"):
        assert as_(role).get(url("task_queue", task)).status_code == 403


def test_annotators_see_what_changed_since_they_read(as_, cast, task):
    curator = as_("curator")
    for number, text in enumerate(["Be short.", "Be very short.\n\n- **One** sentence."]):
        answer = curator.post(url("task_guidelines", task), {"text": text, "note": f"v{number}", "number": number})
        assert answer.status_code == 303
    TaskMember.objects.create(task=task, user=cast.annotator, guidelines_seen=1)
    annotator = as_("annotator")
    page = annotator.get(url("task_guidelines", task)).content.decode()
    assert "What changed since you read them" in page
    assert "<ins>very </ins>" in page or "<ins> very</ins>" in page
    assert "<strong>One</strong>" in page
    assert annotator.post(url("task_guidelines", task), {"do": "seen", "number": 2}).status_code == 303
    assert TaskMember.objects.get(user=cast.annotator).guidelines_seen == 2
    assert "What changed since" not in annotator.get(url("task_guidelines", task)).content.decode()
    compared = annotator.get(url("task_guidelines", task) + "?from=2&to=1").content.decode()
    assert "From version 2 to version 1" in compared


def test_guidelines_that_meet_keep_both_texts(as_, task):
    client = as_("curator")
    client.post(url("task_guidelines", task), {"text": "Theirs.", "number": 0})
    answer = client.post(url("task_guidelines", task), {"text": "Mine.", "number": 0})
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "<del>Theirs</del><ins>Mine</ins>" in page
    assert "Mine.</textarea>" in page
    assert task.guidelines.count() == 1
    assert client.post(url("task_guidelines", task), {"text": "Mine.", "number": 1}).status_code == 303


def test_hostile_text_is_text(as_, task):
    client = as_("curator")
    client.post(url("task_guidelines", task), {"text": HOSTILE, "note": HOSTILE, "number": 0})
    client.post(
        url("task_demonstrations", task),
        dict.fromkeys(("input", "output", "explanation"), HOSTILE) | {"kind": "positive"},
    )
    for name in PAGES:
        assert "<script>alert" not in client.get(url(name, task)).content.decode()
    assert Demonstration.objects.get().input == HOSTILE


def test_demonstrations_are_added_changed_moved_removed_and_brought_back(as_, task):
    client, at = as_("curator"), url("task_demonstrations", task)
    version = task.version
    for text in ("one", "two"):
        assert client.post(at, {"kind": "positive", "input": text, "output": text}).status_code == 303
    assert client.post(at, {"kind": "positive", "output": ""}).status_code == 422
    one, two = Demonstration.objects.order_by("pk")
    client.post(at, {"do": "down", "id": one.pk})
    assert [d.input for d in task.demonstrations.all()] == ["two", "one"]
    client.post(at, {"id": two.pk, "kind": "negative", "input": "2", "output": "2", "explanation": "why"})
    two.refresh_from_db()
    assert (two.kind, two.explanation) == ("negative", "why")
    client.post(at, {"do": "remove", "id": two.pk})
    assert task.demonstrations.count() == 1
    assert "A demonstration was removed" in client.get(at).content.decode()
    client.post(at, {"do": "restore"})
    assert task.demonstrations.filter(kind="negative", input="2", explanation="why").count() == 1
    task.refresh_from_db()
    assert task.version > version + 5  # every change reaches the annotation page
    assert client.post(at, {"do": "remove", "id": 10**12}).status_code == 404


def test_an_accepted_example_becomes_a_demonstration(as_, cast, task):
    (example,) = made.examples(task, 1)
    client, at = as_("curator"), url("task_demonstrations", task)
    refused = client.post(at, {"do": "from_example", "example": example.pk})
    assert refused.status_code == 422
    assert b"Only accepted examples" in refused.content
    done = made.submitted(task, cast.annotator, {"output": "You are well."})
    accepting.accept(example=example, by=cast.curator, answer=done.answer, annotation=done)
    assert client.post(at, {"do": "from_example", "example": example.pk, "explanation": "Kind."}).status_code == 303
    shown = Demonstration.objects.get()
    assert (shown.output, shown.explanation, shown.example_id) == ("You are well.", "Kind.", example.pk)
    assert "letter number 0" in shown.input
    elsewhere = made.task(cast.team, name="Other")
    assert (
        client.post(url("task_demonstrations", elsewhere), {"do": "from_example", "example": example.pk}).status_code
        == 404
    )


def test_queue_settings_reach_the_slots(as_, task):
    made.examples(task, 5)
    client, at = as_("curator"), url("task_queue", task)
    assert (
        client.post(at, settings_of(task, wanted=2, paused="on", accept="agreement", accept_percent=80)).status_code
        == 303
    )
    assert Slot.objects.count() == 10
    old = settings_of(task, wanted=1)
    task.refresh_from_db()
    assert (task.wanted, task.paused, task.accept, task.accept_at) == (2, True, "agreement", 0.8)
    stale = client.post(at, old)
    assert stale.status_code == 409
    assert "Somebody changed this task before you" in stale.content.decode()
    assert Slot.objects.count() == 10
    for wrong in ({"wanted": 0}, {"shared_percent": 101}, {"order": "x"}, {"claim_minutes": ""}):
        assert client.post(at, settings_of(task) | wrong).status_code == 422


def test_a_large_queue_is_arranged_by_a_job(cast, transactional_db, monkeypatch):
    task = made.task(cast.team)
    made.examples(task, 4)
    monkeypatch.setattr(task_pages, "INLINE", 3)
    job = task_pages.set_queue(task=task, by=cast.curator, version=task.version, wanted=3)
    assert job is not None
    assert Slot.objects.count() == 4
    run_until_idle()
    job.refresh_from_db()
    assert job.state == "succeeded"
    assert Slot.objects.count() == 12
    assert set(Example.objects.values_list("wanted", flat=True)) == {3}


def test_people_are_assigned_and_given_goals(as_, cast, task):
    made.examples(task, 2)
    person = [cast.annotator.pk, cast.curator.pk, cast.stranger.pk]
    sent = {
        "person": person,
        f"assigned-{cast.annotator.pk}": "on",
        f"goal-{cast.annotator.pk}": "40",
        f"assigned-{cast.stranger.pk}": "on",
    }
    assert as_("curator").post(url("task_people", task), sent).status_code == 303
    assert list(TaskMember.objects.values_list("user_id", "assigned", "daily_goal")) == [(cast.annotator.pk, True, 40)]
    type(task).objects.filter(pk=task.pk).update(assigned_only=True)
    task.refresh_from_db()
    assert queue.next_item(task=task, user=cast.annotator) is not None
    as_("curator").post(url("task_people", task), {"person": person})
    assert not TaskMember.objects.get(user=cast.annotator).assigned


@pytest.mark.parametrize("name", PAGES)
def test_many_cost_no_more_queries(as_, cast, task, name):
    client, counts = as_("curator"), []
    for number in range(30):
        made.person(cast.team, f"Person{number}")
        task.demonstrations.create(input=str(number), output="x", position=number)
        task.guidelines.create(number=number + 1, text=str(number), by=cast.curator)
        if number in (2, 29):
            client.get(url(name, task))
            with CaptureQueriesContext(connection) as queries:
                assert client.get(url(name, task)).status_code == 200
            counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_list_is_offered_where_answers_are_chosen_and_something_is_wanted(as_, cast):
    label = {"name": "label", "kind": "labels", "title": "Label", "options": {"labels": ["yes", "no"]}}
    chosen, written = made.task(cast.team, name="Chosen", form=[label]), made.task(cast.team, name="Written")
    client = as_("annotator")
    in_a_list = reverse("annotate_bulk", args=[chosen.pk])
    assert in_a_list not in client.get(url("task", chosen)).content.decode()  # no examples yet
    made.examples(chosen, 1)
    made.examples(written, 1)
    assert in_a_list in client.get(url("task", chosen)).content.decode()
    assert reverse("annotate_bulk", args=[written.pk]) not in client.get(url("task", written)).content.decode()
