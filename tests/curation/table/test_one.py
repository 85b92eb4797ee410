"""The page of one example: who sees which answers, its history, going back, and edits that meet each other."""

import pytest
from django.urls import NoReverseMatch, reverse

from curation.actions import accepting, bulk, queue
from curation.content import Content, Message, load
from curation.models import Example, ExampleEvent
from tests.curation import made_tasks
from tests.curation.table import made

pytestmark = pytest.mark.django_db
MINE = {"output": "ANSWER-OF-ANNOTATOR", "label": "yes"}
THEIRS = {"output": "ANSWER-OF-OTHER", "label": "no"}


@pytest.fixture
def task(cast):
    return made.task(cast.team, wanted=2)


@pytest.fixture
def example(cast, task):
    """Answered by two people, not decided."""
    one = made.one(task, "a", content=Content("single", instruction="Summarise it.", input="The dose was high."))
    made_tasks.submitted(task, cast.annotator, MINE)
    made_tasks.submitted(task, made_tasks.person(cast.team, "Other"), THEIRS)
    one.refresh_from_db()
    return one


def url(example, name="example"):
    return reverse(name, args=[example.pk])


def body(answer):
    return answer.content.decode()


# --- who sees what ---


def test_answers_are_blind(as_, example):
    seen = {name: body(as_(name).get(url(example))) for name in ("curator", "annotator", "viewer")}
    for text, sees in ((MINE["output"], "curator annotator"), (THEIRS["output"], "curator")):
        for name, page in seen.items():
            assert (text in page) == (name in sees), (text, name)
    assert "Other" not in seen["annotator"]
    assert "Other" in seen["curator"]
    assert seen["annotator"].count("answered it") == 1
    assert seen["curator"].count("answered it") == 2
    assert "answered it" not in seen["viewer"]
    assert as_("stranger").get(url(example)).status_code == 404


def test_skips_and_returns_of_others_are_not_told(as_, cast, task, example):
    theirs = example.annotations.get(annotator__name="Other")
    accepting.return_(annotation=theirs, by=cast.curator, feedback="FEEDBACK-TO-OTHER")
    item = queue.next_item(task=task, user=cast.curator)
    assert item is None or queue.skip(annotation=item, by=cast.curator, reason="REASON-OF-CURATOR") is None
    text = body(as_("annotator").get(url(example)))
    assert "FEEDBACK-TO-OTHER" not in text
    assert "REASON-OF-CURATOR" not in text
    assert "FEEDBACK-TO-OTHER" in body(as_("curator").get(url(example)))


def test_gold_marks_are_no_part_of_the_history_of_others(as_, cast, task, example):
    accepting.accept(example=example, by=cast.curator, answer=MINE)
    change = bulk.change_many(task=task, by=cast.curator, examples=[example.pk], deed="gold").change
    bulk.undo(change=change, by=cast.curator)
    assert "gold" in body(as_("curator").get(url(example)))
    assert "gold" not in body(as_("annotator").get(url(example))).lower()


@pytest.mark.parametrize("name", ["annotator", "viewer"])
@pytest.mark.parametrize("do", ["tags", "revert", "delete", "restore", "reopen", "gold", "no_gold"])
def test_only_curators_change_it(as_, example, name, do):
    client = as_(name)
    assert client.post(url(example), {"do": do, "tags": "x", "to": "1", "revision": "1"}).status_code == 403
    assert client.get(url(example, "example_edit")).status_code == 403
    page = body(client.get(url(example)))
    assert "Edit the text" not in page
    assert "Delete this example" not in page


# --- what it shows ---


def test_where_it_came_from(as_, cast, task):
    lineage = {"pool_name": "open-pool", "run": 901, "run_number": 41, "method": "zipfit", "rank": 7, "score": 0.312}
    one = made.one(task, "r", origin="run", lineage=lineage, suggestion={"answer": MINE, "by": "zipfit", "score": 0.5})
    text = body(as_("viewer").get(url(one)))
    for said in ("from open-pool", "zipfit, run 41", "rank 7", "score .312", "Suggestion", "ANSWER-OF-ANNOTATOR"):
        assert said in text
    try:
        assert f'href="{reverse("run", args=[901])}"' in text
    except NoReverseMatch:
        assert "the run" not in text


def test_a_chat_is_shown_as_turns(as_, task):
    turns = (
        Message("user", "And the dose?"),
        Message("assistant", "", {"tool_calls": [{"name": "look"}]}),
        Message("tool", "5 mg"),
    )
    one = made.one(task, "c", content=Content("chat", system="Be brief.", messages=turns))
    text = body(as_("viewer").get(url(one)))
    assert "turn turn-user" in text
    assert "turn turn-tool" in text
    assert "tool_calls" not in text
    assert "look" in text


def test_tags(as_, example):
    client = as_("curator")
    assert client.post(url(example), {"do": "tags", "tags": "hard,  two words ,hard,"}).status_code == 303
    example.refresh_from_db()
    assert example.tags == ["hard", "two words"]
    assert ExampleEvent.objects.get(kind="tagged").facts == {"added": ["hard", "two words"], "removed": []}
    client.post(url(example), {"do": "tags", "tags": "hard, two words"})
    assert ExampleEvent.objects.filter(kind="tagged").count() == 1
    refused = client.post(url(example), {"do": "tags", "tags": "x" * 61})
    assert refused.status_code == 422
    assert "A tag has at most 60 characters" in body(refused)
    assert "x" * 61 in body(refused)
    assert client.post(url(example), {"do": "tags", "tags": ",".join(map(str, range(21)))}).status_code == 422
    assert client.post(url(example), {"do": "other"}).status_code == 404


def test_deleting_one_can_be_taken_back(as_, task, example):
    client = as_("curator")
    answer = client.post(url(example), {"do": "delete"})
    text = body(client.get(answer["Location"]))
    assert "Restore" in text
    undo = reverse("bulk_undo", args=[task.bulk_changes.get().pk])
    assert undo in text
    client.post(undo)
    example.refresh_from_db()
    assert example.deleted_at is None
    client.post(url(example), {"do": "delete"})
    client.post(url(example), {"do": "restore"})
    example.refresh_from_db()
    assert example.deleted_at is None


# --- history ---


def test_every_revision_is_told_with_what_changed_and_one_can_go_back(as_, cast, example):
    before = load(example.content)
    edited = Content("single", instruction="Summarise it.", input="The dose was low.")
    accepting.edit(example=example, by=cast.owner, content=edited, revision=1)
    accepting.accept(example=Example.objects.get(pk=example.pk), by=cast.curator, answer=MINE)
    client = as_("curator")
    text = body(client.get(url(example)))
    assert "<del>high</del><ins>low</ins>" in text
    assert "<ins>ANSWER-OF-ANNOTATOR</ins>" in text
    for said in (
        "Owner</strong> changed its text",
        "Curator</strong> accepted an answer",
        "The example</strong> came in",
    ):
        assert said in text
    for number in (1, 2):
        assert f"Go back to revision {number}" in text
    assert "Go back to revision 3" not in text
    stale = client.post(url(example), {"do": "revert", "to": "1", "revision": "2"})
    assert stale.status_code == 409
    assert client.post(url(example), {"do": "revert", "to": "99", "revision": "3"}).status_code == 404
    assert client.post(url(example), {"do": "revert", "to": "x", "revision": "3"}).status_code == 404
    assert client.post(url(example), {"do": "revert", "to": "1", "revision": "3"}).status_code == 303
    fresh = Example.objects.get(pk=example.pk)
    assert load(fresh.content) == before
    assert fresh.revision == 4
    assert "went back to revision 1" in body(client.get(url(example)))


def test_a_long_history_is_cut_and_long_texts_are_not_compared(as_, cast, example):
    for number in range(45):
        text = "x " * (20_000 if number % 2 else 1) + str(number)
        content = Content("single", instruction="Summarise it.", input=text)
        accepting.edit(example=example, by=cast.curator, content=content, revision=number + 1)
    page = body(as_("curator").get(url(example)))
    assert "revision 46" in page
    assert "Go back to revision 2<" not in page
    assert "Too long to be compared word by word" in page


# --- editing ---


def test_editing_writes_a_revision(as_, example):
    client = as_("curator")
    page = body(client.get(url(example, "example_edit")))
    assert "The dose was high." in page
    answer = client.post(
        url(example, "example_edit"),
        {
            "instruction": "Summarise it.",
            "input": "The dose\r\nwas low.",
            "output": ["One.", "", "Two."],
            "system": "",
            "revision": "1",
        },
    )
    assert answer.status_code == 303
    example.refresh_from_db()
    assert load(example.content) == Content("single", "Summarise it.", "The dose\nwas low.", ("One.", "Two."))
    assert example.revision == 2


def test_what_nobody_touched_comes_back_as_it_was(as_, task):
    odd = Content(
        "single",
        instruction="\nfirst line empty",
        input="a\r\nb\rc\n\u202e\u200b ",
        outputs=("x\r\n", "\ny"),
        system="s\r",
    )
    one = made.one(task, "odd", content=odd)
    page = body(as_("curator").get(url(one, "example_edit")))
    assert ">\n\nfirst line empty</textarea>" in page  # a browser drops the first of them
    sent = {
        "instruction": "\r\nfirst line empty",
        "input": "a\r\nb\r\nc\r\n\u202e\u200b ",
        "output": ["x\r\n", "\r\ny", ""],
        "system": "s\r\n",
    }
    assert as_("curator").post(url(one, "example_edit"), sent | {"revision": "1"}).status_code == 303
    one.refresh_from_db()
    assert load(one.content) == odd
    assert one.revision == 1


def test_a_chat_is_edited_turn_by_turn(as_, task):
    turns = (
        Message("user", "And the dose?"),
        Message("assistant", "", {"tool_calls": [1]}),
        Message("tool", "5 mg"),
        Message("user", "Thanks"),
    )
    one = made.one(task, "c", content=Content("chat", messages=turns))
    client = as_("curator")
    sent = {
        "system": "Be brief.", "revision": "1", "turn-role": ["user", "assistant", "tool", "user", "assistant"],
        "turn-text": ["And the dose, please?", "", "5 mg", "", "It is 5 mg."],
        "turn-extra": ["", '{"tool_calls": [2]}', "", "", ""],
    }  # fmt: skip
    bad = client.post(url(one, "example_edit"), sent | {"turn-extra": ["", "{", "", "", ""]})
    assert bad.status_code == 422
    assert "is not JSON" in body(bad)
    assert "And the dose, please?" in body(bad)
    assert client.post(url(one, "example_edit"), sent).status_code == 303
    one.refresh_from_db()
    assert load(one.content).messages == (
        Message("user", "And the dose, please?"), Message("assistant", "", {"tool_calls": [2]}), Message("tool", "5 mg"),
        Message("assistant", "It is 5 mg."),
    )  # fmt: skip
    assert load(one.content).system == "Be brief."


def test_two_who_edit_at_once_lose_nothing(as_, cast, example):
    client = as_("curator")
    theirs = Content("single", instruction="Summarise it.", input="The dose was THEIRS.")
    accepting.edit(example=example, by=cast.owner, content=theirs, revision=1)
    sent = {"instruction": "Summarise it.", "input": "The dose was MINE.", "revision": "1"}
    answer = client.post(url(example, "example_edit"), sent)
    text = body(answer)
    assert answer.status_code == 409
    assert "<del>THEIRS</del><ins>MINE</ins>" in text
    assert "The dose was MINE.</textarea>" in text
    assert "Owner changed it" in text
    assert 'name="revision" value="2"' in text
    assert load(Example.objects.get(pk=example.pk).content) == theirs
    assert client.post(url(example, "example_edit"), sent | {"revision": "2"}).status_code == 303
    example.refresh_from_db()
    assert (load(example.content).input, example.revision) == ("The dose was MINE.", 3)
    assert load(example.revisions.get(number=2).content) == theirs


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"instruction": " ", "input": ""}, "both are empty"), ({"input": "x" * 1_000_001}, "1,000,000 are the most")],
)
def test_what_cannot_be_saved_is_said(as_, example, changes, why):
    sent = {"instruction": "Summarise it.", "input": "y", "revision": "1"} | changes
    answer = as_("curator").post(url(example, "example_edit"), sent)
    assert answer.status_code == 422
    assert why in body(answer)
    example.refresh_from_db()
    assert example.revision == 1


def test_a_million_characters_can_be_edited(as_, task):
    text = "é" * 999_000
    one = made.one(task, "long", content=Content("single", instruction="Long", input=text))
    answer = as_("curator").post(url(one, "example_edit"), {"instruction": "Longer", "input": text, "revision": "1"})
    assert answer.status_code == 303
    one.refresh_from_db()
    assert load(one.content) == Content("single", "Longer", text)


def test_a_chat_too_long_for_a_page_says_so(as_, task):
    turns = tuple(Message("user", str(number)) for number in range(151))
    one = made.one(task, "c", content=Content("chat", messages=turns))
    answer = as_("curator").get(url(one, "example_edit"))
    assert answer.status_code == 422
    assert "At most" in body(answer) or "at most 150 turns" in body(answer)
