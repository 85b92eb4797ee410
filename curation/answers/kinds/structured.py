"""JSON by a schema: what an extraction should give."""

import json
from typing import Any

from curation.answers.kinds.base import Kind, Wrong, known
from curation.answers.model import MAX_CHARS, RAW, Field, Posted, is_raw, raw
from curation.answers.schema_form import Tree
from curation.answers.schemas import check_schema, wrong
from curation.content import Content, jsontext

EMPTY: dict[str, Any] = {"type": "object"}


class Json(Kind):
    """Value: any JSON value that the schema (Draft 2020-12) allows. References lead only into the schema itself."""

    name, title, note = "json", "JSON", "Structured data by a JSON Schema: extraction, tool arguments"
    textlike = True
    look = "json"

    def options(self, given: dict[str, Any], place: str) -> dict[str, Any]:
        known(given, {"schema"}, place)
        schema = given.get("schema", EMPTY)
        check_schema(schema, f"{place}.schema")
        return {"schema": schema}

    def parse(self, field: Field, posted: Posted) -> Any:
        text = posted.one()
        if text is not None:
            return _loaded(text)
        if posted.one(".form") is None:
            return None
        return self._tree(field, posted.name).read(posted)

    def clean(self, field: Field, value: Any) -> Any:
        return value

    def check(self, field: Field, value: Any, content: Content) -> list[Wrong]:
        if is_raw(value):
            return [(_why(value[RAW]), "Correct the text.")]
        try:
            text = jsontext.canonical(value)
        except (ValueError, TypeError):
            return [("The value is nested too deeply, or is not JSON.", "Make it flatter.")]
        if len(text) > MAX_CHARS:
            return [(f"The JSON text has {len(text):,} characters; {MAX_CHARS:,} are the most.", "Shorten it.")]
        if jsontext.has_nul(text):
            return [("A text in the value holds a NUL character, which cannot be stored.", "Delete it.")]
        return wrong(field.options["schema"], value)

    def text(self, field: Field, value: Any) -> str:
        if is_raw(value):
            return str(value[RAW])
        return json.dumps(ordered(field.options["schema"], value), ensure_ascii=False, indent=2)

    def output(self, field: Field, value: Any) -> str:
        return json.dumps(ordered(field.options["schema"], value), ensure_ascii=False)

    def read_output(self, field: Field, text: str) -> Any:
        value = _loaded(text)
        return None if is_raw(value) else value

    def widget(self, field: Field, value: Any, content: Content, name: str) -> dict[str, Any]:
        node = None if is_raw(value) else self._tree(field, name).nodes(value)
        return {"node": node, "text": "" if value is None else self.text(field, value)}

    def _tree(self, field: Field, name: str) -> Tree:
        return Tree(field.options["schema"], name, required=field.required)


def ordered(schema: Any, value: Any) -> Any:
    """The value with the keys of objects in the order of the schema; the database does not keep theirs."""
    if not isinstance(schema, dict):
        return value
    if isinstance(value, dict):
        parts = schema.get("properties")
        parts = parts if isinstance(parts, dict) else {}
        places = {key: number for number, key in enumerate(parts)}
        keys = sorted(value, key=lambda key: places.get(key, len(places)))
        return {key: ordered(parts.get(key), value[key]) for key in keys}
    if isinstance(value, list):
        return [ordered(schema.get("items"), one) for one in value]
    return value


def _loaded(text: str) -> Any:
    if not text.strip():
        return None
    try:
        return jsontext.loads(text)
    except (ValueError, RecursionError):
        return raw(text)


def _why(text: str) -> str:
    try:
        jsontext.loads(text)
    except (ValueError, RecursionError) as error:
        return f"The text is not JSON: {str(error)[:160]}."
    return "The text is not JSON that can be kept."
