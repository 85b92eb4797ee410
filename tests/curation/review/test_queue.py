"""The queue of review: who may see it, what it shows, in which order, and at what cost."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from curation.actions import queue
from curation.models import Example
from tests.curation import made_tasks as made
from tests.curation.review.conftest import HTMX


@pytest.fixture
def url(task):
    return reverse("review", args=[task.pk])


@pytest.fixture
def waiting(cast, task, second):
    """Three examples with two answers each: equal, quite alike, nothing in common."""
    made.examples(task, 3)
    for user, says in (
        (cast.annotator, ("The knee is fine.", "The knee is fine.", "The knee is fine.")),
        (second, ("The knee is fine.", "The knee was fine.", "0")),
    ):
        for say in says:
            made.submitted(task, user, {"output": say})
    return list(Example.objects.order_by("pk"))


def shown(response):
    return [line.example.pk for line in response.context["lines"]]


def test_disagreements_come_first_where_there_are_any(as_, url, waiting):
    a, b, c = (one.pk for one in waiting)
    client = as_("curator")
    assert shown(client.get(url)) == [c, b]
    assert shown(client.get(url + "?show=all")) == [c, b, a]
    assert shown(client.get(url + "?show=all&order=oldest")) == [a, b, c]
    assert client.get(url).context["numbers"] == {"all": 3, "disagreements": 2, "late": 0, "skipped": 0}


def test_begin_leads_to_the_first_example(as_, url, waiting):
    response = as_("curator").get(url + "?do=next")
    assert response["Location"].startswith(reverse("example_review", args=[waiting[2].pk]))


def test_without_disagreements_everything_is_shown(cast, as_, task, url):
    assert "Nothing waits for review" in as_("curator").get(url).content.decode()
    single = made.task(cast.team, name="Once")
    made.examples(single, 1)
    made.submitted(single, cast.annotator, {"output": "Alone"})
    assert len(shown(as_("curator").get(reverse("review", args=[single.pk])))) == 1


def test_skips_of_two_people_are_listed_with_their_reasons(cast, as_, task, second, url):
    made.examples(task, 2)
    for user, why in ((cast.annotator, "No letter"), (second, "<b>Blurred</b>")):
        queue.skip(annotation=queue.next_item(task=task, user=user), by=user, reason=why)
    queue.skip(annotation=queue.next_item(task=task, user=second), by=second, reason="Only me")
    text = as_("curator").get(url + "?show=skipped").content.decode()
    assert "No letter" in text
    assert "&lt;b&gt;Blurred" in text
    assert "Only me" not in text


def test_late_answers_are_listed(cast, as_):
    task = made.task(cast.team, name="One each")
    made.examples(task, 1)
    slow = queue.next_item(task=task, user=cast.annotator)
    slow = queue.save_draft(annotation=slow, by=cast.annotator, version=1, answer={})
    queue.release(annotation=slow, by=cast.annotator)
    made.submitted(task, made.person(cast.team, "Quick"), {"output": "Quick"})
    queue.submit(annotation=slow, by=cast.annotator, version=2, answer={"output": "Late"})
    assert shown(as_("curator").get(reverse("review", args=[task.pk]) + "?show=late")) == [slow.example_id]


def test_pages_follow_each_other_without_gaps(cast, as_, second):
    task = made.task(cast.team, name="Long", wanted=2)
    made.examples(task, 64)
    for user, words in ((cast.annotator, "ab"), (second, "aab")):
        for number in range(64):
            made.submitted(task, user, {"output": words[number % len(words)] * 12})
    client, home = as_("curator"), reverse("review", args=[task.pk])
    Example.objects.filter(pk__in=Example.objects.filter(task=task).values("pk")[:5]).update(agreement=None)
    for order in ("agreement", "oldest"):
        seen, query = [], f"?show=all&order={order}"
        while query:
            response = client.get(home + query)
            seen += shown(response)
            query = response.context["following"]
        assert len(seen) == len(set(seen)) == 64


def test_a_place_that_makes_no_sense_is_the_start(as_, url, waiting):
    client = as_("curator")
    for after in ("x", "_", "nan_1", "1_99999999999999999999", "a_1"):
        assert client.get(f"{url}?show=all&after={after}").status_code == 200


@pytest.mark.parametrize(
    ("role", "status"), [("owner", 200), ("curator", 200), ("annotator", 403), ("viewer", 403), ("stranger", 404)]
)
def test_who_may_review(as_, url, waiting, role, status):
    client, page = as_(role), reverse("example_review", args=[waiting[0].pk])
    assert client.get(url).status_code == status
    assert client.get(page).status_code == status
    if status != 200:
        for do in ("accept", "return", "reject", "undo", "edit"):
            assert client.post(page, {"do": do}).status_code == status
        assert client.post(url, {"do": "accept_equal"}).status_code == status
        assert set(Example.objects.values_list("state", flat=True)) == {"submitted"}


def test_answers_are_blind_for_annotators(cast, as_, task, second):
    made.examples(task, 1)
    given = made.submitted(task, second, {"output": "What Bea said"})
    client = as_("annotator")
    pages = [
        reverse("annotation", args=[given.pk]), reverse("annotate", args=[task.pk]), reverse("my_work", args=[task.pk]),
        reverse("example_review", args=[given.example_id]), reverse("review", args=[task.pk]),
    ]  # fmt: skip
    for page in pages:
        assert "What Bea said" not in client.get(page).content.decode(), page


def test_drafts_are_blind_for_reviewers_too(cast, task, second, page_of):
    (example,) = made.examples(task, 1)
    made.submitted(task, cast.annotator, {"output": "Done"})
    draft = queue.next_item(task=task, user=second)
    queue.save_draft(annotation=draft, by=second, version=1, answer={"output": "Half a thought"})
    page = page_of(example)
    assert "Half a thought" not in page.text
    assert "1 person still at work" in page.text


def count(client, url, headers=None):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(url, headers=headers or {}).status_code == 200
    return len(queries)


def test_as_many_queries_for_thirty_examples_as_for_three(cast, as_, task, second, waiting):
    assert len(waiting) == 3
    client, url = as_("curator"), reverse("review", args=[task.pk])
    few = count(client, url + "?show=all")
    made.examples(task, 27)
    for user in (cast.annotator, second):
        for number in range(27):
            made.submitted(task, user, {"output": str(number)})
    assert count(client, url + "?show=all") == few


def test_as_many_queries_for_nine_answers_as_for_two(cast, as_):
    client = as_("curator")
    counts = []
    for wanted in (2, 9):
        task = made.task(cast.team, name=f"By {wanted}", wanted=wanted)
        (example,) = made.examples(task, 1)
        for number in range(wanted):
            made.submitted(task, made.person(cast.team, f"P{wanted}x{number}"), {"output": f"Answer {number}"})
        counts.append(count(client, reverse("example_review", args=[example.pk]), HTMX))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("form", [[made.LABEL, made.RATING], [made.OUTPUT, made.LABEL]])
def test_labels_and_ratings_are_shown_with_who_said_what(cast, second, page_of, form):
    task = made.task(cast.team, name="Labels", wanted=3, form=form)
    (example,) = made.examples(task, 1)
    text = {"output": "Same"} if made.OUTPUT in form else {}
    third = made.person(cast.team, "Cleo")
    for user, label in ((cast.annotator, "no"), (second, "yes"), (third, "yes")):
        made.submitted(task, user, text | {"label": label})
    page = page_of(example)
    assert page.picked.annotator == second  # the majority, its earliest
    agreed = {one.title: one.said for one in page.response.context["compared"].agreed}
    assert agreed["Label"] == [("yes", 2), ("no", 1)]
