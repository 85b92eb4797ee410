"""Pages of imports from the hub: asking for one into a task, and one on its way."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from config.http import page, see_other, unchanged
from config.policy import members
from curation import access
from curation.actions import fetches as actions
from curation.fetching import taker_of
from curation.forms.hub_import import HubImportForm
from curation.hub.client import endpoint
from curation.models import HubFetch
from curation.views.shared import frame, team_frame
from jobs.queries import progress


@members
def example_import_hub(request: HttpRequest, task_id: int) -> HttpResponse:
    task = access.task(request.user, task_id, access.CURATE)  # type: ignore[arg-type]
    form = HubImportForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        made = actions.fetch(team=task.team, by=request.user, into="task", target=task.pk, **form.cleaned)  # type: ignore[arg-type]
        return see_other(made.get_absolute_url())
    context = frame(task) | {"form": form, "endpoint": endpoint()}
    return page(request, "curation/hub/import_new.html", context, status=422 if form.errors else 200)


@members
def hub_fetch(request: HttpRequest, fetch_id: int) -> HttpResponse:
    """One import on its way. `do`: cancel, resume, discard. When its files have come, the import itself is shown."""
    need = access.CURATE if request.method == "POST" else access.VIEW
    found = access.hub_fetch(request.user, fetch_id, need)  # type: ignore[arg-type]
    if request.method == "POST":
        return _done(request, found, request.POST.get("do", ""))
    taker, job = taker_of(found), found.job
    url = taker.url(found)
    if found.taken_at is not None and url:
        # A part of a page cannot lead to another page; a header can.
        return HttpResponse(headers={"HX-Redirect": url}) if request.htmx else see_other(url)  # type: ignore[attr-defined]
    if job is not None and (same := unchanged(request, job.version)) is not None:
        return same
    context = team_frame(found.team) | {
        "fetch": found, "job": job, "passes": progress(job) if job is not None else [], "into": taker.title(found),
        "into_url": url, "word": taker.word, "files": found.found.get("files", []),
    }  # fmt: skip
    return page(request, "curation/hub/import.html", context, part="progress")


def _done(request: HttpRequest, found: HubFetch, do: str) -> HttpResponse:
    by = request.user
    if do == "discard":
        actions.discard(fetch=found, by=by)  # type: ignore[arg-type]
        messages.info(request, f"The import of {found} is discarded.")
        return see_other(taker_of(found).url(found) or reverse("team_home", args=[found.team.slug]))
    if do not in ("cancel", "resume"):
        raise Http404
    (actions.cancel if do == "cancel" else actions.resume)(fetch=found, by=by)  # type: ignore[arg-type]
    return see_other(request.path)
