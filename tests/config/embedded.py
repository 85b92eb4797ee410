"""A pair of real embedded servers for a module of tests, and what the tests ask of them."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psycopg
import pytest

from config.services import ensure, stop
from config.services.home import Home
from config.services.postgres import Postgres
from config.services.server import command_lines


def modes(folder):
    return {path: path.stat().st_mode for path in (folder, *folder.parents)}


def forget(folder):
    """Stop the servers of a folder and remove what lies outside it."""
    stop(folder)
    base = Postgres(Home(folder)).base
    if base.parent == Path("/var/tmp"):
        subprocess.Popen(["rm", "-rf", str(base)])  # not waited for: thousands of files, on a busy disk for seconds


@pytest.fixture(scope="module", name="home")
def home_fixture(tmp_path_factory):
    """One pair of servers for the module, in a folder whose parents' permissions are compared at the end."""
    folder = tmp_path_factory.mktemp("services")
    before = modes(folder)
    ensure(folder / "var")
    yield Home(folder / "var")
    forget(folder / "var")
    assert modes(folder) == before


@pytest.fixture(name="var")
def var_fixture(home):
    ensure(home.var)
    return home.var


def wait_gone(pid):
    deadline = time.monotonic() + 10
    while any(pid == other and command for other, command in command_lines()):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.02)


def kill(pid):
    os.kill(pid, signal.SIGKILL)
    wait_gone(pid)


def query(var, sql):
    with psycopg.connect(ensure(var).database_url, autocommit=True) as connection:
        cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else []


def pid_of(var, name):
    return Home(var).facts(name)["pid"]


def pids(var):
    return {name: pid_of(var, name) for name in ("postgres", "valkey")}
