"""A schedule is made from the page of a run, looked at, paused and run, with a script and without."""

import re

import pytest

from curation import sample
from tests.browser.conftest import axe


@pytest.fixture(scope="module")
def one_run(site, tmp_path_factory):
    """A finished run over a pool of its own."""
    files = sample.write(tmp_path_factory.mktemp("files"))
    site.manage("import_pool", str(files["pool"]), "--name", "Pool that grows", "--local")
    site.manage(
        "select", "--pool", "Pool that grows", "--target", str(files["word-problems"]), "--method", "bm25",
        "--budget", "50", "--local",
    )  # fmt: skip
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
def test_a_run_is_put_on_a_schedule(tab, one_run, request):
    kind = request.node.callspec.id
    scripted = kind != "no-script"
    tab.goto("/t/ward/runs/")
    tab.locator("main tbody tr", has_text="Pool that grows").last.get_by_role("link").first.click()
    tab.get_by_role("link", name="Run on a schedule").click()
    tab.get_by_label("Name").fill(f"Again, {kind}")
    tab.get_by_label("How often").select_option(label="After new rows of a pool")
    assert not tab.get_by_label("Cron line").is_visible()
    assert not tab.get_by_label("Redrawn from", exact=True).is_visible()
    tab.get_by_label("Pool", exact=True).select_option(label="Pool that grows")
    tab.get_by_label("How many new ones").fill("500")
    fine(tab, scripted)
    tab.get_by_role("button", name="Start the schedule").click()
    tab.wait_for_url(re.compile(r"/schedules/\d+/$"))
    assert tab.get_by_text("After 500 new rows of Pool that grows").count() == 1
    tab.get_by_role("button", name="Pause").click()
    tab.get_by_text("Paused").first.wait_for()
    tab.get_by_role("button", name="Run now").click()
    for _ in range(60):
        if tab.get_by_text("Neither pool nor target had changed").count():
            break
        tab.wait_for_timeout(300)
        tab.reload()
    assert tab.locator(".state.succeeded").count() == 1
    fine(tab, scripted)
    tab.get_by_role("link", name="Schedules").first.click()
    assert tab.get_by_role("link", name=f"Again, {kind}").count() == 1
    fine(tab, scripted)


def fine(tab, scripted):
    """Nothing that axe finds, and nothing that lies outside the window."""
    if scripted:
        assert axe(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
