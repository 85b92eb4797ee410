"""From a file to its draft, its mapping and the start of its import. Bad uploads leave nothing behind."""

import gzip
import io
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from config import uploads
from selection import store
from selection.models import Import, Pool
from tests.selection.sent import HX, add, begin, jsonl, parquet, rows, send, stored

GOOD = jsonl(*rows(12))
LONG = b'{"instruction": "' + b"x" * (10 << 20) + b'", "output": "y"}\n'


@pytest.fixture(autouse=True)
def _storage(settings, tmp_path):
    settings.STORAGE_URL = str(tmp_path / "storage")


def body(answer) -> str:
    return answer.content.decode()


# --- good files ---


def test_a_file_becomes_a_draft_with_a_guess_and_a_preview(as_, cast):
    client = as_("curator")
    answer = send(client, cast, GOOD, "sums.jsonl")
    found = Import.objects.get()
    assert (answer.status_code, answer.url) == (303, found.get_absolute_url())
    assert (found.pool.name, found.pool.rows, found.job, found.created_by) == ("Open pool", 0, None, cast.curator)
    assert (found.name, found.bytes, found.format) == ("sums.jsonl", len(GOOD), "jsonl")
    assert found.mapping == {"instruction": "instruction", "input": "input", "output": "output", "source": "source"}
    assert stored() == [found.path]
    with store.open_file(found.path) as file:
        assert file.read() == GOOD

    page = body(client.get(answer.url))
    assert "<html" in page
    for field in found.mapping:
        assert f'name="{field}" value="{field}"' in page
    assert "The first 10 rows, as read" in page
    assert "Add 9 and 1." in page
    assert "Add 10 and 1." not in page


@pytest.mark.parametrize(
    ("name", "data", "form", "note"),
    [
        ("rows.csv", b"question,answer\nWhy?,Because.\nHow?,So.\n", "csv", ""),
        ("rows.tsv", b"prompt\tcompletion\nWhy?\tBecause.\nHow?\tSo.\n", "tsv", ""),
        ("rows.json", json.dumps(rows(3)).encode(), "json", ""),
        ("rows.parquet", parquet(rows(3)), "parquet", ""),
        ("rows.jsonl.gz", gzip.compress(GOOD), "jsonl", ""),
        ("rows.csv", GOOD, "jsonl", "The name says CSV, the content is JSON Lines; it is read as JSON Lines."),
        ("rows.jsonl", gzip.compress(GOOD), "jsonl", ""),
        ("rows.gz", GOOD, "jsonl", "The name says gzip, the content is not packed."),
    ],
)
def test_content_tells_the_format_whatever_the_name_says(as_, cast, name, data, form, note):  # noqa: PLR0917
    client = as_("curator")
    answer = send(client, cast, data, name)
    assert answer.status_code == 303
    assert Import.objects.get().format == form
    page = body(client.get(answer.url))
    assert note in page
    assert ('class="notice warning"' in page) == bool(note)


def test_the_preview_follows_the_mapping(as_, cast):
    client = as_("curator")
    url = send(client, cast, GOOD).url
    # htmx gets the part, of the very page; the Preview button without scripts gets the page.
    typed = {"do": "preview", "instruction": "output", "max_bad": "10"}
    part = client.post(url, typed, headers=HX)
    assert part.status_code == 200
    assert 'id="preview"' in body(part)
    assert "<html" not in body(part)
    assert "Add 1 and 1." not in body(part)
    whole = client.post(url, typed)
    assert whole.status_code == 200
    assert "<html" in body(whole)
    assert 'name="instruction" value="output"' in body(whole)
    assert Import.objects.get().job is None


def test_a_preview_says_what_is_wrong_with_each_row(as_, cast):
    client = as_("curator")
    url = send(client, cast, jsonl(rows(1)[0], b'{"instruction": "half', {"instruction": "  ", "output": "x"})).url
    page = body(client.get(url))
    assert "Instruction is empty" in page
    assert "line 2: is not JSON" in page
    empty = client.post(url, {"do": "preview", "max_bad": "10"}, headers=HX)  # while somebody is still choosing
    assert empty.status_code == 200
    assert "names no column for the instruction" in body(empty)


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ({}, "Choose at least the column of the instruction"),
        (
            {"instruction": "question"},
            "There is no column question. The columns are instruction, input, output, source.",
        ),
        ({"instruction": "instruction", "max_bad": "101"}, "less than or equal to 100"),
        ({"instruction": "instruction", "max_bad": ""}, "This field is required"),
        ({"instruction": "x" * 201}, "at most 200 characters"),
    ],
)
def test_a_bad_mapping_does_not_start(as_, cast, mapping, says):
    client = as_("curator")
    url = send(client, cast, GOOD).url
    answer = client.post(url, {"do": "start", "max_bad": "10"} | mapping)
    assert answer.status_code == 422
    assert says in body(answer)
    assert Import.objects.get().job is None


def test_columns_that_winnow_writes_cannot_be_text(as_, cast):
    client = as_("curator")
    again = [row | {"_key": f"k{n}", "_source": "before", "_chars": 5} for n, row in enumerate(rows(3))]
    url = send(client, cast, jsonl(*again)).url
    answer = client.post(url, {"do": "start", "instruction": "_key", "max_bad": "10"})
    assert answer.status_code == 422
    assert "The column _key is written by Winnow itself and cannot be read as instruction." in body(answer)
    answer = client.post(
        url, {"do": "start", "instruction": "instruction", "id": "_key", "source": "_source", "max_bad": "10"}
    )
    assert answer.status_code == 303


def test_a_file_for_a_pool_that_exists(as_, cast):
    client = as_("curator")
    send(client, cast, GOOD)
    pool = Pool.objects.get()
    assert "Add rows to" in body(client.get(reverse("pool_add", args=[pool.pk])))
    answer = add(client, pool, GOOD)
    assert answer.status_code == 303
    assert pool.imports.count() == 2
    answer = add(client, pool, b"")
    assert answer.status_code == 422
    assert "The file is empty" in body(answer)
    assert len(stored()) == 2


def test_a_pool_of_that_name_is_there(as_, cast, client):
    send(as_("curator"), cast, GOOD)
    answer = send(client, cast, GOOD)
    assert answer.status_code == 422
    assert "The team already has a pool named Open pool." in body(answer)
    assert (Pool.objects.count(), len(stored())) == (1, 1)
    client.force_login(cast.stranger)
    url = reverse("pool_new", args=[cast.other_team.slug])
    assert client.post(url, {"name": "Open pool", "file": SimpleUploadedFile("a.jsonl", GOOD)}).status_code == 303


# --- discard ---


def test_discarding_a_draft_leaves_nothing(as_, cast, django_capture_on_commit_callbacks):
    client = as_("curator")
    url = send(client, cast, GOOD).url
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(url, {"do": "discard"})
    assert (answer.status_code, answer.url) == (303, reverse("pools", args=[cast.team.slug]))
    assert (Pool.objects.count(), Import.objects.count(), stored()) == (0, 0, [])
    assert "rows.jsonl is discarded." in body(client.get(answer.url))
    assert client.get(url).status_code == 404


def test_discarding_one_of_two_drafts_keeps_the_pool(as_, cast, django_capture_on_commit_callbacks):
    client = as_("curator")
    first = send(client, cast, GOOD).url
    pool = Pool.objects.get()
    add(client, pool, GOOD)
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(first, {"do": "discard"}).url == pool.get_absolute_url()
    assert stored() == [Import.objects.get().path]


def test_a_draft_whose_file_is_gone(as_, cast):
    client = as_("curator")
    url = send(client, cast, GOOD).url
    store.delete(Import.objects.get().path)
    assert client.get(url).status_code == 200
    answer = begin(client, Import.objects.get())
    assert answer.status_code == 409
    assert "The file is no longer here" in body(answer)


# --- bad files ---

BAD = {
    "nothing chosen": (None, "rows.jsonl", "This field is required."),
    "empty": (b"", "rows.jsonl", "The file is empty."),
    "blank": (b"\n \n\n", "rows.jsonl", "The file is empty."),
    "no rows": (b"[]", "rows.json", "The file has no rows."),
    "header only": (b"instruction,output\n", "rows.csv", "The file has no rows."),
    "bad JSON": (b'"instruction": "a",\n{"instr\n', "rows.jsonl", "Line 1 is not JSON"),
    "numbers": (b"1\n2\n3\n", "rows.jsonl", "Line 1 is a number, not an object with named fields."),
    "invalid UTF-8": (b'{"instruction": "caf\xe9", "output": "x"}\n', "rows.jsonl", "Line 1 is not valid UTF-8 at byte"),
    "UTF-16": (GOOD.decode().encode("utf-16"), "rows.jsonl", "The text is not UTF-8."),
    "10 MB line": (LONG, "rows.jsonl", "Line 1 is longer than 8,388,608 bytes."),
    "over-long field": (b'{"text": "' + b"x" * 1_000_001 + b'"}', "rows.jsonl", "1,000,001 characters in “text”"),
    "truncated gz": (gzip.compress(GOOD * 50)[:-20], "rows.jsonl.gz", "The file ends too early."),
    "gzip of nothing": (gzip.compress(b""), "rows.jsonl.gz", "The file is empty."),
    "packed twice": (gzip.compress(gzip.compress(GOOD)), "rows.jsonl.gz", "a file packed twice"),
    "bomb": (gzip.compress(b'{"text": "' + b"x" * (64 << 20)), "rows.jsonl.gz", "more than 200 times its size"),
    "bomb of zeros": (gzip.compress(bytes(64 << 20)), "rows.jsonl.gz", "This kind of file cannot be read."),
    "PNG": (b"\x89PNG\r\n\x1a\n" + bytes(500), "rows.jsonl", "This kind of file cannot be read."),
    "PNG packed": (gzip.compress(b"\x89PNG\r\n\x1a\n" + bytes(500)), "rows.jsonl.gz", "This kind of file cannot be read."),
    "zip": (b"PK\x03\x04" + bytes(200), "rows.zip", "This kind of file cannot be read."),
    "text": (b"Some words\nand some more.\n", "rows.txt", "plain text without columns"),
    "half a Parquet": (parquet(rows(50))[:900], "rows.parquet", "The file is damaged."),
    "Parquet of zeros": (b"PAR1" + bytes(500) + b"PAR1", "rows.parquet", "The file is damaged."),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("way", ["new", "add"])
def test_a_bad_file_is_refused_with_its_reason_and_nothing_stays(as_, cast, case, way):
    data, name, says = BAD[case]
    client = as_("curator")
    there = Pool.objects.create(team=cast.team, name="There")
    url = reverse("pool_new", args=[cast.team.slug]) if way == "new" else reverse("pool_add", args=[there.pk])
    sent = {} if data is None else {"file": SimpleUploadedFile(name, data)}
    answer = client.post(url, {"name": "Open pool"} | sent)
    assert answer.status_code == 422
    assert says in body(answer).replace("&#x27;", "'")
    assert (Pool.objects.count(), Import.objects.count(), stored()) == (1, 0, [])


def test_a_file_with_some_bad_rows_is_welcome(as_, cast):
    data = jsonl(rows(1)[0], b"{", {"output": "no instruction"}, b'{"instruction": "\xff"}') + LONG
    assert send(as_("curator"), cast, data).status_code == 303


@pytest.mark.parametrize("announced", [True, False])
def test_a_file_over_the_limit_is_refused_while_it_arrives(as_, cast, settings, monkeypatch, announced):
    settings.UPLOAD_MAX_BYTES = 1 << 20
    if announced:  # the length of the request tells it before a byte is written
        monkeypatch.setattr(uploads.StorageUploadHandler, "new_file", lambda *_, **__: pytest.fail("it was received"))
    client = as_("curator")
    data = b"x" * ((2 << 20) + 10) if announced else b"x" * ((1 << 20) + 10)
    answer = send(client, cast, data)
    assert answer.status_code == 413
    assert "It has more than 1 MiB, the most that this installation accepts." in body(answer)
    assert "<html" in body(answer)
    assert stored() == []
    answer = client.post(
        reverse("pool_new", args=[cast.team.slug]), {"file": SimpleUploadedFile("a", data)},
        headers={"Accept": "application/json"},
    )  # fmt: skip
    assert answer.json()["error"]["code"] == "upload.too_large"


def test_only_one_of_several_files_is_kept(as_, cast):
    client = as_("curator")
    files = [SimpleUploadedFile("a.jsonl", GOOD), SimpleUploadedFile("b.jsonl", GOOD)]
    answer = client.post(
        reverse("pool_new", args=[cast.team.slug]), {"name": "A", "file": files, "other": SimpleUploadedFile("c", b"x")}
    )
    assert answer.status_code == 303
    assert stored() == [Import.objects.get().path]


@pytest.mark.parametrize("data", [{"name": "x" * 121}, {"name": ""}, {"name": "A", "description": "x" * (9 << 20)}])
def test_a_good_file_in_a_bad_form_does_not_stay(as_, cast, data):
    answer = as_("curator").post(
        reverse("pool_new", args=[cast.team.slug]), {"file": SimpleUploadedFile("a.jsonl", GOOD)} | data
    )
    assert answer.status_code in (400, 422)
    assert (Pool.objects.count(), stored()) == (0, [])


def test_a_sender_who_hangs_up_leaves_nothing(as_, cast, monkeypatch):
    """The body ends in the middle of the file, as when a laptop is shut."""
    client, boundary = as_("curator"), "frontier"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n'.encode()

    class Broken(io.BytesIO):
        def read(self, size=-1):
            if self.tell() > 2 << 20:
                raise OSError("the connection was reset")
            return super().read(min(size, 1 << 16) if size > 0 else size)

    alive, real = [], uploads.StorageUploadHandler.__init__
    # Held, so that it is not the end of the object that removes the file.
    monkeypatch.setattr(
        uploads.StorageUploadHandler, "__init__", lambda self, *a: (alive.append(self), real(self, *a))[1]
    )
    client.raise_request_exception = False
    answer = client.generic(
        "POST", reverse("pool_new", args=[cast.team.slug]), CONTENT_TYPE=f"multipart/form-data; boundary={boundary}",
        CONTENT_LENGTH=str(10 << 20), **{"wsgi.input": Broken(head + b"x" * (10 << 20))},
    )  # fmt: skip
    assert answer.status_code != 303
    assert alive[0].got > 1 << 20  # some of it had arrived
    assert (Pool.objects.count(), stored()) == (0, [])


def test_a_body_that_is_no_form(as_, cast):
    url = reverse("pool_new", args=[cast.team.slug])
    client = as_("curator")
    assert client.post(url, b"junk", content_type="multipart/form-data; boundary=x").status_code in (400, 422)
    assert client.post(url, b"junk", content_type="text/plain").status_code == 422
    assert client.post(url, b"junk", content_type="multipart/form-data").status_code == 400
    assert stored() == []


def test_a_file_without_the_token_of_the_form_does_not_stay(cast, client):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.curator)
    assert send(strict, cast, GOOD).status_code == 403
    assert (Pool.objects.count(), stored()) == (0, [])


@pytest.mark.parametrize("who", ["stranger", "viewer", "annotator"])
def test_a_file_of_somebody_who_may_not_send_is_not_even_received(as_, cast, who, monkeypatch):
    pool = Pool.objects.create(team=cast.team, name="There")
    monkeypatch.setattr(uploads.StorageUploadHandler, "new_file", lambda *_, **__: pytest.fail("it was received"))
    client = as_(who)
    for answer in (send(client, cast, GOOD), add(client, pool, GOOD)):
        assert answer.status_code == (404 if who == "stranger" else 403)
    assert (Pool.objects.count(), stored()) == (1, [])


def test_names_of_files_are_shown_never_used(as_, cast):
    client = as_("curator")
    name = "<b>&..%2f" + "n" * 300 + ".jsonl"
    url = send(client, cast, GOOD, name).url
    found = Import.objects.get()
    assert len(found.name) <= 255
    assert "n" * 20 not in found.path
    assert "<b>&" not in body(client.get(url))


def test_old_uploads_that_nothing_refers_to_are_forgotten(as_, cast, settings, tmp_path):
    import os

    from config.uploads import forget_old

    send(as_("curator"), cast, GOOD)
    kept = Import.objects.get().path
    for path, hours in (("uploads/dead.123.part", 25), ("uploads/arriving.5.part", 1), (kept, 48)):
        full = tmp_path / "storage" / path
        full.touch()
        at = full.stat().st_mtime - hours * 3600
        os.utime(full, (at, at))
    forget_old()
    assert stored() == sorted([kept, "uploads/arriving.5.part"])
