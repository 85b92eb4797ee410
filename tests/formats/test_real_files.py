"""The real files beside the checkout read fully."""

import json

from curation.content import check
from curation.formats import open_rows, preview


def test_the_pool_as_parquet(shared):
    path = shared / "pool_20k.parquet"
    found = preview(path)
    assert (found.guess.name, found.guess.sure) == ("alpaca", True)
    keys: set[str] = set()
    with open_rows(path) as reader:
        for batch in reader:
            checked = check(batch.table, found.guess.mapping)
            assert not checked.bad
            keys.update(checked.keys)
        assert (reader.rows, reader.bad) == (20_003, 0)
    assert len(keys) == 20_003


def test_natural_instructions_tasks(shared):
    files = sorted((shared / "natural_instructions").glob("*.json"))
    assert len(files) == 30
    for path in files:
        found = preview(path, 3)
        assert found.guess.name == "natural_instructions"
        task = json.loads(path.read_text())
        with open_rows(path) as reader:
            (batch,) = reader
            assert batch.table.num_rows == len(task["Instances"])
            checked = check(batch.table, found.guess.mapping)
        assert not checked.bad
        assert checked.keys == [instance["id"] for instance in task["Instances"]]
        assert found.rows[0]["positive_examples"] == task["Positive Examples"]
        assert found.rows[0]["output"] == task["Instances"][0]["output"]


def test_targets_and_passages(shared):
    for path in [*sorted((shared / "targets").glob("*.jsonl")), shared / "passages.jsonl"]:
        found = preview(path)
        assert found.guess.name in ("alpaca", "text")
        with open_rows(path) as reader:
            assert all(not check(batch.table, found.guess.mapping).bad for batch in reader)
            assert reader.bad == 0
