"""What is accepted from a person about targets."""

import json
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from curation.content import Content, ContentError, read
from curation.models import Team
from selection.models import Target, TargetRow
from selection.models.target import KEPT

UPLOAD_MAX_BYTES = 64 << 20
ACCEPT = ".jsonl,.json,.csv,.tsv,.parquet,.gz,.zst"


class Area(forms.CharField):
    """Text as it was typed, line ends as \\n: browsers send \\r\\n, and that would change the row's key."""

    def __init__(self, *, rows: int = 4, **options: Any) -> None:
        super().__init__(strip=False, widget=forms.Textarea(attrs={"rows": rows, "class": "data"}), **options)

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("\r\n", "\n")


class RowsForm(forms.Form):
    """A file, or rows pasted as text."""

    file = forms.FileField(
        required=False,
        label="File",
        help_text="JSONL, JSON, CSV, TSV or Parquet, also .gz and .zst. A column named “group” becomes the group.",
        widget=forms.FileInput(attrs={"accept": ACCEPT}),
    )
    pasted = Area(
        required=False,
        rows=8,
        label="Or paste rows",
        help_text="One JSON object a line, or plain texts with an empty line between them.",
    )
    where = forms.CharField(
        required=False,
        max_length=200,
        label="Only rows where",
        help_text="Takes a part of the file, for example split=dev. Empty takes all.",
    )

    def clean_file(self) -> UploadedFile | None:
        file = self.cleaned_data.get("file")
        if file and file.size > min(UPLOAD_MAX_BYTES, settings.UPLOAD_MAX_BYTES):
            raise forms.ValidationError(
                f"The file has {file.size >> 20} MB; a target takes at most {UPLOAD_MAX_BYTES >> 20} MB. "
                "For larger collections import a pool, then pick rows of it."
            )
        return file

    def clean_where(self) -> dict[str, str]:
        text = self.cleaned_data["where"].strip()
        if not text:
            return {}
        column, equals, value = text.partition("=")
        if not equals or not column.strip():
            raise forms.ValidationError("Write it as column=value, for example split=dev.")
        return {column.strip(): value.strip()}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        file, pasted = data.get("file"), (data.get("pasted") or "").strip()
        if self.errors:
            return data
        if file and pasted:
            raise forms.ValidationError("There is a file and pasted text. Send one of them, then add the other.")
        if not file and not pasted:
            raise forms.ValidationError("Choose a file or paste some rows.")
        return data


class NameForm(forms.Form):
    name = forms.CharField(max_length=120, help_text="What the rows stand for, for example “Ward letters”.")
    description = Area(required=False, rows=2, help_text="For your colleagues; the selection does not read it.")


class NewTargetForm(RowsForm, NameForm):
    field_order = ["name", "file", "pasted", "where", "description"]


class RowForm(forms.Form):
    """One row of a target: a field per part, or per turn of a chat. Empty outputs are dropped."""

    group = forms.CharField(
        required=False, max_length=80, help_text="Rows of one group stand for one side of the task. Often empty."
    )
    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, data: Any = None, *, row: TargetRow) -> None:
        self.content = row.unpacked()
        super().__init__(data, initial={"group": row.group, "seen": row.key} | dict(self._texts()))
        for name, text in self._texts():
            lines = min(14, max(2, len(text) // 90 + text.count("\n") + 1))
            self.fields[name] = Area(required=False, rows=lines, label=self._label(name), max_length=1_000_000)
        self.order_fields([*(name for name, _ in self._texts()), "group", "seen"])

    def _texts(self) -> list[tuple[str, str]]:
        content = self.content
        if content.kind == "chat":
            turns = [(f"turn_{place}", turn.text) for place, turn in enumerate(content.messages)]
            return ([("system", content.system)] if content.system else []) + turns
        system = [("system", content.system)] if content.system else []
        outputs = content.outputs or ("",)
        places = [(f"output_{place}", text) for place, text in enumerate(outputs)]
        return [*system, ("instruction", content.instruction), ("input", content.input), *places]

    def _label(self, name: str) -> str:
        kind, _, place = name.partition("_")
        if kind == "turn":
            return f"{int(place) + 1}. {self.content.messages[int(place)].role}"
        if kind == "output":
            return "Output" if len(self.content.outputs) < 2 else f"Output {int(place) + 1}"
        return kind.capitalize()

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.errors:
            return data
        try:
            data["content"] = self._content(data)
        except ContentError as error:
            raise forms.ValidationError(f"{error.field.capitalize()} {error.why}.") from error
        return data

    def _content(self, data: dict[str, Any]) -> Content:
        system = data.get("system", "")
        if self.content.kind == "chat":
            turns = [
                {"role": turn.role, "content": data[f"turn_{place}"], **(turn.extra or {})}
                for place, turn in enumerate(self.content.messages)
            ]
            return read({"messages": turns, "system": system}, KEPT["chat"])
        outputs = [text for name, text in data.items() if name.startswith("output_") and text]
        row = {"instruction": data["instruction"], "input": data["input"], "outputs": outputs, "system": system}
        return read(row, KEPT["single"])


class FromPoolForm(forms.Form):
    """Rows ticked on a pool's page, and the target that takes them. `position` holds places in the pool."""

    target = forms.ModelChoiceField(Target.objects.none(), required=False, empty_label="A new target")
    name = forms.CharField(required=False, max_length=120, label="Name of the new target")
    group = forms.CharField(required=False, max_length=80)

    def __init__(self, data: Any = None, *, team: Team) -> None:
        super().__init__(data)
        self.fields["target"].queryset = Target.objects.open().filter(team=team).order_by("name")  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors and not data.get("target") and not data.get("name"):
            self.add_error("name", "Choose a target above, or give the new one a name.")
        return data


def positions(values: list[str], limit: int = 1_000) -> list[int]:
    """The ticked rows as numbers, in order. Raises `ValueError` for anything else, or more than `limit`."""
    found = sorted({int(value) for value in values})
    if len(found) > limit or any(place < 0 for place in found):
        raise ValueError(json.dumps(values[:3]))
    return found
