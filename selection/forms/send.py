"""Sending picks to a task."""

from typing import Any

from django import forms

from curation.incoming import OUTPUTS_AS as WORDS
from curation.models import Task, Team
from selection.actions.send import OUTPUTS_AS
from selection.queries.ordering import WORDS as WORDS_OF_ORDERS

ORDERS = [(name, WORDS_OF_ORDERS[name][0]) for name in ("vote_k", "ideal", "uncertainty")]


class SendForm(forms.Form):
    """Which task, or the name of a new one; how many of the picks; what their outputs are for it."""

    task = forms.ModelChoiceField(Task.objects.none(), label="Task", required=False, empty_label="A new one")
    name = forms.CharField(
        label="Name of the new task", max_length=120, required=False, strip=True,
        help_text="Only where no task is chosen. It begins with one text to answer; change its form before people start.",
    )  # fmt: skip
    outputs_as = forms.ChoiceField(label="Outputs become", choices=[(name, WORDS[name]) for name in OUTPUTS_AS])
    order = forms.ChoiceField(
        label="Then put the task's queue in order", required=False, choices=[("", "No, leave it"), *ORDERS],
        help_text="What is most useful to annotate comes first. It can be undone on the task's page.",
    )  # fmt: skip

    def __init__(self, *args: Any, team: Team, picks: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].queryset = Task.objects.of(team).order_by("name")  # type: ignore[attr-defined]
        self.fields["top"] = forms.IntegerField(
            label="How many picks, from the top", min_value=1, max_value=picks, initial=picks,
            help_text=f"The run has {picks:,}.",
        )  # fmt: skip
        self.order_fields(["task", "name", "top", "outputs_as", "order"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "task" in data and "name" in data:
            if data["task"] is None and not data["name"]:
                self.add_error("name", "Choose a task, or name a new one.")
            if data["task"] is not None and data["name"]:
                self.add_error("name", "Either choose a task or name a new one, not both.")
        return data
