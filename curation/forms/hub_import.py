"""What is asked of an import from the hub."""

from typing import Any

from django import forms

from config.faults import Fault
from curation.actions.fetches import checked_dataset, checked_revision

PLAIN = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}


class HubImportForm(forms.Form):
    """`cleaned` has what `actions.fetches.fetch` takes."""

    dataset = forms.CharField(
        label="Dataset", max_length=200, help_text="As owner/name, or its address.", widget=forms.TextInput(attrs=PLAIN)
    )
    config = forms.CharField(
        label="Configuration", max_length=200, required=False, widget=forms.TextInput(attrs=PLAIN),
        help_text="Also called subset. Empty: the one that the dataset names as its default.",
    )  # fmt: skip
    split = forms.CharField(
        label="Split", max_length=200, required=False, widget=forms.TextInput(attrs=PLAIN),
        help_text="Empty: train, or the only one there is.",
    )  # fmt: skip
    revision = forms.CharField(
        label="Revision", max_length=200, required=False, widget=forms.TextInput(attrs=PLAIN),
        help_text="A branch, a tag or a commit. Empty: as the dataset is now; its commit is noted.",
    )  # fmt: skip

    def clean_dataset(self) -> str:
        return self._checked(checked_dataset, self.cleaned_data["dataset"])

    def clean_revision(self) -> str:
        return self._checked(checked_revision, self.cleaned_data["revision"])

    @staticmethod
    def _checked(check: Any, text: str) -> str:
        try:
            return str(check(text))
        except Fault as fault:
            raise forms.ValidationError(f"{fault.what} {fault.advice}") from None

    @property
    def cleaned(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("dataset", "config", "split", "revision")}
