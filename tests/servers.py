"""Loaded by pytest before Django: gives the whole session one real PostgreSQL and one real Valkey.

Every xdist worker has a database and a broker number of its own on them; tests that kill, flush or fill a
server start their own with `config.services.ensure(folder)`.
"""

import os
import secrets
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var" / "test"


def prepare() -> None:
    from config.services import ensure

    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    os.environ["WINNOW_VAR"] = str(VAR)
    os.environ["SECRET_KEY"] = os.environ.get("SECRET_KEY") or secrets.token_urlsafe(48)
    os.environ["JOBS_LEASE_SECONDS"] = "2"
    os.environ["EMAIL_BACKEND"] = "django.core.mail.backends.locmem.EmailBackend"
    if not os.environ.get("WINNOW_TEST_SERVERS"):
        VAR.mkdir(parents=True, exist_ok=True)
        found = ensure(VAR)
        os.environ["WINNOW_TEST_SERVERS"] = "1"
        os.environ["DATABASE_URL"], os.environ["BROKER_URL"] = found.database_url, found.broker_url
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    number = int(worker.removeprefix("gw")) + 1 if worker else 0
    base = os.environ["BROKER_URL"].rsplit("/", 1)[0]
    os.environ["BROKER_URL"] = f"{base}/{number}"
    os.environ["STORAGE_URL"] = str(VAR / f"storage-{worker or 'main'}")


prepare()
