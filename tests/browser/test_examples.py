"""The table of examples in a real browser: by keyboard, changing many and taking it back, a phone, no script."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import axe

SEED = """
from curation.models import Team, User
from curation.actions import accepting
from tests.curation import made_tasks as made
team = Team.objects.get(slug="ward")
task = made.task(team, name={name!r}, form=[made.OUTPUT, made.LABEL])
every = made.examples(task, {count}, tags=["letters"], suggestion={{"answer": {{"output": "You are well."}}, "by": "file"}})
person = User.objects.filter(name="Dora").first() or made.person(team, "Dora")
made.submitted(task, person, {{"output": "You are well and go home.", "label": "yes"}})
done = every[0]
done.refresh_from_db()
accepting.accept(example=done, by=User.objects.get(email="owner@example.org"), answer={{"output": "You are well.", "label": "no"}})
print("made", task.pk, done.pk)
"""


@pytest.fixture
def make(site):
    def made(name: str, count: int) -> tuple[int, int]:
        out = site.manage("shell", "-v", "0", "-c", SEED.format(name=name, count=count))
        found = re.search(r"made (\d+) (\d+)", out)
        return int(found[1]), int(found[2])

    return made


def test_by_keyboard(tab, make):
    task, _ = make("Table by keys", 120)
    tab.goto(f"/tasks/{task}/examples/")
    rows = tab.locator(".example-rows > li")
    expect(rows).to_have_count(50)
    tab.evaluate("window.same = true")
    tab.keyboard.press("/")
    expect(tab.get_by_label("Search the examples")).to_be_focused()
    tab.keyboard.type("number 77")
    tab.keyboard.press("Enter")
    expect(tab.locator("#examples")).to_contain_text("1 matches")
    expect(rows).to_have_count(1)
    assert "q=number" in tab.url
    tab.go_back()
    expect(tab.locator(".example-rows > li")).to_have_count(50)
    tab.locator("h1").click()  # out of the search box
    tab.keyboard.press("j")
    expect(tab.get_by_role("link", name="Previous")).to_be_visible()
    expect(tab.locator(".row-start").first).to_contain_text("number 69")
    tab.keyboard.press("j")
    expect(rows).to_have_count(20)
    tab.keyboard.press("k")
    expect(tab.locator(".row-start").first).to_contain_text("number 69")
    tab.locator(".example-rows summary").first.focus()
    tab.keyboard.press("Enter")
    expect(tab.locator(".example-rows details[open]")).to_contain_text("Dear Dr Hall, letter number 69.")


def test_changing_several_and_taking_it_back(tab, make):
    task, _ = make("Table of many", 60)
    tab.goto(f"/tasks/{task}/examples/")
    tab.evaluate("window.same = true")
    tab.get_by_text("Change several").click()
    tab.get_by_label("Tick this page").check()
    tab.get_by_label("Tag or number").fill("seen")
    tab.get_by_role("button", name="Change them").click()
    expect(tab.locator("#toast")).to_contain_text("50 examples got the tag “seen”.")
    expect(tab.locator(".example-rows .chip", has_text="seen")).to_have_count(50)
    assert tab.evaluate("window.same")
    tab.locator("#toast").get_by_role("button", name="Undo").click()
    expect(tab.locator(".messages")).to_contain_text("50 examples are as they were.")
    expect(tab.locator(".example-rows .chip", has_text="seen")).to_have_count(0)

    tab.get_by_text("Change several").click()
    tab.get_by_label("What").select_option("Delete")
    expect(tab.get_by_label("Tag or number")).not_to_be_visible()
    tab.get_by_role("button", name="Change them").click()
    expect(tab.get_by_role("alert")).to_contain_text("No example is ticked")
    tab.get_by_label("Which").select_option("all")
    tab.get_by_role("button", name="Change them").click()
    expect(tab.locator("#toast")).to_contain_text("60 examples deleted.")
    expect(tab.locator("#examples")).to_contain_text("No examples yet")


@pytest.mark.parametrize(
    "tab", [{"viewport": {"width": 390, "height": 844}}, {"viewport": {"width": 1440, "height": 900}}], indirect=True
)
def test_pages_are_accessible_and_fit(tab, make):
    width = tab.viewport_size["width"]
    task, done = make(f"Table at {width}", 12)
    for path in (
        f"/tasks/{task}/examples/", f"/tasks/{task}/examples/?tag=letters&has=suggestion", f"/tasks/{task}/examples/?q=nowhere",
        f"/examples/{done}/", f"/examples/{done}/edit/",
    ):  # fmt: skip
        tab.goto(path)
        for fold in tab.locator("#main details:not([hx-get]):not(.dropdown)").all():
            fold.evaluate("fold => { fold.open = true }")
        assert axe(tab) == [], path
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, path


def test_one_example_edited_and_brought_back(tab, make):
    task, _ = make("Table of one", 3)
    tab.goto(f"/tasks/{task}/examples/?state=accepted")
    tab.locator(".example-rows summary").first.click()
    tab.get_by_role("link", name=re.compile("Open")).first.click()
    tab.keyboard.press("e")
    tab.get_by_label("Input").fill("Dear Dr Hall, another letter.")
    tab.keyboard.press("Control+Enter")
    expect(tab.locator(".history ins").first).to_contain_text("another")
    tab.get_by_role("button", name="Go back to revision 2").click()
    expect(tab.locator(".messages")).to_contain_text("again that of revision 2")
    expect(tab.locator(".example-text")).to_contain_text("letter number 0")


@pytest.mark.parametrize("tab", [{"java_script_enabled": False}], indirect=True)
def test_without_a_script(tab, make):
    task, _ = make("Table without", 60)
    tab.goto(f"/tasks/{task}/examples/")
    tab.get_by_label("Search the examples").fill("key:letter-1*")
    tab.get_by_role("button", name="Search").click()
    expect(tab.locator(".example-rows > li")).to_have_count(11)
    tab.get_by_text("Change several").click()
    tab.get_by_label("What").select_option("Delete")
    tab.get_by_label("Which").select_option("all")
    tab.get_by_role("button", name="Change them").click()
    expect(tab.get_by_role("status").filter(has_text="11 examples deleted.")).to_be_visible()
    tab.get_by_role("button", name="Undo").first.click()
    expect(tab.locator(".example-rows > li")).to_have_count(11)
    tab.get_by_role("link", name="Show all").click()
    tab.get_by_role("link", name="Next").click()
    expect(tab.locator(".example-rows > li")).to_have_count(10)
