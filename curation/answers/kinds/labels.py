"""Labels: one or several of a fixed list."""

from typing import Any

from curation.answers.kinds.base import Kind, Wrong, flag, known, whole, words
from curation.answers.model import RAW, Field, FormError, Posted, is_raw
from curation.content import Content

MAX_LABELS = 500
HUES = 8
FORBIDDEN = set("[]|\\\n\r\0")


def label_list(given: Any, place: str) -> list[dict[str, Any]]:
    """The labels of a form: texts, or objects with value, title, help, key and hue (1 to 8). Raises `FormError`."""
    if not isinstance(given, list) or not given:
        raise FormError(place, "must list at least one label")
    if len(given) > MAX_LABELS:
        raise FormError(place, f"has {len(given):,} labels; {MAX_LABELS} are the most")
    made, values, keys = [], set(), set()
    for number, one in enumerate(given):
        at = f"{place}[{number}]"
        label = {"value": one} if isinstance(one, str) else one
        if not isinstance(label, dict):
            raise FormError(at, "must be a text or an object with value")
        known(label, {"value", "title", "help", "key", "hue"}, at)
        value = words(label, "value", at, most=100)
        if not value.strip() or value != value.strip() or set(value) & FORBIDDEN:
            raise FormError(f"{at}.value", "must be text without brackets, bars, backslashes or blanks at its ends")
        if value in values:
            raise FormError(f"{at}.value", f"({value}) is there twice")
        key = words(label, "key", at, most=1)
        if key and (key in keys or not key.isascii() or not key.isalnum()):
            raise FormError(f"{at}.key", "must be a letter or digit of its own")
        hue = whole(label, "hue", number % HUES + 1, at, least=1, most=HUES)
        entry = {
            "value": value,
            "title": words(label, "title", at) or value,
            "help": words(label, "help", at, most=500),
        }
        made.append(entry | {"key": key, "hue": hue})
        values.add(value)
        keys |= {key} - {""}
    return made


def with_keys(labels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The labels with a key each, as long as digits last: its own, else its number if that is free."""
    taken = {label["key"] for label in labels}
    free = [str(number) for number in range(1, 10) if str(number) not in taken]
    return [label | {"key": label["key"] or (free.pop(0) if free else "")} for label in labels]


class Labels(Kind):
    """Value: the label's value, or with `multiple` a list of them in the order of the form."""

    name, title, note = "labels", "Labels", "One or several of a fixed list: classes, yes and no, topics"
    look = "labels"

    def options(self, given: dict[str, Any], place: str) -> dict[str, Any]:
        known(given, {"labels", "multiple", "least", "most"}, place)
        labels = label_list(given.get("labels"), f"{place}.labels")
        made: dict[str, Any] = {
            "labels": labels,
            "multiple": flag(given, "multiple", False, place),
            "least": whole(given, "least", 1, place, least=0, most=len(labels)),
            "most": whole(given, "most", MAX_LABELS, place, least=1, most=MAX_LABELS),
        }
        if made["least"] > made["most"]:
            raise FormError(f"{place}.least", "is more than the most")
        return made

    def parse(self, field: Field, posted: Posted) -> Any:
        chosen = [one for one in posted.all() if one]
        return chosen if field.options["multiple"] else next(iter(chosen), None)

    def clean(self, field: Field, value: Any) -> Any:
        if not field.options["multiple"]:
            return value[0] if isinstance(value, list) and len(value) == 1 else value or None
        value = [value] if isinstance(value, str) else value
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            return value or None
        order = {label["value"]: place for place, label in enumerate(field.options["labels"])}
        return sorted(dict.fromkeys(value), key=lambda one: (order.get(one, len(order)), one)) or None

    def check(self, field: Field, value: Any, content: Content) -> list[Wrong]:
        names = [label["value"] for label in field.options["labels"]]
        chosen = value if isinstance(value, list) and field.options["multiple"] else [value]
        for one in chosen:
            if one not in names:
                said = one if isinstance(one, str) else "This"
                return [(f"{said[:100]} is not a label of this field.", f"Choose from {_listed(names)}.")]
        if not field.options["multiple"]:
            return []
        least, most = field.options["least"], min(field.options["most"], len(names))
        if not least <= len(chosen) <= most:
            return [(f"{len(chosen)} labels are chosen; {least} to {most} are asked for.", "Choose fewer or more.")]
        return []

    def text(self, field: Field, value: Any) -> str:
        titles = {label["value"]: label["title"] for label in field.options["labels"]}
        chosen = value if isinstance(value, list) else [value]
        return ", ".join(
            titles.get(one, one) if isinstance(one, str) else super(Labels, self).text(field, one) for one in chosen
        )

    def read_output(self, field: Field, text: str) -> Any:
        by_text = {label["value"].casefold(): label["value"] for label in field.options["labels"]}
        by_text |= {label["title"].casefold(): label["value"] for label in field.options["labels"]}
        whole_text = by_text.get(text.strip().casefold())
        if whole_text or not field.options["multiple"]:
            return [whole_text] if whole_text and field.options["multiple"] else whole_text
        found = [by_text.get(part.strip().casefold()) for part in text.split(",")]
        return self.clean(field, found) if all(found) else None

    def widget(self, field: Field, value: Any, content: Content, name: str) -> dict[str, Any]:
        chosen = value if isinstance(value, list) else [value]
        labels = with_keys(field.options["labels"])
        return {
            "labels": [label | {"chosen": label["value"] in chosen} for label in labels],
            "unread": value[RAW] if is_raw(value) else "",
        }

    def shown(self, field: Field, value: Any, content: Content) -> dict[str, Any]:
        chosen = value if isinstance(value, list) else [value]
        by_value = {label["value"]: label for label in field.options["labels"]}
        gone = {"help": "", "hue": 0}
        return {
            "look": self.look,
            "labels": [
                by_value.get(one, gone | {"title": one}) if isinstance(one, str) else gone | {"title": str(one)}
                for one in chosen
            ],
        }


def _listed(names: list[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
