"""Pools, uploads and the mapping of columns."""

from typing import Any

from django import forms

from curation.forms import files
from curation.forms.files import UploadForm
from selection.actions.pools import wrong_columns


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


class MappingForm(files.MappingForm):
    wrong_columns = staticmethod(wrong_columns)
