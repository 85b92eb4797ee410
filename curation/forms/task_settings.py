"""Forms of a task's guidelines, demonstrations and queue."""

from typing import Any

from django import forms

from curation.models import Demonstration, Task

MOST_A_DAY = 100_000


class LinesField(forms.CharField):
    """Text of several lines as it was written; browsers send line ends as CR LF, LF is kept."""

    def __init__(self, *, rows: int, **kwargs: Any) -> None:
        super().__init__(strip=False, widget=forms.Textarea(attrs={"rows": rows, "dir": "auto"}), **kwargs)

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).replace("\r\n", "\n")


class GuidelinesForm(forms.Form):
    text = LinesField(
        label="Guidelines", required=False, max_length=200_000, rows=18,
        help_text="Markdown: # headings, **bold**, - lists, `code`, tables. HTML is shown as text.",
    )  # fmt: skip
    note = forms.CharField(label="What changed, in one line", required=False, max_length=300)


class DemonstrationForm(forms.Form):
    kind = forms.ChoiceField(
        label="It shows", choices=Demonstration.Kind.choices, widget=forms.RadioSelect, initial="positive"
    )
    input = LinesField(label="Input", required=False, max_length=1_000_000, rows=4)
    output = LinesField(label="Output", max_length=1_000_000, rows=4)
    explanation = LinesField(
        label="Explanation", required=False, max_length=100_000, rows=2,
        help_text="Why it is right, or what is wrong with it.",
    )  # fmt: skip


class QueueForm(forms.Form):
    wanted = forms.IntegerField(
        label="Answers wanted for each example", min_value=1, max_value=50,
        help_text="So many people answer it, blind to one another, before it goes to review.",
    )  # fmt: skip
    shared_percent = forms.FloatField(
        label="Share of the examples that several people annotate, in percent", min_value=0, max_value=100,
        help_text="Agreement is measured on these. Which examples they are is decided by their keys, and stays so.",
    )  # fmt: skip
    shared_wanted = forms.IntegerField(
        label="Answers wanted for those",
        min_value=1,
        max_value=50,
        help_text="Two are enough to see whether people agree.",
    )
    order = forms.ChoiceField(
        label="Order", choices=Task.Order.choices, widget=forms.RadioSelect,
        help_text="Which example people get next. Random is one order, the same for everybody.",
    )  # fmt: skip
    claim_minutes = forms.IntegerField(
        label="Minutes that an example is kept for one person", min_value=1, max_value=1440,
        help_text="Then others may have it. What was written is kept as a draft, and saving prolongs the time.",
    )  # fmt: skip
    gold_every = forms.IntegerField(
        label="One gold example in so many", min_value=0, max_value=1000,
        help_text="0: none. Gold examples have a known answer and measure annotators; nobody can tell them apart.",
    )  # fmt: skip
    accept = forms.ChoiceField(
        label="Accept without a curator", choices=Task.Accept.choices, widget=forms.RadioSelect,
        help_text="Decided when the last wanted answer comes in. Examples that wait for review already stay there.",
    )  # fmt: skip
    accept_percent = forms.FloatField(
        label="Least agreement for that, in percent", min_value=0, max_value=100,
        help_text="Mean likeness of all pairs of answers: 100 wants them equal.",
    )  # fmt: skip
    assigned_only = forms.BooleanField(
        label="Only assigned people get examples", required=False,
        help_text="Otherwise every annotator of the team gets them.",
    )  # fmt: skip
    paused = forms.BooleanField(
        label="Paused: nobody gets new examples", required=False, help_text="What is begun can still be finished."
    )

    @staticmethod
    def of(task: Task) -> dict[str, Any]:
        same = ("wanted", "shared_wanted", "order", "claim_minutes", "gold_every", "accept", "assigned_only", "paused")
        shares = {"shared_percent": _percent(task.shared_share), "accept_percent": _percent(task.accept_at)}
        return {name: getattr(task, name) for name in same} | shares

    def settings(self) -> dict[str, Any]:
        """As the task keeps them."""
        given = dict(self.cleaned_data)
        given["shared_share"] = round(given.pop("shared_percent") / 100, 10)
        given["accept_at"] = round(given.pop("accept_percent") / 100, 10)
        return given


def _percent(share: float) -> float | int:
    """12.5 or 40: a share as people write it, nothing rounded away."""
    found = round(100 * share, 8)
    return int(found) if found == int(found) else found
