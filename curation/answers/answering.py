"""From what was posted to an answer, and from an answer to the content it makes. An answer: field name → value.

A form may have several output fields. The first one of a text-like kind (text, json, dialogue; else the first of
all) is THE output and becomes the output or last turn; the others go along in the answer.
"""

from collections import abc
from dataclasses import replace
from typing import Any

from curation.answers.kinds import KINDS
from curation.answers.kinds.dialogue import turns_of
from curation.answers.model import Field, Form, Posted, Problem, Shown, Widget, line_feeds
from curation.content import Content, Message

Answer = dict[str, Any]
PREFIX = "a-"


def parse(form: Form, posted: abc.Mapping[str, Any], prefix: str = PREFIX) -> Answer:
    """The answer that was posted (lists of texts by name, or a QueryDict). Never raises; `check` says what is wrong."""
    found = {one.name: KINDS[one.kind].parse(one, Posted(posted, prefix + one.name)) for one in form}
    return clean(form, found)


def clean(form: Form, answer: abc.Mapping[str, Any] | None) -> Answer:
    """The canonical answer: fields in the order of the form, empty ones and names the form does not know left out."""
    given = answer if isinstance(answer, abc.Mapping) else {}
    found = {one.name: KINDS[one.kind].clean(one, given[one.name]) for one in form if given.get(one.name) is not None}
    return {name: value for name, value in found.items() if value is not None}


def check(form: Form, answer: abc.Mapping[str, Any] | None, content: Content) -> list[Problem]:
    """What is wrong with an answer to this content; nothing if it can be submitted."""
    given = clean(form, answer)
    problems: list[Problem] = []
    for field in form:
        kind = KINDS[field.kind]
        value = given.get(field.name)
        if value is None:
            if field.required and kind.needed(field, content):
                problems.append(Problem(field.name, f"{field.title} is not answered.", "Fill it in."))
            continue
        problems += [Problem(field.name, why, do) for why, do in kind.check(field, value, content)]
    return problems


def main_output(form: Form) -> Field | None:
    """THE output field; None in a form without outputs."""
    outputs = [one for one in form if one.role == "output"]
    return next((one for one in outputs if KINDS[one.kind].textlike), outputs[0] if outputs else None)


def apply(form: Form, content: Content, answer: abc.Mapping[str, Any]) -> Content:
    """The content that the answer makes. Preference and meta fields leave it as it is."""
    field = main_output(form)
    value = clean(form, answer).get(field.name) if field else None
    if field is None or value is None:
        return content
    if field.kind == "dialogue":
        return _with_turns(content, value)
    text = KINDS[field.kind].output(field, value)
    if content.kind == "single":
        return replace(content, outputs=(text, *content.outputs[1:]) if text in content.outputs[:1] else (text,))
    turns = list(content.messages)
    if turns and turns[-1].role == "assistant":
        turns[-1] = replace(turns[-1], text=text)
    else:
        turns.append(Message("assistant", text))
    return replace(content, messages=tuple(turns))


def from_content(form: Form, content: Content) -> Answer | None:
    """The answer that the outputs of the content stand for; None if they stand for none."""
    field = main_output(form)
    if field is None:
        return None
    if field.kind == "dialogue":
        turns = turns_of(content)
        return {field.name: turns} if any(turn["role"] == "assistant" for turn in turns) else None
    text = ""
    if content.kind == "single":
        text = content.outputs[0] if content.outputs else ""
    elif content.messages and content.messages[-1].role == "assistant":
        text = content.messages[-1].text
    value = KINDS[field.kind].read_output(field, text) if text.strip() else None
    return clean(form, {field.name: value}) or None


def same(form: Form, a: abc.Mapping[str, Any] | None, b: abc.Mapping[str, Any] | None) -> bool:
    """Whether two answers say the same: canonical values are equal, whatever the line ends."""
    return _even(clean(form, a)) == _even(clean(form, b))


def likeness(form: Form, a: abc.Mapping[str, Any] | None, b: abc.Mapping[str, Any] | None) -> float:
    """How alike two answers are, 0 to 1: the mean over required and output fields (of all, if there are none).

    A field that neither answers counts 1, one that only one of them answers counts 0.
    """
    from curation.measures import score

    one, two = clean(form, a), clean(form, b)
    fields = [field for field in form if field.required or field.role == "output"] or list(form)
    scores = []
    for field in fields:
        values = one.get(field.name), two.get(field.name)
        if None in values:
            scores.append(1.0 if values == (None, None) else 0.0)
        else:
            scores.append(score(field.kind, values[0], values[1], field.options))
    return sum(scores) / len(scores) if scores else 1.0


def text_of(field: Field, value: Any) -> str:
    """One text of a value, for diffs and tables; empty for none."""
    cleaned = None if value is None else KINDS[field.kind].clean(field, value)
    return "" if cleaned is None else KINDS[field.kind].text(field, cleaned)


def summary(form: Form, answer: abc.Mapping[str, Any] | None, limit: int = 200) -> str:
    """One line: the only answered field alone, several with their titles."""
    given = clean(form, answer)
    said = [
        (one.title, " ".join(text_of(one, given[one.name])[: 4 * limit].split())) for one in form if one.name in given
    ]
    line = said[0][1] if len(said) == 1 else " · ".join(f"{title}: {text}" for title, text in said)
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def widgets(
    form: Form, answer: abc.Mapping[str, Any] | None, content: Content, problems: abc.Iterable[Problem] = (), *,
    prefix: str = PREFIX,
) -> list[Widget]:  # fmt: skip
    """What `components/answers/_fields.html` draws. Without an answer, fields begin with what their kind starts from."""
    given = clean(form, answer)
    by_field: dict[str, list[Problem]] = {}
    for problem in problems:
        by_field.setdefault(problem.field, []).append(problem)
    made, with_keys = [], False
    for field in form:
        kind, name = KINDS[field.kind], prefix + field.name
        value = given.get(field.name) if given else kind.clean(field, kind.start(field, content))
        wants_keys = field.kind in ("labels", "rating", "spans", "pair")
        data = kind.widget(field, value, content, name)
        wrong = tuple(by_field.get(field.name, ()))
        made.append(Widget(field, name, value, data, wrong, keys=wants_keys and not with_keys))
        with_keys |= wants_keys
    return made


def shown_answer(form: Form, answer: abc.Mapping[str, Any] | None, content: Content) -> list[Shown]:
    """What `components/answers/_shown.html` draws (as `shown`): every field of the form, answered or not."""
    given = clean(form, answer)
    made = []
    for field in form:
        value = given.get(field.name)
        data = {"look": "text"} if value is None else KINDS[field.kind].shown(field, value, content)
        made.append(Shown(field, value is None, data, text_of(field, value)))
    return made


def _with_turns(content: Content, turns: Any) -> Content:
    if not isinstance(turns, list):
        return content
    system = "\n\n".join(turn["text"] for turn in turns if turn["role"] == "system")
    messages = []
    for turn in turns:
        if turn["role"] == "system":
            continue
        number = turn.get("from")
        old = content.messages[number] if type(number) is int and 0 <= number < len(content.messages) else None
        extra = old.extra if old is not None and old.role == turn["role"] else None
        messages.append(Message(turn["role"], turn["text"], extra))
    return Content(kind="chat", system=system, messages=tuple(messages))


def _even(value: Any) -> Any:
    if isinstance(value, str):
        return line_feeds(value)
    if isinstance(value, dict):
        return {key: _even(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_even(one) for one in value]
    # True == 1 in Python, not in JSON.
    return (type(value).__name__, value) if isinstance(value, bool) else value
