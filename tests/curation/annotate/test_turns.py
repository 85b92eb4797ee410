"""One turn: what is open is submitted, and the answer of that request is the next item."""

import pytest

from curation.models import Annotation
from tests.curation import made_tasks as made


def test_a_submit_answers_with_the_next_item(cast, task, page):
    first, second = made.examples(task, 2)
    assert page.open().status_code == 200
    assert "letter number 0" in page.text
    assert page.submit(output="You are well.", _note="I am sure", _seconds="12.5").status_code == 200
    assert "letter number 1" in page.text
    assert "<html" not in page.text
    done = Annotation.objects.get(example=first)
    assert (done.state, done.answer, done.note, done.seconds) == (
        "submitted",
        {"output": "You are well."},
        "I am sure",
        12.5,
    )
    assert page.annotation.example == second


def test_without_a_script_a_submit_leads_back_to_the_page(task, page):
    made.examples(task, 2)
    page.open(script=False)
    assert "<html" in page.text
    answer = page.post("submit", script=False, output="You are well.")
    assert (answer.status_code, answer.url) == (303, page.url)
    assert "letter number 1" in page.open(script=False).content.decode()


def test_an_incomplete_answer_comes_back_with_its_problem_and_its_note(task, page):
    made.examples(task, 1)
    page.open()
    assert page.submit(output="  ", _note="Half done").status_code == 422
    assert "Output is not answered." in page.text
    assert "Half done" in page.text
    assert page.annotation.state == "draft"
    assert page.submit(output="Now it is.").status_code == 200
    assert Annotation.objects.get().state == "submitted"


@pytest.mark.parametrize("script", [True, False])
def test_the_last_submit_says_that_nothing_is_left(task, page, script):
    made.examples(task, 1)
    page.open()
    page.submit(output="x")
    page.open(script=script)
    assert "All answers are in" in page.text
    assert "annotation" not in page.text.split("item-none")[1].split("name=")[-1]
