"""Pages on which examples come in: a file with its mapping, progress, bad rows; one example by hand."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from config import storage
from config.faults import Fault
from config.http import page, see_other, unchanged
from config.policy import members, reads
from config.uploads import receiving
from curation import access
from curation.actions import imports as actions
from curation.actions.adding import add_examples
from curation.content import ContentError, Mapping
from curation.forms.examples import ExampleForm, ExampleMappingForm
from curation.forms.files import UploadForm
from curation.importing import look_at, preview_rows
from curation.incoming import maker
from curation.models import Example, ExampleImport, Task
from curation.views.files import send_bad_rows
from curation.views.shared import frame
from jobs.models import Job
from jobs.queries import progress

# The upload handler must be set before anything reads the body, and the CSRF check reads it: so the check runs
# inside, behind the door, and a stranger's file is not even received.


@members
@csrf_exempt
def example_import_new(request: HttpRequest, task_id: int) -> HttpResponse:
    access.task(request.user, task_id, access.CURATE)  # type: ignore[arg-type]
    with receiving(request):
        return _import_new(request, task_id)


@csrf_protect
def _import_new(request: HttpRequest, task_id: int) -> HttpResponse:
    task = access.task(request.user, task_id, access.CURATE)  # type: ignore[arg-type]
    posted = request.method == "POST"
    form = UploadForm(request.POST if posted else None, request.FILES if posted else None)
    if posted and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            made = actions.draft_import(task=task, by=request.user, name=file.name, path=file.path)  # type: ignore[arg-type]
        except Fault as fault:
            form.add_error("file", str(fault))
        else:
            file.keep()
            return see_other(made.get_absolute_url())
    waiting = task.imports.filter(loaded_at=None).select_related("job").order_by("-created_at")[:10]
    context = frame(task) | {"form": form, "waiting": waiting}
    return page(request, "curation/import_new.html", context, status=422 if form.errors else 200)


@members
def example_import(request: HttpRequest, import_id: int) -> HttpResponse:
    """`do` names what a POST does: preview, start, discard, cancel, resume."""
    need = access.CURATE if request.method == "POST" else access.VIEW
    found = access.example_import(request.user, import_id, need)  # type: ignore[arg-type]
    do = request.POST.get("do", "preview")
    if request.method == "POST" and do == "discard":
        actions.discard_import(import_=found, by=request.user)  # type: ignore[arg-type]
        messages.info(request, f"{found.name} is discarded.")
        return see_other(reverse("examples", args=[found.task_id]))
    if request.method == "POST" and do in {"cancel", "resume"}:
        change = actions.cancel_import if do == "cancel" else actions.resume_import
        change(import_=found, by=request.user)  # type: ignore[arg-type]
        return see_other(request.path)
    shared = frame(found.task)
    wants_mapping = found.job is None or "mapping" in request.GET or request.method == "POST"
    if shared["may_curate"] and wants_mapping and _is_draft(found):
        return _mapping(request, found, do)
    if request.method == "POST":  # from a page that was opened before the import went on
        if do == "start" and found.job is not None and not found.job.is_final:
            return see_other(request.path)
        raise Fault("import.gone" if found.job is None else "import.started", name=found.name)
    if found.job is not None and (same := unchanged(request, found.job.version)):
        return same
    return page(request, "curation/import.html", shared | _import_page(request, found, shared), part="progress")


def _import_page(request: HttpRequest, found: ExampleImport, shared: dict[str, Any]) -> dict[str, Any]:
    job = found.job
    # Without its file an import can neither go on nor be read in another way.
    may_map = shared["may_curate"] and _is_draft(found)
    hopeless = job is not None and job.error_code == "import.too_many_bad"  # the same would happen again
    return {
        "import": found, "job": job, "passes": progress(job) if job is not None else [],
        "act_url": request.path if shared["may_curate"] else "",
        "may_map": may_map, "resume_url": request.path if may_map and not hopeless else "",
    }  # fmt: skip


def _is_draft(found: ExampleImport) -> bool:
    """Whether the file can still be read with this or another mapping."""
    ended = found.job is None or (found.job.is_final and found.job.state != Job.State.SUCCEEDED)
    return ended and found.loaded_at is None and storage.exists(found.path)


def _mapping(request: HttpRequest, found: ExampleImport, do: str) -> HttpResponse:
    seen = look_at(found.path, found.name)
    initial = found.mapping | {"max_bad": round(100 * found.max_bad_share), "outputs_as": found.outputs_as}
    form = ExampleMappingForm(request.POST or None, columns=seen.columns, initial=initial)
    posted = request.method == "POST"
    valid = posted and form.is_valid()
    if valid and do == "start":
        actions.start_import(
            import_=found, by=request.user, mapping=form.mapping, outputs_as=form.cleaned_data["outputs_as"],  # type: ignore[arg-type]
            max_bad_share=form.max_bad_share,
        )  # fmt: skip
        return see_other(found.get_absolute_url())
    mapping = form.typed if posted else Mapping.from_dict(found.mapping)
    context = frame(found.task) | {
        "import": found, "form": form, "seen": seen, "preview": preview_rows(seen, mapping, settings.FIELD_MAX_CHARS),
    }  # fmt: skip
    # A preview while somebody is still choosing is no mistake; starting with a bad mapping is.
    status = 422 if posted and not valid and do == "start" else 200
    return page(request, "curation/import_map.html", context, part="preview", status=status)


@reads
def example_import_bad(request: HttpRequest, import_id: int) -> StreamingHttpResponse:
    """The bad rows as CSV or JSONL: line, reason, how the row begins."""
    found = access.example_import(request.user, import_id)  # type: ignore[arg-type]
    if not found.bad_path:
        raise Fault("import.no_bad", name=found.name)
    return send_bad_rows(request, found.bad_path, f"bad-rows-{found.pk}")


@members
def example_new(request: HttpRequest, task_id: int) -> HttpResponse:
    task = access.task(request.user, task_id, access.CURATE)  # type: ignore[arg-type]
    form = ExampleForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and (made := _add(request, task, form)) is not None:
        if "another" in request.POST:
            messages.info(request, "The example is in. Here is room for the next one.")
            return see_other(request.path)
        return see_other(made)
    context = frame(task) | {"form": form}
    return page(request, "curation/example_new.html", context, status=422 if form.errors else 200)


def _add(request: HttpRequest, task: Task, form: ExampleForm) -> str | None:
    """The address of the new example, or None and the reason in the form."""
    given = form.cleaned_data
    row = maker(task, "suggestion", str(request.user))(given["content"])
    row.key, row.tags = given["key"], given["tags"]
    try:
        added = add_examples(task=task, rows=[row], by=request.user, origin=Example.Origin.HAND)  # type: ignore[arg-type]
    except ContentError as error:
        form.add_error(None, f"{error.field.capitalize()} {error.why}.")
        return None
    if not added.ids:
        fault = Fault("example.key_taken", key=added.known_keys[0], task=task.name)
        form.add_error("key" if given["key"] else None, f"{fault.title}. {fault.what} {fault.advice}")
        return None
    return reverse("example", args=[added.ids[0]])
