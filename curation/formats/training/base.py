"""What a training format is: how one record becomes a row of a file, and how it comes back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Protocol

from curation.content import Content

Json = dict[str, Any]


class Unfit(ValueError):
    """A record that a format cannot hold, or a row that is none of it: the field, and why, after its name."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field} {why}")
        self.field, self.why = field, why


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a dataset on its way out or in.

    `chosen` and `rejected` are two answers to the same prompt, of which people or a judge took the first (None: it is
    no preference). `desirable`: whether the answer is one to learn (KTO); None where nobody said. `tools`: schemas of
    the tools that a chat may call. `beside` goes along as further columns. `turns`: where a format takes texts or lists
    of messages, write messages, as the other rows of the file need them.
    """

    key: str = ""
    content: Content = field(default_factory=lambda: Content("single"))
    chosen: str | None = None
    rejected: str | None = None
    desirable: bool | None = None
    tools: tuple[Json, ...] = ()
    beside: Mapping[str, Any] = field(default_factory=dict)
    turns: bool = False


Outputs = Literal["first", "each"]


class Format(Protocol):
    """One training format. Rows of JSON Lines unless `whole` names what else the file is."""

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]  # one sentence: who reads it
    suffix: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]  # its own, in order; everything else is beside

    def write(self, record: Record) -> Json:
        """The row. Raises `Unfit` for a record that this format cannot hold without loss of an answer."""
        ...

    def read(self, row: Mapping[str, Any]) -> Record:
        """The record of a row. Raises `Unfit` with the place. `write(read(row)) == row` for rows that `write` made."""
        ...


def alternatives(record: Record, outputs: Outputs) -> Iterator[Record]:
    """The record once for each of its answers ("each"; keys get `#2`, `#3`), or with its first one."""
    content = record.content
    if content.kind == "chat" or len(content.outputs) < 2:
        yield record
        return
    for number, text in enumerate(content.outputs if outputs == "each" else content.outputs[:1], 1):
        key = record.key if number == 1 else f"{record.key}#{number}"
        yield replace(record, key=key, content=replace(content, outputs=(text,)))


def text_of(row: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A text field. Raises `Unfit` where it is missing without a default, or is no text. None counts as missing."""
    value = row.get(name)
    if value is None:
        if default is None:
            raise Unfit(name, "is missing")
        return default
    if not isinstance(value, str):
        raise Unfit(name, "must be text")
    return value


def list_of(row: Mapping[str, Any], name: str) -> Sequence[Any]:
    value = row.get(name)
    if not isinstance(value, list):
        raise Unfit(name, "must be a list" if name in row else "is missing")
    return value


def rest_of(row: Mapping[str, Any], *known: str) -> Json:
    """What goes beside: the fields that a format does not know."""
    return {name: value for name, value in row.items() if name not in known}


def answer_of(record: Record) -> str:
    """The one answer of a single row. Raises `Unfit` for none or several."""
    found = record.content.outputs
    if len(found) != 1:
        raise Unfit("outputs", "hold no answer to learn from" if not found else "hold several answers; export each")
    return found[0]
