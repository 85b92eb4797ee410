"""Examples that come into a task, one or a million: one COPY, one transaction, keys that stay unique."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

import orjson
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from psycopg.errors import UniqueViolation

from curation.actions.slots import look_again
from curation.content import Content, ContentError, dump, key_of, render
from curation.keys import KeyLedger
from curation.models import Example, ExampleImport, Task, User
from curation.queueing import slot_order, wanted_for

BATCH = 5_000
KEPT = 1_000  # ids and known keys told to the caller
KEY_CHARS = 240  # of the 255 of the column; the rest is for `~2`
TRIES = 5
INLINE_SEARCH = 500  # so few examples are findable at once; more are left to the job

EXAMPLE_COLUMNS = (
    "id", "key", "content", "wanted", "priority", "gold", "gold_only", "suggestion", "answer", "tags", "source", "lineage",
    "chars", "state", "accepted_at", "accepted_by_id",
    "task_id", "origin", "incoming_id", "revision", "done", "why_now", "created_at", "changed_at",
)  # fmt: skip
SLOT_COLUMNS = ("example_id", "task_id", "number", "order", "state", "gold")


@dataclass(slots=True)
class NewExample:
    """One example to come. `suggestion` is {answer, by, score}; `answer` is an accepted one, so nobody is asked.

    `key` empty: the key of the content. `gold_only`: it measures annotators and is not itself annotated.
    """

    content: Content
    key: str = ""
    source: str = ""
    lineage: dict[str, Any] = field(default_factory=dict)
    suggestion: dict[str, Any] | None = None
    gold: dict[str, Any] | None = None
    answer: dict[str, Any] | None = None
    tags: Sequence[str] = ()
    priority: float = 0.0
    gold_only: bool = False


@dataclass(slots=True)
class Added:
    """What `add_examples` did. `known`: rows whose key the task had; they were left as they are.

    `ids` and `known_keys` name up to 1,000 of each.
    """

    good: int = 0
    known: int = 0
    ids: list[int] = field(default_factory=list)
    known_keys: list[str] = field(default_factory=list)


@transaction.atomic
def add_examples(
    *, task: Task, rows: Iterable[NewExample], by: User | None, origin: Example.Origin | str,
    incoming: ExampleImport | None = None,
) -> Added:  # fmt: skip
    """Add examples with the slots that they want, all or none. Memory: a batch of 5,000.

    A key that comes twice in one call gets `~2`, `~3`; a key that the task has is counted as known. Two calls at the
    same time meet at the unique key of an example: the later one finds what the earlier one committed.
    Raises `ContentError` for text that cannot be stored.
    """
    adding = _Adding(task, by, str(origin), incoming, timezone.now())
    walk = iter(rows)
    with KeyLedger() as ledger:
        while batch := list(islice(walk, BATCH)):
            given = [_key(one) for one in batch]
            adding.take(batch, ledger.claim(given))
    if adding.added.good:
        if task.order != Task.Order.FIRST_COME:
            look_again([task.pk])
        _follow(task, adding.added)
    return adding.added


def _follow(task: Task, added: Added) -> None:
    """Make the examples findable: a few at once, many by a job."""
    from curation import searching

    if added.good <= INLINE_SEARCH:
        searching.refresh(added.ids)
    else:
        transaction.on_commit(lambda: searching.start(task), robust=True)


class _Adding:
    """One call: what is the same for all its rows, and the batches."""

    def __init__(self, task: Task, by: User | None, origin: str, incoming: ExampleImport | None, now: datetime) -> None:
        self.task, self.added = task, Added()
        self.by = by.pk if by else None
        self.now = now.isoformat()
        self.tail = (
            task.pk, origin, incoming.pk if incoming else None, 1, 0, "", self.now, self.now
        )  # fmt: skip

    def take(self, batch: Sequence[NewExample], keys: Sequence[str]) -> None:
        for attempt in range(TRIES):
            known = self._known(keys)
            fresh = [(key, one) for key, one in zip(keys, batch, strict=True) if key not in known]
            try:
                with transaction.atomic(), connection.wrap_database_errors:
                    ids = self._copy(fresh)
                break
            except IntegrityError as error:  # another call committed one of these keys since we looked
                if attempt == TRIES - 1 or not isinstance(error.__cause__, UniqueViolation):
                    raise
        self.added.good += len(fresh)
        self.added.known += len(known)
        self.added.ids += ids[: KEPT - len(self.added.ids)]
        if known:
            more = [key for key in keys if key in known]
            self.added.known_keys += more[: KEPT - len(self.added.known_keys)]

    def _known(self, keys: Sequence[str]) -> set[str]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT key FROM curation_example WHERE task_id = %s AND key = ANY(%s)", [self.task.pk, list(keys)]
            )
            return {key for (key,) in cursor.fetchall()}

    def _copy(self, fresh: Sequence[tuple[str, NewExample]]) -> list[int]:
        if not fresh:
            return []
        task, order, pk = self.task, self.task.order, self.task.pk
        with connection.cursor() as cursor:
            ids = _reserve(cursor, len(fresh))
            slots = []
            with cursor.copy(_statement("curation_example", EXAMPLE_COLUMNS)) as copy:
                for example_id, (key, one) in zip(ids, fresh, strict=True):
                    wanted = wanted_for(task, key)
                    copy.write_row((example_id, key, *self._row(one, wanted), *self.tail))
                    if one.answer is None and not one.gold_only:
                        place = slot_order(order, pk, example_id, key, one.priority)
                        slots += [(example_id, pk, number, place, "free", "f") for number in range(1, wanted + 1)]
            with cursor.copy(_statement("curation_slot", SLOT_COLUMNS)) as copy:
                for slot in slots:
                    copy.write_row(slot)
        return ids

    def _row(self, one: NewExample, wanted: int) -> tuple[Any, ...]:
        accepted = one.answer is not None
        return (
            _json(dump(one.content)), wanted, one.priority, _json(one.gold), "t" if one.gold_only else "f",
            _json(one.suggestion), _json(one.answer), _array(one.tags), _text(one.source[:255]),
            _json(one.lineage), len(render(one.content, "text")), "accepted" if accepted else "open",
            self.now if accepted else None, self.by if accepted else None,
        )  # fmt: skip


def _statement(table: str, columns: Sequence[str]) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    return f"COPY {table} ({names}) FROM STDIN"


def _reserve(cursor: Any, count: int) -> list[int]:
    """Ids of the examples to come, ascending."""
    cursor.execute(
        "SELECT nextval(pg_get_serial_sequence('curation_example', 'id')) FROM generate_series(1, %s)", [count]
    )
    return sorted(pk for (pk,) in cursor.fetchall())


def _key(one: NewExample) -> str:
    """The id that came with it, else the key of its content.

    A very long id is cut, and a hash of all of it keeps it apart from others that begin alike.
    """
    try:
        if not one.key:
            return key_of(one.content)
        digest = hashlib.blake2b(_text(one.key).encode(), digest_size=16)
    except UnicodeEncodeError:
        raise ContentError("text", "holds half a character (a lone surrogate), which cannot be stored") from None
    return one.key if len(one.key) <= KEY_CHARS else f"{one.key[:200]}#{digest.hexdigest()}"


def _json(value: dict[str, Any] | None) -> str | None:
    if value is None:
        return None
    try:
        text = orjson.dumps(value).decode()
    except TypeError as error:  # a lone surrogate, or a number beyond 64 bits
        raise ContentError("text", f"holds something that cannot be stored: {error}") from None
    # What looks like a NUL may be a backslash before "u0000", so only then is it worth a closer look.
    if "\\u0000" in text and "\0" in "".join(_texts(value)):
        raise ContentError("text", "holds a NUL character, which cannot be stored")
    return text


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield str(name)
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def _text(value: str) -> str:
    if "\0" in value:
        raise ContentError("text", "holds a NUL character, which cannot be stored")
    return value


def _array(tags: Sequence[str]) -> str:
    """Tags as PostgreSQL writes an array."""
    if not tags:
        return "{}"
    quoted = (_text(tag)[:60].replace("\\", "\\\\").replace('"', '\\"') for tag in tags)
    return "{" + ",".join(f'"{tag}"' for tag in quoted) + "}"
