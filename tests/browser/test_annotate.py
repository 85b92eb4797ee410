"""The annotation page in a real browser: a shift by keyboard alone, drafts, conflicts, time, a phone, no script."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import axe

LABELS = [
    {
        "name": "label", "kind": "labels", "title": "Urgent", "role": "output", "required": True,
        "options": {"labels": ["yes", "no"]},
    },
    {"name": "comment", "kind": "text", "title": "Comment", "role": "meta", "required": False},
]  # fmt: skip
LETTER = (
    "Dear Dr Hall,\n\nthis 67-year-old man came to us with **chest pain** on walking, which had become worse over two weeks. "
    "Troponin was normal twice.\n\n```python\nrisk = grace(age=67, troponin=0.01)\n```\n\nWe changed his tablets "
    "and would like to see him again in six weeks.\n\nYours sincerely"
)


@pytest.fixture
def make(site):
    """`make(name, count, form=…, suggestion=…)` makes a task with examples for the owner; its number comes back."""

    def made(name: str, count: int = 3, *, form=None, then: str = "", **fields) -> int:
        code = f"""
import json
from curation.models import Team, User, Guideline, Demonstration
from curation.content import Content
from curation.actions.adding import NewExample, add_examples
from tests.curation import made_tasks
given = json.loads({json.dumps(json.dumps({"form": form, "fields": fields, "letter": LETTER}))})
team = Team.objects.get(slug="ward")
task = made_tasks.task(team, name={name!r}, form=given["form"])
asked = "Summarise the letter in words that the patient understands."
came = {{"pool_name": "open-pool", "method": "zipfit", "run_number": 41, "score": 0.3124}}
rows = [
    NewExample(Content("single", asked, f"Letter {{n}}\\n\\n" + given["letter"]), key=f"k{{n}}", source="letters", lineage=came,
        **given["fields"])
    for n in range({count})
]
add_examples(task=task, rows=rows, by=None, origin="hand")
owner = User.objects.get(email="owner@example.org")
{then}
print("made", task.pk)
"""
        return int(re.search(r"made (\d+)", site.manage("shell", "-v", "0", "-c", code))[1])

    return made


def answers(site, task: int) -> list[dict]:
    code = (
        "import json; from curation.models import Annotation; print(json.dumps([[a.state, a.answer, a.example.key] "
        f"for a in Annotation.objects.filter(task={task}).order_by('example__pk').select_related('example')]))"
    )
    return [
        dict(zip(("state", "answer", "key"), row, strict=True))
        for row in json.loads(site.manage("shell", "-v", "0", "-c", code))
    ]


def start(tab, task: int) -> None:
    tab.goto(f"/tasks/{task}/annotate/")
    tab.locator("#item").wait_for()


def letter(tab, number: int) -> None:
    expect(tab.locator("#item .reading")).to_contain_text(f"Letter {number}\n")


def submit(tab) -> None:
    """Ctrl and Enter; the answer must bring another item."""
    before = tab.locator("#item").get_attribute("data-item")
    tab.keyboard.press("Control+Enter")
    expect(tab.locator(f'#item[data-item="{before}"]')).to_have_count(0)


def test_a_shift_by_keyboard_alone(tab, site, make):
    """Twenty items with labels and text, one skipped, one returned in between; no mouse, no reload."""
    task = make("A shift", 20, form=LABELS)
    start(tab, task)
    tab.evaluate("window.same = true")
    for number in range(20):
        letter(tab, number)
        expect(tab.locator("#item input[type=radio]").first).to_be_focused()
        if number == 7:
            tab.keyboard.press("s")
            tab.keyboard.type("Not a letter")
            submit(tab)
            continue
        tab.keyboard.press("2" if number % 3 else "1")
        if number == 4:
            tab.keyboard.press("Tab")
            tab.keyboard.type("Needs a second look")
        if number == 11:
            give_back(site, task, "k2", "Look again: he has pain")
        submit(tab)
        if number == 11:  # returned work comes before anything new
            expect(tab.locator("#item")).to_contain_text("Look again: he has pain")
            letter(tab, 2)
            tab.keyboard.press("1")
            submit(tab)
    expect(tab.get_by_role("heading", name="You have done all you can here")).to_be_visible()
    assert tab.evaluate("window.same")
    found = answers(site, task)
    assert [one["state"] for one in found] == ["submitted"] * 7 + ["skipped"] + ["submitted"] * 12
    labels = {one["key"]: one["answer"].get("label") for one in found}
    expected = {f"k{n}": ("no" if n % 3 else "yes") for n in range(20)} | {"k7": None, "k2": "yes"}
    assert labels == expected
    assert found[4]["answer"]["comment"] == "Needs a second look"


def give_back(site, task: int, key: str, feedback: str) -> None:
    site.manage(
        "shell", "-v", "0", "-c",
        "from curation.models import *; from curation.actions.accepting import return_; "
        f"found = Annotation.objects.get(task={task}, example__key={key!r}); "
        f"return_(annotation=found, by=User.objects.first(), feedback={feedback!r})",
    )  # fmt: skip


def test_the_keys_are_listed_and_leave_a_field(tab, make):
    start(tab, make("Keys", 2))
    expect(tab.get_by_label("Output")).to_be_focused()
    tab.keyboard.type("s?")  # plain keys are text here
    expect(tab.get_by_label("Output")).to_have_value("s?")
    tab.keyboard.press("Escape")
    tab.keyboard.press("?")
    dialog = tab.get_by_role("dialog", name="Keys on this page")
    for words in ("Submit", "Skip", "Note to the reviewer", "Leave the field"):
        expect(dialog).to_contain_text(words)
    assert axe(tab) == []


def test_a_draft_comes_back_after_a_reload(tab, make):
    start(tab, make("Drafts", 2))
    tab.get_by_label("Output").fill("You came to hospital because")
    expect(tab.locator("[data-saved]")).to_have_text(re.compile(r"saved \d\d:\d\d"))
    tab.reload()
    expect(tab.get_by_label("Output")).to_have_value("You came to hospital because")
    letter(tab, 0)


@pytest.fixture
def rough(site, chrome, signed_in):
    """A page whose requests may break: the browser writes that to its console, so the console is not looked at."""
    context = chrome.new_context(base_url=site.url, storage_state=signed_in)
    yield context.new_page()
    context.close()


def test_text_that_the_server_never_got_comes_back_too(rough, make):
    """The server is away while she writes; the browser keeps the text and the page brings it back."""
    start(rough, make("Away", 2))
    rough.route("**/draft/", lambda route: route.fulfill(status=503, body="away"))
    rough.route(
        "**/annotate/",
        lambda route: route.fulfill(status=503, body="away") if route.request.method == "POST" else route.continue_(),
    )
    rough.get_by_label("Output").fill("Not on the server")
    expect(rough.locator("[data-saved]")).to_contain_text("kept in this browser")
    rough.unroute("**/draft/")
    rough.unroute("**/annotate/")
    rough.reload()
    expect(rough.get_by_label("Output")).to_have_value("Not on the server")
    expect(rough.locator("[data-saved]")).to_have_text(re.compile(r"saved \d\d:\d\d"))


def test_a_submit_that_the_server_missed_is_sent_again(rough, site, make):
    task = make("Again", 3)
    start(rough, task)
    lost = []

    def lose_the_first(route):
        if route.request.method == "POST" and not lost:
            lost.append(route.fetch())  # the server has it, the answer is lost
            route.abort()
        else:
            route.continue_()

    rough.route("**/annotate/", lose_the_first)
    rough.get_by_label("Output").fill("Sent twice, counted once")
    rough.keyboard.press("Control+Enter")
    expect(rough.locator("[data-saved]").first).to_contain_text("sent again by itself")
    letter(rough, 1)
    expect(rough.get_by_label("Output")).to_have_value("")
    assert [one["state"] for one in answers(site, task)].count("submitted") == 1


def test_two_browsers_in_conflict_lose_nothing(tab, site, chrome, signed_in, make):
    task = make("Conflict", 2)
    start(tab, task)
    context = chrome.new_context(base_url=site.url, storage_state=signed_in)
    other = context.new_page()
    start(other, task)
    other.get_by_label("Output").fill("Written on the other computer")
    expect(other.locator("[data-saved]")).to_have_text(re.compile(r"saved \d\d:\d\d"))
    context.close()
    tab.get_by_label("Output").fill("Written on this computer")
    conflict = tab.locator(".conflict")
    conflict.wait_for()
    expect(conflict).to_contain_text("This answer was saved elsewhere")
    expect(conflict.locator("del")).to_contain_text("the other")
    expect(conflict.locator("ins")).to_contain_text("this")
    expect(tab.get_by_label("Output")).to_have_value("Written on this computer")
    assert axe(tab) == []
    assert answers(site, task)[0]["answer"] == {"output": "Written on the other computer"}
    tab.get_by_role("button", name="Keep mine").click()
    expect(conflict).to_have_count(0)
    submit(tab)
    assert answers(site, task)[0]["answer"] == {"output": "Written on this computer"}


def test_the_end_of_the_time_is_warned_of_and_work_can_still_be_submitted(tab, site, make):
    task = make("Time", 2, then="type(task).objects.filter(pk=task.pk).update(claim_minutes=3)")
    tab.clock.install()
    start(tab, task)
    expect(tab.locator("[data-clock]")).to_have_text(re.compile(r"0[23]:\d\d left on this item"))
    tab.clock.run_for(70_000)
    expect(tab.locator("[data-clock]")).to_have_class(re.compile("soon"))
    expect(tab.locator("#status")).to_contain_text("2 minutes left on this item")
    tab.clock.run_for(130_000)
    expect(tab.locator("[data-clock]")).to_contain_text("Time is up")
    expect(tab.locator("#status")).to_contain_text("submit works while the place is free")
    assert axe(tab) == []
    tab.get_by_label("Output").fill("Just in time")
    submit(tab)
    assert answers(site, task)[0]["state"] == "submitted"


def test_the_next_item_is_there_before_the_answer(tab, make):
    """Fetched in advance, shown at once and out of reach, then replaced by what the server says."""
    start(tab, make("Ahead", 3))
    with tab.expect_response(lambda answer: "ahead=" in answer.url):
        pass
    held = []
    tab.route("**/annotate/", lambda route: held.append(route) if route.request.method == "POST" else route.continue_())
    tab.get_by_label("Output").fill("Done")
    tab.keyboard.press("Control+Enter")
    shown = tab.locator("[data-shown-ahead]")
    expect(shown).to_contain_text("Letter 1")
    assert shown.evaluate("el => el.inert")
    expect(tab.locator("#item")).to_be_hidden()
    held[0].continue_()
    expect(shown).to_have_count(0)
    letter(tab, 1)
    expect(tab.get_by_label("Output")).to_be_focused()


def test_an_invalid_answer_brings_the_item_back(tab, make):
    start(tab, make("Invalid", 3))
    with tab.expect_response(lambda answer: "ahead=" in answer.url):
        pass
    tab.keyboard.press("Control+Enter")
    expect(tab.locator(".error-summary")).to_be_focused()
    letter(tab, 0)
    expect(tab.locator("[data-shown-ahead]")).to_have_count(0)


def test_a_suggestion_is_compared_and_confirmed(tab, make):
    start(tab, make("Suggested", 2, suggestion={"answer": {"output": "You are well."}, "by": "zephyr-7b"}))
    expect(tab.get_by_label("Output")).to_have_value("You are well.")
    tab.keyboard.press("Control+Enter")
    sure = tab.get_by_label("I read it and it is right")
    expect(sure).to_be_focused()
    expect(tab.locator(".unchanged kbd")).to_have_text("Y")
    tab.keyboard.press("?")
    expect(tab.get_by_role("dialog", name="Keys on this page")).to_contain_text("yI read it and it is right")
    tab.keyboard.press("Escape")
    tab.keyboard.press("y")
    expect(sure).to_be_checked()
    submit(tab)
    letter(tab, 1)
    tab.get_by_label("Output").fill("You are better.")
    tab.keyboard.press("Escape")
    tab.keyboard.press("d")
    expect(tab.locator("#changes ins")).to_have_text("better")
    tab.keyboard.press("d")
    expect(tab.locator("#changes ins")).to_have_count(0)


@pytest.mark.parametrize("tab", [{"java_script_enabled": False}], indirect=True, ids=["no-script"])
def test_without_a_script(tab, site, make):
    task = make("Plain", 3, suggestion={"answer": {"output": "You are well."}})
    start(tab, task)
    tab.get_by_label("Output").fill("You are better.")
    tab.get_by_role("button", name="Show changes").click()
    expect(tab.locator("#changes ins")).to_have_text("better")
    tab.get_by_role("button", name="Save draft").click()
    expect(tab.get_by_text("Saved as a draft.")).to_be_visible()
    tab.locator(".writing-actions").get_by_role("button", name="Submit").click()
    letter(tab, 1)
    tab.get_by_label("Reason, if you skip").fill("Not now")
    tab.locator(".writing-actions").get_by_role("button", name="Skip").click()
    letter(tab, 2)
    tab.get_by_role("link", name="My work").click()
    tab.get_by_role("button", name="Take back").click()
    letter(tab, 1)
    assert [one["state"] for one in answers(site, task)] == ["submitted", "draft", "draft"]


def test_a_list_by_keyboard(tab, site, make):
    task = make("List", 6, form=LABELS[:1])
    tab.goto(f"/tasks/{task}/annotate/bulk/")
    tab.evaluate("window.same = true")
    assert axe(tab) == []
    for key in ("j", "x", "j", "x", "j", "j", "k"):
        tab.keyboard.press(key)
    expect(tab.locator("[data-tally]")).to_have_text("2")
    tab.keyboard.press("1")
    tab.keyboard.press("Control+Enter")
    expect(tab.locator("#bulk").get_by_text("2 submitted.")).to_be_visible()
    expect(tab.locator("[data-row]")).to_have_count(4)
    assert tab.evaluate("window.same")
    assert [one["answer"] for one in answers(site, task)][:2] == [{"label": "yes"}] * 2


@pytest.mark.parametrize(
    "tab",
    [
        {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "has_touch": True},
        {"viewport": {"width": 1600, "height": 1000}, "color_scheme": "light"},
    ],
    indirect=True, ids=["phone-dark", "wide-light"],
)  # fmt: skip
def test_every_page_fits_and_pleases_axe(tab, site, make, request):
    name = request.node.callspec.id
    then = """
from curation.models import TaskMember
Guideline.objects.create(task=task, number=1, text="# Write *plainly*")
Demonstration.objects.create(task=task, input="In", output="Out", explanation="Because")
TaskMember.objects.create(task=task, user=owner, daily_goal=20)
"""
    suggestion = {"answer": {"output": "You are well."}, "by": "zephyr-7b", "score": 0.91}
    task = make(f"All {name}", 4, then=then, suggestion=suggestion)
    wrong = {}

    def look(where: str) -> None:
        tab.evaluate("Promise.allSettled(document.getAnimations().map((one) => one.finished))")
        over = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        found = axe(tab) + ([f"{over} px too wide"] if over > 0 else [])
        if found:
            wrong[where] = found

    start(tab, task)
    look("new")
    tab.get_by_role("button", name="I have read them").click()
    expect(tab.locator(".guidelines[open]")).to_have_count(0)
    tab.locator("summary", has_text="1 demonstration").click()
    tab.locator("summary", has_text="Similar accepted examples").click()
    tab.get_by_role("button", name="Submit").last.click()
    tab.get_by_label("I read it and it is right").wait_for()
    look("unchanged")
    tab.get_by_label("I read it and it is right").check()
    tab.get_by_role("button", name="Submit").last.click()
    letter(tab, 1)
    tab.get_by_role("button", name="Skip").first.click()
    look("skip")
    tab.get_by_role("button", name="Skip it").click()
    letter(tab, 2)
    expect(tab.get_by_text("Skipped. Others will get it.")).to_be_visible()
    look("toast")
    tab.goto(f"/tasks/{task}/mine/")
    look("my work")
    tab.locator(".worklist a").last.click()
    tab.locator("#item").wait_for()
    look("one answer")
    tab.goto(f"/tasks/{task}/annotate/bulk/")
    look("list")
    tab.goto(f"/tasks/{make(f'None {name}', 0)}/annotate/")
    look("none")
    assert wrong == {}


def test_the_policy_for_styles_is_kept_while_one_annotates(tab, make):
    """Skips and submits, with a text that has grown: no line of the console speaks of the policy."""
    lines = []
    tab.on("console", lambda line: lines.append(f"{line.type}: {line.text}"))
    start(tab, make("Grown", 4))
    tab.get_by_label("Output").fill("One line\n" * 30)
    submit(tab)
    letter(tab, 1)
    # A person who drags the corner of a field, and browsers where a script makes it grow, leave a style behind.
    tab.get_by_label("Output").evaluate("el => { el.style.height = '300px'; }")
    tab.get_by_label("Output").fill("You are well.")
    submit(tab)
    letter(tab, 2)
    tab.locator("body").press("s")
    submit(tab)
    letter(tab, 3)
    assert [line for line in lines if "Content Security Policy" in line] == []
