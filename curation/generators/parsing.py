"""Reading what models write: JSON with the usual blemishes, lists, labels, yes and no.

Whatever cannot be read raises `Unreadable`: there is no value that stands for "could not be read".
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

MAX_CHARS = 400_000
MAX_DEPTH = 60
TRIES = 20  # places at which JSON may begin

_THINK = re.compile(r"<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_OPEN_THINK = re.compile(r"<(think|thinking|reasoning)>", re.IGNORECASE)
_CLOSE_THINK = re.compile(r"\A.*?</(think|thinking|reasoning)>", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"```[\w+-]*[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_RUN = re.compile(r'[^"\\]+')
_BLANK = re.compile(r"(?:\s|//[^\n]*(?:\n|\Z))*")
_ITEM = re.compile(r"^[ \t]*(?:\(?\d{1,3}[.)\]:]|[-*•])[ \t]+(.*)$")
_CJK = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Unreadable(ValueError):
    """An answer that cannot be read: why, in words that stand alone."""


class _CutError(Unreadable):
    """The text ended inside the value."""


def answer(text: str) -> str:
    """The text without a block of thoughts in front. Raises `Unreadable` where thoughts never end, or nothing is left."""
    if not _OPEN_THINK.search(text):
        # Some templates open the block in the prompt, so that the answer only closes it.
        text = _CLOSE_THINK.sub("", text, count=1)
    text = _THINK.sub("", text).replace("\x00", "")
    if _OPEN_THINK.match(text.lstrip()):
        raise Unreadable("the answer ends inside its thoughts")
    if not text.strip():
        raise Unreadable("the answer is empty")
    return text.strip()


def plain(text: str) -> str:
    """Free text: without thoughts, and without a fence around all of it."""
    text = answer(text)
    whole = _FENCE.fullmatch(text)
    return whole[1].strip() if whole else text


def value(text: str) -> Any:
    """The first JSON object or array in a text. Trailing commas, line comments, line breaks inside strings, a fence and
    words around it are forgiven; what is cut off is not. Raises `Unreadable`.
    """
    text = answer(text)
    if len(text) > MAX_CHARS:
        raise Unreadable(f"the answer is longer than {MAX_CHARS:,} characters")
    fenced = _FENCE.search(text)
    for held in [fenced[1], text] if fenced else [text]:
        at, why = 0, "the answer holds no JSON"
        for _ in range(TRIES):
            found = re.search(r"[{\[]", held[at:])
            if not found:
                break
            try:
                return _Reader(held, at + found.start()).read()
            except _BrokenError as error:
                at, why = max(error.at, at + found.start() + 1), str(error)
    raise Unreadable(why)


def obj(text: str, schema: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A JSON object that fits the schema. An array of one object is taken for it. Raises `Unreadable`."""
    found = value(text)
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if not isinstance(found, dict):
        raise Unreadable("the answer is no JSON object")
    if schema is not None:
        check(found, schema)
    return found


def check(found: Any, schema: Mapping[str, Any]) -> None:
    """Raises `Unreadable` with the first place where the value does not fit the schema."""
    from jsonschema.exceptions import best_match

    error = best_match(_validator(json.dumps(schema, sort_keys=True)).iter_errors(found))
    if error is not None:
        place = "/".join(str(step) for step in error.absolute_path) or "the answer"
        raise Unreadable(f"{place}: {error.message[:200]}")


@lru_cache(maxsize=64)
def _validator(schema: str) -> Any:
    from jsonschema import Draft202012Validator
    from referencing import Registry

    return Draft202012Validator(json.loads(schema), registry=Registry())  # which fetches nothing


def text_of(found: Mapping[str, Any], name: str) -> str:
    """A field that must be text and not empty. Raises `Unreadable`."""
    held = found.get(name)
    if isinstance(held, bool | int | float):
        held = json.dumps(held)
    if not isinstance(held, str) or not held.strip():
        raise Unreadable(f"{name} is missing or empty")
    return held.strip()


def texts(text: str, *, cut: bool = False) -> list[str]:
    """The items of a list: a JSON array, an object with one array, or numbered or bulleted lines.

    An item may go over several lines. `cut`: the answer ended early, so its last item is left out. Raises `Unreadable`
    where there is no list.
    """
    held = answer(text)
    found: list[str] = []
    try:
        raw = value(held)
        if isinstance(raw, dict):
            arrays = [one for one in raw.values() if isinstance(one, list)]
            raw = arrays[0] if len(arrays) == 1 else raw
        if isinstance(raw, list):
            found = [one.strip() for one in raw if isinstance(one, str)]
    except Unreadable:
        pass
    found = found or _lines(held)
    if cut:
        found = found[:-1]
    found = [one for one in found if one]
    if not found:
        raise Unreadable("the answer holds no list")
    return found


def _lines(text: str) -> list[str]:
    found: list[str] = []
    for line in text.splitlines():
        item = _ITEM.match(line)
        if item:
            found.append(item[1].strip())
        elif found and line.strip():
            found[-1] += "\n" + line.strip()
    return found


def label(text: str, labels: Sequence[str]) -> str:
    """The one label that a text names, as whole words, the longest first, whatever its case.

    So "not_entailment" is never read as "entailment". Raises `Unreadable` where none or more than one is named.
    """
    held = answer(text).casefold().strip()
    for one in labels:
        if held.strip(" .\"'`*") == one.casefold():
            return one
    found = []
    for one in sorted(labels, key=lambda one: (-len(one), one)):
        pattern = whole(one.casefold())
        if re.search(pattern, held):
            found.append(one)
            held = re.sub(pattern, "\x00", held)
    if not found:
        raise Unreadable("the answer names no label")
    if len(found) > 1:
        raise Unreadable(f"the answer names {len(found)} labels: {', '.join(sorted(found))}")
    return found[0]


def yes_no(text: str) -> bool:
    """Whether the answer says yes. Its first word decides. Raises `Unreadable` for another word."""
    word = re.match(r"\W*(\w+)", answer(text))
    said = word[1].casefold() if word else ""
    if said in ("yes", "true"):
        return True
    if said in ("no", "false"):
        return False
    raise Unreadable("the answer is neither yes nor no")


def whole(word: str) -> str:
    """A pattern for the word where no letter or digit goes on at its ends; CJK has no ends of words."""
    before = r"(?<!\w)" if word[:1].isalnum() and not _CJK.match(word[:1]) else ""
    after = r"(?!\w)" if word[-1:].isalnum() and not _CJK.match(word[-1:]) else ""
    return f"{before}{re.escape(word)}{after}"


class _BrokenError(Unreadable):
    """No JSON from here on; `at` is where it went wrong."""

    def __init__(self, at: int, why: str) -> None:
        super().__init__(f"the JSON is broken at character {at}: {why}")
        self.at = at


class _Reader:
    """Recursive descent over one JSON value, a little more lenient than the standard."""

    def __init__(self, text: str, at: int) -> None:
        self.text, self.at = text, at

    def read(self, depth: int = 0) -> Any:
        if depth > MAX_DEPTH:
            raise _BrokenError(self.at, "it is nested too deeply")
        char = self._next()
        if char == "{":
            return self._object(depth)
        if char == "[":
            return self._array(depth)
        if char == '"':
            return self._string()
        for word, meaning in (("true", True), ("false", False), ("null", None)):
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return meaning
            if self.text[self.at :] and word.startswith(self.text[self.at :]):
                raise _CutError("the answer is cut off inside its JSON")
        number = _NUMBER.match(self.text, self.at)
        if not number:
            raise _BrokenError(self.at, f"{char!r} was not expected")
        self.at = number.end()
        if self.at == len(self.text):
            raise _CutError("the answer is cut off inside its JSON")
        return json.loads(number[0])

    def _object(self, depth: int) -> dict[str, Any]:
        self.at += 1
        found: dict[str, Any] = {}
        while True:
            char = self._next()
            if char == "}":
                self.at += 1
                return found
            if char != '"':
                raise _BrokenError(self.at, "a name in quotes was expected")
            name = self._string()
            if self._next() != ":":
                raise _BrokenError(self.at, "a colon was expected")
            self.at += 1
            found[name] = self.read(depth + 1)
            self._comma("}")

    def _array(self, depth: int) -> list[Any]:
        self.at += 1
        found: list[Any] = []
        while True:
            if self._next() == "]":
                self.at += 1
                return found
            found.append(self.read(depth + 1))
            self._comma("]")

    def _comma(self, end: str) -> None:
        char = self._next()
        if char == ",":
            self.at += 1
        elif char != end:
            raise _BrokenError(self.at, f"a comma or {end} was expected")

    def _string(self) -> str:
        start = self.at
        self.at += 1
        pieces: list[str] = []
        while True:
            run = _RUN.match(self.text, self.at)
            if run:
                pieces.append(run[0])
                self.at = run.end()
            if self.at >= len(self.text):
                raise _CutError("the answer is cut off inside its JSON")
            self.at += 1
            if self.text[self.at - 1] == '"':
                return "".join(pieces).replace("\x00", "")  # which no database takes
            pieces.append(self._escape(start))

    def _escape(self, start: int) -> str:
        if self.at >= len(self.text):
            raise _CutError("the answer is cut off inside its JSON")
        char = self.text[self.at]
        self.at += 1
        if char in _ESCAPES:
            return _ESCAPES[char]
        if char != "u":
            return "\\" + char  # as in paths and formulas: kept as written
        code = re.compile(r"(?:[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|[0-9a-fA-F]{4})").match(
            self.text, self.at
        )
        if not code:
            raise _BrokenError(start, "it holds a broken escape")
        self.at = code.end()
        made: str = json.loads(f'"\\u{code[0]}"')
        return made if not ("\ud800" <= made <= "\udfff") else "\ufffd"

    def _next(self) -> str:
        """The next character that is no white space. Raises `_CutError` at the end of the text."""
        blank = _BLANK.match(self.text, self.at)
        self.at = blank.end() if blank else self.at
        if self.at >= len(self.text):
            raise _CutError("the answer is cut off inside its JSON")
        return self.text[self.at]
