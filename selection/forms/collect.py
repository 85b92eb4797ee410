"""Picks kept as a collection."""

from typing import Any

from django import forms


class CollectForm(forms.Form):
    name = forms.CharField(label="Name of the collection", max_length=120)
    licence = forms.CharField(
        label="Licence", required=False, max_length=200, help_text="Of rows without a column “licence” or “license”."
    )

    def __init__(self, *args: Any, picks: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["top"] = forms.IntegerField(
            label="How many picks, from the top", min_value=1, max_value=picks, initial=picks,
            help_text=f"The run has {picks:,}.",
        )  # fmt: skip
        self.order_fields(["name", "top", "licence"])
