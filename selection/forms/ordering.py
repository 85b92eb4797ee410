"""Which order a queue gets."""

from typing import Any

from django import forms

from selection.queries.ordering import Choice


class OrderForm(forms.Form):
    """`order` must be one that is not held back."""

    order = forms.ChoiceField(
        label="Order", error_messages={"required": "Choose an order.", "invalid_choice": "Choose an order."}
    )

    def __init__(self, *args: Any, offered: list[Choice], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offered = offered
        self.fields["order"].choices = [(one.name, one.title) for one in offered]  # type: ignore[attr-defined]

    def clean_order(self) -> str:
        chosen: str = self.cleaned_data["order"]
        held = next(one.held for one in self.offered if one.name == chosen)
        if held:
            raise forms.ValidationError(held)
        return chosen
