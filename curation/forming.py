"""What the page of an answer form shows: its fields as inputs, and the form as an annotator would see it."""

from typing import Any

from curation import answers
from curation.agreement import counted
from curation.answers.editing import Row
from curation.content import Content, ContentError, load
from curation.models import Task

PREVIEW = "p-"  # names of the inputs of the preview, which belong to no form


def first_content(task: Task) -> tuple[Content, bool]:
    """(content, whether it is real): the task's first example, else one made up for the preview."""
    raw = task.examples.alive().order_by("pk").values_list("content", flat=True).first()
    try:
        if raw is not None:
            return load(raw), True
    except ContentError:
        pass
    asked = task.definition or "What an annotator is asked to do stands here."
    made = Content("single", asked, "The input of an example stands here, for instance a letter of Dr Hall.", ("One output.", "Another output."))  # fmt: skip  # noqa: E501
    return made, False


def form_page(task: Task, rows: list[Row], form: answers.Form | None) -> dict[str, Any]:
    """`rows`, the kinds and presets to choose from, and the preview (empty where the form cannot be used)."""
    content, real = first_content(task)
    return {
        "rows": rows,
        "kinds": list(answers.KINDS.values()),
        "presets": answers.PRESETS,
        "answer_count": counted(task).count(),
        "widgets": answers.widgets(form, None, content, prefix=PREVIEW) if form else [],
        "real_example": real,
    }
