"""The list of tasks, a new one, the overview, its words, deleting and restoring."""

import pytest
from django.urls import reverse

from curation.actions import accepting
from curation.models import AuditEvent, Task
from tests.curation import made_tasks as made

pytestmark = pytest.mark.django_db


def edit(task, **changed):
    return {"name": task.name, "definition": task.definition, "version": task.version} | changed


def test_a_new_task_begins_with_the_chosen_form(as_, cast):
    client, url = as_("curator"), reverse("task_new", args=["ward"])
    answer = client.post(url, {"name": "Intents", "definition": "Choose.", "preset": "classification"})
    task = Task.objects.get()
    assert (answer.status_code, answer.url) == (303, task.get_absolute_url())
    assert [field["kind"] for field in task.form] == ["labels"]
    again = client.post(url, {"name": "intents", "definition": "", "preset": "text"})
    assert again.status_code == 422
    assert b"There is a task named intents already" in again.content
    assert client.post(url, {"name": "", "preset": "nothing"}).status_code == 422
    assert Task.objects.count() == 1


def test_only_curators_make_and_change_tasks(as_, cast):
    task = made.task(cast.team)
    for role in ("viewer", "annotator"):
        client = as_(role)
        assert client.get(reverse("task", args=[task.pk])).status_code == 200
        assert client.get(reverse("tasks", args=["ward"])).status_code == 200
        for name in ("task_edit", "task_delete"):
            assert client.post(reverse(name, args=[task.pk]), {"sure": "on"}).status_code == 403
        assert client.post(reverse("task_new", args=["ward"]), {}).status_code == 403


def test_the_list_puts_what_is_needed_first(as_, cast):
    made.task(cast.team, name="A, empty")
    done, busy, back = (made.task(cast.team, name=name) for name in ("B, done", "C, busy", "D, returned"))
    for task in (done, busy, back):
        made.examples(task, 1)
    made.submitted(done, cast.curator, {"output": "x"})
    answer = made.submitted(back, cast.annotator, {"output": "x"})
    accepting.return_(annotation=answer, by=cast.curator, feedback="Longer")
    page = as_("annotator").get(reverse("tasks", args=["ward"])).content.decode()
    order = [page.index(name) for name in ("D, returned", "C, busy", "A, empty", "B, done")]
    assert order == sorted(order)
    assert "1 answer returned to you" in page
    assert page.count("/annotate/") == 2


def test_the_list_costs_the_same_for_many_tasks(as_, cast, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client, counts = as_("curator"), []
    for number in range(30):
        made.task(cast.team, name=f"Task {number}")
        if number in (2, 29):
            with CaptureQueriesContext(connection) as queries:
                client.get(reverse("tasks", args=["ward"]))
            counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_overview_shows_text_as_text_and_guidelines_as_markdown(as_, cast):
    hostile = "<script>alert(1)</script>\u202e"
    task = made.task(cast.team, definition=hostile, avoid=hostile, categories=[hostile], licence=hostile)
    task.guidelines.create(
        number=1, text=f"**Bold** {hostile} [x](javascript:alert(1)) ![i](http://e.org/i.png)\n\n# Top"
    )
    task.demonstrations.create(input=hostile, output=hostile, explanation=hostile)
    page = as_("viewer").get(reverse("task", args=[task.pk])).content.decode()
    assert "<script>alert" not in page
    assert "<strong>Bold</strong>" in page
    assert 'javascript:alert(1)"' not in page
    assert "<img" not in page
    assert "<h2>Top</h2>" in page
    assert page.count("&lt;script&gt;") >= 6


def test_edits_that_meet_keep_both_texts(as_, cast):
    task = made.task(cast.team, definition="First words.")
    client, url = as_("curator"), reverse("task_edit", args=[task.pk])
    old = edit(task, definition="My words.")
    assert client.post(url, edit(task, definition="Their words.")).status_code == 303
    answer = client.post(url, old)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "<del>Their</del><ins>My</ins>" in page
    assert "My words.</textarea>" in page
    task.refresh_from_db()
    assert task.definition == "Their words."
    assert client.post(url, old | {"version": task.version}).status_code == 303
    task.refresh_from_db()
    assert (task.definition, task.version) == ("My words.", 3)


def test_lists_of_words_are_bounded(as_, cast):
    task = made.task(cast.team)
    client, url = as_("curator"), reverse("task_edit", args=[task.pk])
    assert client.post(url, edit(task, categories="Summarization, Editing,, Editing")).status_code == 303
    task.refresh_from_db()
    assert task.categories == ["Summarization", "Editing"]
    assert client.post(url, edit(task, categories="x" * 121)).status_code == 422
    assert client.post(url, edit(task, domains=",".join(map(str, range(31))))).status_code == 422


def test_a_deleted_task_can_be_restored(as_, cast):
    task = made.task(cast.team)
    made.examples(task, 2)
    client, url = as_("curator"), reverse("task_delete", args=[task.pk])
    assert client.post(url, {}).status_code == 422
    assert client.post(url, {"sure": "on"}).status_code == 303
    assert client.get(reverse("task", args=[task.pk])).status_code == 404
    assert client.get(reverse("annotate", args=[task.pk])).status_code == 404
    page = client.get(reverse("tasks", args=["ward"])).content.decode()
    assert "1 deleted task" in page
    made.task(cast.team, name=task.name.upper())
    assert client.post(url, {"do": "restore"}).status_code == 422  # another one has its name
    Task.objects.exclude(pk=task.pk).update(name="Other")
    assert client.post(url, {"do": "restore"}).url == task.get_absolute_url()
    assert task.examples.count() == 2
    assert set(AuditEvent.objects.values_list("action", flat=True)) >= {"task.deleted", "task.restored"}
