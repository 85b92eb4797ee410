"""Examples out, and what lies near them."""

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.text import slugify

from config.http import page
from config.policy import reads
from curation import access, answers, exporting
from curation.content import load, parts_of
from curation.incoming import without_outputs
from curation.models import Example
from curation.searching import neighbours
from curation.views.files import TYPES, send
from curation.views.shared import frame


@reads
def examples_download(request: HttpRequest, task_id: int, format: str) -> StreamingHttpResponse:  # noqa: A002  (part of the address)
    """Accepted examples for every member; other states (`?state=open`, `all`) for curators."""
    task = access.task(request.user, task_id)  # type: ignore[arg-type]
    state = request.GET.get("state", Example.State.ACCEPTED)
    if format not in TYPES or state not in {*Example.State.values, "all"}:
        raise Http404
    if state != Example.State.ACCEPTED and not task.team.mine.may(access.CURATE):  # type: ignore[attr-defined]
        raise PermissionDenied("Curators download examples that are not accepted yet.")
    name = f"{slugify(task.name)[:60] or 'task'}-{state}"
    return send(request, exporting.stream(task, state, format), name, format)


@reads
def example_neighbours(request: HttpRequest, example_id: int) -> HttpResponse:
    """The accepted examples most alike, with their answers: a part of the page of an example, or a page of its own."""
    example = access.example(request.user, example_id)  # type: ignore[arg-type]
    form = answers.load_form(example.task.form)
    near = [
        {
            "example": one.example, "likeness": max(one.likeness, 0.0), "parts": _asked(one.example),
            "shown": answers.shown_answer(form, one.example.answer, load(one.example.content)),
        }
        for one in neighbours(example)
    ]  # fmt: skip
    context = frame(example.task) | {"example": example, "neighbours": near}
    return page(request, "curation/neighbours.html", context, part="neighbours")


def _asked(example: Example) -> list[tuple[str, str]]:
    """The parts up to the answer, which is shown by the form."""
    return parts_of(without_outputs(load(example.content)))
