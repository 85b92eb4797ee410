"""Pages of runs: who may see them, what they show, what they take."""

import csv
import io
import json
import re
import zipfile

import pyarrow.parquet as pq
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from curation.formats import row_dicts
from jobs import actions as jobs
from selection.models import Run, Target
from tests.selection import made

pytestmark = pytest.mark.django_db(transaction=True)
HX = {"HX-Request": "true"}


@pytest.fixture
def pool(cast):
    data = made.rows(300)
    data[5]["output"] = "=1+1"
    return made.pool(cast.team, data, cuts=(120,))


@pytest.fixture
def target(cast):
    return made.target(cast.team, [row for row in made.rows(90, seed=4) if row["source"] == "sums"][:4])


@pytest.fixture
def run(cast, pool, target):
    found = made.run(cast.team, pool, target, method="bm25", budget="60", by=cast.curator)
    assert found.job.state == "succeeded", found.job.error_what
    return found


def body(answer) -> str:
    return answer.content.decode()


# --- who ---

URLS = ["runs", "run_new", "run", "run_pick", "run_download", "run_manifest", "run_delete"]


@pytest.mark.parametrize("method", ["get", "post"])
def test_strangers_meet_404_and_viewers_change_nothing(client, cast, run, method):
    args = {
        "runs": [cast.team.slug], "run_new": [cast.team.slug], "run_pick": [run.pk, 1], "run_download": [run.pk, "jsonl"],
    }  # fmt: skip
    for name in URLS:
        url = reverse(name, args=args.get(name, [run.pk]))
        client.force_login(cast.stranger)
        shows = method == "post" and name in ("runs", "run_pick", "run_download", "run_manifest")  # never a POST there
        assert getattr(client, method)(url, {"do": "cancel"}).status_code == (405 if shows else 404), name
        client.force_login(cast.viewer)
        answer = getattr(client, method)(url, {"do": "cancel"} if method == "post" else {})
        writes = name in ("run_new", "run_delete") or (name == "run" and method == "post")
        assert answer.status_code == (405 if shows else 403 if writes else 200), name
        if name in ("runs", "run"):
            words = ("/runs/new/", "/delete/", 'value="cancel"', 'value="resume"')
            assert not [word for word in words if method == "get" and word in body(answer)], name
    assert Run.objects.count() == 1


def test_another_teams_pool_target_or_run_cannot_be_used(as_, cast, pool, target):
    theirs = made.pool(cast.other_team, made.rows(20), name="Theirs")
    aim = made.target(cast.other_team, made.rows(2, seed=3))
    other = made.run(cast.other_team, theirs, None, budget="5")
    client, url = as_("curator"), reverse("run_new", args=[cast.team.slug])
    data = {"amount": "5", "unit": "rows", "method": "bm25", "seed": "0"}
    for pool_id, target_id in ((theirs.pk, target.pk), (pool.pk, aim.pk)):
        assert client.post(url, data | {"pool": pool_id, "target": target_id}).status_code == 422
    assert client.get(url, {"again": other.pk}).status_code == 404
    assert Run.objects.count() == 1


# --- start ---


def test_a_run_is_started_from_the_page(as_, cast, pool, target):
    client, url = as_("curator"), reverse("run_new", args=[cast.team.slug])
    page = body(client.get(url))
    assert 'name="m_methods"' in page  # of the fusion that is proposed
    assert "With fewer than 8 target rows there is too little to learn from" in page
    assert "Chosen below" in page
    assert 'name="m_variant"' in body(client.get(url, {"method": "zipfit"}))
    data = {
        "pool": pool.pk, "target": target.pk, "amount": "5", "unit": "percent", "method": "zipfit", "seed": "7",
        "m_variant": "paper", "m_aggregation": "mean", "m_view": "text", "m_level": "9",
        "o_source_cap": "0.5", "o_exact_duplicates": "on",
    }  # fmt: skip
    answer = client.post(url, data)
    run = Run.objects.get()
    assert (answer.status_code, answer.url) == (303, run.get_absolute_url())
    assert (run.method, run.budget, run.seed, run.created_by) == ("zipfit", "5%", 7, cast.curator)
    assert run.params | {"variant": "paper", "aggregation": "mean", "view": "text", "level": 9} == run.params
    assert run.options["source_cap"] == 0.5
    assert run.options["exact_duplicates"] is True
    assert run.options["near_duplicates"] is None
    made.end(run)
    assert run.picks_count == 15
    # Once more, with everything as it was.
    again = body(client.get(url, {"again": run.pk}))
    assert 'value="7"' in again
    assert '<option value="paper" selected>' in again
    assert '<option value="percent" selected>' in again


def test_a_preset_fills_the_form_and_keeps_what_was_chosen(as_, cast, pool, target):
    url = reverse("run_new", args=[cast.team.slug])
    page = body(as_("curator").get(url, {"preset": "clean", "pool": pool.pk, "target": target.pk, "amount": "7"}))
    for name, value in (("o_near_duplicates", "0.8"), ("o_repetition", "0.3"), ("amount", "7")):
        assert re.search(
            rf'<input[^>]*name="{name}"[^>]*value="{value}"|<input[^>]*value="{value}"[^>]*name="{name}"', page
        )
    assert re.search(r'<input[^>]*name="o_pii"[^>]*checked', page)
    assert "Take the proposal" in page
    assert f"preset=quick&amp;pool={pool.pk}&amp;target={target.pk}&amp;amount=7" in page


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"amount": "0"}, "amount", "must be at least 1"),
        ({"amount": "101", "unit": "percent"}, "amount", "at most 100%"),
        ({"amount": "1.5"}, "amount", "The number of rows must look like"),
        ({"amount": "x"}, "amount", "Enter a number."),
        ({"target": ""}, "target", "BM25 looks for rows like a target"),
        ({"m_b": "2"}, "m_b", "less than or equal to 1"),
        ({"m_aggregation": "median"}, "m_aggregation", "median is not one of the available choices"),
        ({"o_source_cap": "7"}, "o_source_cap", "less than or equal to 1"),
        ({"o_min_chars": "50", "o_max_chars": "20"}, "o_max_chars", "less than the smallest length"),
        ({"seed": "-1"}, "seed", "greater than or equal to 0"),
        ({"method": "nothing"}, "method", "nothing is not one of the available choices"),
    ],
)
def test_what_cannot_be_run_is_said_in_place(as_, cast, pool, target, change, field, says):  # noqa: PLR0917
    url = reverse("run_new", args=[cast.team.slug])
    data = {"pool": pool.pk, "target": target.pk, "amount": "10", "unit": "rows", "method": "bm25", "seed": "0"}
    answer = as_("curator").post(url, data | change)
    assert answer.status_code == 422
    errors = answer.context["form"].errors
    assert list(errors) == [field], errors
    assert says in errors[field][0]
    assert not Run.objects.exists()
    target.refresh_from_db()
    assert not target.is_frozen


def test_the_settings_follow_the_method_with_and_without_a_script(as_, cast, pool, target):
    client, url = as_("curator"), reverse("run_new", args=[cast.team.slug])
    part = body(client.get(url, {"method": "zipfit", "pool": pool.pk}, headers=HX | {"HX-Target": "method-part"}))
    assert 'name="m_variant"' in part
    assert 'name="pool"' not in part
    estimate = body(
        client.get(
            url, {"pool": pool.pk, "target": target.pk, "method": "zipfit"}, headers=HX | {"HX-Target": "estimate"}
        )
    )
    assert "1,200 pairs of 300 rows and 4 target rows" in estimate
    assert "<select" not in estimate
    assert 'id="advice"' in estimate
    looked = client.post(url, {"do": "look", "method": "zipfit", "amount": "33", "pool": pool.pk, "seed": "4"})
    assert looked.status_code == 200
    assert 'name="m_variant"' in body(looked)
    assert 'value="33"' in body(looked)
    assert not Run.objects.exists()


def test_the_proposal_follows_the_target_with_the_estimate(as_, cast, pool, target):
    """Card and text below never name two proposals; a method that needs a target says so before it is started."""
    client, url = as_("curator"), reverse("run_new", args=[cast.team.slug])
    sent = {"pool": pool.pk, "target": "", "method": "fusion", "amount": "10"}
    part = body(client.get(url, sent, headers=HX | {"HX-Target": "estimate"}))
    card, line = part[part.index('<section id="advice"') :], part[: part.index('<section id="advice"')]
    assert 'hx-swap-oob="true"' in card
    assert "</span> Random" in card
    assert "Take the proposal" in card
    assert "Fusion looks for rows like a target, and none is chosen" in line
    assert "Random" in line
    whole = body(client.get(url, sent))
    assert "hx-swap-oob" not in whole
    assert whole.count('id="advice"') == 1
    part = body(client.get(url, sent | {"target": target.pk}, headers=HX | {"HX-Target": "estimate"}))
    assert "</span> Fusion" in part
    assert "none is chosen" not in part


def test_a_method_without_its_autoencoder_leads_to_one_before_its_settings(as_, cast, pool, target):
    page = body(as_("curator").get(reverse("run_new", args=[cast.team.slug]), {"method": "mona"}))
    assert page.index(reverse("sae_new", args=[cast.team.slug])) < page.index('name="m_sae"')


def test_the_estimate_learns_from_runs_of_this_machine(cast, run, monkeypatch):
    from selection.methods import METHODS
    from selection.queries.runs import estimate

    method = METHODS["bm25"]
    monkeypatch.setattr(method.__class__, "seconds", lambda self, rows, targets, params: rows * 0.01)
    assert estimate(method, method.Params(), 1000, 4).measured == 0
    run.manifest["timings"]["passes"] = [
        {"name": "score", "work_seconds": 6.0},
        {"name": "winnow.choose", "work_seconds": 99},
    ]
    Run.objects.update(rows=1000, manifest=run.manifest)
    found = estimate(method, method.Params(), 3000, 4)
    assert (found.measured, found.seconds) == (1, pytest.approx(30.0 * 6.0 / 10.0))


def test_an_empty_team_is_led_to_its_pools(as_, cast):
    page = body(as_("curator").get(reverse("run_new", args=[cast.team.slug])))
    assert "There is nothing to select from yet" in page
    assert "No selection yet" in body(as_("viewer").get(reverse("runs", args=[cast.team.slug])))


# --- progress and result ---


def test_a_running_run_polls_and_then_gives_way_to_its_result(as_, cast, pool, target):
    run = made.run(cast.team, pool, target, method="bm25", budget="10", finish=False)
    client, url = as_("curator"), run.get_absolute_url()
    page = body(client.get(url))
    assert "<html" in page
    assert 'id="progress"' in page
    assert 'value="cancel"' in page
    version = run.job.version
    head = HX | {"HX-Target": "progress"}
    part = client.get(url, headers=head)
    assert 'id="progress"' in body(part)
    assert "<html" not in body(part)
    assert "every 1s" in body(part)
    assert client.get(f"{url}?seen={version}", headers=head).status_code == 204
    made.end(run)
    assert client.get(f"{url}?seen={version}", headers=head).headers["HX-Refresh"] == "true"
    assert "every 1s" not in body(client.get(url))


def test_cancel_and_resume_from_the_page(as_, cast, pool, target):
    run = made.run(cast.team, pool, target, method="bm25", budget="10", finish=False)
    client, url = as_("curator"), run.get_absolute_url()
    assert client.post(url, {"do": "cancel"}).status_code == 303
    page = body(client.get(url))
    assert 'value="resume"' in page
    assert client.get(reverse("run_download", args=[run.pk, "csv"])).status_code == 409
    assert client.get(reverse("run_manifest", args=[run.pk])).status_code == 409
    assert client.post(url, {"do": "resume"}).status_code == 303
    made.end(run)
    assert run.picks_count == 10
    assert client.post(url, {"do": "nonsense"}).status_code == 404


def test_a_failed_run_says_what_to_do(as_, cast, pool):
    run = made.run(cast.team, pool, None, finish=False)
    Run.objects.update(method_version="0")
    made.end(run)
    page = body(as_("viewer").get(run.get_absolute_url()))
    assert "The method has changed since the run was started" in page
    assert 'value="resume"' not in page


def test_what_differs_from_the_usual_stands_in_the_head(as_, cast, pool):
    options = {"max_chars": 1, "exact_duplicates": "no", "source_cap": 0.5}
    run = made.run(cast.team, pool, None, budget="5", options=options, balance="source", finish=False)
    page = body(as_("viewer").get(run.get_absolute_url()))
    for words in ("at most this many characters: 1", "drop exact duplicates: no", "largest share of one source: 0.5",
                  "balance: Every source alike"):  # fmt: skip
        assert words in page, words
    assert "near duplicates" not in page


def test_the_result_page_and_its_picks(as_, run):
    client = as_("viewer")
    page = body(client.get(run.get_absolute_url()))
    assert "60 picks of 300" in page
    assert page.count('class="pick"') == 50
    assert "<svg" in page
    assert "?after=50" in page
    part = body(client.get(f"{run.get_absolute_url()}?after=50", headers=HX))
    assert part.count('class="pick"') == 10
    assert "<html" not in part
    assert "Picks 51 to 60 of 60" in part


def test_filters(as_, cast, pool):
    run = made.run(cast.team, pool, None, budget="150")
    client, url = as_("viewer"), run.get_absolute_url()
    picks = list(run.picks.all())

    def ranks(**query) -> list[int]:
        return [entry["rank"] for entry in client.get(url, query).context["entries"]]

    letters = [pick.rank for pick in picks if pick.source == "letters"]
    assert ranks(source="=letters") == letters[:50]
    cut = picks[20].score
    assert ranks(low=cut, high=picks[4].score) == [p.rank for p in picks if cut <= p.score <= picks[4].score]
    word = picks[7].excerpt.split()[-1]
    there = [pick.rank for pick in picks if word.lower() in made_text(run, pick).lower()]
    assert ranks(text=word.upper()) == there[:50]
    assert 8 in there
    assert ranks(text="nowhere to be found") == []
    assert ranks(source="=letters", text="the", after=letters[0]) == [
        pick.rank for pick in picks if pick.source == "letters" and pick.rank > letters[0] and "the" in made_text(run, pick)
    ][:50]  # fmt: skip
    assert len(ranks(low="nonsense", after="x")) == 50  # what makes no sense is left out


def made_text(run, pick) -> str:
    from selection import picked

    return picked.row(run, pick.shard_id, pick.rank)[1]


@pytest.mark.parametrize(("headers", "whole"), [({}, True), (HX, False)])
def test_a_pick_opens_in_place_and_as_a_page(as_, run, headers, whole):
    pick = run.picks.get(rank=3)
    shown = body(as_("viewer").get(reverse("run_pick", args=[run.pk, 3]), headers=headers))
    assert ("<html" in shown) is whole
    assert pick.key in shown
    assert "<mark>" in shown
    assert "target-side" in shown
    assert as_("viewer").get(reverse("run_pick", args=[run.pk, 999])).status_code == 404


def test_rows_that_look_like_markup_stay_text(as_, cast):
    data = [
        {"instruction": f"<script>alert({n})</script> <mark>x</mark> add", "input": "", "output": "1", "source": "<b>"}
        for n in range(9)
    ]
    pool = made.pool(cast.team, data)
    target = made.target(cast.team, [{"instruction": "<img src=x> add", "input": "", "output": "1"}], name="<i>")
    run = made.run(cast.team, pool, target, method="bm25", budget="5")
    client = as_("viewer")
    for url in (run.get_absolute_url(), reverse("run_pick", args=[run.pk, 1]), target.get_absolute_url()):
        page = body(client.get(url))
        assert "<script>alert" not in page
        assert "<img src=x>" not in page
        assert "<b>" not in page
        assert "<i>" not in page


# --- downloads ---


def test_jsonl_has_every_pick_in_order_with_its_own_columns(as_, run):
    answer = as_("viewer").get(reverse("run_download", args=[run.pk, "jsonl"]))
    assert "open-pool-run-1.jsonl" in answer["Content-Disposition"]
    rows = [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]
    assert [row["_rank"] for row in rows] == list(range(1, 61))
    assert [row["_key"] for row in rows] == [pick.key for pick in run.picks.all()]
    assert set(rows[0]) == {"_rank", "_score", "_key", "_source", "_run", "instruction", "input", "output", "source"}


def test_csv_quotes_formulas_and_parquet_keeps_columns(as_, cast, pool):
    run = made.run(cast.team, pool, None, budget="300")
    client = as_("viewer")
    text = b"".join(client.get(reverse("run_download", args=[run.pk, "csv"])).streaming_content).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 300 == len({row["_rank"] for row in rows})
    assert [row["output"] for row in rows if row["output"].endswith("=1+1")] == ["'=1+1"]
    file = b"".join(client.get(reverse("run_download", args=[run.pk, "parquet"])).streaming_content)
    there = row_dicts(pq.read_table(io.BytesIO(file)))
    assert [row["_key"] for row in there] == [row["_key"] for row in rows]
    assert "=1+1" in {row["output"] for row in there}
    assert client.get(f"/runs/{run.pk}/picks.exe").status_code == 404


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_with_its_manifest(as_, run, kind):
    client = as_("viewer")
    packed = b"".join(client.get(reverse("run_download", args=[run.pk, kind]) + "?with=manifest").streaming_content)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert set(archive.namelist()) == {f"open-pool-run-1.{kind}", "open-pool-run-1.manifest.json"}
        manifest = json.loads(archive.read("open-pool-run-1.manifest.json"))
        plain = b"".join(client.get(reverse("run_download", args=[run.pk, kind])).streaming_content)
        assert len(archive.read(f"open-pool-run-1.{kind}")) == len(plain)
    assert manifest == json.loads(client.get(reverse("run_manifest", args=[run.pk])).content) == run.manifest


def test_delete_from_the_page(as_, cast, pool, run):
    client, url = as_("curator"), reverse("run_delete", args=[run.pk])
    assert "60 picks" in body(client.get(url))
    assert client.post(url).status_code == 303
    assert not Run.objects.exists()
    waiting = made.run(cast.team, pool, None, finish=False)
    assert client.post(reverse("run_delete", args=[waiting.pk])).status_code == 409
    jobs.cancel(job=waiting.job)
    assert client.post(reverse("run_delete", args=[waiting.pk])).status_code == 303


def test_more_runs_and_picks_cost_no_more_queries(as_, cast, pool, target):
    client = as_("viewer")
    listed, opened = [], []
    for n in (3, 12):
        for _ in range(n // 3):
            run = made.run(cast.team, pool, target, method="bm25", budget=str(4 * n))
            made.run(cast.team, pool, None, finish=False)
        client.get(run.get_absolute_url())
        with CaptureQueriesContext(connection) as seen:
            client.get(reverse("runs", args=[cast.team.slug]))
        listed.append(len(seen))
        with CaptureQueriesContext(connection) as seen:
            client.get(run.get_absolute_url())
        opened.append(len(seen))
    assert listed[0] == listed[1]
    assert opened[0] == opened[1]
    assert Target.objects.count() == 1


def test_a_pool_too_large_for_a_method_is_refused_with_the_way_around(client, cast, pool, target, monkeypatch):
    """Methods that hold something of every row say how many they can; nothing is started that would end in memory."""
    from selection.methods import METHODS

    monkeypatch.setattr(type(METHODS["k_center"]), "max_rows", 299)
    client.force_login(cast.curator)
    sent = {
        "pool": pool.pk,
        "target": target.pk,
        "amount": 10,
        "unit": "rows",
        "method": "k_center",
        "seed": 0,
        "do": "start",
    }
    answer = client.post(reverse("run_new", args=[cast.team.slug]), sent)
    assert answer.status_code == 422
    assert "at most 299 rows; the pool has 300" in answer.content.decode()
    assert "cascade with k_center" in answer.content.decode()
    assert not Run.objects.exists()
    monkeypatch.setattr(type(METHODS["k_center"]), "max_rows", 300)
    assert client.post(reverse("run_new", args=[cast.team.slug]), sent).status_code == 303
