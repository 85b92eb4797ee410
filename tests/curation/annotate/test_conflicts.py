"""Two windows, a broken line, a claim that ran out: nothing that was written is lost, nothing is overwritten unseen."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from curation.actions import queue
from curation.models import Annotation, Slot
from tests.curation import made_tasks as made
from tests.curation.annotate.using import Page

SUGGESTION = {"answer": {"output": "You were ill and are well."}, "by": "zephyr-7b", "score": 0.91}


@pytest.fixture
def windows(cast, task):
    """The same item in two windows of one person."""
    made.examples(task, 2)
    pages = []
    for _ in range(2):
        client = Client()
        client.force_login(cast.annotator)
        pages.append(Page(client, task))
        pages[-1].open()
    assert pages[0].hidden["annotation"] == pages[1].hidden["annotation"]
    return pages


def draft(page, **fields):
    return page.post("draft", url=reverse("annotation_draft", args=[page.hidden["annotation"]]), **fields)


@pytest.mark.parametrize("script", [True, False])
def test_a_stale_save_shows_both_texts_and_changes_nothing(windows, script):
    one, two = windows
    assert draft(one, output="Written in the first window").json()["version"] == 2
    answer = two.post("submit", script=script, output="Written in the second window")
    assert answer.status_code == 409
    shown = answer.content.decode()
    assert "<del>first</del><ins>second</ins>" in shown.replace("\n", "")
    assert "Written in the first window" in shown
    assert "Written in the second window" in shown
    assert Annotation.objects.get().answer == {"output": "Written in the first window"}
    # Keep mine: now with the version of the other one.
    assert two.post("keep", output="Written in the second window").status_code == 200
    assert Annotation.objects.get().answer == {"output": "Written in the second window"}


def test_the_other_text_can_be_taken(windows):
    one, two = windows
    draft(one, output="The first")
    assert draft(two, output="The second").status_code == 409
    two.read(two.client.post(two.url, two.hidden | {"do": "other", "a-output": "The second"}, follow=True))
    assert "The first" in two.text
    assert "The second" not in two.text


def test_a_closed_answer_stays_as_it_was_and_mine_can_be_read(windows):
    one, two = windows
    one.submit(output="The first")
    answer = two.submit(output="The second")
    assert answer.status_code == 409
    assert "This answer is closed" in two.text
    assert "The second" in two.text
    assert "Next example" in two.text
    assert Annotation.objects.get(state="submitted").answer == {"output": "The first"}


def test_a_submit_that_is_sent_twice_counts_once_and_brings_the_same_next_item(page, task):
    made.examples(task, 3)
    page.open()
    sent = dict(page.hidden)
    page.submit(output="Once")
    following = page.hidden["annotation"]
    page.hidden = sent
    assert page.submit(output="Once").status_code == 200
    assert page.hidden["annotation"] == following
    assert Annotation.objects.filter(state="submitted").count() == 1


def test_a_late_answer_is_kept_and_its_author_is_told(cast, page, task):
    made.examples(task, 2)
    page.open()
    late = page.annotation
    Slot.objects.filter(annotator=cast.annotator).update(expires_at=timezone.now() - timedelta(seconds=1))
    queue.free_expired()
    # The draft was empty, so its trace went with the claim: write something first in the other case.
    assert not Annotation.objects.filter(pk=late.pk).exists()
    page.open()
    draft(page, output="I began")
    page.hidden["version"] = "2"
    Slot.objects.filter(annotator=cast.annotator).update(expires_at=timezone.now() - timedelta(seconds=1))
    queue.free_expired()
    made.submitted(task, cast.curator, {"output": "I was faster"})
    assert page.submit(output="I finished").status_code == 200
    assert "came after its time" in page.text
    kept = Annotation.objects.get(annotator=cast.annotator, state="late")
    assert kept.answer == {"output": "I finished"}
    assert "I finished" in page.client.get(reverse("my_work", args=[task.pk])).content.decode()


def test_a_suggestion_submitted_unchanged_is_asked_about_once(task, page):
    made.examples(task, 2, suggestion=SUGGESTION)
    page.open()
    assert "zephyr-7b" in page.text
    assert "You were ill and are well." in page.text
    assert page.submit(output="You were ill and are well.").status_code == 422
    assert "Not submitted yet: this is the suggestion, unchanged" in page.text
    assert "tick the box and submit again" in page.text
    assert 'aria-hidden="true">Y</kbd>' in page.text
    assert page.submit(output="You were ill and are well.", _sure="1", _note="ok").status_code == 200
    done = Annotation.objects.get(state="submitted")
    assert done.unchanged
    # An edited one is not asked about.
    assert page.submit(output="You were ill. You are well.").status_code == 200
    assert [one.unchanged for one in Annotation.objects.filter(state="submitted").order_by("pk")] == [True, False]


def test_the_tick_is_remembered_while_other_problems_are_mended(cast, page):
    task = made.task(cast.team, name="Two fields", form=[made.OUTPUT, {**made.RATING, "required": True}])
    made.examples(task, 1, suggestion={"answer": {"output": "Fine.", "clarity": 3}})
    page.task = task
    page.open()
    page.submit(output="Fine.", clarity="3")
    assert page.submit(output="Fine.", clarity="", _sure="1").status_code == 422
    assert page.hidden["sure"] == "1"
    assert page.submit(output="Fine.", clarity="3").status_code == 200


def test_the_difference_from_the_suggestion(task, page):
    made.examples(task, 1, suggestion=SUGGESTION)
    page.open()
    page.post("diff", output="You were ill and are better.")
    shown = page.answer.content.decode()
    assert "<del>well</del><ins>better</ins>" in shown
    assert "<form" not in shown  # the part alone
    page.post("diff", script=False, output="You were ill and are better.")
    assert "<del>well</del><ins>better</ins>" in page.answer.content.decode()
    assert "You were ill and are better.</textarea>" in page.answer.content.decode()
    assert Annotation.objects.get().saved_at is None


def test_a_suggestion_can_be_put_aside_and_taken_again(task, page):
    made.examples(task, 1, suggestion=SUGGESTION)
    page.open()
    page.post("empty", output="You were ill and are well.")
    assert "You were ill and are well.</textarea>" not in page.text
    page.post("use", output="")
    assert "You were ill and are well.</textarea>" in page.text


def test_a_draft_is_saved_and_comes_back(task, page):
    made.examples(task, 1)
    page.open()
    told = draft(page, output="Half a sen", _note="later", _seconds="4").json()
    assert told["version"] == 2
    assert 1700 < told["left"] <= 1800
    page.open()
    assert "Half a sen</textarea>" in page.text
    assert "later</textarea>" in page.text
    assert page.hidden["version"] == "2"
    assert page.annotation.seconds == 4.0


def test_a_draft_of_a_closed_answer_is_refused_with_both(task, page):
    made.examples(task, 1)
    page.open()
    sent = dict(page.hidden)
    page.submit(output="Done")
    page.hidden = sent
    assert draft(page, output="More").status_code == 409
