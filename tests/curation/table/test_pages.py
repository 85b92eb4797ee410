"""The table as a page: what it shows to whom, how one goes on, how many are changed and taken back."""

import json
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from curation.content import Content, Message
from curation.models import Annotation, BulkChange, Example, Slot
from curation.table import paging
from tests.curation import made_tasks
from tests.curation.table import made

pytestmark = pytest.mark.django_db
HX = {"HX-Request": "true"}
NASTY = "<script>alert(1)</script><img src=x onerror=y> \u202ereversed \u200b" + '"><b>{{ 7|add:7 }}'
ANSWER = {"output": "Dear patient.", "label": "yes"}


@pytest.fixture
def task(cast):
    return made.task(cast.team)


def url(task, query=""):
    return reverse("examples", args=[task.pk]) + (f"?{query}" if query else "")


def body(answer):
    return answer.content.decode()


def shown(text):
    return [int(one) for one in re.findall(r'href="/examples/(\d+)/"', text)]


def bulk(client, task, do, *, query="", headers=None, **data):
    address = reverse("examples_bulk", args=[task.pk]) + f"?{query}"
    return client.post(address, {"do": do, **data}, headers=headers or {})


# --- looking ---


def test_every_member_sees_it_and_only_curators_the_changes(as_, task):
    made.one(task, "a")
    for name in ("owner", "curator", "annotator", "viewer"):
        text = body(as_(name).get(url(task)))
        assert ("Change several" in text) == (name in ("owner", "curator"))
        assert ("Import a file" in text) == (name in ("owner", "curator"))
    assert as_("stranger").get(url(task)).status_code == 404


def test_filters_are_in_the_address_and_htmx_gets_the_rows_alone(as_, task):
    a, b = made.one(task, "a", tags=["hard"]), made.one(task, "b")
    client = as_("viewer")
    assert shown(body(client.get(url(task)))) == [b.pk, a.pk]
    assert shown(body(client.get(url(task, "tag=hard")))) == [a.pk]
    part = client.get(url(task, "q=tag%3Ahard"), headers=HX)
    assert "<html" not in body(part)
    assert "table-search" not in body(part)
    assert shown(body(part)) == [a.pk]
    assert "1 matches" in body(part)
    assert "No example matches" in body(client.get(url(task, "q=nowhere")))


def test_an_empty_task_says_what_to_do(as_, task):
    assert reverse("example_import_new", args=[task.pk]) in body(as_("curator").get(url(task)))
    assert "A curator of this team can add some." in body(as_("viewer").get(url(task)))


def test_the_pages_follow_each_other(as_, task, monkeypatch):
    every = [one.pk for one in made_tasks.examples(task, 120)]
    client, address, seen = as_("viewer"), url(task, "sort=oldest"), []
    for _ in range(5):
        text = body(client.get(address))
        seen += shown(text)
        following = re.search(r'href="(\?[^"]*)"[^>]*rel="next"', text)
        if not following:
            break
        assert 'aria-keyshortcuts="j"' in text
        address = url(task) + following[1].replace("&amp;", "&")
    assert seen == every
    assert 'aria-keyshortcuts="k"' in text
    assert client.get(url(task, "at=nonsense")).status_code == 200


def test_a_page_whose_place_is_gone_begins_again(as_, task):
    one = made.one(task, "a")
    place = paging.write_place("newest", one, back=False)
    assert shown(body(as_("viewer").get(url(task, f"at={place}")))) == [one.pk]


def test_as_many_queries_for_three_rows_as_for_thirty(as_, task):
    client = as_("curator")

    def queries():
        with CaptureQueriesContext(connection) as caught:
            assert client.get(url(task)).status_code == 200
        return len(caught)

    made_tasks.examples(task, 3, tags=["x"], suggestion={"answer": ANSWER, "by": "file"})
    queries()
    few = queries()
    made_tasks.examples(task, 27, tags=["x"], suggestion={"answer": ANSWER, "by": "file"})
    assert queries() == few


def test_while_the_search_is_filled_the_page_says_how_far_it_is(as_, task):
    from curation import searching
    from curation.models import ExampleText

    made_tasks.examples(task, 3)
    client = as_("viewer")
    assert "Search covers" not in body(client.get(url(task)))
    ExampleText.objects.filter(task_id=task.pk).first().delete()
    searching.start(task)
    assert "Search covers 2 of 3 examples" in body(client.get(url(task)))


@pytest.mark.parametrize("field", ["instruction", "tag", "source", "key", "turn"])
def test_text_is_text(as_, task, field):
    given = {
        "instruction": {"content": Content("single", instruction=NASTY, input=NASTY, outputs=(NASTY,))},
        "tag": {"tags": [NASTY[:60]]}, "source": {"source": NASTY}, "key": {"key": NASTY},
        "turn": {"content": Content("chat", system=NASTY, messages=(Message("<b>user", NASTY, {"tool_calls": [NASTY]}),))},
    }[field]  # fmt: skip
    one = made.one(task, given.pop("key", "plain"), **given)
    client = as_("curator")
    addresses = [url(task), reverse("example", args=[one.pk]), reverse("example_edit", args=[one.pk])]
    for address in (*addresses, url(task, "q=%3Cscript%3E"), url(task, "tag=%22%3E%3Cscript%3Ealert(1)")):
        text = body(client.get(address))
        for bad in ("<script>alert", "<img src=x", "<b>user", "><b>{{", '"><script'):
            assert bad not in text, (address, bad)
    assert "\u202e" not in re.sub(r"<(textarea|input|option)[^>]*>[^<]*", "", body(client.get(addresses[0])))


def test_a_very_long_example_does_not_fill_the_table(as_, task):
    one = made.one(task, "long", content=Content("single", instruction="Once " + "more text " * 100_000))
    client = as_("viewer")
    text = body(client.get(url(task)))
    assert len(text) < 60_000
    assert "Once more text" in text
    assert "Read all of it" in text
    whole = body(client.get(reverse("example", args=[one.pk])))
    assert whole.count("more text ") >= 99_990  # the fold cuts one
    assert "Show all 1,000,005 characters" in whole


# --- blindness ---


def test_what_is_gold_is_not_told_to_those_who_are_measured(as_, cast, task):
    one = made.one(
        task, "a", gold=ANSWER, answer=ANSWER, content=Content("single", instruction="Sum.", outputs=("SECRET",))
    )
    for name, sees in (("curator", True), ("viewer", False), ("annotator", False)):
        client = as_(name)
        assert ("SECRET" in body(client.get(url(task)))) == sees, name
        page = body(client.get(reverse("example", args=[one.pk])))
        assert ("SECRET" in page) == sees
        assert ("Gold" in page) == sees
        assert (" · gold" in body(client.get(url(task)))) == sees
        assert shown(body(client.get(url(task, "has=gold")))) == [one.pk]
    Slot.objects.filter(example=one).delete()
    Annotation.objects.create(task=task, example=one, annotator=cast.annotator, state="submitted")
    assert "SECRET" in body(as_("annotator").get(url(task)))


# --- changing many ---


@pytest.mark.parametrize("name", ["annotator", "viewer"])
def test_others_cannot_change_many_nor_take_back(as_, cast, task, name):
    from curation.actions import bulk as actions

    one = made.one(task, "a")
    change = actions.change_many(task=task, by=cast.curator, examples=[one.pk], deed="add_tag", value="x").change
    client = as_(name)
    assert bulk(client, task, "delete", example=one.pk).status_code == 403
    assert client.post(reverse("bulk_undo", args=[change.pk])).status_code == 403
    assert as_("stranger").post(reverse("bulk_undo", args=[change.pk])).status_code == 404
    assert bulk(as_("stranger"), task, "delete", example=one.pk).status_code == 404
    one.refresh_from_db()
    assert (one.tags, one.deleted_at) == (["x"], None)


def test_ticked_rows_with_a_script(as_, task):
    one, two = made.one(task, "a"), made.one(task, "b")
    client = as_("curator")
    answer = bulk(client, task, "add_tag", value="hard", example=one.pk, headers=HX, query="sort=oldest")
    assert answer.status_code == 200
    assert "<html" not in body(answer)
    toast = json.loads(answer["HX-Trigger"])["toast"]
    assert toast["text"] == "1 example got the tag “hard”."
    assert list(Example.objects.filter(tags=["hard"])) == [one]
    back = client.post(toast["undo"])
    assert back["Location"] == url(task, "sort=oldest")
    assert "1 example is as it was." in body(client.get(back["Location"]))
    assert not Example.objects.filter(tags=["hard"]).exists()
    again = client.post(toast["undo"])
    assert again.status_code == 409
    assert two.pk


def test_ticked_rows_without_a_script(as_, task):
    one = made.one(task, "a")
    client = as_("curator")
    answer = bulk(client, task, "delete", example=one.pk, query="q=key%3Aa")
    assert answer.status_code == 303
    text = body(client.get(answer["Location"]))
    change = BulkChange.objects.get()
    assert "1 example deleted." in text
    assert f'action="{reverse("bulk_undo", args=[change.pk])}"' in text
    client.post(reverse("bulk_undo", args=[change.pk]))
    assert shown(body(client.get(url(task)))) == [one.pk]


def test_all_that_match_is_decided_by_the_server_when_it_is_asked(as_, task):
    made_tasks.examples(task, 60)
    made.one(task, "other", source="elsewhere")
    client = as_("curator")
    ticked = Example.objects.get(key="other")
    answer = bulk(client, task, "priority", value="5", scope="all", query="source=letters", example=ticked.pk)
    assert answer.status_code == 303
    assert task.examples.filter(priority=5, source="letters").count() == 60
    assert task.examples.filter(priority=5).count() == 60


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"do": "add_tag", "value": "x"}, "No example is ticked"),
        ({"do": "priority", "value": "high", "scope": "all"}, "A priority is a number"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_lost(as_, task, data, why):
    one = made.one(task, "a")
    more = {"example": one.pk} if data.get("scope") else {}
    for headers in ({}, HX):
        answer = bulk(as_("curator"), task, **data, **more, headers=headers)
        assert answer.status_code == 422
        assert why in body(answer)
        assert f'value="{data["value"]}"' in body(answer)
        assert not more or f'value="{one.pk}" checked' in body(answer)
    assert bulk(as_("curator"), task, "drop table", example=one.pk).status_code == 404
    assert as_("curator").get(reverse("examples_bulk", args=[task.pk])).status_code == 405


def test_ticks_of_another_team_change_nothing(as_, cast, task):
    theirs = made.one(made.task(cast.other_team), "theirs")
    answer = bulk(as_("curator"), task, "delete", example=theirs.pk, headers=HX)
    assert "Nothing was changed" in answer["HX-Trigger"]
    theirs.refresh_from_db()
    assert theirs.deleted_at is None


def test_a_page_of_the_review_takes_its_bulk_back_here_too(as_, cast, task):
    from curation.actions import reviewing

    task.wanted = 2
    task.save(update_fields=["wanted"])
    one = made.one(task, "a")
    for person in (cast.annotator, cast.curator):
        made_tasks.submitted(task, person, ANSWER)
    change = reviewing.accept_equal(task=task, by=cast.curator)
    answer = as_("curator").post(reverse("bulk_undo", args=[change.pk]))
    assert answer["Location"].startswith(reverse("review", args=[task.pk]))
    one.refresh_from_db()
    assert one.state == "submitted"
