"""Forms to begin with."""

from typing import Any, NamedTuple


class Preset(NamedTuple):
    """A title, one line about it, and the form as `load_form` reads it."""

    title: str
    note: str
    form: list[dict[str, Any]]


_RATE = {"min": 1, "max": 5, "low": "unusable", "high": "very good"}
_FACTS = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "description": "What the text is about."},
        "date": {"type": "string", "format": "date", "description": "Year-month-day."},
        "people": {"type": "array", "items": {"type": "string"}, "description": "Names, one each."},
    },
    "required": ["title"],
}

PRESETS: dict[str, Preset] = {
    "text": Preset(
        "Free text", "One box: the answer that a model should give.",
        [{"name": "output", "kind": "text", "title": "Output"}],
    ),
    "classification": Preset(
        "Classification", "One label of a list; change the labels to yours.",
        [{"name": "label", "kind": "labels", "title": "Label", "options": {"labels": ["yes", "no", "cannot say"]}}],
    ),
    "correct": Preset(
        "Correct the output, rate the input", "The output that came stands in the box to be corrected.",
        [
            {"name": "output", "kind": "text", "title": "Output", "options": {"start": True}},
            {"name": "clarity", "kind": "rating", "title": "How clear is the input", "role": "meta", "options": _RATE},
        ],
    ),
    "spans": Preset(
        "Named entities", "Marks stretches of the input.",
        [{"name": "entities", "kind": "spans", "title": "Entities", "required": False,
          "options": {"of": "input", "labels": ["PERSON", "PLACE", "ORGANISATION", "DATE"]}}],
    ),
    "pair": Preset(
        "Preference pair", "Which of the first two outputs is better.",
        [
            {"name": "preference", "kind": "pair", "title": "Which one is better"},
            {"name": "why", "kind": "text", "title": "Why", "role": "meta", "required": False, "options": {"rows": 3}},
        ],
    ),
    "ranking": Preset(
        "Ranking", "Puts all outputs in order, best first.",
        [{"name": "order", "kind": "ranking", "title": "Order, best first"}],
    ),
    "json": Preset(
        "JSON extraction", "Fields made from a JSON Schema.",
        [{"name": "facts", "kind": "json", "title": "Facts", "options": {"schema": _FACTS}}],
    ),
    "dialogue": Preset(
        "Self-dialogue", "One person writes both sides of a conversation.",
        [{"name": "dialogue", "kind": "dialogue", "title": "Dialogue", "options": {"start": True}}],
    ),
}  # fmt: skip
