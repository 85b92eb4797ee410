"""Candidates by keyboard, with axe; and a model that helps while one annotates."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import calm
from tests.synthesis.server import Answer, Server

SEED = """
from django.db import transaction
from curation.actions import endpoints, generations
from curation.generators import Source, Sources
from curation.models import Candidate, Endpoint, Generation, Team, User
from curation.synthesis import arranging, inputs
from tests.curation import made_tasks
team, owner = Team.objects.get(slug="ward"), User.objects.get(email="owner@example.org")
task = made_tasks.task(team, name={name!r})
made_tasks.examples(task, 3)
to = team.endpoints.filter(name="Scripted").first() or endpoints.create(
    team=team, by=owner, name="Scripted", base_url={url!r}, model="scripted-1", key="sk-0123456789abcdef", timeout=10)
to.base_url = {url!r}
to.save(update_fields=["base_url"])
if not team.endpoints.filter(name="Another").exists():  # a choice, whatever else the team has
    endpoints.create(team=team, by=owner, name="Another", base_url={url!r}, model="other-1", key="sk-0123456789abcdef")
sources = Sources(inputs=(Source("letter-1", "Dear Dr Hall, this man has a fever."),))
spec = inputs.spec_of(task)
with transaction.atomic():  # no worker sees it
    run = generations.start(
        task=task, by=owner, endpoint=to, generator="label_inputs", spec=spec, sources=sources, wanted=1)
    generations.cancel(generation=run, by=owner)
days = ("Monday", "Tuesday", "Friday", "Sunday")
begin = "You came to hospital because your heart was beating too fast. We gave you tablets and you may go home on "
like = [begin + day + "." for day in days]
short = "It is shorter than 20 characters."
other = ["Your knee is sore after the fall. Rest it for two weeks and come back when it swells again."]
drop = {{"filter": "length", "version": 1, "passed": False, "reason": short, "value": 3, "threshold": 20, "flag": False}}
fine = drop | {{"filter": "language", "passed": True, "reason": "", "value": "en", "threshold": "en"}}
texts = like + other + ["No.", "<script>alert(1)</script> {{{{ task }}}}"]
def made(at, text):
    bad = len(text) < 20
    said = {{"kind": "single", "instruction": "Summarise the letter.", "input": "Dear Dr Hall, letter number %d." % at}}
    return Candidate(
        generation=run, key="hand/%d" % at, state="dropped" if bad else "kept", why=short if bad else "",
        content=said | {{"outputs": [text]}}, verdicts=[drop if bad else fine], parents=["letter-%d" % at], uses=[])
Candidate.objects.bulk_create([made(at, text) for at, text in enumerate(texts)])
arranging.arrange(Generation.objects.select_related("task").get(pk=run.pk))
print("made", task.pk, run.pk)
"""
GOOD = "You were in hospital for your heart."
SIZES = [
    {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
    {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"},
]


@pytest.fixture(scope="module")
def server():
    with Server(lambda text, nth: Answer(text=GOOD, seconds=0.3)) as made:
        yield made


@pytest.fixture
def make(site, server):
    def made(name: str) -> tuple[int, int]:
        found = re.search(
            r"made (\d+) (\d+)", site.manage("shell", "-v", "0", "-c", SEED.format(name=name, url=server.url))
        )
        return int(found[1]), int(found[2])

    return made


@pytest.mark.parametrize("tab", SIZES, indirect=True)
def test_candidates_by_keyboard(tab, make):
    _, run = make(f"Sifting {tab.viewport_size['width']}")
    tab.goto(f"/generations/{run}/candidates/")
    rows = tab.locator("[data-row]")
    expect(rows).to_have_count(7)
    expect(tab.get_by_role("heading", name="4 alike")).to_be_visible()
    expect(rows.nth(1).locator("ins").last).to_have_text(re.compile("Tuesday|Friday|Sunday"))
    calm(tab)
    tab.keyboard.press("j")
    expect(rows.nth(0).get_by_role("checkbox")).to_be_focused()
    tab.keyboard.press("j")
    tab.keyboard.press("d")
    expect(rows.nth(1)).to_contain_text("Dropped by hand.")
    expect(rows.nth(1).get_by_role("checkbox")).to_be_focused()
    expect(tab.locator("#toast")).to_contain_text("1 candidate dropped.")
    tab.locator("#toast").get_by_role("button", name="Undo").click()
    expect(tab.get_by_text("1 candidate is as it was.")).to_be_visible()
    expect(rows.nth(1).locator(".chip").first).to_have_text("Kept")
    tab.keyboard.press("j")
    tab.keyboard.press("g")
    expect(tab.locator("[name=candidate]:checked")).to_have_count(4)
    tab.keyboard.press("d")
    expect(tab.locator(".candidate-dropped")).to_have_count(5)
    expect(rows.nth(0).get_by_role("checkbox")).to_be_focused()
    tab.keyboard.press("r")  # the one in hand is kept again
    expect(tab.locator(".candidate-dropped")).to_have_count(4)
    expect(rows.nth(0).get_by_role("checkbox")).to_be_focused()
    tab.keyboard.press("Enter")
    expect(rows.nth(0).get_by_text("Verdicts, in their order")).to_be_visible()
    calm(tab)
    tab.keyboard.press("?")
    expect(tab.locator("#keys")).to_contain_text("Tick the candidate")
    tab.keyboard.press("Escape")
    tab.get_by_label("Show").select_option("dropped")
    tab.get_by_role("button", name="Show", exact=True).click()
    expect(rows).to_have_count(4)
    assert "state=dropped" in tab.url
    expect(rows.get_by_text("It is shorter than 20 characters.").first).to_be_visible()
    tab.get_by_text("Lengths and what was dropped").click()
    expect(tab.get_by_text("Length of answers").first).to_be_visible()
    calm(tab)
    tab.get_by_role("region", name="Candidates").get_by_text("Send to the queue").click()
    tab.get_by_role("button", name="All kept").click()
    expect(tab.locator("#toast")).to_contain_text("3 examples are in")


@pytest.mark.parametrize("tab", [{"java_script_enabled": False}], indirect=True)
def test_candidates_without_a_script(tab, make):
    _, run = make("Sifting by hand")
    tab.goto(f"/generations/{run}/candidates/")
    tab.get_by_role("button", name="Drop all 4").click()
    expect(tab.get_by_text("4 candidates dropped.")).to_be_visible()
    tab.get_by_role("button", name="Undo").click()
    expect(tab.get_by_text("4 candidates are as they were.")).to_be_visible()
    tab.get_by_role("checkbox").nth(1).check()
    tab.get_by_role("button", name="Drop ticked").click()
    expect(tab.get_by_text("1 candidate dropped.")).to_be_visible()


@pytest.mark.parametrize("tab", SIZES, indirect=True)
def test_a_model_mends_an_answer_by_keyboard(tab, make):
    task, _ = make(f"Mending {tab.viewport_size['width']}")
    tab.goto(f"/tasks/{task}/annotate/")
    field = tab.get_by_label("Output", exact=True)
    field.fill("You was in hospital for you're heart.")
    expect(tab.locator("[data-saved]")).to_contain_text("saved")
    tab.keyboard.press("Escape")
    tab.keyboard.press("m")
    words = tab.get_by_label("What is wrong with it?")
    expect(words).to_be_visible()
    tab.get_by_label("Model", exact=True).select_option(label="Scripted: scripted-1")
    tab.keyboard.press("Escape")
    tab.keyboard.press("w")
    expect(words).to_be_focused()
    tab.keyboard.type("Grammar.")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    expect(tab.locator("#assist")).to_contain_text("is at work", timeout=30_000)
    calm(tab)
    expect(tab.locator("#assist ins").first).to_have_text("were", timeout=60_000)
    expect(field).to_have_value("You was in hospital for you're heart.")
    calm(tab)
    tab.keyboard.press("t")
    expect(field).to_have_value(GOOD)
    expect(tab.locator("[data-saved]")).to_contain_text("saved")
    tab.keyboard.press("Escape")
    tab.keyboard.press("Control+Enter")
    expect(field).to_have_value("")
