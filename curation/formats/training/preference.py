"""Preference pairs for DPO and its kin, with an explicit prompt as TRL has it."""

from collections.abc import Mapping
from typing import Any, ClassVar

from curation.content import Content
from curation.formats.training.base import Json, Record, Unfit, list_of, rest_of, text_of
from curation.formats.training.chat import chat, prompt_turns, tools_of


class Preference:
    """prompt, chosen, rejected: texts of a single row; lists of messages of a chat, or where there is system text.

    `read` also takes the implicit form, in which `chosen` and `rejected` are whole chats, or whole texts, that begin alike.
    """

    name: ClassVar[str] = "preference"
    title: ClassVar[str] = "Preference pairs"
    summary: ClassVar[str] = "TRL's DPOTrainer and reward trainers: a prompt with a chosen and a rejected answer."
    suffix: ClassVar[str] = "jsonl"
    columns: ClassVar[tuple[str, ...]] = ("prompt", "chosen", "rejected", "tools")

    def write(self, record: Record) -> Json:
        if record.chosen is None or record.rejected is None:
            raise Unfit("chosen" if record.chosen is None else "rejected", "is missing: the row is no preference")
        if record.chosen == record.rejected:
            raise Unfit("rejected", "equals the chosen answer")
        content = record.content
        if content.kind == "single" and not (content.system or record.turns or record.tools):
            asked = "\n\n".join(part for part in (content.instruction, content.input) if part)
            return {"prompt": asked, "chosen": record.chosen, "rejected": record.rejected}
        return {
            "prompt": prompt_turns(record),
            "chosen": [{"role": "assistant", "content": record.chosen}],
            "rejected": [{"role": "assistant", "content": record.rejected}],
            **({"tools": list(record.tools)} if record.tools else {}),
        }

    def read(self, row: Mapping[str, Any]) -> Record:
        beside = rest_of(row, *self.columns)
        if isinstance(row.get("chosen"), str):
            chosen, rejected = text_of(row, "chosen"), text_of(row, "rejected")
            if row.get("prompt") is None:
                asked = _shared(chosen, rejected)
                chosen, rejected = chosen[len(asked) :], rejected[len(asked) :]
            else:
                asked = text_of(row, "prompt")
            content = Content("single", asked)
            return Record(content=content, chosen=chosen, rejected=rejected, tools=tools_of(row), beside=beside)
        chosen_turns, rejected_turns = list_of(row, "chosen"), list_of(row, "rejected")
        if row.get("prompt") is None:  # the implicit form: what both chats share was asked
            if chosen_turns[:-1] != rejected_turns[:-1]:
                raise Unfit("rejected", "does not begin as the chosen chat does")
            asked_turns = chosen_turns[:-1]
        else:
            asked_turns = list_of(row, "prompt")
        content = chat(asked_turns, "prompt")
        return Record(
            content=content,
            chosen=_said(chosen_turns, "chosen"),
            rejected=_said(rejected_turns, "rejected"),
            tools=tools_of(row),
            beside=beside,
        )


def _shared(one: str, other: str) -> str:
    """What both texts begin with, but for a space at its end: so TRL takes the prompt out of them."""
    differ = (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return one[: next(differ, min(len(one), len(other)))].removesuffix(" ")


def _said(turns: Any, place: str) -> str:
    last = turns[-1] if turns else None
    if not isinstance(last, Mapping) or last.get("role") != "assistant" or not isinstance(last.get("content"), str):
        raise Unfit(place, "must end with a text of the assistant")
    return str(last["content"])
