"""What the routers share: the team of a token, content in and out, and how objects are shown."""

from typing import Any

from django.http import HttpRequest

from curation import access, answers
from curation.api.build import Token
from curation.api.errors import Invalid
from curation.api.schemas import ContentIO
from curation.content import Content, ContentError, load
from curation.models import Annotation, Example, Role, Scope, Task, Team, User

READ = Token(Scope.READ)
ANNOTATE = Token(Scope.ANNOTATE)
TASKS = Token(Scope.TASKS)
EXAMPLES = Token(Scope.EXAMPLES)
REVIEW = Token(Scope.REVIEW)
RUNS = Token(Scope.RUNS)
DATASETS = Token(Scope.DATASETS)
SCHEDULES = Token(Scope.SCHEDULES)


def team_of(request: HttpRequest, need: Role = access.VIEW) -> Team:
    return access.team_of(request.user, request.token.team_id, need)  # type: ignore[attr-defined,arg-type]


def user_of(request: HttpRequest) -> User:
    user: User = request.user  # type: ignore[assignment]
    return user


def content_of(sent: ContentIO, place: str) -> Content:
    """Raises `Invalid` for content that says nothing, or not in one of the two kinds."""
    raw = {name: value for name, value in sent.dict().items() if value not in (None, "", [])}
    for turn in raw.get("messages", []):
        if turn.get("extra") is None:
            turn.pop("extra", None)
    try:
        content = load(raw)
    except ContentError as error:
        raise Invalid(f"{place}.{error.field}", f"{place}.{error.field} {error.why}.") from None
    if content.kind == "chat" and (content.instruction or content.input or content.outputs):
        raise Invalid(
            place, f"{place} is a chat and has an instruction, an input or outputs.", "Send either of the two."
        )
    if content.kind == "single" and content.messages:
        raise Invalid(place, f"{place} is single and has messages.", "Send kind chat, or leave the messages out.")
    if not (content.instruction or content.input or content.messages):
        raise Invalid(place, f"{place} says nothing: it has no instruction, input or messages.", "Fill one of them.")
    return content


def form_of(task: Task) -> answers.Form:
    return answers.load_form(task.form)


def answer_of(task: Task, answer: dict[str, Any], content: Content, place: str = "answer") -> dict[str, Any]:
    """The answer in its canonical shape. Raises `Invalid` with the fields that are not right."""
    form = form_of(task)
    for name in answer:
        if form.get(name) is None:
            may = ", ".join(one.name for one in form) or "none"
            raise Invalid(
                f"{place}.{name}"[:200], f"{place}.{name[:80]} is no field of the form.", f"The fields are {may}."
            )
    found = answers.check(form, answer, content)
    if found:
        problems = [{"place": f"{place}.{one.field}", "what": str(one)} for one in found]
        first = found[0]
        raise Invalid(f"{place}.{first.field}", f"{place}.{first.field}: {first.why}", first.do, problems)
    return answers.clean(form, answer)


# --- objects as JSON ---


def example_row(one: Example) -> dict[str, Any]:
    return {
        "id": one.pk, "task": one.task_id, "key": one.key, "state": one.state, "revision": one.revision,
        "wanted": one.wanted, "done": one.done, "content": one.content, "answer": one.answer, "tags": one.tags,
        "source": one.source, "origin": one.origin, "created_at": one.created_at, "changed_at": one.changed_at,
        "deleted_at": one.deleted_at,
    }  # fmt: skip


def example_full(one: Example, *, curates: bool) -> dict[str, Any]:
    """With gold for curators alone: annotators are measured by it."""
    return example_row(one) | {
        "priority": one.priority, "suggestion": one.suggestion, "gold": one.gold if curates else None,
        "lineage": one.lineage, "accepted_at": one.accepted_at,
    }  # fmt: skip


def annotation_row(one: Annotation) -> dict[str, Any]:
    """The annotation with the content of its example; needs `example` and `annotator` at hand."""
    return {
        "id": one.pk, "task": one.task_id, "example": one.example_id, "content": one.example.content,
        "annotator": str(one.annotator), "state": one.state, "version": one.version, "answer": one.answer,
        "suggested": one.suggested, "note": one.note, "feedback": one.feedback, "started_at": one.started_at,
        "submitted_at": one.submitted_at,
    }  # fmt: skip
