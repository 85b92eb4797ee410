"""Prompt and completion: what TRL's SFTTrainer takes when only the answer is to be learnt."""

from collections.abc import Mapping
from typing import Any, ClassVar

from curation.content import Content
from curation.formats.training.base import Json, Record, Unfit, answer_of, list_of, rest_of, text_of
from curation.formats.training.chat import chat, prompt_turns, tools_of


class PromptCompletion:
    """A single row without system text is plain text; with it, and a chat, both fields are lists of messages."""

    name: ClassVar[str] = "prompt_completion"
    title: ClassVar[str] = "Prompt and completion"
    summary: ClassVar[str] = "TRL's SFTTrainer, learning the answer only."
    suffix: ClassVar[str] = "jsonl"
    columns: ClassVar[tuple[str, ...]] = ("prompt", "completion", "tools")

    def write(self, record: Record) -> Json:
        content = record.content
        if content.kind == "single" and not (content.system or record.turns or record.tools):
            asked = "\n\n".join(part for part in (content.instruction, content.input) if part)
            return {"prompt": asked, "completion": answer_of(record)}
        said = _answer(record)
        row: Json = {"prompt": prompt_turns(record), "completion": [said]}
        return row | ({"tools": list(record.tools)} if record.tools else {})

    def read(self, row: Mapping[str, Any]) -> Record:
        beside = rest_of(row, *self.columns)
        if isinstance(row.get("prompt"), str):
            content = Content("single", text_of(row, "prompt"), "", (text_of(row, "completion"),))
            return Record(content=content, beside=beside)
        whole = [*list_of(row, "prompt"), *list_of(row, "completion")]
        return Record(content=chat(whole, "prompt"), tools=tools_of(row), beside=beside)


def _answer(record: Record) -> Json:
    content = record.content
    if content.kind == "single":
        return {"role": "assistant", "content": answer_of(record)}
    if not content.messages or content.messages[-1].role != "assistant":
        raise Unfit("messages", "do not end with an answer of the assistant")
    last = content.messages[-1]
    extra = {name: value for name, value in (last.extra or {}).items() if name != "from"}
    return {"role": "assistant", "content": last.text, **extra}
