"""Inputs made from a JSON Schema, and the value read back from what they post.

Names of inputs are the name of the field, a colon, and the place in the value as a JSON pointer: `a-facts:/people/0/age`.
What cannot be shown as inputs (alternatives, free keys, deep nesting) is a box with JSON, for that part alone.
"""

import json
import re
from collections import abc
from dataclasses import dataclass, field
from typing import Any

from curation.answers.model import RAW, Posted, is_raw, raw
from curation.content import jsontext

MAX_DEPTH = 6
MAX_INPUTS = 600  # a form may post 1,000
SPARE = 2
_SCALARS = ("string", "number", "integer", "boolean")
_ELSE = ("anyOf", "oneOf", "allOf", "not", "if", "patternProperties", "prefixItems", "dependentSchemas", "$dynamicRef")
_WHOLE = re.compile(r"-?\d{1,400}")
_NUMBER = re.compile(r"-?\d{1,400}(\.\d{1,400})?([eE][+-]?\d{1,3})?")


@dataclass(frozen=True, slots=True)
class Node:
    """One place of the value as it is shown."""

    shape: str  # text, line, number, boolean, choice, choices, list, object, json
    name: str
    title: str
    help: str = ""
    required: bool = False
    text: str = ""
    choices: list[tuple[str, str, bool]] = field(default_factory=list)  # posted, shown, chosen
    children: "list[Node]" = field(default_factory=list)
    step: str = ""

    @property
    def id(self) -> str:
        return f"id_{self.name}"

    def posts(self) -> abc.Iterator[tuple[str, str]]:
        """(name, text) of what a browser would send of it unchanged."""
        if self.shape in ("text", "line", "number", "json"):
            yield self.name, self.text
        elif self.shape in ("choice", "boolean", "choices"):
            yield from ((self.name, posted) for posted, _, chosen in self.choices if chosen)
        for child in self.children:
            yield from child.posts()


class Tree:
    """The inputs of one schema."""

    def __init__(self, schema: dict[str, Any], name: str, *, required: bool) -> None:
        self.schema, self.name, self.required = schema, name, required
        self.left = MAX_INPUTS  # places that may still be drawn
        self.sent: set[str] = set()  # places that were posted, and those they lie in

    def nodes(self, value: Any) -> Node | None:
        """The inputs with this value in them; None where they would not give the same value back."""
        try:
            given = _canonical(value)
        except ValueError:
            return None
        self.left = MAX_INPUTS
        made = self._node(self.schema, value, f"{self.name}:", "", required=self.required, depth=0)
        posts: dict[str, list[str]] = {}
        count = 0
        for name, text in made.posts():
            posts.setdefault(name, []).append(text)
            count += 1
        if (
            made.shape == "json"
            or count > MAX_INPUTS
            or any("\r" in text for texts in posts.values() for text in texts)
        ):
            return None
        if value is not None and _canonical(self.read(Posted(posts, self.name))) != given:
            return None
        return made

    def read(self, posted: Posted) -> Any:
        """The value of posted inputs; None if nothing was filled in and the field is not required."""
        for key in posted.below(":"):
            steps = key.split("/")
            self.sent |= {":" + "/".join(steps[:count]) for count in range(1, min(len(steps), 2 * MAX_DEPTH) + 1)}
        value, touched = self._read(self.schema, posted, ":", required=self.required, depth=0)
        return value if touched or self.required else None

    # --- from a value to inputs ---

    def _node(self, given: Any, value: Any, name: str, title: str, *, required: bool, depth: int) -> Node:
        self.left -= 1
        schema = self._resolved(given)
        shape = "json" if self.left < 0 else self._shape(schema, depth)
        schema = schema if isinstance(schema, dict) else {}
        title = str(schema.get("title") or title)
        said: dict[str, Any] = {
            "name": name,
            "title": title,
            "help": str(schema.get("description") or ""),
            "required": required,
        }
        if shape == "object":
            inner = value if isinstance(value, dict) else {}
            needed = schema.get("required", [])
            children = [
                self._node(
                    part, inner.get(key), f"{name}/{_step(key)}", _title(key), required=key in needed, depth=depth + 1
                )
                for key, part in schema["properties"].items()
            ]
            return Node("object", children=children, **said)
        if shape == "list":
            items = value if isinstance(value, list) else []
            spare = SPARE if depth < 3 else 1
            rows = [
                self._node(schema["items"], one, f"{name}/{n}", f"Item {n + 1}", required=False, depth=depth + 1)
                for n, one in enumerate([*items, *[None] * spare])
            ]
            return Node("list", children=rows, **said)
        return self._leaf(schema, shape, value, said)

    def _leaf(self, schema: dict[str, Any], shape: str, value: Any, said: dict[str, Any]) -> Node:
        if shape in ("choice", "choices"):
            choices = _choices(schema if shape == "choice" else self._resolved(schema["items"]))
            chosen = [_canonical(one) for one in (value if shape == "choices" and isinstance(value, list) else [value])]
            options = [
                (
                    str(n),
                    one if isinstance(one, str) else json.dumps(one),
                    _canonical(one) in chosen and value is not None,
                )
                for n, one in enumerate(choices)
            ]
            return Node(shape, choices=options, **said)
        if shape == "boolean":
            options = [("true", "Yes", value is True), ("false", "No", value is False)]
            return Node(shape, choices=options, **said)
        if shape == "json":
            text = (
                ""
                if value is None
                else value[RAW]
                if is_raw(value)
                else json.dumps(value, ensure_ascii=False, indent=2)
            )
            return Node(shape, text=text, **said)
        text = "" if value is None else value if isinstance(value, str) else jsontext.dumps(value)
        if shape == "number":
            return Node(shape, text=text, step="1" if _type(schema) == "integer" else "any", **said)
        short = ("format" in schema or schema.get("maxLength", 10_000) <= 200) and "\n" not in text
        return Node("line" if short else "text", text=text, **said)

    # --- from what was posted to a value ---

    def _read(self, given: Any, posted: Posted, at: str, *, required: bool, depth: int) -> tuple[Any, bool]:
        """(value, whether anything was filled in); a value of None is left out by its parent."""
        schema = self._resolved(given)
        shape = self._shape(schema, depth)
        if depth and at not in self.sent and shape in ("object", "list"):
            return ({} if shape == "object" else []) if required else None, False
        if shape == "object":
            return self._read_object(schema, posted, at, required, depth)
        if shape == "list":
            numbers = {key.split("/")[0] for key in posted.below(f"{at}/")}
            places = sorted(int(one) for one in numbers if one.isdecimal() and len(one) < 6)
            rows = [self._read(schema["items"], posted, f"{at}/{n}", required=False, depth=depth + 1) for n in places]
            values = [value for value, touched in rows if touched]
            return (values if values or required else None), bool(values)
        text = posted.one(at) or ""
        if shape == "choices":
            choices = _choices(self._resolved(schema["items"]))
            chosen = sorted({int(one) for one in posted.all(at) if one.isdecimal() and len(one) < 6})
            values = [choices[n] for n in chosen if n < len(choices)]
            return (values if values or required else None), bool(values)
        if not text.strip():
            null = required and _nullable(schema)
            return (NULL if null else None), False
        if shape == "choice":
            choices = _choices(schema)
            good = text.isdecimal() and len(text) < 6 and int(text) < len(choices)
            return (choices[int(text)] if good else text), True
        return _scalar(shape, text), True

    def _read_object(
        self, schema: dict[str, Any], posted: Posted, at: str, required: bool, depth: int
    ) -> tuple[Any, bool]:
        made: dict[str, Any] = {}
        any_touched = False
        for key, part in schema["properties"].items():
            needed = key in schema.get("required", [])
            value, touched = self._read(part, posted, f"{at}/{_step(key)}", required=needed, depth=depth + 1)
            any_touched |= touched
            if value is NULL:
                made[key] = None
            elif value is not None:
                made[key] = value
        return (made if any_touched or required else None), any_touched

    # --- what a schema asks for ---

    def _resolved(self, schema: Any) -> Any:
        """A local reference followed, as long as nothing stands beside it that would be lost."""
        for _ in range(MAX_DEPTH):
            if not isinstance(schema, dict) or not isinstance(schema.get("$ref"), str):
                return schema
            found: Any = self.schema
            for step in schema["$ref"].removeprefix("#").split("/")[1:]:
                key = step.replace("~1", "/").replace("~0", "~")
                if not isinstance(found, dict) or key not in found:
                    return {}
                found = found[key]
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            schema = found | beside if isinstance(found, dict) else found
        return {}

    def _shape(self, schema: Any, depth: int) -> str:
        if not isinstance(schema, dict) or depth > MAX_DEPTH or any(name in schema for name in _ELSE):
            return "json"
        if "const" in schema or "enum" in schema:
            return (
                "choice" if all(not isinstance(one, dict | list | type(None)) for one in _choices(schema)) else "json"
            )
        kind = _type(schema)
        if kind in _SCALARS:
            return {"string": "text", "boolean": "boolean"}.get(kind, "number")
        if kind == "object" and isinstance(schema.get("properties"), dict) and schema["properties"]:
            return "object"
        if kind == "array" and isinstance(schema.get("items"), dict):
            inner = self._resolved(schema["items"])
            few = self._shape(inner, depth + 1) == "choice" and schema.get("uniqueItems") is True
            return "choices" if few else "list"
        return "json"


class _Null:
    """Stands for a null that is to be kept, among values where None means absent."""


NULL: Any = _Null()


def _scalar(shape: str, text: str) -> Any:
    """What cannot be read stays text: the schema names it then."""
    if shape == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if shape == "number":
        number = text.strip()
        if _WHOLE.fullmatch(number):
            return int(number)
        return float(number) if _NUMBER.fullmatch(number) and abs(float(number)) != float("inf") else text
    if shape == "json":
        try:
            return jsontext.loads(text)
        except (ValueError, RecursionError):
            return raw(text)
    return text


def _type(schema: dict[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        others = [one for one in kind if one != "null"]
        return str(others[0]) if len(others) == 1 else ""
    return str(kind or ("object" if "properties" in schema else ""))


def _nullable(schema: Any) -> bool:
    kind = schema.get("type") if isinstance(schema, dict) else None
    return isinstance(kind, list) and "null" in kind


def _choices(schema: Any) -> list[Any]:
    return [schema["const"]] if "const" in schema else list(schema.get("enum", []))


def _step(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _title(key: str) -> str:
    words = key.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:] if words else key


def _canonical(value: Any) -> str:
    return jsontext.canonical(value)
