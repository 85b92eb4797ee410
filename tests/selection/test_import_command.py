"""`manage.py import_pool`: from a path or an address, with and without workers, and nothing left after a failure."""

import logging
import os
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from curation.actions.teams import create_team
from jobs.models import Job
from jobs.runner import run_job
from selection import console
from selection.management.commands import import_pool
from selection.models import Import, Pool
from tests.selection.sent import jsonl, of_pool, rows, stored

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _storage(settings, tmp_path, monkeypatch):
    settings.STORAGE_URL, settings.SHARD_ROWS = str(tmp_path / "storage"), 100
    (tmp_path / "storage").mkdir()
    monkeypatch.setattr("jobs.wake.send", lambda counts: True)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "sums.jsonl"
    path.write_bytes(jsonl(*rows(250)))
    return path


def run(source, *options: str, name: str = "Sums") -> None:
    call_command("import_pool", str(source), "--name", name, "--team", "ward", *options)


def failure(source, *options: str, **how: str) -> str:
    with pytest.raises(CommandError) as caught:
        run(source, *options, **how)
    assert caught.value.returncode == 1
    return str(caught.value)


def nothing_left() -> bool:
    return (Pool.objects.count(), Import.objects.count(), Job.objects.count(), stored()) == (0, 0, 0, [])


def test_a_path_in_this_process(cast, file, capfd):
    run(file, "--local")
    pool = Pool.objects.get()
    assert (pool.team, pool.name, pool.rows, pool.shards.count()) == (cast.team, "Sums", 250, 3)
    said = capfd.readouterr()
    assert "Reading sums.jsonl: instruction = instruction, input = input, output = output, source = source" in said.out
    assert "100 %" in said.out
    assert f"250 rows are in Sums (/pools/{pool.pk}/), 250 in all." in said.out
    assert (said.err, logging.getLogger("jobs").level) == ("", logging.NOTSET)  # bars instead of log lines
    assert stored() == sorted(pool.shards.values_list("path", flat=True))


def test_workers_do_the_same(cast, file, monkeypatch, capsys):
    """Without --local the command only watches."""
    waited = []

    def sleep(seconds):
        waited.append(seconds)
        if len(waited) == 3:
            run_job(Job.objects.get())

    monkeypatch.setattr(console.time, "sleep", sleep)
    monkeypatch.setattr(console, "NO_WORKER_SECONDS", 0)
    run(file)
    assert Pool.objects.get().rows == 250
    assert len(waited) == 3
    assert "No worker has taken it yet." in capsys.readouterr().out


def test_columns_by_name(cast, tmp_path):
    path = tmp_path / "odd.csv"
    path.write_text("frage,antwort,von\nWarum?,Darum.,a\nWie?,So.,b\n")
    run(path, "--local", "--map", "instruction=frage", "--map", "output=antwort", "--map", "source=von")
    pool = Pool.objects.get()
    assert of_pool(pool, "_source") == ["a", "b"]
    assert pool.shards.get().mapping == {"instruction": "frage", "output": "antwort", "source": "von"}


def test_append(cast, file, tmp_path):
    run(file, "--local")
    assert "Choose another name, or add --append." in failure(file, "--local")
    run(file, "--local", "--append")
    pool = Pool.objects.get()
    assert (pool.rows, pool.imports.count()) == (500, 2)
    assert of_pool(pool, "_key")[250].endswith("~2")
    assert "There is no pool named Other to append to." in failure(file, "--append", name="Other")
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(jsonl(*rows(60), *[b"{"] * 60))
    before = stored()
    assert "Too many rows are bad" in failure(bad, "--local", "--append")
    pool.refresh_from_db()
    assert (pool.rows, pool.imports.count(), stored()) == (500, 2, before)  # the pool is as it was


@pytest.mark.parametrize(
    ("data", "options", "says"),
    [
        (jsonl(*rows(60), *[b"{"] * 50), [], "Too many rows are bad. 50 of 110 rows of f could not be read"),
        (b"", [], "The file is empty"),
        (b"\x89PNG\r\n\x1a\n", [], "This kind of file cannot be read"),
        (jsonl(*rows(5)), ["--map", "instruction=nowhere"], "--map instruction: There is no column nowhere."),
        (jsonl(*rows(5)), ["--map", "nonsense=a"], "--map nonsense is not a part of a row"),
        (jsonl(*rows(5)), ["--map", "instruction=_key"], "There is no column _key"),
        (jsonl(*rows(5)), ["--map", "output=output"], "The columns do not make a row"),
        (jsonl(*rows(5)), ["--map", "instruction"], "The columns do not make a row"),
        (jsonl({"a": [1], "b": 2}), [], "The columns do not make a row"),
        (jsonl(*rows(5)), ["--max-bad", "101"], "from 0 to 100"),
        (jsonl(*rows(5)), ["--max-bad", "-1"], "from 0 to 100"),
    ],
)
def test_a_failure_leaves_nothing(cast, tmp_path, data, options, says):
    path = tmp_path / "f"
    path.write_bytes(data)
    assert says in failure(path, "--local", *options)
    assert nothing_left()


def test_more_bad_rows_may_be_allowed(cast, tmp_path, capsys):
    path = tmp_path / "f"
    path.write_bytes(jsonl(*[b"{"] * 40, *rows(60)))
    run(path, "--local", "--max-bad", "40")
    found = Import.objects.get()
    assert (found.rows_good, found.rows_bad) == (60, 40)
    assert f"40 rows could not be read; the list is at /imports/{found.pk}/" in capsys.readouterr().out


def test_paths_that_cannot_be_read(cast, tmp_path, file, settings):
    assert "cannot be read: No such file" in failure(tmp_path / "none")
    assert "cannot be read: Is a directory" in failure(tmp_path)
    settings.UPLOAD_MAX_BYTES = 1000
    assert "It has more than 1,000 bytes" in failure(file)
    assert nothing_left()


def test_ctrl_c_leaves_nothing(cast, file, monkeypatch):
    from selection.handlers import imports

    def take(self, checked):
        raise KeyboardInterrupt

    monkeypatch.setattr(imports.Shards, "take", take)
    assert failure(file, "--local") == "Stopped. Nothing was imported."
    assert nothing_left()


def test_ctrl_c_does_not_stop_the_workers(cast, file, monkeypatch):
    def sleep(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(console.time, "sleep", sleep)
    assert "The workers go on with it" in failure(file)
    assert Job.objects.get().state == "queued"


def test_which_team(cast, file, db):
    with pytest.raises(CommandError, match="There are several teams; name one with --team: elsewhere, ward"):
        call_command("import_pool", str(file), "--name", "A")
    with pytest.raises(CommandError, match=r"There is no team nobody\. There are: elsewhere, ward\."):
        call_command("import_pool", str(file), "--name", "A", "--team", "nobody")
    cast.other_team.delete()
    call_command("import_pool", str(file), "--name", "A", "--local")
    assert Pool.objects.get().team == cast.team
    Pool.objects.all().delete()
    cast.team.delete()
    with pytest.raises(CommandError, match="There is no team yet"):
        import_pool.one_team("")
    assert create_team(name="New", owner=cast.owner) == import_pool.one_team("")


# --- from an address ---


@pytest.fixture
def address(file):
    class Files(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(file.parent)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_private_address_is_refused_unless_it_is_allowed(cast, address, settings):
    settings.OUTBOUND_ALLOW = []
    assert "127.0.0.1 is at the private address 127.0.0.1." in failure(f"{address}/sums.jsonl", "--local")
    assert nothing_left()
    settings.OUTBOUND_ALLOW = ["127.0.0.1"]
    run(f"{address}/sums.jsonl?version=2", "--local")
    found = Import.objects.get()
    assert (found.name, found.rows_good) == ("sums.jsonl", 250)


def test_an_address_without_the_file(cast, address, settings):
    settings.OUTBOUND_ALLOW = ["127.0.0.1"]
    assert "the server answered 404" in failure(f"{address}/none.jsonl", "--local")
    assert "not an http or https address" in failure("ftp://127.0.0.1/sums.jsonl", "--local")
    settings.UPLOAD_MAX_BYTES = 1000
    assert "larger than the 1,000 bytes" in failure(f"{address}/sums.jsonl", "--local")
    assert nothing_left()


# --- as a program ---


def test_exit_code_and_words_on_the_terminal(cast, file, settings):
    name = connection.settings_dict["NAME"]
    environment = os.environ | {
        "DATABASE_URL": urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl(),
        "STORAGE_URL": settings.STORAGE_URL,
    }
    for source, code, out, err in ((file, 0, "250 rows are in A", ""), (f"{file}.gone", 1, "", "CommandError: ")):
        words = [sys.executable, "manage.py", "import_pool", str(source), "--name", "A", "--team", "ward", "--local"]
        done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
        assert (done.returncode, out in done.stdout, done.stderr[:14]) == (code, True, err), done.stderr
