"""Free text: what a model should have answered, a comment, a rewritten output."""

from typing import Any

from curation.answers.kinds.base import Kind, Wrong, flag, known, part_of, whole, words, wrong_text
from curation.answers.model import MAX_CHARS, Field, FormError, Posted, is_raw
from curation.content import Content


class Text(Kind):
    """Value: a text, kept as it was written. `start` puts the output that came with the example into the box."""

    name, title, note = "text", "Text", "Free text: an answer, a correction, a comment"
    textlike = True

    def options(self, given: dict[str, Any], place: str) -> dict[str, Any]:
        known(given, {"rows", "placeholder", "least", "most", "start"}, place)
        made: dict[str, Any] = {
            "rows": whole(given, "rows", 6, place, least=1, most=40),
            "placeholder": words(given, "placeholder", place),
            "least": whole(given, "least", 0, place, least=0, most=MAX_CHARS),
            "most": whole(given, "most", MAX_CHARS, place, least=1, most=MAX_CHARS),
            "start": flag(given, "start", False, place),
        }
        if made["least"] > made["most"]:
            raise FormError(f"{place}.least", "is more than the most")
        return made

    def parse(self, field: Field, posted: Posted) -> Any:
        return posted.one()

    def clean(self, field: Field, value: Any) -> Any:
        if is_raw(value):
            value = value["$raw"]
        return None if isinstance(value, str) and not value.strip() else value

    def check(self, field: Field, value: Any, content: Content) -> list[Wrong]:
        if found := wrong_text(value):
            return found
        least, most = field.options["least"], field.options["most"]
        if len(value) < least:
            return [(f"The text has {len(value):,} characters; at least {least:,} are asked for.", "Write more.")]
        if len(value) > most:
            return [(f"The text has {len(value):,} characters; at most {most:,} are asked for.", "Shorten it.")]
        return []

    def text(self, field: Field, value: Any) -> str:
        return value if isinstance(value, str) else super().text(field, value)

    def read_output(self, field: Field, text: str) -> Any:
        return text

    def start(self, field: Field, content: Content) -> Any:
        return part_of(content, "output") or None if field.options["start"] else None

    def widget(self, field: Field, value: Any, content: Content, name: str) -> dict[str, Any]:
        return {"text": "" if value is None else self.text(field, value)}
