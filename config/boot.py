"""What every process of Winnow does first: read `.env`, find its servers, name the settings.

Kept apart from the settings, so that reading the settings never starts a server.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def boot(*, services: bool = True) -> None:
    """Prepare the environment of this process. Calling it twice changes nothing.

    Without `DATABASE_URL` or `BROKER_URL` the embedded PostgreSQL or Valkey is started (if `services`)
    and its address is put into the environment, so that child processes find the same servers.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    read_dotenv(ROOT / ".env")
    if not _given("DATABASE_URL"):
        # Set before the address is known: settings may only relax their demands in the embedded mode.
        os.environ["WINNOW_EMBEDDED"] = "1"
    if services and not (_given("DATABASE_URL") and _given("BROKER_URL")):
        from config.services import ServiceError, ensure_env

        try:
            ensure_env()
        except ServiceError as error:
            sys.exit(f"winnow: {error}")


def _given(name: str) -> bool:
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


def read_dotenv(path: Path) -> None:
    """Set variables from a file of `NAME=value` lines; what the environment already has wins."""
    if not path.is_file():
        return
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        name = name.removeprefix("export ").strip()
        if not equals or not name.replace("_", "").isalnum():
            sys.exit(f"winnow: line {number} of .env is not NAME=value: {text[:40]!r}")
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        os.environ.setdefault(name, value)
