"""Forms of a task's guidelines, demonstrations and queue."""

from typing import Any

from django import forms

from curation.models import Demonstration, Task


def _area(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows})


class GuidelinesForm(forms.Form):
    text = forms.CharField(
        label="Guidelines", required=False, max_length=200_000, strip=False, widget=_area(18), help_text="Markdown."
    )
    note = forms.CharField(label="What changed, in one line", required=False, max_length=300)


class DemonstrationForm(forms.Form):
    kind = forms.ChoiceField(
        label="It shows", choices=Demonstration.Kind.choices, widget=forms.RadioSelect, initial="positive"
    )
    input = forms.CharField(label="Input", required=False, max_length=1_000_000, strip=False, widget=_area(4))
    output = forms.CharField(label="Output", max_length=1_000_000, strip=False, widget=_area(4))
    explanation = forms.CharField(
        label="Explanation", required=False, max_length=100_000, strip=False, widget=_area(2),
        help_text="Why it is right, or what is wrong with it.",
    )  # fmt: skip


class QueueForm(forms.Form):
    wanted = forms.IntegerField(label="Answers wanted for each example", min_value=1, max_value=50)
    shared_percent = forms.IntegerField(
        label="Share of the examples that several people annotate, in percent", min_value=0, max_value=100,
        help_text="Agreement is measured on these. Which examples they are is decided by their keys, and stays so.",
    )  # fmt: skip
    shared_wanted = forms.IntegerField(label="Answers wanted for those", min_value=1, max_value=50)
    order = forms.ChoiceField(label="Order", choices=Task.Order.choices, widget=forms.RadioSelect)
    claim_minutes = forms.IntegerField(
        label="Minutes that an example is kept for one person", min_value=1, max_value=1440,
        help_text="Then others may have it. What was written is kept as a draft, and saving prolongs the time.",
    )  # fmt: skip
    gold_every = forms.IntegerField(
        label="One gold example in so many", min_value=0, max_value=1000,
        help_text="0: none. Gold examples have a known answer and measure annotators; nobody can tell them apart.",
    )  # fmt: skip
    accept = forms.ChoiceField(label="Accept without a curator", choices=Task.Accept.choices, widget=forms.RadioSelect)
    accept_percent = forms.IntegerField(
        label="Least agreement for that, in percent", min_value=0, max_value=100,
        help_text="Mean likeness of all pairs of answers: 100 wants them equal.",
    )  # fmt: skip
    assigned_only = forms.BooleanField(label="Only assigned people get examples", required=False)
    paused = forms.BooleanField(label="Paused: nobody gets new examples", required=False)

    @staticmethod
    def of(task: Task) -> dict[str, Any]:
        same = ("wanted", "shared_wanted", "order", "claim_minutes", "gold_every", "accept", "assigned_only", "paused")
        shares = {"shared_percent": round(100 * task.shared_share), "accept_percent": round(100 * task.accept_at)}
        return {name: getattr(task, name) for name in same} | shares

    def settings(self) -> dict[str, Any]:
        """As the task keeps them."""
        given = dict(self.cleaned_data)
        given["shared_share"] = given.pop("shared_percent") / 100
        given["accept_at"] = given.pop("accept_percent") / 100
        return given
