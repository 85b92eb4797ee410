"""Pages by keyset: `after` says where the last page ended, so nothing is seen twice and nothing is left out."""

import base64
import json
from collections.abc import Callable
from typing import Any

from django.db.models import Q, QuerySet

from config.faults import Fault

LIMIT, MOST = 50, 500


def pack(values: list[Any]) -> str:
    raw = json.dumps(values, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def unpack(text: str, kinds: tuple[type, ...]) -> list[Any]:
    """Raises `Fault` api.bad_cursor for what `pack` did not make."""
    try:
        raw = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        values = json.loads(raw)
    except (ValueError, RecursionError):
        raise Fault("api.bad_cursor", place="after") from None
    known = isinstance(values, list) and len(values) == len(kinds)
    if not known or not all(type(one) is kind for one, kind in zip(values, kinds, strict=True)):
        raise Fault("api.bad_cursor", place="after")
    if any(isinstance(one, int) and not -(2**63) <= one < 2**63 for one in values):
        raise Fault("api.bad_cursor", place="after")
    return values


def keyset(
    rows: "QuerySet[Any]", *, by: str, limit: int, after: str | None, show: Callable[[Any], Any], down: bool = False
) -> dict[str, Any]:
    """{"items", "next"}: up to `limit` rows in the order of one unique whole number `by`, made ready by `show`."""
    if after:
        place = unpack(after, (int,))[0]
        rows = rows.filter(Q(**{f"{by}__{'lt' if down else 'gt'}": place}))
    found = list(rows.order_by(f"-{by}" if down else by)[: limit + 1])
    more = len(found) > limit
    found = found[:limit]
    return {"items": [show(one) for one in found], "next": pack([getattr(found[-1], by)]) if more else None}
