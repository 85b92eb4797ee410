"""The page on which a curator makes the answer form of a task."""

import pytest
from django.urls import reverse

from curation.actions import queue
from curation.answers import PRESETS, dump_form, load_form
from curation.answers.editing import added, fits, form_of, posted_rows, rows_of
from curation.answers.kinds import KINDS
from curation.models import Annotation, AuditEvent
from tests.curation import made_tasks as made
from tests.curation.answers.test_templates import Page


@pytest.fixture
def task(cast):
    return made.task(cast.team, form=dump_form(load_form(PRESETS["classification"].form)))


def address(task) -> str:
    return reverse("task_form", args=[task.pk])


def inputs(response) -> dict[str, list[str]]:
    """What a browser sends of the editor: without the preview, which belongs to no form."""
    page = Page(response.content.decode())
    return {name: texts for name, texts in page.posted.items() if name and not name.startswith("p-")}


# --- rows and forms, without a page ---


@pytest.mark.parametrize("name", PRESETS)
def test_the_inputs_give_the_form_back(name):
    form = load_form(PRESETS[name].form)
    assert form_of(rows_of(form)) == form


def test_labels_with_everything_are_written_and_read():
    labels = [
        "a b",
        {"value": "b", "title": "Bee", "key": "x", "hue": 7, "help": "One | two"},
        {"value": "c", "title": "a|b"},
        {"value": "d", "help": "only\nhelp"},
        {"value": "e", "hue": 3},
    ]
    form = load_form([{"name": "l", "kind": "labels", "options": {"labels": labels}}])
    [row] = rows_of(form)
    assert row.texts["labels"].split("\n")[:2] == ["a b", "b | Bee | x | 7 | One | two"]
    assert form_of([row]) == form


def test_a_field_of_every_kind_can_be_added_to_an_empty_form():
    for kind in KINDS:
        [field] = form_of(added([], kind)).fields
        assert field.kind == kind
    both = form_of(added(added([], "text"), "text"))
    assert [(one.name, one.role) for one in both.fields] == [("text", "output"), ("text_2", "meta")]


def test_what_surely_fits():
    def form(**options):
        return load_form([{"name": "x", "kind": "labels", **options}])

    yes_no = form(options={"labels": ["yes", "no"]})
    more = form(options={"labels": ["no", "yes", "maybe"]}, title="Other words", required=False)
    assert fits(yes_no, more)
    assert not fits(more, yes_no)
    with_note = load_form([*dump_form(yes_no), {"name": "note", "kind": "text", "role": "meta", "required": False}])
    assert fits(yes_no, with_note)
    assert not fits(with_note, yes_no)
    assert not fits(yes_no, load_form([*dump_form(yes_no), {"name": "note", "kind": "text", "role": "meta"}]))


# --- the page ---


@pytest.mark.parametrize(
    ("who", "status"),
    [("owner", 200), ("curator", 200), ("annotator", 403), ("viewer", 403), ("stranger", 404)],
)
def test_curators_make_forms(as_, task, who, status):
    client = as_(who)
    assert client.get(address(task)).status_code == status
    sent = {"version": ["1"], "f-0.kind": ["text"], "f-0.name": ["said"], "do": ["save"]}
    assert client.post(address(task), sent).status_code == (303 if status == 200 else status)
    task.refresh_from_db()
    assert (task.form[0]["name"] == "said") == (status == 200)


def test_a_form_without_fields_is_not_saved(as_, task):
    response = as_("curator").post(address(task), {"do": "save", "version": task.version})
    assert response.status_code == 422
    assert "The form has no field yet" in response.content.decode()


def test_the_page_sends_back_what_it_shows(as_, task):
    response = as_("curator").get(address(task))
    rows = posted_rows(inputs(response))
    assert dump_form(form_of(rows)) == task.form
    page = Page(response.content.decode())
    assert page.unnamed == []
    assert set(page.fors) <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_shown_and_then_saved(as_, task, name):
    client = as_("curator")
    shown = client.post(address(task), inputs(client.get(address(task))) | {"do": [f"preset:{name}"]})
    assert shown.status_code == 200
    assert "Not saved yet" in shown.content.decode()
    task.refresh_from_db()
    assert task.form == dump_form(load_form(PRESETS["classification"].form))
    saved = client.post(address(task), inputs(shown) | {"do": ["save"]})
    assert saved.status_code == 303
    task.refresh_from_db()
    assert task.form == dump_form(load_form(PRESETS[name].form))


def test_fields_are_added_moved_and_removed(as_, task):
    client = as_("curator")
    names = lambda response: [row.name for row in posted_rows(inputs(response))]  # noqa: E731
    page = client.get(address(task))
    page = client.post(address(task), inputs(page) | {"do": ["add"], "kind": ["rating"]})
    page = client.post(address(task), inputs(page) | {"do": ["add"], "kind": ["text"]})
    assert names(page) == ["label", "rating", "text"]
    page = client.post(address(task), inputs(page) | {"do": ["up:2"]})
    assert names(page) == ["label", "text", "rating"]
    page = client.post(address(task), inputs(page) | {"do": ["down:0"]})
    page = client.post(address(task), inputs(page) | {"do": ["remove:1"]})
    assert names(page) == ["text", "rating"]
    for nonsense in ("up:0", "down:9", "remove:77", "up:-1", "fly:1", "preset:none"):
        assert names(client.post(address(task), inputs(page) | {"do": [nonsense]})) == ["text", "rating"]


def test_saving_counts_the_version_up_and_leaves_a_line_in_the_record(as_, cast, task):
    client = as_("curator")
    page = client.post(address(task), inputs(client.get(address(task))) | {"do": ["preset:correct"]})
    client.post(address(task), inputs(page) | {"do": ["save"]})
    task.refresh_from_db()
    assert task.version == 2
    event = AuditEvent.objects.get(action="task.form")
    assert (event.actor_id, event.facts["fields"]) == (cast.curator.pk, ["output", "clarity"])
    client.post(address(task), inputs(client.get(address(task))) | {"do": ["save"]})
    task.refresh_from_db()
    assert task.version == 2, "nothing changed, so nothing is counted"


def test_a_form_that_cannot_be_used_comes_back_with_the_place(as_, task):
    client = as_("curator")
    sent = inputs(client.get(address(task)))
    sent["f-0.o.labels"] = ["yes\r\nyes"]
    response = client.post(address(task), sent | {"do": ["save"]})
    assert response.status_code == 422
    text = response.content.decode()
    assert "is there twice" in text
    assert 'href="#field-0"' in text
    assert inputs(response)["f-0.o.labels"] == ["yes\r\nyes"]
    task.refresh_from_db()
    assert task.version == 1


def test_bad_json_of_a_schema_is_named(as_, task):
    client = as_("curator")
    page = client.post(address(task), inputs(client.get(address(task))) | {"do": ["preset:json"]})
    for schema, why in (("{", "is not JSON"), ('{"$ref": "https://x.org/a"}', "may refer only to itself")):
        response = client.post(address(task), inputs(page) | {"f-0.o.schema": [schema], "do": ["save"]})
        assert response.status_code == 422
        assert why in response.content.decode()


def test_a_form_that_somebody_else_saved_meanwhile_is_not_overwritten(as_, task):
    client = as_("curator")
    old = inputs(client.get(address(task)))
    client.post(address(task), inputs(client.post(address(task), old | {"do": ["preset:text"]})) | {"do": ["save"]})
    response = client.post(address(task), old | {"do": ["save"]})
    assert response.status_code == 409
    assert "Somebody changed this before you" in response.content.decode()


@pytest.fixture
def answered(cast, task):
    made.examples(task, 3)
    for answer in ("yes", "no"):
        made.submitted(task, cast.annotator, {"label": answer})
    return task


def test_a_change_that_answers_do_not_fit_asks_first_and_rewrites_none(as_, answered):
    client = as_("curator")
    sent = inputs(client.get(address(answered))) | {"f-0.o.labels": ["yes\r\nperhaps"], "do": ["save"]}
    asked = client.post(address(answered), sent)
    assert asked.status_code == 409
    assert "1 of 2 answers would not fit" in asked.content.decode()
    assert 'name="confirm"' in asked.content.decode()
    answered.refresh_from_db()
    assert answered.version == 1
    assert client.post(address(answered), inputs(asked) | {"do": ["save"], "confirm": ["1"]}).status_code == 303
    answered.refresh_from_db()
    assert [one["value"] for one in answered.form[0]["options"]["labels"]] == ["yes", "perhaps"]
    assert sorted(Annotation.objects.exclude(submitted_at=None).values_list("answer__label", flat=True)) == [
        "no",
        "yes",
    ]


@pytest.mark.parametrize(
    ("change", "count"),
    [
        ({"f-0.o.labels": ["no\r\nyes\r\nmaybe\r\ncannot say"]}, 0),
        ({"f-0.title": ["Other words"], "f-0.help": ["More words"]}, 0),
        ({"f-0.name": ["renamed"]}, 2),
        ({"f-1.kind": ["text"], "f-1.name": ["why"], "f-1.role": ["meta"]}, 0),
        ({"f-1.kind": ["text"], "f-1.name": ["why"], "f-1.role": ["meta"], "f-1.required": ["1"]}, 2),
    ],
)
def test_only_changes_that_break_answers_ask(as_, answered, change, count):
    client = as_("curator")
    response = client.post(address(answered), inputs(client.get(address(answered))) | change | {"do": ["save"]})
    assert response.status_code == (409 if count else 303)
    if count:
        assert f"{count} of 2 answers would not fit" in response.content.decode()


def test_the_preview_shows_the_form_on_the_first_example(as_, task):
    client = as_("curator")
    assert "On a made-up example" in client.get(address(task)).content.decode()
    made.examples(task, 1)
    sent = inputs(client.get(address(task))) | {"do": ["preset:spans"]}
    response = client.post(address(task), sent, headers={"HX-Request": "true"})
    text = response.content.decode()
    assert text.lstrip().startswith("<aside")
    assert "letter number 0" in text
    assert "On the first example" in text


def test_text_of_people_is_text(as_, task):
    evil = "<script>alert(1)</script>"
    client = as_("curator")
    sent = inputs(client.get(address(task))) | {
        "f-0.title": [evil],
        "f-0.help": [evil],
        "f-0.o.labels": [f"a | {evil}"],
    }
    sent |= {"f-0.name": [evil], "do": ["save"]}
    bad = client.post(address(task), sent)
    assert bad.status_code == 422
    assert evil not in bad.content.decode()
    good = client.post(address(task), sent | {"f-0.name": ["fine"]}, follow=True)
    assert evil not in good.content.decode()
    assert good.status_code == 200


def test_the_queue_takes_the_new_form(cast, answered, as_):
    client = as_("curator")
    sent = inputs(client.get(address(answered))) | {"f-0.o.labels": ["yes\r\nno\r\nlate"], "do": ["save"]}
    assert client.post(address(answered), sent).status_code == 303
    answered.refresh_from_db()
    found = queue.next_item(task=answered, user=cast.annotator)
    assert queue.submit(annotation=found, by=cast.annotator, version=found.version, answer={"label": "late"}).annotation
