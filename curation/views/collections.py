"""Pages of collections: a file with its mapping, rows, deletion."""

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from config import storage
from config.faults import Fault
from config.http import page, see_other, unchanged
from config.policy import members, reads
from config.uploads import receiving
from curation import access
from curation import queries_datasets as queries
from curation.actions import collections as actions
from curation.actions.datasets import user_of
from curation.content import Mapping
from curation.forms.datasets import CollectionForm
from curation.forms.files import MappingForm
from curation.importing import look_at, preview_rows
from curation.models import Collection
from curation.views.files import send_bad_rows
from curation.views.shared import team_frame
from jobs import actions as jobs
from jobs.queries import progress


@members
@csrf_exempt
def collection_new(request: HttpRequest, slug: str) -> HttpResponse:
    # The upload handler comes before anything that reads the body, also the CSRF check.
    access.team(request.user, slug, access.CURATE)  # type: ignore[arg-type]
    with receiving(request):
        return _new(request, slug)


@csrf_protect
def _new(request: HttpRequest, slug: str) -> HttpResponse:
    team = access.team(request.user, slug, access.CURATE)  # type: ignore[arg-type]
    posted = request.method == "POST"
    form = CollectionForm(request.POST if posted else None, request.FILES if posted else None)
    if posted and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            made = actions.of_file(
                team=team, by=request.user, name=form.cleaned_data["name"], file=file.name, path=file.path,  # type: ignore[arg-type]
                licence=form.cleaned_data["licence"],
            )  # fmt: skip
        except Fault as fault:
            form.add_error("name" if fault.code == "dataset.name_taken" else "file", str(fault))
        else:
            file.keep()
            return see_other(made.get_absolute_url())
    return page(
        request, "curation/collection_new.html", team_frame(team) | {"form": form}, status=422 if form.errors else 200
    )


@members
def collection(request: HttpRequest, collection_id: int) -> HttpResponse:
    """`do`: preview, start (the mapping of a draft), cancel, resume, delete or discard."""
    need = access.CURATE if request.method == "POST" else access.VIEW
    found = access.collection(request.user, collection_id, need)  # type: ignore[arg-type]
    do = request.POST.get("do", "preview")
    if request.method == "POST" and do in ("delete", "discard"):
        return _deleted(request, found)
    if request.method == "POST" and do in ("cancel", "resume"):
        if found.job is not None:
            (jobs.cancel if do == "cancel" else jobs.resume)(job=found.job)
        return see_other(request.path)
    if found.job is not None and request.htmx and request.htmx.target == "progress":  # type: ignore[attr-defined]
        if (same := unchanged(request, found.job.version)) is not None:
            return same
        if found.ready_at or found.job.is_final:  # the page shows its rows, or asks for another mapping
            return HttpResponse(headers={"HX-Refresh": "true"})
    shared = team_frame(found.team) | {"collection": found}
    if shared["may_curate"] and _is_draft(found):
        return _mapping(request, found, do)
    if request.method == "POST":
        raise Http404
    shared |= {"job": found.job, "passes": progress(found.job) if found.job is not None else []}
    shared |= queries.collection_page(found, request.GET.get("after", "")[:600])
    return page(request, "curation/collection.html", shared, part="progress" if not found.ready_at else "rows")


def _deleted(request: HttpRequest, found: Collection) -> HttpResponse:
    """Back to the list; where a recipe uses it, its page says which one and leads there."""
    try:
        actions.delete(collection=found, by=request.user)  # type: ignore[arg-type]
    except Fault as fault:
        context = team_frame(found.team) | {"collection": found, "job": found.job, "fault": fault}
        context["user"] = user_of(found.team, "collection", found.pk)
        context["passes"] = progress(found.job) if found.job is not None else []
        context |= queries.collection_page(found, "")
        return page(request, "curation/collection.html", context, status=fault.status)
    messages.info(request, f"{found.name} is deleted.")
    return see_other(reverse("datasets", args=[found.team.slug]))


def _is_draft(found: Collection) -> bool:
    """Whether its file waits for a mapping, or for another one after it could not be read."""
    ended = found.job is None or (found.job.is_final and found.ready_at is None)
    return found.origin == Collection.Origin.FILE and ended and found.ready_at is None and storage.exists(found.path)


def _mapping(request: HttpRequest, found: Collection, do: str) -> HttpResponse:
    seen, posted = look_at(found.path, found.lineage["file"]), request.method == "POST"
    form = MappingForm(request.POST or None, columns=seen.columns, initial=found.mapping)
    del form.fields["max_bad"]
    valid = posted and form.is_valid()
    if valid and do == "start":
        actions.start_import(collection=found, by=request.user, mapping=form.mapping)  # type: ignore[arg-type]
        return see_other(found.get_absolute_url())
    mapping = form.typed if posted else Mapping.from_dict(found.mapping)
    context = team_frame(found.team) | {
        "collection": found, "import": found, "form": form, "seen": seen, "job": found.job,
        "preview": preview_rows(seen, mapping, settings.FIELD_MAX_CHARS),
    }  # fmt: skip
    status = 422 if posted and not valid and do == "start" else 200
    return page(request, "curation/collection_map.html", context, part="preview", status=status)


@reads
def collection_bad(request: HttpRequest, collection_id: int) -> StreamingHttpResponse:
    found = access.collection(request.user, collection_id)  # type: ignore[arg-type]
    if not found.bad_path:
        raise Fault("import.no_bad", name=found.name)
    return send_bad_rows(request, found.bad_path, f"bad-rows-{found.pk}")
