"""What a person does on the first day, in a real browser: sign in, import, target, run, picks, download."""

import json
import re

import pytest
from playwright.sync_api import expect

from curation import sample
from tests.browser.conftest import EMAIL, PASSWORD, axe


@pytest.fixture(scope="package")
def files(tmp_path_factory):
    """The sample pool with three bad lines in it, and a target."""
    folder = tmp_path_factory.mktemp("files")
    made = sample.write(folder)
    lines = made["pool"].read_text("utf-8").splitlines()
    lines[10:10] = ["{not json", '{"id": "x", "instruction": 7}', '["a list"]']
    made["bad"] = folder / "with-bad-lines.jsonl"
    made["bad"].write_text("\n".join(lines) + "\n", "utf-8")
    return made


def upload(page, path, name):
    page.goto("/t/ward/pools/")
    page.get_by_role("link", name="New pool").first.click()
    page.locator("input[type=file]").set_input_files(path)
    page.get_by_label("Name of the pool").fill(name)
    page.get_by_role("button", name="Send file").click()
    page.wait_for_url(re.compile(r"/imports/\d+/"))


def choose(page, pool, target):
    """Pick the pool and the target whose names begin so."""
    for field, wanted in (("pool", pool), ("target", target)):
        texts = page.locator(f"#id_{field} option").all_inner_texts()
        found = next(text for text in texts if wanted.lower() in text.lower())
        page.locator(f"#id_{field}").select_option(label=found)


@pytest.fixture(scope="package")
def pool(site, files):
    """A pool that is there already, for tests that are not about importing."""
    site.manage("import_pool", str(files["pool"]), "--name", "Ready pool", "--local")
    return "Ready pool"


@pytest.fixture(scope="package")
def finished_run(site, pool, files):
    """The path of a finished run, made on the command line."""
    out = site.folder / "picks.jsonl"
    site.manage(
        "select", "--pool", pool, "--target", str(files["word-problems"]), "--method", "zipfit", "--budget", "60",
        "--out", str(out), "--local",
    )  # fmt: skip
    assert len(out.read_text("utf-8").splitlines()) == 60
    return site


def test_sign_in_by_keyboard_alone(site, chrome):
    context = chrome.new_context(base_url=site.url)
    page = context.new_page()
    page.goto("/")
    assert page.url.endswith("/login/?next=/")
    page.get_by_label("Email").focus()
    page.keyboard.type(EMAIL)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/t/ward/"))
    assert page.get_by_role("heading", level=1).inner_text() == "Ward"
    context.close()


def test_import_with_bad_lines(tab, files):
    upload(tab, files["bad"], "Pool with bad lines")
    # The guess stands in the fields, and the preview shows rows as read.
    assert tab.get_by_label("Instruction").input_value() == "instruction"
    preview = tab.locator("#preview")
    assert preview.locator("li").count() == 10
    # Changing a column changes the preview in place, without a reload.
    tab.evaluate("window.same = true")
    tab.get_by_label("Output").fill("task")
    tab.get_by_label("Output").blur()
    expect(preview.locator("li").last.locator(".data").last).to_have_text(re.compile(r"^[\w-]+$"))
    assert tab.evaluate("window.same")
    tab.get_by_label("Output").fill("output")
    assert axe(tab) == []
    tab.get_by_role("button", name="Start import").click()
    tab.get_by_text("3 rows could not be read").wait_for()
    with tab.expect_download() as got:
        tab.get_by_role("link", name="list as CSV").click()
    lines = got.value.path().read_text("utf-8").splitlines()
    assert lines[0] == "line,reason,excerpt"
    assert [line.split(",")[0] for line in lines[1:]] == ["11", "12", "13"]
    tab.get_by_role("link", name="Open the pool").click()
    tab.get_by_role("heading", name="Pool with bad lines", level=1).wait_for()
    assert axe(tab) == []


def test_a_file_that_is_none_is_refused_on_the_same_page(tab, tmp_path):
    path = tmp_path / "picture.jsonl"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(2000))
    tab.goto("/t/ward/pools/new/")
    tab.locator("input[type=file]").set_input_files(path)
    tab.get_by_label("Name of the pool").fill("A picture")
    tab.get_by_role("button", name="Send file").click()
    tab.get_by_role("alert").wait_for()
    assert "Send JSONL" in tab.get_by_role("alert").inner_text()


def test_the_row_browser_turns_pages_without_a_reload(tab, pool):
    tab.goto("/t/ward/pools/")
    tab.get_by_role("link", name=pool, exact=True).click()
    tab.evaluate("window.same = true")
    rows = tab.locator("#rows")
    rows.get_by_text("Rows 1 to 20 of").wait_for()
    tab.keyboard.press("j")
    rows.get_by_text("Rows 21 to 40 of").wait_for()
    rows.get_by_role("link", name="Last").click()
    rows.get_by_text("Rows 4,181 to 4,200 of").wait_for()
    assert tab.evaluate("window.same")
    rows.locator("summary").first.click()
    assert rows.locator(".data").first.is_visible()


def test_a_selection_from_the_form_to_the_download(tab, pool, files):
    tab.goto("/t/ward/targets/")
    tab.get_by_role("link", name="New target").first.click()
    tab.get_by_label("Name", exact=True).fill("Word problems")
    tab.locator("input[type=file]").set_input_files(files["word-problems"])
    tab.get_by_role("button", name="Make target").click()
    tab.get_by_role("heading", name="Word problems", level=1).wait_for()
    assert axe(tab) == []

    tab.goto("/t/ward/runs/new/?method=zipfit")
    choose(tab, pool, "Word problems")
    tab.locator("#id_amount").fill("100")
    assert axe(tab) == []
    tab.get_by_role("button", name="Start selection").click()
    tab.wait_for_url(re.compile(r"/runs/\d+/"))
    # The page follows the run by itself and then shows the result.
    tab.get_by_role("heading", name="100 picks of 4,200", level=1).wait_for(timeout=60_000)
    assert tab.locator("#progress").get_by_text("Done in").is_visible()
    assert axe(tab) == []

    first = tab.locator(".picks li").first
    first.locator("summary").click()
    first.locator(".data").first.wait_for()
    assert axe(tab) == []

    tab.locator("summary", has_text="Download").click()
    with tab.expect_download() as got:
        tab.get_by_role("link", name="JSON Lines", exact=True).click()
    rows = [json.loads(line) for line in got.value.path().read_text("utf-8").splitlines()]
    assert len(rows) == 100
    assert sum(row["source"] == "word-problems" for row in rows) >= 90

    manifest = tab.request.get(tab.url.split("?")[0] + "manifest.json").json()
    assert manifest["method"] == "zipfit" or manifest["method"]["name"] == "zipfit"


def test_a_running_selection_is_cancelled_and_resumed(tab, finished_run, pool):
    tab.goto("/t/ward/runs/new/?method=zipfit")
    choose(tab, pool, "word-problems")
    tab.get_by_role("button", name="Start selection").click()
    tab.wait_for_url(re.compile(r"/runs/\d+/"))
    cancel = tab.get_by_role("button", name="Cancel")
    done = tab.get_by_text("Done in")
    cancel.or_(done).first.wait_for()
    if cancel.count():
        cancel.click(timeout=5_000)
        tab.get_by_role("button", name="Resume").wait_for()
        tab.get_by_role("button", name="Resume").click()
    done.wait_for(timeout=60_000)


PAGES = ["/t/ward/", "/t/ward/pools/", "/t/ward/pools/new/", "/t/ward/targets/", "/t/ward/targets/new/", "/t/ward/runs/",
         "/t/ward/runs/new/", "/t/ward/team/", "/me/", "/password/change/", "/teams/new/",
         "/no/such/page/", "/styleguide/"]  # fmt: skip


@pytest.mark.parametrize(
    "tab",
    [
        {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
        {"viewport": {"width": 1600, "height": 1000}, "color_scheme": "light"},
    ],
    indirect=True, ids=["phone-dark", "wide-light"],
)  # fmt: skip
def test_every_page_fits_and_pleases_axe(tab, finished_run):
    tab.goto("/t/ward/runs/")
    run = tab.locator("main table a, main .list a").first.get_attribute("href")
    tab.goto("/t/ward/pools/")
    pool = tab.locator("main table a").first.get_attribute("href")
    wrong = {}
    for path in [*PAGES, run, pool]:
        tab.goto(path)
        found = axe(tab)
        over = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if found or over > 0:
            wrong[path] = [*found, f"{over} px too wide"] if over > 0 else found
    assert wrong == {}


@pytest.mark.parametrize("tab", [{"java_script_enabled": False}], indirect=True, ids=["no-script"])
def test_without_javascript_a_selection_works_too(tab, pool, finished_run):
    tab.goto("/t/ward/runs/new/?method=zipfit")
    choose(tab, pool, "word-problems")
    tab.locator("#id_amount").fill("10")
    tab.get_by_role("button", name="Start selection").click()
    assert re.search(r"/runs/\d+/$", tab.url)
    for _ in range(100):
        if tab.get_by_text("Done in").count():
            break
        tab.wait_for_timeout(300)
        tab.reload()
    assert tab.get_by_role("heading", level=1).inner_text().startswith("10 picks")


def test_the_keys_of_a_page_are_listed_and_work(tab, pool):
    tab.goto("/t/ward/")
    tab.keyboard.press("?")
    dialog = tab.get_by_role("dialog")
    dialog.wait_for()
    assert "Pools" in dialog.inner_text()
    tab.keyboard.press("Escape")
    tab.keyboard.press("3")
    tab.wait_for_url("**/t/ward/pools/")


def test_text_of_the_data_never_runs(tab, site, tmp_path):
    path = tmp_path / "nasty.jsonl"
    nasty = (
        '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
        '<b hx-get="/logout/" hx-trigger="load">x</b>'
    )
    path.write_text(json.dumps({"instruction": nasty, "output": "left\u202eright\u0007"}) + "\n", "utf-8")
    site.manage("import_pool", str(path), "--name", "Nasty pool", "--local")
    tab.goto("/t/ward/pools/")
    tab.get_by_role("link", name="Nasty pool").click()
    tab.locator("#rows summary").first.click()
    shown = tab.locator("#rows .data").first
    assert "<img src=x" in shown.inner_text()
    assert "RLO" in tab.locator("#rows").inner_text()
    assert tab.evaluate("window.hacked") is None
