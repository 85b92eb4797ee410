"""Chats in and out: OpenAI messages with roles, tool calls and everything else that a turn carried."""

from collections.abc import Mapping, Sequence
from typing import Any

from curation.content import Content, Message, messages
from curation.formats.training.base import Json, Record, Unfit

ROLES = ("user", "assistant", "tool")


def turns(record: Record) -> list[Json]:
    """The messages of a record, the system turn first. Raises `Unfit` for one without a turn to learn."""
    found = messages(record.content)
    if record.content.kind == "single" and len(record.content.outputs) > 1:
        raise Unfit("outputs", "hold several answers; export each")
    if not any(turn["role"] == "assistant" for turn in found):
        raise Unfit("messages", "hold no turn of the assistant to learn from")
    return found


def prompt_turns(record: Record) -> list[Json]:
    """The messages before the last answer. Raises `Unfit` where the chat goes on after it, or nothing was asked."""
    found = messages(record.content)
    if record.content.kind == "single":
        found = [turn for turn in found if turn["role"] != "assistant"]
    elif found and found[-1]["role"] == "assistant":
        found = found[:-1]
    if not any(turn["role"] == "user" for turn in found):
        raise Unfit("messages", "hold nothing that was asked")
    return found


def chat(found: Sequence[Any], place: str = "messages") -> Content:
    """The content of OpenAI messages. Raises `Unfit` with the turn."""
    system, out = "", []
    for number, raw in enumerate(found):
        at = f"{place}[{number}]"
        if not isinstance(raw, Mapping):
            raise Unfit(at, "must be an object with role and content")
        role, text = raw.get("role"), raw.get("content")
        if not isinstance(role, str) or not role:
            raise Unfit(f"{at}.role", "is missing")
        extra = {name: value for name, value in raw.items() if name not in ("role", "content") and value is not None}
        if text is not None and not isinstance(text, str):
            raise Unfit(f"{at}.content", "must be text")
        if role == "system" and number == 0:
            system = text or ""
            continue
        out.append(Message(role, text or "", extra or None))
    if not out:
        raise Unfit(place, "hold no turn")
    return Content("chat", messages=tuple(out), system=system)


def tools_of(row: Mapping[str, Any]) -> tuple[Json, ...]:
    """The tool schemas beside a chat: a list, or a list as JSON text. Raises `Unfit`."""
    from curation.content.jsontext import loads

    value = row.get("tools")
    if isinstance(value, str):
        try:
            value = loads(value) if value.strip() else []
        except ValueError:
            raise Unfit("tools", "is not JSON") from None
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        raise Unfit("tools", "must be a list of objects")
    return tuple(dict(one) for one in value)
