"""Pools, uploads and the mapping of columns."""

from typing import Any

from django import forms

from curation.forms import files
from curation.forms.files import UploadForm
from curation.forms.hub_import import HubImportForm
from selection.actions.pools import wrong_columns


class NewPoolForm(UploadForm):
    name = forms.CharField(
        label="Name of the pool", max_length=120,
        widget=forms.TextInput(attrs={"data-name-from-file": "", "autocomplete": "off"}),
    )  # fmt: skip
    description = forms.CharField(label="Description", required=False, widget=forms.Textarea(attrs={"rows": 2}))
    field_order = ("file", "name", "description")


class NewPoolHubForm(HubImportForm):
    name = forms.CharField(
        label="Name of the pool", max_length=120, required=False, help_text="Empty: the name of the dataset.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    description = forms.CharField(label="Description", required=False, widget=forms.Textarea(attrs={"rows": 2}))

    @property
    def pool(self) -> dict[str, str]:
        name = self.cleaned_data["name"] or self.cleaned_data["dataset"]
        return {"pool_name": name[:120], "description": self.cleaned_data["description"]}


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
