"""What a row of instruction data is: one instruction with its outputs, or a chat."""

import hashlib
import re
from collections import abc
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any, Literal

from curation.content import jsontext

MAX_CHARS = 1_000_000  # characters of one field
MAX_MESSAGES = 10_000  # turns of one chat
MAX_ID_CHARS = 512
# Raised when a view renders differently, so that features made from the old text are not used again.
RENDERING = 1

_STEP = re.compile(r"([^.\[\]]+)|\[(-?\d+)\]")
_PATH = re.compile(r"[^.\[\]]+(?:\[-?\d+\])*(?:\.[^.\[\]]+(?:\[-?\d+\])*)*")


class ContentError(ValueError):
    """A row that cannot be read: which field, and why, in words that complete "The field … "."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field} {why}")
        self.field, self.why = field, why


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `extra` keeps what it carries besides text: tool calls, names, parts that are not text."""

    role: str
    text: str
    extra: abc.Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What a row says, whatever its columns were called.

    `single`: instruction, input and any number of outputs (several are alternatives). Free text is an input
    alone.
    `chat`: messages in order. A first system turn is held in `system`, not in `messages`.
    """

    kind: Literal["single", "chat"]
    instruction: str = ""
    input: str = ""
    outputs: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()
    system: str = ""


@dataclass(frozen=True, slots=True)
class Mapping:
    """Which column, or JSON path such as `turns[0].value`, holds which part of a row. Empty = not there.

    A column whose name is exactly the path wins over the path: names with dots or brackets need no escaping.
    """

    instruction: str = ""
    input: str = ""
    output: str = ""
    messages: str = ""
    system: str = ""
    text: str = ""
    source: str = ""
    id: str = ""

    @classmethod
    def from_dict(cls, raw: abc.Mapping[str, Any]) -> "Mapping":
        """Raises `ContentError` for an unknown part or a value that is not text. None counts as empty."""
        known = {field.name for field in fields(cls)}
        for name, path in raw.items():
            if name not in known:
                parts = ", ".join(sorted(known))
                raise ContentError(str(name), f"is not a part of a row; the parts are {parts}")
            if path is not None and not isinstance(path, str):
                raise ContentError(name, "must name a column or a path")
        return cls(**{name: path or "" for name, path in raw.items()})

    def to_dict(self) -> dict[str, str]:
        """Only the parts that are mapped."""
        return {name: path for name, path in asdict(self).items() if path}

    def sha(self) -> str:
        """blake2b-128 (32 hex digits) of the mapping and of the version of the views."""
        text = jsontext.canonical({"rendering": RENDERING, "mapping": self.to_dict()})
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def check(self) -> None:
        """Raises `ContentError` unless the mapping names something to read."""
        if not (self.instruction or self.input or self.messages or self.text):
            raise ContentError("mapping", "names no column for the instruction, input, messages or text")


class Missing:
    """The type of `MISSING`: a path that leads nowhere, which is not the same as an empty text."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()


@lru_cache(maxsize=1024)
def steps(path: str) -> tuple[str | int, ...]:
    """`a.b[0].c` as ("a", "b", 0, "c"). Text that is no path is one step: the name of a column."""
    if not _PATH.fullmatch(path):
        return (path,)
    return tuple(int(match[2]) if match[2] else match[1] for match in _STEP.finditer(path))


def lookup(row: abc.Mapping[str, Any], path: str) -> Any:
    """The value at `path`, or `MISSING`. A text met on the way is opened as JSON, as in a CSV cell."""
    if path in row:
        return row[path]
    value: Any = row
    for step in steps(path):
        if isinstance(value, str) and value[:1] in "[{":
            try:
                value = jsontext.loads(value)
            except ValueError:
                return MISSING
        if isinstance(step, str):
            if not isinstance(value, abc.Mapping) or step not in value:
                return MISSING
            value = value[step]
        elif isinstance(value, list | tuple) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return MISSING
    return value


def root(path: str, columns: abc.Container[str]) -> str:
    """The column in which `path` begins."""
    first = steps(path)[0]
    return path if path in columns or not isinstance(first, str) else first
