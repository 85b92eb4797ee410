"""What a run holds back by the content of rows: from the form, the API and the command line to the result."""

import re

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from config.faults import Fault
from curation.content import Mapping
from selection import methods
from selection.actions import runs, targets
from selection.models import Run, Target
from tests.curation.api.conftest import api, error
from tests.selection import made

__all__ = ["api"]  # the fixture

TICKED = r'<input[^>]*name="o_decontaminate"[^>]* checked'
pytestmark = pytest.mark.django_db(transaction=True)

GERMAN = (
    "Bitte fasse den folgenden Brief des Krankenhauses für die Patientin in einfachen Worten zusammen. Schreibe kurze "
    "Sätze, erkläre jedes Fachwort und sage ihr, wann der nächste Besuch beim Arzt ansteht und welche Tabletten nötig sind."
)


@pytest.fixture
def data():
    """Every tenth row has something to hold back, in turn: personal data, repetition, German."""
    rows = made.rows(200)
    for number in range(0, 200, 10):
        row = rows[number]
        row["input"] = [f"Write to mary{number}@mail.org.", row["instruction"] + " " + row["instruction"], GERMAN][
            number // 10 % 3
        ]
        row["instruction"] = row["instruction"][:60]
    return rows


@pytest.fixture
def pool(cast, data):
    return made.pool(cast.team, data, cuts=(70,))


@pytest.fixture
def tests(cast, data):
    """Two test sets: five whole rows of the pool, and five prompts of it with other answers."""
    whole = made.target(cast.team, data[1:6], name="Whole rows")
    asked = made.target(cast.team, [row | {"output": "No idea."} for row in data[101:106]], name="Prompts")
    return [whole, asked]


def form_of(pool, **change):
    return {"pool": pool.pk, "amount": "500", "unit": "rows", "method": "random", "seed": "0"} | change


def picked(run, data):
    """Numbers of the rows of `data` that were picked."""
    assert run.job.state == "succeeded", (run.job.error_title, run.job.error_what)
    shards = dict(run.pool.shards.values_list("pk", "first_row"))
    return {shards[pick.shard_id] + pick.row for pick in run.picks.all()}


def test_test_sets_are_ticked_on_the_form_and_their_rows_kept_out(as_, cast, pool, data, tests):
    client, url = as_("curator"), reverse("run_new", args=[cast.team.slug])
    page = client.get(url).content.decode()
    assert page.count('name="o_decontaminate"') == 2
    ids = [test.pk for test in tests]
    client.post(url, form_of(pool, o_decontaminate=ids, o_exact_duplicates="on"))
    run = Run.objects.get()
    assert run.options["decontaminate"] == f"{ids[0]},{ids[1]}"
    made.end(run)
    held = {*range(1, 6), *range(101, 106)}
    assert picked(run, data) == set(range(200)) - held
    assert run.facts["skipped"] == {"decontaminate": 10}
    assert "rows of the test sets (10)" in " ".join(map(str, run.facts["warnings"]))
    shown = client.get(run.get_absolute_url()).content.decode()
    assert "Whole rows, Prompts" in shown
    assert "rows of the test sets" in shown
    assert [(one["name"], one["rows"]) for one in run.manifest["test_sets"]] == [("Whole rows", 5), ("Prompts", 5)]
    # Frozen like a target, and kept as long as the run is.
    whole = Target.objects.get(pk=ids[0])
    assert whole.is_frozen
    assert run.manifest["test_sets"][0]["sha256"] == whole.sha256 != ""
    with pytest.raises(Fault, match="1 run"):
        targets.delete(target=whole, by=cast.curator)
    again = client.get(url, {"again": run.pk}).content.decode()
    assert again.count('name="o_decontaminate"') == len(re.findall(TICKED, again)) == 2
    looked = client.post(url, form_of(pool, do="look", o_decontaminate=ids[:1])).content.decode()
    assert len(re.findall(TICKED, looked)) == 1
    runs.delete(run=run, by=cast.curator)
    targets.delete(target=whole, by=cast.curator)


def test_a_target_whose_number_is_part_of_another_is_not_in_use(cast, pool, tests):
    run = made.run(cast.team, pool, None, finish=False)
    other = tests[1]
    Run.objects.filter(pk=run.pk).update(options=run.options | {"decontaminate": f"1{other.pk},{other.pk}2"})
    targets.delete(target=other, by=cast.curator)


def test_the_other_filters_from_the_form(as_, cast, pool, data):
    client, url = as_("curator"), reverse("run_new", args=[cast.team.slug])
    assert 'name="o_decontaminate"' not in client.get(url).content.decode(), "the team has no target to tick"
    answer = client.post(url, form_of(pool, o_pii="on", o_repetition="0.3", o_language="EN"))
    run = Run.objects.get()
    assert answer.status_code == 303
    assert (run.options["pii"], run.options["repetition"], run.options["language"]) == (True, 0.3, "en")
    made.end(run)
    assert not picked(run, data) & set(range(0, 200, 10))
    skipped = run.facts["skipped"]
    assert skipped["pii"] == 7
    # Made rows may repeat themselves, and their answers are written backwards.
    assert skipped["language"] >= 6
    assert skipped["repetition"] >= 7
    assert sum(skipped.values()) + run.picks_count == 200
    refused = client.post(url, form_of(pool, o_language="english", o_repetition="2"))
    assert refused.status_code == 422
    assert "english is none" in refused.context["form"].errors["o_language"][0]
    assert set(refused.context["form"].errors) == {"o_language", "o_repetition"}


def test_a_run_picks_as_the_library_does(cast, data, tests):
    """All filters at once, on a pool in one piece and in three, where they are the only thing that decides."""
    rows = [{"id": f"row-{number:03d}", **row} for number, row in enumerate(data)]
    mapping = Mapping(instruction="instruction", input="input", output="output", source="source", id="id")
    options = {"pii": True, "repetition": 0.4, "language": "en", "near_duplicates": 0.9}
    expected = methods.select(
        rows, method="random", budget=60, seed=3, tests=[*data[1:6], *data[101:106]],
        options=methods.Options(**options),
    )  # fmt: skip
    assert len(expected) == 60
    options["decontaminate"] = ",".join(str(test.pk) for test in tests)
    for name, cuts in (("whole", ()), ("cut", (31, 150))):
        pool = made.pool(cast.team, rows, name=name, cuts=cuts, mapping=mapping)
        run = made.run(cast.team, pool, None, budget="60", seed=3, options=options)
        assert [pick.key for pick in run.picks.all()] == [pick.key for pick in expected]


def test_another_teams_targets_are_no_test_sets(as_, api, cast, pool):
    theirs = made.target(cast.other_team, made.rows(3), name="Theirs")
    url = reverse("run_new", args=[cast.team.slug])
    made.target(cast.team, made.rows(2, seed=5), name="Ours")
    assert as_("curator").post(url, form_of(pool, o_decontaminate=[theirs.pk])).status_code == 422
    answer = api("curator").post(
        "/runs", {"pool": pool.pk, "method": "random", "options": {"decontaminate": [theirs.pk]}}
    )
    assert error(answer, 422)["place"] == "options.decontaminate"
    with pytest.raises(Fault, match="not among"):
        made.run(cast.team, pool, None, options={"decontaminate": str(theirs.pk)}, finish=False)
    assert not Run.objects.exists()
    theirs.refresh_from_db()
    assert not theirs.is_frozen


@pytest.mark.parametrize("form", ["list", "text", "name", "number"])
def test_the_api_takes_ids_and_names(api, pool, tests, form):
    ids = [test.pk for test in tests]
    sent = {"list": ids, "text": f"{ids[1]}, {ids[0]}", "name": "Whole rows, Prompts", "number": ids[0]}[form]
    answer = (
        api("curator")
        .post("/runs", {"pool": pool.pk, "method": "random", "options": {"decontaminate": sent, "language": "de"}})
        .json()
    )
    assert answer["options"]["decontaminate"] == ",".join(map(str, ids[:1] if form == "number" else ids))
    assert answer["options"]["language"] == "de"


def test_the_command_line_takes_names(cast, pool, data, tests):
    cast.other_team.delete()
    call_command("select", local=True, pool="Open pool", budget="500", option=["decontaminate=Prompts", "pii=yes"])
    run = Run.objects.get()
    assert run.options["decontaminate"] == str(tests[1].pk)
    assert picked(run, data).isdisjoint(range(101, 106))
    with pytest.raises(CommandError, match="names no target of the team: Nowhere"):
        call_command("select", local=True, pool="Open pool", option=["decontaminate=Nowhere"])
