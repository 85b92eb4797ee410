"""Review in a real browser: a queue by keyboard alone, dialogs, a phone, no script."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import axe

SEED = """
from curation.models import Team, User, Role
from tests.curation import made_tasks as made
team = Team.objects.get(slug="ward")
task = made.task(team, name={name!r}, wanted=3, form=[made.OUTPUT, made.LABEL])
made.examples(task, {count})
known = {{one.name: one for one in User.objects.all()}}
people = [known.get(name) or made.person(team, name) for name in ("Ann", "Bea", "Cleo")]
says = [
    "Your heart is healthy. We changed two of your tablets, and we would like to see you again in six weeks.",
    "Your heart is healthy. We changed your tablets, and we would like to see you again in six weeks, please.",
    "Your heart is well. We changed your tablets and would like to see you again in six weeks.",
]
for number in range({count}):
    for person, text in zip(people, says):
        made.submitted(task, person, {{"output": text + f" ({{number}})", "label": "yes" if person.name != "Cleo" else "no"}},
            note="I was not sure about the tablets." if person.name == "Bea" else "", seconds=40 + number)
print("made", task.pk)
"""


@pytest.fixture
def make(site):
    def made(name: str, count: int) -> int:
        out = site.manage("shell", "-v", "0", "-c", SEED.format(name=name, count=count))
        return int(re.search(r"made (\d+)", out)[1])

    return made


def example(tab) -> str:
    return tab.locator("#review h1").inner_text()


def test_a_queue_by_keyboard_alone(tab, make):
    task = make("Review by keys", 5)
    tab.goto(f"/tasks/{task}/review/")
    tab.keyboard.press("n")
    expect(tab.locator(".answer-column")).to_have_count(3)
    tab.evaluate("window.same = true")
    expect(tab.locator(".answer-column.picked")).to_have_count(1)
    expect(tab.locator(".answer-column ins").first).to_be_visible()

    first = example(tab)
    tab.keyboard.press("3")  # the third answer is compared with the others
    expect(tab.locator(".answer-column.picked")).to_contain_text("Cleo")
    tab.keyboard.press("a")
    expect(tab.locator("#toast")).to_contain_text("Example accepted")
    expect(tab.locator("#review h1")).not_to_have_text(first)
    expect(tab.locator("#review h1")).to_be_focused()

    second = example(tab)
    tab.keyboard.press("j")  # left for later
    expect(tab.locator("#review h1")).not_to_have_text(second)
    tab.evaluate("window.same = true")

    third = example(tab)
    tab.keyboard.press("e")
    box = tab.get_by_label("Output")
    expect(box).to_have_value(re.compile("Your heart"))
    box.fill("Your heart is fine.")
    tab.keyboard.press("Control+Enter")
    expect(tab.locator("#review h1")).not_to_have_text(third)

    fourth = example(tab)
    tab.keyboard.press("r")
    expect(tab.locator("#return textarea")).to_be_focused()
    tab.keyboard.type("Say which tablets.")
    tab.keyboard.press("Control+Enter")
    expect(tab.locator("#toast")).to_contain_text("Example returned")
    expect(tab.locator("#review h1")).not_to_have_text(fourth)

    fifth = example(tab)
    tab.keyboard.press("x")
    tab.get_by_label("Why").fill("Twice in the data")
    tab.keyboard.press("Control+Enter")
    expect(tab.locator("#toast")).to_contain_text("Example rejected")
    expect(tab.locator("#review h1")).not_to_have_text(fifth)
    assert tab.evaluate("window.same")
    assert example(tab) == second  # what was left for later comes again
    tab.keyboard.press("a")
    expect(tab.get_by_role("heading", name="Nothing else waits here")).to_be_focused()
    tab.get_by_role("button", name="Undo").click()
    expect(tab.locator("#review h1")).to_have_text(second)


@pytest.mark.parametrize(
    "tab", [{"viewport": {"width": 390, "height": 844}}, {"viewport": {"width": 1440, "height": 900}}], indirect=True
)
def test_pages_are_accessible_and_fit(tab, make):
    width = tab.viewport_size["width"]
    task = make(f"Review at {width}", 2)
    tab.goto(f"/tasks/{task}/review/")
    assert axe(tab) == []
    tab.get_by_role("link", name="Begin").click()
    tab.locator(".answer-column").first.wait_for()
    assert axe(tab) == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tops = [box.bounding_box()["y"] for box in tab.locator(".answer-column").all()]
    assert len(set(tops)) == (3 if width == 390 else 1)
    for path in ("/t/ward/activity/", "/t/ward/audit/", "/t/ward/team/", "/t/ward/"):
        tab.goto(path)
        assert axe(tab) == [], path
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, path


@pytest.mark.parametrize("tab", [{"java_script_enabled": False}], indirect=True)
def test_without_a_script(tab, make):
    task = make("Review without", 3)
    tab.goto(f"/tasks/{task}/review/?do=next&show=all&order=oldest")
    tab.get_by_label("Take the answer of Cleo").check()
    tab.get_by_role("button", name="Compare with the chosen one").click()
    expect(tab.locator(".answer-column.picked")).to_contain_text("Cleo")
    tab.get_by_role("button", name="Return").click()
    tab.get_by_label("What should be different").fill("Say which tablets.")
    tab.get_by_role("button", name="Return it").click()
    expect(tab.locator(".answer-column")).to_have_count(3)
    tab.get_by_role("button", name="Accept").click()
    expect(tab.get_by_role("status").filter(has_text="was accepted")).to_be_visible()
    tab.get_by_role("button", name="Undo").click()
    expect(tab.locator(".answer-column")).to_have_count(3)
