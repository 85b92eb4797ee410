"""Loaded by pytest before Django: gives the whole session one real PostgreSQL and one real Valkey.

Every xdist worker has a database and a broker number of its own on them; tests that kill, flush or fill a
server start their own with `config.services.ensure(folder)`. A second pytest at the same time takes the next
folder, so two sessions never share a server.
"""

import base64
import fcntl
import itertools
import os
import secrets
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
_lock: IO[str] | None = None


def own_folder() -> Path:
    """The first of var/test, var/test-2, … that no other session holds; held until this process ends."""
    global _lock  # noqa: PLW0603  (the lock lives as long as the process)
    for number in itertools.count(1):
        folder = ROOT / "var" / ("test" if number == 1 else f"test-{number}")
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "session.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        _lock = lock
        return folder
    raise AssertionError("unreachable")


def prepare() -> None:
    # Two processes of tests share two cores; threads of libraries would only wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    os.environ["JOBS_LEASE_SECONDS"] = "2"
    os.environ["EMAIL_BACKEND"] = "django.core.mail.backends.locmem.EmailBackend"
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not worker:
        from config.services import ensure

        folder = own_folder()
        found = ensure(folder)
        os.environ["WINNOW_VAR"] = str(folder)
        os.environ["SECRET_KEY"] = secrets.token_urlsafe(48)
        os.environ["WINNOW_KEYS"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        os.environ["DATABASE_URL"], os.environ["BROKER_URL"] = found.database_url, found.broker_url
    number = int(worker.removeprefix("gw")) + 1 if worker else 0
    base = os.environ["BROKER_URL"].rsplit("/", 1)[0]
    os.environ["BROKER_URL"] = f"{base}/{number}"
    os.environ["STORAGE_URL"] = str(Path(os.environ["WINNOW_VAR"]) / f"storage-{worker or 'main'}")


def pytest_unconfigure() -> None:
    if _lock is not None:
        from config.services import stop

        stop(Path(os.environ["WINNOW_VAR"]))


prepare()
