"""`manage.py select`: from files to files, without pages."""

import csv
import json

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from selection.models import Run, Target
from tests.selection import made

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pool(cast):
    cast.other_team.delete()
    return made.pool(cast.team, made.rows(300), cuts=(150,))


@pytest.fixture
def goal(tmp_path):
    path = tmp_path / "sums.jsonl"
    rows = [row | {"split": "dev" if n % 2 else "test"} for n, row in enumerate(made.rows(60, seed=4))]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows if row["source"] == "sums"))
    return path


def select(**options) -> None:
    call_command("select", local=True, **{"pool": "Open pool", "budget": "25"} | options)


def test_a_selection_from_file_to_file(pool, goal, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    out = tmp_path / "picks.jsonl"
    select(
        target=str(goal), method="bm25", param=["aggregation=max", "k1=1.2"], option=["source_cap=0.6"], out=str(out)
    )
    run = Run.objects.get()
    assert run.params == {"aggregation": "max", "view": "text", "k1": 1.2, "b": 0.75}
    assert run.options["source_cap"] == 0.6
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["_key"] for row in rows] == [pick.key for pick in run.picks.all()]
    assert len(rows) == 25
    assert json.loads((tmp_path / "picks.jsonl.manifest.json").read_text()) == run.manifest
    said = capsys.readouterr().out
    assert "25 picks of 300 rows" in said
    assert "nearest target row" in said


def test_csv_parquet_and_the_same_target_again(pool, goal, tmp_path):
    for name in ("picks.csv", "picks.parquet"):
        select(target=str(goal), where="split=dev", method="bm25", out=str(tmp_path / name))
    assert Target.objects.count() == 1
    assert Target.objects.get().rows.count() < len(goal.read_text().splitlines())
    with (tmp_path / "picks.csv").open() as file:
        keys = [row["_key"] for row in csv.DictReader(file)]
    assert keys == pq.read_table(tmp_path / "picks.parquet").column("_key").to_pylist()
    assert len(keys) == 25
    select(target=str(goal), method="bm25")  # the whole file is another target
    assert sorted(Target.objects.values_list("name", flat=True)) == ["sums", "sums 2"]
    select(target="sums 2", method="bm25")
    assert Target.objects.count() == 2


def test_without_a_target_it_is_random(pool):
    select(budget="10%", seed=4)
    run = Run.objects.get()
    assert (run.method, run.budget, run.seed, run.picks_count) == ("random", "10%", 4, 30)


def test_bad_lines_are_named(pool, goal, capsys):
    goal.write_text(goal.read_text() + '{"instruction": \n')
    select(target=str(goal), method="bm25")
    assert "of sums.jsonl was left out: it is not JSON" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"pool": "Nothing"}, "no pool named Nothing. There are: Open pool."),
        ({"method": "best"}, "There are: zipfit, bm25, classifier,"),
        ({"method": "bm25"}, "This method needs a target"),
        ({"method": "bm25", "target": "no-such"}, "neither a file nor a target"),
        ({"budget": "many"}, "must look like 1000, 5% or 200000tok"),
        ({"param": ["k1"]}, "NAME=VALUE"),
        ({"param": ["k9=1"]}, "k9 is no parameter"),
        ({"option": ["source_cap=3"]}, "source_cap must be between"),
        ({"out": "picks.xlsx"}, "must end in .jsonl, .csv or .parquet"),
        ({"out": "/no/such/folder/picks.csv"}, "is not there"),
        ({"team": "elsewhere"}, "There is no team elsewhere"),
    ],
)
def test_what_cannot_be_selected_is_said_before_any_work(pool, options, says):
    with pytest.raises(CommandError) as error:
        select(**options)
    assert says in str(error.value)
    assert not Run.objects.exists()


def test_a_failed_run_ends_the_command_with_advice(pool, goal, monkeypatch):
    from selection.methods import METHODS

    monkeypatch.setattr(METHODS["bm25"].__class__, "reasons", lambda *_: 1 / 0)
    with pytest.raises(CommandError, match="error id"):
        select(target=str(goal), method="bm25")
