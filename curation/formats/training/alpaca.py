"""Alpaca: instruction, input, output; with system and history as LLaMA-Factory reads them."""

from collections.abc import Mapping
from typing import Any, ClassVar

from curation.content import Content, Message
from curation.formats.training.base import Json, Record, Unfit, answer_of, list_of, rest_of, text_of


class Alpaca:
    """A chat becomes its last question and answer, with the turns before as `history`: pairs of question and answer.

    Turns that are neither user nor assistant, or carry tool calls, have no place here.
    """

    name: ClassVar[str] = "alpaca"
    title: ClassVar[str] = "Alpaca"
    summary: ClassVar[str] = "Instruction, input, output: read by nearly everything."
    suffix: ClassVar[str] = "jsonl"
    columns: ClassVar[tuple[str, ...]] = ("instruction", "input", "output", "system", "history")

    def write(self, record: Record) -> Json:
        content = record.content
        if content.kind == "single":
            system = {"system": content.system} if content.system else {}
            return {"instruction": content.instruction, "input": content.input, "output": answer_of(record)} | system
        pairs = _pairs(content)
        asked, said = pairs[-1]
        row: Json = {"instruction": asked, "input": "", "output": said}
        if content.system:
            row["system"] = content.system
        return row | {"history": [list(pair) for pair in pairs[:-1]]}

    def read(self, row: Mapping[str, Any]) -> Record:
        instruction, given = text_of(row, "instruction"), text_of(row, "input", "")
        output, system = text_of(row, "output"), text_of(row, "system", "")
        beside = rest_of(row, *self.columns)
        if "history" not in row or row["history"] is None:
            return Record(content=Content("single", instruction, given, (output,), system=system), beside=beside)
        turns = []
        for number, pair in enumerate(list_of(row, "history")):
            if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(text, str) for text in pair):
                raise Unfit(f"history[{number}]", "must be a question and an answer")
            turns += [Message("user", pair[0]), Message("assistant", pair[1])]
        asked = "\n\n".join(part for part in (instruction, given) if part)
        turns += [Message("user", asked), Message("assistant", output)]
        return Record(content=Content("chat", messages=tuple(turns), system=system), beside=beside)


def _pairs(content: Content) -> list[tuple[str, str]]:
    turns = content.messages
    if len(turns) % 2 or not turns:
        raise Unfit("messages", "do not end with an answer of the assistant")
    for number, turn in enumerate(turns):
        if turn.role != ("user", "assistant")[number % 2]:
            raise Unfit(f"messages[{number}].role", "breaks the turns of user and assistant, which Alpaca needs")
        if turn.extra:
            raise Unfit(f"messages[{number}]", "carries more than text, which Alpaca has no place for")
    return [(turns[at].text, turns[at + 1].text) for at in range(0, len(turns), 2)]
