"""Forms and contents that several tests use."""

from curation.answers import Form, load_form
from curation.content import Content, Message


def form(kind: str, **field) -> Form:
    return load_form([{"name": "x", "kind": kind, **field}])


SINGLE = Content("single", "Summarise.", "Anna Hall went to Rome in May.", ("Anna went to Rome.", "She left."))
CHAT = Content(
    "chat",
    system="Be kind.",
    messages=(
        Message("user", "What is the weather in Rome?"),
        Message("assistant", "", {"tool_calls": [{"name": "weather", "arguments": {"place": "Rome"}}]}),
        Message("tool", "21 degrees"),
        Message("assistant", "It is 21 degrees."),
    ),
)
LABELS = {"labels": ["yes", {"value": "no", "title": "No, never", "help": "Not at all.", "key": "n", "hue": 3}]}
PEOPLE = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "age": {"type": "integer", "minimum": 0},
        "weight": {"type": "number"},
        "alive": {"type": "boolean"},
        "size": {"enum": ["s", "m", 3]},
        "tags": {"type": "array", "items": {"enum": ["a", "b", "c"]}, "uniqueItems": True},
        "names": {"type": "array", "items": {"type": "string"}},
        "home": {"type": "object", "properties": {"a/b~c": {"type": "string"}}, "required": ["a/b~c"]},
        "rows": {"type": "array", "items": {"$ref": "#/$defs/row"}},
        "any": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
    },
    "required": ["title"],
    "additionalProperties": False,
    "$defs": {"row": {"type": "object", "properties": {"k": {"type": "string"}, "v": {"type": "integer"}}}},
}
