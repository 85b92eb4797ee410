"""The page of one example, and its text in a form."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from config.faults import Fault
from config.http import page, see_other
from config.policy import members
from curation import access
from curation.actions import accepting, bulk, examples
from curation.actions.deeds_tags import MAX_TAGS, read_tag
from curation.content import Content, ContentError, load
from curation.forms import contents
from curation.models import Example
from curation.table.history import differences
from curation.table.one import One
from curation.views.examples import said
from curation.views.shared import frame

TEMPLATE = "curation/example.html"
EDIT = "curation/example_edit.html"
ONE_DEEDS = ("delete", "restore", "reopen", "gold", "no_gold")  # what a button of the page does, with Undo


@members
def example(request: HttpRequest, example_id: int) -> HttpResponse:
    """One example. POST `do`: tags, revert (`to`, `revision`), or a deed of `ONE_DEEDS`."""
    need = access.CURATE if request.method == "POST" else access.VIEW
    found = access.example(request.user, example_id, need)  # type: ignore[arg-type]
    if request.method != "POST":
        return _show(request, found)
    do = request.POST.get("do", "")
    if do == "tags":
        return _tags(request, found)
    if do == "revert":
        return _revert(request, found)
    if do in ONE_DEEDS:
        done = bulk.change_many(task=found.task, by=request.user, examples=[found.pk], deed=do)  # type: ignore[arg-type]
        return see_other(
            f"{found.get_absolute_url()}?done={done.change.pk}" if done.change else found.get_absolute_url()
        )
    raise Http404


def _show(request: HttpRequest, found: Example, *, status: int = 200, **more: Any) -> HttpResponse:
    shared = frame(found.task)
    one = One(found, found.task, request.user, shared["may_curate"])  # type: ignore[arg-type]
    context = shared | {"one": one, "example": found, "tab": "examples", "tag_line": ", ".join(found.tags)}
    if shared["may_curate"]:
        context["done"] = _done(request, found)
    return page(request, TEMPLATE, context | more, status=status)


def _done(request: HttpRequest, found: Example) -> dict[str, Any] | None:
    change = access.last_change(found.task, request.GET.get("done", ""), ONE_DEEDS)
    return {"change": change, "said": said(change)} if change and change.examples == 1 else None


def _tags(request: HttpRequest, found: Example) -> HttpResponse:
    typed = request.POST.get("tags", "")[:5_000]
    try:
        tags = list(dict.fromkeys(read_tag(one) for one in typed.split(",") if one.strip()))
        if len(tags) > MAX_TAGS:
            raise ValueError(f"An example has at most {MAX_TAGS} tags; these are {len(tags)}.")
    except ValueError as error:
        return _show(request, found, status=422, tag_line=typed, tag_error=str(error))
    examples.set_tags(example=found, by=request.user, tags=tags)  # type: ignore[arg-type]
    return see_other(found.get_absolute_url())


def _revert(request: HttpRequest, found: Example) -> HttpResponse:
    to, revision = number(request.POST.get("to")), number(request.POST.get("revision"))
    try:
        accepting.revert(example=found, by=request.user, to=to, revision=revision)  # type: ignore[arg-type]
    except LookupError:
        raise Http404 from None
    except Fault as fault:
        return _show(request, found, status=fault.status, fault=fault)
    messages.success(request, f"The text is again that of revision {to}. The history keeps what stood there.")
    return see_other(found.get_absolute_url())


def number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 9 else 0


# --- its text ---


@members
def example_edit(request: HttpRequest, example_id: int) -> HttpResponse:
    """The text in a form. A save of an older revision answers 409 with both texts; nothing is lost."""
    found = access.example(request.user, example_id, access.CURATE)  # type: ignore[arg-type]
    content = _load(found.content)
    if contents.too_many(content):
        raise Fault("example.too_many_parts", turns=contents.MAX_TURNS, outputs=contents.MAX_OUTPUTS)
    if request.method != "POST":
        return _form(request, found, content)
    revision = number(request.POST.get("revision"))
    shown = content if revision == found.revision else _revision(found, revision) or content
    posted = contents.parse(dict(request.POST.lists()), shown)  # type: ignore[arg-type]
    if posted.problems:
        return _form(
            request, found, posted.content, turns=posted.turns, problems=posted.problems, revision=revision, status=422
        )
    try:
        accepting.edit(example=found, by=request.user, content=posted.content, revision=revision)  # type: ignore[arg-type]
    except Fault as fault:
        return _both(request, found, posted, fault)
    except ContentError as error:
        problems = [(error.field, f"{error.field.capitalize()} {error.why}.")]
        return _form(
            request, found, posted.content, turns=posted.turns, problems=problems, revision=revision, status=422
        )
    return see_other(found.get_absolute_url())


def _load(raw: Any) -> Content:
    try:
        return load(raw)
    except ContentError:
        raise Fault("example.unreadable") from None


def _revision(found: Example, revision: int) -> Content | None:
    raw = found.revisions.filter(number=revision).values_list("content", flat=True).first()
    return _load(raw) if raw is not None else None


def _both(request: HttpRequest, found: Example, posted: contents.Posted, fault: Fault) -> HttpResponse:
    """Somebody was faster: her text, mine in the form, and what differs. Saving again saves mine over hers."""
    fresh = access.example(request.user, found.pk, access.CURATE)  # type: ignore[arg-type]
    theirs = _load(fresh.content)
    if theirs.kind != posted.content.kind:
        raise fault
    last = fresh.revisions.select_related("by").order_by("-number").first()
    return _form(
        request, fresh, posted.content, turns=posted.turns, status=fault.status, fault=fault, last=last,
        changed=differences(theirs, posted.content),
    )  # fmt: skip


def _form(request: HttpRequest, found: Example, content: Content, *, status: int = 200, **more: Any) -> HttpResponse:
    turns = more.pop("turns", None) or contents.turns_of(content)
    roles = list(dict.fromkeys([*contents.ROLES, *(one.role for one in turns)]))
    context = frame(found.task) | {
        "example": found, "content": content, "outputs": content.outputs or ("",), "turns": turns, "roles": roles,
        "revision": found.revision, "cancel": reverse("example", args=[found.pk]),
    }  # fmt: skip
    return page(request, EDIT, context | more, status=status)
