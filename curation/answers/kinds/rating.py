"""A number on a scale with words at its ends."""

from typing import Any

from curation.answers.kinds.base import Kind, Wrong, known, whole, words
from curation.answers.model import RAW, Field, FormError, Posted, is_raw, raw
from curation.content import Content

FEW = 11  # as many steps are shown as buttons; more are typed


class Rating(Kind):
    """Value: a whole number from `min` to `max`."""

    name, title, note = "rating", "Rating", "A number on a scale, with words at its ends"
    look = "rating"

    def options(self, given: dict[str, Any], place: str) -> dict[str, Any]:
        known(given, {"min", "max", "low", "high"}, place)
        made: dict[str, Any] = {
            "min": whole(given, "min", 1, place, least=-1000, most=1000),
            "max": whole(given, "max", 5, place, least=-1000, most=1000),
            "low": words(given, "low", place, most=80),
            "high": words(given, "high", place, most=80),
        }
        if made["min"] >= made["max"]:
            raise FormError(f"{place}.max", "must be greater than min")
        return made

    def parse(self, field: Field, posted: Posted) -> Any:
        text = (posted.one() or "").strip()
        if not text:
            return None
        try:
            return int(text[:20])
        except ValueError:
            return raw(text)

    def clean(self, field: Field, value: Any) -> Any:
        return int(value) if isinstance(value, float) and value.is_integer() else value

    def check(self, field: Field, value: Any, content: Content) -> list[Wrong]:
        low, high = field.options["min"], field.options["max"]
        do = f"Give a whole number from {low} to {high}."
        if isinstance(value, bool) or not isinstance(value, int):
            said = value[RAW][:40] if is_raw(value) else str(value)[:40]
            return [(f"{said} is not a whole number.", do)]
        return [] if low <= value <= high else [(f"{value} is not on the scale.", do)]

    def text(self, field: Field, value: Any) -> str:
        return str(value) if isinstance(value, int) else super().text(field, value)

    def read_output(self, field: Field, text: str) -> Any:
        try:
            number = int(text.strip()[:20])
        except ValueError:
            return None
        return number if field.options["min"] <= number <= field.options["max"] else None

    def widget(self, field: Field, value: Any, content: Content, name: str) -> dict[str, Any]:
        low, high = field.options["min"], field.options["max"]
        few = high - low < FEW
        steps = [
            {
                "number": one,
                "chosen": value == one and not isinstance(value, bool),
                "key": str(one) if 0 <= one <= 9 else "",
            }
            for one in (range(low, high + 1) if few else ())
        ]
        said = "" if value is None else value[RAW] if is_raw(value) else self.text(field, value)
        return {"steps": steps, "text": said, "unread": said if is_raw(value) else ""}

    def shown(self, field: Field, value: Any, content: Content) -> dict[str, Any]:
        return {"look": self.look, "number": self.text(field, value)}
