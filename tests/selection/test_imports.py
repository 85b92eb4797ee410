"""The job of an import: the same shards whenever it runs, bad rows listed, nothing left of what failed."""

import csv
import gzip
import io
import json
import random

import pytest
from django.urls import reverse

from curation import importing
from curation.models import AuditEvent
from jobs import lease
from jobs.errors import LeaseLost
from jobs.models import Job, Step
from jobs.runner import run_job
from selection import store
from selection.handlers import imports as handler
from selection.handlers.imports import ImportKind
from selection.models import Import, Pool, Shard
from tests.selection.sent import PACKED, add, begin, finish, imported, jsonl, of_pool, parquet, rows, send, stored

pytestmark = pytest.mark.django_db(transaction=True)

CHAT = [
    {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"Hello {n}"},
                  {"role": "assistant", "content": None, "tool_calls": [{"name": "wave"}]},
                  {"role": "assistant", "content": "Hello to you."}]}
    for n in range(3)
]  # fmt: skip
SHAREGPT = [
    {"conversations": [{"from": "human", "value": f"Hello {n}"}, {"from": "gpt", "value": "Hi."}]} for n in range(3)
]


@pytest.fixture(autouse=True)
def _storage(settings, tmp_path, monkeypatch):
    """A storage of its own, small shards, and nobody to wake."""
    settings.STORAGE_URL, settings.SHARD_ROWS = str(tmp_path / "storage"), 100
    monkeypatch.setattr("jobs.wake.send", lambda counts: True)


@pytest.fixture
def small_batches(monkeypatch):
    """Batches of 32 rows, so that a short file is read in many."""
    real = handler.formats.open_rows
    monkeypatch.setattr(handler.formats, "open_rows", lambda *args: real(*args, batch_rows=32))


def body(answer) -> str:
    return b"".join(answer).decode() if answer.streaming else answer.content.decode()


# --- what comes in ---


def test_rows_come_in_as_they_are(as_, cast):
    found = imported(as_("curator"), cast, jsonl(*rows(250)))
    pool = found.pool
    assert (found.job.state, found.rows_good, found.rows_bad, found.bad_path) == ("succeeded", 250, 0, "")
    shards = list(pool.shards.order_by("index"))
    assert [(one.index, one.first_row, one.rows, one.made_by_id) for one in shards] == [
        (0, 0, 100, found.pk), (1, 100, 100, found.pk), (2, 200, 50, found.pk),
    ]  # fmt: skip
    assert of_pool(pool, "instruction") == [row["instruction"] for row in rows(250)]
    assert of_pool(pool, "_source") == [row["source"] for row in rows(250)]
    assert of_pool(pool, "_chars")[:2] == [len("Add 0 and 1.\n1"), len("Add 1 and 1.\n2")]
    assert len(set(of_pool(pool, "_key"))) == 250
    assert (pool.rows, pool.bytes) == (250, sum(one.bytes for one in shards))
    assert {one.mapping_sha for one in shards} == {shards[0].mapping_sha}
    assert stored() == sorted(one.path for one in shards)  # the received file is gone
    assert [one.stats["sources"] for one in shards] == [{"even": 50, "odd": 50}] * 2 + [{"even": 25, "odd": 25}]
    assert sum(shards[0].stats["lengths"]) == 100
    assert shards[0].stats["chars"] == sum(of_pool(pool, "_chars")[:100])
    event = AuditEvent.objects.get(action="import.finished")
    assert (event.team_id, event.facts["rows"], event.facts["bad"]) == (cast.team.pk, 250, 0)


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("form", ["jsonl", "json", "csv", "parquet"])
def test_every_format_brings_the_same_rows_under_the_same_keys(as_, cast, packing, form):
    data = rows(60)
    out = io.StringIO()
    table = csv.DictWriter(out, list(data[0]))
    table.writeheader()
    table.writerows(data)
    made = {
        "jsonl": jsonl(*data),
        "json": json.dumps(data).encode(),
        "csv": out.getvalue().encode(),
        "parquet": parquet(data),
    }
    found = imported(as_("curator"), cast, PACKED[packing](made[form]), f"rows.{form}{packing}")
    assert found.job.state == "succeeded", found.job.error_what
    assert (found.format, found.compression) == (form, {"": "", ".gz": "gzip", ".zst": "zstd"}[packing])
    assert of_pool(found.pool, "instruction") == [row["instruction"] for row in data]
    # As in every version before: runs of long ago name their picks by these keys.
    assert of_pool(found.pool, "_key")[0] == "9dbd28b3ac2ff4e918ee3253b8cea737"


@pytest.mark.parametrize(("data", "field"), [(CHAT, "messages"), (SHAREGPT, "conversations")])
@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_chats_come_in_whole(as_, cast, data, field, form):
    client = as_("curator")
    found = imported(client, cast, jsonl(*data) if form == "jsonl" else parquet(data), f"chats.{form}")
    assert found.mapping == {"messages": field}
    assert (found.rows_good, found.rows_bad) == (3, 0)
    page = body(client.get(found.pool.get_absolute_url()))
    assert "Hello 2" in page
    assert 'class="caption">User</span>' in page
    if field == "messages":
        assert "Be brief." in page
        assert "wave" in page
    shard = found.pool.shards.get()
    from curation.content import Mapping, row_dicts
    from curation.content import read as read_row

    first = read_row(row_dicts(store.rows(shard))[0], Mapping.from_dict(shard.mapping))
    assert [turn.role for turn in first.messages][:2] == ["user", "assistant"]


def test_columns_of_our_own_in_a_file_are_written_anew(as_, cast):
    data = [row | {"_key": "same", "_source": "before", "_chars": 9} for row in rows(3)]
    found = imported(
        as_("curator"), cast, jsonl(*data), instruction="instruction", output="output", id="_key", source="_source"
    )
    assert of_pool(found.pool, "_key") == ["same", "same~2", "same~3"]
    assert of_pool(found.pool, "_source") == ["before"] * 3
    assert of_pool(found.pool, "_chars") == [len(f"Add {n} and 1.\n{n + 1}") for n in range(3)]


def test_more_files_go_behind_and_keys_continue(as_, cast, small_batches):
    client = as_("curator")
    first = imported(client, cast, jsonl(*rows(150)))
    pool, before = first.pool, list(first.pool.shards.values_list("path", "sha256"))
    assert add(client, pool, jsonl(*rows(30, start=140), rows(1)[0])).status_code == 303
    second = Import.objects.latest("pk")
    assert begin(client, second).status_code == 303
    finish(second)
    pool.refresh_from_db()
    keys = of_pool(pool, "_key")
    assert (pool.rows, len(set(keys))) == (181, 181)
    assert keys[150:160] == [f"{key}~2" for key in keys[140:150]]
    assert keys[180] == f"{keys[0]}~2"
    assert list(pool.shards.values_list("path", "sha256"))[:2] == before
    assert list(pool.shards.values_list("index", "first_row")) == [(0, 0), (1, 100), (2, 150)]


def test_a_change_of_type_late_in_the_file_is_kept(as_, cast, small_batches):
    data = [row | {"extra": "text"} for row in rows(90)] + [row | {"extra": {"n": 1}} for row in rows(20, start=90)]
    found = imported(as_("curator"), cast, jsonl(*data))
    from curation.content import row_dicts

    loaded = [row for shard in found.pool.shards.all() for row in row_dicts(store.rows(shard))]
    assert [row["extra"] for row in loaded] == [row["extra"] for row in data]


# --- bad rows ---

WRONG = [
    (3, b"{", "is not JSON"), (5, b'{"instruction": "caf\xe9", "output": "x"}', "is not valid UTF-8"),
    (8, b'{"output": "no instruction"}', "instruction is missing"),
    (9, b'{"instruction": 5, "output": "x"}', "instruction is a number, not text"),
    (11, b'{"instruction": "=1+1", "output": {"a": 1}}', "output is an object, not text"),
    (12, b'{"instruction": "' + b"x" * 2000 + b'", "output": "y"}', "2,000 characters"),
    (14, b"[1, 2]", "is a list, not an object"), (17, b'{"instruction": "a\\u0000b", "output": "x"}', "NUL"),
    (18, b"=1+1", "is not JSON"),
]  # fmt: skip


@pytest.fixture
def with_bad(as_, cast, settings):
    settings.FIELD_MAX_CHARS = 1000
    lines = list(rows(200))
    for place, raw, _ in WRONG:
        lines.insert(place - 1, raw)
    return imported(as_("curator"), cast, jsonl(*lines))


def test_bad_rows_are_listed_with_line_and_reason_and_stop_no_good_one(as_, cast, with_bad):
    assert (with_bad.job.state, with_bad.rows_good, with_bad.rows_bad) == ("succeeded", 200, len(WRONG))
    assert of_pool(with_bad.pool, "instruction") == [row["instruction"] for row in rows(200)]
    client = as_("viewer")
    page = body(client.get(with_bad.get_absolute_url()))
    assert "9 rows could not be read. The other 200 are in." in page

    answer = client.get(reverse("import_bad", args=[with_bad.pk]) + "?as=jsonl")
    assert (answer["Content-Type"], answer["Content-Disposition"]) == (
        "application/x-ndjson", f'attachment; filename="bad-rows-{with_bad.pk}.jsonl"',
    )  # fmt: skip
    listed = [json.loads(line) for line in body(answer).splitlines()]
    assert [entry["line"] for entry in listed] == [place for place, _, _ in WRONG]
    for entry, (_, _, reason) in zip(listed, WRONG, strict=True):
        assert reason in entry["reason"]
        assert len(entry["excerpt"]) <= 200
    assert listed[0]["excerpt"] == "{"


def test_the_list_as_a_table_runs_no_formula(as_, with_bad):
    answer = as_("viewer").get(reverse("import_bad", args=[with_bad.pk]))
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["X-Content-Type-Options"] == "nosniff"
    head, *table = csv.reader(io.StringIO(body(answer)))
    assert head == ["line", "reason", "excerpt"]
    assert [int(row[0]) for row in table] == [place for place, _, _ in WRONG]
    assert table[-1][2] == "'=1+1"
    assert not [cell for row in table for cell in row if cell[:1] in "=+-@\t\r" and cell]


def test_no_bad_rows_no_list(as_, cast):
    found = imported(as_("curator"), cast, jsonl(*rows(3)))
    answer = as_("viewer").get(reverse("import_bad", args=[found.pk]))
    assert answer.status_code == 404
    assert "Every row of rows.jsonl is in." in body(answer)


def test_the_list_has_an_end(as_, cast, monkeypatch):
    monkeypatch.setattr(importing, "MAX_BAD_KEPT", 5)
    client = as_("curator")
    send(client, cast, jsonl(*rows(5), *[b"{"] * 20))
    found = Import.objects.get()
    client.post(found.get_absolute_url(), {"do": "start", "max_bad": "90", "instruction": "instruction"})
    found = finish(found)
    assert found.rows_bad == 20
    assert [row["line"] for row in importing.bad_rows(found.bad_path)] == [6, 7, 8, 9, 10]


@pytest.mark.parametrize(("bad", "share", "state"), [(10, "10", "succeeded"), (11, "10", "failed"), (1, "0", "failed")])
def test_more_bad_rows_than_allowed_stop_the_import(as_, cast, bad, share, state):
    client = as_("curator")
    send(client, cast, jsonl(*rows(100 - bad), *[b"{"] * bad))
    found = Import.objects.get()
    client.post(found.get_absolute_url(), {"do": "start", "max_bad": share, "instruction": "instruction"})
    found = finish(found)
    assert found.job.state == state
    if state == "succeeded":
        return
    assert found.job.error_code == "import.too_many_bad"
    assert f"{bad} of 100 rows of rows.jsonl could not be read, more than the {share} %" in found.job.error_what
    assert "is not JSON" in found.job.error_what
    # What was wrong can be read; no row is in; the file stays for another try.
    assert (found.pool.rows, found.pool.shards.count(), found.rows_bad) == (0, 0, bad)
    assert stored() == sorted([found.path, found.bad_path])
    assert len(body(client.get(reverse("import_bad", args=[found.pk]))).splitlines()) == 1 + bad
    page = body(client.get(found.get_absolute_url()))
    assert "Too many rows are bad" in page
    assert reverse("import_bad", args=[found.pk]) in page


def test_a_hopeless_file_is_not_read_to_its_end(as_, cast, monkeypatch, small_batches):
    monkeypatch.setattr(importing, "LOOK_AFTER", 50)
    client = as_("curator")
    send(client, cast, jsonl(rows(1)[0], *[b"{"] * 2000))
    found = Import.objects.get()
    begin(client, found)
    found = finish(found)
    assert found.job.error_code == "import.too_many_bad"
    assert 50 <= found.rows_bad < 200


def test_another_mapping_after_too_many_bad_rows(as_, cast):
    client = as_("curator")
    send(client, cast, jsonl(*rows(20)))
    found = Import.objects.get()
    begin(client, found, instruction="input")  # always empty
    found = finish(found)
    assert found.job.state == "failed"
    url, first = found.get_absolute_url(), found.job_id
    assert "Look at the columns again" in body(client.get(url))
    page = body(client.get(url + "?mapping"))
    assert "Too many rows are bad" in page
    assert 'name="instruction" value="input"' in page
    assert begin(client, found, instruction="instruction").status_code == 303
    found = finish(found)
    assert (found.job.state, found.rows_good, found.rows_bad, found.bad_path) == ("succeeded", 20, 0, "")
    assert stored() == [found.pool.shards.get().path]
    assert not Job.objects.filter(pk=first).exists()


# --- the step ---


def step_of(found: Import) -> Step:
    found.refresh_from_db()
    step = lease.claim("cpu", "test", job=found.job)
    assert step is not None
    return step


class Quiet:
    """A beat that nobody hears."""

    def progress(self, *args, **how):
        pass

    def check(self):
        pass


def test_the_step_run_twice_gives_the_same_shards(as_, cast, small_batches):
    client = as_("curator")
    imported(client, cast, jsonl(*rows(50)))
    add(client, Pool.objects.get(), jsonl(*rows(250, start=20), *[b"{"] * 3))
    found = Import.objects.latest("pk")
    begin(client, found)
    step, kind = step_of(found), ImportKind()
    first = kind.run(step, Quiet())
    files = stored()
    again = kind.run(step, Quiet())
    assert first == again
    assert stored() == files
    lease.finish(step, again)
    found.refresh_from_db()
    assert found.job.state == "succeeded"
    assert Pool.objects.get().rows == 300
    with pytest.raises(LeaseLost):
        lease.finish(step, again)  # the late one of two
    assert Pool.objects.get().rows == 300


class Dies(Exception):
    pass


def stumbling(after: int, error: BaseException):
    """`Shards.take` that raises when so many batches were taken."""
    real, count = handler.Shards.take, iter(range(1000))

    def take(self, checked):
        real(self, checked)
        if next(count) == after:
            raise error

    return take


def test_an_attempt_that_died_is_made_up_for(as_, cast, monkeypatch, small_batches):
    client = as_("curator")
    send(client, cast, jsonl(*rows(250)))
    found = Import.objects.get()
    begin(client, found)
    monkeypatch.setattr(handler.Shards, "take", stumbling(5, Dies()))
    found = finish(found)  # an unforeseen error is tried again
    assert (found.job.state, found.rows_good) == ("succeeded", 250)
    assert Step.objects.get().errors == 1
    assert stored() == sorted(found.pool.shards.values_list("path", flat=True))


def test_a_failing_import_leaves_no_shards(as_, cast, small_batches):
    """Damage in the middle of a packed file, behind some whole shards."""
    client = as_("curator")
    noise = random.Random(1)
    lines = jsonl(*[row | {"output": noise.randbytes(1000).hex()} for row in rows(1500)])
    packed = bytearray(gzip.compress(lines, 1))
    packed[-len(packed) // 4] ^= 0xFF
    send(client, cast, bytes(packed), "rows.jsonl.gz")
    found = Import.objects.get()
    begin(client, found)
    found = finish(found)
    assert found.job.state == "failed"
    assert found.job.error_code.startswith("format.")
    assert (found.pool.rows, Shard.objects.count()) == (0, 0)
    assert stored() == []  # not the file either: nobody can read it
    page = body(client.get(found.get_absolute_url()))
    assert found.job.error_title in page
    assert "Look at the columns again" not in page
    assert "Discard" in page
    assert client.post(found.get_absolute_url(), {"do": "resume"}).status_code == 409
    found.refresh_from_db()
    assert found.job.state == "failed"
    assert client.post(found.get_absolute_url(), {"do": "discard"}).status_code == 303
    assert (Pool.objects.count(), Import.objects.count(), Job.objects.count(), stored()) == (0, 0, 0, [])


def test_a_bomb_behind_a_good_beginning_ends_in_a_clear_error(as_, cast):
    client = as_("curator")
    data = gzip.compress(jsonl(*rows(200)) + jsonl(*[rows(1)[0] | {"output": "x" * 500_000}] * 120))
    found = imported(client, cast, data, "rows.jsonl.gz")
    assert (found.job.state, found.job.error_code) == ("failed", "format.bomb")
    assert stored() == []


def test_too_many_rows(as_, cast, settings):
    settings.UPLOAD_MAX_ROWS = 100
    found = imported(as_("curator"), cast, jsonl(*rows(101)))
    assert (found.job.error_code, stored()) == ("format.too_many_rows", [])


# --- one at a time, cancel, resume ---


def test_one_import_into_a_pool_at_a_time(as_, cast):
    client = as_("curator")
    send(client, cast, jsonl(*rows(10)))
    first = Import.objects.get()
    add(client, first.pool, jsonl(*rows(10)))
    second = Import.objects.latest("pk")
    begin(client, first)
    answer = begin(client, second)
    assert answer.status_code == 409
    assert "Wait until rows.jsonl is in" in body(answer)
    second.refresh_from_db()
    assert second.job is None
    finish(first)
    assert begin(client, second).status_code == 303
    assert finish(second).job.state == "succeeded"
    assert Pool.objects.get().rows == 20


def test_starting_twice_starts_once(as_, cast):
    client = as_("curator")
    send(client, cast, jsonl(*rows(10)))
    found = Import.objects.get()
    assert begin(client, found).status_code == 303
    assert begin(client, found).status_code == 303  # a double click
    assert Job.objects.count() == 1
    answer = client.post(found.get_absolute_url(), {"do": "preview"}, headers={"HX-Request": "true"})  # an old tab
    assert answer.status_code == 409
    finish(found)
    answer = begin(client, found)
    assert answer.status_code == 409
    assert "already started" in body(answer)


def test_cancel_and_resume(as_, cast, monkeypatch, small_batches):
    client = as_("curator")
    send(client, cast, jsonl(*rows(250)))
    found = Import.objects.get()
    begin(client, found)
    url = found.get_absolute_url()
    assert 'value="cancel"' in body(client.get(url))
    assert client.post(url, {"do": "cancel"}).status_code == 303
    found.refresh_from_db()
    assert found.job.state == "cancelled"
    assert stored() == [found.path]
    page = body(client.get(url))
    assert 'value="resume"' in page
    assert "Look at the columns again" in page
    assert client.post(url, {"do": "cancel"}).status_code == 303  # too late, and no harm
    assert client.post(url, {"do": "resume"}).status_code == 303
    found = finish(found)
    assert (found.job.state, found.rows_good) == ("succeeded", 250)
    assert client.post(url, {"do": "resume"}).status_code == 409


def test_cancel_while_it_runs_leaves_no_shards(as_, cast, monkeypatch, small_batches):
    from jobs.heartbeat import heart, renew

    client = as_("curator")
    send(client, cast, jsonl(*rows(250)))
    found = Import.objects.get()
    begin(client, found)
    url, real = found.get_absolute_url(), handler.Shards.take

    def take(self, checked):
        real(self, checked)
        if len(self.made) == 1:
            assert len(stored()) == 2
            client.post(url, {"do": "cancel"})
            renew(list(heart()._beats.values()))

    monkeypatch.setattr(handler.Shards, "take", take)
    found = finish(found)
    heart().close()
    assert found.job.state == "cancelled"
    assert stored() == [found.path]
    assert Pool.objects.get().rows == 0
    monkeypatch.setattr(handler.Shards, "take", real)
    assert client.post(url, {"do": "resume"}).status_code == 303
    assert finish(found).rows_good == 250


def test_resume_waits_for_the_import_that_runs(as_, cast):
    client = as_("curator")
    send(client, cast, jsonl(*rows(10)))
    first = Import.objects.get()
    begin(client, first)
    client.post(first.get_absolute_url(), {"do": "cancel"})
    add(client, first.pool, jsonl(*rows(10)))
    second = Import.objects.latest("pk")
    begin(client, second)
    assert client.post(first.get_absolute_url(), {"do": "resume"}).status_code == 409
    first.refresh_from_db()
    assert first.job.state == "cancelled"  # as before
    finish(second)
    assert client.post(first.get_absolute_url(), {"do": "resume"}).status_code == 303


def test_what_runs_or_brought_rows_is_not_discarded(as_, cast):
    client = as_("curator")
    send(client, cast, jsonl(*rows(10)))
    found = Import.objects.get()
    begin(client, found)
    assert client.post(found.get_absolute_url(), {"do": "discard"}).status_code == 409
    found = finish(found)
    assert client.post(found.get_absolute_url(), {"do": "discard"}).status_code == 409
    assert (Pool.objects.get().rows, len(stored())) == (10, 1)


def test_a_sweep_touches_nothing_while_an_import_writes(as_, cast):
    client = as_("curator")
    found = imported(client, cast, jsonl(*rows(10)))
    add(client, found.pool, jsonl(*rows(10, start=10)))
    second = Import.objects.latest("pk")
    begin(client, second)
    fresh = ImportKind().run(step_of(second), Quiet())["shards"][0]["path"]
    handler.sweep(found.pool_id)
    assert store.exists(fresh)


# --- the page while it runs ---


def test_the_page_polls_until_the_import_is_in(as_, cast):
    client = as_("curator")
    send(client, cast, jsonl(*rows(10)))
    found = Import.objects.get()
    begin(client, found)
    url = found.get_absolute_url()
    found.refresh_from_db()
    part = client.get(url, headers={"HX-Request": "true"})
    assert "<html" not in body(part)
    seen = f"{url}?seen={found.job.version}"
    assert f'hx-get="{seen}"' in body(part)
    assert 'hx-trigger="every 1s"' in body(part)
    assert client.get(seen, headers={"HX-Request": "true"}).status_code == 204
    assert client.get(seen).status_code == 200  # somebody opens the address
    step = step_of(found)
    changed = client.get(seen, headers={"HX-Request": "true"})
    assert changed.status_code == 200
    lease.finish(step, ImportKind().run(step, Quiet()))
    last = body(client.get(seen, headers={"HX-Request": "true"}))
    assert "hx-trigger" not in last
    assert "Rows in" in last
    whole = body(client.get(url))
    assert "<html" in whole
    assert 'id="import-progress"' in whole
    assert "hx-trigger" not in whole


def test_progress_is_in_kilobytes_of_the_file_with_rows_as_a_note(as_, cast, small_batches):
    client = as_("curator")
    data = jsonl(*rows(250))
    send(client, cast, data)
    found = Import.objects.get()
    begin(client, found)
    said = []

    class Told(Quiet):
        def progress(self, done, total=None, note=""):
            said.append((done, total, note))

    step = step_of(found)
    assert step.total == len(data) // 1000
    ImportKind().run(step, Told())
    assert [done for done, _, _ in said] == sorted(done for done, _, _ in said)
    assert said[-1] == (len(data) // 1000, len(data) // 1000, "250 rows")
    assert len(said) == 8


def test_two_imports_at_once_into_two_pools(as_, cast):
    """Their sweeps do not touch each other's files."""
    client = as_("curator")
    for name in ("One", "Two"):
        send(client, cast, jsonl(*rows(120)), pool=name)
    found = list(Import.objects.order_by("pk"))
    for one in found:
        begin(client, one)
    for one in found:
        run_job(Import.objects.get(pk=one.pk).job)
    assert list(Pool.objects.values_list("rows", flat=True)) == [120, 120]
    for shard in Shard.objects.all():
        assert store.rows(shard).num_rows == shard.rows
