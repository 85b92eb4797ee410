"""The folder `var/` of the embedded servers: lock, remembered ports, passwords, logs."""

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

LOG_BYTES = 10 << 20  # a log past this size becomes `.1` at the next start


class ServiceError(RuntimeError):
    """A server could not be started or stopped: what happened, why, what to do."""


class Home:
    """Where the servers of one `var/` keep what they need. Several folders live side by side without meeting."""

    def __init__(self, var: Path) -> None:
        self.var = var.absolute()
        self.pointer = self.var / "services.json"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time. The kernel drops the lock with its process, so it is never stale.

        Raises `ServiceError` when the folder cannot be written.
        """
        try:
            self.var.mkdir(parents=True, exist_ok=True)
            lock = (self.var / "services.lock").open("w")
        except OSError as error:
            raise ServiceError(
                f"the folder {self.var} cannot be written: {error.strerror}. Start Winnow as its owner, or set "
                "WINNOW_VAR to a folder of your own."
            ) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    # --- ports and numbers of processes: a hint for the next start, never the truth ---

    def facts(self, name: str) -> dict[str, int]:
        """What is remembered of a server; nothing when the file is gone or torn."""
        found = self._pointer().get(name)
        if not isinstance(found, dict):
            return {}
        return {key: value for key, value in found.items() if isinstance(value, int)}

    def remember(self, name: str, **facts: int) -> None:
        whole = self._pointer()
        whole[name] = self.facts(name) | facts
        _write(self.pointer, json.dumps(whole, indent=1), 0o644)

    def _pointer(self) -> dict[str, object]:
        try:
            found = json.loads(self.pointer.read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    # --- passwords ---

    def secret(self, name: str) -> str | None:
        """A password, or None where there is none yet. Raises `ServiceError` when it belongs to somebody else."""
        path = self.var / "secret" / name
        try:
            return path.read_text("utf-8").strip() or None
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ServiceError(
                f"the password {path} cannot be read: {error.strerror}. Start Winnow as its owner, or set "
                "DATABASE_URL and BROKER_URL."
            ) from error

    def keep_secret(self, name: str, value: str | None = None) -> str:
        """Store a password (a new one unless given) that only the owner of `var/` can read; call under the lock."""
        value = value or new_secret()
        folder = self.var / "secret"
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        _write(folder / name, value, 0o600)
        return value

    # --- logs ---

    def log(self, name: str) -> Path:
        """The log of a server. A log holds statements that failed, so the folder is private."""
        folder = self.var / "log"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder / f"{name}.log"

    def trimmed_log(self, name: str) -> Path:
        path = self.log(name)
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return path


def new_secret() -> str:
    """192 random bits in letters that neither an address nor a configuration file has to quote."""
    return secrets.token_urlsafe(24)


def _write(path: Path, text: str, mode: int) -> None:
    """Write a file so that a crash, or a power cut, leaves the old or the new content and never half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
