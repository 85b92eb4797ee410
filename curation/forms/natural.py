"""The form that brings in Natural Instructions files."""

from typing import Any

from django import forms

MAX_BYTES = 64 << 20
MAX_FILES = 200


class SeveralFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """One or several uploaded files, as a list."""

    widget = SeveralFiles

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        given = data if isinstance(data, list | tuple) else [data] if data else []
        files = (
            [super(FilesField, self).clean(one, initial) for one in given] if given else [super().clean(None, initial)]
        )
        if len(files) > MAX_FILES:
            raise forms.ValidationError(f"These are {len(files)} files; {MAX_FILES} at a time are the most.")
        if sum(file.size for file in files) > MAX_BYTES:
            raise forms.ValidationError("Together they are larger than 64 MB. Send fewer at a time.")
        return files


class NaturalForm(forms.Form):
    task_files = FilesField(label="Task files", help_text="One or several .json files of Natural Instructions.")
    outputs_as = forms.ChoiceField(
        label="Their outputs are", widget=forms.RadioSelect, initial="accepted",
        choices=[
            ("accepted", "Accepted answers: the data is finished and can be exported as it is"),
            ("suggestion", "Suggestions: annotators go through them"),
            ("gold", "Gold: the known answers against which annotators are measured"),
        ],
    )  # fmt: skip
