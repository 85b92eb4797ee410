"""Pages of pools: who may see and change them, the row browser, renaming, deleting."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from curation.models import AuditEvent
from jobs.models import Job
from selection import store
from selection.models import Import, Pool, Run, Shard
from selection.queries.pools import PAGE
from tests.selection import made
from tests.selection.sent import HX, add, begin, imported, jsonl, send, stored
from tests.selection.sent import rows as sums


@pytest.fixture(autouse=True)
def _storage(settings, tmp_path, monkeypatch):
    settings.STORAGE_URL, settings.SHARD_ROWS = str(tmp_path / "storage"), 100
    monkeypatch.setattr("jobs.wake.send", lambda counts: True)


@pytest.fixture
def pool(cast):
    data = made.rows(250)
    data[7]["instruction"] = "<script>alert(1)</script> \u202e\u200b hidden"
    return made.pool(cast.team, data, cuts=(100, 200))


def body(answer) -> str:
    return answer.content.decode()


def words_of(data, number: int) -> str:
    return data[number - 1]["instruction"]


# --- who ---

READS = ("pools", "pool", "import_bad")
WRITES = ("pool_new", "pool_add", "pool_edit", "pool_delete")


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("who", ["stranger", "viewer", "annotator", "nobody"])
def test_who_may_open_which_page(client, cast, pool, who, method):
    draft = Import.objects.create(pool=pool, name="a.jsonl", path="uploads/none", mapping={})
    args = {"pools": [cast.team.slug], "pool_new": [cast.team.slug], "import": [draft.pk], "import_bad": [draft.pk]}
    if who != "nobody":
        client.force_login(cast.by_role(who))
    for name in ("pools", "pool", *WRITES, "import", "import_bad"):
        answer = getattr(client, method)(reverse(name, args=args.get(name, [pool.pk])), {"do": "discard"})
        if who == "nobody":
            assert (answer.status_code, "/login/" in answer.url) == (302, True), name
            continue
        if method == "post" and name in READS:
            assert answer.status_code == 405, name
            continue
        wanted = 403 if name in WRITES or (name == "import" and method == "post") else 200
        wanted = 404 if name == "import_bad" else wanted  # there is no list
        assert answer.status_code == (404 if who == "stranger" else wanted), name
        if method == "get" and answer.status_code == 200:
            page = body(answer)
            assert not [
                word
                for word in (
                    "/new/",
                    "/add/",
                    "/edit/",
                    "/delete/",
                    'value="discard"',
                    'value="choose"',
                    'type="checkbox"',
                )
                if word in page
            ]
    assert (Pool.objects.count(), Import.objects.count()) == (1, 1)


def test_a_viewer_opens_a_draft(as_, cast):
    send(as_("curator"), cast, jsonl(*sums(3)))
    draft = Import.objects.get()
    page = body(as_("viewer").get(draft.get_absolute_url()))
    assert "Waits for its mapping" in page
    assert 'name="instruction"' not in page
    for do in ("preview", "start", "cancel", "resume", "discard"):
        assert as_("viewer").post(draft.get_absolute_url(), {"do": do}).status_code == 403
    draft.refresh_from_db()
    assert draft.job is None


def test_what_is_not_there_is_404(as_, cast):
    client = as_("owner")
    for name in ("pool", "pool_add", "pool_edit", "pool_delete", "import", "import_bad"):
        assert client.get(reverse(name, args=[999])).status_code == 404
    assert client.get(reverse("pools", args=["no-such-team"])).status_code == 404


# --- the list ---


def test_the_list_of_pools(as_, cast, pool):
    client = as_("curator")
    made.pool(cast.other_team, made.rows(10), name="Of others")
    Pool.objects.create(team=cast.team, name="Made by Winnow", hidden=True)
    page = body(client.get(reverse("pools", args=[cast.team.slug])))
    assert "250 rows in 1 pool" in page
    assert pool.get_absolute_url() in page
    assert "Of others" not in page
    assert "Made by Winnow" not in page
    assert reverse("pool_new", args=[cast.team.slug]) in page


def test_an_empty_team_is_told_what_to_do(as_, cast):
    url = reverse("pools", args=[cast.team.slug])
    assert "Drop a file of instruction data" in body(as_("curator").get(url))
    assert "A curator of this team can import one." in body(as_("viewer").get(url))


def test_counts_of_shards_and_runs_do_not_multiply(as_, cast, pool):
    for _ in range(2):
        made.run(cast.team, pool, None, budget="5", finish=False)
    for _ in range(2):
        Import.objects.create(pool=pool, name="a", path="x", job=Job.objects.create(kind="k", lane="a"), mapping={})
    found = as_("viewer").get(reverse("pools", args=[cast.team.slug])).context["pools"]
    assert [(one.shard_count, one.run_count, one.importing) for one in found] == [(3, 2, True)]


# --- one pool ---


def test_a_pool_says_what_is_on_its_way(as_, cast):
    client = as_("curator")
    send(client, cast, jsonl(*sums(250)), "sums.jsonl")
    pool = Pool.objects.get()
    assert "waits for its mapping" in body(client.get(pool.get_absolute_url()))
    begin(client, Import.objects.get())
    page = body(client.get(pool.get_absolute_url()))
    assert "sums.jsonl is on its way in." in page


def test_every_page_of_the_rows(as_, cast, pool):
    client, data, found = as_("viewer"), made.rows(250), []
    for number in range(1, 14):
        answer = client.get(f"{pool.get_absolute_url()}?page={number}")
        found += [row.number for row in answer.context["rows"]]
        shown = answer.context["rows"]
        assert all(row.parts[0][1] == words_of(data, row.number) for row in shown if row.number != 8)
    assert found == list(range(1, 251))
    assert (answer.context["page"], answer.context["pages"], len(shown)) == (13, 13, 250 - 12 * PAGE)
    assert "Rows 241 to 250 of 250" in body(answer)


@pytest.mark.parametrize(
    ("asked", "shown"),
    [("", 1), ("0", 1), ("-3", 1), ("x", 1), ("²", 1), ("14", 13), ("9" * 5000, 13), ("1.5", 1), ("٣", 3), ("2", 2)],
)
def test_pages_that_are_none(as_, pool, asked, shown):
    answer = as_("viewer").get(pool.get_absolute_url(), {"page": asked})
    assert (answer.status_code, answer.context["page"]) == (200, shown)


def test_rows_are_a_part_of_the_page(as_, pool):
    client, url = as_("curator"), f"{pool.get_absolute_url()}?page=2"
    whole, part = client.get(url), client.get(url, headers=HX)
    boosted = client.get(url, headers=HX | {"HX-Boosted": "true"})
    for answer in (whole, boosted):
        assert "<html" in body(answer)
        assert 'id="rows"' in body(answer)
    assert "<html" not in body(part)
    assert 'id="rows"' in body(part)
    assert "Row 21" in body(part).replace("Choose row", "Row")
    assert "HX-Request" in part["Vary"]
    assert 'name="position" value="20"' in body(part)
    assert 'type="checkbox"' not in body(as_("viewer").get(url, headers=HX))


def test_text_of_the_data_does_nothing(as_, pool):
    page = body(as_("viewer").get(pool.get_absolute_url()))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\u202e" not in page
    assert "\u200b" not in page
    assert "U+202E" in page or "RLO" in page or "right-to-left" in page.lower()


def test_a_row_that_this_version_cannot_read_is_still_shown(as_, pool):
    Shard.objects.filter(pool=pool, index=0).update(mapping={"instruction": "gone"})
    page = body(as_("viewer").get(pool.get_absolute_url()))
    assert "instruction is missing" in page


@pytest.mark.parametrize("harm", ["damaged", "missing"])
def test_a_lost_file_is_said_plainly(as_, pool, harm, tmp_path):
    path = tmp_path / "storage" / pool.shards.get(index=0).path
    path.unlink() if harm == "missing" else path.write_bytes(path.read_bytes()[:-1] + b"\0")
    client = as_("viewer")
    answer = client.get(pool.get_absolute_url())
    assert answer.status_code == 500
    assert "Restore it from a backup" in body(answer)
    assert client.get(f"{pool.get_absolute_url()}?page=13").status_code == 200  # other shards are not concerned


def test_a_pool_without_rows(as_, cast):
    pool = Pool.objects.create(team=cast.team, name="Empty")
    page = body(as_("curator").get(pool.get_absolute_url()))
    assert "No rows yet" in page
    assert 'id="rows"' not in page
    assert "A curator of this team can add some." in body(as_("viewer").get(pool.get_absolute_url()))
    assert as_("viewer").get(pool.get_absolute_url(), headers=HX).status_code == 200


def queries(client, url, **how) -> int:
    client.get(url, **how)
    with CaptureQueriesContext(connection) as caught:
        assert client.get(url, **how).status_code == 200
    return len(caught)


def test_more_shards_pools_and_imports_cost_no_more_queries(as_, cast, pool):
    client = as_("curator")
    pages = {
        "list": (reverse("pools", args=[cast.team.slug]), {}),
        "pool": (pool.get_absolute_url(), {}),
        "rows": (pool.get_absolute_url() + "?page=3", {"headers": HX}),
    }
    few = {name: queries(client, url, **how) for name, (url, how) in pages.items()}
    for number in range(4):
        made.pool(cast.team, made.rows(20, seed=number), name=f"Pool {number}", cuts=(5, 10))
        job = Job.objects.create(kind="k", lane="a", state="succeeded", ended_at="2026-01-01T00:00Z")
        Import.objects.create(pool=pool, name=f"{number}", path="x", job=job, mapping={}, created_by=cast.owner)
        Shard.objects.create(
            pool=pool,
            index=3 + number,
            path="x",
            sha256="x",
            rows=1,
            first_row=250 + number,
            bytes=1,
            mapping={},
            mapping_sha="x",
        )
    many = {name: queries(client, url, **how) for name, (url, how) in pages.items()}
    assert many == few
    assert max(many.values()) <= 14, many


# --- rename, delete ---


def test_rename(as_, cast, pool):
    client, url = as_("curator"), reverse("pool_edit", args=[pool.pk])
    Pool.objects.create(team=cast.team, name="Taken")
    assert 'value="Open pool"' in body(client.get(url))
    answer = client.post(url, {"name": "Taken"})
    assert answer.status_code == 422
    assert "already has a pool named Taken" in body(answer)
    for empty in ({}, {"name": "  "}, {"name": "x" * 121}):
        assert client.post(url, empty).status_code == 422
    assert client.post(url, {"name": " New name ", "description": "About it."}).status_code == 303
    pool.refresh_from_db()
    assert (pool.name, pool.description) == ("New name", "About it.")
    event = AuditEvent.objects.get(action="pool.renamed")
    assert (event.facts, event.actor_id) == ({"before": "Open pool", "after": "New name"}, cast.curator.pk)
    assert client.post(url, {"name": "New name", "description": ""}).status_code == 303  # its own name is free


def test_deleting_asks_for_the_name(as_, cast, pool, django_capture_on_commit_callbacks):
    client, url = as_("curator"), reverse("pool_delete", args=[pool.pk])
    page = body(client.get(url))
    assert "250 rows" in page
    assert 'name="with_runs"' not in page
    for typed in ({}, {"confirm": ""}, {"confirm": "open pool"}):
        assert client.post(url, typed).status_code == 422
    assert (Pool.objects.count(), len(stored())) == (1, 3)
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(url, {"confirm": "Open pool"})
    assert answer.status_code == 303
    assert (Pool.objects.count(), Shard.objects.count(), stored()) == (0, 0, [])
    assert "Open pool is deleted." in body(client.get(answer.url))
    event = AuditEvent.objects.get(action="pool.deleted")
    assert event.facts == {"name": "Open pool", "rows": 250}


def test_a_pool_goes_with_its_drafts(as_, cast, pool, django_capture_on_commit_callbacks):
    client = as_("curator")
    add(client, pool, jsonl(*sums(3)))
    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("pool_delete", args=[pool.pk]), {"confirm": "Open pool"})
    assert (Import.objects.count(), stored()) == (0, [])


def test_a_pool_that_is_being_filled_is_not_deleted(as_, cast, pool):
    client = as_("curator")
    add(client, pool, jsonl(*sums(3)))
    begin(client, Import.objects.get())
    answer = client.post(reverse("pool_delete", args=[pool.pk]), {"confirm": "Open pool"})
    assert answer.status_code == 422
    assert "Wait until more.jsonl is in" in body(answer)
    assert Pool.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_pool_with_runs_goes_only_together_with_them(as_, cast, pool):
    client, url = as_("curator"), reverse("pool_delete", args=[pool.pk])
    run = made.run(cast.team, pool, None, budget="5")
    assert run.job.state == "succeeded", run.job.error_what
    page = body(client.get(url))
    assert "1 run used it." in page
    assert 'name="with_runs"' in page
    answer = client.post(url, {"confirm": "Open pool"})
    assert answer.status_code == 422
    assert "1 run of Open pool would lose the rows of their picks." in body(answer)
    assert client.post(url, {"confirm": "Open pool", "with_runs": "on"}).status_code == 303
    assert (Pool.objects.count(), Run.objects.count(), Job.objects.count()) == (0, 0, 0)
    assert stored() == []


@pytest.mark.django_db(transaction=True)
def test_a_running_run_keeps_its_pool(as_, cast, pool):
    made.run(cast.team, pool, None, budget="5", finish=False)
    url = reverse("pool_delete", args=[pool.pk])
    answer = as_("curator").post(url, {"confirm": "Open pool", "with_runs": "on"})
    assert answer.status_code == 422
    assert "still has work under way" in body(answer)
    assert (Pool.objects.count(), Run.objects.count()) == (1, 1)
    assert store.exists(Pool.objects.get().shards.first().path)


@pytest.mark.django_db(transaction=True)
def test_a_pool_goes_with_its_imports_and_their_lists(as_, cast):
    client = as_("curator")
    found = imported(client, cast, jsonl(*sums(60), b"{"))
    assert [path for path in stored() if path.startswith("imports/")] == [found.bad_path]
    assert client.post(reverse("pool_delete", args=[found.pool_id]), {"confirm": "Open pool"}).status_code == 303
    assert (Import.objects.count(), Job.objects.count(), stored()) == (0, 0, [])


@pytest.mark.django_db(transaction=True)
def test_an_imported_pool_shows_everything(as_, cast):
    client = as_("curator")
    found = imported(client, cast, jsonl(*sums(250)), "sums.jsonl")
    page = body(client.get(found.pool.get_absolute_url()))
    for words in (
        "Characters per row",
        "Rows by source",
        "3 shards",
        "sums.jsonl",
        "even",
        "Page 1 of 13",
        "by Curator",
    ):
        assert words in page, words
    assert "<svg" in page
    assert found.pool.shards.first().sha256[:16] in page
