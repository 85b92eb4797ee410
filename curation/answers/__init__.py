"""Answers: the form of a task, what people fill in, and what becomes of it. Pure: no Django, no files.

    form = load_form([{"name": "output", "kind": "text"}])
    answer = parse(form, {"a-output": ["Seven."]})      # {"output": "Seven."}
    check(form, answer, content)                        # [] or what is wrong, and how to mend it
    apply(form, content, answer).outputs                # ("Seven.",)

Values are JSON; offsets are code points.
"""

from curation.answers.answering import (
    PREFIX,
    apply,
    check,
    clean,
    from_content,
    likeness,
    main_output,
    parse,
    same,
    shown_answer,
    summary,
    text_of,
    widgets,
)
from curation.answers.forms import dump_form, load_form, reads_outputs
from curation.answers.kinds import KINDS, Kind, pair_texts
from curation.answers.model import MAX_CHARS, Field, Form, FormError, Problem, Shown, Widget
from curation.answers.presets import PRESETS, Preset

__all__ = [
    "KINDS",
    "MAX_CHARS",
    "PREFIX",
    "PRESETS",
    "Field",
    "Form",
    "FormError",
    "Kind",
    "Preset",
    "Problem",
    "Shown",
    "Widget",
    "apply",
    "check",
    "clean",
    "dump_form",
    "from_content",
    "likeness",
    "load_form",
    "main_output",
    "pair_texts",
    "parse",
    "reads_outputs",
    "same",
    "shown_answer",
    "summary",
    "text_of",
    "widgets",
]
