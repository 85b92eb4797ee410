"""Pages of the features of a run: which made it match, where one fires, its name, and selecting without some."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from config.http import page, see_other, unchanged
from config.policy import members
from selection import access
from selection.actions import browse as actions
from selection.actions import saes
from selection.forms.browse import MuteForm, NameForm
from selection.queries import browse as queries
from selection.running.browsing import Featured, featured
from selection.views.shared import frame

UNKNOWN = 1 << 31  # features of a sparse autoencoder that is no object of the team


def _opened(request: HttpRequest, run_id: int) -> Featured:
    """The run by its features; 404 where there are none, 403 for a viewer who would change something."""
    need = access.CURATE if request.method == "POST" else access.VIEW
    found = featured(access.run(request.user, run_id, need))  # type: ignore[arg-type]
    if found is None:
        raise Http404
    return found


def _latents(run: Featured) -> int:
    return (run.sae.latents if run.sae else None) or UNKNOWN


@members
def run_features(request: HttpRequest, run_id: int) -> HttpResponse:
    """The features that made the run match. A POST mutes those that are ticked and selects again."""
    found = _opened(request, run_id)
    run = found.run
    form = MuteForm(request.POST if request.method == "POST" else None, latents=_latents(found))
    if request.method == "POST" and form.is_valid():
        muted = [*found.muted, *form.cleaned_data["feature"]]
        made = actions.mute(run=run, muted=muted, by=request.user)  # type: ignore[arg-type]
        return see_other(made.get_absolute_url())
    context = frame(run.team) | {"run": run, "sae": found.sae, "form": form, "difference": queries.difference(run)}
    context |= queries.of_run(found)
    return page(request, "selection/run_features.html", context, status=422 if form.errors else 200)


@members
def run_feature(request: HttpRequest, run_id: int, feature: int) -> HttpResponse:
    """One feature: `do` looks it up in the pool, names it or has a model name it, or selects again without it."""
    found = _opened(request, run_id)
    if feature >= _latents(found):
        raise Http404
    here = reverse("run_feature", args=[run_id, feature])
    form = NameForm(request.POST if request.POST.get("do") == "name" else None)
    if request.method == "POST" and (answer := _deed(request, found, feature, form)) is not None:
        return see_other(here) if answer == "here" else see_other(answer)
    context: dict[str, Any] = queries.feature(found, feature)
    part = "naming" if request.htmx and request.htmx.target == "naming" else "texts"  # type: ignore[attr-defined]
    job = context["asking"] if part == "naming" else context["job"]
    if request.htmx and job is not None and (same := unchanged(request, job.version)) is not None:  # type: ignore[attr-defined]
        return same
    if request.htmx and (job is None if part == "naming" else context["found"]):  # type: ignore[attr-defined]
        return HttpResponse(headers={"HX-Refresh": "true"})  # what was found takes over the whole page
    if not form.is_bound:
        form.initial["name"] = context["named"].name if context["named"] else ""
    context |= frame(found.run.team) | {"run": found.run, "sae": found.sae, "form": form, "here": here}
    return page(request, "selection/run_feature.html", context, part=part, status=422 if form.errors else 200)


def _deed(request: HttpRequest, found: Featured, feature: int, form: NameForm) -> str | None:
    """Where to go after what was asked; None where the form has to be shown again."""
    user: Any = request.user
    match request.POST.get("do"):
        case "look":
            actions.look(run=found.run, feature=feature, by=user)
            return "here"
        case "mute":
            made = actions.mute(run=found.run, muted=[*found.muted, feature], by=user)
            return made.get_absolute_url()
        case "name" if found.sae is not None:
            if not form.is_valid():
                return None
            saes.name_feature(sae=found.sae, feature=feature, name=form.cleaned_data["name"], by=user)
            return "here"
        case "ask":
            chosen = str(request.POST.get("endpoint", ""))
            offered = {str(one.pk): one for one in queries.endpoints(found.run)}
            actions.ask_name(run=found.run, feature=feature, by=user, endpoint=offered.get(chosen))
            return "here"
        case "cancel":
            actions.leave_name(run=found.run, feature=feature)
            return "here"
    raise Http404
