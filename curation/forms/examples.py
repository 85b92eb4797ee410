"""Examples that come in: by a file's mapping, or by hand."""

import json
from typing import Any

from django import forms

from curation.content import Content, ContentError, Mapping, read
from curation.forms import files
from curation.incoming import OUTPUTS_AS

MAX_TAGS = 20


class ExampleMappingForm(files.MappingForm):
    """The mapping of a file, and what its outputs are for this task."""

    outputs_as = forms.ChoiceField(
        label="Outputs become", choices=list(OUTPUTS_AS.items()), initial="suggestion",
        help_text="What the answer form can read as an answer. Gold examples only measure annotators.",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [name for name in self.fields if name not in ("outputs_as", "max_bad")]
        self.order_fields([*names, "outputs_as", "max_bad"])


class ExampleForm(forms.Form):
    """One example by hand: an instruction with its input, or a chat."""

    instruction = forms.CharField(
        label="Instruction", required=False, strip=False, widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What is asked. Empty where the task's definition says it for all examples.",
    )  # fmt: skip
    input = forms.CharField(
        label="Input", required=False, strip=False, widget=forms.Textarea(attrs={"rows": 6}),
        help_text="What it is asked about.",
    )  # fmt: skip
    output = forms.CharField(
        label="Suggested output", required=False, strip=False,
        widget=forms.Textarea(attrs={"rows": 4}), help_text="Annotators start from it.",
    )  # fmt: skip
    messages = forms.CharField(
        label="Chat, instead of instruction and input", required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "class": "mono"}),
        help_text='Messages as JSON: [{"role": "user", "content": "…"}, …]. A last assistant turn is the suggestion.',
    )  # fmt: skip
    tags = forms.CharField(label="Tags", required=False, max_length=1000, help_text="Separated by commas.")
    key = forms.CharField(
        label="Id",
        required=False,
        max_length=240,
        help_text="Names the example for good. Without it, its content does.",
    )

    def clean_tags(self) -> list[str]:
        tags = list(dict.fromkeys(tag.strip() for tag in self.cleaned_data["tags"].split(",") if tag.strip()))
        if len(tags) > MAX_TAGS:
            raise forms.ValidationError(f"An example has at most {MAX_TAGS} tags; these are {len(tags)}.")
        if any(len(tag) > 60 for tag in tags):
            raise forms.ValidationError("A tag has at most 60 characters. Shorten the longest one.")
        return tags

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.errors:
            return data
        chat = data["messages"].strip()
        if chat and (data["instruction"].strip() or data["input"].strip() or data["output"].strip()):
            raise forms.ValidationError("Fill in either the chat or instruction, input and output, not both.")
        try:
            data["content"] = self._chat(chat) if chat else self._single(data)
        except ContentError as error:
            self.add_error("messages" if chat else None, f"{error.field.capitalize()} {error.why}.")
        return data

    def _single(self, data: dict[str, Any]) -> Content:
        row = {name: data[name].replace("\r\n", "\n") for name in ("instruction", "input", "output")}
        if not row["instruction"].strip() and not row["input"].strip():
            raise ContentError("example", "says nothing yet: write an instruction or an input")
        return read(row, Mapping(instruction="instruction", input="input", output="output"))

    def _chat(self, text: str) -> Content:
        try:
            turns = json.loads(text)
        except ValueError as error:
            raise ContentError("messages", f"are not JSON: {error}") from None
        return read({"messages": turns}, Mapping(messages="messages"))
