"""The annotation page as a program uses it: hidden fields are read from the answer and posted back."""

import html
import re
from dataclasses import dataclass, field
from typing import Any

from django.test import Client
from django.urls import reverse

from curation.models import Annotation, Task

HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
HTMX = {"HX-Request": "true", "HX-Target": "item"}


@dataclass
class Page:
    client: Client
    task: Task
    hidden: dict[str, str] = field(default_factory=dict)
    answer: Any = None

    @property
    def url(self) -> str:
        return reverse("annotate", args=[self.task.pk])

    @property
    def text(self) -> str:
        return html.unescape(self.answer.content.decode())

    @property
    def annotation(self) -> Annotation:
        return Annotation.objects.get(pk=self.hidden["annotation"])

    def read(self, answer: Any) -> Any:
        self.answer = answer
        found = dict(HIDDEN.findall(answer.content.decode()))
        if "annotation" in found:
            self.hidden = found
        return answer

    def open(self, *, script: bool = True) -> Any:
        return self.read(self.client.get(self.url, headers=HTMX if script else {}))

    def post(self, do: str, *, script: bool = True, url: str = "", **fields: Any) -> Any:
        """`output="x"` posts the field a-output; names that begin with a bar (`_note`) are posted as they are."""
        data = dict(self.hidden) | {"do": do}
        for name, value in fields.items():
            data[name[1:] if name.startswith("_") else f"a-{name}"] = value
        return self.read(self.client.post(url or self.url, data, headers=HTMX if script else {}))

    def submit(self, **fields: Any) -> Any:
        return self.post("submit", **fields)
