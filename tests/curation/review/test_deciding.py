"""Accept, edit, return, reject, open again: what a reviewer decides, and what is left of it."""

import json

import pytest
from django.urls import reverse

from curation.actions import queue
from curation.models import Annotation, BulkChange, Example, ExampleEvent, Revision
from tests.curation import made_tasks as made


@pytest.fixture
def two(cast, task, second):
    """One example with two answers that differ, and another one that waits, too."""
    example, other = made.examples(task, 2)
    for user, say in ((cast.annotator, "Your knee is fine."), (second, "Your knee is well.")):
        for _ in range(2):
            made.submitted(task, user, {"output": say})
    example.refresh_from_db()
    other.refresh_from_db()
    return example, other


def kinds(example):
    return list(ExampleEvent.objects.filter(example_id=example.pk).order_by("pk").values_list("kind", flat=True))


def states(example):
    return list(example.annotations.order_by("pk").values_list("state", flat=True))


def test_the_answers_stand_side_by_side_with_their_differences(two, page_of):
    page = page_of(two[0])
    assert "Annotator" in page.text
    assert "Bea" in page.text
    assert "<del>" in page.text
    assert "<ins>" in page.text
    assert page.picked.annotator.name == "Annotator"  # of two equally good ones, the earlier
    assert 0 < two[0].agreement < 1


def test_an_answer_is_accepted_and_the_next_example_comes(two, page_of):
    page = page_of(two[0])
    response = page.post("accept")
    assert response.status_code == 303
    assert response["Location"].startswith(reverse("example_review", args=[two[1].pk]))
    example = Example.objects.get(pk=two[0].pk)
    assert (example.state, example.answer) == ("accepted", {"output": "Your knee is fine."})
    assert states(example) == ["accepted", "declined"]
    assert kinds(example) == ["submitted", "submitted", "accepted"]
    assert Revision.objects.get(example=example, why="accepted").annotation_id == page.picked.pk
    assert "Undo" in page.client.get(response["Location"]).content.decode()


def test_with_a_script_the_next_example_is_in_the_same_answer(two, page_of):
    response = page_of(two[0]).post("accept", htmx=True)
    assert response.status_code == 200
    assert response.context["compared"].example == two[1]
    assert response["HX-Push-Url"].startswith(reverse("example_review", args=[two[1].pk]))
    toast = json.loads(response["HX-Trigger"])["toast"]
    assert toast["undo"] == reverse("example_review", args=[two[0].pk])
    text = response.content.decode()
    assert "<html" not in text
    assert "data-focus" in text


def test_the_last_one_says_that_nothing_waits(two, page_of):
    page_of(two[0]).post("accept")
    response = page_of(two[1]).post("accept", htmx=True)
    assert "Nothing else waits here" in response.content.decode()


def test_the_other_answer_can_be_chosen(two, page_of):
    bea = two[0].annotations.get(annotator__name="Bea")
    page = page_of(two[0], query=f"?pick={bea.pk}")
    assert page.picked == bea
    page.post("accept")
    assert Example.objects.get(pk=two[0].pk).answer == {"output": "Your knee is well."}
    assert states(two[0]) == ["declined", "accepted"]


def test_edit_and_accept(two, page_of):
    page = page_of(two[0])
    opened = page.post("edit")
    assert opened.status_code == 200
    assert "Your knee is fine.</textarea>" in opened.content.decode()
    response = page.post("accept", edited="1", **{"a-output": "Your knee is healthy."})
    assert response.status_code == 303
    example = Example.objects.get(pk=two[0].pk)
    assert example.answer == {"output": "Your knee is healthy."}
    revision = Revision.objects.get(example=example, why="accepted")
    assert revision.annotation is None
    assert ExampleEvent.objects.get(example_id=example.pk, kind="accepted").facts["edited"] is True


def test_an_edit_that_leaves_out_what_is_required_is_refused(two, page_of):
    response = page_of(two[0]).post("accept", edited="1", **{"a-output": "  "})
    assert response.status_code == 422
    assert "Output is not answered" in response.content.decode()
    assert Example.objects.get(pk=two[0].pk).state == "submitted"


def test_an_answer_goes_back_with_a_comment_and_its_author_gets_it_first(cast, task, two, page_of):
    page = page_of(two[0])
    assert page.post("return", feedback="", **{"return": page.picked.pk}).status_code == 422
    assert page.post("return", feedback="Say which knee.").status_code == 422
    response = page.post("return", feedback="Say which knee.", **{"return": page.picked.pk})
    assert response.status_code == 303
    back = queue.next_item(task=task, user=cast.annotator)
    assert (back.pk, back.state, back.feedback) == (page.picked.pk, "returned", "Say which knee.")
    example = Example.objects.get(pk=two[0].pk)
    assert (example.state, example.done) == ("open", 1)
    assert kinds(example)[-1] == "returned"
    page.client.force_login(cast.annotator)
    assert "Say which knee." in page.client.get(reverse("annotate", args=[task.pk])).content.decode()


def test_reject_wants_a_reason_and_can_be_undone(two, page_of):
    page = page_of(two[0])
    assert page.post("reject", why=" ").status_code == 422
    assert page.post("reject", why="No letter at all").status_code == 303
    assert Example.objects.get(pk=two[0].pk).state == "rejected"
    assert ExampleEvent.objects.get(kind="rejected").facts == {"why": "No letter at all"}
    again = page_of(two[0])
    assert "No letter at all" in again.text
    again.post("undo")
    assert Example.objects.get(pk=two[0].pk).state == "submitted"
    assert states(two[0]) == ["submitted", "submitted"]
    assert kinds(two[0])[-2:] == ["rejected", "reopened"]


def test_undo_of_an_acceptance_brings_the_content_back(two, page_of):
    before = two[0].content
    page = page_of(two[0])
    page.post("accept")
    assert Example.objects.get(pk=two[0].pk).content != before
    page.post("undo")
    example = Example.objects.get(pk=two[0].pk)
    assert (example.state, example.answer, example.content) == ("submitted", None, before)


def test_a_late_answer_can_be_taken_also_after_another_was_accepted(cast, page_of):
    task = made.task(cast.team, name="One each")
    made.examples(task, 1)
    slow = queue.next_item(task=task, user=cast.annotator)
    queue.release(
        annotation=queue.save_draft(annotation=slow, by=cast.annotator, version=1, answer={}), by=cast.annotator
    )
    quick = made.submitted(task, made.person(cast.team, "Quick"), {"output": "Quick"})
    late = queue.submit(annotation=slow, by=cast.annotator, version=2, answer={"output": "Late, but right"})
    assert late.late
    page = page_of(quick.example, query=f"?show=late&pick={slow.pk}")
    page.post("accept", annotation=quick.pk)
    page = page_of(quick.example, query=f"?pick={slow.pk}")
    # The acceptance declined what was late; the reviewer opens it again and takes the other one.
    page.post("undo")
    page = page_of(quick.example, query=f"?pick={slow.pk}")
    page.post("accept", annotation=slow.pk)
    assert Example.objects.get(pk=quick.example_id).answer == {"output": "Late, but right"}


def test_an_answer_that_came_after_the_decision_can_replace_it(cast, page_of):
    task = made.task(cast.team, name="One each")
    made.examples(task, 1)
    slow = queue.next_item(task=task, user=cast.annotator)
    slow = queue.save_draft(annotation=slow, by=cast.annotator, version=1, answer={})
    queue.release(annotation=slow, by=cast.annotator)
    quick = made.submitted(task, made.person(cast.team, "Quick"), {"output": "Quick"})
    page_of(quick.example).post("accept")
    assert queue.submit(annotation=slow, by=cast.annotator, version=2, answer={"output": "Late"}).late
    page = page_of(quick.example, query=f"?pick={slow.pk}")
    assert "Take this late answer" in page.text
    page.post("accept")
    example = Example.objects.get(pk=quick.example_id)
    assert (example.state, example.answer) == ("accepted", {"output": "Late"})
    assert kinds(example)[-2:] == ["reopened", "accepted"]


def test_an_example_nobody_could_answer_is_answered_by_the_reviewer(cast, task, second, page_of):
    (example,) = made.examples(task, 1)
    for user in (cast.annotator, second):
        queue.skip(annotation=queue.next_item(task=task, user=user), by=user, reason="No letter")
    page = page_of(example)
    assert page.picked is None
    assert "No letter" in page.text
    assert page.post("accept").status_code == 409
    assert page.post("accept", edited="1", **{"a-output": "There is no letter."}).status_code == 303
    assert Example.objects.get(pk=example.pk).answer == {"output": "There is no letter."}


def test_markup_in_answers_notes_and_names_is_shown_as_text(cast, task, second, page_of):
    evil = "<script>alert(1)</script>"
    (example,) = made.examples(task, 1)
    made.submitted(task, cast.annotator, {"output": f"{evil} one"}, note=f"{evil} note")
    made.submitted(task, second, {"output": f"{evil} two"})
    page = page_of(example)
    assert evil not in page.text
    assert page.text.count("&lt;script&gt;") >= 3
    page.post("return", feedback=evil, **{"return": page.picked.pk})
    assert evil not in page_of(example).text


# --- all at once ---


def test_all_equal_answers_are_accepted_by_one_click_and_undone_by_another(cast, task, second, as_):
    made.examples(task, 3)
    for user, words in ((cast.annotator, "aab"), (second, "aac")):
        for word in words:
            made.submitted(task, user, {"output": word})
    client, url = as_("curator"), reverse("review", args=[task.pk])
    response = client.post(url, {"do": "accept_equal"})
    assert response.status_code == 303
    assert sorted(Example.objects.values_list("state", flat=True)) == ["accepted", "accepted", "submitted"]
    change = BulkChange.objects.get()
    assert (change.examples, change.by) == (2, cast.curator)
    assert "2 examples" in client.get(response["Location"]).content.decode()
    assert client.post(response["Location"], {"do": "undo"}).status_code == 303
    assert set(Example.objects.values_list("state", flat=True)) == {"submitted"}
    assert client.post(response["Location"], {"do": "undo"}).status_code == 404  # once


def test_undo_leaves_what_was_decided_again(cast, task, second, as_):
    made.examples(task, 2)
    for user in (cast.annotator, second):
        for _ in range(2):
            made.submitted(task, user, {"output": "same"})
    client, url = as_("curator"), reverse("review", args=[task.pk])
    to = client.post(url, {"do": "accept_equal"})["Location"]
    first = Example.objects.order_by("pk").first()
    page = reverse("example_review", args=[first.pk])
    client.post(page, {"do": "undo"})
    fresh = client.get(page).context["compared"]
    client.post(
        page, {"do": "accept", "annotation": fresh.picked.pk, "revision": fresh.example.revision, "seen": fresh.seen}
    )
    client.post(to, {"do": "undo"})
    assert list(Example.objects.order_by("pk").values_list("state", flat=True)) == ["accepted", "submitted"]
    assert Annotation.objects.filter(state="accepted").count() == 2


def test_those_that_only_look_equal_do_not_stand_in_the_way_of_others(cast, second, as_, monkeypatch):
    from curation.actions import reviewing

    monkeypatch.setattr(reviewing, "LOOKED_AT", 2)
    monkeypatch.setattr(reviewing, "EQUAL_LIMIT", 2)
    task = made.task(cast.team, name="Rated", wanted=2, form=[made.OUTPUT, made.RATING])
    made.examples(task, 6)
    for user, clarity in ((cast.annotator, 1), (second, 2)):
        for number in range(6):  # the optional rating of the first three differs; agreement is 1 all the same
            made.submitted(task, user, {"output": "same"} | ({"clarity": clarity} if number < 3 else {}))
    assert set(task.examples.values_list("agreement", flat=True)) == {1.0}
    client, url = as_("curator"), reverse("review", args=[task.pk])
    for accepted in (2, 3, 3):
        client.post(url, {"do": "accept_equal"})
        states = list(task.examples.order_by("pk").values_list("state", flat=True))
        assert (states.count("accepted"), states[:3]) == (accepted, ["submitted"] * 3)
