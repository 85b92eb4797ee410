"""ShareGPT: conversations of human and gpt; function_call and observation as LLaMA-Factory reads them."""

from collections.abc import Mapping
from typing import Any, ClassVar

from curation.content import Content, Message
from curation.content.jsontext import dumps, loads
from curation.formats.training.base import Json, Record, Unfit, list_of, rest_of, text_of
from curation.formats.training.chat import tools_of, turns

OUT = {"user": "human", "assistant": "gpt", "tool": "observation"}
IN = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "observation": "tool",
    "tool": "tool",
}


class ShareGpt:
    """A call of tools is a turn `function_call` whose value is JSON; what the tool said is an `observation`.

    Calls are a list of `name` and `arguments`, as LLaMA-Factory takes them apart; their ids have no place here.
    """

    name: ClassVar[str] = "sharegpt"
    title: ClassVar[str] = "ShareGPT"
    summary: ClassVar[str] = "Conversations of human and gpt: LLaMA-Factory, FastChat, Axolotl."
    suffix: ClassVar[str] = "jsonl"
    columns: ClassVar[tuple[str, ...]] = ("conversations", "system", "tools")

    def write(self, record: Record) -> Json:
        found = turns(record)
        system = found[0]["content"] if found[0]["role"] == "system" else ""
        row: Json = {"conversations": [_out(turn, n) for n, turn in enumerate(found) if n or turn["role"] != "system"]}
        if system:
            row["system"] = system
        return row | ({"tools": dumps(list(record.tools))} if record.tools else {})

    def read(self, row: Mapping[str, Any]) -> Record:
        system, out = text_of(row, "system", ""), []
        for number, raw in enumerate(list_of(row, "conversations")):
            at = f"conversations[{number}]"
            if not isinstance(raw, Mapping):
                raise Unfit(at, "must be an object with from and value")
            who, said = text_of(raw, "from"), text_of(raw, "value")
            if who == "system" and not number:
                system = said
            elif who == "function_call":
                out.append(Message("assistant", "", {"tool_calls": _calls(said, at)}))
            elif who in IN:
                out.append(Message(IN[who], said))
            else:
                raise Unfit(f"{at}.from", f"is {who!r}; it is human, gpt, function_call or observation")
        if not out:
            raise Unfit("conversations", "hold no turn")
        content = Content("chat", messages=tuple(out), system=system)
        return Record(content=content, tools=tools_of(row), beside=rest_of(row, *self.columns))


def _out(turn: Json, number: int) -> Json:
    role, calls = turn["role"], turn.get("tool_calls")
    if calls:
        if turn["content"]:
            raise Unfit(f"messages[{number}]", "both speaks and calls tools, which ShareGPT has no place for")
        return {"from": "function_call", "value": dumps([_called(one) for one in calls])}
    if role not in OUT:
        raise Unfit(f"messages[{number}].role", f"is {role}, which ShareGPT has no place for")
    return {"from": OUT[role], "value": turn["content"]}


def _called(call: Any) -> Any:
    """name and arguments of a call as OpenAI has it; arguments that are the text of an object become the object."""
    found = call.get("function", call) if isinstance(call, Mapping) else call
    if not isinstance(found, Mapping) or set(found) != {"name", "arguments"}:
        return call
    given = found["arguments"]
    if isinstance(given, str):
        try:
            opened = loads(given)
        except ValueError:
            opened = None
        given = opened if isinstance(opened, Mapping) else given
    return {"name": found["name"], "arguments": given}


def _call(found: Json) -> Json:
    if set(found) != {"name", "arguments"}:
        return found
    given = found["arguments"]
    function = {"name": found["name"], "arguments": given if isinstance(given, str) else dumps(given)}
    return {"type": "function", "function": function}


def _calls(said: str, at: str) -> list[Json]:
    try:
        value = loads(said)
    except ValueError:
        raise Unfit(f"{at}.value", "is not JSON, as a function_call must be") from None
    found = value if isinstance(value, list) else [value]
    if not found or not all(isinstance(one, Mapping) for one in found):
        raise Unfit(f"{at}.value", "must be an object or a list of objects")
    return [_call(dict(one)) for one in found]
