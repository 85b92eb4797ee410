"""The text of one example as fields of a form, and back. Whatever nobody touched comes back exactly as it was."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from curation.content import MAX_CHARS, Content, Message, jsontext

MAX_TURNS = 150  # more fields than that no page takes
MAX_OUTPUTS = 50
ROLES = ("user", "assistant", "tool")


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn as it stands in the form; `extra` is JSON, empty where there is none."""

    role: str
    text: str
    extra: str = ""


@dataclass
class Posted:
    """What was written, and what is wrong with it: (name of the field, why)."""

    content: Content
    turns: list[Turn]
    problems: list[tuple[str, str]]


def turns_of(content: Content) -> list[Turn]:
    return [Turn(one.role, one.text, jsontext.dumps(dict(one.extra)) if one.extra else "") for one in content.messages]


def too_many(content: Content) -> bool:
    """Whether it has more parts than a form takes."""
    return len(content.messages) > MAX_TURNS or len(content.outputs) > MAX_OUTPUTS


def parse(posted: Mapping[str, list[str]], base: Content) -> Posted:
    """The content that was written. `base` is the one that the form showed.

    A browser sends line ends as CR LF; a text that is the same but for them is the old one. Outputs and turns that are
    empty are left out.
    """
    problems: list[tuple[str, str]] = []
    system = _text(_first(posted, "system"), [base.system])
    if base.kind == "chat":
        turns, messages = _messages(posted, base, problems)
        content = Content("chat", messages=tuple(messages), system=system)
        if not messages:
            problems.append(("turns", "A chat has at least one turn."))
    else:
        turns = []
        outputs = [_text(one, base.outputs) for one in posted.get("output", [])[: MAX_OUTPUTS + 1]]
        instruction = _text(_first(posted, "instruction"), [base.instruction])
        given = _text(_first(posted, "input"), [base.input])
        content = Content("single", instruction, given, tuple(one for one in outputs if one), (), system)
        if not instruction.strip() and not given.strip():
            problems.append(("instruction", "An example has an instruction or an input; both are empty."))
        if len(outputs) > MAX_OUTPUTS:
            problems.append(("output", f"At most {MAX_OUTPUTS} outputs."))
    problems += _sizes(content)
    return Posted(content, turns, problems)


def _first(posted: Mapping[str, list[str]], name: str) -> str:
    values = posted.get(name) or [""]
    return values[0]


def _text(written: str, old: Any) -> str:
    plain = _lines(written)
    return next((one for one in old if _lines(one) == plain), plain.replace("\0", ""))


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _messages(
    posted: Mapping[str, list[str]], base: Content, problems: list[tuple[str, str]]
) -> tuple[list[Turn], list[Message]]:
    roles, texts = posted.get("turn-role", []), posted.get("turn-text", [])
    extras = posted.get("turn-extra", [])
    turns, messages = [], []
    before = [one.text for one in base.messages]
    for number, (role, text) in enumerate(zip(roles, texts, strict=False)):
        extra = extras[number].strip() if number < len(extras) else ""
        if not text and not extra:
            continue
        turn = Turn(_lines(role).strip()[:60], _text(text, before), extra)
        turns.append(turn)
        try:
            carried = _extra(extra)
        except ValueError as error:
            problems.append((f"turn-{len(turns)}", f"What turn {len(turns)} carries besides text {error}."))
            carried = None
        if not turn.role:
            problems.append((f"turn-{len(turns)}", f"Turn {len(turns)} has no role; it is user, assistant or tool."))
        messages.append(Message(turn.role, turn.text, carried))
    if len(turns) > MAX_TURNS + 1:
        problems.append(("turns", f"A page changes at most {MAX_TURNS} turns."))
    return turns, messages


def _extra(text: str) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError("must be a JSON object") from None
    if "\\u0000" in json.dumps(found):
        raise ValueError("holds a NUL character, which cannot be stored") from None
    return found or None


def _sizes(content: Content) -> list[tuple[str, str]]:
    named = [("system", content.system), ("instruction", content.instruction), ("input", content.input)]
    named += [("output", text) for text in content.outputs]
    named += [(f"turn-{n}", turn.text) for n, turn in enumerate(content.messages, 1)]
    return [
        (name, f"This has {len(text):,} characters; {MAX_CHARS:,} are the most.") for name, text in named
        if len(text) > MAX_CHARS
    ]  # fmt: skip
