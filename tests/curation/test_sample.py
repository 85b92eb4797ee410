"""The sample pool: the same everywhere, no row twice, answers that are right."""

import hashlib
import json
import sqlite3
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from curation import sample
from curation.content import check, guess
from curation.formats import from_rows, open_rows
from curation.sample.facts import in_words


@pytest.fixture(scope="module")
def pool():
    return sample.pool()


def test_it_is_the_same_on_every_machine(pool):
    text = json.dumps([pool, sample.targets()], ensure_ascii=False)
    assert (
        hashlib.sha256(text.encode()).hexdigest() == "0ae88897b9070973b0a23c00938b37536aa7e646f5d3b09c2c4ccd47cfdcea1f"
    )


def test_size_families_and_lengths(pool):
    families = Counter(row["source"] for row in pool)
    assert families == {family.name: family.rows for family in sample.FAMILIES}
    assert len(families) >= 10
    assert 3_500 <= len(pool) <= 4_500
    lengths = [len(row["instruction"]) + len(row["input"]) + len(row["output"]) for row in pool]
    assert min(lengths) >= 60
    assert max(lengths) <= 1_500
    assert {row["licence"] for row in pool} == {sample.LICENCE}


def test_no_row_twice_and_no_target_in_the_pool(pool):
    mine = {(row["instruction"], row["input"], row["output"]) for row in pool}
    assert len(mine) == len(pool) == len({row["id"] for row in pool})
    for rows in sample.targets().values():
        assert len(rows) >= 20
        assert len({(row["input"], row["instruction"]) for row in rows}) == len(rows)
        assert not mine & {(row["instruction"], row["input"], row["output"]) for row in rows}
        assert not {row["instruction"] for row in pool} & {row["instruction"] for row in rows}


def test_it_reads_as_alpaca(pool):
    found = guess(list(pool[0]), pool[:20])
    assert (found.name, found.sure) == ("alpaca", True)
    checked = check(from_rows(pool), found.mapping)
    assert checked.bad == []
    assert checked.keys == [row["id"] for row in pool]


def test_python_answers_run(pool):
    for row in pool:
        if row["source"] == "python-functions":
            names: dict = {}
            exec(row["output"], names)  # noqa: S102 - our own text
            assert sum(callable(value) for name, value in names.items() if name[0] != "_") >= 1


def test_sql_answers_run(pool):
    for row in pool:
        if row["source"] == "sql-queries":
            database = sqlite3.connect(":memory:")
            database.execute(row["input"].partition("\n")[0])
            database.execute(row["output"])
            database.close()


def test_weekdays_are_those_of_the_calendar(pool):
    for row in pool:
        if row["task"] == "dates-weekday":
            day = datetime.strptime(row["input"].split(" is a ")[0].removeprefix("If ") + "+0000", "%d %B %Y%z")
            assert f" is a {day:%A}," in row["input"]


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "zero"), (21, "twenty-one"), (100, "one hundred"), (115, "one hundred and fifteen"),
     (1_005, "one thousand and five"), (90_340, "ninety thousand, three hundred and forty"),
     (2_000_000, "two million"), (1_000_101, "one million, one hundred and one")],
)  # fmt: skip
def test_numbers_in_words(number, words):
    assert in_words(number) == words


def test_writing_it(tmp_path: Path, pool):
    files = sample.write(tmp_path / "new" / "folder")
    assert set(files) == {"pool", *sample.TARGETS}
    with open_rows(files["pool"]) as reader:
        assert sum(batch.table.num_rows for batch in reader) == len(pool)
        assert reader.bad == 0
