"""Runs are ticked, compared and fused, with a script and without."""

import re

import pytest

from curation import sample
from tests.browser.conftest import axe


@pytest.fixture(scope="module")
def two_runs(site, tmp_path_factory):
    """Two finished runs over a pool of their own; the paths of both are on the list of runs."""
    files = sample.write(tmp_path_factory.mktemp("files"))
    site.manage("import_pool", str(files["pool"]), "--name", "Pool to compare", "--local")
    for view in ("text", "prompt"):
        site.manage(
            "select", "--pool", "Pool to compare", "--target", str(files["word-problems"]), "--method", "bm25",
            "--budget", "200", "--param", f"view={view}", "--local",
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
def test_two_runs_are_compared_and_fused(tab, two_runs, request):
    scripted = "no-script" not in request.node.name
    tab.goto("/t/ward/runs/")
    numbers = []
    for row in tab.locator("main tbody tr", has_text="Pool to compare").filter(has_text="BM25").all()[:2]:
        row.get_by_role("checkbox").check()
        numbers.append(int(re.search(r"Run (\d+)", row.inner_text())[1]))
    if scripted:
        assert axe(tab) == []
    tab.get_by_role("button", name="Compare ticked runs").click()
    tab.wait_for_url(re.compile(r"/runs/compare/\?run=\d+&run=\d+"))
    heading = tab.get_by_role("heading", level=1).inner_text()
    assert re.fullmatch(r"\d+ picks shared by all 2 runs", heading)
    assert tab.locator(".overlap tbody td").all_inner_texts()[0] == "200"
    if scripted:
        assert axe(tab) == []
        over = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0
    tab.get_by_role("link", name="Fuse these runs").click()
    named = tab.locator("#id_m_runs")
    assert named.input_value() == ",".join(map(str, sorted(numbers)))
    tab.get_by_role("button", name="Start selection").click()
    tab.wait_for_url(re.compile(r"/runs/\d+/$"))
    for _ in range(0 if scripted else 100):
        if tab.get_by_text("Done in").count():
            break
        tab.wait_for_timeout(300)
        tab.reload()
    tab.get_by_text("Done in").wait_for(timeout=60_000)
    assert "picks of 4,200" in tab.get_by_role("heading", level=1).inner_text()
    assert tab.get_by_text("picked by at least one of the runs").is_visible()
