"""An owner enters the token of the hub, writes the card, pushes a version and sees the commit."""

import re

from tests.browser.conftest import PHONE_AND_WIDE, calm
from tests.hub.server import TOKEN

VERSION = """
from curation.models import Team
from tests.datasets import made
team = Team.objects.get(slug="ward")
task = made.task(team, 12, name={name!r}, licence="CC-BY-4.0")
version = made.frozen(made.dataset(team, made.source(task), name={name!r}))
print("dataset", version.dataset_id)
"""


@PHONE_AND_WIDE
def test_from_a_token_to_a_commit(tab, site, hub):
    name = f"Letters for {tab.viewport_size['width']}"
    dataset = int(re.search(r"dataset (\d+)", site.manage("shell", "-c", VERSION.format(name=name)))[1])
    tab.goto("/t/ward/team/")
    tab.get_by_role("link", name="Hub", exact=True).click()
    tab.locator("#id_token").fill(TOKEN)
    tab.get_by_role("button", name="Keep and test it").click()
    tab.get_by_text("Works", exact=True).wait_for()
    calm(tab)
    tab.goto(f"/datasets/{dataset}/")
    tab.get_by_role("link", name="Card", exact=True).click()
    tab.get_by_label("Intended use").fill("For *doctors*.\n\n- to read\n- to train")
    tab.get_by_role("button", name="Keep").click()
    tab.get_by_text("Kept. Exports").wait_for()
    calm(tab)
    tab.goto(f"/datasets/{dataset}/versions/1/")
    calm(tab)
    tab.get_by_role("link", name="Push to the hub").click()
    calm(tab)
    tab.get_by_role("button", name="Push", exact=True).click()
    tab.get_by_text("every file has the hash that was sent").wait_for(timeout=60_000)
    calm(tab)
    repo = hub.repos[f"ada/letters-for-{tab.viewport_size['width']}"]
    assert repo.private
    assert tab.get_by_role("link", name="Open in the hub").get_attribute("href").endswith(repo.tags["v1"])
    readme = repo.commits[repo.branches["main"]].files["README.md"].data.decode()
    assert "For *doctors*." in readme
    tab.goto(f"/datasets/{dataset}/versions/1/")
    tab.get_by_text("pushed and read back").wait_for()
    calm(tab)
