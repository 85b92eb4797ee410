"""The processes of one Winnow on one machine: web server, Celery workers, beat; started, watched, stopped together."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.request import urlopen

PYTHON = sys.executable
ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Child:
    name: str
    process: subprocess.Popen[bytes]
    log: Path
    stream: IO[bytes]


@dataclass
class Processes:
    """A context: leaving it stops what was started in it, in reverse order, and nothing else."""

    logs: Path
    children: list[Child] = field(default_factory=list)

    def __enter__(self) -> "Processes":
        self.logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self, name: str, *command: str, env: dict[str, str] | None = None) -> Child:
        log = self.logs / f"{name}.log"
        stream = log.open("ab")
        # A session of its own: Ctrl-C in the terminal reaches this process alone, which then stops the others in order.
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | (env or {}), stdin=subprocess.DEVNULL, stdout=stream,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        child = Child(name, process, log, stream)
        self.children.append(child)
        return child

    def dead(self) -> Child | None:
        return next((child for child in self.children if child.process.poll() is not None), None)

    def stop(self, patience: float = 10.0) -> None:
        for child in reversed(self.children):
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + patience
        for child in reversed(self.children):
            try:
                child.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                # The whole session of that child, so that no prefork child outlives its parent.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.process.pid, signal.SIGKILL)
                child.process.wait()
            child.stream.close()
        self.children.clear()


def free_port(wanted: int, host: str = "127.0.0.1", tries: int = 50) -> int:
    """`wanted`, or the next port that nobody listens on. Raises `OSError` when all `tries` are taken."""
    for port in range(wanted, min(wanted + tries, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise OSError(f"the ports {wanted} to {wanted + tries - 1} are all taken")


def wait_for(url: str, child: Child, seconds: float = 30.0) -> None:
    """Until the address answers. Raises `RuntimeError` with the end of the log if the process ends or time runs out."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if child.process.poll() is not None:
            break
        with contextlib.suppress(OSError), urlopen(url, timeout=2) as answer:  # noqa: S310  (our own address)
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise RuntimeError(f"{child.name} did not start. The end of its log, {child.log}:\n{tail(child.log)}")


def tail(path: Path, lines: int = 12) -> str:
    return "\n".join(path.read_text("utf-8", "replace").splitlines()[-lines:]) if path.exists() else ""


def web(children: Processes, port: int, host: str = "127.0.0.1", *, reload: bool = False, workers: int = 1) -> Child:
    options = ["--reload"] if reload else ["--preload"]
    return children.start(
        "web", PYTHON, "-m", "gunicorn", "config.wsgi", "--bind", f"{host}:{port}", "--workers", str(workers), "--threads", "8",
        "--timeout", "0", "--no-control-socket", "--worker-tmp-dir", "/dev/shm" if Path("/dev/shm").is_dir() else "/tmp",  # noqa: S108
        "--access-logfile", "-", *options,
        env={"SITE_URL": f"http://{host}:{port}"},
    )  # fmt: skip


def worker(children: Processes, name: str, queues: str, *options: str) -> Child:
    return children.start(
        name, PYTHON, "-m", "celery", "--app", "config", "worker", "--queues", queues, "--hostname", f"{name}@%h",
        "--loglevel", "INFO", "--without-gossip", "--without-mingle", *options,
        env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
    )  # fmt: skip


def beat(children: Processes, schedule: Path) -> Child:
    return children.start(
        "beat", PYTHON, "-m", "celery", "--app", "config", "beat", "--schedule", str(schedule), "--loglevel", "INFO",
        "--pidfile=",
    )  # fmt: skip


def everything(children: Processes, port: int, var: Path, *, reload: bool = False) -> Child:
    """The web server, three workers (cpu; io; gpu) and beat. Returns the web server.

    Those of io wait for others most of the time, and a step of theirs may take hours: they hold up no other work.
    """
    cores = max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    server = web(children, port, reload=reload)
    worker(children, "cpu", "cpu", "--pool", "prefork", "--concurrency", str(cores))
    worker(children, "io", "io", "--pool", "threads", "--concurrency", "4")
    worker(children, "gpu", "gpu", "--pool", "solo")
    beat(children, var / "beat-schedule")
    return server
