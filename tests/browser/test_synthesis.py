"""A person adds a model, looks at a preview with its prompts, starts a generation and finds it in the work centre."""

import re

import pytest

from tests.browser.conftest import PHONE_AND_WIDE, calm
from tests.synthesis.server import Answer, Server

TASK = """
from curation.models import Team
from tests.curation import made_tasks
team = Team.objects.get(slug="ward")
task = made_tasks.task(team, name={name!r})
made_tasks.examples(task, 6)
print("task", task.pk)
"""


@pytest.fixture(scope="module")
def model():
    with Server(lambda text, nth: Answer(text=f"You came to hospital with letter {len(text)}.")) as made:
        yield made


def new_task(site, name):
    return int(re.search(r"task (\d+)", site.manage("shell", "-c", TASK.format(name=name)))[1])


@PHONE_AND_WIDE
def test_from_an_endpoint_to_candidates(tab, site, model):
    width = tab.viewport_size["width"]
    task = new_task(site, f"Letters of {width}")
    tab.goto("/t/ward/endpoints/")
    calm(tab)
    tab.get_by_role("link", name="New endpoint").click()
    calm(tab)
    tab.get_by_label("Name", exact=True).fill(f"Model {width}")
    tab.get_by_label("Address").fill(model.url)
    tab.get_by_label("Model", exact=True).fill("test-model")
    tab.locator("#id_key").fill("sk-a-key-that-nobody-sees")
    tab.get_by_text("Prices and limits").click()
    tab.get_by_label("Answer tokens").fill("2")
    tab.get_by_role("button", name="Save and test").click()
    tab.get_by_text("Answers", exact=True).wait_for(timeout=180_000)
    calm(tab)
    tab.goto(f"/tasks/{task}/synthesise/")
    calm(tab)
    tab.get_by_role("link", name="Answer inputs").click()
    tab.get_by_text("About 6 requests").wait_for()
    calm(tab)
    tab.get_by_label("Model endpoint").select_option(label=f"Model {width}")
    tab.get_by_label("How many candidates").fill("4")
    tab.get_by_label("Most requests").click()
    tab.get_by_text("About 4 requests").wait_for()
    tab.get_by_role("button", name="Preview 3 candidates").click()
    tab.wait_for_url(re.compile(r"/generations/\d+/\?wanted=4"))
    tab.get_by_role("heading", name="What came of it").wait_for(timeout=180_000)
    assert tab.get_by_text("Dear Dr Hall, letter number 0.").first.is_visible()
    tab.get_by_text("From what was measured").wait_for()
    calm(tab)
    tab.get_by_role("button", name="Start the generation").click()
    tab.wait_for_url(re.compile(r"/generations/\d+/$"))
    tab.get_by_text("Done in").wait_for(timeout=180_000)
    tab.get_by_text("Settings and prompts").click()
    calm(tab)
    tab.goto("/t/ward/generations/")
    calm(tab)
    tab.goto("/t/ward/work/")
    assert tab.get_by_text(f"Answer inputs for Letters of {width}").first.is_visible()
    calm(tab)


@PHONE_AND_WIDE
def test_a_prompt_is_edited_with_its_text_in_view(tab, site):
    task = new_task(site, f"Prompts of {tab.viewport_size['width']}")
    tab.goto(f"/tasks/{task}/prompts/")
    calm(tab)
    tab.goto(f"/tasks/{task}/prompts/label_inputs/label/")
    calm(tab)
    action = tab.get_by_label("The one thing wanted")
    action.fill("Answer {{ nobody }}.")
    tab.get_by_text("The one thing wanted (action), line 1").wait_for()
    calm(tab)
    action.fill("Answer for {{ task.name }} now.")
    tab.get_by_text(f"Answer for Prompts of {tab.viewport_size['width']} now.").wait_for()
    action.press("Control+Enter")
    tab.get_by_text("Saved as version 1").wait_for()
    assert tab.locator("#versions ~ .diff, section .diff").first.is_visible()
    calm(tab)
    tab.get_by_role("button", name="Restore the generator's own").click()
    tab.get_by_text("Saved as version 2").wait_for()


@pytest.mark.parametrize("tab", [{"java_script_enabled": False}], indirect=True)
def test_a_preview_works_without_a_script(tab, site, model):
    task = new_task(site, "Without a script")
    tab.goto("/t/ward/endpoints/new/")
    tab.get_by_label("Name", exact=True).fill("Plain")
    tab.get_by_label("Address").fill(model.url)
    tab.get_by_label("Model", exact=True).fill("test-model")
    tab.get_by_role("button", name="Save and test").click()
    tab.goto(f"/tasks/{task}/synthesise/label_inputs/")
    tab.get_by_label("Model endpoint").select_option(label="Plain")
    tab.get_by_role("button", name="Estimate").click()
    assert tab.get_by_text("About 6 requests").is_visible()
    tab.get_by_role("button", name="Preview 3 candidates").click()
    for _ in range(240):
        if tab.get_by_role("heading", name="What came of it").count():
            break
        tab.wait_for_timeout(500)
        tab.reload()
    tab.get_by_role("button", name="Start the generation").click()
    assert re.search(r"/generations/\d+/$", tab.url)
