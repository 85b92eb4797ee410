"""From a row as it came to Content. Every complaint is a `ContentError` that names the field and says why."""

from collections import abc
from typing import Any

from curation.content import jsontext
from curation.content.model import (
    MAX_CHARS,
    MAX_ID_CHARS,
    MAX_MESSAGES,
    MISSING,
    Content,
    ContentError,
    Mapping,
    Message,
    lookup,
)

# ShareGPT, and what its relatives write, in the words of the OpenAI form. Other roles stay as they are.
ROLES = {
    "human": "user", "gpt": "assistant", "chatgpt": "assistant", "bing": "assistant", "bard": "assistant",
    "model": "assistant", "bot": "assistant", "ai": "assistant", "prompter": "user",
    "observation": "tool", "function_response": "tool", "function_call": "assistant",
}  # fmt: skip
_ROLE_KEYS, _TEXT_KEYS = ("role", "from"), ("content", "value")
_KINDS = {bool: "true or false", int: "a number", float: "a number", dict: "an object", list: "a list"}


def read(row: abc.Mapping[str, Any], mapping: Mapping, max_chars: int = MAX_CHARS) -> Content:
    """What `row` says under `mapping`.

    Raises `ContentError` when a mapped field is missing (`input` and `system` may be), empty where text must
    stand, not text, longer than `max_chars`, or holds a NUL character, which PostgreSQL cannot store.
    """
    system = _text(_get(row, mapping.system), "system", max_chars)
    if mapping.messages:
        turns = _turns(_get(row, mapping.messages), "messages", max_chars)
        return _chat(turns + _reply(row, mapping, max_chars), system)
    if mapping.instruction or mapping.input:
        asked = _get(row, mapping.instruction)
        if isinstance(asked, list):  # prompt and completion as lists of messages
            turns = _turns(asked, "instruction", max_chars)
            return _chat(turns + _reply(row, mapping, max_chars), system)
        return _single(row, mapping, asked, system, max_chars)
    if mapping.text:
        text = _wanted(_get(row, mapping.text), "text", max_chars)
        return Content("single", input=text, system=system)
    mapping.check()
    raise AssertionError("unreachable: check() refuses a mapping without content")


def read_id(row: abc.Mapping[str, Any], mapping: Mapping) -> str:
    """The row's own id, or "" where none is mapped. Raises `ContentError` when it is mapped but unusable."""
    if not mapping.id:
        return ""
    value = _get(row, mapping.id)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    text = _wanted(value, "id", MAX_CHARS)
    if len(text) > MAX_ID_CHARS:
        raise ContentError("id", f"has {len(text):,} characters; the limit is {MAX_ID_CHARS:,}")
    return text


def read_source(row: abc.Mapping[str, Any], mapping: Mapping) -> str:
    """Where the row says it is from, or "". A list of texts is joined. Raises `ContentError` otherwise."""
    value = _get(row, mapping.source)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = ", ".join(value)
    if isinstance(value, int | float):
        value = jsontext.dumps(value)
    return _text(value, "source", MAX_ID_CHARS)


def _get(row: abc.Mapping[str, Any], path: str) -> Any:
    """None for a part that is not mapped, not there, or null."""
    value = lookup(row, path) if path else None
    return None if value is MISSING else value


def _text(value: Any, field: str, max_chars: int) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ContentError(field, f"is {_KINDS.get(type(value), 'of the wrong type')}, not text")
    if len(value) > max_chars:
        raise ContentError(field, f"has {len(value):,} characters; the limit is {max_chars:,}")
    if "\0" in value:
        raise ContentError(field, "contains a NUL character")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ContentError(field, "contains half a surrogate pair, which is not a character") from None
    return value


def _wanted(value: Any, field: str, max_chars: int) -> str:
    if value is None:
        raise ContentError(field, "is missing")
    text = _text(value, field, max_chars)
    if not text or text.isspace():
        raise ContentError(field, "is empty")
    return text


def _single(row: abc.Mapping[str, Any], mapping: Mapping, asked: Any, system: str, max_chars: int) -> Content:
    if mapping.instruction and asked is None:
        raise ContentError("instruction", "is missing")
    instruction = _text(asked, "instruction", max_chars)
    given = _text(_get(row, mapping.input), "input", max_chars)
    if not (instruction.strip() or given.strip()):
        raise ContentError("instruction" if mapping.instruction else "input", "is empty")
    return Content("single", instruction, given, _outputs(row, mapping, max_chars), system=system)


def _outputs(row: abc.Mapping[str, Any], mapping: Mapping, max_chars: int) -> tuple[str, ...]:
    if not mapping.output:
        return ()
    value = _get(row, mapping.output)
    if value is None:
        raise ContentError("output", "is missing")
    values = value if isinstance(value, list) else [value]
    # A label or an answer may well be a number; an instruction may not.
    values = [jsontext.dumps(item) if isinstance(item, int | float) else item for item in values]
    return tuple(text for text in (_text(item, "output", max_chars) for item in values) if text)


def _reply(row: abc.Mapping[str, Any], mapping: Mapping, max_chars: int) -> list[Message]:
    """The answer column of a chat: a text becomes the last turn, a list of messages is appended."""
    value = _get(row, mapping.output)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return _turns(value, "output", max_chars)
    return [Message("assistant", text) for text in _outputs(row, mapping, max_chars)[:1]]


def _turns(value: Any, field: str, max_chars: int) -> list[Message]:
    if value is None:
        raise ContentError(field, "is missing")
    if isinstance(value, str):
        try:
            value = jsontext.loads(value)
        except ValueError:
            raise ContentError(field, "is text that is not JSON; a list of messages was expected") from None
    if not isinstance(value, list):
        raise ContentError(field, f"is {_KINDS.get(type(value), 'text')}, not a list of messages")
    if not value:
        raise ContentError(field, "has no messages")
    if len(value) > MAX_MESSAGES:
        raise ContentError(field, f"has {len(value):,} messages; the limit is {MAX_MESSAGES:,}")
    return [_message(raw, f"{field}[{place}]", max_chars) for place, raw in enumerate(value)]


def _message(raw: Any, field: str, max_chars: int) -> Message:
    if not isinstance(raw, abc.Mapping):
        raise ContentError(field, "is not an object with a role and a content")
    role_key = next((key for key in _ROLE_KEYS if raw.get(key) is not None), None)
    if role_key is None:
        raise ContentError(field, "has no role")
    role = _wanted(raw[role_key], f"{field}.{role_key}", 64).strip()
    text_key = next((key for key in _TEXT_KEYS if key in raw), None)
    # Parquet gives every turn all the keys of its struct: a null says the same as a key that is not there.
    extra = {
        key: value for key, value in raw.items() if key not in (role_key, text_key) and value not in (None, [], {})
    }
    value = raw[text_key] if text_key else None
    if value is None and not extra:
        raise ContentError(field, "has no content")
    if isinstance(value, list):
        text, kept = _parts(value, field, max_chars)
        extra |= {"content": kept} if kept else {}
    else:
        text = _text(value, f"{field}.{text_key or 'content'}", max_chars)
    plain = ROLES.get(role.lower(), role if role_key == "role" else role.lower())
    if role.lower() == "function_call":
        extra["from"] = role
    if extra:
        _check_extra(extra, field)
    return Message(plain, text, extra or None)


def _check_extra(extra: dict[str, Any], field: str) -> None:
    try:
        text = jsontext.canonical(extra)
        text.encode()
    except (ValueError, TypeError):
        raise ContentError(field, "carries something that is not JSON, or nested too deeply") from None
    if jsontext.has_nul(text):
        raise ContentError(field, "contains a NUL character")


def _parts(parts: list[Any], field: str, max_chars: int) -> tuple[str, list[Any]]:
    """The text of content given as parts, and the parts themselves unless they are just one text."""
    texts = []
    for place, part in enumerate(parts):
        if isinstance(part, str):
            texts.append(_text(part, f"{field}.content[{place}]", max_chars))
        elif isinstance(part, abc.Mapping):
            texts.append(_text(part.get("text"), f"{field}.content[{place}].text", max_chars))
        else:
            raise ContentError(f"{field}.content[{place}]", "is neither text nor a part with a type")
    plain = len(parts) == 1 and isinstance(parts[0], dict) and set(parts[0]) <= {"type", "text"} and texts[0]
    return "\n".join(text for text in texts if text), [] if plain else parts


def _chat(turns: list[Message], system: str) -> Content:
    if not any(turn.text.strip() or turn.extra for turn in turns):
        raise ContentError("messages", "is empty")
    first = turns[0]
    if first.role == "system" and first.extra is None and system in ("", first.text) and len(turns) > 1:
        system, turns = first.text, turns[1:]
    return Content("chat", messages=tuple(turns), system=system)
