"""Preference pair: which of two candidates is better, and by whose words."""

from typing import Any

from curation.answers.kinds.base import Kind, Wrong, flag, known, whole, wrong_text
from curation.answers.model import RAW, Field, FormError, Posted, is_raw, raw
from curation.content import Content, jsontext

CHOICES = ("first", "second", "tie")


class Pair(Kind):
    """Value: {"chosen": 0, "rejected": 1}, numbers of outputs, with "text" where the chosen one was edited; or {"tie": true}."""

    name, title, note = "pair", "Preference pair", "Which of two outputs is better"
    roles = ("preference", "meta")
    look = "pair"

    def options(self, given: dict[str, Any], place: str) -> dict[str, Any]:
        known(given, {"first", "second", "tie", "edit"}, place)
        made: dict[str, Any] = {
            "first": whole(given, "first", 0, place, least=0, most=49),
            "second": whole(given, "second", 1, place, least=0, most=49),
            "tie": flag(given, "tie", True, place),
            "edit": flag(given, "edit", False, place),
        }
        if made["first"] == made["second"]:
            raise FormError(f"{place}.second", "must be another output than the first")
        return made

    def parse(self, field: Field, posted: Posted) -> Any:
        choice = posted.one()
        if not choice:
            return None
        if choice == "tie":
            return {"tie": True}
        if choice not in CHOICES:
            return raw(choice)
        both = field.options["first"], field.options["second"]
        chosen, rejected = both if choice == "first" else both[::-1]
        text = posted.one(".text")
        edited = bool(text and text.strip()) and field.options["edit"]
        return {"chosen": chosen, "rejected": rejected} | ({"text": text} if edited else {})

    def clean(self, field: Field, value: Any) -> Any:
        if not isinstance(value, dict) or is_raw(value):
            return value or None
        if value.get("tie") is True:
            return {"tie": True}
        return {
            name: value[name] for name in ("chosen", "rejected", "text") if value.get(name) not in (None, "")
        } or None

    def check(self, field: Field, value: Any, content: Content) -> list[Wrong]:
        do = "Choose the better one" + (", or that they are equally good." if field.options["tie"] else ".")
        if not isinstance(value, dict):
            return [("This is not a choice between two outputs.", do)]
        if is_raw(value):
            return [(f"{value[RAW][:40]} is none of the choices.", do)]
        if value.get("tie"):
            return [] if field.options["tie"] else [("A tie is not among the choices.", do)]
        both = {field.options["first"], field.options["second"]}
        given = [value.get("chosen"), value.get("rejected")]
        if any(type(one) is not int for one in given) or set(given) != both:
            return [(f"The choice is not between outputs {min(both) + 1} and {max(both) + 1}.", do)]
        if max(both) >= len(content.outputs):
            return [(f"The example has {len(content.outputs)} outputs, so there is nothing to compare.", "Skip it.")]
        if "text" in value and not field.options["edit"]:
            return [("This field takes no edited text.", "Choose without editing.")]
        return wrong_text(value["text"]) if "text" in value else []

    def needed(self, field: Field, content: Content) -> bool:
        return len(content.outputs) > max(field.options["first"], field.options["second"])

    def text(self, field: Field, value: Any) -> str:
        if not isinstance(value, dict) or is_raw(value):
            return super().text(field, value)
        if value.get("tie"):
            return "equally good"
        first = value.get("chosen") == field.options["first"]
        said = "the first is better" if first else "the second is better"
        return f"{said}, edited:\n{value['text']}" if value.get("text") else said

    def output(self, field: Field, value: Any) -> str:
        return jsontext.canonical(value)

    def widget(self, field: Field, value: Any, content: Content, name: str) -> dict[str, Any]:
        texts = [_text(content, field.options[which]) for which in CHOICES[:2]]
        given = value if isinstance(value, dict) else {}
        chosen = "tie" if given.get("tie") else ""
        if given.get("chosen") in (field.options["first"], field.options["second"]):
            chosen = "first" if given["chosen"] == field.options["first"] else "second"
        return {
            "sides": [
                {
                    "choice": which,
                    "label": f"The {which} is better",
                    "title": which.title(),
                    "text": text,
                    "key": key,
                    "chosen": chosen == which,
                }
                for which, text, key in zip(CHOICES[:2], texts, "12", strict=True)
            ],
            "tied": chosen == "tie",
            "edited": given.get("text", "") if isinstance(given.get("text", ""), str) else "",
            "possible": self.needed(field, content),
        }

    def shown(self, field: Field, value: Any, content: Content) -> dict[str, Any]:
        found = pair_texts(content, value)
        if found is None:
            return {"look": "text"}
        edited = bool(value.get("text"))
        return {"look": self.look, "chosen": found[0], "rejected": found[1], "edited": edited}


def pair_texts(content: Content, value: Any) -> tuple[str, str] | None:
    """(chosen, rejected) of a pair; None for a tie and for outputs that are not there."""
    if not isinstance(value, dict) or type(value.get("chosen")) is not int or type(value.get("rejected")) is not int:
        return None
    chosen, rejected = value["chosen"], value["rejected"]
    if not (0 <= chosen < len(content.outputs) and 0 <= rejected < len(content.outputs)):
        return None
    text = value.get("text")
    return (text if isinstance(text, str) and text else content.outputs[chosen]), content.outputs[rejected]


def _text(content: Content, place: int) -> str:
    return content.outputs[place] if place < len(content.outputs) else ""
