"""Content as it is kept in the database: plain JSON without empty parts."""

from collections import abc
from typing import Any

from curation.content.model import Content, ContentError, Message


def dump(content: Content) -> dict[str, Any]:
    """A JSON object that `load` reads back as an equal Content."""
    out: dict[str, Any] = {"kind": content.kind}
    for name in ("system", "instruction", "input"):
        if getattr(content, name):
            out[name] = getattr(content, name)
    if content.outputs:
        out["outputs"] = list(content.outputs)
    if content.messages:
        out["messages"] = [
            {"role": turn.role, "text": turn.text} | ({"extra": dict(turn.extra)} if turn.extra else {})
            for turn in content.messages
        ]
    return out


def load(raw: abc.Mapping[str, Any]) -> Content:
    """The Content of what `dump` wrote, or of JSON that a client sent in the same form.

    Raises `ContentError` (field, why) for an unknown part or a part of the wrong type.
    """
    known = {"kind", "system", "instruction", "input", "outputs", "messages"}
    for name in raw:
        if name not in known:
            raise ContentError(str(name), f"is not a part of content; the parts are {', '.join(sorted(known))}")
    kind = raw.get("kind", "chat" if raw.get("messages") else "single")
    if kind not in ("single", "chat"):
        raise ContentError("kind", "must be single or chat")
    texts = {name: _text(raw.get(name, ""), name) for name in ("system", "instruction", "input")}
    outputs = raw.get("outputs", [])
    if not isinstance(outputs, list):
        raise ContentError("outputs", "must be a list of texts")
    turns = raw.get("messages", [])
    if not isinstance(turns, list):
        raise ContentError("messages", "must be a list of turns")
    return Content(
        kind=kind, outputs=tuple(_text(one, f"outputs[{n}]") for n, one in enumerate(outputs)),
        messages=tuple(_turn(one, n) for n, one in enumerate(turns)), **texts,
    )  # fmt: skip


def _turn(raw: Any, number: int) -> Message:
    if not isinstance(raw, abc.Mapping):
        raise ContentError(f"messages[{number}]", "must be an object with role and text")
    extra = raw.get("extra")
    if extra is not None and not isinstance(extra, abc.Mapping):
        raise ContentError(f"messages[{number}].extra", "must be an object")
    role = _text(raw.get("role", ""), f"messages[{number}].role")
    if not role:
        raise ContentError(f"messages[{number}].role", "is empty; it is user, assistant or tool")
    return Message(role, _text(raw.get("text", ""), f"messages[{number}].text"), dict(extra) if extra else None)


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise ContentError(place, "must be text")
    if "\0" in value:
        raise ContentError(place, "holds a NUL character, which cannot be stored")
    return value
