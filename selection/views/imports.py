"""Pages of an import: the mapping while it is a draft, progress while it runs, the list of bad rows."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse

from config.faults import Fault
from config.http import page, see_other, unchanged
from config.policy import members, reads
from curation.content import Mapping
from curation.importing import look_at, preview_rows
from curation.views.files import send_bad_rows
from jobs.models import Job
from selection import access, store
from selection.actions import pools as actions
from selection.forms.pools import MappingForm
from selection.models import Import
from selection.queries.pools import import_page
from selection.views.shared import frame


@members
def import_(request: HttpRequest, import_id: int) -> HttpResponse:
    """`do` names what a POST does: preview, start, discard, cancel, resume."""
    need = access.CURATE if request.method == "POST" else access.VIEW
    found = access.import_(request.user, import_id, need)  # type: ignore[arg-type]
    do = request.POST.get("do", "preview")
    if request.method == "POST" and do == "discard":
        return _discard(request, found)
    if request.method == "POST" and do in {"cancel", "resume"}:
        change = actions.cancel_import if do == "cancel" else actions.resume_import
        change(import_=found, by=request.user)  # type: ignore[arg-type]
        return see_other(request.path)
    shared = frame(found.pool.team)
    wants_mapping = found.job is None or "mapping" in request.GET or request.method == "POST"
    if shared["may_curate"] and wants_mapping and _is_draft(found):
        return _mapping(request, found, do)
    if request.method == "POST":  # from a page that was opened before the import went on
        if do == "start" and found.job is not None and not found.job.is_final:
            return see_other(request.path)
        raise Fault("import.gone" if found.job is None else "import.started", name=found.name)
    if found.job is not None and (same := unchanged(request, found.job.version)):
        return same
    shared["act_url"] = request.path if shared["may_curate"] else ""
    # Without its file an import can neither go on nor be read in another way.
    shared["may_map"] = shared["may_curate"] and _is_draft(found)
    hopeless = found.job is not None and found.job.error_code == "import.too_many_bad"  # the same would happen again
    shared["resume_url"] = request.path if shared["may_map"] and not hopeless else ""
    return page(request, "selection/import.html", shared | import_page(found), part="progress")


def _is_draft(found: Import) -> bool:
    """Whether the file can still be read with this or another mapping."""
    ended = found.job is None or (found.job.is_final and found.job.state != Job.State.SUCCEEDED)
    return ended and store.exists(found.path)


def _mapping(request: HttpRequest, found: Import, do: str) -> HttpResponse:
    seen = look_at(found.path, found.name)
    initial = found.mapping | {"max_bad": round(100 * found.max_bad_share)}
    form = MappingForm(request.POST or None, columns=seen.columns, initial=initial)
    posted = request.method == "POST"
    valid = posted and form.is_valid()
    if valid and do == "start":
        actions.start_import(import_=found, by=request.user, mapping=form.mapping, max_bad_share=form.max_bad_share)  # type: ignore[arg-type]
        return see_other(found.get_absolute_url())
    mapping = form.typed if posted else Mapping.from_dict(found.mapping)
    context: dict[str, Any] = frame(found.pool.team) | {
        "import": found, "pool": found.pool, "form": form, "seen": seen,
        "preview": preview_rows(seen, mapping, settings.FIELD_MAX_CHARS),
    }  # fmt: skip
    # A preview while somebody is still choosing is no mistake; starting with a bad mapping is.
    return page(
        request,
        "selection/import_map.html",
        context,
        part="preview",
        status=422 if posted and not valid and do == "start" else 200,
    )


def _discard(request: HttpRequest, found: Import) -> HttpResponse:
    pool = actions.discard_import(import_=found, by=request.user)  # type: ignore[arg-type]
    messages.info(request, f"{found.name} is discarded.")
    return see_other(pool.get_absolute_url() if pool else reverse("pools", args=[found.pool.team.slug]))


@reads
def import_bad(request: HttpRequest, import_id: int) -> HttpResponse | StreamingHttpResponse:
    """The bad rows as CSV or JSONL: line, reason, how the row begins."""
    found = access.import_(request.user, import_id)  # type: ignore[arg-type]
    if not found.bad_path:
        raise Fault("import.no_bad", name=found.name)
    return send_bad_rows(request, found.bad_path, f"bad-rows-{found.pk}")
