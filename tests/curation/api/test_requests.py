"""What is sent and what comes back: bad input with its place, pages, versions, sizes."""

import json

import pytest
from django.conf import settings

from curation.models import Annotation, Example, ExampleEvent, Guideline, Revision, Slot, Task
from tests.curation import made_tasks

from .conftest import error


@pytest.fixture
def task(cast):
    return made_tasks.task(cast.team)


def row(text="1 and 2", **more):
    return {"content": {"instruction": "Add.", "input": text}} | more


# --- bad input ---


@pytest.mark.parametrize(("body", "place", "words"), [
    ({}, "rows", "missing"),
    ({"rows": []}, "rows", "fewer than 1"),
    ({"rows": [row()] * 1001}, "rows", "more than 1,000"),
    ({"rows": [row(), row(colour="red")]}, "rows[1].colour", "not known"),
    ({"rows": [row()], "more": 1}, "more", "not known"),
    ({"rows": [{"content": {"instruction": "a", "title": "b"}}]}, "rows[0].content.title", "not known"),
    ({"rows": [{"content": {}}]}, "rows[0].content", "says nothing"),
    ({"rows": [{"content": {"instruction": 7}}]}, "rows[0].content.instruction", "string"),
    ({"rows": [{"content": {"kind": "poem", "input": "a"}}]}, "rows[0].content.kind", "'single' or 'chat'"),
    ({"rows": [{"content": {"messages": [{"text": "Hi"}]}}]}, "rows[0].content.messages[0].role", "missing"),
    ({"rows": [{"content": {"messages": [{"role": "user", "text": "a"}], "input": "b"}}]}, "rows[0].content", "chat"),
    ({"rows": [row("a\0b")]}, "rows[0].content.input", "NUL"),
    ({"rows": [row("a\ud800b")]}, "rows[0].content.input", "half a character"),
    ({"rows": [row("x" * 1_000_001)]}, "rows[0].content.input", "1,000,000"),
    ({"rows": [row(tags=["a", ""])]}, "rows[0].tags[1]", "empty"),
    ({"rows": [row(tags=["x" * 61])]}, "rows[0].tags[0]", "60"),
    ({"rows": [row(priority="high")]}, "rows[0].priority", "number"),
    ({"rows": [row(answer={"colour": "red"})]}, "rows[0].answer.colour", "no field"),
    ({"rows": [row(gold={"output": ""})]}, "rows[0].gold.output", ""),
    ([row()], "the body", ""),
    ("rows", "the body", ""),
])  # fmt: skip
def test_bad_examples_are_refused_with_their_place(api, task, body, place, words):
    found = error(api("curator").post(f"/tasks/{task.pk}/examples", body), 422)
    assert found["place"] == place
    assert words in found["what"]
    assert not Example.objects.exists()


def test_all_problems_are_named(api, cast, task):
    found = error(api("curator").post(f"/tasks/{task.pk}/examples", {"rows": [row(a=1), row(b=2), row()]}), 422)
    assert [one["place"] for one in found["problems"]] == ["rows[0].a", "rows[1].b"]
    assert "1 more" in found["what"]


@pytest.mark.parametrize(("body", "words"), [
    (b"", "the body"), (b"{", "line 1, column 2"), (b"\xff", "UTF-8"), (b'{"rows": NaN}', "NaN"),
    (b'{"rows": 1e999}', "too large"), (b"[" * 100_000, "deep"), (b'{"rows": ' + b"9" * 5000 + b"}", "number"),
])  # fmt: skip
def test_a_body_that_is_no_json_is_told_apart(api, cast, task, body, words):
    found = error(api("curator").call("POST", f"/tasks/{task.pk}/examples", body), 422)
    assert words in found["what"]


@pytest.mark.parametrize(("query", "place"), [
    ({"stat": "open"}, "stat"), ({"state": "done"}, "state"), ({"limit": "0"}, "limit"), ({"limit": "501"}, "limit"),
    ({"limit": "x"}, "limit"), ({"after": "!"}, "after"), ({"after": "WyJhIl0"}, "after"), ({"after": "W10"}, "after"),
    ({"after": "WzFlOTld"}, "after"), ({"q": "a\0"}, "q"), ({"after": "WzEwMDAwMDAwMDAwMDAwMDAwMDAwMF0"}, "after"),
])  # fmt: skip
def test_bad_parameters_are_refused_by_name(api, cast, task, query, place):
    assert error(api("viewer").get(f"/tasks/{task.pk}/examples", **query), 422)["place"] == place


def test_numbers_beyond_all_ids_are_not_found(api, cast):
    error(api("viewer").get(f"/tasks/{10**30}"), 404)
    error(api("viewer").get(f"/examples/{2**63}"), 404)


def test_a_body_over_the_limit_is_413(api, cast, task):
    found = error(
        api("curator").call("POST", f"/tasks/{task.pk}/examples", b" " * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)),
        413,
    )
    assert "8 MB" in found["what"]


def test_a_megabyte_of_text_goes_in_and_comes_out(api, cast, task):
    text = "ä\N{PILE OF POO}\u202e\r\n<b>" * 125_000  # 1,000,000 characters
    client = api("curator")
    added = client.post(f"/tasks/{task.pk}/examples", {"rows": [row(text)]})
    assert added.status_code == 201, added.content[:300]
    found = client.get(f"/examples/{added.json()['ids'][0]}").json()
    assert found["content"]["input"] == text


def test_an_error_of_ours_is_500_with_an_id_and_without_its_text(api, cast, task, monkeypatch, caplog):
    def broken(**kwargs):
        Task.objects.filter(pk=task.pk).update(name="changed")
        raise RuntimeError("secret text of an example")

    monkeypatch.setattr("curation.api.examples.add_examples", broken)
    found = error(api("curator").post(f"/tasks/{task.pk}/examples", {"rows": [row()]}), 500)
    assert "secret" not in json.dumps(found)
    error_id = found["do"].rsplit(" ", 1)[1].rstrip(".")
    assert error_id in caplog.text
    task.refresh_from_db()
    assert task.name != "changed"


# --- pages ---


def test_pages_visit_everything_once_also_while_rows_come_and_go(api, cast, task):
    made = made_tasks.examples(task, 23)
    client, seen, after = api("viewer"), [], None
    while True:
        page = client.get(f"/tasks/{task.pk}/examples", limit=5, **({"after": after} if after else {})).json()
        assert len(page["items"]) <= 5
        seen += [one["id"] for one in page["items"]]
        if len(seen) == 10:
            Example.objects.filter(pk__in=[made[1].pk, made[20].pk]).update(deleted_at="2026-01-01T00:00Z")
            late = made_tasks.examples(task, 2)
        if (after := page["next"]) is None:
            break
    gone = {made[20].pk}
    assert seen == [one.pk for one in made if one.pk not in gone] + [one.pk for one in late]


def test_pages_of_runs_and_annotations_go_down(api, cast, task):
    made_tasks.examples(task, 4)
    for _ in range(4):
        made_tasks.submitted(task, cast.annotator, {"output": "x"})
    client = api("annotator")
    first = client.get("/annotations", limit=3).json()
    rest = client.get("/annotations", limit=3, after=first["next"]).json()
    ids = [one["id"] for one in first["items"] + rest["items"]]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 4
    assert rest["next"] is None


def test_a_full_last_page_has_no_next(api, cast, task):
    made_tasks.examples(task, 4)
    assert api("viewer").get(f"/tasks/{task.pk}/examples", limit=4).json()["next"] is None


@pytest.mark.parametrize("path", ["/tasks/{task}/examples", "/tasks/{task}/reviews", "/annotations", "/tasks"])
def test_more_rows_take_no_more_queries(api, cast, task, path, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = api("curator")
    url = path.format(task=task.pk)
    client.get(url)

    def queries():
        with CaptureQueriesContext(connection) as found:
            answer = client.get(url, limit=100)
        return len(found), len(answer.json()["items"])

    def more(count):
        made_tasks.examples(task, count)
        for number in range(count):
            made_tasks.submitted(task, cast.curator, {"output": "x"})
            made_tasks.task(cast.team, name=f"{path}-{count}-{number}")

    more(3)
    few, shown = queries()
    more(27)
    many, shown_then = queries()
    assert shown_then > shown >= 3
    assert many == few


# --- tasks ---


def test_a_task_is_made_changed_and_a_stale_change_refused(api, cast):
    client = api("curator")
    task = client.post("/tasks", {"name": "  Letters  ", "definition": "Shorten."}).json()
    assert task["name"] == "Letters"
    assert task["form"][0]["kind"] == "text"
    changed = client.patch(f"/tasks/{task['id']}", {"version": task["version"], "avoid": "Jargon"})
    assert changed.json()["avoid"] == "Jargon"
    assert changed.json()["definition"] == "Shorten."
    stale = error(client.patch(f"/tasks/{task['id']}", {"version": task["version"], "avoid": "Else"}), 409)
    assert stale["code"] == "stale"
    assert Task.objects.get().avoid == "Jargon"
    assert error(client.post("/tasks", {"name": "letters"}), 422)["place"] == "name"
    assert error(client.patch(f"/tasks/{task['id']}", {"version": 2, "name": None}), 422)["place"] == "name"


@pytest.mark.parametrize(("form", "place"), [
    ([{"name": "x", "kind": "poem"}], "form[0].kind"), ([{"kind": "text"}], "form[0].name"), ([], "form"),
])  # fmt: skip
def test_a_form_that_cannot_be_used_is_refused(api, cast, form, place):
    found = error(api("curator").post("/tasks", {"name": "A", "form": form}), 422)
    assert found["place"].startswith(place)


def test_guidelines_are_written_on_top_of_the_newest(api, cast, task):
    client, url = api("curator"), f"/tasks/{task.pk}/guidelines"
    assert client.get(url).json()["number"] == 0
    assert client.put(url, {"text": "One", "number": 0}).json()["number"] == 1
    error(client.put(url, {"text": "Other", "number": 0}), 409)
    assert client.put(url, {"text": "Two", "number": 1}).json()["number"] == 2
    assert list(Guideline.objects.order_by("number").values_list("text", flat=True)) == ["One", "Two"]


# --- examples ---


def test_examples_come_in_with_keys_answers_and_slots(api, cast, task):
    client, url = api("curator"), f"/tasks/{task.pk}/examples"
    rows = [
        row("a", key="one", tags=["x"], source="s"),
        row("b", answer={"output": "B"}),
        row("c", gold={"output": "C"}),
    ]
    added = client.post(url, {"rows": rows}).json()
    assert (added["added"], added["known"]) == (3, 0)
    again = client.post(url, {"rows": [row("a", key="one"), row("d")]}).json()
    assert (again["added"], again["known"], again["known_keys"]) == (1, 1, ["one"])
    accepted = client.get(url, state="accepted").json()["items"]
    assert [one["content"]["outputs"] for one in accepted] == [["B"]]
    assert [one["key"] for one in client.get(url, tag="x").json()["items"]] == ["one"]
    assert len(client.get(url, origin="api").json()["items"]) == 4
    assert Slot.objects.count() == 3
    assert Example.objects.get(key="one").lineage["token"].startswith("wnt_")


def test_gold_is_for_curators(api, cast, task):
    pk = api("curator").post(f"/tasks/{task.pk}/examples", {"rows": [row(gold={"output": "3"})]}).json()["ids"][0]
    assert api("curator").get(f"/examples/{pk}").json()["gold"] == {"output": "3"}
    for name in ("annotator", "viewer"):
        assert "3" not in str(api(name).get(f"/examples/{pk}").json()["gold"])


def test_a_change_is_a_revision_and_a_stale_one_refused(api, cast, task):
    client, one = api("curator"), made_tasks.examples(task, 1)[0]
    url = f"/examples/{one.pk}"
    changed = client.patch(url, {"revision": 1, "content": {"instruction": "New"}}).json()
    assert (changed["revision"], changed["content"]) == (2, {"kind": "single", "instruction": "New"})
    error(client.patch(url, {"revision": 1, "content": {"instruction": "Other"}}), 409)
    history = client.get(f"{url}/history").json()
    assert [one["number"] for one in history["revisions"]] == [2, 1]
    assert history["events"][0]["kind"] == "edited"
    assert history["events"][0]["by"] == "Curator"


def test_deleted_examples_leave_the_queue_and_come_back(api, cast, task):
    client, one = api("curator"), made_tasks.examples(task, 1)[0]
    assert client.delete(f"/examples/{one.pk}").json()["deleted_at"]
    assert client.delete(f"/examples/{one.pk}").status_code == 200
    assert client.get(f"/tasks/{task.pk}/examples").json()["items"] == []
    assert len(client.get(f"/tasks/{task.pk}/examples", deleted="true").json()["items"]) == 1
    assert client.post(f"/tasks/{task.pk}/annotations/next").json() == {"annotation": None}
    assert client.post(f"/examples/{one.pk}/restore").json()["deleted_at"] is None
    assert client.post(f"/tasks/{task.pk}/annotations/next").json()["annotation"]["example"] == one.pk
    assert list(ExampleEvent.objects.order_by("pk").values_list("kind", flat=True)) == ["deleted", "restored"]


# --- annotations and reviews ---


def test_an_answer_goes_from_the_queue_to_acceptance(api, cast, task):
    made_tasks.examples(task, 1)
    annotator, curator = api("annotator"), api("curator")
    mine = annotator.post(f"/tasks/{task.pk}/annotations/next").json()["annotation"]
    assert annotator.post(f"/tasks/{task.pk}/annotations/next").json()["annotation"]["id"] == mine["id"]
    url = f"/annotations/{mine['id']}"
    saved = annotator.put(url, {"version": mine["version"], "answer": {"output": "Half"}}).json()
    stale = error(annotator.put(url, {"version": mine["version"], "answer": {"output": "Other"}}), 409)
    assert stale["code"] == "annotation.stale"
    empty = error(annotator.post(f"{url}/submit", {"version": saved["version"], "answer": {}}), 422)
    assert empty["place"] == "answer.output"
    body = {"version": saved["version"], "answer": {"output": "Whole"}, "submit_key": "k"}
    assert annotator.post(f"{url}/submit", body).json()["late"] is False
    assert annotator.post(f"{url}/submit", body).json()["repeated"] is True
    waiting = curator.get(f"/tasks/{task.pk}/reviews").json()["items"]
    assert waiting[0]["annotations"][0]["answer"] == {"output": "Whole"}
    error(annotator.get(f"/tasks/{task.pk}/reviews"), 403)
    done = curator.post(f"/examples/{mine['example']}/accept", {"annotation": mine["id"]}).json()
    assert (done["state"], done["content"]["outputs"]) == ("accepted", ["Whole"])
    error(curator.post(f"/examples/{mine['example']}/accept", {"annotation": mine["id"]}), 409)
    assert Revision.objects.get(number=2).annotation_id == mine["id"]


def test_answers_are_blind(api, cast, task):
    """Another annotator finds the answer of a colleague nowhere before it is accepted."""
    made_tasks.examples(task, 1)
    given = made_tasks.submitted(task, cast.annotator, {"output": "My secret answer"})
    other = made_tasks.person(cast.team, "Berta")
    from curation.actions import tokens

    from .conftest import Api

    client = Api(tokens.make(team=cast.team, by=other, name="t", scopes=["annotate"], days=None)[1])
    error(client.get(f"/annotations/{given.pk}"), 404)
    for path in ("/annotations", f"/examples/{given.example_id}", f"/examples/{given.example_id}/history"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "secret answer" not in answer.content.decode(), path
    assert "secret answer" in api("curator").get(f"/examples/{given.example_id}/history").content.decode()


def test_returned_and_skipped(api, cast, task):
    made_tasks.examples(task, 2)
    annotator, curator = api("annotator"), api("curator")
    given = made_tasks.submitted(task, cast.annotator, {"output": "x"})
    back = curator.post(f"/annotations/{given.pk}/return", {"feedback": "Longer"}).json()
    assert (back["state"], back["feedback"]) == ("returned", "Longer")
    mine = annotator.post(f"/tasks/{task.pk}/annotations/next").json()["annotation"]
    assert mine["id"] == given.pk
    error(
        curator.post(f"/annotations/{mine['id']}/submit", {"version": mine["version"], "answer": {"output": "y"}}), 422
    )
    assert annotator.post(f"/annotations/{mine['id']}/skip", {"reason": "no"}).json()["state"] == "skipped"
    assert error(annotator.post(f"/annotations/{mine['id']}/skip", {}), 409)["code"] == "annotation.closed"
    rejected = curator.post(f"/examples/{given.example_id}/reject", {"why": "no"}).json()
    assert rejected["state"] == "rejected"
    assert Annotation.objects.get(pk=given.pk).reason == "no"


def test_a_paused_task_says_so(api, cast, task):
    made_tasks.examples(task, 1)
    Task.objects.update(paused=True)
    assert error(api("annotator").post(f"/tasks/{task.pk}/annotations/next"), 422)["code"] == "queue.paused"


def test_what_is_accepted_must_answer_the_form(api, cast, task):
    one = made_tasks.examples(task, 1)[0]
    client = api("curator")
    assert error(client.post(f"/examples/{one.pk}/accept", {}), 422)["place"] == "annotation"
    assert error(client.post(f"/examples/{one.pk}/accept", {"annotation": 99}), 422)["place"] == "annotation"
    assert error(client.post(f"/examples/{one.pk}/accept", {"answer": {"x": 1}}), 422)["place"] == "answer.x"
    assert client.post(f"/examples/{one.pk}/accept", {"answer": {"output": "Mine"}}).json()["state"] == "accepted"
