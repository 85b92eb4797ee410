"""The words of an answer form: fields, forms, and what can be wrong with either."""

import re
from collections import abc
from dataclasses import dataclass, field
from typing import Any, Literal, TypeGuard

MAX_CHARS = 1_000_000  # characters of one text, as in curation.content
MAX_FIELDS = 40
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
ROLES = ("output", "preference", "meta")
# A posted text that could not be read is kept under this key, so that the person can mend it: {"$raw": "[1, 2"}.
RAW = "$raw"

Role = Literal["output", "preference", "meta"]


class FormError(ValueError):
    """A form that cannot be used: the place in it (`fields[2].options.min`), and why, completing "The place … "."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"{place} {why}")
        self.place, self.why = place, why


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with the answer to one field, and how to mend it; both are sentences."""

    field: str
    why: str
    do: str

    def __str__(self) -> str:
        return f"{self.why} {self.do}"


@dataclass(frozen=True, slots=True)
class Field:
    """One question. `options` are those of its kind, complete and checked once the form is loaded."""

    name: str
    kind: str
    title: str
    role: Role = "output"
    help: str = ""
    required: bool = True
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Form:
    """The fields in the order in which they are asked."""

    fields: tuple[Field, ...] = ()

    def __iter__(self) -> abc.Iterator[Field]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def get(self, name: str) -> Field | None:
        return next((one for one in self.fields if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Widget:
    """What the template of one kind needs: names and ids of the inputs, the value, and what is wrong with it."""

    field: Field
    name: str  # of the inputs: prefix + field name
    value: Any
    data: dict[str, Any]
    problems: tuple[Problem, ...] = ()
    keys: bool = False  # the first of its kind: number keys choose

    @property
    def id(self) -> str:
        return f"id_{self.name}"

    @property
    def template(self) -> str:
        return f"components/answers/_{self.field.kind}.html"

    @property
    def described(self) -> str:
        """Ids for aria-describedby: the help and the error, where there are any."""
        ids = [f"{self.id}_help"] * bool(self.field.help) + [f"{self.id}_error"] * bool(self.problems)
        return " ".join(ids)


@dataclass(frozen=True, slots=True)
class Shown:
    """One answered field as it is read."""

    field: Field
    empty: bool
    data: dict[str, Any]
    text: str

    @property
    def look(self) -> str:
        return str(self.data.get("look", "text"))


class Posted:
    """The inputs of one field as they came: lists of texts by name. Line ends of browsers become line feeds."""

    def __init__(self, posted: abc.Mapping[str, Any], name: str) -> None:
        self.posted, self.name = posted, name

    def all(self, suffix: str = "") -> list[str]:
        getter = getattr(self.posted, "getlist", None)
        found = getter(self.name + suffix) if getter else self.posted.get(self.name + suffix, [])
        found = [found] if isinstance(found, str) else found
        return [line_feeds(one) for one in found or () if isinstance(one, str)]

    def one(self, suffix: str = "") -> str | None:
        """The last of that name; None where the input was not in the form at all."""
        found = self.all(suffix)
        return found[-1] if found else None

    def below(self, mark: str) -> list[str]:
        """What follows `name + mark` in the names that were posted, each once, in their order."""
        start = self.name + mark
        return list(dict.fromkeys(key[len(start) :] for key in self.posted if key.startswith(start)))


def line_feeds(text: str) -> str:
    """Browsers send every line end as carriage return and line feed."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def raw(text: str) -> dict[str, str]:
    return {RAW: text}


def is_raw(value: Any) -> TypeGuard[dict[str, str]]:
    return isinstance(value, dict) and set(value) == {RAW} and isinstance(value[RAW], str)
