"""Natural Instructions: one JSON file a task, with definition, examples and instances (Wang and others 2022)."""

from collections.abc import Mapping
from typing import Any, ClassVar

from curation.content import Content
from curation.formats.training.base import Json, Record, Unfit, list_of, rest_of, text_of


class NaturalInstructions:
    """A record is one instance: its input and all its answers. The task's instruction stands in the file's head.

    Readers take the first 100 instances of a test task for evaluation, so the order of a file matters.
    """

    name: ClassVar[str] = "natural_instructions"
    title: ClassVar[str] = "Natural Instructions"
    summary: ClassVar[str] = "One JSON file a task with definition, examples and instances: Tk-Instruct, FLAN mixes."
    suffix: ClassVar[str] = "json"
    columns: ClassVar[tuple[str, ...]] = ("id", "input", "output")

    def write(self, record: Record) -> Json:
        content = record.content
        if content.kind == "chat":
            raise Unfit("messages", "are a chat, which Natural Instructions has no place for")
        if not content.outputs:
            raise Unfit("outputs", "hold no answer to learn from")
        return {"id": record.key, "input": content.input, "output": list(content.outputs)}

    def read(self, row: Mapping[str, Any]) -> Record:
        outputs = row.get("output")
        found = [outputs] if isinstance(outputs, str) else list_of(row, "output")
        for number, text in enumerate(found):
            if not isinstance(text, str):
                raise Unfit(f"output[{number}]", "must be text")
        content = Content("single", "", text_of(row, "input"), tuple(found))
        return Record(key=text_of(row, "id", ""), content=content, beside=rest_of(row, *self.columns))
