"""Forms of tasks."""

from typing import Any

from django import forms
from django.utils.text import Truncator

MOST = 30  # entries of one list


class ListField(forms.CharField):
    """Several short texts, one a line or separated by commas."""

    def __init__(self, *, longest: int, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
        self.longest = longest

    def clean(self, value: Any) -> list[str]:
        text = super().clean(value).replace("\n", ",")
        found = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
        if len(found) > MOST:
            raise forms.ValidationError(f"These are {len(found)} entries; {MOST} are the most.")
        for entry in found:
            if len(entry) > self.longest:
                raise forms.ValidationError(f"“{Truncator(entry).chars(40)}” is longer than {self.longest} characters.")
        return found

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value


def _area(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows})


class TaskForm(forms.Form):
    name = forms.CharField(label="Name of the task", max_length=120, help_text="For example: Ward letters.")
    definition = forms.CharField(
        label="Definition", required=False, max_length=100_000, widget=_area(5), strip=False,
        help_text="What to do with an example, in the words that a model would get.",
    )  # fmt: skip
    avoid = forms.CharField(label="Things to avoid", required=False, max_length=100_000, widget=_area(2), strip=False)
    categories = ListField(
        label="Categories", longest=120, help_text="Separated by commas: Summarization, Classification."
    )
    domains = ListField(label="Domains", longest=200, help_text="Separated by commas: Medicine, Law.")
    input_languages = ListField(label="Languages of the input", longest=60)
    output_languages = ListField(label="Languages of the output", longest=60)
    licence = forms.CharField(
        label="Licence", required=False, max_length=200, help_text="Of what is made here, for example CC-BY-4.0."
    )


class NewTaskForm(TaskForm):
    preset = forms.ChoiceField(
        label="What do annotators fill in?", widget=forms.RadioSelect, initial="text",
        help_text="Only a beginning: every field can be changed, and more can be added.",
    )  # fmt: skip
    field_order = ("name", "definition", "preset")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        from curation.answers import PRESETS

        choices = [
            (name, f"{preset.title}: {preset.note[0].lower()}{preset.note[1:]}") for name, preset in PRESETS.items()
        ]
        self.fields["preset"].choices = choices  # type: ignore[attr-defined]
        for name in ("avoid", "categories", "domains", "input_languages", "output_languages", "licence"):
            del self.fields[name]  # asked later: three questions are enough to begin
        if not self.is_bound:
            self.fields["name"].widget.attrs["autofocus"] = True


class DeleteTaskForm(forms.Form):
    sure = forms.BooleanField(label="Take this task out of the lists. It can be restored.")
