"""The form of a new run: its parts follow what is chosen, also where answers are slow."""

import time

import pytest
from playwright.sync_api import expect

from curation import sample
from tests.browser.conftest import PHONE_AND_WIDE, calm


@pytest.fixture(scope="module")
def a_pool(site, tmp_path_factory):
    files = sample.write(tmp_path_factory.mktemp("files"))
    site.manage("import_pool", str(files["pool"]), "--name", "To start from", "--local")
    return site


@PHONE_AND_WIDE
def test_proposal_and_settings_follow_the_choice(tab, a_pool):
    def slowly(route):
        if route.request.headers.get("hx-target") == "method-part":
            time.sleep(0.6)  # longer than the form waits before it asks for its estimate
        route.continue_()

    tab.route("**/runs/new/**", slowly)
    tab.goto("/t/ward/runs/new/")
    tab.locator("#id_target").select_option("")
    tab.locator("#method-part summary").first.click()
    tab.get_by_role("radio", name="MONA").check()
    expect(tab.locator("#method-part")).to_contain_text("no sparse autoencoder that passed its check")
    tab.get_by_role("radio", name="Fusion", exact=True).check()
    expect(tab.locator("#id_m_methods")).to_be_visible()
    expect(tab.locator("#estimate")).to_contain_text("Fusion looks for rows like a target, and none is chosen")
    expect(tab.locator("#advice")).to_contain_text("Take the proposal")
    expect(tab.locator("#advice")).to_have_count(1)
    calm(tab)
