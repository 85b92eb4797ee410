"""Pages by keyset: each begins after the last row of the one before, so that deep pages cost what the first one does.

The place stands in the address as an opaque word. It holds the order and the values of the row it lies at, and nothing
that a person could not ask for anyway; one that cannot be read is the first page.
"""

import base64
import binascii
import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from django.db import OperationalError, connection, transaction
from django.db.models import BigAutoField, Lookup, QuerySet
from psycopg.errors import QueryCanceled

from curation.models import Example, Task
from curation.table.asking import Asked
from curation.table.rows import PARTS, indexed, ordering
from curation.table.rows import rows as every_row

T = TypeVar("T")

PAGE = 50
EXACT = 10_000  # so many rows are counted; above, the planner's estimate is told
COUNT_MS = 50  # and no longer than this
PROBE_MS = 50  # so long the index of words or tags is asked first
# What is read here is mostly in memory, so what counts is how many rows a plan looks at, not how many pages.
IN_MEMORY = {"random_page_cost": "0.1", "seq_page_cost": "0.1"}
BY_INDEX = {"enable_seqscan": "off", "enable_indexscan": "off"}
PROBE = 20_000  # ids that the search table is asked for before the rows are read in their order
CHUNK = 1_000  # of them at a time


@BigAutoField.register_lookup
class AnyOf(Lookup):  # type: ignore[type-arg]
    """`= ANY(array)`: one parameter, where `IN` writes thousands of numbers into the statement."""

    lookup_name = "any"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        lhs, params = self.process_lhs(compiler, connection)
        return f"{lhs} = ANY(%s::bigint[])", (*params, list(self.rhs))


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
    """How many rows there are. `roughly` is said before the number where it is not exact."""

    value: int
    roughly: str = ""

    @property
    def exact(self) -> bool:
        return not self.roughly

    def __str__(self) -> str:
        return f"{self.roughly} {self.value:,}".strip()


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


@dataclass(frozen=True, slots=True)
class Found:
    """What a question found. `ids`: all that hold its words or tags, ascending, where they are few.

    `many`: they are too many to look at first; then the rows are read in their order and each is asked for them. The
    planner cannot choose between the two ways by itself, as it does not know how rare an unfinished word is; and
    reading a million rows in order for the one that matches takes seconds.
    """

    rows: QuerySet[Example]
    ids: list[int] | None = None
    many: bool = False
    like: QuerySet[Example] | None = None  # what the planner can estimate better


def look(task: Task, ask: Asked) -> Found:
    """Asks the index of words or tags first, for a bounded time."""
    asked = indexed(task, ask)
    if asked is None:
        return Found(every_row(task, ask))
    holding = asked.order_by().values_list("pk", flat=True)[: PROBE + 1]
    ids = settled(lambda: list(holding), PROBE_MS, BY_INDEX)
    if ids is None or len(ids) > PROBE:
        return Found(every_row(task, ask, each=True), many=True, like=every_row(task, ask.anywhere(PARTS)))
    return Found(every_row(task, replace(ask, text=""), each=True), sorted(ids))


def settled(work: Callable[[], T], ms: int = 0, settings: dict[str, str] | None = None) -> T | None:
    """What queries give under other settings of the database; None if one takes longer than `ms` milliseconds."""
    wanted = (settings or {}) | ({"statement_timeout": str(ms)} if ms else {})
    names, values = list(wanted), list(wanted.values())
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT array_agg(current_setting(n)), array_agg(set_config(n, v, true)) "
                "FROM unnest(%s::text[], %s::text[]) AS s(n, v)", [names, values],
            )  # fmt: skip
            usual = cursor.fetchone()[0]
            found = work()
            cursor.execute(
                "SELECT set_config(n, v, true) FROM unnest(%s::text[], %s::text[]) AS s(n, v)", [names, usual]
            )
            return found
    except OperationalError as error:
        if ms and isinstance(error.__cause__, QueryCanceled):
            return None
        raise


def page(found: Found, sort: str, place: Place | None, size: int = PAGE) -> Page:
    """The rows after (or before) a place, at most `size` of them."""
    back = place is not None and place.back
    rows = settled(lambda: _rows(found, sort, place, size + 1), settings=IN_MEMORY) or []
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


def _rows(found: Found, sort: str, place: Place | None, most: int) -> list[Example]:
    if found.ids is None:
        return _beyond(found.rows, ordering(sort), place, most)
    return _few(found.rows, found.ids, sort, place, most)


def _few(rows: QuerySet[Example], ids: list[int], sort: str, place: Place | None, most: int) -> list[Example]:
    """Up to `most` of the rows with these ids, beyond a place: as many of the ids as it takes, where they give the order."""
    order = ordering(sort)
    if len(order) > 1:
        return _beyond(rows.filter(pk__any=ids), order, place, most)
    down = order[0][1] != (place is not None and place.back)
    if place is not None:
        at = place.values[0]
        ids = ids[: bisect_left(ids, at)] if down else ids[bisect_right(ids, at) :]
    ids = ids[::-1] if down else ids
    found: list[Example] = []
    for start in range(0, len(ids), CHUNK):
        some = rows.filter(pk__any=ids[start : start + CHUNK]).order_by("-pk" if down else "pk")
        found += some[: most - len(found)]
        if len(found) == most:
            break
    return found


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


def count(found: Found) -> Number:
    """Exact up to `EXACT` rows; more, or rows that take long to count, are told by the planner's estimate."""
    rows = found.rows.order_by()
    if found.ids is not None:
        rows = rows.filter(pk__any=found.ids)
    number = None if found.many else settled(rows[: EXACT + 1].count, COUNT_MS)
    if number is not None and number <= EXACT:
        return Number(number)
    if number is None and found.ids is not None:
        return Number(len(found.ids), "at most")
    estimate = _estimate(rows if found.like is None else found.like)
    return Number(_rounded(max(estimate, 1 if number is None else EXACT)), "about")


def _estimate(found: QuerySet[Example]) -> int:
    plan = json.loads(found.values("pk").explain(format="json"))
    return int(plan[0]["Plan"]["Plan Rows"])


def _rounded(number: int) -> int:
    """Two figures: more would claim to know."""
    digits = len(str(number)) - 2
    return round(number, -digits) if digits > 0 else number
