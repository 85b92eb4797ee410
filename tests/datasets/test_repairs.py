"""What people had a model mend: the text before and after as preference pairs of a dataset."""

import json

import pytest

from curation.datasets.recipe import parse
from curation.datasets.splits import parse as splits_of
from curation.lineage import forward, keys_of_example
from curation.models import PreferencePair
from curation.parts import one as row_at
from curation.previewing_datasets import preview
from tests.datasets import made
from tests.datasets.test_packing import exported
from tests.datasets.test_pages import FIELDS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def task(cast):
    """Four examples with a repair, of which one was deleted since and one is open; a fifth repair of a mere note."""
    found = made.task(cast.team, 8)
    for n in (0, 1, 2, 3):
        mended(found, n)
    mended(found, 4, field="note")
    found.examples.filter(key="letter-2").update(deleted_at="2026-01-01T00:00Z")
    found.examples.filter(key="letter-3").update(state="open", accepted_at=None)
    return found


def mended(task, n, **changed):
    fields = {
        "field": "output",
        "old": f"You was ill {n}.",
        "new": f"You were ill {n}.",
        "why": "Grammar.",
        "model": "m-1",
    }
    example = task.examples.get(key=f"letter-{n}")
    return PreferencePair.objects.create(task=task, example=example, revision=1, **fields | changed)


def source(task):
    return made.source(task, state="repaired")


def test_pairs_of_accepted_examples_go_out_as_preferences(cast, task):
    version = made.frozen(made.dataset(cast.team, source(task)))
    assert version.rows == 2
    found, archive = exported(version, "preference")
    assert (sum(found.rows.values()), found.unfit["count"]) == (2, 0)
    files = [name for name in archive.namelist() if name.endswith(".jsonl")]
    rows = [json.loads(line) for name in files for line in archive.read(name).splitlines()]
    assert {(row["chosen"], row["rejected"]) for row in rows} == {
        ("You were ill 0.", "You was ill 0."), ("You were ill 1.", "You was ill 1."),
    }  # fmt: skip
    assert all("Dear Dr Hall" in row["prompt"] for row in rows)
    card = archive.read(next(name for name in archive.namelist() if name.endswith("README.md"))).decode()
    assert "answers before and after a repair" in card


def test_a_pair_keeps_where_it_came_from_and_its_example_leads_to_it(cast, task):
    version = made.frozen(made.dataset(cast.team, source(task)))
    example, pair = task.examples.get(key="letter-0"), PreferencePair.objects.get(example__key="letter-0")
    row = row_at(version.parts, f"t{task.pk}/letter-0#repair-{pair.pk}")
    assert row.lineage["example"] == example.pk
    assert row.lineage["file"] == "letters.jsonl"
    assert (row.lineage["model"], row.lineage["repair"]) == ("m-1", {"pair": pair.pk, "why": "Grammar."})
    assert [one.row.key for one in forward(cast.team, keys_of_example(example))] == [row.key]


def test_what_wrote_the_text_before_stays_beside(cast, task):
    task.examples.filter(key="letter-0").update(lineage={"model": "m-0", "generation": 7, "line": 3})
    version = made.frozen(made.dataset(cast.team, source(task)))
    pair = PreferencePair.objects.get(example__key="letter-0")
    lineage = row_at(version.parts, f"t{task.pk}/letter-0#repair-{pair.pk}").lineage
    assert (lineage["model"], lineage["line"], lineage.get("generation")) == ("m-1", 3, None)
    assert lineage["repair"]["before"] == {"model": "m-0", "generation": 7}


def test_a_pair_and_its_example_stand_in_one_split(cast, task):
    """Else a model is tested on a prompt that it was trained on."""
    for n in range(5, 8):
        mended(task, n)
    halves = {"shares": {"train": 0.5, "test": 0.5}, "group": "prompt"}
    version = made.frozen(made.dataset(cast.team, made.source(task), source(task), splits=halves))
    assert set(version.counts["split"]) == {"train", "test"}
    for pair in PreferencePair.objects.filter(field="output", example__state="accepted", example__deleted_at=None):
        key = f"t{task.pk}/{pair.example.key}"
        assert row_at(version.parts, key).split == row_at(version.parts, f"{key}#repair-{pair.pk}").split


def test_the_preview_counts_them(cast, task):
    found = preview(cast.team, parse({"sources": [source(task)]}), splits_of({}))
    assert (found.rows, found.sources[0].name, found.sources[0].has) == (2, "Ward letters (repaired)", 2)


def test_they_stand_in_a_line_of_their_own(cast, task, as_):
    client = as_("curator")
    page = client.get("/t/ward/datasets/new/").content.decode()
    assert f'value="repaired-{task.pk}"' in page
    assert "Ward letters, before and after repairs" in page
    answer = client.post(
        "/t/ward/datasets/new/",
        FIELDS | {"name": "Pairs", "use": f"repaired-{task.pk}", "do": "save"},
    )
    dataset = cast.team.datasets.get(name="Pairs")
    assert answer.status_code == 303
    [kept] = dataset.recipe["sources"]
    assert (kept["kind"], kept["id"], kept["state"]) == ("task", task.pk, "repaired")
    page = client.get(f"/datasets/{dataset.pk}/recipe/").content.decode()
    assert f'value="repaired-{task.pk}" checked' in page
    assert f'value="task-{task.pk}" checked' not in page


def test_without_repairs_there_is_no_such_line(cast, as_):
    found = made.task(cast.team, 3)
    assert f"repaired-{found.pk}" not in as_("curator").get("/t/ward/datasets/new/").content.decode()
