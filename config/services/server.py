"""What both embedded servers share: a remembered port, recognised processes, starting, waiting, ending."""

import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

from config.services.home import Home, ServiceError

HOST = "127.0.0.1"
PATIENCE = 30.0  # seconds that a starting server may take to answer, crash recovery included
DEAF = 10.0  # seconds of silence after which a living server is taken for hung


class State(Enum):
    READY = "ready"
    FULL = "all connections are in use"  # alive, so nothing to mend
    STARTING = "starting"
    REFUSED = "does not take the password in var/secret (remove that file to have a new one set)"
    MISSING = "the database is missing"
    DOWN = "does not answer"


class Server:
    name: ClassVar[str]
    program: ClassVar[str]

    def __init__(self, home: Home) -> None:
        self.home = home

    # --- what each server knows of itself ---

    def state(self) -> State:
        """What the server says on a real connection with the password."""
        raise NotImplementedError

    def start(self) -> None:
        """Bring the server up; called under the lock when it does not answer."""
        raise NotImplementedError

    def stop(self) -> bool:
        """End the server cleanly; False when none ran."""
        raise NotImplementedError

    def url(self) -> str:
        raise NotImplementedError

    def is_mine(self, command: str) -> bool:
        """Whether a command line is that of a process of this server, and of no other."""
        raise NotImplementedError

    # --- health ---

    @property
    def port(self) -> int | None:
        return self.home.facts(self.name).get("port")

    @property
    def pid(self) -> int | None:
        return self.home.facts(self.name).get("pid")

    def answers(self) -> bool:
        return self.state() in {State.READY, State.FULL}

    def ensure(self) -> None:
        """Start the server unless it answers. Raises `ServiceError` when it does not come up."""
        if self.answers():
            return
        with self.home.locked():
            if not self.answers():  # another process may have started it while this one waited
                self.start()

    def mark(self, folder: Path) -> str:
        """A word for the process list that tells this server from those of other folders."""
        return "winnow-" + hashlib.blake2b(os.path.realpath(folder).encode(), digest_size=6).hexdigest()

    def processes(self) -> list[int]:
        """The living processes of this server. No pid file is believed: a number may belong to anybody by now."""
        return [pid for pid, command in command_lines() if self.is_mine(command)]

    def wait(self, patience: float, gone: Callable[[], bool]) -> State:
        """The state once the server settled, or as it is when time is up or the process is gone."""
        deadline = time.monotonic() + patience
        while True:
            over = gone() or time.monotonic() > deadline  # asked first: the last answer comes after the end
            state = self.state()
            if over or state not in {State.STARTING, State.DOWN}:
                return state
            time.sleep(0.02)

    # --- life ---

    def free_port(self) -> int:
        """The port of last time if nobody took it meanwhile, else a free one."""
        last = self.port
        if last and _bindable(last):
            return last
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            return int(probe.getsockname()[1])

    def launch(self, command: list[str], port: int, *, stdin: bytes = b"", **options: Any) -> None:
        """Start the process in a session of its own, so that it outlives this one, and wait for its answer."""
        path = self.home.trimmed_log(self.name)
        began = path.stat().st_size if path.exists() else 0
        self.home.remember(self.name, port=port)  # before there is a process, so that none is ever forgotten
        try:
            with path.open("ab") as log:
                process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                    **options,
                )  # fmt: skip
        except OSError as error:
            raise ServiceError(
                f"the embedded {self.program} cannot be run ({command[0]}: {error.strerror}). Check that its folder is "
                "not mounted noexec, or use a server of your own (DATABASE_URL, BROKER_URL)."
            ) from error
        with contextlib.suppress(BrokenPipeError), process.stdin:  # type: ignore[union-attr]
            process.stdin.write(stdin)  # type: ignore[union-attr]
        self.home.remember(self.name, pid=process.pid)
        state = self.wait(PATIENCE, lambda: process.poll() is not None)
        if state in {State.READY, State.FULL, State.MISSING}:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):  # another server took the port and answered: ours ends
            process.wait(0.5)
        if process.poll() is not None:
            raise ServiceError(self.why(f"ended at once with code {process.returncode}", began))
        if state is State.STARTING:  # a long recovery goes on: ending it would only make it begin again
            raise ServiceError(self.why(f"still recovers after {PATIENCE:.0f} s; try again in a while", began))
        self.end(signal.SIGTERM, signal.SIGKILL)
        raise ServiceError(self.why(f"was started, but {state.value}", began))

    def end(self, *signals: signal.Signals, patience: float = 5.0) -> bool:
        """Send the signals one after the other until no process is left; True when all are gone."""
        for number in signals:
            for pid in self.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            if self.gone(patience):
                return True
        return False

    def gone(self, patience: float) -> bool:
        deadline = time.monotonic() + patience
        while self.processes():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.03)
        return True

    def why(self, what: str, began: int = 0) -> str:
        """The words of an error with what the server logged since byte `began`."""
        path = self.home.log(self.name)
        text = path.read_bytes()[began:].decode("utf-8", "replace") if path.exists() else ""
        advice = "Mend what the log names, or use a server of your own (DATABASE_URL, BROKER_URL)."
        return "\n  ".join([f"the embedded {self.program} {what}. The end of {path}:", *text.splitlines()[-8:], advice])


def command_lines() -> Iterator[tuple[int, str]]:
    """Every living process with its command line; one that ended and waits for its parent has none."""
    folder = Path("/proc")
    if not (folder / "self").exists():
        listed = subprocess.run(["ps", "-axo", "pid=,command="], capture_output=True, text=True, check=False)
        for line in listed.stdout.splitlines():
            pid, _, command = line.strip().partition(" ")
            yield int(pid), command.strip()
        return
    for entry in os.listdir(folder):  # noqa: PTH208  (names are all that is needed, and quick)
        if entry.isdigit():
            with contextlib.suppress(OSError):
                words = (folder / entry / "cmdline").read_bytes().replace(b"\0", b" ")
                yield int(entry), words.decode("utf-8", "surrogateescape").strip()


def _bindable(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError):
            return False
    return True
