"""Pages on which examples come in: a file, one by hand; what lies near an example. Who may, what they say, what they do."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from config import storage
from curation import searching
from curation.actions.adding import NewExample
from curation.content import Content, load
from curation.models import Example, ExampleImport
from jobs.runner import run_until_idle
from tests.curation.examples.made import add, content, some, task

pytestmark = pytest.mark.django_db(transaction=True)
HX = {"HX-Request": "true"}
LINES = [{"prompt": f"Summarise letter {n}.", "completion": f"Sum {n}"} for n in range(12)]


@pytest.fixture(autouse=True)
def _storage(settings, tmp_path, monkeypatch):
    settings.STORAGE_URL = str(tmp_path / "storage")
    monkeypatch.setattr("jobs.wake.send", lambda counts: True)


@pytest.fixture
def to(cast):
    return task(cast.team)


def body(answer) -> str:
    return b"".join(answer).decode() if answer.streaming else answer.content.decode()


def upload(client, to, lines=LINES, name="letters.jsonl"):
    data = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    return client.post(reverse("example_import_new", args=[to.pk]), {"file": SimpleUploadedFile(name, data)})


def start(client, found, **changes):
    data = {"instruction": "prompt", "output": "completion", "outputs_as": "suggestion", "max_bad": "10", "do": "start"}
    return client.post(found.get_absolute_url(), data | changes)


# --- a file ---


def test_from_the_file_to_the_examples(as_, cast, to):
    client = as_("curator")
    assert "Send file" in body(client.get(reverse("example_import_new", args=[to.pk])))
    answer = upload(client, to)
    found = ExampleImport.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, found.get_absolute_url())
    page = body(client.get(found.get_absolute_url()))
    assert 'value="prompt"' in page  # the guess stands in the form
    assert "Summarise letter 9." in page
    assert "Outputs become" in page
    part = client.post(found.get_absolute_url(), {"instruction": "completion", "do": "preview"}, headers=HX)
    assert part.status_code == 200
    assert "<html" not in body(part)
    assert "Sum 3" in body(part)
    assert start(client, found).status_code == 303
    running = body(client.get(found.get_absolute_url()))
    assert "Waiting for a worker" in running
    run_until_idle()
    done = body(client.get(found.get_absolute_url()))
    assert "12 examples are in." in done
    assert to.examples.count() == 12
    assert to.examples.first().suggestion["answer"] == {"output": "Sum 0"}
    assert searching.coverage(to) == (12, 12)


def test_the_done_page_counts_known_and_bad_rows_and_hands_out_their_list(as_, to):
    client = as_("curator")
    for _ in range(2):
        upload(client, to, [*LINES, b"{broken"])
        found = ExampleImport.objects.latest("pk")
        start(client, found)
        run_until_idle()
    page = body(client.get(found.get_absolute_url()))
    assert "The task had all of these rows" in page
    assert "1 row could not be read" in page
    table = body(as_("viewer").get(reverse("example_import_bad", args=[found.pk])))
    assert table.splitlines()[0] == "line,reason,excerpt"
    assert table.splitlines()[1].startswith("13,")
    assert json.loads(body(client.get(reverse("example_import_bad", args=[found.pk]) + "?as=jsonl")))["line"] == 13


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"instruction": "", "output": ""}, "Choose at least the column"),
        ({"instruction": "question"}, "There is no column question"),
        ({"outputs_as": "nonsense"}, "valid choice"), ({"max_bad": "101"}, "less than or equal to 100"),
    ],
)  # fmt: skip
def test_a_bad_mapping_does_not_start(as_, to, changes, says):
    client = as_("curator")
    upload(client, to)
    answer = start(client, ExampleImport.objects.get(), **changes)
    assert answer.status_code == 422
    assert says in body(answer)
    assert ExampleImport.objects.get().job is None


def test_a_file_that_cannot_be_read_is_refused_and_nothing_stays(as_, to):
    answer = upload(as_("curator"), to, [b"{broken", b"[1"])
    assert answer.status_code == 422
    assert "No row can be read" in body(answer)
    assert not ExampleImport.objects.exists()
    assert storage.usage("uploads") == 0


def test_too_many_bad_rows_lead_back_to_the_columns(as_, to):
    client = as_("curator")
    upload(client, to, [*LINES[:3], *[{"prompt": "", "completion": "x"}] * 3])
    found = ExampleImport.objects.get()
    start(client, found)
    run_until_idle()
    page = body(client.get(found.get_absolute_url()))
    assert "Too many rows are bad" in page
    assert 'href="?mapping"' in page
    assert start(client, found, max_bad="60").status_code == 303
    run_until_idle()
    assert to.examples.count() == 3


def test_discarding_a_file(as_, to):
    client = as_("curator")
    upload(client, to)
    found = ExampleImport.objects.get()
    assert client.post(found.get_absolute_url(), {"do": "discard"}).status_code == 303
    assert not ExampleImport.objects.exists()
    assert storage.usage("uploads") == 0


# --- by hand ---


def by_hand(client, to, **data):
    return client.post(reverse("example_new", args=[to.pk]), data)


def test_one_example_by_hand(as_, cast, to):
    given = {"instruction": "Sum up.", "input": "a\r\nb", "output": "c", "tags": "easy, ward ,easy", "key": "mine"}
    answer = by_hand(as_("curator"), to, **given)
    one = to.examples.get()
    assert (answer.status_code, answer["Location"]) == (303, one.get_absolute_url())
    assert load(one.content) == Content("single", "Sum up.", "a\nb")
    assert (one.key, one.tags, one.origin) == ("mine", ["easy", "ward"], "hand")
    assert one.suggestion == {"answer": {"output": "c"}, "by": "Curator", "score": None}
    assert one.slots.count() == 1
    assert searching.coverage(to) == (1, 1)


def test_a_chat_by_hand(as_, to):
    chat = '[{"role": "system", "content": "s"}, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes"}]'
    answer = by_hand(as_("curator"), to, messages=chat, another="1")
    assert answer["Location"] == reverse("example_new", args=[to.pk])
    one = to.examples.get()
    assert [turn.text for turn in load(one.content).messages] == ["Hi"]
    assert one.suggestion["answer"] == {"output": "Yes"}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({}, "says nothing yet"), ({"messages": "{"}, "not JSON"), ({"messages": "[]"}, "Messages"),
        ({"messages": "[]", "input": "x"}, "not both"), ({"input": "x", "key": "k0"}, "The task has this example already"),
        ({"input": "x", "tags": "t" * 61}, "at most 60 characters"),
        ({"input": "x", "tags": ",".join(map(str, range(21)))}, "at most 20"),
        ({"messages": '[{"role": "user", "content": "\\u0000"}]'}, "NUL"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_kept_in_the_form(as_, to, data, says):
    some(to, 1)
    answer = by_hand(as_("curator"), to, **data)
    assert answer.status_code == 422
    assert says in body(answer)
    assert to.examples.count() == 1


# --- near ---


def test_neighbours_as_a_page_and_as_a_part(as_, to):
    add(to, [NewExample(content(n, f"Answer {n}"), key=f"k{n}", answer={"output": f"Answer {n}"}) for n in range(3)])
    add(to, [NewExample(content(2), key="asked")])
    url = reverse("example_neighbours", args=[Example.objects.get(key="asked").pk])
    page = body(as_("annotator").get(url))
    assert page.index("Answer 2") < page.index("Answer 1")
    part = body(as_("annotator").get(url, headers=HX))
    assert "<html" not in part
    assert "Answer 2" in part
    lonely = some(task(to.team, "lonely"), 1)[0]
    assert "Nothing to compare with yet" in body(as_("viewer").get(reverse("example_neighbours", args=[lonely.pk])))


# --- who ---


def test_strangers_find_nothing_and_others_change_nothing(as_, cast, to):
    upload(as_("curator"), to)
    found = ExampleImport.objects.get()
    one = some(to, 1)[0]
    pages = {
        "example_import_new": to.pk, "example_new": to.pk, "example_import": found.pk, "example_import_bad": found.pk,
        "example_neighbours": one.pk,
    }  # fmt: skip
    for name, pk in pages.items():
        assert as_("stranger").get(reverse(name, args=[pk])).status_code == 404, name
    for role in ("viewer", "annotator"):
        client = as_(role)
        assert upload(client, to).status_code == 403
        assert by_hand(client, to, input="x").status_code == 403
        assert start(client, found).status_code == 403
        assert client.post(found.get_absolute_url(), {"do": "discard"}).status_code == 403
        assert "Waits for its mapping" in body(client.get(found.get_absolute_url()))
    assert ExampleImport.objects.count() == 1
    assert to.examples.count() == 1
