"""A new token of the API."""

from django import forms

from curation.models import Scope

LASTS = [("30", "30 days"), ("90", "90 days"), ("365", "A year"), ("never", "Until it is revoked")]


class TokenForm(forms.Form):
    name = forms.CharField(
        label="Name", max_length=80, strip=True, help_text="What will use it, such as “nightly import”."
    )
    scopes = forms.MultipleChoiceField(
        label="It may also",
        choices=[(scope.value, f"{scope.label}: {scope.says}") for scope in Scope if scope != Scope.READ],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="Every token reads. It never does more than your own role allows.",
    )
    lasts = forms.ChoiceField(label="It works for", choices=LASTS, initial="90", widget=forms.RadioSelect)

    @property
    def days(self) -> int | None:
        lasts = self.cleaned_data["lasts"]
        return None if lasts == "never" else int(lasts)
