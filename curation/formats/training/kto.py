"""KTO: single answers that are good or bad, without pairs."""

from collections.abc import Mapping
from typing import Any, ClassVar

from curation.formats.training.base import Json, Record, Unfit, rest_of
from curation.formats.training.prompt_completion import PromptCompletion


class Kto:
    """Prompt and completion with `label`: whether the completion is one to learn."""

    name: ClassVar[str] = "kto"
    title: ClassVar[str] = "KTO"
    summary: ClassVar[str] = "TRL's KTOTrainer: answers with a thumb up or down."
    suffix: ClassVar[str] = "jsonl"
    columns: ClassVar[tuple[str, ...]] = ("prompt", "completion", "label", "tools")
    _pair = PromptCompletion()

    def write(self, record: Record) -> Json:
        if record.desirable is None:
            raise Unfit("label", "is missing: nobody said whether the answer is good")
        row = self._pair.write(record)
        tools = {"tools": row.pop("tools")} if "tools" in row else {}
        return row | {"label": record.desirable} | tools

    def read(self, row: Mapping[str, Any]) -> Record:
        label = row.get("label")
        if not isinstance(label, bool):
            raise Unfit("label", "must be true or false" if "label" in row else "is missing")
        found = self._pair.read({name: value for name, value in row.items() if name != "label"})
        return Record(
            content=found.content, desirable=label, tools=found.tools, beside=rest_of(row, *self.columns),
        )  # fmt: skip
