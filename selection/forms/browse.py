"""What is accepted from a person about features of a run."""

from typing import Any

from django import forms

MOST = 200  # muted at once


class MuteForm(forms.Form):
    """The features that the next run does not look at: those that are ticked, with those muted already."""

    feature = forms.Field(label="Features", widget=forms.SelectMultiple)

    def __init__(self, data: Any = None, *, latents: int) -> None:
        super().__init__(data)
        self.latents = latents

    def clean_feature(self) -> list[int]:
        given = self.cleaned_data["feature"]
        numbers = sorted({int(value) for value in given if str(value).isdecimal() and len(str(value)) < 10})
        if len(numbers) != len(set(given)) or not numbers or numbers[-1] >= self.latents or len(numbers) > MOST:
            raise forms.ValidationError(f"Tick one to {MOST} features of the list.")
        return numbers


class NameForm(forms.Form):
    name = forms.CharField(required=False, max_length=120, strip=True, label="Name")
