"""Text of the data and of people is text: no mark-up, no reordered lines, no limit that breaks the page. And who may come in."""

import pytest
from django.urls import reverse

from curation.actions import accepting
from curation.actions.adding import NewExample, add_examples
from curation.content import Content, Message
from curation.models import Annotation, Demonstration, Example, Guideline, Task
from tests.curation import made_tasks as made

NASTY = '<script>alert(1)</script><img src=x onerror="alert(2)">"\'</textarea><b hx-get="/x" hx-trigger="load">'
BIDI = "left\u202eright\u2066\u0007"


def brought(task, content, **fields):
    add_examples(task=task, rows=[NewExample(content, **fields)], by=None, origin=Example.Origin.HAND)


def harmless(answer) -> bool:
    raw = answer.content.decode()
    return (
        "<script>alert" not in raw and "<img src=x" not in raw and "</textarea><b" not in raw and "<b hx-get" not in raw
    )


def test_script_tags_in_every_field_are_text(cast, task, page):
    Task.objects.filter(pk=task.pk).update(definition=NASTY, avoid=NASTY, version=2, name=f"N {NASTY}"[:100])
    task.refresh_from_db()
    Demonstration.objects.create(task=task, input=NASTY, output=f"```{NASTY}\n{NASTY}\n```", explanation=NASTY)
    Guideline.objects.create(task=task, number=1, text=NASTY, note=NASTY)
    Guideline.objects.create(task=task, number=2, text=NASTY * 2, note=NASTY)
    content = Content("single", NASTY, f"{NASTY}\n```{NASTY}\ncode {NASTY}\n```", (NASTY,), (), NASTY)
    fields = {
        "suggestion": {"answer": {"output": NASTY}, "by": NASTY},
        "source": NASTY,
        "lineage": {"pool_name": NASTY, "method": NASTY, "run": 1},
    }
    brought(task, content, key="a", **fields)
    brought(task, Content("chat", messages=(Message("user", NASTY), Message(NASTY[:40], NASTY))), key="b", **fields)
    answers = [page.open(script=False), page.post("diff", script=False, output=NASTY + "x"), page.submit(output=NASTY)]
    answers += [page.submit(output="", _note=NASTY), page.post("keep", output=NASTY, _note=NASTY)]
    done = page.submit(output=NASTY + "!", _note=NASTY)
    answers += [done, page.client.get(reverse("my_work", args=[task.pk]))]
    first = Annotation.objects.get(state="submitted")
    answers.append(page.client.get(reverse("annotation", args=[first.pk])))
    accepting.return_(annotation=first, by=cast.curator, feedback=NASTY)
    answers += [page.client.get(reverse("my_work", args=[task.pk])), page.open(), page.post("skip", _reason=NASTY)]
    answers.append(page.client.get(reverse("my_work", args=[task.pk])))
    assert [number for number, answer in enumerate(answers) if not harmless(answer)] == []
    assert "alert(1)" in answers[0].content.decode()


@pytest.mark.parametrize("do", ["repair", "no-such-deed", ""])
def test_only_submit_submits(task, page, do):
    brought(task, Content("single", "Say it"), key="a")
    page.open()
    answer = page.post(do, output="half of an answer")
    assert answer.status_code < 400
    saved = Annotation.objects.get()
    assert (saved.state, saved.answer) == ("draft", {"output": "half of an answer"})


def test_characters_that_cannot_be_seen_are_named(task, page):
    brought(task, Content("single", BIDI, BIDI), key="a")
    page.open()
    assert ">RLO</span>" in page.text
    assert ">LRI</span>" in page.text
    assert ">BEL</span>" in page.text


def test_a_megabyte_in_every_field_is_shown_and_taken(task, page):
    long = "Ein Satz mit vielen Wörtern. " * 36_000
    brought(task, Content("single", long, long), key="a")
    assert page.open().status_code == 200
    assert page.submit(output=long[:1_000_000], _note=long).status_code == 200
    done = Annotation.objects.get(state="submitted")
    assert len(done.answer["output"]) == 1_000_000
    assert len(done.note) == 20_000


def test_more_than_the_limit_is_refused_with_the_text_kept(task, page):
    made.examples(task, 1)
    page.open()
    assert page.submit(output="x" * 1_000_001).status_code == 422
    assert "1,000,000 are the most" in page.text
    assert page.text.count("x" * 1_000_001) == 1


@pytest.mark.parametrize("field", ["a-output", "note", "submit_key", "reason"])
@pytest.mark.parametrize("do", ["submit", "skip", "keep", "diff", "draft"])
def test_a_nul_character_breaks_nothing(task, page, field, do):
    made.examples(task, 2)
    page.open()
    assert page.post(do, **({"output": "fine"} | {f"_{field}": "a\0b"})).status_code in {200, 422}


@pytest.mark.parametrize(
    "hidden",
    [{"annotation": "x"}, {"annotation": ""}, {"annotation": "9" * 30}, {"annotation": "²"}],
)
def test_an_annotation_that_is_none_is_not_found(task, page, hidden):
    made.examples(task, 1)
    page.open()
    page.hidden |= hidden
    assert page.submit(output="x").status_code == 404


@pytest.mark.parametrize(
    "hidden",
    [
        {"version": "x"},
        {"version": "-1"},
        {"version": "9" * 30},
        {"seconds": "nan"},
        {"seconds": "1e999"},
        {"seconds": "x"},
    ],
)
def test_hidden_fields_that_say_nonsense(task, page, hidden):
    made.examples(task, 1)
    page.open()
    page.hidden |= hidden
    assert page.submit(output="x").status_code in {200, 409}


def test_who_may_come_in(as_, cast, task, page):
    made.examples(task, 2)
    page.open()
    expected = {"annotator": 200, "curator": 200, "owner": 200, "viewer": 403, "stranger": 404}
    assert {name: as_(name).get(page.url).status_code for name in expected} == expected
    # The open item of another person is out of reach for all.
    for name in ("curator", "owner", "stranger"):
        page.client = as_(name)
        assert page.submit(output="Not mine").status_code == 404
    assert not Annotation.objects.filter(state="submitted").exists()


def test_right_to_left_and_code_are_set_as_what_they_are(task, page):
    brought(task, Content("single", "لخّص الرسالة", "次の手紙を要約する。\n```python\nprint('<b>')\n```"), key="a")
    page.open()
    raw = page.answer.content.decode()
    assert 'class="codeblock"' in raw
    assert "print(&#x27;&lt;b&gt;&#x27;)" in raw
    assert raw.count('dir="auto"') >= 3
