"""The preview of a recipe says what freezing it gives."""

import pytest

from curation.actions.adding import NewExample, add_examples
from curation.content import Content, Message
from curation.datasets.recipe import parse
from curation.datasets.splits import parse as splits_of
from curation.models import Example
from curation.previewing_datasets import preview
from tests.curation import made_tasks
from tests.datasets import made

pytestmark = pytest.mark.django_db(transaction=True)
PAIR = {"name": "better", "kind": "pair", "title": "Better", "role": "preference", "required": False,
    "options": {"edit": True},
}  # fmt: skip


@pytest.fixture
def task(cast):
    """With an instruction of its own or without, a chat, licences of the rows or the task's."""
    found = made.task(cast.team, 8, licence="MIT", definition="Summarise the letter for the patient, in plain words.")
    rows = [
        NewExample(Content("single", f"Say it {'again ' * n}", f"Letter {n}", ("Yes.",)), key=f"own-{n}",
                   answer={"output": "Yes."}, lineage={"licence": "CC-BY-4.0" if n % 2 else ""})
        for n in range(6)
    ]  # fmt: skip
    turns = (Message("user", "How are you?"), Message("assistant", "Well, thank you."))
    rows.append(NewExample(Content("chat", messages=turns), key="chat", answer={"output": "Well, thank you."}))
    add_examples(task=found, rows=rows, by=None, origin=Example.Origin.FILE)
    return found


@pytest.fixture
def pairs(cast):
    """The chosen answer is written anew in one of two."""
    found = made_tasks.task(cast.team, name="Pairs", form=[PAIR], definition="Which one is better?")
    rows = [
        NewExample(Content("single", "", f"Letter {n}", ("Short.", "A much longer answer.")), key=f"pair-{n}",
                   answer={"better": {"chosen": n % 2, "rejected": 1 - n % 2} | ({"text": "Anew."} if n == 2 else {})})
        for n in range(4)
    ]  # fmt: skip
    add_examples(task=found, rows=rows, by=None, origin=Example.Origin.FILE)
    return found


@pytest.mark.parametrize(
    "filters", [{}, {"licences": ["MIT"]}, {"licences": ["CC-BY-4.0"]}, {"max_chars": 75}, {"min_chars": 60}], ids=str
)
def test_a_preview_counts_what_the_freeze_counts(cast, task, pairs, filters):
    recipe = {"sources": [made.source(task), made.source(pairs)], "filters": filters, "duplicates": "keep"}
    shown = preview(cast.team, parse(recipe), splits_of({}))
    version = made.frozen(made.dataset(cast.team, *recipe.pop("sources"), **recipe))
    assert 0 < version.rows <= 19
    assert bool(filters) == (version.rows < 19)
    assert (shown.rows, shown.tokens) == (version.rows, sum(version.counts["tokens"].values()))
    assert dict(shown.licences) == version.counts["licence"]
    frozen = [one["counts"] for one in version.manifest["sources"]]
    assert [(one.has, one.passed, one.kept) for one in shown.sources] == [
        (one["seen"], one["passed"], one["kept"]) for one in frozen
    ]
    refused = {name: sum(one["dropped"].get(name, 0) for one in frozen) for one in frozen for name in one["dropped"]}
    assert dict(shown.dropped) == refused
