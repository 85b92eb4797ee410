"""Finished runs side by side, and fused into a new one."""

import time

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from config.faults import Fault
from selection.actions import runs as actions
from selection.methods import METHODS
from selection.models import Pick, Run
from selection.queries import compare
from tests.selection import made

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pool(cast):
    return made.pool(cast.team, made.rows(300), cuts=(120, 121))


@pytest.fixture
def target(cast):
    return made.target(cast.team, [row for row in made.rows(90, seed=4) if row["source"] == "sums"][:4])


@pytest.fixture
def pair(cast, pool, target):
    """Runs 1 and 2: they share a good part of their picks."""
    one = made.run(cast.team, pool, target, method="bm25", budget="60")
    options = {"max_chars": 250}
    other = made.run(cast.team, pool, target, method="bm25", budget="90", options=options, aggregation="max")
    return one, other


def places(run):
    """Rank by (shard, row)."""
    return {(pick.shard_id, pick.row): pick.rank for pick in run.picks.all()}


def ask(client, team, *numbers):
    answer = client.get(reverse("run_compare", args=[team.slug]), {"run": numbers})
    assert answer.status_code == 200
    return answer


# --- compare ---


def test_the_table_is_that_of_the_sets(as_, cast, pool, pair):
    third = made.run(cast.team, pool, None, budget="40", seed=5)
    sets = [set(places(run)) for run in (*pair, third)]
    page = ask(as_("viewer"), cast.team, 3, 1, 2)
    matrix = [[(cell.shared, cell.share) for cell in cells] for _, cells in page.context["matrix"]]
    for row, one in enumerate(sets):
        for column, other in enumerate(sets):
            shared = len(one & other)
            assert matrix[row][column] == (shared, pytest.approx(shared / min(len(one), len(other))))
    assert 0 < matrix[0][1][0] < 60
    assert page.context["union"] == len(set.union(*sets))
    everywhere = set.intersection(*sets)
    assert page.context["by_all"] == len(everywhere)
    assert len(page.context["shared"]) == min(20, len(everywhere))


def test_the_picks_that_all_have_stand_with_their_ranks(as_, cast, pair):
    one, other = map(places, pair)
    shared = sorted(one.keys() & other.keys(), key=lambda at: (-(1 / (60 + one[at]) + 1 / (60 + other[at])), one[at]))
    shown = ask(as_("viewer"), cast.team, 1, 2).context["shared"]
    assert len(shown) == min(20, len(shared)) > 9
    ranks = [tuple(rank for rank, _ in entry["ranks"]) for entry in shown]
    assert ranks == [(one[at], other[at]) for at in shared[:20]]
    first = pair[0].picks.get(rank=ranks[0][0])
    assert shown[0]["text"] == first.excerpt
    assert shown[0]["ranks"][0][1] == reverse("run_pick", args=[pair[0].pk, first.rank])


def test_different_pools_share_nothing(as_, cast, pair):
    elsewhere = made.pool(cast.team, made.rows(300), name="The same rows again")
    made.run(cast.team, elsewhere, None, budget="300")
    answer = ask(as_("curator"), cast.team, 1, 3)
    page = answer.content.decode()
    assert page.count("different pools</td>") == 2
    assert "Fuse these runs" not in page
    assert answer.context["by_all"] == 0
    assert "Fuse these runs" in ask(as_("curator"), cast.team, 1, 2).content.decode()


def test_what_cannot_be_compared_is_said(as_, cast, pool, pair):
    made.run(cast.team, pool, None, finish=False)
    theirs = made.pool(cast.other_team, made.rows(20), name="Theirs")
    for _ in range(7):
        made.run(cast.other_team, theirs, None, budget="5")
    client = as_("viewer")
    for numbers, words in (
        ((), "None is ticked. Choose 2 to 8"),
        ((1,), "Only one is ticked"),
        ((1, 1, "x", "-2", "9" * 30), "Only one is ticked"),
        (range(1, 10), "9 are ticked"),
        ((1, 7, 6), "There is no run 6 in this team."),
        ((1, 3), "Run 3 has not finished"),
    ):
        page = ask(client, cast.team, *numbers).content.decode()
        assert words in page, numbers
        assert "<table" not in page


def test_a_run_without_picks_has_a_place_in_the_table(as_, cast, pool, pair):
    made.run(cast.team, pool, None, budget="5", options={"min_chars": 10**6})
    matrix = ask(as_("viewer"), cast.team, 1, 3).context["matrix"]
    assert [[(cell.shared, cell.share) for cell in row] for _, row in matrix] == [
        [(60, 1.0), (0, 0.0)], [(0, 0.0), (0, 0.0)]
    ]  # fmt: skip


def test_runs_are_ticked_in_the_list(as_, cast, pool, pair):
    client, url = as_("viewer"), reverse("runs", args=[cast.team.slug])
    made.run(cast.team, pool, None, finish=False)
    page = client.get(url, {"run": ["2"]}).content.decode()
    assert page.count('type="checkbox" name="run"') == 2
    assert page.count(" checked") == 1
    assert f'action="{reverse("run_compare", args=[cast.team.slug])}"' in page
    actions.delete(run=pair[0], by=cast.curator)
    assert "Compare ticked runs" not in client.get(url).content.decode()


def test_more_picks_and_runs_cost_no_more_queries(as_, cast, pool, pair):
    client, seen = as_("viewer"), []
    made.run(cast.team, pool, None, budget="280")
    for numbers in ((1, 2), (1, 2, 3)):
        with CaptureQueriesContext(connection) as found:
            ask(client, cast.team, *numbers)
        seen.append(len(found))
    assert seen[1] <= seen[0] + 1  # the names of each run's test sets


def test_eight_runs_of_many_picks_within_a_second(cast, pool):
    runs = [made.run(cast.team, pool, None, budget="1") for _ in range(8)]
    rng = np.random.default_rng(0)
    Pick.objects.all().delete()
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY selection_pick (run_id, rank, key, shard_id, row, source, chars, excerpt, reason) FROM STDIN"
        ) as copy,
    ):
        for run in runs:
            for rank, row in enumerate(rng.permutation(25_000)[:12_500].tolist(), 1):
                copy.write_row((run.pk, rank, str(row), 1, row, "", 1, "", "[]"))
    begun = time.perf_counter()
    found = compare.compared(runs)
    assert time.perf_counter() - begun < 1
    assert found["union"] > 24_000
    assert 0 < found["by_all"] < 300


# --- fuse ---


def test_a_fused_run_picks_what_the_sum_by_hand_says(as_, cast, pool, pair):
    client = as_("curator")
    link = ask(client, cast.team, 1, 2).context["fuse_url"]
    form = client.get(link)
    page = form.content.decode()
    assert 'name="m_runs" value="1,2"' in page
    assert 'id="method-part" class="fold" open' in page
    data = {
        "pool": pool.pk, "target": "", "amount": "70", "unit": "rows", "method": "runs", "seed": "0",
        "m_runs": "1,2", "m_k": "60", "m_weights": "2, 1", "o_exact_duplicates": "on",
    }  # fmt: skip
    assert client.post(reverse("run_new", args=[cast.team.slug]), data).status_code == 303
    run = Run.objects.get(number=3)
    made.end(run)
    assert run.job.state == "succeeded", run.job.error_what
    one, other = map(places, pair)
    score = {}
    for weight, ranks in ((2, one), (1, other)):
        for at, rank in ranks.items():
            score[at] = score.get(at, 0) + weight / (60 + rank)
    keys = {(pick.shard_id, pick.row): pick.key for pick in Pick.objects.filter(run__in=[*pair])}
    wanted = sorted(score, key=lambda at: (-np.float32(score[at]), keys[at]))[:70]
    picks = list(run.picks.all())
    assert [(pick.shard_id, pick.row) for pick in picks] == wanted
    assert [pick.key for pick in picks] == [keys[at] for at in wanted]
    assert picks[0].score == pytest.approx(score[wanted[0]])
    for pick, at in zip(picks, wanted, strict=True):
        told = [f"{ranks[at]:,} in run {number}" for number, ranks in ((1, one), (2, other)) if at in ranks]
        assert pick.reason == [{"kind": "terms", "text": f"Rank {', '.join(told)}."}]
    assert f"{len(score)} rows were picked by at least one of the runs" in run.facts["notes"][0]
    assert "Rank " in client.get(reverse("run_pick", args=[run.pk, 1])).content.decode()
    # The ticked runs may go now; what was fused stays.
    actions.delete(run=pair[0], by=cast.curator)
    assert client.get(run.get_absolute_url()).status_code == 200


def test_rows_that_came_into_the_pool_since_do_not_move_places(cast, pool, pair):
    """A place counts over the shards that the fused run sees: one of them is gone from its list here."""
    run = made.run(cast.team, pool, None, method="runs", budget="500", runs="1,2", finish=False)
    shards = run.shards
    Run.objects.filter(pk=run.pk).update(shards=shards[1:], rows=run.rows - shards[0]["rows"])
    made.end(run)
    assert run.job.state == "succeeded", run.job.error_what
    union = {at for one in pair for at in places(one) if at[0] != shards[0]["id"]}
    assert set(places(run)) == union


def test_runs_without_any_pick_fuse_to_none(cast, pool):
    for _ in range(2):
        made.run(cast.team, pool, None, budget="5", options={"min_chars": 10**6})
    run = made.run(cast.team, pool, None, method="runs", budget="5", runs="1,2")
    assert (run.job.state, run.picks_count) == ("succeeded", 0), run.job.error_what


@pytest.mark.parametrize(
    ("runs", "says"),
    [
        ("1, 99", "names run 99, which the team does not have"),
        ("1, 3", "names run 3, which has not finished"),
        ("1, 4", "names run 4, which picked from Elsewhere; all must be over Open pool"),
        ("1", "must name 2 to 20 runs, not 1"),
        ("1, one", "must be numbers of runs"),
        ("", "must name 2 to 20 runs, not 0"),
    ],
)
def test_runs_that_cannot_be_fused_are_refused_before_the_start(as_, cast, pool, pair, runs, says):  # noqa: PLR0917
    made.run(cast.team, pool, None, finish=False)
    made.run(cast.team, made.pool(cast.team, made.rows(20), name="Elsewhere"), None, budget="5")
    data = {"pool": pool.pk, "target": "", "amount": "9", "unit": "rows", "method": "runs", "seed": "0", "m_runs": runs}
    answer = as_("curator").post(reverse("run_new", args=[cast.team.slug]), data)
    assert answer.status_code == 422
    errors = answer.context["form"].errors
    assert list(errors) == ["m_runs"]
    assert says[1:] in errors["m_runs"][0]
    with pytest.raises(Fault) as refused:
        actions.start(
            team=cast.team, by=cast.curator, pool=pool, target=None, method="runs", method_version="1",
            params={"runs": runs}, budget="9", options={}, seed=0,
        )  # fmt: skip
    assert says in refused.value.what
    assert Run.objects.filter(method="runs").count() == 0


def test_a_run_that_was_deleted_meanwhile_fails_the_fusion_with_words(cast, pool, pair):
    run = made.run(cast.team, pool, None, method="runs", budget="5", runs="1,2", finish=False)
    actions.delete(run=pair[1], by=cast.curator)
    made.end(run)
    assert run.job.state == "failed"
    assert "names run 2, which the team no longer has" in run.job.error_what


def test_a_number_that_was_given_again_is_not_what_was_named(cast, pool, pair):
    run = made.run(cast.team, pool, None, method="runs", budget="5", runs="1,2", finish=False)
    actions.delete(run=pair[1], by=cast.curator)
    other = made.run(cast.team, pool, None, budget="5")
    Run.objects.filter(pk=other.pk).update(number=2)
    made.end(run)
    assert "names run 2, which the team no longer has" in run.job.error_what


def test_the_method_takes_no_target():
    assert not METHODS["runs"].needs_target
