"""The embedded servers, for real: started, shared, killed, healed, stopped. Each test has a folder of its own."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from config import services
from config.services import HOST, Home, Postgres, ServiceError, Valkey, ensure, status, stop

pytestmark = pytest.mark.crash
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def var(tmp_path_factory):
    """One pair of servers for the module: starting is cheap, making a database is not."""
    folder = tmp_path_factory.mktemp("services")
    ensure(folder)
    yield folder
    stop(folder)
    base = Home(folder).facts("postgres").get("base")
    if base:
        import shutil

        shutil.rmtree(base, ignore_errors=True)


def pid_of(var, name):
    return Home(var).facts(name)["pid"]


def wait_gone(pid):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            done, _ = os.waitpid(pid, os.WNOHANG)
            if done:
                return
        except ChildProcessError:
            if not Path(f"/proc/{pid}").exists():
                return
        time.sleep(0.02)
    raise AssertionError(f"process {pid} is still there")


def query(var, sql):
    with psycopg.connect(ensure(var).database_url, autocommit=True) as connection:
        cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else []


def test_both_answer_and_a_second_call_starts_nothing(var):
    before = pid_of(var, "postgres"), pid_of(var, "valkey")
    began = time.monotonic()
    found = ensure(var)
    assert time.monotonic() - began < 1.0
    assert (pid_of(var, "postgres"), pid_of(var, "valkey")) == before
    assert found.database_url.startswith("postgresql://winnow:")
    assert query(var, "SELECT 1") == [(1,)]


def test_processes_that_start_at_once_get_the_same_servers(var):
    stop(var)
    code = "import sys; from pathlib import Path; from config.services import ensure; print(ensure(Path(sys.argv[1])))"
    children = [
        subprocess.Popen([sys.executable, "-c", code, str(var)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    answers = {child.communicate(timeout=60)[0] for child in children}
    assert [child.returncode for child in children] == [0, 0, 0]
    assert len(answers) == 1
    assert query(var, "SELECT count(*) FROM pg_database WHERE datname = 'winnow'") == [(1,)]


def test_the_data_survives_a_killed_postgres(var):
    query(var, "CREATE TABLE IF NOT EXISTS kept (n int); INSERT INTO kept VALUES (7)")
    killed = pid_of(var, "postgres")
    os.kill(killed, signal.SIGKILL)
    wait_gone(killed)
    assert not status(var)["postgres"]["running"]
    assert (7,) in query(var, "SELECT n FROM kept")
    assert pid_of(var, "postgres") != killed


def test_a_killed_valkey_comes_back_on_its_port(var):
    port, killed = Home(var).facts("valkey")["port"], pid_of(var, "valkey")
    os.kill(killed, signal.SIGKILL)
    wait_gone(killed)
    ensure(var)
    assert status(var)["valkey"] == {"running": True, "port": port, "pid": pid_of(var, "valkey")}


def test_a_pid_file_of_before_a_reboot_is_not_believed(var):
    """The number in it belongs to another process now, which must live on."""
    stop(var)
    data = Postgres(Home(var)).data
    innocent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
    try:
        (data / "postmaster.pid").write_text(f"{innocent.pid}\n{data}\n1\n5432\n\n127.0.0.1\n")
        Home(var).remember("postgres", pid=innocent.pid)
        Home(var).remember("valkey", pid=innocent.pid)
        ensure(var)
        assert innocent.poll() is None
        assert query(var, "SELECT 1") == [(1,)]
        stop(var)
        Home(var).remember("postgres", pid=innocent.pid)
        assert stop(var) == []
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_a_taken_port_is_given_up(var):
    stop(var)
    port = Home(var).facts("postgres")["port"]
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((HOST, port))
        holder.listen()
        found = ensure(var)
        assert f":{port}/" not in found.database_url
        assert query(var, "SELECT 1") == [(1,)]


def test_a_half_written_pointer_is_started_over(var):
    stop(var)
    pointer = var / "services.json"
    facts = json.loads(pointer.read_text())
    # Only the base is remembered, as after a crash between two writes.
    pointer.write_text(json.dumps({"postgres": {"base": facts["postgres"].get("base", str(var / "postgres"))}}))
    assert query(var, "SELECT 1") == [(1,)]


def test_passwords_are_private_and_needed(var):
    for path in (var / "secret").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((var / "secret").stat().st_mode) == 0o700
    url = ensure(var).database_url
    secret = (var / "secret" / "postgres_password").read_text()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(secret, "wrong"))
    with pytest.raises(psycopg.OperationalError, match="no password"):
        psycopg.connect(url.replace(f":{secret}", ""), passfile="/nowhere")
    with socket.create_connection((HOST, Home(var).facts("valkey")["port"]), timeout=3) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(100).startswith(b"-NOAUTH")


def test_no_password_stands_on_a_command_line(var):
    ensure(var)
    secrets = [path.read_text() for path in (var / "secret").iterdir()]
    for name in ("postgres", "valkey"):
        line = Path(f"/proc/{pid_of(var, name)}/cmdline").read_bytes().decode()
        assert not any(secret in line for secret in secrets)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another user")
def test_as_root_the_server_runs_as_somebody_else_in_a_private_folder(var):
    ensure(var)
    base = Path(Home(var).facts("postgres")["base"])
    assert stat.S_IMODE(base.stat().st_mode) == 0o700
    assert base.stat().st_uid != 0
    assert Path(f"/proc/{pid_of(var, 'postgres')}").stat().st_uid == base.stat().st_uid
    for folder in (var, *list(var.parents)[:2]):
        assert not stat.S_IMODE(folder.stat().st_mode) & 0o002 or folder == Path("/tmp")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another user")
def test_a_folder_that_others_could_read_is_refused(var):
    stop(var)
    base = Path(Home(var).facts("postgres")["base"])
    base.chmod(0o755)
    try:
        with pytest.raises(ServiceError, match="not private"):
            ensure(var)
    finally:
        base.chmod(0o700)


def test_a_server_that_cannot_start_shows_the_end_of_its_log(var):
    stop(var)
    path = Postgres(Home(var)).data / "postgresql.conf"
    before = path.read_text()
    path.write_text(before + "\nno_such_setting = 1\n")
    try:
        with pytest.raises(ServiceError, match="no_such_setting"):
            ensure(var)
    finally:
        path.write_text(before)
    ensure(var)


def test_stop_leaves_no_process(var):
    ensure(var)
    pids = [pid_of(var, name) for name in ("postgres", "valkey")]
    assert sorted(stop(var)) == ["postgres", "valkey"]
    for pid in pids:
        assert services._command_line(pid) == ""
    assert stop(var) == []


def test_what_a_person_set_is_left_alone(var, monkeypatch):
    monkeypatch.setenv("WINNOW_VAR", str(var))
    monkeypatch.setenv("DATABASE_URL", "postgresql://own")
    monkeypatch.delenv("BROKER_URL", raising=False)
    monkeypatch.delenv("BROKER_URL_FILE", raising=False)
    services.ensure_env()
    assert os.environ["DATABASE_URL"] == "postgresql://own"
    assert os.environ["BROKER_URL"] == Valkey(Home(var)).url()
