"""Picks are sent to a queue that is put in order, by keyboard alone, with real workers."""

import re

import pytest

from curation import sample
from tests.browser.conftest import axe


@pytest.fixture(scope="module")
def a_run(site, tmp_path_factory):
    """A finished run over a pool of its own."""
    files = sample.write(tmp_path_factory.mktemp("files"))
    site.manage("import_pool", str(files["pool"]), "--name", "Pool to order", "--local")
    site.manage("select", "--pool", "Pool to order", "--method", "random", "--budget", "300", "--local")
    return site


@pytest.mark.parametrize(
    "tab",
    [
        {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
        {"viewport": {"width": 1600, "height": 1000}, "color_scheme": "light"},
        {"java_script_enabled": False},
    ],
    indirect=True, ids=["phone-dark", "wide-light", "no-script"],
)  # fmt: skip
def test_picks_go_to_a_queue_in_order(tab, a_run, request):
    name = request.node.name
    scripted = "no-script" not in name
    tab.goto("/t/ward/runs/")
    tab.locator("main tbody tr", has_text="Pool to order").first.get_by_role("link").first.click()
    tab.wait_for_url(re.compile(r"/runs/\d+/$"))
    tab.goto(f"{tab.url}send/")
    tab.locator("#id_name").fill(f"Queue {name[-12:-1]}")
    tab.locator("#id_order").select_option("vote_k")
    tab.get_by_role("button", name="Send picks").press("Enter")
    tab.wait_for_url(re.compile(r"/tasks/\d+/order/"))
    _until(tab, "What stands for most others first", scripted)
    first = tab.locator("ul[aria-label='Next in the queue'] li").first
    assert re.match(r"1st: stands for [\d,]+ similar examples", first.locator("p").inner_text())
    if scripted:
        assert axe(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    tab.locator("#order-vote_k").focus()
    for _ in range(1 if scripted else 0):
        tab.keyboard.press("ArrowDown")
    if not scripted:
        tab.locator("#order-ideal").check()
    assert tab.locator("#order-ideal").is_checked()
    tab.get_by_role("button", name="Put in order").press("Enter")
    _until(tab, "What reaches most others first", scripted)
    assert "1st: from one to the next it reaches" in tab.locator("ul[aria-label='Next in the queue']").inner_text()
    tab.get_by_role("button", name="Undo this order").press("Enter")
    _until(tab, "What stands for most others first", scripted)


def _until(tab, text, scripted):
    """The page follows the job by itself; without a script a person loads it again."""
    found = tab.locator("section[aria-label='The order that stands']").get_by_text(text)
    for _ in range(0 if scripted else 200):
        if found.count():
            return
        tab.wait_for_timeout(300)
        tab.reload()
    found.wait_for(timeout=90_000)
