"""A sparse autoencoder is trained before one's eyes, used in a selection, one of its features named and muted, and the picks
sent to a queue that vote-k puts in order.
"""

import re

import pytest

from curation import sample
from tests.browser.conftest import PHONE_AND_WIDE, calm

TRAIN = """
from curation.models import Team
from selection.models import Pool
from tests.selection.saes import train
train(Team.objects.get(slug="ward"), Pool.objects.get(name="Pool of features"), finish=False, tokens=20_000)
"""


@pytest.fixture(scope="module")
def trained(site, tmp_path_factory):
    """One on the language model of 200 kB, which no form names: only who keeps the server can."""
    files = sample.write(tmp_path_factory.mktemp("files"))
    small = tmp_path_factory.mktemp("small") / "rows.jsonl"
    small.write_text("".join(files["pool"].read_text("utf-8").splitlines(keepends=True)[:300]), "utf-8")
    site.manage("import_pool", str(small), "--name", "Pool of features", "--local")
    site.manage("select", "--pool", "Pool of features", "--target", str(files["word-problems"]), "--method", "bm25",
                "--budget", "5", "--local")  # fmt: skip
    site.manage("shell", "-c", TRAIN)
    return site


def waits_for(tab, words):
    """With a script the page follows by itself; without, one loads it again."""
    tab.get_by_text(words).first.wait_for(timeout=120_000)


@PHONE_AND_WIDE
def test_from_training_to_a_queue_in_order(tab, trained, request):
    tab.goto("/t/ward/runs/")
    tab.get_by_role("link", name="Sparse autoencoders").first.click()
    calm(tab)
    tab.get_by_role("link", name="Ward features").click()
    waits_for(tab, "Use in a selection")
    assert tab.locator(".plot-curve").count() == 3
    calm(tab)
    tab.get_by_role("link", name="Use in a selection").click()
    tab.wait_for_url(re.compile(r"/runs/new/\?method=mona"))
    assert tab.locator("#id_m_sae").input_value().startswith("sae-")
    calm(tab)
    tab.locator("#id_amount").fill("20")
    tab.get_by_text("Finer settings", exact=True).click()
    tab.locator("#id_m_tokens").fill("64")
    tab.get_by_role("button", name="Start selection").click()
    tab.wait_for_url(re.compile(r"/runs/\d+/$"))
    waits_for(tab, "Done in")
    tab.get_by_role("link", name="Features", exact=True).click()
    calm(tab)
    listed = tab.url
    tab.locator("tbody a").first.click()
    waits_for(tab, "It fires in")  # looked up at once, without a click
    assert tab.locator("mark.lit-3").count() > 0
    tab.get_by_role("textbox", name="Name optional").fill("numbers of apples")
    tab.get_by_role("button", name="Keep the name").click()
    assert "numbers of apples" in tab.get_by_role("heading", level=1).inner_text()
    calm(tab)
    tab.goto(listed)
    tab.get_by_role("checkbox").first.check()
    tab.get_by_role("button", name="Mute the ticked and select again").click()
    tab.wait_for_url(re.compile(r"/runs/\d+/$"))
    waits_for(tab, "Done in")
    assert tab.get_by_text("without feature").is_visible()
    assert tab.get_by_role("link", name="Compare the two").is_visible()
    calm(tab)
    run = tab.url
    tab.goto(f"{run}picks/1/")
    why = tab.get_by_label("Features that it shares with the target")
    assert re.search(r"[\d.]+ here, [\d.]+ in the target", why.locator("li").first.inner_text())
    calm(tab)
    tab.goto(run)
    tab.get_by_role("link", name="Send to a task").click()
    tab.locator("#id_name").fill(f"Letters {request.node.callspec.id}")
    tab.locator("#id_order").select_option("vote_k")
    tab.get_by_role("button", name="Send picks").click()
    tab.wait_for_url(re.compile(r"/tasks/\d+/order/"))
    waits_for(tab, re.compile(r"^1st: stands for "))
    placed = tab.locator("ul[aria-label='Next in the queue'] li")
    assert [text.split(":")[0] for text in placed.locator("p").all_inner_texts()][:3] == ["1st", "2nd", "3rd"]
    calm(tab)


def test_without_a_script_everything_has_a_button(chrome, signed_in, trained):
    context = chrome.new_context(base_url=trained.url, storage_state=signed_in, java_script_enabled=False)
    tab = context.new_page()
    tab.goto("/t/ward/saes/new/")
    assert tab.get_by_role("button", name="Start training").is_visible()
    tab.goto("/t/ward/saes/load/")
    assert tab.get_by_role("button", name="Load and measure").is_visible()
    context.close()
