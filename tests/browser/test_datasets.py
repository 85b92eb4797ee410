"""A recipe is changed while its counts follow, frozen, and taken out as files."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import PHONE_AND_WIDE, calm

DATASET = """
from curation.models import Team
from tests.datasets import made
team = Team.objects.get(slug="ward")
first, second = (made.task(team, 12, name={name!r} + which) for which in (" letters", " notes"))
print("dataset", made.dataset(team, made.source(first), name={name!r}).pk)
"""


@PHONE_AND_WIDE
def test_from_a_recipe_to_files(tab, site):
    name = f"Mixed {tab.viewport_size['width']}"
    dataset = int(re.search(r"dataset (\d+)", site.manage("shell", "-c", DATASET.format(name=name)))[1])
    tab.goto(f"/datasets/{dataset}/")
    calm(tab)
    tab.get_by_role("link", name="Change the recipe").click()
    rows = tab.locator("#preview .stats dd").first
    expect(rows).to_have_text("12")
    tab.get_by_role("checkbox", name=f"{name} notes").check()
    expect(rows).to_have_text("24")
    tab.get_by_label("Most rows optional").press_sequentially("10")  # while one types, before the field is left
    expect(rows).to_have_text("10")
    calm(tab)
    tab.get_by_role("button", name="Save the recipe").click()
    tab.wait_for_url(re.compile(rf"/datasets/{dataset}/$"))
    tab.get_by_role("button", name="Freeze a version").click()
    link = tab.get_by_role("link", name="Version 1")
    link.wait_for()
    expect(tab.get_by_text("10 rows")).to_be_visible(timeout=120_000)
    calm(tab)
    link.click()
    assert tab.get_by_role("button", name="Make this the newest version").count() == 0, "it is the newest"
    calm(tab)
    tab.get_by_role("button", name="Make the files").first.click()
    with tab.expect_download(timeout=120_000) as taken:
        tab.get_by_role("link", name=re.compile("Download|zip")).first.click(timeout=120_000)
    assert taken.value.suggested_filename.endswith(".zip")


TASK = """
from curation.models import Team
from tests.datasets import made
print("task", made.task(Team.objects.get(slug="ward"), 8, name={name!r}).pk)
"""


def saves(request):
    return "do=save" in (request.post_data or "")


def sent(tab):
    """Posts of recipes, as they leave the page: `save` or `preview`."""
    found = []

    def note(request):
        if request.method == "POST" and request.url.endswith("/datasets/new/"):
            found.append("save" if saves(request) else "preview")

    tab.on("request", note)
    return found


def test_a_recipe_is_saved_once_and_no_preview_follows(tab, site):
    site.manage("shell", "-c", TASK.format(name="Saved once"))
    tab.goto("/t/ward/datasets/new/")
    posts, held = sent(tab), []
    tab.get_by_label("Name", exact=True).fill("Saved once of letters")
    tab.get_by_role("checkbox", name="Saved once").check()
    expect(tab.locator("#preview .stats dd").first).to_have_text("8")
    # The server is slow to save: what waited to be previewed would go out meanwhile.
    tab.route("**/datasets/new/", lambda route: held.append(route) if saves(route.request) else route.continue_())
    tab.get_by_label("Most rows optional").fill("5")
    posts.clear()
    with tab.expect_request(saves):
        tab.get_by_role("button", name="Make the dataset").click(no_wait_after=True)
    tab.wait_for_timeout(1_000)
    assert posts == ["save"]
    held[0].continue_()
    tab.wait_for_url(re.compile(r"/datasets/\d+/$"))
    assert posts == ["save"]


def test_the_preview_answers_from_the_first_tick_and_says_what_is_wrong(tab, site):
    site.manage("shell", "-c", TASK.format(name="Without a name"))
    tab.goto("/t/ward/datasets/new/")
    posts = sent(tab)
    panel = tab.locator("#preview")
    tab.get_by_role("checkbox", name="Without a name").check()
    expect(panel.locator(".stats dd").first).to_have_text("8")
    for label, value, said in [
        ("Most rows optional", "-3", "Most rows: Use 1 or more."),
        ("Splits, in percent", "hello", "Splits, in percent: “hello” is no split."),
    ]:
        field = tab.get_by_label(label)
        before = field.input_value()
        field.fill(value)
        expect(panel.get_by_role("alert")).to_contain_text(said)
        field.fill(before)
        expect(panel.locator(".stats dd").first).to_have_text("8")
    calm(tab)
    assert set(posts) == {"preview"}
