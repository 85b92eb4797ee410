"""CSV and Parquet: one column a part, for spreadsheets and data frames; nothing of a record is lost."""

from collections.abc import Mapping
from typing import Any, ClassVar

from curation.content import Content, messages
from curation.content.jsontext import dumps, loads
from curation.formats.training.base import Json, Record, Unfit, rest_of, text_of
from curation.formats.training.chat import chat, tools_of

COLUMNS = (
    "key", "system", "instruction", "input", "output", "outputs", "messages", "tools", "chosen", "rejected", "desirable",
)  # fmt: skip


class Parquet:
    """`output` is the first answer and `outputs` all of them as JSON, where there are several."""

    name: ClassVar[str] = "parquet"
    title: ClassVar[str] = "Parquet"
    summary: ClassVar[str] = "Columns for data frames and datasets; typed and packed."
    suffix: ClassVar[str] = "parquet"
    columns: ClassVar[tuple[str, ...]] = COLUMNS

    def write(self, record: Record) -> Json:
        content = record.content
        row: Json = dict.fromkeys(COLUMNS)
        row["key"] = record.key
        if content.kind == "chat":
            row["messages"] = dumps(messages(content))
        else:
            row |= {"system": content.system, "instruction": content.instruction, "input": content.input}
            row["output"] = content.outputs[0] if content.outputs else None
            row["outputs"] = dumps(list(content.outputs)) if len(content.outputs) > 1 else None
        row["tools"] = dumps(list(record.tools)) if record.tools else None
        desirable = None if record.desirable is None else "yes" if record.desirable else "no"
        return row | {"chosen": record.chosen, "rejected": record.rejected, "desirable": desirable}

    def read(self, row: Mapping[str, Any]) -> Record:
        if row.get("messages"):
            content = chat(_list(row, "messages"))
        else:
            outputs = _list(row, "outputs") if row.get("outputs") else []
            if not outputs and row.get("output") is not None:
                outputs = [text_of(row, "output")]
            instruction, given, system = (text_of(row, name, "") for name in ("instruction", "input", "system"))
            content = Content("single", instruction, given, tuple(str(one) for one in outputs), system=system)
        desirable = row.get("desirable")
        if desirable not in (None, "", "yes", "no"):
            raise Unfit("desirable", "must be yes or no")
        return Record(
            key=text_of(row, "key", ""), content=content, chosen=row.get("chosen"), rejected=row.get("rejected"),
            desirable=None if not desirable else desirable == "yes", tools=tools_of(row),
            beside=rest_of(row, *COLUMNS),
        )  # fmt: skip


class Csv(Parquet):
    """The same columns. Cells that a spreadsheet would run as a formula get a ' in front; empty and missing are one."""

    name: ClassVar[str] = "csv"
    title: ClassVar[str] = "CSV"
    summary: ClassVar[str] = "Spreadsheets. Formulas are quoted, empty and missing cells are the same."
    suffix: ClassVar[str] = "csv"

    def read(self, row: Mapping[str, Any]) -> Record:
        return super().read({name: value if value != "" else None for name, value in row.items()})


def _list(row: Mapping[str, Any], name: str) -> list[Any]:
    value = row[name]
    if isinstance(value, str):
        try:
            value = loads(value)
        except ValueError:
            raise Unfit(name, "is not JSON") from None
    if not isinstance(value, list):
        raise Unfit(name, "must be a list")
    return value
