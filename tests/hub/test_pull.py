"""Rows from the hub into pools and tasks, against the local hub: what comes in, from where, and what goes wrong."""

import gzip
import io
import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.utils import timezone

from config import storage
from config.faults import Fault
from curation.actions import fetches
from curation.actions import hub as tokens
from curation.hub import pull as work
from curation.models import AuditEvent, Example, ExampleImport, HubFetch
from jobs.models import Step
from jobs.runner import run_job
from selection.actions import pools
from selection.models import Import, Pool
from tests.curation import made_tasks
from tests.hub.server import TOKEN

pytestmark = pytest.mark.django_db(transaction=True)

CARD = """---
license: {licence}
configs:
- config_name: letters
  default: true
  data_files:
  - split: train
    path: data/*.jsonl
  - split: test
    path: test.csv
---
# Rows
"""


def jsonl(count, start=0):
    return b"".join(
        json.dumps({"instruction": f"Rewrite letter {n}.", "input": "", "output": f"Dear patient {n}."}).encode()
        + b"\n"
        for n in range(start, start + count)
    )


def parquet(count):
    table = pa.table(
        {"instruction": [f"Ask {n}?" for n in range(count)], "output": [f"Say {n}." for n in range(count)]}
    )
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


@pytest.fixture(autouse=True)
def _places(settings, tmp_path):
    settings.STORAGE_URL, settings.VAR = str(tmp_path / "storage"), tmp_path / "var"


@pytest.fixture
def rows(hub):
    files = {"README.md": CARD.format(licence="cc-by-4.0").encode(), "data/a.jsonl": jsonl(30),
             "data/b.jsonl": jsonl(700, 30), "test.csv": b"instruction,output\nOne?,Yes.\n"}  # fmt: skip
    return hub.repo("ada/rows", files)


@pytest.fixture
def pool(cast):
    return pools.create_pool(team=cast.team, name="From afar", by=cast.curator)


def asked(cast, pool, dataset="ada/rows", **fields):
    return fetches.fetch(team=cast.team, by=cast.curator, into="pool", target=pool.pk, dataset=dataset, **fields)


def ended(found, state="succeeded"):
    """Run the job, and the one of the import that it started; pauses that a hub asks for are not waited for."""
    for _ in range(8):
        Step.objects.filter(job=found.job_id, state=Step.State.WAITING).update(not_before=timezone.now())
        run_job(found.job)
        found.job.refresh_from_db()
        if found.job.is_final:
            break
    assert found.job.state == state, (found.job.state, found.job.error_what)
    found.refresh_from_db()
    return found


def failed(found, code):
    assert ended(found, "failed").job.error_code == code
    return found.job


def brought_in(found):
    """The import of a fetch that starts by itself, at its end."""
    made = Import.objects.get(fetch=found)
    run_job(made.job)
    made.refresh_from_db()
    assert made.job.state == "succeeded", made.job.error_what
    return made


def test_the_files_of_a_split_wait_for_their_mapping(hub, cast, rows, pool):
    found = ended(asked(cast, pool))
    assert found.found["config"] == "letters"
    assert found.found["split"] == "train"
    assert found.found["commit"] == rows.branches["main"]
    assert found.found["licence"] == "cc-by-4.0"
    made = Import.objects.get(fetch=found)
    assert (made.job, made.format, made.mapping["output"]) == (None, "jsonl", "output")
    assert [one["name"] for one in found.files] == ["data/a.jsonl", "data/b.jsonl"]
    assert made.bytes == len(jsonl(30)) + len(jsonl(700, 30))
    assert storage.read(found.files[1]["path"], found.files[1]["sha256"]) == jsonl(700, 30)
    assert not work.spool(found).exists()
    assert {one.token for one in hub.asked("")} == {""}, "a team without a token reads what everybody may read"


def test_a_pool_is_filled_from_all_files_and_knows_whence(hub, cast, rows, pool):
    found = ended(asked(cast, pool, start=True))
    made = brought_in(found)
    pool.refresh_from_db()
    assert (made.rows_good, made.rows_bad, pool.rows) == (730, 0, 730)
    from selection import picked

    facts = picked.hub_of(pool.shards.select_related("made_by__fetch").get())
    assert facts == {
        "hub": "ada/rows", "hub_endpoint": hub.url, "hub_config": "letters", "hub_split": "train",
        "hub_commit": rows.branches["main"], "licence": "cc-by-4.0",
    }  # fmt: skip
    assert not storage.root()[0].find(f"{storage.root()[1]}/hub"), "the files are not kept"
    events = AuditEvent.objects.filter(team_id=cast.team.pk).values_list("action", flat=True)
    assert {"hub.fetch_started", "import.started", "import.finished"} <= set(events)


def test_a_task_gets_examples_that_name_dataset_file_and_line(hub, cast, rows):
    task = made_tasks.task(cast.team)
    found = fetches.fetch(
        team=cast.team, by=cast.curator, into="task", target=task.pk, dataset="ada/rows", start=True,
        options={"outputs_as": "drop"},
    )  # fmt: skip
    made = ExampleImport.objects.get(fetch=ended(found))
    run_job(made.job)
    made.refresh_from_db()
    assert (made.job.state, made.rows_good) == ("succeeded", 730)
    lineage = [one.lineage for one in Example.objects.filter(task=task).order_by("pk")]
    assert lineage[0]["hub"] == "ada/rows"
    assert lineage[0]["licence"] == "cc-by-4.0"
    assert lineage[0]["hub_commit"] == rows.branches["main"]
    assert (lineage[29]["line"], lineage[30]["file"], lineage[30]["line"]) == (30, "data/b.jsonl", 1)


def test_another_split_an_older_revision_and_packed_files(hub, cast, pool):
    repo = hub.repo("ada/old", {"train.jsonl.gz": gzip.compress(jsonl(3)), "dev.parquet": parquet(5)})
    before = repo.branches["main"]
    repo.write({"train.jsonl.gz": gzip.compress(jsonl(9))})
    brought_in(ended(asked(cast, pool, "ada/old", revision=before[:12], start=True)))
    pool.refresh_from_db()
    assert pool.rows == 3
    brought_in(ended(asked(cast, pool, "ada/old", split="validation", start=True)))
    pool.refresh_from_db()
    assert pool.rows == 8


def test_a_mapping_may_come_along(hub, cast, pool):
    hub.repo("ada/odd", {"train.jsonl": b'{"q": "Ask?", "a": "Say."}\n'})
    found = ended(asked(cast, pool, "ada/odd", mapping={"instruction": "q", "output": "a"}, start=True))
    assert brought_in(found).rows_good == 1
    with pytest.raises(Fault) as refused:
        asked(cast, pool, mapping={"colour": "q"})
    assert refused.value.code == "import.mapping"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"dataset": "ada/nothing"}, ("hub.no_dataset", "everybody, and the team has no token")),
        ({"revision": "v9"}, ("hub.no_revision", "v9")),
        ({"config": "french"}, ("hub.no_config", "letters")),
        ({"split": "dev"}, ("hub.no_split", "train, test")),
        ({"dataset": "ada/empty"}, ("hub.no_data", "2 × .arrow")),
        ({"dataset": "ada/broken"}, ("import.no_good_row", "Line 1")),
    ],
)
def test_what_the_hub_does_not_have_is_told(hub, cast, pool, given, said):
    hub.repo("ada/empty", {"a.arrow": b"x", "b.arrow": b"x"})
    hub.repo("ada/broken", {"train.jsonl": b'{"a": \n{"b"\n'})
    hub.repo(
        "ada/rows",
        {"README.md": CARD.format(licence="mit").encode(), "data/a.jsonl": jsonl(2), "test.csv": b"a,b\n1,2\n"},
    )
    code, words = said
    job = failed(asked(cast, pool, **({"dataset": "ada/rows"} | given)), code)
    assert words in job.error_what
    assert not Import.objects.filter(pool=pool).exists()


@pytest.mark.parametrize(("text", "code"), [("a b/c", "hub.repo"), ("a/../b", "hub.repo"), ("", "hub.repo")])
def test_names_that_no_dataset_has_are_refused_at_once(hub, cast, pool, text, code):
    with pytest.raises(Fault) as found:
        asked(cast, pool, text)
    assert found.value.code == code
    with pytest.raises(Fault) as found:
        asked(cast, pool, revision="../x")
    assert found.value.code == "hub.branch"


def test_an_address_out_of_a_browser_is_a_name():
    assert fetches.checked_dataset("https://hub.example/datasets/ada/rows/tree/main") == "ada/rows"
    assert fetches.checked_dataset(" imdb ") == "imdb"


def test_private_datasets_come_under_the_teams_token(hub, cast, pool):
    hub.repo("ada/secret", {"train.jsonl": jsonl(2)}, private=True)
    found = asked(cast, pool, "ada/secret")
    failed(found, "hub.no_dataset")
    tokens.keep(team=cast.team, by=cast.owner, token=TOKEN)
    fetches.resume(fetch=found, by=cast.curator)
    ended(found)
    hub.people.clear()
    assert "hub.token" in failed(asked(cast, pool, "ada/secret"), "hub.token").error_code


def test_gated_datasets_say_whose_terms_are_missing(hub, cast, rows, pool):
    hub.fail(403, "/api/datasets/ada/rows", headers={"X-Error-Code": "GatedRepo"})
    assert "accepted its terms" in failed(asked(cast, pool), "hub.gated").error_what


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_hub_is_asked_again(hub, cast, rows, pool, status):
    hub.fail(status, "/tree/", times=2, headers={"Retry-After": "0"})
    hub.fail(status, "/resolve/", times=2, headers={"Retry-After": "0"})
    ended(asked(cast, pool))
    assert len([one for one in hub.asked("/tree/") if one.status == status]) == 2


def test_a_file_that_is_cut_off_goes_on_where_it_stopped(hub, cast, pool, monkeypatch):
    data = jsonl(4_000)
    hub.repo("ada/big", {"train.jsonl": data})
    # The library writes whole chunks of 10 MiB: so much may have to be sent again.
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 4_096)
    hub.tear("/resolve/", after=len(data) // 2)
    found = asked(cast, pool, "ada/big")
    ended(found)
    assert storage.read(found.files[0]["path"], found.files[0]["sha256"]) == data
    assert hub.asked("/resolve/", "GET")[-1].status == 206, "the rest alone was asked for"


def test_a_file_that_is_not_what_was_announced_is_not_taken(hub, cast, rows, pool, monkeypatch):
    real = work._announced
    monkeypatch.setattr(work, "_announced", lambda row: real(row) | {"sha256": "", "git": "0" * 40})
    found = asked(cast, pool)
    failed(found, "hub.damaged")
    monkeypatch.setattr(work, "_announced", real)
    assert not Import.objects.filter(pool=pool).exists()


def test_more_than_is_allowed_is_not_fetched(hub, cast, rows, pool, settings):
    settings.HUB_MAX_BYTES = 10_000
    assert re.search(r"2 files have .* MiB", failed(asked(cast, pool), "hub.too_large").error_what)
    assert not hub.asked("/resolve/")


def test_a_fetch_can_be_stopped_gone_on_with_and_discarded(hub, cast, rows, pool):
    found = asked(cast, pool)
    with pytest.raises(Fault) as refused:
        fetches.discard(fetch=found, by=cast.curator)
    assert refused.value.code == "hub.fetch_done"
    fetches.cancel(fetch=found, by=cast.curator)
    ended(found, "cancelled")
    fetches.resume(fetch=found, by=cast.curator)
    ended(found)
    with pytest.raises(Fault):
        fetches.discard(fetch=found, by=cast.curator)
    other = pools.create_pool(team=cast.team, name="Other", by=cast.curator)
    second = asked(cast, other)
    fetches.cancel(fetch=second, by=cast.curator)
    ended(second, "cancelled")
    fetches.discard(fetch=second, by=cast.curator)
    assert not HubFetch.objects.filter(pk=second.pk).exists()
    assert not Pool.objects.filter(pk=other.pk).exists(), "made for it alone"


def test_a_pool_that_is_gone_or_busy_stops_nothing_but_itself(hub, cast, rows, pool):
    found = asked(cast, pool)
    pools.delete_pool(pool=pool, by=cast.curator)
    failed(found, "hub.fetch_gone")
    stranger = pools.create_pool(team=cast.other_team, name="Theirs", by=None)
    with pytest.raises(Fault) as refused:
        asked(cast, stranger)
    assert refused.value.code == "hub.fetch_gone"


def test_a_step_that_runs_twice_does_nothing_twice(hub, cast, rows, pool):
    found = ended(asked(cast, pool))
    file = found.found["files"][0]
    assert work.bring(found, file, 0, lambda _: None) == found.files[0]
    fetches.take(found)
    assert Import.objects.filter(pool=pool).count() == 1
