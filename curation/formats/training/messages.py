"""Messages: OpenAI chats, the conversational form of TRL and what chat templates (ChatML) take."""

from collections.abc import Mapping
from typing import Any, ClassVar

from curation.formats.training.base import Json, Record, list_of, rest_of
from curation.formats.training.chat import chat, tools_of, turns


class Messages:
    """A single row becomes system, user (instruction, blank line, input) and assistant."""

    name: ClassVar[str] = "messages"
    title: ClassVar[str] = "Messages"
    summary: ClassVar[str] = "Chats with roles and tool calls: TRL, Axolotl, OpenAI, every chat template."
    suffix: ClassVar[str] = "jsonl"
    columns: ClassVar[tuple[str, ...]] = ("messages", "tools")

    def write(self, record: Record) -> Json:
        return {"messages": turns(record)} | ({"tools": list(record.tools)} if record.tools else {})

    def read(self, row: Mapping[str, Any]) -> Record:
        return Record(content=chat(list_of(row, "messages")), tools=tools_of(row), beside=rest_of(row, *self.columns))
