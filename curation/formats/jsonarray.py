"""JSON files: a list of objects, an object that wraps one, or objects one after the other.

The text is cut into elements without being parsed as a whole: brackets and strings are followed by a scanner that
holds at most one element, then each element is parsed alone. So memory does not grow with the file, and a broken
element costs that element only.
"""

import re
from collections.abc import Iterator
from typing import Any

import orjson

from curation.content.jsontext import loads
from curation.formats import jsonl
from curation.formats.base import Batch, Limits
from curation.formats.building import Builder
from curation.formats.streams import TooLong, Unpacked

# The names under which a list of rows is wrapped in an object.
WRAPPERS = frozenset(
    [
        *("data", "rows", "examples", "instances", "items", "records", "samples", "entries"),
        *("train", "test", "validation", "valid", "dev"),
    ]
)
_HEADER_BYTES = 4 * 2**20
_SPACE = re.compile(rb"[ \t\r\n]*+")
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_INSIDE = re.compile(rb'(?:[^"{}\[\]]++|' + _STRING + rb")*+", re.DOTALL)
_FLAT = re.compile(rb'(?:[^"{}\[\],:]++|' + _STRING + rb")*+", re.DOTALL)
_QUOTE = re.compile(rb'["\\]')
_DEPTH = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}
_NOTHING = {orjson.dumps(name) + b":[]" for name in WRAPPERS}


class Scanner:
    """Walks over JSON text in a stream. `line` is the line (from 1) at the place reached."""

    def __init__(self, stream: Unpacked, max_bytes: int) -> None:
        self.stream, self.max_bytes = stream, max_bytes
        self.held, self.at, self.line, self.ended = b"", 0, 1, False
        self.closed = True  # whether the object that was walked over last had an end
        self._more()
        if self.held.startswith(b"\xef\xbb\xbf"):
            self.at = 3

    def _more(self) -> bool:
        """Reads on, dropping what lies behind `at`. False at the end."""
        chunk = b"" if self.ended else self.stream.read()
        self.ended = not chunk
        if chunk:
            self.held = self.held[self.at :] + chunk
            self.at = 0
        return bool(chunk)

    def _go(self, place: int) -> None:
        self.line += self.held.count(b"\n", self.at, place)
        self.at = place

    def peek(self) -> bytes:
        """The next byte that is no space, not taken; empty at the end."""
        while True:
            found = _SPACE.match(self.held, self.at)
            self._go(found.end() if found else self.at)
            if self.at < len(self.held):
                return self.held[self.at : self.at + 1]
            if not self._more():
                return b""

    def skip(self) -> None:
        """Past the byte that was peeked at."""
        self._go(self.at + 1)

    def opens_rows(self) -> bool:
        """Whether a list of objects begins here."""
        if self.peek() != b"[":
            return False
        while True:
            found = _SPACE.match(self.held, self.at + 1)
            place = found.end() if found else len(self.held)
            if place < len(self.held) or not self._more():
                return self.held[place : place + 1] == b"{"

    def piece(self, stops: bytes) -> bytes | TooLong:
        """The text up to one of `stops`, or a closing bracket, outside strings and brackets; the stop stays.

        At the end of the text, what is left. Over `max_bytes` only the beginning is kept.
        """
        place, depth, quoted, head = self.at, 0, False, b""
        while True:
            if quoted:
                place, quoted = self._through_string(place)
            else:
                found = (_INSIDE if depth else _FLAT).match(self.held, place)
                place = found.end() if found else place
                byte = self.held[place : place + 1]
                if byte and depth == 0 and (byte in stops or byte in b"]}"):
                    break
                depth += _DEPTH.get(byte, 0)
                quoted = byte == b'"'  # a string that goes on behind what is held
                place += 1 if byte else 0
            if place >= len(self.held):
                if not head and place - self.at > self.max_bytes:
                    head = self.held[self.at : self.at + 1000]
                if head:
                    self._go(min(place, len(self.held)))
                done = place - self.at
                if not self._more():
                    place = len(self.held)
                    break
                place = self.at + done
        text = self.held[self.at : place]
        self._go(place)
        return TooLong(head or text[:1000]) if head or len(text) > self.max_bytes else text

    def _through_string(self, place: int) -> tuple[int, bool]:
        """From inside a string to behind its end; whether it still goes on behind what is held."""
        while place < len(self.held):
            found = _QUOTE.search(self.held, place)
            if found is None:
                return len(self.held), True
            if found[0] == b'"':
                return found.end(), False
            place = found.end() + 1  # an escaped character, which may lie behind what is held
        return place, True


def read(stream: Unpacked, limits: Limits, builder: Builder, facts: dict[str, Any]) -> Iterator[Batch]:
    """Batches of the rows of a JSON text. `facts` are the fields of a task file (see `natural`), else empty."""
    scanner = Scanner(stream, limits.max_line_bytes)
    while byte := scanner.peek():
        if byte == b"[":
            yield from _elements(scanner, builder, facts)
        elif byte == b"{":
            yield from _wrapper(scanner, builder, facts)
        else:
            line = scanner.line
            _take(builder, line, scanner.piece(b",[{"), {})
            if scanner.peek() in (b",", b"]", b"}"):
                scanner.skip()
        if builder.full:
            yield builder.flush()
    yield builder.flush()


def header(stream: Unpacked, limits: Limits) -> dict[str, Any]:
    """The small fields of a JSON object, its lists of rows left out."""
    scanner = Scanner(stream, limits.max_line_bytes)
    found: dict[str, Any] = {}
    if scanner.peek() == b"{":
        scanner.skip()
        for name in _fields(scanner):
            value = _value(scanner.piece(b","))
            if name not in WRAPPERS and name.lower() not in WRAPPERS:
                found[name] = value
    return found


def _fields(scanner: Scanner) -> Iterator[str]:
    """The field names of an object; the caller takes each value before the next name is read."""
    while (byte := scanner.peek()) not in (b"}", b""):
        if byte == b",":
            scanner.skip()
            continue
        name = _value(scanner.piece(b":,"))
        if scanner.peek() == b":":
            scanner.skip()
            scanner.peek()
            yield name if isinstance(name, str) else ""
        elif scanner.peek() == b"]":
            scanner.skip()
    scanner.closed = byte == b"}"
    scanner.skip()


def _elements(scanner: Scanner, builder: Builder, facts: dict[str, Any]) -> Iterator[Batch]:
    """The elements of a list, from its opening bracket to behind its closing one."""
    opened = scanner.line
    scanner.skip()
    while (byte := scanner.peek()) != b"]":
        if byte == b"":
            builder.refuse(opened, "bad_json", "opens a list that is never closed: the file ends in it", b"")
            return
        if byte in (b",", b"}"):  # a bracket too many: the element before was refused for it
            scanner.skip()
            continue
        line = scanner.line
        _take(builder, line, scanner.piece(b","), facts)
        if builder.full:
            yield builder.flush()
    scanner.skip()


def _wrapper(scanner: Scanner, builder: Builder, facts: dict[str, Any]) -> Iterator[Batch]:
    """The rows of the lists in an object; without such a list the object itself is one row."""
    line = scanner.line
    scanner.skip()
    kept: list[bytes] = []
    size, wraps = 0, False
    for name in _fields(scanner):
        if name.lower() in WRAPPERS and scanner.opens_rows():
            wraps = True
            yield from _elements(scanner, builder, facts)
            continue
        raw = scanner.piece(b",")
        size += len(raw) if isinstance(raw, bytes) else scanner.max_bytes + 1
        if size <= scanner.max_bytes:
            kept.append(orjson.dumps(name) + b":" + (raw if isinstance(raw, bytes) else b""))
    if not scanner.closed:
        reason = "opens an object that is never closed: the file ends in it"
        builder.refuse(line, "bad_json", reason, b"" if wraps else b"{" + b",".join(kept)[:1000])
        return
    if wraps or all(field.rstrip() in _NOTHING for field in kept):
        return
    text = b"{" + b",".join(kept) + b"}"
    _take(builder, line, text if size <= scanner.max_bytes else TooLong(text[:1000]), {})


def _take(builder: Builder, line: int, piece: bytes | TooLong, facts: dict[str, Any]) -> None:
    if isinstance(piece, TooLong):
        reason = f"is longer than {builder.limits.max_line_bytes:,} bytes"
        builder.refuse(line, "too_long", reason, piece.head)
    else:
        jsonl.parse(builder, line, piece.rstrip(), facts)


def _value(raw: bytes | TooLong) -> Any:
    """A small value, or None where it is not JSON or too long."""
    try:
        return loads(raw) if isinstance(raw, bytes) else None
    except ValueError:
        return None
