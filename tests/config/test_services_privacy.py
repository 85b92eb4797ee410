"""The embedded servers let nobody in without the password, and as root give no folder away."""

import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from config.services import ServiceError, ensure, stop
from config.services.home import Home
from config.services.postgres import Postgres
from config.services.server import HOST
from tests.config.embedded import home_fixture, pid_of, pids, query, var_fixture  # noqa: F401  (fixtures)

pytestmark = pytest.mark.crash
ROOT = Path(__file__).resolve().parents[2]
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another user")


def test_passwords_are_private_and_needed(var):
    assert stat.S_IMODE((var / "secret").stat().st_mode) == 0o700
    names = sorted(path.name for path in (var / "secret").iterdir())
    assert names == ["postgres_admin_password", "postgres_password", "valkey_password"]
    for path in (var / "secret").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    url, secret = ensure(var).database_url, Home(var).secret("postgres_password")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(secret, "wrong"))
    with pytest.raises(psycopg.OperationalError, match="no password"):
        psycopg.connect(url.replace(f":{secret}", ""), passfile="/nowhere")
    for words, answer in ((b"PING\r\n", b"-NOAUTH"), (b"AUTH wrong\r\n", b"-WRONGPASS")):
        with socket.create_connection((HOST, Home(var).facts("valkey")["port"]), timeout=3) as connection:
            connection.sendall(words)
            assert connection.recv(100).startswith(answer)


def test_the_servers_listen_on_this_machine_alone_and_trust_nobody(var):
    admin = Home(var).secret("postgres_admin_password")
    port = Home(var).facts("postgres")["port"]
    with psycopg.connect(host=HOST, port=port, user="postgres", password=admin, dbname="winnow") as connection:
        rules = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
        assert rules == [("scram-sha-256",)]
        names = "listen_addresses", "unix_socket_directories"
        assert [connection.execute(f"SHOW {name}").fetchone()[0] for name in names] == [HOST, ""]


def test_the_role_makes_databases_and_is_no_superuser(var):
    assert query(var, "SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = 'winnow'") == [(False, True)]
    query(var, "CREATE DATABASE test_winnow")
    query(var, "DROP DATABASE test_winnow")
    query(var, "CREATE EXTENSION unaccent")  # a trusted one: not what only a superuser may make
    query(var, "DROP EXTENSION unaccent")
    assert {("vector",), ("pg_trgm",)} <= set(query(var, "SELECT extname FROM pg_extension"))


def test_no_password_stands_on_a_command_line_or_in_a_log(var):
    secrets = [path.read_bytes() for path in (var / "secret").iterdir()]
    places = [Path(f"/proc/{pid}/cmdline") for pid in pids(var).values()] + list((var / "log").iterdir())
    for place in places:
        assert not any(secret in place.read_bytes() for secret in secrets)


@only_root
def test_as_root_the_server_runs_as_somebody_else_in_a_private_folder(var):
    base = Postgres(Home(var)).base
    assert base.parent == Path("/var/tmp")
    assert stat.S_IMODE(base.stat().st_mode) == 0o700
    assert base.stat().st_uid != 0
    assert Path(f"/proc/{pid_of(var, 'postgres')}").stat().st_uid == base.stat().st_uid


@only_root
def test_a_folder_that_others_could_read_is_refused(var):
    stop(var)
    base = Postgres(Home(var)).base
    base.chmod(0o755)
    try:
        with pytest.raises(ServiceError, match="not private"):
            ensure(var)
    finally:
        base.chmod(0o700)


@only_root
def test_a_folder_that_is_gone_is_said_and_not_replaced_by_an_empty_one(var):
    stop(var)
    base = Postgres(Home(var)).base
    base.rename(base.with_suffix(".away"))
    try:
        with pytest.raises(ServiceError, match="is gone"):
            ensure(var)
    finally:
        base.with_suffix(".away").rename(base)


@only_root
def test_an_ordinary_user_needs_no_folder_outside_var():
    # Libraries are loaded first: the interpreter itself may lie where only root can go.
    code = (
        "import encodings.idna, os, pwd, sys, psycopg; from pathlib import Path; from config.services import ensure, status, stop\n"
        "try: psycopg.connect('host=127.0.0.1 port=1')\n"
        "except psycopg.OperationalError: pass\n"
        "person = pwd.getpwnam('nobody'); os.setgroups([]); os.setgid(person.pw_gid); os.setuid(person.pw_uid)\n"
        "var = Path(sys.argv[1]); ensure(var); print([facts['running'] for facts in status(var).values()], stop(var))"
    )
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    shutil.chown(folder, "nobody")
    try:
        command = [sys.executable, "-c", code, str(folder / "var")]
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        if "cannot be run" in found.stderr:
            pytest.skip("an ordinary user cannot reach the servers' programs here")
        assert (found.stdout, found.stderr) == ("[True, True] ['valkey', 'postgres']\n", "")
        assert stat.S_IMODE((folder / "var" / "postgres").lstat().st_mode) == 0o700
        assert not (folder / "var" / "postgres").is_symlink()
    finally:
        stop(folder / "var")
        shutil.rmtree(folder)
