"""Settings that a team keeps: made from a run, listed, deleted."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from config.faults import Fault
from config.http import page, see_other
from config.policy import members, reads
from selection import access
from selection.actions import presets as actions
from selection.forms.presets import KeepForm
from selection.methods import METHODS
from selection.queries import presets as queries
from selection.queries import runs
from selection.views.shared import frame


@reads
def presets(request: HttpRequest, slug: str) -> HttpResponse:
    team = access.team(request.user, slug)  # type: ignore[arg-type]
    kept = [(one, METHODS[one.method].title) for one in queries.of_team(team)]
    return page(request, "selection/presets.html", frame(team) | {"kept": kept})


@members
def run_keep(request: HttpRequest, run_id: int) -> HttpResponse:
    found = access.run(request.user, run_id, access.CURATE)  # type: ignore[arg-type]
    form = KeepForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.keep(run=found, by=request.user, **form.cleaned_data)  # type: ignore[arg-type]
        except Fault as fault:
            form.add_error("name", f"{fault.what} {fault.advice}")
        else:
            messages.info(request, f"{made} is kept. It is offered whenever a selection is started.")
            return see_other(found.get_absolute_url())
    context = frame(found.team) | {"run": found, "form": form} | runs.said(found)
    return page(request, "selection/run_keep.html", context, status=422 if form.errors else 200)


@members
def preset_delete(request: HttpRequest, preset_id: int) -> HttpResponse:
    found = access.preset(request.user, preset_id, access.CURATE)  # type: ignore[arg-type]
    if request.method == "POST":
        actions.delete(preset=found, by=request.user)  # type: ignore[arg-type]
        messages.info(request, f"{found.name} is deleted. Runs that used it stay as they are.")
        return see_other(reverse("presets", args=[found.team.slug]))
    return page(request, "selection/preset_delete.html", frame(found.team) | {"preset": found})
