"""What every kind of field can do. One subclass and one line in the registry make a new kind."""

from typing import Any, ClassVar

from curation.answers.model import MAX_CHARS, Field, FormError, Posted, is_raw
from curation.content import Content, jsontext

Wrong = tuple[str, str]  # why, what to do


class Kind:
    """A kind of field. Values are JSON; None is no answer. None of these methods reads or writes anything else."""

    name: ClassVar[str]
    title: ClassVar[str]
    note: ClassVar[str]  # one line for the person who makes a form
    roles: ClassVar[tuple[str, ...]] = ("output", "meta", "preference")
    textlike: ClassVar[bool] = False  # the first of these is THE output of a form
    look: ClassVar[str] = "text"  # how `_shown.html` shows it

    def options(self, given: dict[str, Any], place: str) -> dict[str, Any]:
        """The options of a form, completed by the defaults. Raises `FormError`; unknown options are an error."""
        known(given, set(), place)
        return {}

    def parse(self, field: Field, posted: Posted) -> Any:
        """The value of what was posted; what cannot be read becomes `{"$raw": text}`. Never raises."""
        raise NotImplementedError

    def clean(self, field: Field, value: Any) -> Any:
        """The canonical form of a value; what has the wrong type stays, for `check` to name."""
        return value

    def check(self, field: Field, value: Any, content: Content) -> list[Wrong]:
        """What is wrong with a canonical value that is not None."""
        return []

    def needed(self, field: Field, content: Content) -> bool:
        """Whether a required answer can be given to this content at all."""
        return True

    def text(self, field: Field, value: Any) -> str:
        return jsontext.canonical(value)

    def output(self, field: Field, value: Any) -> str:
        """What becomes the output of the example."""
        return self.text(field, value)

    def read_output(self, field: Field, text: str) -> Any:
        """The value that such an output stands for; None if it stands for none."""
        return None

    def start(self, field: Field, content: Content) -> Any:
        """What stands in the form before the person has answered."""
        return None

    def widget(self, field: Field, value: Any, content: Content, name: str) -> dict[str, Any]:
        return {}

    def shown(self, field: Field, value: Any, content: Content) -> dict[str, Any]:
        return {"look": self.look}


def known(given: dict[str, Any], names: set[str], place: str) -> None:
    for name in given:
        if name not in names:
            these = ", ".join(sorted(names)) or "none"
            raise FormError(f"{place}.{name}", f"is not an option of this kind; there are: {these}")


def flag(given: dict[str, Any], name: str, default: bool, place: str) -> bool:
    value = given.get(name, default)
    if not isinstance(value, bool):
        raise FormError(f"{place}.{name}", "must be true or false")
    return value


def whole(given: dict[str, Any], name: str, default: int, place: str, *, least: int, most: int) -> int:
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise FormError(f"{place}.{name}", f"must be a whole number from {least:,} to {most:,}")
    return value


def words(given: dict[str, Any], name: str, place: str, default: str = "", most: int = 200) -> str:
    value = given.get(name, default)
    if not isinstance(value, str) or len(value) > most or "\0" in value:
        raise FormError(f"{place}.{name}", f"must be text of at most {most:,} characters")
    return value


def one_of(given: dict[str, Any], name: str, choices: tuple[str, ...], place: str) -> str:
    value = given.get(name, choices[0])
    if value not in choices:
        raise FormError(f"{place}.{name}", f"must be one of {', '.join(choices)}")
    return str(value)


def wrong_text(text: Any) -> list[Wrong]:
    """What no text may be: another type, too long, or with a character that cannot be stored."""
    if not isinstance(text, str):
        return [("This must be text.", "Send it as a JSON string.")]
    if len(text) > MAX_CHARS:
        return [(f"The text has {len(text):,} characters; {MAX_CHARS:,} are the most.", "Shorten it.")]
    at = text.find("\0")
    if at >= 0:
        return [
            (
                f"Character {at + 1:,} of the text is a NUL, which cannot be stored.",
                "Delete it (the box after the text before it).",
            )
        ]
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return [
            (
                f"Character {error.start + 1:,} of the text is half of a pair (a lone surrogate).",
                "Delete it or type it again.",
            )
        ]
    return []


def unread(value: Any, what: str, do: str) -> list[Wrong]:
    """The problem of a value that stayed raw."""
    return [(what, do)] if is_raw(value) else []


def part_of(content: Content, part: str) -> str:
    """The text of a named part. Of a chat: the system text, the last user turn, the last assistant turn."""
    if content.kind == "single":
        return {"instruction": content.instruction, "input": content.input}.get(
            part, content.outputs[0] if content.outputs else ""
        )
    if part == "instruction":
        return content.system
    role = "user" if part == "input" else "assistant"
    return next((turn.text for turn in reversed(content.messages) if turn.role == role), "")
