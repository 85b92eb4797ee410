"""What a deed on many examples is: whom it applies to, what it changes, and how that is taken back."""

import json
from datetime import datetime
from typing import Any

from django.db import connection

from curation.models import Task, User

Before = dict[str, Any]


class Deed:
    """One deed. Its `do` gets ids of locked examples and returns what stood there before, as JSON.

    `Before["was"]` is a list of [example id, …]; `undo` gets it back and returns the ids that it restored.
    """

    name = ""
    title = ""  # on the button
    did = ""  # after the number: "12 examples …"
    event = ""  # kind of the ExampleEvent

    def read(self, text: str) -> Any:
        """The value that was typed. Raises ValueError, in words for the person."""
        return None

    def facts(self, value: Any) -> dict[str, Any]:
        return {}

    def said(self, value: Any) -> str:
        """What was done, after the number of examples."""
        return self.did

    def ids(self, before: Before) -> list[int]:
        return [row[0] for row in before.get("was", [])]

    def do(self, task: Task, by: User, ids: list[int], value: Any, now: datetime) -> Before:
        raise NotImplementedError

    def undo(self, task: Task, by: User, before: Before, value: Any, now: datetime) -> list[int]:
        raise NotImplementedError

    def follow(self, ids: list[int]) -> None:
        """What else must know of it: search and neighbours, where the content or the state changed."""


def fetch(sql: str, values: dict[str, Any]) -> list[list[Any]]:
    """Rows as lists. JSON columns must be cast to text or read with `parsed`."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [list(row) for row in cursor.fetchall()] if cursor.description else []


def parsed(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str | bytes) else value


def first(rows: list[list[Any]]) -> list[int]:
    return [row[0] for row in rows]


def column(rows: list[list[Any]], at: int) -> list[Any]:
    return [row[at] for row in rows]
