"""What goes in and what comes out, as JSON. Input knows its fields: an unknown one is refused by name."""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from ninja import Field, Schema
from pydantic import ConfigDict, StringConstraints

from curation.api.paging import LIMIT, MOST
from curation.content import MAX_CHARS

T = TypeVar("T")
Text = Annotated[str, StringConstraints(max_length=MAX_CHARS)]
State = Literal["open", "submitted", "accepted", "rejected"]


class Input(Schema):
    model_config = ConfigDict(extra="forbid")


class Paged(Input):
    """The part of a query that every list takes."""

    limit: int = Field(LIMIT, ge=1, le=MOST, description="How many at most.")
    after: str | None = Field(None, description="What the page before gave as `next`.", max_length=400)


class Page(Schema, Generic[T]):
    items: list[T]
    next: str | None = Field(description="Send it as `after` for the next page; null at the end.")


class Problem(Schema):
    place: str
    what: str


class Error(Schema):
    code: str
    title: str
    what: str = Field(description="What happened, and why.")
    do: str = Field(description="What to do about it.")
    place: str | None = Field(None, description="Where in the request, such as `rows[3].key`.")
    problems: list[Problem] | None = None


class ErrorAnswer(Schema):
    error: Error


class Me(Schema):
    user: str
    email: str
    team: str
    team_slug: str
    role: str
    scopes: list[str]
    expires_at: datetime | None


# --- content ---


class MessageIO(Input):
    role: str = Field(min_length=1, max_length=60)
    text: Text = ""
    extra: dict[str, Any] | None = None


class ContentIO(Input):
    """One instruction with its input and outputs (`single`), or turns (`chat`)."""

    kind: Literal["single", "chat"] | None = Field(None, description="Left out: `chat` if there are messages.")
    system: Text = ""
    instruction: Text = ""
    input: Text = ""
    outputs: list[Text] = Field(default_factory=list, max_length=1000)
    messages: list[MessageIO] = Field(default_factory=list, max_length=10_000)


# --- tasks ---


class TaskOut(Schema):
    id: int
    name: str
    definition: str
    avoid: str
    categories: list[str]
    domains: list[str]
    input_languages: list[str]
    output_languages: list[str]
    licence: str
    form: list[dict[str, Any]] = Field(description="The fields of the answer.")
    wanted: int = Field(description="Answers wanted for each example.")
    shared_wanted: int
    shared_share: float
    order: str
    accept: str
    accept_at: float
    claim_minutes: int
    gold_every: int
    assigned_only: bool
    paused: bool
    version: int = Field(description="Send it with a change; an older one is refused with 409.")
    created_at: datetime


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
Words = Annotated[list[Annotated[str, StringConstraints(min_length=1, max_length=120)]], Field(max_length=50)]
Languages = Annotated[list[Annotated[str, StringConstraints(min_length=1, max_length=60)]], Field(max_length=50)]


class TaskBody(Input):
    name: Name
    definition: Text = ""
    avoid: Text = ""
    categories: Words = Field(default_factory=list)
    domains: Words = Field(default_factory=list)
    input_languages: Languages = Field(default_factory=list)
    output_languages: Languages = Field(default_factory=list)
    licence: str = Field("", max_length=200)
    form: list[dict[str, Any]] | None = Field(
        None, description="Left out: one text, the output.", min_length=1, max_length=40
    )
    wanted: int = Field(1, ge=1, le=50)
    order: Literal["first_come", "random", "priority"] = "first_come"


class TaskPatch(Input):
    version: int = Field(description="The version that you changed.")
    name: Name | None = None
    definition: Text | None = None
    avoid: Text | None = None
    categories: Words | None = None
    domains: Words | None = None
    input_languages: Languages | None = None
    output_languages: Languages | None = None
    licence: str | None = Field(None, max_length=200)
    paused: bool | None = None


class GuidelinesOut(Schema):
    number: int = Field(description="0: the task has no guidelines yet.")
    text: str = Field(description="Markdown.")
    note: str
    at: datetime | None


class GuidelinesBody(Input):
    text: Text
    note: str = Field("", max_length=300, description="What changed and why, one line.")
    number: int = Field(0, ge=0, description="The number of the guidelines that you changed; an older one gets 409.")


# --- examples ---


class ExampleRow(Schema):
    id: int
    task: int
    key: str
    state: State
    revision: int
    wanted: int
    done: int
    content: dict[str, Any]
    answer: dict[str, Any] | None = Field(description="The accepted answer.")
    tags: list[str]
    source: str
    origin: str
    created_at: datetime
    changed_at: datetime
    deleted_at: datetime | None


class ExampleFull(ExampleRow):
    priority: float
    suggestion: dict[str, Any] | None
    gold: dict[str, Any] | None
    lineage: dict[str, Any]
    accepted_at: datetime | None


class ExampleBody(Input):
    content: ContentIO
    key: str = Field("", max_length=255, description="Your own id; left out, a hash of the content.")
    source: str = Field("", max_length=255)
    lineage: dict[str, Any] = Field(default_factory=dict)
    suggestion: dict[str, Any] | None = Field(None, description="{answer, by, score}: what annotators start from.")
    gold: dict[str, Any] | None = Field(None, description="The known answer, to measure annotators by.")
    answer: dict[str, Any] | None = Field(None, description="An accepted answer: nobody is asked.")
    tags: list[Annotated[str, StringConstraints(min_length=1, max_length=60)]] = Field(
        default_factory=list, max_length=50
    )
    priority: float = Field(0.0, allow_inf_nan=False)


class ExamplesBody(Input):
    rows: list[ExampleBody] = Field(min_length=1, max_length=1000)


class AddedOut(Schema):
    added: int
    known: int = Field(description="Examples whose key the task had; they were left as they are.")
    ids: list[int]
    known_keys: list[str]


class ExamplePatch(Input):
    revision: int = Field(description="The revision that you changed; an older one is refused with 409.")
    content: ContentIO


class RevisionOut(Schema):
    number: int
    why: str
    by: str | None
    at: datetime
    content: dict[str, Any]
    answer: dict[str, Any] | None


class EventOut(Schema):
    kind: str
    by: str | None
    at: datetime
    annotation: int | None
    facts: dict[str, Any]


class HistoryOut(Schema):
    revisions: list[RevisionOut] = Field(description="Newest first. Empty: it never changed.")
    events: list[EventOut]


# --- annotations and reviews ---


class AnnotationOut(Schema):
    id: int
    task: int
    example: int
    content: dict[str, Any] = Field(description="What the example says.")
    annotator: str
    state: str
    version: int = Field(description="Send it with a save; an older one is refused with 409.")
    answer: dict[str, Any]
    suggested: dict[str, Any] | None
    note: str
    feedback: str
    started_at: datetime
    submitted_at: datetime | None


class NextOut(Schema):
    annotation: AnnotationOut | None = Field(description="null: nothing is left for you now.")


class AnswerBody(Input):
    version: int
    answer: dict[str, Any] = Field(description="Field name → value, as the task's form asks.")
    note: str = Field("", max_length=5000, description="To the reviewer.")
    seconds: float = Field(0.0, ge=0, le=86_400, allow_inf_nan=False)


class SubmitBody(AnswerBody):
    submit_key: str = Field("", max_length=64, description="The same key again changes nothing.")


class SubmittedOut(Schema):
    annotation: AnnotationOut
    late: bool = Field(description="Its place was taken meanwhile; it is kept, and a reviewer may still take it.")
    repeated: bool


class SkipBody(Input):
    version: int | None = None
    reason: str = Field("", max_length=2000)


class WaitingOut(Schema):
    example: ExampleRow
    annotations: list[AnnotationOut]


class AcceptBody(Input):
    annotation: int | None = Field(
        None, description="Whose answer is taken. Its answer counts unless `answer` is given."
    )
    answer: dict[str, Any] | None = None
    revision: int | None = Field(None, description="The revision that you looked at; an older one is refused with 409.")


class ReturnBody(Input):
    feedback: str = Field(min_length=1, max_length=5000)


class RejectBody(Input):
    why: str = Field("", max_length=2000)
