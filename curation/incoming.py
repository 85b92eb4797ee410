"""What becomes of the outputs of a row that comes into a task: a suggestion, the accepted answer, gold, or nothing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from curation import answers
from curation.actions.adding import NewExample
from curation.content import Content
from curation.models import Task

OUTPUTS_AS = {
    "suggestion": "A suggestion that annotators start from",
    "accepted": "The accepted answer: these rows are finished",
    "gold": "Gold: the known answer, to measure annotators by",
    "drop": "Left out",
}


def maker(task: Task, outputs_as: str, by: str) -> Callable[[Content], NewExample]:
    """A function from what a row says to an example of this task. `by` names who suggests: the file, the run.

    Where an output becomes an answer it is taken out of the content: annotators do not see the answer they are to give.
    What the answer form cannot read as an answer stays in the content, and so does what the form wants to have compared.
    """
    form = answers.load_form(task.form)
    compares = any(answers.reads_outputs(field) for field in form)

    def make(content: Content) -> NewExample:
        if outputs_as == "drop":
            return NewExample(content if compares else without_outputs(content))
        answer: dict[str, Any] | None = answers.from_content(form, content)
        if answer is None:
            return NewExample(content)
        if outputs_as == "accepted":
            return NewExample(content, answer=answer)
        asked = content if compares else without_outputs(content)
        if outputs_as == "gold":
            return NewExample(asked, gold=answer, gold_only=True)
        return NewExample(asked, suggestion={"answer": answer, "by": by, "score": None})

    return make


def without_outputs(content: Content) -> Content:
    """The content up to its answer: no outputs, no last assistant turn. A chat that would be empty stays as it is."""
    if content.kind == "single":
        return Content("single", content.instruction, content.input, (), (), content.system)
    if len(content.messages) > 1 and content.messages[-1].role == "assistant":
        return replace(content, messages=content.messages[:-1])
    return content
