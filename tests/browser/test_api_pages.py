"""Tokens and the page of the API in a real browser."""

import os
import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import axe


def picture(page, name: str) -> None:
    """A screenshot, for those who ask for one: PICTURES=/some/folder."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_a_token_is_made_used_and_revoked(site, tab):
    tab.goto("/t/ward/team/")
    tab.get_by_role("link", name="API tokens").click()
    tab.get_by_label("Name").fill("Nightly import")
    tab.get_by_label("Examples: Adds").check()
    tab.get_by_role("button", name="Make token").click()
    secret = tab.get_by_label("New token").input_value()
    picture(tab, "tokens")
    assert axe(tab) == []
    call = {"headers": {"Authorization": f"Bearer {secret}"}, "timeout": 10}
    me = httpx.get(f"{site.url}/api/v1/me", **call)
    assert me.json()["scopes"] == ["read", "examples:write"]
    assert not me.cookies
    tab.reload()
    expect(tab.get_by_label("New token")).to_have_count(0)
    tab.get_by_role("link", name="Revoke Nightly import").click()
    tab.get_by_role("button", name="Revoke token").click()
    expect(tab.get_by_text("You have no tokens")).to_be_visible()
    assert httpx.get(f"{site.url}/api/v1/me", **call).status_code == 401


@pytest.mark.parametrize("tab", [{}, {"viewport": {"width": 390, "height": 844}}], indirect=True, ids=["wide", "phone"])
def test_the_page_of_the_api_is_read_and_walked(tab, request):
    tab.goto("/api/v1/docs")
    assert axe(tab) == []
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    picture(tab, f"api-docs-{request.node.callspec.id}")
    expect(tab.get_by_role("heading", name="The API")).to_be_in_viewport()  # not below all the links
    mark, name = (tab.locator(f".api-nav .brand {part}").bounding_box() for part in ("svg", "span"))
    assert name["x"] - (mark["x"] + mark["width"]) >= 6
    if request.node.callspec.id == "phone":
        tab.get_by_text("All operations").click()
        assert axe(tab) == []
    tab.get_by_role("link", name="Add examples", exact=True).click()
    expect(tab.get_by_role("heading", name="Add examples")).to_be_in_viewport()
    picture(tab, f"api-operation-{request.node.callspec.id}")
    expect(tab).to_have_url(re.compile("#add_many$"))
