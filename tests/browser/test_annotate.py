"""The annotation page in a real browser: a shift by keyboard alone, drafts, conflicts, time, a phone, no script."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import axe

LABELS = [
    {
        "name": "label", "kind": "labels", "title": "Urgent", "role": "output", "required": True,
        "options": {"labels": ["yes", "no"]},
    },
    {"name": "comment", "kind": "text", "title": "Comment", "role": "meta", "required": False},
]  # fmt: skip
LETTER = (
    "Dear Dr Hall,\n\nthis 67-year-old man came to us with **chest pain** on walking, which had become worse over two weeks. "
    "Troponin was normal twice.\n\n```python\nrisk = grace(age=67, troponin=0.01)\n```\n\nWe changed his tablets "
    "and would like to see him again in six weeks.\n\nYours sincerely"
)


@pytest.fixture
def make(site):
    """`make(name, count, form=…, suggestion=…)` makes a task with examples for the owner; its number comes back."""

    def made(name: str, count: int = 3, *, form=None, then: str = "", **fields) -> int:
        code = f"""
import json
from curation.models import Team, User, Guideline, Demonstration
from curation.content import Content
from curation.actions.adding import NewExample, add_examples
from tests.curation import made_tasks
given = json.loads({json.dumps(json.dumps({"form": form, "fields": fields, "letter": LETTER}))})
team = Team.objects.get(slug="ward")
task = made_tasks.task(team, name={name!r}, form=given["form"])
rows = [NewExample(Content("single", "Summarise the letter in words that the patient understands.", f"Letter {{n}}\\n\\n" + given["letter"]),
        key=f"k{{n}}", source="letters", lineage={{"pool_name": "open-pool", "method": "zipfit", "run_number": 41, "score": 0.3124}},
        **given["fields"]) for n in range({count})]
add_examples(task=task, rows=rows, by=None, origin="hand")
owner = User.objects.get(email="owner@example.org")
{then}
print("made", task.pk)
"""
        return int(re.search(r"made (\d+)", site.manage("shell", "-v", "0", "-c", code))[1])

    return made


def answers(site, task: int) -> list[dict]:
    code = (
        "import json; from curation.models import Annotation; print(json.dumps([[a.state, a.answer, a.example.key] "
        f"for a in Annotation.objects.filter(task={task}).order_by('example__pk').select_related('example')]))"
    )
    return [dict(zip(("state", "answer", "key"), row, strict=True)) for row in json.loads(site.manage("shell", "-v", "0", "-c", code))]


def start(tab, task: int) -> None:
    tab.goto(f"/tasks/{task}/annotate/")
    tab.locator("#item").wait_for()


def letter(tab, number: int) -> None:
    expect(tab.locator("#item .reading")).to_contain_text(f"Letter {number}\n")
