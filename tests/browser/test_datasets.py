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
