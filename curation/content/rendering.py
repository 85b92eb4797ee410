"""From Content to text: the named views that methods read, and the key that makes a row's identity."""

import hashlib
from typing import Any

from curation.content import jsontext
from curation.content.model import Content, Message

VIEWS = ("text", "prompt", "response", "messages")


def render(content: Content, view: str) -> str:
    """One view of a row. Parts that are empty are left out; the others are joined by a line break.

    - `text`: system, instruction, input and every output; of a chat every turn as `role: text`.
    - `prompt`: the same up to the answer; `response`: the outputs, or the last assistant turn alone. Turns
      after the last assistant turn are in neither; without an assistant turn all is prompt.
    - `messages`: JSON in the OpenAI form. A single row becomes system, user (instruction, blank line, input)
      and the first output.

    Raises `ValueError` for another view.
    """
    if view == "messages":
        return jsontext.dumps(messages(content))
    if view not in VIEWS:
        raise ValueError(f"no view is named {view!r}; the views are {', '.join(VIEWS)}")
    if content.kind == "single":
        before = () if view == "response" else (content.system, content.instruction, content.input)
        after = () if view == "prompt" else content.outputs
        return "\n".join(part for part in (*before, *after) if part)
    turns = content.messages
    cut = _last_answer(turns)
    if view == "response":
        return _said(turns[cut]) if cut < len(turns) else ""
    shown = turns if view == "text" else turns[:cut]
    opening = [f"system: {content.system}"] if content.system else []
    return "\n".join(opening + [f"{turn.role}: {_said(turn)}" for turn in shown])


def messages(content: Content) -> list[dict[str, Any]]:
    """The row as OpenAI messages: dicts with role, content and whatever else a turn carried."""
    out: list[dict[str, Any]] = [{"role": "system", "content": content.system}] if content.system else []
    if content.kind == "single":
        asked = "\n\n".join(part for part in (content.instruction, content.input) if part)
        out.append({"role": "user", "content": asked})
        out += [{"role": "assistant", "content": text} for text in content.outputs[:1]]
        return out
    for turn in content.messages:
        extra = {key: value for key, value in (turn.extra or {}).items() if key != "from"}
        out.append({"role": turn.role, "content": turn.text, **extra})
    return out


def parts_of(content: Content) -> list[tuple[str, str]]:
    """(label, text) of what a content says; empty parts are left out, free text has no label."""
    if content.kind == "single" and not content.instruction and not content.outputs:
        return [("", render(content, "text"))]
    parts = [("System", content.system), ("Instruction", content.instruction), ("Input", content.input)]
    parts += [("Output", text) for text in content.outputs]
    for turn in content.messages:
        carried = [jsontext.dumps(dict(turn.extra))] if turn.extra else []  # tool calls are what was answered
        parts.append((turn.role.capitalize(), "\n".join(text for text in (turn.text, *carried) if text)))
    return [(label, text) for label, text in parts if text]


def key_of(content: Content) -> str:
    """blake2b-128 (32 hex digits) of the canonical content: equal content, equal key, whatever the columns.

    The canonical form is the kind followed by each part as its length in characters, a colon and the text, so
    no two contents share one. What a turn carries besides text enters as JSON with sorted keys. Text enters
    as it is: no Unicode normalisation, no trimming, no folding of case.
    """
    if content.kind == "single":
        outs = "".join([f"{len(text)}:{text}" for text in content.outputs])
        return single_key(content.system, content.instruction, content.input, f"{len(content.outputs)};{outs}")
    turns = []
    for turn in content.messages:
        extra = jsontext.canonical(turn.extra) if turn.extra else ""
        turns.append(f"{len(turn.role)}:{turn.role}{len(turn.text)}:{turn.text}{len(extra)}:{extra}")
    return _digest(f"chat;{len(content.system)}:{content.system}{len(turns)};{''.join(turns)}")


def single_key(system: str, instruction: str, given: str, outputs: str) -> str:
    """The key of a single row; `outputs` is their count, a semicolon, and each with its length in front."""
    text = f"single;{len(system)}:{system}{len(instruction)}:{instruction}{len(given)}:{given}{outputs}"
    return _digest(text)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _last_answer(turns: tuple[Message, ...]) -> int:
    """Where the last assistant turn stands; the number of turns if there is none."""
    places = [place for place, turn in enumerate(turns) if turn.role == "assistant"]
    return places[-1] if places else len(turns)


def _said(turn: Message) -> str:
    """A turn's text, and its tool calls as JSON, because they are what the assistant answered."""
    extra = turn.extra or {}
    calls = [jsontext.dumps(extra[name]) for name in ("tool_calls", "function_call") if extra.get(name)]
    return "\n".join(part for part in (turn.text, *calls) if part)
