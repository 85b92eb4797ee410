"""Examples out as files."""

import csv
import io
import json
import socket

import pytest
from django.urls import reverse

from curation import exporting
from curation.actions.adding import NewExample
from curation.content import Content, Mapping, Message, guess, key_of, read
from curation.models import Example
from tests.curation.examples.made import add, content, task


@pytest.fixture
def mixed(cast):
    to = task(cast.team, "Ward letters")
    chat = Content("chat", messages=(Message("user", "Hi"), Message("assistant", "Hello")), system="Be kind.")
    add(to, [
        NewExample(content(1, "Sum 1"), key="a", answer={"output": "Sum 1"}, tags=("t1", "t2"), source="ward", lineage={"line": 3}),
        NewExample(Content("single", "=1+1", "-cmd", ("@x",)), key="f", answer={"output": "@x"}),
        NewExample(Content("single", "Many", "", ("x", "y")), key="m", answer={"output": "x"}),
        NewExample(chat, key="c", answer={"output": "Hello"}),
        NewExample(content(2), key="open"),
    ])  # fmt: skip
    add(to, [NewExample(content(3), key="gone", answer={"output": "x"})])
    Example.objects.filter(key="gone").update(deleted_at="2026-01-01T00:00Z")
    return to


def got(client, to, kind, **query) -> str:
    answer = client.get(reverse("examples_download", args=[to.pk, kind]), query)
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content).decode()


def test_accepted_examples_as_json_lines(as_, mixed, monkeypatch):
    monkeypatch.setattr(exporting, "BATCH", 2)
    lines = [json.loads(line) for line in got(as_("viewer"), mixed, "jsonl").splitlines()]
    assert [line["key"] for line in lines] == ["a", "f", "m", "c"]
    assert lines[0] == {
        "key": "a", "state": "accepted", "instruction": "Summarise letter 1.", "input": "Body 1", "output": "Sum 1",
        "answer": {"output": "Sum 1"}, "tags": ["t1", "t2"], "source": "ward", "lineage": {"line": 3}, "revision": 1,
    }  # fmt: skip
    assert lines[1]["instruction"] == "=1+1"
    assert lines[2]["output"] == ["x", "y"]
    assert lines[3]["messages"] == [
        {"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"},
    ]  # fmt: skip


def test_a_download_can_be_imported_again_under_the_same_keys(as_, mixed):
    line = json.loads(got(as_("viewer"), mixed, "jsonl").splitlines()[0])
    mapping = Mapping(instruction="instruction", input="input", output="output")
    assert key_of(read(line, mapping)) == key_of(content(1, "Sum 1"))
    assert guess(list(line), [line]).mapping.instruction == "instruction"


def test_tables_run_no_formula(as_, mixed):
    rows = list(csv.DictReader(io.StringIO(got(as_("viewer"), mixed, "csv"), newline="")))
    assert tuple(rows[0]) == exporting.COLUMNS
    assert (rows[1]["instruction"], rows[1]["input"], rows[1]["output"]) == ("'=1+1", "'-cmd", "'@x")
    assert json.loads(rows[0]["tags"]) == ["t1", "t2"]
    assert json.loads(rows[2]["output"]) == ["x", "y"]
    assert not [cell for row in rows for cell in row.values() if cell[:1] in "=+-@\t\r" and cell]


def test_other_states_are_for_curators(as_, mixed):
    assert len(got(as_("curator"), mixed, "jsonl", state="all").splitlines()) == 5
    assert [json.loads(x)["key"] for x in got(as_("curator"), mixed, "jsonl", state="open").splitlines()] == ["open"]
    url = reverse("examples_download", args=[mixed.pk, "jsonl"])
    assert as_("annotator").get(url, {"state": "all"}).status_code == 403
    assert as_("curator").get(url, {"state": "nonsense"}).status_code == 404
    assert as_("curator").get(reverse("examples_download", args=[mixed.pk, "exe"])).status_code == 404
    assert as_("stranger").get(url).status_code == 404


def test_headers(as_, mixed):
    answer = as_("viewer").get(reverse("examples_download", args=[mixed.pk, "csv"]))
    assert answer["Content-Disposition"] == 'attachment; filename="ward-letters-accepted.csv"'
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_a_dead_client_does_not_hold_a_thread(as_, mixed):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        as_("viewer").get(reverse("examples_download", args=[mixed.pk, "csv"]), **{"gunicorn.socket": ours})
        assert ours.gettimeout() == 60


def test_batches_not_the_whole_table_are_in_memory(mixed, django_assert_num_queries, monkeypatch):
    monkeypatch.setattr(exporting, "BATCH", 2)
    walk = exporting.rows(exporting.examples(mixed, "accepted"))
    with django_assert_num_queries(1):
        next(walk)
        next(walk)
    with django_assert_num_queries(2):
        assert len(list(walk)) == 2
