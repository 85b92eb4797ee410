"""Files with rows: sending one, and which of its columns is which part."""

from typing import Any

from django import forms

from curation.content import Mapping
from curation.importing import wrong_columns

PARTS = [
    ("instruction", "Instruction", "What is asked."),
    ("input", "Input", "What it is asked about; may be empty in a row."),
    ("output", "Output", "The answer, or a list of answers."),
    ("messages", "Messages", "A list of turns (role and content, or from and value)."),
    ("system", "System text", ""),
    ("text", "Free text", "Rows that are one text without an instruction."),
    ("source", "Source", "Where a row is from: for plots, filters and source caps."),
    ("id", "Id", "Names the row for good. Without it, its content does."),
]


class UploadForm(forms.Form):
    """A file with rows."""

    file = forms.FileField(
        label="File", help_text="JSONL, JSON, CSV, TSV or Parquet, also packed as .gz or .zst.",
        error_messages={"empty": "The file is empty. Check that it was saved completely, then send it again."},
    )  # fmt: skip


class MappingForm(forms.Form):
    """Which column, or path such as `turns[0].value`, is which part of a row."""

    wrong_columns = staticmethod(wrong_columns)

    max_bad = forms.IntegerField(
        label="Most bad rows, in percent", min_value=0, max_value=100, initial=10,
        help_text="Bad rows are left out and listed. Above this share nothing is imported.",
    )  # fmt: skip

    def __init__(self, *args: Any, columns: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.columns = columns
        for name, label, text in PARTS:
            self.fields[name] = forms.CharField(
                label=label, help_text=text, required=False, max_length=200,
                widget=forms.TextInput(attrs={"list": "columns", "autocomplete": "off", "spellcheck": "false"}),
            )  # fmt: skip
        self.order_fields([*(name for name, _, _ in PARTS), "max_bad"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for name, why in self.wrong_columns(self.mapping, self.columns).items():
            self.add_error(name, why)
        if not any(data.get(name) for name in ("instruction", "input", "messages", "text")):
            raise forms.ValidationError(
                "Choose at least the column of the instruction, of the messages, or of the text."
            )
        return data

    @property
    def mapping(self) -> Mapping:
        return Mapping(**{name: self.cleaned_data.get(name, "") for name, _, _ in PARTS})

    @property
    def typed(self) -> Mapping:
        """What stands in the fields, valid or not, for the preview."""
        return Mapping(**{name: str(self.data.get(name, ""))[:200] for name, _, _ in PARTS})

    @property
    def max_bad_share(self) -> float:
        return self.cleaned_data["max_bad"] / 100
