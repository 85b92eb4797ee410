"""Settings from the environment. A value that cannot be read stops the start and says which one and why.

Every reader also accepts `NAME_FILE`, the path of a file that holds the value (for mounted secrets).
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}


def text(name: str, default: str = "") -> str:
    """The value of `name`, or the content of the file that `NAME_FILE` points to.

    Raises `ImproperlyConfigured` when both are set or the file cannot be read.
    """
    value, path = os.environ.get(name), os.environ.get(f"{name}_FILE")
    if path:
        if value:
            raise ImproperlyConfigured(f"{name} and {name}_FILE are both set. Keep one of them.")
        try:
            return Path(path).read_text("utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE={path} cannot be read: {error.strerror}.") from error
    return default if value is None or value == "" else value


def flag(name: str, default: bool = False) -> bool:
    value = text(name).strip().lower()
    if not value:
        return default
    if value in TRUE:
        return True
    if value in FALSE:
        return False
    raise ImproperlyConfigured(f"{name}={value} is neither yes nor no. Use 1 or 0.")


def number(name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
    """A whole number; `_` and the suffixes K, M, G (powers of 1024) are understood."""
    value = text(name).strip()
    if not value:
        return default
    scale = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}.get(value[-1].upper(), 1)
    try:
        result = int(value[:-1] if scale > 1 else value) * scale
    except ValueError:
        raise ImproperlyConfigured(f"{name}={value} is not a whole number.") from None
    if result < least or (most is not None and result > most):
        bounds = f"at least {least}" if most is None else f"between {least} and {most}"
        raise ImproperlyConfigured(f"{name}={value} is out of range: it must be {bounds}.")
    return result


def words(name: str, default: Sequence[str] = ()) -> list[str]:
    """A list separated by commas."""
    value = text(name)
    return [part.strip() for part in value.split(",") if part.strip()] if value else list(default)


def choice(name: str, default: str, allowed: Sequence[str]) -> str:
    value = text(name, default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{name}={value} is not known. Choose one of: {', '.join(allowed)}.")
    return value


def database(name: str = "DATABASE_URL") -> dict[str, Any]:
    """Django's settings for a `postgresql://user:password@host:port/name?option=value` address.

    Without one, the settings of no database: any query then fails and says what to do.
    """
    url = text(name)
    if not url:
        return {"ENGINE": "django.db.backends.postgresql", "NAME": "winnow", "HOST": "database-url-is-not-set.invalid"}
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ImproperlyConfigured(
            f"{name} begins with {parts.scheme or 'nothing'}://; Winnow needs PostgreSQL, "
            "for example postgresql://winnow:password@127.0.0.1:5432/winnow"
        )
    try:
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured(f"{name} has a port that is not a number.") from None
    if not parts.path.strip("/"):
        raise ImproperlyConfigured(f"{name} names no database. Add it at the end: …/winnow")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(port or ""),
        "OPTIONS": dict(parse_qsl(parts.query)),
    }
