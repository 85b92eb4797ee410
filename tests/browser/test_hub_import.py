"""A curator makes a pool from a dataset of the hub, looks at its columns, and has the rows."""

import json

from tests.browser.conftest import PHONE_AND_WIDE, calm

ROWS = b"".join(
    json.dumps({"instruction": f"Rewrite letter {n}.", "output": f"Dear patient {n}."}).encode() + b"\n"
    for n in range(40)
)


@PHONE_AND_WIDE
def test_from_a_name_to_a_pool(tab, site, hub):
    name = f"ada/rows-for-{tab.viewport_size['width']}"
    hub.repo(name, {"train.jsonl": ROWS, "README.md": b"---\nlicense: cc-by-4.0\n---\n"})
    tab.goto("/t/ward/pools/new/")
    tab.get_by_role("link", name="From the hub").click()
    calm(tab)
    tab.get_by_label("Dataset").fill("no such name")
    tab.get_by_role("button", name="Fetch").click()
    tab.get_by_text("has no owner").first.wait_for()
    calm(tab)
    tab.get_by_label("Dataset").fill(f"https://hub.example/datasets/{name}")
    tab.get_by_role("button", name="Fetch").click()
    tab.get_by_role("button", name="Start import").wait_for(timeout=60_000)
    calm(tab)
    tab.get_by_role("button", name="Start import").click()
    tab.get_by_role("link", name="Open the pool").wait_for(timeout=60_000)
    tab.get_by_text("under cc-by-4.0").wait_for()
    calm(tab)
    tab.get_by_role("link", name="Open the pool").click()
    tab.get_by_role("heading", name=name).wait_for()


def test_what_went_wrong_is_told_on_the_page(tab, site, hub):
    tab.goto("/t/ward/pools/new/hub/")
    tab.get_by_label("Dataset").fill("ada/never")
    tab.get_by_role("button", name="Fetch").click()
    tab.get_by_text("The hub has no such dataset").wait_for(timeout=60_000)
    calm(tab)
    tab.get_by_role("button", name="Discard this import").click()
    tab.get_by_text("is discarded").wait_for()
