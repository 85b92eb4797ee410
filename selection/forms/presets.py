"""A name for settings."""

from django import forms


class KeepForm(forms.Form):
    name = forms.CharField(label="Name", max_length=60)
    note = forms.CharField(
        label="When to take it", max_length=200, required=False,
        help_text="Shown when the pointer rests on the name.",
    )  # fmt: skip
