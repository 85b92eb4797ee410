"""Pages by keyset: each begins after the last row of the one before, so that deep pages cost what the first one does.

The place stands in the address as an opaque word. It holds the order and the values of the row it lies at, and nothing
that a person could not ask for anyway; one that cannot be read is the first page.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from psycopg.errors import QueryCanceled

from curation.models import Example
from curation.table.rows import ordering

PAGE = 50
EXACT = 10_000  # so many rows are counted; above, the planner's estimate is told
COUNT_MS = 60  # and no longer than this
LIMIT = "SELECT set_config('statement_timeout', %s, true)"


@dataclass(frozen=True, slots=True)
class Place:
    """Before or after a row: the values of the order's fields there."""

    values: tuple[Any, ...]
    back: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in the order that was asked for; `before` and `after` are places, empty where nothing follows."""

    rows: list[Example]
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Number:
    """How many rows there are."""

    value: int
    exact: bool

    def __str__(self) -> str:
        return f"{self.value:,}" if self.exact else f"about {self.value:,}"


def write_place(sort: str, row: Example, *, back: bool) -> str:
    values = [_plain(getattr(row, name)) for name, _ in ordering(sort)]
    raw = json.dumps([sort, int(back), *values], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def read_place(text: str, sort: str) -> Place | None:
    """None: there is no place, or it is none of this order."""
    if not text or len(text) > 200:
        return None
    try:
        said = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        named, back, *values = said
        if named != sort or len(values) != len(ordering(sort)):
            return None
        return Place(tuple(map(_value, (name for name, _ in ordering(sort)), values)), bool(back))
    except (ValueError, TypeError, binascii.Error):
        return None


def _value(name: str, raw: Any) -> Any:
    if name == "changed_at":
        at = datetime.fromisoformat(raw)
        if at.tzinfo is None:
            raise ValueError("a time without its zone")
        return at
    if name == "priority":
        return float(raw)
    if not isinstance(raw, int) or not 0 <= raw < 1 << 63:
        raise ValueError("no number of an example")
    return raw


def page(found: QuerySet[Example], sort: str, place: Place | None, size: int = PAGE) -> Page:
    """The rows after (or before) a place, at most `size` of them."""
    back = place is not None and place.back
    rows = _beyond(found, ordering(sort), place, size + 1)
    more, rows = len(rows) > size, rows[:size]
    if not rows:
        return Page([])
    if back:
        rows.reverse()
    # Whence somebody came, there are rows, or were until a moment ago.
    earlier, later = (more, True) if back else (place is not None, more)
    return Page(
        rows,
        before=write_place(sort, rows[0], back=True) if earlier else "",
        after=write_place(sort, rows[-1], back=False) if later else "",
    )


def _beyond(found: QuerySet[Example], order: list[tuple[str, bool]], place: Place | None, most: int) -> list[Example]:
    """Up to `most` rows beyond a place, nearest first.

    With two fields the rows of the same first value come first, then those beyond it: two walks along the index, where
    one with OR would begin at the first row of that value.
    """
    back = place is not None and place.back
    names = [f"{'-' if down != back else ''}{name}" for name, down in order]
    ordered = found.order_by(*names)
    if place is None:
        return list(ordered[:most])
    rows: list[Example] = []
    for at in reversed(range(len(order))):
        same = {name: value for (name, _), value in zip(order[:at], place.values[:at], strict=True)}
        name, down = order[at]
        beyond = {f"{name}__{'lt' if down != back else 'gt'}": place.values[at]}
        rows += ordered.filter(**same, **beyond)[: most - len(rows)]
        if len(rows) == most:
            break
    return rows


# --- how many ---


def count(found: QuerySet[Example]) -> Number:
    """Exact up to `EXACT` rows; more, or rows that take long to count, are told by the planner's estimate."""
    least = 1
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('statement_timeout')")
            usual = cursor.fetchone()[0]
            cursor.execute(LIMIT, [str(COUNT_MS)])
            number = found.order_by()[: EXACT + 1].count()
            cursor.execute(LIMIT, [usual])
        if number <= EXACT:
            return Number(number, True)
        least = EXACT
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
    return Number(_rounded(max(_estimate(found), least)), False)


def _estimate(found: QuerySet[Example]) -> int:
    plan = json.loads(found.order_by().values("pk").explain(format="json"))
    return int(plan[0]["Plan"]["Plan Rows"])


def _rounded(number: int) -> int:
    """Two figures: more would claim to know."""
    digits = len(str(number)) - 2
    return round(number, -digits) if digits > 0 else number
