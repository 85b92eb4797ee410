"""Targets: made, edited, frozen; what strangers and viewers see."""

import io
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from config.faults import Fault
from curation.content import key_of
from curation.models import Membership
from selection.actions import target_files
from selection.actions import targets as actions
from selection.models import Target

GOOD = [{"instruction": f"Add {n} and 1.", "input": "", "output": str(n + 1), "group": "sums"} for n in range(3)]
CHAT = {"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello to you."}]}


def lines(*rows: object) -> bytes:
    return b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows)


def make(cast, rows=tuple(GOOD), name="Sums") -> Target:
    found, bad = target_files.from_file(io.BytesIO(lines(*rows)), "sums.jsonl")
    return actions.create(team=cast.team, by=cast.curator, name=name, rows=found, bad=bad)


def test_upload_keeps_the_good_rows_and_reports_the_bad_ones(as_, cast):
    file = lines(GOOD[0], b'{"instruction": "broken', GOOD[1], {"instruction": "", "output": "x"}, GOOD[0])
    client = as_("curator")
    url = reverse("target_new", args=[cast.team.slug])
    answer = client.post(url, {"name": "Sums", "file": SimpleUploadedFile("sums.jsonl", file)})
    assert answer.status_code == 303
    target = Target.objects.get()
    assert [row.unpacked().instruction for row in target.rows.all()] == ["Add 0 and 1.", "Add 1 and 1."]
    assert [row.group for row in target.rows.all()] == ["sums", "sums"]
    assert {bad["line"]: bad["reason"].split(":")[0] for bad in target.bad_rows} == {
        2: "is not JSON", 4: "instruction is empty", 5: "is the same as row 1",
    }  # fmt: skip
    body = client.get(answer.url).content.decode()
    assert "3 lines were not taken" in body
    assert "Line 2: is not JSON" in body
    assert client.post(answer.url, {"do": "dismiss"}).status_code == 303
    assert "were not taken" not in client.get(answer.url).content.decode()


@pytest.mark.parametrize(
    ("rows", "texts"),
    [
        (b'[{"prompt": "a", "completion": "b"}]', ["a\nb"]),
        (lines(CHAT), ["user: Hello\nassistant: Hello to you."]),
        (b"One text\nover two lines.\n\nAnother.", ["One text\nover two lines.", "Another."]),
        (b"question,answer\nWhy?,Because.\n", None),
    ],
)
def test_pasted_rows(as_, cast, rows, texts):
    url = reverse("target_new", args=[cast.team.slug])
    as_("curator").post(url, {"name": "Pasted", "pasted": rows.decode()})
    found = [row.text() for row in Target.objects.get().rows.all()]
    assert found == (texts or [rows.decode().strip("\n")])


def test_a_part_of_a_file(as_, cast):
    file = lines(*({**row, "split": "dev" if n else "test"} for n, row in enumerate(GOOD)))
    url = reverse("target_new", args=[cast.team.slug])
    answer = as_("curator").post(
        url, {"name": "Dev", "where": "split=dev", "file": SimpleUploadedFile("a.jsonl", file)}
    )
    assert answer.status_code == 303
    assert Target.objects.get().rows.count() == 2


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"name": "A"}, "Choose a file or paste some rows."),
        ({"name": "", "pasted": "x"}, "This field is required."),
        ({"name": "A", "pasted": "{}"}, "holds no row"),
        ({"name": "A", "pasted": '{"n": 1}'}, "The columns of pasted.jsonl are: n."),
        ({"name": "A", "pasted": "[{"}, "The first reason: line 1 is not JSON"),
        ({"name": "A", "pasted": '{"text": "a", "split": "x"}', "where": "split=dev"}, "None of the 1 rows has dev"),
        ({"name": "A", "pasted": "x", "where": "split"}, "column=value"),
        ({"name": "Sums", "pasted": "x"}, "already has a target named Sums"),
    ],
)
def test_what_cannot_be_a_target_is_said_in_place(as_, cast, data, says):
    make(cast)
    answer = as_("curator").post(reverse("target_new", args=[cast.team.slug]), data)
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert Target.objects.count() == 1


def test_a_broken_upload_says_why(as_, cast):
    for name, file in {
        "a.jsonl": b"",
        "a.png": b"\x89PNG\r\n\x1a\n" + bytes(50),
        "a.gz": b"\x1f\x8b\x08\0\0\0",
    }.items():
        data = {"name": "A", "file": SimpleUploadedFile(name, file)}
        answer = as_("curator").post(reverse("target_new", args=[cast.team.slug]), data)
        assert answer.status_code == 422, name
    assert not Target.objects.exists()


def test_too_many_rows(cast, monkeypatch):
    monkeypatch.setattr(target_files, "MAX_ROWS", 2)
    with pytest.raises(Fault, match="too much for a target"):
        make(cast)


def test_a_row_is_edited_in_place(as_, cast):
    target = make(cast)
    row = target.rows.all()[1]
    url = reverse("target_row", args=[target.pk, row.pk])
    client = as_("curator")
    assert 'name="output_0"' in client.get(url + "?edit", headers={"HX-Request": "true"}).content.decode()
    data = {"instruction": "Add 5 and 1.", "input": "", "output_0": "6\r\n", "group": "more", "seen": row.key}
    answer = client.post(url, data, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "<html" not in answer.content.decode()
    row.refresh_from_db()
    assert (row.unpacked().outputs, row.group, row.key) == (("6\n",), "more", key_of(row.unpacked()))
    # Somebody who still looks at the old row does not overwrite the new one.
    assert client.post(url, data | {"instruction": "Add 7 and 1."}).status_code == 409
    assert client.post(url, data | {"instruction": " ", "input": "", "seen": row.key}).status_code == 422
    other = target.rows.all()[0]
    twice = {"instruction": "Add 0 and 1.", "output_0": "1", "seen": row.key}
    assert client.post(url, twice).status_code == 422
    assert client.post(reverse("target_row", args=[target.pk, other.pk]), {"do": "delete"}).status_code == 303
    assert target.rows.count() == 2


def test_a_chat_keeps_its_turns(as_, cast):
    target = make(cast, [CHAT])
    row = target.rows.get()
    url = reverse("target_row", args=[target.pk, row.pk])
    as_("curator").post(url, {"turn_0": "Good morning", "turn_1": "Good day.", "seen": row.key})
    assert target.rows.get().text() == "user: Good morning\nassistant: Good day."


def test_rows_are_added_once(as_, cast):
    target = make(cast)
    data = {"pasted": lines(GOOD[0], {"instruction": "New", "output": "n"}).decode()}
    assert as_("curator").post(reverse("target_add", args=[target.pk]), data).status_code == 303
    assert [row.position for row in target.rows.all()] == [0, 1, 2, 3]


def test_the_last_row_stays(cast):
    target = make(cast, GOOD[:1])
    with pytest.raises(Fault, match="keeps one row"):
        actions.delete_row(row=target.rows.get(), by=cast.curator)


def test_frozen_means_frozen_and_a_copy_is_open(as_, cast):
    target = make(cast)
    sha = actions.freeze(target=target)
    target.refresh_from_db()
    assert target.is_frozen
    assert target.sha256 == sha == actions.freeze(target=target)
    row, client = target.rows.all()[0], as_("curator")
    data = {"instruction": "Other", "output_0": "1", "seen": row.key}
    for url, sent in [
        (reverse("target_row", args=[target.pk, row.pk]), data),
        (reverse("target_row", args=[target.pk, row.pk]), {"do": "delete"}),
        (reverse("target_add", args=[target.pk]), {"pasted": "x"}),
    ]:
        answer = client.post(url, sent)
        assert answer.status_code == 409
        assert "Copy it to a new target" in answer.content.decode()
    with pytest.raises(Fault, match="frozen"):  # also past the page
        actions.delete_row(row=row, by=cast.curator)
    answer = client.post(reverse("target_copy", args=[target.pk]))
    copy = Target.objects.get(name="Sums copy")
    assert answer.url == copy.get_absolute_url()
    assert not copy.is_frozen
    assert actions.freeze(target=copy) == sha
    assert actions.copy(target=target, by=cast.curator).name == "Sums copy 2"


def test_delete(as_, cast):
    target = make(cast)
    client = as_("curator")
    assert client.get(reverse("target_delete", args=[target.pk])).status_code == 200
    assert client.post(reverse("target_delete", args=[target.pk])).status_code == 303
    assert not Target.objects.exists()


def test_a_long_target_is_paged(as_, cast):
    target = make(cast, [{"text": f"text {n}"} for n in range(120)])
    client = as_("viewer")
    first = client.get(target.get_absolute_url()).content.decode()
    assert "?after=49" in first
    last = client.get(target.get_absolute_url() + "?after=99").content.decode()
    assert "text 119" in last
    assert "?after=" not in last


URLS = {
    "targets": ["slug"], "target_new": ["slug"], "target_add_rows": ["slug"], "target": ["pk"], "target_add": ["pk"],
    "target_edit": ["pk"], "target_copy": ["pk"], "target_delete": ["pk"], "target_row": ["pk", "row"],
}  # fmt: skip


@pytest.mark.parametrize("name", URLS)
@pytest.mark.parametrize("method", ["get", "post"])
def test_strangers_meet_404_and_viewers_change_nothing(client, cast, name, method):
    target = make(cast)
    facts = {"slug": cast.team.slug, "pk": target.pk, "row": target.rows.first().pk}
    url = reverse(name, args=[facts[part] for part in URLS[name]])
    client.force_login(cast.stranger)
    shows = method == "post" and name == "targets"  # never a POST there
    assert getattr(client, method)(url).status_code == (405 if shows else 404)
    client.force_login(cast.viewer)
    reads = name in ("targets", "target", "target_row")
    data = {"do": "delete"} if name == "target_row" else {"do": "dismiss"}
    answer = client.get(url) if method == "get" else client.post(url, data)
    assert answer.status_code == (405 if shows else 200 if reads and method == "get" else 403)
    if answer.status_code == 200:
        body = answer.content.decode()
        assert not [word for word in ("/new/", "/edit/", "/copy/", "/delete/", "?edit") if word in body]
    assert target.rows.count() == 3


@pytest.mark.parametrize(("headers", "whole"), [({}, True), ({"HX-Request": "true"}, False)])
def test_page_and_part(as_, cast, headers, whole):
    target = make(cast)
    body = as_("viewer").get(target.get_absolute_url(), headers=headers).content.decode()
    assert 'id="rows"' in body
    assert ("<html" in body) is whole


def test_more_rows_cost_no_more_queries(as_, cast, django_assert_max_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counts = []
    for n in (3, 30):
        target = make(cast, [{"text": f"text {n} {k}"} for k in range(n)], name=f"T{n}")
        client = as_("viewer")
        client.get(target.get_absolute_url())
        with CaptureQueriesContext(
            connection,
        ) as seen:
            client.get(target.get_absolute_url())
        counts.append(len(seen))
        with CaptureQueriesContext(connection) as listed:
            client.get(reverse("targets", args=[cast.team.slug]))
        counts.append(len(listed))
    assert counts[0] == counts[2], [query["sql"] for query in seen.captured_queries]
    assert counts[1] == counts[3]


def test_rows_of_a_pool_become_a_target(as_, cast):
    from tests.selection import made

    data = made.rows(60)
    pool = made.pool(cast.team, data, cuts=(25,))
    client, url = as_("curator"), reverse("target_add_rows", args=[cast.team.slug])
    ticked = {"pool": pool.pk, "position": ["3", "24", "25", "59"]}
    asked = client.post(url, ticked | {"do": "choose"})  # as the pool's page sends it
    assert asked.status_code == 200
    assert asked.content.decode().count('name="position"') == 4
    none = client.post(url, {"pool": pool.pk, "page": "2", "do": "choose"}, follow=True)  # back to where she was
    assert none.redirect_chain == [(f"{pool.get_absolute_url()}?page=2", 303)]
    assert "No row is chosen" in none.content.decode()
    assert client.post(url, ticked | {"do": "add"}).status_code == 422  # neither a target nor a name
    assert client.post(url, ticked | {"do": "add", "name": "Picked", "group": "g"}).status_code == 303
    target = Target.objects.get()
    rows = list(target.rows.all())
    assert [row.unpacked().instruction for row in rows] == [data[place]["instruction"] for place in (3, 24, 25, 59)]
    assert rows[0].origin["pool"] == "Open pool"
    more = {"pool": pool.pk, "position": ["3", "7"], "do": "add", "target": target.pk}
    assert client.post(url, more).status_code == 303
    assert target.rows.count() == 5
    for bad in (["60"], ["x"], ["-1"], []):
        assert client.post(url, {"pool": pool.pk, "position": bad, "do": "add", "name": "B"}).status_code == 422, bad
    theirs = made.pool(cast.other_team, data)
    assert client.post(url, {"pool": theirs.pk, "position": ["1"]}).status_code == 404
    Membership.objects.create(team=cast.other_team, user=cast.curator, role="curator")  # rows do not change teams
    assert client.post(url, {"pool": theirs.pk, "position": ["1"]}).status_code == 404
    assert Target.objects.count() == 1
