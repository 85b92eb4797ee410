"""The embedded servers, for real: started, shared, killed, healed, stopped. Each module run has a folder of its own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest

from config import services
from config.services import ServiceError, ensure, postgres, status, stop
from config.services.home import Home
from config.services.postgres import Postgres
from config.services.server import HOST, command_lines
from config.services.valkey import Valkey
from tests.config.embedded import forget, home_fixture, kill, pid_of, pids, query, var_fixture  # noqa: F401  (fixtures)

pytestmark = pytest.mark.crash
ROOT = Path(__file__).resolve().parents[2]
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another user")


# --- starting ---


def test_a_second_call_starts_nothing_and_is_quick(var):
    before, took = pids(var), []
    for _ in range(5):
        began = time.perf_counter()
        found = ensure(var)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.05
    assert pids(var) == before
    assert found.database_url.startswith("postgresql://winnow:")
    assert query(var, "SHOW server_encoding") == [("UTF8",)]
    assert query(var, "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = 'winnow'") == [
        ("b", "C.UTF-8")
    ]


def test_processes_that_start_at_once_get_the_same_servers(tmp_path):
    """The very first start, when folders, passwords and the database are still to be made."""
    var = tmp_path / "var"
    code = "import sys; from pathlib import Path; from config.services import ensure; print(ensure(Path(sys.argv[1])))"
    children = [
        subprocess.Popen([sys.executable, "-c", code, str(var)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    try:
        answers = {child.communicate(timeout=60)[0] for child in children}
        assert [child.returncode for child in children] == [0, 0, 0]
        assert answers == {f"{ensure(var)}\n"}  # and the servers outlive those who started them
        assert len([1 for _, command in command_lines() if Postgres(Home(var)).is_master(command)]) == 1
        assert len(Valkey(Home(var)).processes()) == 1
    finally:
        forget(var)


def test_a_ctrl_c_in_the_terminal_of_the_starter_does_not_reach_the_servers(var):
    stop(var)
    code = (
        # The default is set by hand: a job that a shell put into the background is born deaf to Ctrl-C.
        "import signal, sys, time; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from pathlib import Path; from config.services import ensure; ensure(Path(sys.argv[1]));"
        "print('up', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(var)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as starter:
        assert starter.stdout.readline() == b"up\n"
        before = pids(var)
        os.killpg(starter.pid, signal.SIGINT)
        starter.wait(10)
    assert all(facts["running"] for facts in status(var).values())
    ensure(var)
    assert pids(var) == before
    assert [os.getsid(pid) for pid in before.values()] == list(before.values())


def turn_away(holder):
    with contextlib.suppress(OSError):
        while True:
            holder.accept()[0].close()


def test_a_taken_port_is_given_up(var):
    stop(var)
    facts = {name: Home(var).facts(name)["port"] for name in ("postgres", "valkey")}
    with contextlib.ExitStack() as held:
        for port in facts.values():
            holder = held.enter_context(socket.socket())
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind((HOST, port))
            holder.listen()
            threading.Thread(target=turn_away, args=[holder], daemon=True).start()
        found = ensure(var)
        assert f":{facts['postgres']}/" not in found.database_url
        assert f":{facts['valkey']}/" not in found.broker_url
        assert query(var, "SELECT 1") == [(1,)]


def test_what_a_person_set_is_left_alone_and_not_started(tmp_path, monkeypatch):
    monkeypatch.setenv("WINNOW_VAR", str(tmp_path / "var"))
    monkeypatch.setenv("DATABASE_URL_FILE", "/run/secrets/database")
    for name in ("DATABASE_URL", "BROKER_URL", "BROKER_URL_FILE"):
        monkeypatch.delenv(name, raising=False)
    try:
        services.ensure_env()
        assert "DATABASE_URL" not in os.environ
        assert os.environ["BROKER_URL"] == Valkey(Home(tmp_path / "var")).url()
        assert not os.path.lexists(tmp_path / "var" / "postgres")
        monkeypatch.setenv("BROKER_URL", "redis://own")
        services.ensure_env()
        assert os.environ["BROKER_URL"] == "redis://own"
    finally:
        forget(tmp_path / "var")
        os.environ.pop("BROKER_URL", None)


def test_the_commands_say_how_things_are(var):
    def call(*words):
        return subprocess.run(
            [sys.executable, "-m", "config.services", *words], cwd=ROOT, env=os.environ | {"WINNOW_VAR": str(var)},
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    assert call("stop").stdout == "Stopped valkey and postgres.\n"
    assert call("stop").stdout == "Nothing was running.\n"
    assert call("status").stdout == "postgres: not running\nvalkey: not running\n"
    assert "postgres: running on port " in call("start").stdout
    assert call("begin").returncode == 2


# --- healing ---


def test_the_data_survives_a_killed_postgres_and_its_busy_children(var):
    """A backend in the middle of a calculation does not notice that its parent is gone, and holds the memory."""
    query(var, "CREATE TABLE IF NOT EXISTS kept (n int); INSERT INTO kept VALUES (7)")
    with contextlib.closing(psycopg.connect(ensure(var).database_url, autocommit=True)) as busy:
        busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 300) a, generate_series(1, 100000000) b")
        child = busy.info.backend_pid
        killed = pid_of(var, "postgres")
        kill(killed)
        assert not status(var)["postgres"]["running"]
        assert child in Postgres(Home(var)).processes()
        assert (7,) in query(var, "SELECT n FROM kept")
        assert pid_of(var, "postgres") != killed
        assert child not in Postgres(Home(var)).processes()


def test_a_killed_valkey_comes_back_on_its_port(var):
    port, killed = Home(var).facts("valkey")["port"], pid_of(var, "valkey")
    kill(killed)
    assert not status(var)["valkey"]["running"]
    ensure(var)
    assert status(var)["valkey"] == {"running": True, "port": port, "pid": pid_of(var, "valkey")}


def test_a_pid_file_of_before_a_reboot_is_not_believed(var):
    """The number in it belongs to another process now, which must live on, whatever its arguments name."""
    stop(var)
    data, port = Postgres(Home(var)).data, Home(var).facts("valkey")["port"]
    words = ["-D", str(data), f"--broker={HOST}:{port}"]
    # PostgreSQL itself sees through a pid of another user, so this one runs as the server's.
    user = {"user": Postgres(Home(var)).user.pw_uid} if os.geteuid() == 0 else {}
    innocent = subprocess.Popen(["sh", "-c", "read line", *words], stdin=subprocess.PIPE, **user)

    def plant():
        (data / "postmaster.pid").write_text(f"{innocent.pid}\n{data}\n1\n5432\n\n127.0.0.1\n")
        for name in ("postgres", "valkey"):
            Home(var).remember(name, pid=innocent.pid)

    try:
        plant()
        ensure(var)
        assert query(var, "SELECT 1") == [(1,)]
        stop(var)
        plant()
        assert stop(var) == []
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_the_pid_of_this_very_process_in_a_pid_file_is_no_hindrance(var):
    stop(var)
    data = Postgres(Home(var)).data
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n1\n5432\n\n127.0.0.1\n")
    assert query(var, "SELECT 1") == [(1,)]


@pytest.mark.parametrize("torn", [None, b"", b'{"postgres": {"po', b"[1]", b'{"postgres": {"port": "x"}, "valkey": 3}'])
def test_a_lost_or_torn_pointer_finds_the_running_server_again(var, torn):
    before = pid_of(var, "postgres")
    if torn is None:
        (var / "services.json").unlink()
    else:
        (var / "services.json").write_bytes(torn)
    assert query(var, "SELECT 1") == [(1,)]
    assert pid_of(var, "postgres") == before
    assert len(Valkey(Home(var)).processes()) == 1


def test_a_lost_password_is_replaced_and_the_data_stays(var):
    query(var, "CREATE TABLE IF NOT EXISTS kept (n int); INSERT INTO kept VALUES (8)")
    before = ensure(var)
    (var / "secret" / "postgres_password").write_text("")
    (var / "secret" / "valkey_password").unlink()
    assert (8,) in query(var, "SELECT n FROM kept")
    after = ensure(var)
    assert after.database_url != before.database_url
    assert after.broker_url != before.broker_url


def test_a_wrong_password_in_the_file_is_said_and_ends_nothing(var):
    before, path = pid_of(var, "postgres"), var / "secret" / "postgres_password"
    right = path.read_text()
    path.write_text("wrong")
    try:
        with pytest.raises(ServiceError, match="does not take the password in var/secret"):
            ensure(var)
        assert before in Postgres(Home(var)).processes()
    finally:
        path.write_text(right)
    assert query(var, "SELECT 1") == [(1,)]
    assert pid_of(var, "postgres") == before


def test_a_server_whose_connections_are_all_in_use_is_left_alone(var):
    before = pid_of(var, "postgres")
    with contextlib.ExitStack() as held:
        url = ensure(var).database_url
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                held.enter_context(contextlib.closing(psycopg.connect(url)))
        with pytest.raises(psycopg.OperationalError, match=r"slots are reserved|too many clients"):
            psycopg.connect(url)
        assert ensure(var).database_url == url
        assert pid_of(var, "postgres") == before


@pytest.mark.parametrize("running", [True, False])
def test_a_dropped_database_is_made_again(var, running):
    with psycopg.connect(ensure(var).database_url.removesuffix("winnow") + "postgres", autocommit=True) as connection:
        connection.execute("DROP DATABASE winnow WITH (FORCE)")
    if not running:
        stop(var)
    assert query(var, "SELECT current_database()") == [("winnow",)]


def test_a_folder_that_an_unseen_server_holds_is_not_started_on(var, monkeypatch):
    """As from another container, whose processes have no number here: two servers would ruin the data."""
    import fcntl

    stop(var)
    monkeypatch.setattr(postgres, "DEAF", 0.2)
    holder = os.open(Postgres(Home(var)).base, os.O_RDONLY)
    try:
        fcntl.flock(holder, fcntl.LOCK_EX)
        with pytest.raises(ServiceError, match="cannot be seen from here"):
            ensure(var)
    finally:
        os.close(holder)
    ensure(var)
    holder = os.open(Postgres(Home(var)).base, os.O_RDONLY)
    with pytest.raises(BlockingIOError):  # the server itself holds it now
        fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(holder)


# --- ending ---


def test_a_server_that_cannot_start_shows_the_end_of_its_log(var):
    stop(var)
    path = Postgres(Home(var)).data / "postgresql.conf"
    before = path.read_text()
    path.write_text(before + "\nno_such_setting = 1\n")
    try:
        with pytest.raises(ServiceError, match=r"(?s)ended at once.*no_such_setting.*DATABASE_URL"):
            ensure(var)
    finally:
        path.write_text(before)


def test_stop_leaves_no_process(var):
    with psycopg.connect(ensure(var).database_url):  # an open connection does not hold it up
        began = time.monotonic()
        assert sorted(stop(var)) == ["postgres", "valkey"]
        assert time.monotonic() - began < 10
    assert Postgres(Home(var)).processes() == []
    assert Valkey(Home(var)).processes() == []
    assert not any(str(Postgres(Home(var)).base) in command for _, command in command_lines())
    assert stop(var) == []
    assert stop(var / "nowhere") == []
    assert not (var / "nowhere").exists()
