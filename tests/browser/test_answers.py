"""Answer forms in a real browser: marks by mouse and key, turns, orders, lists; and the editor of the form."""

import json
import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import axe
from tests.jobs.plant import until

FORM = [
    {"name": "entities", "kind": "spans", "title": "Entities", "role": "meta", "options": {"labels": ["PERSON", "PLACE"]}},
    {"name": "order", "kind": "ranking", "title": "Order"},
    {"name": "facts", "kind": "json", "title": "Facts", "role": "meta", "options": {"schema": {
        "type": "object", "properties": {"names": {"type": "array", "items": {"type": "string"}}}}}},
    {"name": "talk", "kind": "dialogue", "title": "Talk", "role": "meta", "options": {"start": False}},
    {"name": "clarity", "kind": "rating", "title": "Clarity", "role": "meta", "options": {"low": "poor", "high": "good"}},
]  # fmt: skip
MAKE = """
import json, sys
from curation.actions.adding import NewExample, add_examples
from curation.answers import dump_form, load_form
from curation.content import Content
from curation.models import Example, Task, Team, User
team = Team.objects.get(slug="ward")
task = Task.objects.create(team=team, name={name!r}, definition="Mark.", form=dump_form(load_form(json.loads({form!r}))))
content = Content("single", "Mark.", {text!r}, ("First output.", "Second output.", "Third output."))
add_examples(task=task, rows=[NewExample(content, key="one")], by=User.objects.first(), origin=Example.Origin.HAND)
print("task", task.pk)
"""
READ = (
    "from curation.models import Annotation; import json; print(json.dumps(Annotation.objects.get(task={pk}).answer))"
)
TEXT = "Dr 👩‍👩‍👧 Anna Hall went to [[Rome]] | \\ in May."


@pytest.fixture(scope="package")
def make_task(site):
    def make(name: str, form=FORM) -> int:
        said = site.manage("shell", "-c", MAKE.format(name=name, form=json.dumps(form), text=TEXT))
        return int(re.search(r"task (\d+)", said)[1])

    return make


def picture(page, name: str) -> None:
    """A screenshot, for those who ask for one: PICTURES=/some/folder."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def saved(site, pk: int) -> dict:
    return json.loads(site.manage("shell", "-c", READ.format(pk=pk)).splitlines()[-1])


def walk_to(page, word: str) -> None:
    """To a word with the arrows; a text has an end, so the walk has one."""
    for _ in range(len(TEXT)):
        if word in page.evaluate("getSelection().toString()"):
            return
        page.keyboard.press("ArrowRight")
    focus = page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
    raise AssertionError(
        f"{word} was not reached; selected: {page.evaluate('getSelection().toString()')!r}, in {focus}"
    )


def test_every_kind_is_answered_with_mouse_and_keys(site, tab, make_task):
    pk = make_task("Everything")
    tab.goto(f"/tasks/{pk}/annotate/")
    view = tab.locator("[data-span-view]")
    view.focus()
    for _ in range(3):  # Dr, the family, Anna
        tab.keyboard.press("ArrowRight")
    walk_to(tab, "Anna")
    tab.keyboard.press("Shift+ArrowRight")
    assert tab.evaluate("getSelection().toString()") == "Anna Hall"
    tab.keyboard.press("1")
    expect(view.locator("button", has_text="PERSON")).to_be_visible()
    walk_to(tab, "Rome")
    tab.get_by_role("button", name="PLACE", exact=True).click()
    assert axe(tab) == []
    picture(tab, "answers")
    tab.get_by_role("button", name="Candidate 3 one place up").click()
    tab.get_by_role("button", name="Candidate 3 one place up").click()
    names = tab.locator("[data-list] textarea")
    names.nth(0).fill("Anna")
    names.nth(1).fill("Otto")
    tab.get_by_role("button", name="Add one").click()
    names.nth(2).fill("Rome")
    turns = tab.locator("[data-turn]:visible textarea")
    turns.nth(0).fill("Hello")
    tab.get_by_role("button", name="Add a turn").click()
    turns.nth(1).fill("to be removed")
    tab.get_by_role("button", name="Remove turn").nth(1).click()
    tab.get_by_role("button", name="Add a turn").click()
    turns.nth(1).fill("Good day")
    tab.get_by_role("group", name="Clarity").get_by_text("4", exact=True).click()
    picture(tab, "answered")
    tab.get_by_role("button", name="Submit").locator("visible=true").last.click()
    expect(
        tab.get_by_text("Nothing left").or_(tab.get_by_text("no example")).or_(tab.locator("#item h2")).first
    ).to_be_visible()
    until(lambda: saved(site, pk))
    answer = saved(site, pk)
    at = TEXT.index("Anna"), TEXT.index("Rome")
    assert answer == {
        "entities": [
            {"start": at[0], "end": at[0] + 9, "label": "PERSON", "text": "Anna Hall"},
            {"start": at[1], "end": at[1] + 4, "label": "PLACE", "text": "Rome"},
        ],
        "order": [2, 0, 1],
        "facts": {"names": ["Anna", "Otto", "Rome"]},
        "talk": [{"role": "user", "text": "Hello"}, {"role": "assistant", "text": "Good day"}],
        "clarity": 4,
    }


@pytest.mark.parametrize("tab", [{}, {"viewport": {"width": 390, "height": 844}}], ids=["wide", "phone"], indirect=True)
def test_the_editor_shows_what_annotators_will_see(tab, make_task, request):
    pk = make_task(f"Editor {request.node.callspec.id}", [])
    tab.goto(f"/tasks/{pk}/form/")
    picture(tab, f"form-empty-{request.node.callspec.id}")
    tab.get_by_role("button", name=re.compile("Correct the output")).click()
    expect(tab.locator("#preview").get_by_label("Output")).to_have_value("First output.")
    tab.get_by_label("Question").first.fill("A better output")
    tab.get_by_label("Question").first.blur()
    expect(tab.locator("#preview").get_by_text("A better output")).to_be_visible()
    assert axe(tab) == []
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    picture(tab, f"form-{request.node.callspec.id}")
    tab.locator("form").get_by_role("button", name="Save form").last.click()
    expect(tab.get_by_text("The form is saved")).to_be_visible()
