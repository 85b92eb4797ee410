"""Many items at once: each row is answered once, gold and suggestions keep their rules, and rows of others stay theirs."""

import re

import pytest
from django.urls import reverse

from curation.actions import queue
from curation.models import Annotation, Example, Slot
from tests.curation import made_tasks as made

YES = {"answer": {"label": "yes"}, "by": "a model"}
LABEL = {
    "name": "label", "kind": "labels", "title": "Label", "role": "output", "required": True,
    "options": {"labels": ["yes", "no"]},
}  # fmt: skip


@pytest.fixture
def bulk(cast, as_):
    task = made.task(cast.team, form=[LABEL])
    client = as_("annotator")
    url = reverse("annotate_bulk", args=[task.pk])

    class Bulk:
        answer = None

        def __init__(self):
            self.task = task

        def open(self):
            self.answer = client.get(url)
            return self

        @property
        def text(self):
            return self.answer.content.decode()

        @property
        def rows(self):
            return re.findall(r'name="row" value="(\d+)"', self.text)

        def post(self, do, rows, script=True, **data):
            hidden = dict(re.findall(r'<input type="hidden" name="([\w-]+)" value="([^"]*)"', self.text))
            self.answer = client.post(
                url, hidden | {"do": do, "row": rows} | data, headers={"HX-Request": "true"} if script else {}
            )
            return self

    return Bulk()


def test_one_answer_for_the_ticked_rows(bulk):
    made.examples(bulk.task, 30)
    rows = bulk.open().rows
    assert len(rows) == 25
    bulk.post("answer", rows[:3], **{"a-label": "yes", "seconds": "9"})
    assert "3 submitted." in bulk.text
    done = Annotation.objects.filter(state="submitted")
    assert [(one.answer, one.seconds) for one in done] == [({"label": "yes"}, 3.0)] * 3
    assert len(bulk.rows) == 25
    assert not set(rows[:3]) & set(bulk.rows)


def test_an_instruction_that_all_share_stands_once(bulk):
    made.examples(bulk.task, 3)
    text = bulk.open().text
    shared = Example.objects.first().content["instruction"]
    assert text.count(shared) == 1
    assert "Instruction, the same for all" in text
    for n in range(3):
        assert f"letter number {n}" in text


def test_what_differs_stands_with_each(bulk):
    made.examples(bulk.task, 2)
    other = Example.objects.first()
    Example.objects.filter(pk=other.pk).update(content=other.content | {"instruction": "Something else."})
    assert "the same for all" not in bulk.open().text
    assert "Something else." in bulk.text


def test_without_a_script(bulk):
    made.examples(bulk.task, 2)
    rows = bulk.open().rows
    assert bulk.post("answer", rows, script=False, **{"a-label": "no"}).answer.status_code == 303
    assert "2 submitted." in bulk.open().text
    assert "All answers are in" in bulk.text


@pytest.mark.parametrize(
    ("do", "rows", "words"),
    [("answer", 0, "No row is ticked"), ("answer", 1, "not answered"), ("accept", 1, "has no suggestion")],
)
def test_what_cannot_be_done_changes_nothing(bulk, do, rows, words):
    made.examples(bulk.task, 2)
    ticked = bulk.open().rows[:rows]
    bulk.post(do, ticked)
    assert bulk.answer.status_code == 422
    assert words in bulk.text
    assert not Annotation.objects.filter(state="submitted").exists()


def test_suggestions_are_accepted_after_a_tick(bulk):
    made.examples(bulk.task, 3, suggestion=YES)
    rows = bulk.open().rows
    assert bulk.post("accept", rows[:2]).answer.status_code == 422
    assert "This accepts suggestions unchanged" in bulk.text
    assert bulk.text.count("checked") >= 2  # the ticks are still there
    bulk.post("accept", rows[:2], sure="1")
    assert list(Annotation.objects.filter(state="submitted").values_list("unchanged", flat=True)) == [True, True]


def test_the_same_answer_as_suggested_is_asked_about_too(bulk):
    made.examples(bulk.task, 2, suggestion=YES)
    rows = bulk.open().rows
    assert bulk.post("answer", rows, **{"a-label": "yes"}).answer.status_code == 422
    assert bulk.post("answer", rows, **{"a-label": "no"}).answer.status_code == 200


def test_ticked_rows_are_skipped(bulk):
    made.examples(bulk.task, 3)
    rows = bulk.open().rows
    bulk.post("skip", rows[:2])
    assert "2 skipped." in bulk.text
    assert len(bulk.rows) == 1


def test_sent_twice_counts_once_and_what_changed_elsewhere_is_left(cast, bulk):
    made.examples(bulk.task, 3)
    rows = bulk.open().rows
    elsewhere = Annotation.objects.get(pk=rows[0])
    queue.save_draft(annotation=elsewhere, by=cast.annotator, version=1, answer={"label": "no"})
    bulk.post("answer", rows[:2], **{"a-label": "yes"})
    assert "1 submitted. 1 had changed" in bulk.text
    assert Annotation.objects.get(pk=rows[0]).answer == {"label": "no"}


def test_the_rest_is_given_back(bulk):
    made.examples(bulk.task, 3)
    bulk.open()
    assert bulk.post("release", [], script=False).answer.status_code == 303
    assert set(Slot.objects.values_list("state", flat=True)) == {"free"}
    assert not Annotation.objects.exists()


def test_rows_of_others_are_not_found(cast, as_, bulk):
    made.examples(bulk.task, 2)
    theirs = queue.next_item(task=bulk.task, user=cast.curator)
    bulk.open()
    assert bulk.post("answer", [str(theirs.pk)], **{"a-label": "yes"}).answer.status_code == 404
    assert as_("viewer").get(reverse("annotate_bulk", args=[bulk.task.pk])).status_code == 403


def test_a_longer_list_costs_no_more_queries_a_row(bulk, django_assert_max_num_queries):
    made.examples(bulk.task, 25)
    bulk.open()
    with django_assert_max_num_queries(40):
        bulk.open()
