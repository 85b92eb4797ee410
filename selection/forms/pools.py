"""Pools, uploads and the mapping of columns."""

from typing import Any

from django import forms

from curation.content import Mapping
from selection.actions.pools import wrong_columns

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
    """A file for a pool that exists."""

    file = forms.FileField(
        label="File", help_text="JSONL, JSON, CSV, TSV or Parquet, also packed as .gz or .zst.",
        error_messages={"empty": "The file is empty. Check that it was saved completely, then send it again."},
    )  # fmt: skip


class NewPoolForm(UploadForm):
    name = forms.CharField(
        label="Name of the pool", max_length=120,
        widget=forms.TextInput(attrs={"data-name-from-file": "", "autocomplete": "off"}),
    )  # fmt: skip
    description = forms.CharField(label="Description", required=False, widget=forms.Textarea(attrs={"rows": 2}))
    field_order = ("file", "name", "description")


class EditPoolForm(forms.Form):
    name = forms.CharField(label="Name", max_length=120)
    description = forms.CharField(label="Description", required=False, widget=forms.Textarea(attrs={"rows": 3}))


class DeletePoolForm(forms.Form):
    """Deleting asks for the name: it takes rows that nobody can bring back."""

    confirm = forms.CharField(
        label="Type the name of the pool to confirm", widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    with_runs = forms.BooleanField(label="and its runs, with their picks", required=False)

    def __init__(self, *args: Any, name: str, runs: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.name = name
        if not runs:
            del self.fields["with_runs"]

    def clean_confirm(self) -> str:
        if self.cleaned_data["confirm"].strip() != self.name:
            raise forms.ValidationError("This is not the name of the pool.")
        return self.cleaned_data["confirm"]


class MappingForm(forms.Form):
    """Which column, or path such as `turns[0].value`, is which part of a row."""

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
        for name, why in wrong_columns(self.mapping, self.columns).items():
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
    def max_bad_share(self) -> float:
        return self.cleaned_data["max_bad"] / 100
