"""Where two people meet on the pages of a task, and what a change does to the examples that are there."""

import pytest
from django.urls import reverse

from curation.actions import accepting, slots, task_pages
from curation.forms.task_settings import QueueForm
from curation.models import AuditEvent, Demonstration, Example, Guideline, Slot, Task, TaskMember
from curation.settings_page import effects
from jobs.models import Job
from jobs.runner import run_until_idle
from tests.curation import made_tasks as made


@pytest.fixture
def task(cast):
    return made.task(cast.team)


def url(name, task):
    return reverse(name, args=[task.pk])


def sent(task, **changed):
    given = QueueForm.of(task) | {"version": task.version} | changed
    return {name: value for name, value in given.items() if value is not False}


def text_of(answer):
    return answer.content.decode()


# --- guidelines ---


def test_only_what_she_saw_counts_as_read(as_, cast, task):
    for number in (1, 2, 3):
        task.guidelines.create(number=number, text=f"Text {number}.")
    TaskMember.objects.create(task=task, user=cast.annotator, guidelines_seen=1)
    as_("annotator").post(url("task_guidelines", task), {"do": "seen", "number": 2})
    assert TaskMember.objects.get().guidelines_seen == 2
    as_("annotator").post(url("task_guidelines", task), {"do": "seen", "number": 99})
    assert TaskMember.objects.get().guidelines_seen == 3
    assert as_("viewer").post(url("task_guidelines", task), {"do": "seen", "number": 1}).status_code == 403


def test_a_mistake_does_not_make_an_old_text_a_new_one(as_, task):
    client, at = as_("curator"), url("task_guidelines", task)
    task.guidelines.create(number=1, text="One.")
    task.guidelines.create(number=2, text="Theirs.")
    wrong = client.post(at, {"text": "Mine.", "note": "x" * 301, "number": 1})
    assert wrong.status_code == 422
    assert 'name="number" value="1"' in text_of(wrong)
    assert client.post(at, {"text": "Mine.", "note": "", "number": 1}).status_code == 409
    assert list(task.guidelines.values_list("text", flat=True)) == ["Theirs.", "One."]


def test_the_same_text_is_no_new_version(as_, task):
    client, at = as_("curator"), url("task_guidelines", task)
    client.post(at, {"text": "a\r\nb", "number": 0})
    assert Guideline.objects.get().text == "a\nb"
    assert client.post(at, {"text": "a\r\nb", "number": 1}).status_code == 303
    assert Guideline.objects.count() == 1
    assert TaskMember.objects.get().guidelines_seen == 1  # she wrote it, so she read it


def test_each_version_raises_the_version_of_the_task(as_, task):
    as_("curator").post(url("task_guidelines", task), {"text": "a", "number": 0})
    assert Task.objects.get().version == task.version + 1


# --- demonstrations ---


def test_demonstrations_that_meet_keep_both_texts(as_, task):
    one = task.demonstrations.create(input="x", output="First words.")
    client, at = as_("curator"), url("task_demonstrations", task)
    page = text_of(client.get(f"{at}?edit={one.pk}"))
    seen = task_pages.stamp(one)
    assert f'name="seen" value="{seen}"' in page
    mine = {"id": one.pk, "seen": seen, "kind": "positive", "input": "x", "output": "My words."}
    assert client.post(at, mine | {"output": "Their words."}).status_code == 303
    stale = client.post(at, mine)
    assert stale.status_code == 409
    assert "<del>Their</del><ins>My</ins>" in text_of(stale)
    assert "My words.</textarea>" in text_of(stale)
    assert client.post(at, mine | {"output": ""}).status_code == 422
    one.refresh_from_db()
    assert one.output == "Their words."
    assert client.post(at, mine | {"seen": task_pages.stamp(one)}).status_code == 303
    one.delete()
    gone = client.post(at, mine)
    assert gone.status_code == 409
    assert "My words.</textarea>" in text_of(gone)
    assert Demonstration.objects.count() == 0


def test_what_is_brought_back_stands_where_it_stood(as_, task):
    rows = [task.demonstrations.create(input=str(place), output="x", position=place) for place in range(3)]
    Demonstration.objects.filter(pk=rows[1].pk).update(extra={"id": "n1"})
    client, at = as_("curator"), url("task_demonstrations", task)
    client.post(at, {"do": "remove", "id": rows[1].pk})
    client.post(at, {"do": "restore"})
    client.post(at, {"do": "restore"})  # twice is once
    assert [one.input for one in task.demonstrations.all()] == ["0", "1", "2"]
    assert task.demonstrations.get(input="1").extra == {"id": "n1"}
    assert {"demonstration.removed", "demonstration.added"} <= set(AuditEvent.objects.values_list("action", flat=True))


def test_a_double_click_makes_one_demonstration(as_, cast, task):
    (example,) = made.examples(task, 1)
    Task.objects.update(definition="Summarise the letter.")
    done = made.submitted(task, cast.annotator, {"output": "You are well."})
    accepting.accept(example=example, by=cast.curator, answer=done.answer, annotation=done)
    sent = {"do": "from_example", "example": example.pk, "kind": "negative", "explanation": "Too short."}
    for _ in range(2):
        assert as_("curator").post(url("task_demonstrations", task), sent).status_code == 303
    made_one = Demonstration.objects.get()
    assert made_one.input == "Dear Dr Hall, letter number 0."  # the instruction only repeated the definition
    assert as_("annotator").post(url("task_demonstrations", task), sent).status_code == 403


# --- queue ---


def test_what_a_change_does_is_said_before_it_is_done(as_, cast, task):
    made.examples(task, 3)
    made.submitted(task, cast.annotator, {"output": "x"})
    client, at = as_("curator"), url("task_queue", task)
    answer = client.post(at, sent(task, wanted=2, order="random", do="preview"))
    page = text_of(answer)
    assert answer.status_code == 200
    for said in (
        "3 examples get 2 slots instead of 1.", "1 example that waited for review goes back into the queue.",
        "The free slots of 3 examples are put in the new order.", "Nothing is saved yet",
    ):  # fmt: skip
        assert said in page
    assert Slot.objects.count() == 3
    saved = client.post(at, sent(task, wanted=2), follow=True)
    assert "3 examples get 2 slots instead of 1." in text_of(saved)
    assert Slot.objects.count() == 6
    assert Example.objects.filter(state="open").count() == 3
    task.refresh_from_db()
    client.post(at, sent(task, wanted=1))
    assert Example.objects.filter(state="submitted").count() == 1
    assert Slot.objects.count() == 3


def test_what_is_said_is_what_happens_to_a_share(cast, task):
    made.examples(task, 200)
    given = {"wanted": 1, "shared_wanted": 3, "shared_share": 0.25, "order": "first_come"}
    (said,) = effects(task, given)
    task_pages.set_queue(task=task, by=cast.curator, version=task.version, **given)
    shared = Example.objects.filter(wanted=3).count()
    assert said == f"{shared} examples get 3 slots instead of 1."
    assert 25 < shared < 75
    assert effects(task, given) == []


def test_of_many_a_part_is_counted(cast, task, monkeypatch):
    made.examples(task, 10)
    monkeypatch.setattr("curation.settings_page.INLINE", 5)
    given = {"wanted": 2, "shared_wanted": 2, "shared_share": 0.0, "order": "first_come"}
    assert effects(task, given) == ["About 10 examples get 2 slots instead of 1."]


def test_a_save_of_other_settings_leaves_shares_and_slots_alone(as_, task):
    Task.objects.update(shared_share=0.125, accept_at=0.985, shared_wanted=2)
    task.refresh_from_db()
    made.examples(task, 4)
    assert as_("curator").post(url("task_queue", task), sent(task, gold_every=7)).status_code == 303
    task.refresh_from_db()
    assert (task.shared_share, task.accept_at, task.gold_every) == (0.125, 0.985, 7)
    assert not AuditEvent.objects.filter(action="task.rearranged").exists()


def test_stale_settings_show_both(as_, task):
    client, at = as_("curator"), url("task_queue", task)
    old = sent(task, wanted=3)
    client.post(at, sent(task, claim_minutes=45))
    answer = client.post(at, old)
    assert answer.status_code == 409
    assert "theirs 45, yours 30" in text_of(answer)
    assert 'name="version" value="2"' in text_of(answer)
    assert client.post(at, old | {"version": 2}).status_code == 303


def test_a_piece_follows_the_settings_as_they_then_stand(cast, task, monkeypatch):
    made.examples(task, 4)
    monkeypatch.setattr(slots, "CHUNK", 2)
    Task.objects.update(wanted=3)
    old = Task.objects.get()

    def told(seen):
        Task.objects.update(wanted=2)

    slots.rearrange(task=old, by=cast.curator, told=told)
    assert list(Example.objects.order_by("pk").values_list("wanted", flat=True)) == [3, 3, 2, 2]


def test_the_page_shows_the_job(cast, client, transactional_db, monkeypatch):
    task = made.task(cast.team)
    made.examples(task, 4)
    monkeypatch.setattr(task_pages, "INLINE", 3)
    client.force_login(cast.curator)
    at = url("task_queue", task)
    client.post(at, sent(task, wanted=2))
    job = Job.objects.get()
    part = {"HX-Request": "true"}
    waiting = client.get(at, headers=part)
    assert "Waiting for a worker" in text_of(waiting)
    assert "<html" not in text_of(waiting)
    assert client.get(f"{at}?seen={job.version}", headers=part).status_code == 204
    run_until_idle()
    assert "Done in" in text_of(client.get(at))
    assert Slot.objects.count() == 8


# --- people ---


def test_people_left_alone_keep_what_somebody_else_set(as_, cast, task):
    client, at = as_("curator"), url("task_people", task)
    one, two = cast.annotator.pk, cast.owner.pk
    seen = {"person": [one, two], f"was-{one}": "0:0", f"was-{two}": "0:0", f"goal-{one}": "0", f"goal-{two}": "0"}
    client.post(at, seen | {f"goal-{two}": "9"})
    client.post(at, seen | {f"goal-{one}": "20", f"assigned-{one}": "on"})
    goals = dict(TaskMember.objects.values_list("user_id", "daily_goal"))
    assert goals == {one: 20, two: 9}
    stale = client.post(at, seen | {f"goal-{one}": "30"})
    assert stale.status_code == 409
    assert "now assigned" in text_of(stale)
    assert 'value="30"' in text_of(stale)
    assert f'name="was-{one}" value="1:20"' in text_of(stale)  # saving again keeps hers
    assert dict(TaskMember.objects.values_list("user_id", "daily_goal")) == goals


@pytest.mark.parametrize("goal", ["-1", "x", "100001", "1.5", "٣"])
def test_a_goal_that_is_none_is_named(as_, cast, task, goal):
    pk = cast.annotator.pk
    answer = as_("curator").post(url("task_people", task), {"person": pk, f"goal-{pk}": goal, f"assigned-{pk}": "on"})
    assert answer.status_code == 422
    assert "A goal is a whole number" in text_of(answer)
    assert TaskMember.objects.count() == 0


def test_people_show_what_they_did(as_, cast, task):
    made.examples(task, 2)
    made.submitted(task, cast.annotator, {"output": "x"})
    page = text_of(as_("viewer").get(url("task_people", task)))
    row = page[page.index("<td>Annotator</td>") :].split("</tr>")[0]
    assert all(f'<td class="num" data-label="{label}">1</td>' in row for label in ("Today", "In all"))
    assert "just now" in row or "ago" in row or "<time" in row
    assert "checkbox" not in page
