"""What a turn costs in queries: the same with three examples and with thirty, and few."""

from django.db import connection
from django.test.utils import CaptureQueriesContext

from curation.models import Guideline
from tests.curation import made_tasks as made


def turn(page) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        assert page.submit(output="You are well.").status_code == 200
    return [one["sql"] for one in seen.captured_queries]


def test_a_turn_is_cheap_and_no_dearer_with_more_examples(task, page):
    Guideline.objects.create(task=task, number=1, text="Write plainly.")
    made.examples(task, 4)
    page.open()
    turn(page)
    few = turn(page)
    made.examples(task, 30)
    turn(page)
    many = turn(page)
    assert len(many) == len(few), "\n".join(many)
    assert len(many) <= 16, "\n".join(many)
