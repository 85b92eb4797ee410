"""Agreement and progress in a real browser: accessible in both themes, whole on a phone, with folds that open."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import axe

MAKE = """
import random
from datetime import timedelta
from django.utils import timezone
from curation.models import Annotation, Example, Role, TaskMember, Team
from tests.curation import made_tasks as made
rng, team, now = random.Random(5), Team.objects.get(slug="ward"), timezone.now()
task = made.task(team, name="Measured", form=[made.LABEL, made.RATING | {"options": {"min": 1, "max": 5}}, made.OUTPUT], wanted=2)
people = [made.person(team, name) for name in ("Maria Lindqvist", "Jo Park", "Emeka Obi")]
rows, words = [], "the heart was weak so you take one tablet each day and come back in six weeks".split()
for example in made.examples(task, 60):
    truth, clarity = rng.choice(["yes", "no", "no"]), rng.randint(1, 5)
    at = now - timedelta(days=rng.randint(0, 40))
    for who in rng.sample(people, 2):
        label = truth if rng.random() < 0.85 else rng.choice(["yes", "no", "maybe"])
        text = " ".join(word for word in words if rng.random() < 0.8)
        rows.append(Annotation(
            task=task, example=example, annotator=who, seconds=rng.uniform(20, 200),
            state=rng.choice(["submitted", "accepted", "declined"]),
            answer={"label": label, "clarity": max(1, min(5, clarity + rng.randint(-1, 1))), "output": text},
            submitted_at=at, gold_score=rng.random() if rng.random() < 0.2 else None,
        ))
Annotation.objects.bulk_create(rows)
Example.objects.filter(task=task).update(done=2, state="submitted")
Example.objects.filter(task=task, pk__lt=example.pk - 50).update(gold={"label": "yes"})
made.examples(task, 40)
TaskMember.objects.create(task=task, user=people[0], daily_goal=40, today=12, day=now.date())
print("made", task.pk)
"""  # fmt: skip


@pytest.fixture(scope="module")
def task(site):
    return int(re.search(r"made (\d+)", site.manage("shell", "-v", "0", "-c", MAKE))[1])


def picture(page, name: str) -> None:
    """A screenshot, for those who ask for one: PICTURES=/some/folder."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("name", ["agreement", "progress"])
@pytest.mark.parametrize(
    "tab",
    [
        {"viewport": {"width": 1280, "height": 900}},
        {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
    ],
    indirect=True,
    ids=["desk", "phone"],
)
def test_both_pages_are_accessible_and_fit(tab, task, name):
    tab.goto(f"/tasks/{task}/{name}/")
    expect(tab.locator("svg.plot-time").first).to_be_visible()
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    picture(tab, f"{name}-{tab.viewport_size['width']}")
    tab.evaluate("document.querySelectorAll('main details').forEach(one => { one.open = true })")
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert axe(tab) == []
    picture(tab, f"{name}-{tab.viewport_size['width']}-open")
