"""Secrets at rest: sealed under a list of keys of their own (`WINNOW_KEYS`), apart from SECRET_KEY.

The first key seals, every key of the list unseals. To change keys: put the new one in front, run
`manage.py rotate_secrets`, then take the old one away.
"""

from collections.abc import Callable
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models, transaction

from config.faults import Fault, Text, register

register(
    {
        "crypto.no_key": Text(
            "This installation has no key for secrets",
            "WINNOW_KEYS is {why}, so nothing secret can be kept or read.",
            "Set WINNOW_KEYS or WINNOW_KEYS_FILE to a key that `manage.py rotate_secrets --new-key` prints.",
            status=500,
        ),
        "crypto.unreadable": Text(
            "A secret cannot be read",
            "{what} was sealed under a key that is not in WINNOW_KEYS any more.",
            "Put the old key back at the end of WINNOW_KEYS, or enter the secret anew.",
        ),
    }
)

# Every place that keeps sealed texts: a function that seals them all anew and says how many. Filled by the apps.
KEEPERS: list[tuple[str, Callable[[], int]]] = []


def new_key() -> str:
    """A key for `WINNOW_KEYS`: 32 random bytes, url-safe base64."""
    return Fernet.generate_key().decode()


def wrong_keys(keys: list[str]) -> list[int]:
    """The places (from 1) of the keys that are none."""
    wrong = []
    for place, key in enumerate(keys, 1):
        try:
            Fernet(key)
        except ValueError:
            wrong.append(place)
    return wrong


def seal(text: str) -> str:
    """The text as it may be stored. Raises `Fault` crypto.no_key."""
    return _box().encrypt(text.encode()).decode()


def unseal(sealed: str, what: str = "A secret") -> str:
    """What `seal` was given. Raises `Fault` crypto.unreadable (the key is gone, or the text was changed) or no_key."""
    try:
        return _box().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise Fault("crypto.unreadable", what=what) from None


def rotate(sealed: str, what: str = "A secret") -> str:
    """The same secret under the first key. Raises like `unseal`."""
    try:
        return _box().rotate(sealed.encode()).decode()
    except InvalidToken:
        raise Fault("crypto.unreadable", what=what) from None


def keeps(label: str, model: type[models.Model], field: str, what: Callable[[Any], str]) -> None:
    """Make known that a field keeps sealed texts ("" for none). `what` names a row's secret where it cannot be read."""

    @transaction.atomic
    def anew() -> int:
        held = model._default_manager.exclude(**{field: ""}).select_for_update(no_key=True).order_by("pk")
        rows = list(held)
        for row in rows:
            setattr(row, field, rotate(getattr(row, field), what(row)))
        model._default_manager.bulk_update(rows, [field], batch_size=500)
        return len(rows)

    KEEPERS.append((label, anew))


def _box() -> MultiFernet:
    keys = settings.WINNOW_KEYS
    if not keys:
        raise Fault("crypto.no_key", why="not set")
    if wrong_keys(keys):
        raise Fault("crypto.no_key", why="not a list of keys")
    return MultiFernet([Fernet(key) for key in keys])
