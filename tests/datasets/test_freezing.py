"""Versions: what is frozen, how often it is done, and that it never changes."""

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse

from config.faults import Fault
from curation import parts
from curation.actions import datasets as actions
from curation.models import Dataset, DatasetVersion, Example
from tests.datasets import made

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_version_holds_the_accepted_rows_sorted_with_their_lineage(cast):
    task = made.task(cast.team, 30, by=cast.curator, licence="CC0-1.0", output_languages=["English"])
    version = made.frozen(made.dataset(cast.team, made.source(task)), by=cast.curator)
    assert version.job.state == "succeeded", version.job.error_what
    assert version.rows == 30
    rows = list(parts.rows(version.parts))
    keys = [row.key for row in rows]
    assert keys == sorted(keys)
    assert keys[0] == f"t{task.pk}/letter-0"
    one = rows[0]
    assert one.content.instruction == task.definition
    assert (one.licence, one.language, one.source) == ("CC0-1.0", "en", "notes")
    assert one.lineage["file"] == "letters.jsonl"
    assert one.lineage["example"] == Example.objects.get(task=task, key="letter-0").pk
    assert version.counts["source"] == {"letters": 15, "notes": 15}
    assert sum(version.counts["split"].values()) == 30
    assert version.manifest["sources"][0]["counts"] == {"seen": 30, "passed": 30, "kept": 30, "dropped": {}}
    assert version.manifest["sha256"] == version.sha256


def test_the_same_recipe_gives_the_same_files_and_another_machine_too(cast):
    task = made.task(cast.team, 40)
    dataset = made.dataset(cast.team, made.source(task))
    first, second = made.frozen(dataset), made.frozen(dataset)
    assert first.sha256 == second.sha256
    assert [part["sha256"] for part in first.parts] == [part["sha256"] for part in second.parts]


def test_a_row_never_changes_its_split(cast):
    task = made.task(cast.team, 60)
    dataset = made.dataset(
        cast.team, made.source(task), splits={"shares": {"train": 0.5, "test": 0.5}, "group": "prompt"}
    )
    first = made.frozen(dataset)
    before = {row.key: row.split for row in parts.rows(first.parts)}
    assert set(before.values()) == {"train", "test"}
    # Every prompt is another one now, so the hash of its group would throw about half of them.
    for example in task.examples.all():
        content = dict(example.content) | {"input": f"Another letter, {example.key}."}
        Example.objects.filter(pk=example.pk).update(content=content, revision=2)
    made.more(task, 30, start=60)
    second = made.frozen(dataset)
    after = {row.key: row.split for row in parts.rows(second.parts)}
    assert len(after) == 90
    assert {key: after[key] for key in before} == before


HALVES = {"shares": {"train": 0.5, "test": 0.5}, "group": "prompt"}


def splits_in(version):
    return {row.key.rpartition("/")[2]: row.split for row in parts.rows(version.parts)}


def asked(task, key, text):
    """The example of that key gets this input."""
    found = task.examples.get(key=key)
    Example.objects.filter(pk=found.pk).update(content=found.content | {"input": text}, revision=found.revision + 1)


def test_a_row_that_was_away_for_a_version_comes_back_to_its_split(cast):
    task = made.task(cast.team, 20)
    dataset = made.dataset(cast.team, made.source(task), splits=HALVES)
    before = splits_in(made.frozen(dataset))
    away = [f"letter-{n}" for n in range(12)]
    task.examples.filter(key__in=away).update(state="rejected")
    assert not set(splits_in(made.frozen(dataset))) & set(away)
    task.examples.filter(key__in=away).update(state="accepted")
    for key in away:
        asked(task, key, f"Another letter, {key}.")
    assert splits_in(made.frozen(dataset)) == before


def test_a_new_row_goes_where_the_rows_of_its_group_are(cast):
    task = made.task(cast.team, 20)
    dataset = made.dataset(cast.team, made.source(task), splits=HALVES)
    before = splits_in(made.frozen(dataset))
    # Each gets a prompt of its own, which is the prompt of a new row as well: half of them hash elsewhere.
    for n in range(20):
        asked(task, f"letter-{n}", f"The same letter {n}.")
    made.more(task, 20, start=20)
    for n in range(20):
        asked(task, f"letter-{20 + n}", f"The same letter {n}.")
    version = made.frozen(dataset)
    after = splits_in(version)
    assert {f"letter-{n}": after[f"letter-{20 + n}"] for n in range(20)} == before
    assert version.leakage["torn"] == version.leakage["exact"] == 0
    # And where all rows of a group went away, a new one goes where they were.
    task.examples.filter(key__in=[f"letter-{n}" for n in range(40)]).update(state="rejected")
    made.more(task, 21, start=40)
    for n in range(20):
        asked(task, f"letter-{40 + n}", f"The same letter {n}.")
    later = splits_in(made.frozen(dataset))
    assert {f"letter-{n}": later[f"letter-{40 + n}"] for n in range(20)} == before


def test_a_group_that_an_edit_tears_is_counted_and_told(cast, as_):
    task = made.task(cast.team, 20)
    dataset = made.dataset(cast.team, made.source(task), splits=HALVES)
    first = made.frozen(dataset)
    before = splits_in(first)
    assert first.leakage["torn"] == 0
    train, test = (next(key for key, split in before.items() if split == name) for name in ("train", "test"))
    asked(task, train, task.examples.get(key=test).content["input"])
    version = made.frozen(dataset)
    assert splits_in(version) == before
    assert version.leakage["torn"] == version.manifest["leakage"]["torn"] == 1
    page = as_("curator").get(version.get_absolute_url()).content.decode()
    assert "1 group lies in two splits or more" in page
    assert (
        "1 group lies in two splits or more"
        in as_("curator").get(reverse("dataset_card", args=[dataset.pk])).content.decode()
    )


def test_a_frozen_version_cannot_be_changed_by_anyone(cast):
    version = made.frozen(made.dataset(cast.team, made.source(made.task(cast.team, 5))))
    for change in ({"rows": 4}, {"sha256": "0" * 64}, {"parts": []}, {"manifest": {}}):
        with pytest.raises(DatabaseError, match="never changes"), transaction.atomic():
            DatasetVersion.objects.filter(pk=version.pk).update(**change)
    DatasetVersion.objects.filter(pk=version.pk).update(changelog="Better.")


def test_restoring_makes_a_new_version_equal_to_the_old_one(cast):
    task = made.task(cast.team, 10)
    dataset = made.dataset(cast.team, made.source(task))
    first = made.frozen(dataset)
    made.more(task, 5, start=10)
    made.frozen(dataset)
    again = actions.restore(version=first, by=cast.curator)
    assert (again.number, again.sha256, again.parts, again.rows) == (3, first.sha256, first.parts, 10)
    assert again.changelog == "Version 1 again."


def test_filters_that_let_nothing_through_say_which_one(cast):
    dataset = made.dataset(cast.team, made.source(made.task(cast.team, 5)), filters={"licences": ["MIT"]})
    version = made.frozen(dataset)
    assert version.job.error_code == "dataset.empty"
    assert "The filter by licence refused 5" in version.job.error_what
    assert not version.is_frozen


def test_a_source_that_is_deleted_is_named(cast):
    task = made.task(cast.team, 5)
    dataset = made.dataset(cast.team, made.source(task))
    task.deleted_at = dataset.created_at
    task.save(update_fields=["deleted_at"])
    with pytest.raises(Fault, match=r"sources\[0\]") as raised:
        actions.freeze(dataset=dataset, by=cast.curator)
    assert raised.value.code == "dataset.source_gone"


def test_one_version_is_frozen_at_a_time_and_others_tasks_are_no_sources(cast):
    dataset = made.dataset(cast.team, made.source(made.task(cast.team, 5)))
    actions.freeze(dataset=dataset, by=None)
    with pytest.raises(Fault) as raised:
        actions.freeze(dataset=dataset, by=None)
    assert raised.value.code == "dataset.freezing"
    theirs = made.task(cast.other_team, 5)
    with pytest.raises(Fault) as raised:
        made.dataset(cast.team, made.source(theirs), name="Stolen")
    assert raised.value.code == "dataset.source_gone"
    assert not Dataset.objects.filter(name="Stolen").exists()


def test_duplicates_and_repeats_are_left_out_and_leakage_is_shown(cast):
    one, two = made.task(cast.team, 20), made.task(cast.team, 0, name="Copies")
    Example.objects.bulk_create(
        Example(task=two, key=e.key, content=e.content, answer=e.answer, state="accepted", chars=e.chars)
        for e in one.examples.all()
    )
    recipe = {"sources": [made.source(one), made.source(two)]}
    dataset = actions.create(
        team=cast.team, by=None, name="Both", recipe=recipe, splits={"shares": {"train": 0.5, "test": 0.5}}
    )
    version = made.frozen(dataset)
    assert version.rows == 20
    assert version.leakage["exact"] == 0
    assert ["duplicates", 20] in version.manifest["steps"]
    apart = actions.create(
        team=cast.team, by=None, name="Apart", recipe=recipe | {"duplicates": "keep"},
        splits={"shares": {"train": 0.5, "test": 0.5}, "group": "row"},
    )  # fmt: skip
    version = made.frozen(apart)
    assert version.rows == 40
    assert version.leakage["exact"] > 0
    pair = version.leakage["pairs"][0]
    assert {pair["split"], pair["other_split"]} == {"train", "test"}
