"""Skips, returns, gold, the item that is fetched in advance, an empty queue: what is around a turn."""

import json
import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from curation.actions import accepting, queue
from curation.models import Annotation, Guideline, Slot, Task, TaskMember
from tests.curation import made_tasks as made


def test_a_skip_brings_the_next_item_and_can_be_undone(task, page):
    made.examples(task, 2)
    page.open()
    skipped = page.annotation
    answer = page.post("skip", _reason="Not in English")
    assert "letter number 1" in page.text
    undo = json.loads(answer["HX-Trigger"])["toast"]["undo"]
    skipped.refresh_from_db()
    assert (skipped.state, skipped.reason) == ("skipped", "Not in English")
    assert page.client.post(undo, {"do": "undo"}).url == reverse("annotation", args=[skipped.pk])
    skipped.refresh_from_db()
    assert skipped.state == "draft"
    assert "letter number 0" in page.client.get(undo).content.decode()


def test_a_skip_that_others_took_stays_skipped_and_says_so(cast, task, page):
    made.examples(task, 1)
    page.open()
    mine = page.annotation
    page.post("skip", script=False, _reason_plain="Too long")
    queue.next_item(task=task, user=cast.curator)
    answer = page.client.post(reverse("annotation", args=[mine.pk]), {"do": "undo"}, follow=True)
    assert "finished by others" in answer.content.decode()
    mine.refresh_from_db()
    assert (mine.state, mine.reason) == ("skipped", "Too long")


def test_returned_work_comes_first_with_the_comment(cast, task, page):
    made.examples(task, 3)
    page.open()
    page.submit(output="First try")
    accepting.return_(annotation=Annotation.objects.get(state="submitted"), by=cast.curator, feedback="Say it shorter")
    page.submit(output="Second letter")
    assert "Say it shorter" in page.text
    assert "First try</textarea>" in page.text
    page.submit(output="Short")
    assert Annotation.objects.filter(state="submitted", answer={"output": "Short"}).exists()


def test_gold_is_mixed_in_and_cannot_be_told_from_the_rest(cast, page):
    task = made.task(cast.team, name="Measured", gold_every=2)
    made.examples(task, 12)
    example = task.examples.last()
    type(example).objects.filter(pk=example.pk).update(gold={"output": "Known"})
    Slot.objects.filter(example=example).delete()
    page.task = task
    page.open()
    for _ in range(8):
        page.submit(output="Known")
        assert "gold" not in page.text.lower()
    scored = Annotation.objects.filter(gold_score__isnull=False)
    assert [one.gold_score for one in scored] == [1.0]


def test_what_is_fetched_in_advance_is_what_comes_next(cast, task, page):
    made.examples(task, 3)
    page.open()
    ahead = page.client.get(page.url, {"ahead": page.hidden["annotation"]}, headers={"HX-Request": "true"})
    assert "letter number 1" in ahead.content.decode()
    assert queue.next_item(task=task, user=cast.curator).example.key == "letter-2"  # reserved for her
    page.submit(output="x")
    assert "letter number 1" in page.text


def test_nothing_ahead_is_an_empty_answer(task, page):
    made.examples(task, 1)
    page.open()
    assert page.client.get(page.url, {"ahead": page.hidden["annotation"]}).status_code == 204
    assert page.client.get(page.url, {"ahead": 10**9}).status_code == 404


@pytest.mark.parametrize(
    ("change", "words"),
    [({"paused": True}, "This task is paused"), ({"assigned_only": True}, "You are not assigned to this task")],
)
def test_a_queue_that_is_shut_says_why_and_keeps_the_answer(task, page, change, words):
    made.examples(task, 2)
    page.open()
    Task.objects.filter(pk=task.pk).update(**change)
    assert page.submit(output="x").status_code == 200
    assert words in page.text
    assert Annotation.objects.get().state == "submitted"


def test_an_empty_queue_says_why(cast, task, page):
    page.open()
    assert "This task has no examples yet" in page.text
    made.examples(task, 1)
    queue.next_item(task=task, user=cast.curator)
    page.open()
    assert "What is left is with others" in page.text
    Slot.objects.all().update(expires_at=timezone.now() - timedelta(seconds=1))
    page.open()
    assert "letter number 0" in page.text


def test_examples_that_want_others_are_told_apart_from_a_finished_task(cast, page):
    task = made.task(cast.team, name="Twice", wanted=2)
    made.examples(task, 1)
    page.task = task
    page.open()
    page.submit(output="x")
    assert "You have done all you can here" in page.text


def test_guidelines_open_until_they_are_read_and_show_what_changed(cast, task, page):
    made.examples(task, 1)
    Guideline.objects.create(task=task, number=1, text="Write plainly.")
    page.open()
    assert "to read before you begin" in page.text
    page.post("read", output="kept")
    assert TaskMember.objects.get().guidelines_seen == 1
    page.open()
    assert '<details class="fold guidelines">' in page.text
    Guideline.objects.create(task=task, number=2, text="Write very plainly.")
    page.open()
    assert re.search(r"<ins>\s*very\s*</ins>", page.answer.content.decode())


def test_my_work_lists_each_kind(cast, task, page):
    made.examples(task, 4)
    page.open()
    page.submit(output="Answer one")
    page.post("skip", _reason="Blurred scan")
    page.post("draft", output="Begun only")
    shown = page.client.get(reverse("my_work", args=[task.pk])).content.decode()
    for words in ("Answer one", "Blurred scan", "Begun only", "1 answer today"):
        assert words in shown
    done = Annotation.objects.get(state="submitted")
    assert "Answer one" in page.client.get(reverse("annotation", args=[done.pk])).content.decode()


def test_answers_are_blind(cast, as_, task):
    """Another annotator finds nothing; a curator reads, and cannot write in another's name."""
    made.examples(task, 1)
    done = made.submitted(task, cast.curator, {"output": "Mine alone"})
    url = reverse("annotation", args=[done.pk])
    assert as_("annotator").get(url).status_code == 404
    shown = as_("owner").get(url)
    assert "Mine alone" in shown.content.decode()
    assert as_("owner").post(url, {"do": "undo"}).status_code == 404
    assert as_("viewer").get(url).status_code == 403


def test_a_place_can_be_given_back(cast, task, page):
    made.examples(task, 1)
    page.open()
    assert page.post("release", script=False).url == reverse("my_work", args=[task.pk])
    assert Slot.objects.get().state == "free"
